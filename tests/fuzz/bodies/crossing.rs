//! What must hold for the fields that cross from one hop to the next, by lists of our own.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use portcullis::decide::fields::{answer, crossing};

use super::fields;

const OF_THIS_HOP: [&str; 8] =
    ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "proxy-"];
/// A dash at the end stands for whatever follows it, here and above.
const FROM_OUTSIDE: [&str; 33] = [
    "authorization",
    "dpop",
    "cookie",
    "cookie2",
    "host",
    "origin",
    "expect",
    "forwarded",
    "x-forwarded-",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "x-original-",
    "proxy",
    "remote-user",
    "x-remote-",
    "x-auth-subject",
    "x-auth-token",
    "tailscale-",
    "cf-access-",
    "x-goog-iap-jwt-assertion",
    "x-ms-client-principal",
    "oidc-",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-auth-request-",
    "x-envoy-",
    "client-cert",
    "x-client-cert",
];
const ABOUT_MESSAGE: [&str; 4] = ["mcp-", "content-", "via", "last-event-id"];
const FOR_ORIGIN: [&str; 21] = [
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "authentication-info",
    "dpop-nonce",
    "access-control-",
    "alt-svc",
    "strict-transport-security",
    "public-key-pins",
    "public-key-pins-report-only",
    "expect-ct",
    "clear-site-data",
    "service-worker-allowed",
    "nel",
    "report-to",
    "reporting-endpoints",
    "location",
    "content-location",
    "refresh",
    "x-accel-redirect",
    "x-sendfile",
];
/// What the two sides need of each other.
const NEEDED: [&str; 9] = [
    "accept",
    "content-type",
    "content-encoding",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
    "last-event-id",
    "user-agent",
    "cache-control",
];

fn is_in(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| *known == name || known.ends_with('-') && name.starts_with(known))
}

/// No field crosses that may not, under no spelling of its name, and none is changed on its way. Input: fields.
pub(crate) fn hop(input: &[u8]) -> bool {
    let identity = ["x-user", "x-team-id"].map(HeaderName::from_static);
    let map = fields(input);
    let is_ours = |name: &str| identity.iter().any(|ours| ours == name);
    let connection = map.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let nominated: Vec<String> =
        connection.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect();
    let is_nominated = |name: &str| nominated.iter().any(|nominated| nominated == name);

    let checked = crossing::check_expectation(&map).and_then(|()| crossing::check_connection(&map, &identity));
    if checked.is_ok() {
        for name in nominated.iter().map(|name| name.replace(['_', '.'], "-")) {
            assert!(!is_in(&FROM_OUTSIDE, &name) && !is_in(&ABOUT_MESSAGE, &name) && !is_ours(&name), "{name}");
            assert_ne!(name, "transfer-encoding");
        }
        assert!(map.get_all(header::EXPECT).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")));
    }
    let mut request = map.clone();
    crossing::clean_request(&mut request, &identity, &[]);
    crossed(&map, &request, is_nominated, |name| {
        let dashed = name.replace(['_', '.'], "-");
        is_in(&OF_THIS_HOP, &dashed)
            || is_in(&FROM_OUTSIDE, &dashed)
            || is_ours(&dashed)
            || name == "content-length"
            || (name != dashed && is_in(&ABOUT_MESSAGE, &dashed))
    });

    let mut answer = map.clone();
    if answer::one_reading(http::StatusCode::OK, &mut answer).is_ok() {
        for (name, values_max) in
            [(header::CONTENT_LENGTH, 1), (header::CONTENT_TYPE, 1), (header::TRANSFER_ENCODING, 1)]
        {
            assert!(answer.get_all(name).iter().count() <= values_max);
        }
        assert!(answer.get(header::CONTENT_LENGTH).is_none_or(|one| one.as_bytes().iter().all(u8::is_ascii_digit)));
    }
    let is_chunked = map.contains_key(header::TRANSFER_ENCODING);
    let mut answer = map.clone();
    crossing::clean_response(&mut answer);
    crossed(&map, &answer, is_nominated, |name| {
        is_in(&OF_THIS_HOP, name) || is_in(&FOR_ORIGIN, name) || (is_chunked && name == "content-length")
    });
    checked.is_ok()
}

fn crossed(before: &HeaderMap, after: &HeaderMap, nominated: impl Fn(&str) -> bool, goes: impl Fn(&str) -> bool) {
    for name in before.keys() {
        let left: Vec<&HeaderValue> = after.get_all(name).iter().collect();
        let came: Vec<&HeaderValue> = before.get_all(name).iter().collect();
        assert!(left.is_empty() || left == came, "{name}");
        assert!(left.is_empty() || !goes(name.as_str()) && !nominated(name.as_str()), "{name}");
        assert!(!left.is_empty() || nominated(name.as_str()) || !NEEDED.contains(&name.as_str()), "{name}");
    }
    assert!(after.keys().all(|name| before.contains_key(name)));
}
