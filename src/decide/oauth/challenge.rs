//! Writes `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1): `Bearer` first, absolute URL, stable order.

use http::HeaderValue;

use crate::{
    base::names::Scope,
    decide::{refusal::Refusal, token::claims::Caller},
};

/// What one server's challenges are made of, built once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenges {
    /// Absolute URL of the server's RFC 9728 document.
    pub metadata_url: Box<str>,
    /// `scope` of the first 401, already joined; `None` leaves the parameter out.
    pub first_scope: Option<Box<str>>,
    /// Every scope that this server names, sorted: what a 403 may repeat of the scopes already granted (SPEC A-52).
    pub known: Vec<Scope>,
}

impl Challenges {
    /// The header for `refusal`, or `None` where its row has no challenge.
    #[must_use]
    pub fn header(&self, refusal: &Refusal, caller: Option<&Caller>) -> Option<HeaderValue> {
        let _ = (refusal, caller);
        None
    }

    /// The scopes that a 403 asks for: needed ∪ (granted ∩ known), needed first, in stable order.
    #[must_use]
    pub fn asked(&self, needed: &[Scope], caller: Option<&Caller>) -> Vec<Scope> {
        let _ = caller;
        needed.to_vec()
    }
}
