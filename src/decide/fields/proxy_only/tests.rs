//! Which names only a proxy may send.

use http::HeaderName;

use super::{NAMES, PREFIXES, is_outside, listed};

#[test]
fn attack_190_the_table_has_each_name_once_and_as_it_is_looked_up() {
    for (index, name) in NAMES.iter().chain(PREFIXES).enumerate() {
        let text = std::str::from_utf8(name).unwrap();
        assert!(HeaderName::from_lowercase(name).is_ok(), "{text}");
        assert!(name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-'), "{text}");
        assert!(name.len() < super::super::crossing::NAME_BYTES_MAX, "{text}");
        assert!(is_outside(name), "{text}");
        assert!(!NAMES.iter().chain(PREFIXES).skip(index + 1).any(|other| other == name), "{text} comes twice");
    }
    for name in NAMES {
        let covered = PREFIXES.iter().find(|prefix| name.starts_with(prefix));
        assert_eq!(covered, None, "{} is in a family", name.escape_ascii());
    }
    assert_eq!(listed().len(), NAMES.len() + PREFIXES.len());
    assert!(listed().is_sorted() && listed().iter().any(|name| name == "x-auth-request-*"));
}

#[test]
fn attack_190_what_clients_say_for_themselves_is_not_in_it() {
    for name in [
        "accept",
        "apikey",
        "authorization-x",
        "cf-ray",
        "content-type",
        "mcp-session-id",
        "remote",
        "traceparent",
        "user-agent",
        "x-amzn-trace-id",
        "x-api-key",
        "x-client-name",
        "x-correlation-id",
        "x-github-token",
        "x-openwebui-user-id",
        "x-proxy",
        "x-request-id",
        "x-tenant-id",
        "x-user-email",
        "x-user-id",
    ] {
        assert!(!is_outside(name.as_bytes()), "{name}");
    }
}
