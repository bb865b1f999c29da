//! Decides which header fields may cross the gateway (SPEC F-01…F-07, F-27).

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};

use crate::decide::{fields::proxy_only, refusal::Refusal};

#[cfg(test)]
mod tests;

/// How many names are removed without an allocation. A usual request has four or five.
const REMOVED_USUALLY_MAX: usize = 16;
/// The longest known name.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// Checks the `Connection` field, before anything relies on other fields.
///
/// Every proxy drops the fields that `Connection` names (RFC 9110 §7.6.1). If it names a field that
/// decides something here, two proxies would judge different requests (attack 107). `Upgrade` is
/// allowed and removed.
///
/// # Errors
/// [`Refusal::BadRequest`].
pub fn check_connection(headers: &HeaderMap, identity: &[HeaderName]) -> Result<(), Refusal> {
    for line in headers.get_all(header::CONNECTION) {
        let Ok(line) = line.to_str() else {
            return Err(Refusal::BadRequest("Connection has bytes that cannot be in a field name"));
        };
        let is_usual = |name: &str| name.eq_ignore_ascii_case("keep-alive") || name.eq_ignore_ascii_case("close");
        for name in elements(line).filter(|name| !is_usual(name)) {
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                return Err(Refusal::BadRequest("Connection names something that is not a field name"));
            };
            if folded(&name, |name| decides(name) || name == b"transfer-encoding") || is_identity(&name, identity) {
                return Err(Refusal::BadRequest("Connection names a field that decides something"));
            }
        }
    }
    Ok(())
}

/// Checks `Expect`: it is absent, or one `100-continue` (SPEC F-08).
///
/// # Errors
/// [`Refusal::Expectation`].
pub fn check_expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut expectations = headers.get_all(header::EXPECT).iter();
    match (expectations.next(), expectations.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        _ => Err(Refusal::Expectation),
    }
}

/// Removes the fields of a request that the upstream must not get: hop-by-hop fields, the caller's
/// credentials, fields that only a proxy may send (attack 190), and fields that the gateway writes.
/// `identity`: names of the identity headers; from a client they are forged (attack 103). `passed`:
/// names that the operator lets pass, in exactly this spelling.
///
/// A name with another sign in place of a dash is removed as well: WSGI, CGI and PHP servers read
/// `x_auth_subject`, `x.auth.subject` and, some of them, `x~auth~subject` as `x-auth-subject`
/// (attack 65).
pub fn clean_request(headers: &mut HeaderMap, identity: &[HeaderName], passed: &[HeaderName]) {
    let nominates = nominates(headers);
    remove_where(headers, |headers, name| {
        let bytes = name.as_str().as_bytes();
        stays_here(name, bytes, passed) || is_identity(name, identity) || (nominates && is_nominated(headers, bytes))
    });
}

/// Whether a field is removed. The usual names are checked first, and the long list only for the
/// rest.
fn stays_here(name: &HeaderName, bytes: &[u8], passed: &[HeaderName]) -> bool {
    if crosses_usually(bytes) {
        false
    } else if is_ours(bytes) || is_hop_by_hop(bytes) || bytes == b"content-length" {
        true
    } else if bytes.iter().all(|byte| fold(*byte) == *byte) {
        proxy_only::is_outside(bytes) && !passed.contains(name)
    } else {
        folded(name, |bytes| decides(bytes) || is_hop_by_hop(bytes))
    }
}

/// Usual field names that the upstream gets.
fn crosses_usually(name: &[u8]) -> bool {
    matches!(
        name,
        b"accept"
            | b"accept-encoding"
            | b"accept-language"
            | b"cache-control"
            | b"content-type"
            | b"last-event-id"
            | b"mcp-method"
            | b"mcp-name"
            | b"mcp-protocol-version"
            | b"mcp-session-id"
            | b"priority"
            | b"sec-fetch-mode"
            | b"traceparent"
            | b"user-agent"
    )
}

/// Whether `name` is removed only because it belongs to a proxy. Then the operator can let it pass
/// ([`clean_request`]).
#[must_use]
pub fn can_be_passed(name: &HeaderName) -> bool {
    let bytes = name.as_str().as_bytes();
    let is_written_anew = matches!(bytes, b"x-forwarded-for" | b"x-forwarded-host" | b"x-forwarded-proto");
    proxy_only::is_outside(bytes) && !is_hop_by_hop(bytes) && !is_ours(bytes) && !is_written_anew
}

/// Removes hop-by-hop fields from an answer, and fields with which only the gateway may speak for
/// its origin.
///
/// If there is a `Transfer-Encoding`, `Content-Length` is removed as well: by RFC 9112 §6.3 the
/// coding counts.
pub fn clean_response(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    let nominates = nominates(headers);
    remove_where(headers, |headers, name| {
        let bytes = name.as_str().as_bytes();
        is_hop_by_hop(bytes) || speaks_for_origin(bytes) || (nominates && is_nominated(headers, bytes))
    });
}

/// The value that the gateway adds to `Via` (RFC 9110 §7.6.3); `None` if `pseudonym` is not a plain
/// name. Made once for each HTTP version.
#[must_use]
pub fn via(version: Version, pseudonym: &str) -> Option<HeaderValue> {
    let version = match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    };
    let is_plain = !pseudonym.is_empty()
        && pseudonym.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':'));
    if is_plain { HeaderValue::try_from(format!("{version} {pseudonym}")).ok() } else { None }
}

