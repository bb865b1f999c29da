//! A document to fetch, and the fault of a fetch, which names it.

use http::uri::Authority;

use crate::{
    base::names::is_loopback_name,
    outbound::{
        address::AddressRule,
        fault::{Fault, FaultKind},
    },
};

/// Whether a document may come over `http://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// Never.
    Refused,
    /// From a loopback host only, without a network in between.
    Loopback,
    /// From any host: the operator has set `allow_http`.
    Permitted,
}

/// One document to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The URL.
    pub url: &'a str,
    /// Which addresses the host may lead to.
    pub rule: AddressRule,
    /// Whether it may be fetched without TLS.
    pub plaintext: Plaintext,
    /// Its longest length.
    pub bytes_max: usize,
}

impl Plaintext {
    pub(super) fn permits(self, authority: &Authority) -> bool {
        match self {
            Self::Refused => false,
            Self::Loopback => is_loopback_name(authority.host()),
            Self::Permitted => true,
        }
    }
}

/// A fault that names the document, without its query, which may hold a key.
pub(super) fn fault(kind: FaultKind, wanted: &Wanted<'_>, cause: impl std::fmt::Display) -> Fault {
    let place = wanted.url.split(['?', '#']).next().unwrap_or_default();
    // The part before an `@` may be a password.
    let place = place.rsplit_once('@').map_or(place, |(_, host)| host);
    Fault::new(kind, format_args!("{place}: {cause}"))
}

/// The cause of the error, which says more than hyper's own message.
pub(super) fn why(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
