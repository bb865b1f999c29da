//! Which metadata is accepted, and at which URLs it is searched.

use serde_json::json;

use super::{AskedAs, IssuerFault, MetadataFault, lines_to_write, places, read};
use crate::base::{limits::fetch::METADATA_BYTES_MAX, names::Issuer};

const ISSUER: &str = "https://auth.example/tenant";

#[test]
fn a08_the_document_must_be_the_issuers_own() {
    let document = |issuer: &str| json!({ "issuer": issuer, "jwks_uri": "https://auth.example/keys" }).to_string();
    let metadata = read(document(ISSUER).as_bytes(), ISSUER).unwrap();
    assert_eq!(metadata.issuer, ISSUER);
    assert_eq!(metadata.jwks_uri.as_deref(), Some("https://auth.example/keys"));
    let nulls = json!({ "issuer": ISSUER, "jwks_uri": null, "code_challenge_methods_supported": null, "x": [null] });
    assert_eq!(read(nulls.to_string().as_bytes(), ISSUER).map(|metadata| metadata.jwks_uri), Ok(None));
    for other in [
        "https://auth.example/tenant/",
        "https://auth.example/Tenant",
        "https://AUTH.example/tenant",
        "https://auth.example:443/tenant",
        "http://auth.example/tenant",
        "https://auth.example/%74enant",
        "https://auth.example/other",
        "",
    ] {
        let fault = MetadataFault::Issuer { found: other.into() };
        assert_eq!(read(document(other).as_bytes(), ISSUER), Err(fault), "{other}");
    }
    let long = "x".repeat(10_000);
    assert_eq!(read(document(&long).as_bytes(), ISSUER), Err(MetadataFault::Issuer { found: "x".repeat(256).into() }));
}

#[test]
fn a08_what_is_not_one_object_with_one_meaning_is_unreadable() {
    const UNREADABLE: MetadataFault = MetadataFault::Unreadable;
    const ISSUER_HAS_NONE: MetadataFault = MetadataFault::Member("issuer");
    const KEYS_HAVE_NONE: MetadataFault = MetadataFault::Member("jwks_uri");
    for (document, fault) in [
        ("", UNREADABLE),
        ("{}", ISSUER_HAS_NONE),
        ("null", UNREADABLE),
        ("[\"https://auth.example/tenant\",null,null,null,null,[]]", UNREADABLE),
        ("{\"issuer\":\"https://auth.example/tenant\"} {}", UNREADABLE),
        ("\u{feff}{\"issuer\":\"https://auth.example/tenant\"}", UNREADABLE),
        ("{\"issuer\":[\"https://auth.example/tenant\"]}", ISSUER_HAS_NONE),
        ("{\"issuer\":\"https://evil.example\",\"issuer\":\"https://auth.example/tenant\"}", ISSUER_HAS_NONE),
        ("{\"issuer\":\"https://auth.example/tenant\",\"jwks_uri\":\"a\",\"jwks_\\u0075ri\":\"b\"}", KEYS_HAVE_NONE),
        ("{\"issuer\":\"https://auth.example/tenant\",\"jwks_uri\":{}}", KEYS_HAVE_NONE),
        ("<html>sign in</html>", UNREADABLE),
    ] {
        assert_eq!(read(document.as_bytes(), ISSUER), Err(fault), "{document}");
    }
    assert_eq!(read(b"{\"issuer\":\"\xff\"}", ISSUER), Err(UNREADABLE));
    assert_eq!(read(&vec![b' '; METADATA_BYTES_MAX + 1], ISSUER), Err(MetadataFault::TooLarge));
    let deep = format!("{{\"issuer\":\"{ISSUER}\",\"x\":{}", "[".repeat(20_000));
    assert_eq!(read(deep.as_bytes(), ISSUER), Err(UNREADABLE));
}

