//! Which names and origins a server accepts.

use http::{HeaderMap, HeaderValue, header};

use super::{HostName, SiteFault, Sites};
use crate::decide::refusal::Refusal;

fn sites(public_url: &str, allowed: &[&str]) -> Sites {
    Sites::new(public_url, allowed).unwrap()
}

fn verdict(sites: &Sites, origins: &[&[u8]]) -> Result<Option<HeaderValue>, &'static str> {
    let mut headers = HeaderMap::new();
    for origin in origins {
        headers.append(header::ORIGIN, HeaderValue::from_bytes(origin).unwrap());
    }
    sites.origin_verdict(&headers).map_err(|refusal| refusal.row().reason)
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
        (default, "gw.example:0", false),
        ("https://gw.example:0443", "gw.example", true),
        (v6, "[2001:db8:0:0::1]:8443", true),
        (v6, "[2001:db8::2]:8443", false),
        (v6, "[2001:db8]:8443", false),
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
        assert_eq!(sites(public_url, &[]).host_is_ours(authority), ours, "{public_url} {authority:?}");
    }
}

#[test]
fn d41_loopback_names_are_one_machine_at_any_port() {
    for public_url in ["http://localhost:8443", "http://127.0.0.1:8443", "http://[::1]", "https://LOCALHOST"] {
        let sites = sites(public_url, &[]);
        for ours in ["localhost", "localhost:1", "LocalHost:9000", "127.0.0.1:8443", "[::1]", "[::1]:65535"] {
            assert!(sites.host_is_ours(ours), "{public_url} {ours}");
        }
        for other in ["gw.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "127.0.0.2", "localhost."]
        {
            assert!(!sites.host_is_ours(other), "{public_url} {other}");
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
        let reason = if foreign == "null" { "null_origin" } else { "foreign_origin" };
        assert_eq!(verdict(&gw, &[foreign.as_bytes()]), Err(reason), "{foreign}");
    }
    let own = b"https://gw.example".as_slice();
    assert_eq!(verdict(&gw, &[]), Ok(None));
    assert_eq!(verdict(&gw, &[own, own]), Err("foreign_origin"));
    assert_eq!(verdict(&gw, &[own, b"https://evil.example"]), Err("foreign_origin"));
    assert_eq!(verdict(&gw, &[b"https://gw.example\xff"]), Err("foreign_origin"));
}

#[test]
fn d40_null_and_loopback_pages_must_be_listed() {
    let local = sites("http://localhost:8443", &[]);
    assert!(verdict(&local, &[b"http://localhost:8443"]).is_ok());
    for foreign in ["http://localhost:6274", "http://127.0.0.1:8443", "http://localhost", "https://localhost:8443"] {
        assert_eq!(verdict(&local, &[foreign.as_bytes()]), Err("foreign_origin"), "{foreign}");
    }
    let listed = sites("http://localhost:8443", &["http://localhost:6274", "null"]);
    assert!(verdict(&listed, &[b"http://localhost:6274"]).is_ok());
    assert_eq!(verdict(&listed, &[b"null"]), Ok(Some(HeaderValue::from_static("null"))));
    assert_eq!(verdict(&listed, &[b"Null"]), Err("foreign_origin"));
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

#[test]
fn people_b2_attack_257_other_hosts_are_names_and_not_origins() {
    let hosts =
        ["mcp.internal", "10.0.0.5:8443", "[fd00::1]", "other.example:443"].map(|text| HostName::read(text).unwrap());
    let gw = sites("https://gw.example", &[]).with_hosts(&hosts);
    for ours in [
        "gw.example",
        "mcp.internal",
        "MCP.internal:9000",
        "10.0.0.5:8443",
        "[fd00::1]:1",
        "other.example",
        "other.example:443",
    ] {
        assert!(gw.host_is_ours(ours), "{ours}");
    }
    for other in [
        "gw.example:8443",
        "10.0.0.5",
        "10.0.0.5:443",
        "10.0.0.50:8443",
        "mcp.internal.",
        "x.mcp.internal",
        "mcp.internal.evil.example",
        "user@mcp.internal",
        "other.example:80",
        "localhost",
        "",
    ] {
        assert!(!gw.host_is_ours(other), "{other:?}");
    }
    for foreign in ["https://mcp.internal", "http://mcp.internal", "https://10.0.0.5:8443", "https://other.example"] {
        assert_eq!(verdict(&gw, &[foreign.as_bytes()]), Err("foreign_origin"), "{foreign}");
    }
    assert_eq!(gw.names(), "gw.example, mcp.internal, 10.0.0.5:8443, [fd00::1], other.example:443");
    assert_eq!(gw.misdirected(), Refusal::Misdirected("gw.example".into()));
    assert_eq!(sites("https://gw.example:8443", &[]).misdirected(), Refusal::Misdirected("gw.example:8443".into()));
    for bad in ["", "https://mcp.internal", "*", "*.internal", "a b", "host:", "host:99999", "a/b", "a.:1"] {
        assert_eq!(HostName::read(bad), None, "{bad:?}");
    }
}

#[test]
fn people_b6_attack_261_patterns_stand_for_ports_and_schemes_and_nothing_else() {
    let gw = sites("https://gw.example", &["http://localhost:*", "chrome-extension://*", "https://[::1]:*"]);
    for allowed in [
        "http://localhost:6274",
        "http://localhost",
        "http://LOCALHOST:1",
        "chrome-extension://abcdefgh",
        "https://[::1]:9",
        "https://gw.example",
    ] {
        assert_eq!(verdict(&gw, &[allowed.as_bytes()]), Ok(Some(HeaderValue::from_static(allowed))), "{allowed}");
    }
    for foreign in [
        "https://localhost:6274",
        "http://localhost.evil.example:6274",
        "http://evil.example:6274",
        "http://localhost:6274.evil.example",
        "http://localhost:*",
        "http://localhost:",
        "http://localhost:99999",
        "http://localhost@evil.example:1",
        "http://127.0.0.1:6274",
        "chrome-extension://",
        "chrome-extension://*",
        "chrome-extension://a/b",
        "chrome-extensions://a",
        "moz-extension://a",
        "null",
        "http://x:*",
    ] {
        let reason = if foreign == "null" { "null_origin" } else { "foreign_origin" };
        assert_eq!(verdict(&gw, &[foreign.as_bytes()]), Err(reason), "{foreign}");
    }
    for bad in [
        "*",
        "http://*",
        "https://*",
        "file://*",
        "https://*.example",
        "http://*:80",
        "http://a:*:*",
        "://*",
        "a://b*",
        "http://a:1:*",
    ] {
        assert_eq!(Sites::new("https://gw.example", &[bad]), Err(SiteFault::Origin(0)), "{bad}");
    }
}

#[test]
fn people_b2_a_request_without_a_port_has_the_default_port_of_either_scheme() {
    let hosts =
        ["plain.internal:80", "tls.internal:443", "odd.internal:8080"].map(|text| HostName::read(text).unwrap());
    for public_url in ["https://gw.example", "http://gw.example"] {
        let gw = sites(public_url, &[]).with_hosts(&hosts);
        for (authority, ours) in [
            ("plain.internal", true),
            ("plain.internal:80", true),
            ("plain.internal:443", false),
            ("tls.internal", true),
            ("tls.internal:443", true),
            ("odd.internal:8080", true),
            ("odd.internal", false),
        ] {
            assert_eq!(gw.host_is_ours(authority), ours, "{public_url}: {authority}");
        }
    }
}

#[test]
fn people_b2_an_address_is_the_same_in_every_spelling() {
    let gw = sites("https://gw.example", &[]).with_hosts(&[HostName::read("[FD00:0:0::1]").unwrap()]);
    for (authority, ours) in [
        ("[fd00::1]", true),
        ("[fd00:0::1]:8443", true),
        ("[fd00:0:0:0:0:0:0:1]", true),
        ("[fd00::2]", false),
        ("fd00::1", false),
        ("[fd00::1%25eth0]", false),
        ("[fd00]", false),
        ("[fd00::1]:0", false),
    ] {
        assert_eq!(gw.host_is_ours(authority), ours, "{authority}");
    }
}

#[test]
fn people_b2_f19_attack_326_tls_is_opened_for_a_name_of_the_gateway() {
    let hosts = ["gw.svc:8443", "mcp.internal"].map(|text| HostName::read(text).unwrap());
    let gw = sites("https://gw.example:8443", &[]).with_hosts(&hosts);
    for (name, ours) in [
        ("gw.example", true),
        ("GW.svc", true),
        ("mcp.internal", true),
        ("other.example", false),
        ("gw", false),
        ("x.gw.example", false),
        ("localhost", false),
        ("", false),
    ] {
        assert_eq!(gw.tls_name_is_ours(name), ours, "{name}");
    }
    assert!(sites("http://127.0.0.1:8080", &[]).tls_name_is_ours("localhost"));
}