/// Adds the value of [`via`].
pub fn append_via(headers: &mut HeaderMap, line: &HeaderValue) {
    headers.append(header::VIA, line.clone());
}

/// Whether the request has passed the gateway `pseudonym` before ([`Refusal::Loop`]).
#[must_use]
pub fn loops(headers: &HeaderMap, pseudonym: &str) -> bool {
    let lines = headers.get_all(header::VIA).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(elements).any(|element| {
        let received_by = element.split_ascii_whitespace().nth(1);
        received_by.is_some_and(|name| name.eq_ignore_ascii_case(pseudonym))
    })
}

/// Hop-by-hop fields (RFC 9110 §7.6.1) and the fields of forward proxies. `Close` is not a field
/// (RFC 9112 §9.6).
fn is_hop_by_hop(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"close"
            | b"keep-alive"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
            | b"http2-settings"
    ) || name.starts_with(b"proxy-")
}

/// Fields that decide something here or at the upstream: `Connection` may not name them, and no
/// look-alike may replace them.
fn decides(name: &[u8]) -> bool {
    is_ours(name)
        || proxy_only::is_outside(name)
        || matches!(name, b"last-event-id" | b"via")
        || name.starts_with(b"mcp-")
        || name.starts_with(b"content-")
}

/// Credentials, which are not forwarded (SPEC B-70, F-27), and fields for the gateway itself: the
/// upstream gets another `Host`.
fn is_ours(name: &[u8]) -> bool {
    matches!(name, b"authorization" | b"dpop" | b"cookie" | b"cookie2" | b"host" | b"origin" | b"expect")
}

/// Fields of an answer that would speak for the gateway's origin. A challenge or a cookie of the
/// upstream would start a login or a session with the gateway (SPEC A-38, F-27, attack 148). The
/// gateway decides about CORS. The other fields would bind browsers, for all servers at this
/// host name, to another host, a policy or a reporting endpoint, or send them to a URL of the
/// upstream. The last make a proxy before the gateway serve its own files, or fetch a URL.
fn speaks_for_origin(name: &[u8]) -> bool {
    matches!(
        name,
        b"set-cookie"
            | b"set-cookie2"
            | b"www-authenticate"
            | b"authentication-info"
            | b"dpop-nonce"
            | b"alt-svc"
            | b"strict-transport-security"
            | b"public-key-pins"
            | b"public-key-pins-report-only"
            | b"expect-ct"
            | b"clear-site-data"
            | b"service-worker-allowed"
            | b"nel"
            | b"report-to"
            | b"reporting-endpoints"
            | b"location"
            | b"content-location"
            | b"refresh"
            | b"x-accel-redirect"
            | b"x-lighttpd-send-file"
            | b"x-lighttpd-send-tempfile"
            | b"x-litespeed-location"
    ) || [&b"access-control-"[..], b"x-sendfile", b"x-reproxy-"].iter().any(|start| name.starts_with(start))
}

fn is_identity(name: &HeaderName, identity: &[HeaderName]) -> bool {
    identity.iter().any(|ours| folds_to(ours, name))
}

/// Whether both are one name for a server that reads any sign as a dash.
#[must_use]
pub fn folds_to(one: &HeaderName, other: &HeaderName) -> bool {
    let (one, other) = (one.as_str().as_bytes(), other.as_str().as_bytes());
    one.len() == other.len() && one.iter().map(|byte| fold(*byte)).eq(other.iter().map(|byte| fold(*byte)))
}

/// Asks `known` about a name, as read by a server that reads any sign as a dash. A name longer than
/// all known names counts as known.
fn folded(name: &HeaderName, known: fn(&[u8]) -> bool) -> bool {
    let bytes = name.as_str().as_bytes();
    let mut dashed = [0; NAME_BYTES_MAX];
    match dashed.get_mut(..bytes.len()) {
        Some(dashed) => {
            dashed.iter_mut().zip(bytes).for_each(|(to, from)| *to = fold(*from));
            known(dashed)
        }
        None => true,
    }
}

/// CGI servers turn names into variables: lighttpd and Apache 2.2 replace every byte that is not a
/// letter or a digit.
fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'-' }
}

/// Whether `Connection` names a field that is not removed anyway, which is rare.
fn nominates(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|line| {
        let line = line.as_bytes();
        !line.eq_ignore_ascii_case(b"keep-alive") && !line.eq_ignore_ascii_case(b"close")
    })
}

fn is_nominated(headers: &HeaderMap, name: &[u8]) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(elements).any(|element| element.as_bytes().eq_ignore_ascii_case(name))
}

/// The elements of a list that are not empty (RFC 9110 §5.6.1).
fn elements(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|element| !element.is_empty())
}

/// Removes the fields for which `goes` is true. All names are collected first, because `goes` reads
/// `Connection`.
fn remove_where(headers: &mut HeaderMap, goes: impl Fn(&HeaderMap, &HeaderName) -> bool) {
    let mut usual = [const { None }; REMOVED_USUALLY_MAX];
    let mut unusual = Vec::new();
    let mut free = usual.iter_mut();
    for name in headers.keys().filter(|name| goes(headers, name)) {
        match free.next() {
            Some(slot) => *slot = Some(name.clone()),
            None => unusual.push(name.clone()),
        }
    }
    for name in usual.iter().flatten().chain(&unusual) {
        headers.remove(name);
    }
}