#[test]
fn people_a9_attack_306_an_odd_member_that_does_not_decide_counts_as_absent() {
    let document = json!({
        "issuer": ISSUER, "jwks_uri": "https://auth.example/keys",
        "token_endpoint": 5, "userinfo_endpoint": ["https://auth.example/me"], "registration_endpoint": {},
        "authorization_endpoint": null, "introspection_endpoint": false,
        "token_endpoint_auth_methods_supported": "none",
        "introspection_endpoint_auth_methods_supported": ["client_secret_post", null],
        "authorization_response_iss_parameter_supported": "true", "code_challenge_methods_supported": "S256",
    });
    let text = document.to_string();
    let twice = text.replacen('{', "{\"registration_endpoint\":\"https://auth.example/r\",", 1);
    for text in [text, twice] {
        let read = read(text.as_bytes(), ISSUER).unwrap();
        assert_eq!(read.jwks_uri.as_deref(), Some("https://auth.example/keys"));
        let odd = ["token_endpoint", "userinfo_endpoint", "registration_endpoint", "introspection_endpoint"];
        assert_eq!(read.odd, [&odd[..], &["introspection_endpoint_auth_methods_supported"]].concat());
        assert_eq!(
            (read.authorization_endpoint, read.token_endpoint, read.userinfo_endpoint, read.registration_endpoint),
            (None, None, None, None)
        );
        assert_eq!((read.introspection_endpoint, read.introspection_endpoint_auth_methods_supported), (None, None));
        assert_eq!(read.token_endpoint_auth_methods_supported, Some(vec!["none".to_owned()]));
        assert!(read.authorization_response_iss_parameter_supported, "what protects is heard");
    }
    // The same value twice has one meaning, and two values have none, whatever their order.
    for (members, expected) in [
        (r#""token_endpoint":"a","token_endpoint":"a""#, Some("a")),
        (r#""token_endpoint":"a","token_endpoint":"b""#, None),
        (r#""token_endpoint":"a","token_endpoint":"b","token_endpoint":"b""#, None),
        (r#""token_endpoint":"a","token_endpoint":null"#, None),
    ] {
        let found = read(format!("{{\"issuer\":\"{ISSUER}\",{members}}}").as_bytes(), ISSUER).unwrap();
        assert_eq!(found.token_endpoint.as_deref(), expected, "{members}");
    }
}

#[test]
fn people_a7_the_lines_to_write_pass_check() {
    let written = ["https://a.example", "https://b.example", "https://c.example"].map(Issuer::from);
    for (found, expected) in [
        (
            "https://b.example",
            "issuer: https://b.example, with accepted_issuers: [https://a.example, https://c.example]",
        ),
        ("https://d.example", "issuer: https://d.example"),
    ] {
        assert_eq!(lines_to_write(found, &written), expected);
    }
    assert_eq!(lines_to_write("https://a.example", &[]), "issuer: https://a.example");
}

#[test]
fn b41_metadata_is_looked_for_where_the_rfcs_say() {
    let root = |origin: &str| {
        vec![
            format!("{origin}/.well-known/oauth-authorization-server"),
            format!("{origin}/.well-known/openid-configuration"),
        ]
    };
    for (issuer, expected) in [
        ("https://auth.example", root("https://auth.example")),
        ("https://tenant.auth0.example/", root("https://tenant.auth0.example")),
        ("http://127.0.0.1:4444", root("http://127.0.0.1:4444")),
        ("http://[::1]:4444/", root("http://[::1]:4444")),
        (
            "https://login.example/realms/Main",
            vec![
                "https://login.example/.well-known/oauth-authorization-server/realms/Main".to_owned(),
                "https://login.example/.well-known/openid-configuration/realms/Main".to_owned(),
                "https://login.example/realms/Main/.well-known/openid-configuration".to_owned(),
            ],
        ),
        (
            "https://Login.Example:443/a/%7Eb/",
            vec![
                "https://Login.Example:443/.well-known/oauth-authorization-server/a/%7Eb".to_owned(),
                "https://Login.Example:443/.well-known/openid-configuration/a/%7Eb".to_owned(),
                "https://Login.Example:443/a/%7Eb/.well-known/openid-configuration".to_owned(),
            ],
        ),
        // A path that repeats the text of the host.
        (
            "https://a/a",
            vec![
                "https://a/.well-known/oauth-authorization-server/a".to_owned(),
                "https://a/.well-known/openid-configuration/a".to_owned(),
                "https://a/a/.well-known/openid-configuration".to_owned(),
            ],
        ),
    ] {
        assert_eq!(places(issuer, AskedAs::ResourceServer), Ok(expected), "{issuer}");
    }
}

#[test]
fn login_c6_a_client_of_an_openid_provider_asks_for_its_own_document_first() {
    for (issuer, expected) in [
        (
            "https://auth.example",
            vec![
                "https://auth.example/.well-known/openid-configuration",
                "https://auth.example/.well-known/oauth-authorization-server",
            ],
        ),
        (
            "https://auth.example/oauth2/default",
            vec![
                "https://auth.example/oauth2/default/.well-known/openid-configuration",
                "https://auth.example/.well-known/openid-configuration/oauth2/default",
                "https://auth.example/.well-known/oauth-authorization-server/oauth2/default",
            ],
        ),
    ] {
        assert_eq!(places(issuer, AskedAs::OpenIdClient).unwrap(), expected, "{issuer}");
    }
}

#[test]
fn b41_what_is_no_issuer_has_no_place() {
    for (issuer, fault) in [
        ("", IssuerFault::Scheme),
        ("auth.example", IssuerFault::Scheme),
        ("HTTPS://auth.example", IssuerFault::Scheme),
        ("ftp://auth.example", IssuerFault::Scheme),
        ("https://", IssuerFault::Host),
        ("https:///realms", IssuerFault::Host),
        ("https://:443/x", IssuerFault::Host),
        ("https://user@auth.example", IssuerFault::Host),
        ("https://auth.example?x=1", IssuerFault::QueryOrFragment),
        ("https://auth.example/#x", IssuerFault::QueryOrFragment),
        ("https://auth.example/a b", IssuerFault::Character),
        ("https://auth.example/a\\b", IssuerFault::Character),
        ("https://auth.example/\r\n", IssuerFault::Character),
        ("https://auth.exämple", IssuerFault::Character),
    ] {
        assert_eq!(places(issuer, AskedAs::ResourceServer), Err(fault), "{issuer:?}");
    }
}
