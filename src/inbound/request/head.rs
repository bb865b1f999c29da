//! Checks the head of a request: sizes, `Expect`, and `Host` (SPEC F-03, F-12, D-41).

use http::{
    Version,
    header::{CONTENT_LENGTH, HOST},
    request::Parts,
};

use crate::{
    base::limits::{
        connections::{HEADER_FIELDS_MAX, URI_BYTES_MAX},
        heads::HeadBounds,
    },
    decide::{
        fields::{crossing, origin::Sites},
        refusal::Refusal,
    },
};

/// Checks sizes and `Expect`.
pub(in crate::inbound) fn check_head(head: &Parts, bounds: HeadBounds) -> Result<(), Refusal> {
    let target_bytes = head.uri.path().len() + head.uri.query().map_or(0, |query| query.len() + 1);
    if target_bytes > URI_BYTES_MAX {
        return Err(Refusal::UriTooLong);
    }
    if head.headers.len() > HEADER_FIELDS_MAX {
        return Err(Refusal::HeadersTooLarge);
    }
    let mut block_bytes = 0;
    for (name, value) in &head.headers {
        if value.len() > bounds.field_bytes {
            return Err(Refusal::HeadersTooLarge);
        }
        block_bytes += name.as_str().len() + value.len() + 4;
    }
    // HTTP/2 permits two equal lengths; the next reader of the request may not (SPEC F-09).
    if head.headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(Refusal::BadRequest("two Content-Length fields"));
    }
    if block_bytes > bounds.block_bytes {
        return Err(Refusal::HeadersTooLarge);
    }
    crossing::check_expectation(&head.headers)
}

/// Checks that the request names one host, and that the host is the gateway's. This check replaces
/// the upstream's own check against DNS rebinding, which does not see the client's `Host` (SPEC
/// D-41, D-42).
pub(in crate::inbound) fn check_host(head: &Parts, server_name: Option<&str>, sites: &Sites) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Refusal::BadRequest("two Host fields")),
        (Some(host), None) => Some(host.to_str().map_err(|_| Refusal::BadRequest("Host is not ASCII"))?),
        (None, _) => None,
    };
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let named = match (authority, host) {
        // RFC 9113 §8.3.1 and RFC 9112 §3.2.2: if both are present, they must be equal.
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err(Refusal::BadRequest("Host is not the authority of the request"));
        }
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(Refusal::BadRequest("no Host")),
    };
    if !sites.host_is_ours(named) {
        return Err(sites.misdirected());
    }
    // One certificate may name several hosts; the handshake must be for a host of the gateway, too
    // (SPEC F-19).
    if let Some(server_name) = server_name
        && !sites.tls_name_is_ours(server_name)
    {
        return Err(sites.misdirected_tls(server_name));
    }
    if head.version < Version::HTTP_11 && host.is_none() {
        return Err(Refusal::BadRequest("no Host"));
    }
    Ok(())
}
