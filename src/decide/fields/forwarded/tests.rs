//! Which address counts for which fields, and that no claim of a client does.

use http::HeaderValue;

use super::*;

const PROXY: &str = "10.0.0.1";

fn trusted() -> Vec<AddressRange> {
    ["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().unwrap()).to_vec()
}

fn told(peer: &str, lines: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    client(peer.parse().unwrap(), &headers, &trusted()).to_string()
}

#[test]
fn login_d1_the_last_hop_that_is_no_proxy_is_the_client() {
    const XFF: &str = "x-forwarded-for";
    const FWD: &str = "forwarded";
    for (lines, wanted) in [
        (&[(XFF, "203.0.113.9")][..], "203.0.113.9"),
        (&[(XFF, "203.0.113.9:4711")], "203.0.113.9"),
        (&[(XFF, "2001:db8::9")], "2001:db8::9"),
        (&[(XFF, "[2001:db8::9]:4711")], "2001:db8::9"),
        (&[(XFF, "::ffff:203.0.113.9")], "203.0.113.9"),
        (&[(XFF, "203.0.113.9, 10.0.0.2,10.0.0.3")], "203.0.113.9"),
        (&[(XFF, "203.0.113.9"), (XFF, "10.0.0.2")], "203.0.113.9"),
        (&[(XFF, "203.0.113.9, fd00::7")], "203.0.113.9"),
        (&[(XFF, "203.0.113.9,, ")], "203.0.113.9"),
        // The first part is the client's own claim.
        (&[(XFF, "192.0.2.1, 203.0.113.9")], "203.0.113.9"),
        (&[(XFF, "192.0.2.1"), (XFF, "203.0.113.9, 10.0.0.2")], "203.0.113.9"),
        (&[(XFF, "what's this, 203.0.113.9")], "203.0.113.9"),
        (&[(XFF, "é"), (XFF, "203.0.113.9")], "203.0.113.9"),
        // All are proxies: the first made the request.
        (&[(XFF, "10.0.0.9, 10.0.0.2")], "10.0.0.9"),
        (&[(FWD, "for=203.0.113.9")], "203.0.113.9"),
        (&[(FWD, "For=\"203.0.113.9:4711\";proto=https;by=10.0.0.1")], "203.0.113.9"),
        (&[(FWD, "by=10.0.0.1; for=203.0.113.9:4711")], "203.0.113.9"),
        (&[(FWD, "for=\"[2001:db8::9]:_port\"")], "2001:db8::9"),
        (&[(FWD, "for=192.0.2.1, for=203.0.113.9;host=\"a,b;for=1\\\"\", for=10.0.0.2")], "203.0.113.9"),
        (&[(FWD, "for=_hidden, for=203.0.113.9")], "203.0.113.9"),
        (&[(FWD, "for=\"x"), (FWD, "for=203.0.113.9")], "203.0.113.9"),
        (&[(FWD, "for=203.0.113.9"), (XFF, "192.0.2.1, 203.0.113.9")], "203.0.113.9"),
    ] {
        assert_eq!(told(PROXY, lines), wanted, "{lines:?}");
    }
}

#[test]
fn login_d1_without_a_clear_word_of_the_proxy_its_own_address_counts() {
    for line in [
        "",
        " , ,",
        "unknown",
        "203.0.113.9, unknown",
        "203.0.113.9;x",
        "203.0.113.9:",
        "203.0.113.9:port",
        "203.0.113",
        "0203.0.113.9",
        "[2001:db8::9",
        "[2001:db8::9]x",
        "[203.0.113.9]",
        "2001:db8::9%eth0",
        "203.0.113.9 192.0.2.1",
        "\"203.0.113.9\"",
        "é",
    ] {
        assert_eq!(told(PROXY, &[("x-forwarded-for", line)]), PROXY, "{line}");
    }
    for line in [
        "",
        "for",
        "for=",
        "=203.0.113.9",
        "for =203.0.113.9",
        "for= 203.0.113.9",
        "for=unknown",
        "for=_hidden",
        "for=2001:db8::9",
        "for=\"2001:db8::9\"",
        "for=[2001:db8::9]",
        "for=203.0.113.9;for=192.0.2.1",
        "proto=https",
        "for=203.0.113.9, proto=https",
        "for=203.0.113.9 for=192.0.2.1",
        "for=\"203.0.113.9\"x",
        "for=\"203.0.113.9",
        "203.0.113.9",
        "for=203.0.113.9, 192.0.2.1",
    ] {
        assert_eq!(told(PROXY, &[("forwarded", line)]), PROXY, "{line}");
    }
}

#[test]
fn login_d1_attack_198_other_peers_change_nothing() {
    for peer in ["203.0.113.9", "::ffff:203.0.113.9", "11.0.0.1", "2001:db8::9"] {
        for lines in
            [[("x-forwarded-for", "192.0.2.1")], [("forwarded", "for=192.0.2.1")], [("x-forwarded-for", PROXY)]]
        {
            assert_eq!(told(peer, &lines), peer.parse::<IpAddr>().unwrap().to_string(), "{peer} {lines:?}");
        }
    }
    assert_eq!(client("10.0.0.1".parse().unwrap(), &HeaderMap::new(), &[]).to_string(), PROXY);
}

#[test]
fn login_d1_attack_200_the_field_that_the_proxy_does_not_write_is_not_believed() {
    for lines in [
        [("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "203.0.113.9")],
        [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "192.0.2.1")],
        [("forwarded", "for=_hidden"), ("x-forwarded-for", "203.0.113.9")],
        [("forwarded", "nonsense"), ("x-forwarded-for", "203.0.113.9")],
    ] {
        assert_eq!(told(PROXY, &lines), PROXY, "{lines:?}");
    }
}

#[test]
fn login_d1_attack_201_an_open_quote_hides_no_hop() {
    for claim in [
        "for=192.0.2.1;x=\"",
        "for=\"192.0.2.1",
        "for=192.0.2.1, for=\"",
        "for=192.0.2.1;x=\"\\",
        "\"",
        "for=192.0.2.1;x=\"a\\\"",
    ] {
        for added in ["for=203.0.113.9", "for=\"203.0.113.9\"", "for=\"[2001:db8::9]\";by=\"10.0.0.1\""] {
            let line = format!("{claim}, {added}");
            let found = told(PROXY, &[("forwarded", &line)]);
            assert!(found != "192.0.2.1", "{line}");
        }
    }
}
