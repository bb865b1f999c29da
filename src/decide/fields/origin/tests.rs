//! Which names and origins a server accepts.

use http::{HeaderMap, HeaderValue, header};

use super::{SiteFault, Sites};
use crate::decide::refusal::Refusal;

fn sites(public_url: &str, allowed: &[&str]) -> Sites {
    Sites::new(public_url, allowed).unwrap()
}

fn verdict(sites: &Sites, origins: &[&[u8]]) -> Result<Option<HeaderValue>, Refusal> {
    let mut headers = HeaderMap::new();
    for origin in origins {
        headers.append(header::ORIGIN, HeaderValue::from_bytes(origin).unwrap());
    }
    sites.origin_verdict(&headers)
}

#[test]
fn d41_attack_099_only_our_name_is_ours() {
    let default = "https://gw.example";
    let explicit = "https://GW.Example:443/";
    let other = "https://gw.example:8443/base";
    let plain = "http://gw.example";
    let v6 = "https://[2001:db8::1]:8443";
    for (public_url, authority, ours) in [
        (default, "gw.example", true),
        (default, "gw.example:443", true),
        (default, "GW.EXAMPLE", true),
        (explicit, "gw.example", true),
        (other, "gw.example:8443", true),
        (plain, "gw.example:80", true),
        (v6, "[2001:DB8::1]:8443", true),
        (default, "gw.example:8443", false),
        (default, "gw.example:80", false),
        (other, "gw.example", false),
        (plain, "gw.example:443", false),
        (default, "evil.example", false),
        (default, "evil:443", false),
        (default, "192.0.2.1", false),
        (default, "gw.example.", false),
        (default, "gw.example.:443", false),
        (default, "gw.example.evil", false),
        (default, "evil-gw.example", false),
        (default, "user@gw.example", false),
        (default, "gw.example@evil", false),
        (default, "gw.example:", false),
        (default, "gw.example:0443", true),
        (default, "gw.example:000443", false),
        (default, "gw.example:+443", false),
        (default, "gw.example:65979", false),
        (default, "gw.example:443:443", false),
        (default, "gw.example, evil", false),
        (default, "gw example", false),
        (default, "gw%2eexample", false),
        (default, "https://gw.example", false),
        (default, "gw.example/", false),
        (default, "", false),
        (default, ":443", false),
        (default, "localhost", false),
        (v6, "[2001:db8::2]:8443", false),
        (v6, "[2001:db8::1]x:8443", false),
        (v6, "[]:8443", false),
        (v6, "[2001:db8::1", false),
    ] {
        let expected = if ours { Ok(()) } else { Err(Refusal::Misdirected) };
        assert_eq!(sites(public_url, &[]).host_is_ours(authority), expected, "{public_url} {authority:?}");
    }
}

#[test]
fn d41_loopback_names_are_one_machine_at_any_port() {
    for public_url in ["http://localhost:8443", "http://127.0.0.1:8443", "http://[::1]", "https://LOCALHOST"] {
        let sites = sites(public_url, &[]);
        for ours in ["localhost", "localhost:1", "LocalHost:9000", "127.0.0.1:8443", "[::1]", "[::1]:65535"] {
            assert_eq!(sites.host_is_ours(ours), Ok(()), "{public_url} {ours}");
        }
        for other in ["gw.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "127.0.0.2", "localhost."]
        {
            assert_eq!(sites.host_is_ours(other), Err(Refusal::Misdirected), "{public_url} {other}");
        }
    }
}

#[test]
fn d40_attack_105_other_pages_may_not_call() {
    let gw =
        sites("https://gw.example/base", &["https://app.example", "HTTP://Dev.Example:8080", "vscode-webview://abc"]);
    for allowed in [
        "https://gw.example",
        "https://GW.example:443",
        "https://app.example",
        "https://app.example:443",
        "http://dev.example:8080",
        "vscode-webview://abc",
    ] {
        let echo = Ok(Some(HeaderValue::from_static(allowed)));
        assert_eq!(verdict(&gw, &[allowed.as_bytes()]), echo, "{allowed}");
    }
    for foreign in [
        "https://evil.example",
        "null",
        "NULL",
        "*",
        "",
        "https://gw.example.evil",
        "https://evil.gw.example",
        "http://gw.example",
        "https://gw.example:8443",
        "https://gw.example/",
        "https://gw.example/base",
        "https://gw.example.",
        "https://user@gw.example",
        "https://gw.example https://evil.example",
        "https://gw.example, https://evil.example",
        "https://gw.example?x",
        "gw.example",
        "//gw.example",
        "https:gw.example",
        "http://dev.example",
        "vscode-webview://abcd",
        "https://gw.example\u{e9}",
    ] {
        assert_eq!(verdict(&gw, &[foreign.as_bytes()]), Err(Refusal::ForeignOrigin), "{foreign}");
    }
    let own = b"https://gw.example".as_slice();
    assert_eq!(verdict(&gw, &[]), Ok(None));
    assert_eq!(verdict(&gw, &[own, own]), Err(Refusal::ForeignOrigin));
    assert_eq!(verdict(&gw, &[own, b"https://evil.example"]), Err(Refusal::ForeignOrigin));
    assert_eq!(verdict(&gw, &[b"https://gw.example\xff"]), Err(Refusal::ForeignOrigin));
}

#[test]
fn d40_null_and_loopback_pages_must_be_listed() {
    let local = sites("http://localhost:8443", &[]);
    assert!(verdict(&local, &[b"http://localhost:8443"]).is_ok());
    for foreign in ["http://localhost:6274", "http://127.0.0.1:8443", "http://localhost", "https://localhost:8443"] {
        assert_eq!(verdict(&local, &[foreign.as_bytes()]), Err(Refusal::ForeignOrigin), "{foreign}");
    }
    let listed = sites("http://localhost:8443", &["http://localhost:6274", "null"]);
    assert!(verdict(&listed, &[b"http://localhost:6274"]).is_ok());
    assert_eq!(verdict(&listed, &[b"null"]), Ok(Some(HeaderValue::from_static("null"))));
    assert_eq!(verdict(&listed, &[b"Null"]), Err(Refusal::ForeignOrigin));
}

#[test]
fn a61_what_is_no_origin_cannot_be_listed() {
    for entry in [
        "*",
        "",
        "app.example",
        "https://*.app.example",
        "https://app.example/",
        "https://app.example/x",
        "https://",
        "NULL",
    ] {
        let fault = Sites::new("https://gw.example", &["https://ok.example", entry]);
        assert_eq!(fault, Err(SiteFault::Origin(1)), "{entry}");
    }
    for url in [
        "",
        "gw.example",
        "ftp://gw.example",
        "https://",
        "https://user@gw.example",
        "https://gw.example:x",
        "https://gw.example.",
    ] {
        assert_eq!(Sites::new::<&str>(url, &[]), Err(SiteFault::PublicUrl), "{url}");
    }
}
