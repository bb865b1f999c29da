//! Client ids that are URLs.

use super::DocumentUrl;
use crate::base::limits::authorization_server::CLIENT_ID_BYTES_MAX;

#[test]
fn e32_a_document_url_has_one_reading() {
    for (good, host) in [
        ("https://a.ex/c.json", "a.ex"),
        ("https://a.ex:443/c", "a.ex"),
        ("https://a.ex:8443/c/", "a.ex"),
        ("https://a.ex/c?v=1", "a.ex"),
        ("https://xn--bcher-kva.example/%C3%A9", "xn--bcher-kva.example"),
        ("https://a.ex/.well-known/...", "a.ex"),
        ("https://A.Ex/C", "a.ex"),
        ("https://1a.ex/c", "1a.ex"),
    ] {
        let url = DocumentUrl::parse(good, false).unwrap_or_else(|what| panic!("{good}: {what}"));
        assert_eq!((url.as_str(), &*url.host()), (good, host));
        assert!(DocumentUrl::looks_like_one(good));
    }
    let (with_port, without) =
        (DocumentUrl::parse("https://a.ex:443/c", false), DocumentUrl::parse("https://a.ex/c", false));
    assert_ne!(with_port, without, "compared as plain strings");
    for (one, other, is_same) in [
        ("https://a.ex/c", "https://a.ex/c", true),
        ("https://a.ex/c", "https://A.EX:443/c", true),
        ("https://a.ex/c", "https://a.ex/C", false),
        ("https://a.ex/c", "https://a.ex/c/", false),
        ("https://a.ex/c", "https://a.ex:8443/c", false),
        ("dyn_1", "dyn_1", true),
        ("dyn_1", "DYN_1", false),
    ] {
        assert_eq!(DocumentUrl::is_same(one, other), is_same, "{one} {other}");
    }
}

#[test]
fn e32_attack_158_all_others_are_refused() {
    let long = format!("https://a.ex/{}", "c".repeat(CLIENT_ID_BYTES_MAX));
    for bad in [
        "http://a.ex/c",
        "HTTPS://a.ex/c",
        "https:/a.ex/c",
        "https:a.ex/c",
        "https:///c",
        "https://",
        "https://a.ex",
        "https://a.ex/",
        "https://a.ex?c",
        "https://a.ex/?c",
        "https://a.ex/./c",
        "https://a.ex/../c",
        "https://a.ex/c/..",
        "https://a.ex/%2e/c",
        "https://a.ex/%2E%2e/c",
        "https://a.ex/.%2E/c",
        "https://a.ex/c%2fd",
        "https://a.ex/c#f",
        "https://a.ex/c#",
        "https://u:p@a.ex/c",
        "https://u@a.ex/c",
        "https://@a.ex/c",
        "https://a.ex@evil.ex/c",
        "https://a.ex\\@evil.ex/c",
        "https://a.ex\\c",
        "https:\\\\a.ex/c",
        "https://a.ex%2f@evil.ex/c",
        "https://a%2eex/c",
        "https://a.ex%00/c",
        "https://a.ex/c%0d%0a",
        "https://a.ex/c%5c..",
        "https://a.ex/%",
        "https://a.ex/%2",
        "https://a.ex/%zz",
        "https://LOCALHOST/c",
        "https://0X7F.1/c",
        "https://bücher.example/c",
        "https://a.ex./c",
        "https://.a.ex/c",
        "https://a..ex/c",
        "https://-a.ex/c",
        "https://a.ex:/c",
        "https://a.ex:0/c",
        "https://a.ex:0443/c",
        "https://a.ex:65536/c",
        "https://a.ex:44a/c",
        "https://a.ex:443:1/c",
        " https://a.ex/c",
        "https://a.ex/c ",
        "https://a.ex/c\n",
        "https://a.ex/c\td",
        "https://a.ex/\u{200b}c",
        "https://a.ex/c[1]",
        "https://a.ex/c|d",
        "https://a.ex/c\"",
        "https://127.0.0.1/c",
        "https://169.254.169.254/c",
        "https://2130706433/c",
        "https://0x7f.1/c",
        "https://0x7f000001/c",
        "https://127.1/c",
        "https://0177.0.0.1/c",
        "https://a.ex.1/c",
        "https://a.ex.0x/c",
        "https://[::1]/c",
        "https://[::ffff:169.254.169.254]/c",
        "https://[2001:db8::1]/c",
        "https://[::1/c",
        "https://::1/c",
        "https://localhost/c",
        "https://a.localhost/c",
        "http://localhost/c",
        "http://127.0.0.1/c",
        "javascript:alert(1)",
        "data:text/html,x",
        "a.ex/c",
        "//a.ex/c",
        "",
        &long,
    ] {
        assert!(DocumentUrl::parse(bad, false).is_err(), "{bad:?}");
    }
}

#[test]
fn e32_loopback_is_let_in_only_where_it_is_allowed() {
    for (text, allowed) in [
        ("http://127.0.0.1:4000/c", true),
        ("http://localhost:4000/c", true),
        ("http://[::1]:4000/c", true),
        ("http://127.0.0.2/c", false),
        ("http://127.0.0.1.evil.ex/c", false),
        ("http://localhost.evil.ex/c", false),
        ("http://evil.ex/c", false),
        ("http://[::2]/c", false),
        ("http://127.0.0.1/", false),
    ] {
        assert_eq!(DocumentUrl::parse(text, true).is_ok(), allowed, "{text}");
        assert!(DocumentUrl::parse(text, false).is_err(), "{text}");
    }
}

#[test]
fn e37_what_begins_like_a_url_means_a_document() {
    for (id, is_url) in [
        ("https://a.ex/c", true),
        ("HTTPS://a.ex/c", true),
        ("http:x", true),
        ("dyn_0123456789abcdefghijkl", false),
        ("inspector", false),
        ("https", false),
        ("httpsé:", false),
        ("", false),
        ("é", false),
    ] {
        assert_eq!(DocumentUrl::looks_like_one(id), is_url, "{id}");
    }
}
