//! Where the URLs of a metadata document may lead, and how they may be fetched.

use std::net::IpAddr;

use http::Uri;

use crate::{
    base::names::is_loopback_name,
    outbound::{
        address::AddressRule,
        dial::DialFaultKind,
        fault::{Fault, FaultKind},
        fetch::{Plaintext, peer_of},
        reach::ReachAt,
    },
};

/// The URL of an issuer's keys, and how it may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlace {
    /// The URL.
    pub url: String,
    /// Which addresses its host may lead to.
    pub rule: AddressRule,
    /// Whether it may be plain HTTP.
    pub plaintext: Plaintext,
}

impl KeyPlace {
    /// The fault of a fetch. If the host may not lead to a private address, it names the key of the
    /// configuration that permits it.
    #[must_use]
    pub fn advised(&self, fault: Fault, key: &str) -> Fault {
        if fault.kind != FaultKind::Dial(DialFaultKind::Address) || self.rule != AddressRule::PublicOnly {
            return fault;
        }
        let cause = format!("{}; if this host is right, configure {key}", fault.cause);
        Fault { cause, ..fault }
    }
}

/// How a URL in `member` of the document of `issuer` may be asked, if the issuer is reached at
/// `detour`.
///
/// # Errors
/// It must not be asked.
pub fn named_place(
    issuer: &str,
    plaintext: Plaintext,
    detour: Option<&ReachAt>,
    member: &str,
    url: &str,
) -> Result<KeyPlace, Fault> {
    let Some(detour) = detour else { return key_place(issuer, plaintext, member, url) };
    // The configuration names this place and how it is reached.
    if url.parse().ok().and_then(|url| peer_of(&url)).is_some_and(|peer| detour.is_at(&peer)) {
        let (rule, plaintext) = (AddressRule::Configured, Plaintext::Permitted);
        return Ok(KeyPlace { url: url.to_owned(), rule, plaintext });
    }
    let place = key_place(issuer, plaintext, member, url)?;
    // An issuer that is reached on a private network is on it.
    let rule = if is_private_name(&detour.peer.host) { AddressRule::Configured } else { place.rule };
    Ok(KeyPlace { rule, ..place })
}

/// How a URL in `member` of `issuer`'s document may be fetched.
///
/// The operator trusts the issuer to name callers, but not to choose hosts inside the network. So a
/// URL on another host must lead to a public address (SPEC D-30). Two hosts are exempt, because the
/// configuration already names them or their network: the issuer's own host, and any host if the
/// issuer is on a private network, where a company's key host is too. Even then
/// [`AddressRule::Configured`] excludes link-local addresses and metadata services. In other cases
/// the operator configures `jwks: {url: …}`.
pub(super) fn key_place(issuer: &str, plaintext: Plaintext, member: &str, url: &str) -> Result<KeyPlace, Fault> {
    let bad = |cause: &str| Fault::new(FaultKind::Metadata, format_args!("{member} {url:?} {cause}"));
    let uri: Uri = url.parse().map_err(|_| bad("is not a URL"))?;
    let issuer_uri: Uri = issuer.parse().map_err(|_| bad("comes from an issuer that is not a URL"))?;
    let (Some(host), Some(issuer_host)) = (uri.host(), issuer_uri.host()) else { return Err(bad("has no host")) };
    // A document that was fetched over TLS must not lead to keys without TLS.
    let plaintext = if issuer_uri.scheme_str() == Some("http") { plaintext } else { Plaintext::Refused };
    if uri.scheme_str() != Some("https") && plaintext == Plaintext::Refused {
        return Err(bad("is not https"));
    }
    let trusted = host.eq_ignore_ascii_case(issuer_host) || is_private_name(issuer_host);
    let rule = if trusted { AddressRule::Configured } else { AddressRule::PublicOnly };
    Ok(KeyPlace { url: url.to_owned(), rule, plaintext })
}

/// Whether `host` (an IPv6 address in brackets) has the form of a name on a private network.
pub(super) fn is_private_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return !AddressRule::PublicOnly.permits(address);
    }
    let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
    is_loopback_name(&name)
        || !name.contains('.')
        || [".internal", ".local", ".svc", ".localhost", ".home.arpa"].iter().any(|suffix| name.ends_with(suffix))
}
