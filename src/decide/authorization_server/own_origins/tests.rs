//! Which URLs lead to the gateway, by its names and ports.

use super::{OwnOrigins, carries_code_of};
use crate::decide::{authorization_server::redirect_uri::RedirectUri, fields::origin::HostName};

fn own(public_url: (&str, u16), hosts: &[&str], listening: &[u16]) -> OwnOrigins {
    let hosts: Vec<HostName> = hosts.iter().map(|host| HostName::read(host).unwrap()).collect();
    OwnOrigins::new(public_url, &hosts, listening.iter().copied())
}

#[test]
fn e39_attack_335_a_url_at_any_name_of_the_gateway_is_its_own() {
    let own = own(
        ("mcp.example.com", 443),
        &["mcp.internal", "plain.internal:80", "Old.example.com:8443", "10.0.0.5:8443", "[fd00:0::1]"],
        &[8443],
    );
    for (url, is_own) in [
        ("https://mcp.example.com/pub/collect", true),
        ("https://mcp.example.com", true),
        ("https://MCP.Example.com/pub", true),
        ("https://mcp.example.com:443/pub", true),
        ("https://mcp.example.com?x=1", true),
        ("https://mcp.internal/pub", true),
        ("https://mcp.internal:9/pub", true),
        ("https://plain.internal/pub", true),
        ("https://plain.internal:81/pub", false),
        ("https://old.example.com:8443/", true),
        ("https://10.0.0.5:8443/pub", true),
        ("https://[fd00::1]/pub", true),
        // Other origins.
        ("https://mcp.example.com:8443/pub", false),
        ("https://old.example.com/", false),
        ("https://10.0.0.5/pub", false),
        ("https://example.com/cb", false),
        ("https://mcp.example.com.evil.example/cb", false),
        ("https://app.example/https://mcp.example.com/", false),
        // Native clients listen on the user's machine, and the gateway has no name of it.
        ("http://127.0.0.1:8443/cb", false),
        ("http://localhost/cb", false),
        ("cursor://mcp.example.com/cb", false),
    ] {
        assert_eq!(own.have(&RedirectUri::parse(url).unwrap()), is_own, "{url}");
    }
    for odd in ["https://mcp.example.com./pub", "https://u@mcp.example.com/pub", "https:mcp.example.com", "nothing"] {
        assert!(RedirectUri::parse(odd).is_err() && !own.have_url(odd), "{odd}");
    }
}

#[test]
fn e39_attack_335_on_this_machine_the_port_says_whether_it_is_the_gateway() {
    let gateways = [
        own(("localhost", 8080), &[], &[8443, 0]),
        own(("gw.example", 443), &["127.0.0.1:8080"], &[8443]),
        own(("gw.example", 443), &["localhost", "[::1]:8080"], &[8443]),
    ];
    for gateway in gateways {
        for (url, is_own) in [
            ("http://localhost:8080/pub", true),
            ("http://127.0.0.1:8080/pub", true),
            ("http://[::1]:8443/pub", true),
            ("https://gw.localhost:8443/pub", true),
            ("http://127.0.0.1:53535/callback", false),
            ("http://localhost/callback", false),
            ("http://localhost:80/callback", false),
        ] {
            assert_eq!(gateway.have_url(url), is_own, "{url}: {gateway:?}");
        }
    }
}

#[test]
fn attack_335_the_answer_with_a_code_is_known_by_its_issuer() {
    let issuer = "https://gw.example/oauth";
    let back = RedirectUri::parse("https://gw.example/pub/collect?x=1").unwrap();
    let sent = back.with(&[("code", "abc"), ("state", "s"), ("iss", issuer)]);
    assert!(carries_code_of(sent.split_once('?').unwrap().1, issuer), "{sent}");
    for (query, is_ours) in [
        ("code=a&iss=https%3A%2F%2Fgw.example%2Foauth", true),
        ("iss=https://gw.example/oauth&state=s&code=a", true),
        // An error, the answer of another server, and ordinary queries.
        ("error=access_denied&iss=https%3A%2F%2Fgw.example%2Foauth", false),
        ("code=a&state=s", false),
        ("code=a&state=s&iss=https%3A%2F%2Faccounts.google.com", false),
        ("", false),
        ("iss=%zz&code=a", false),
    ] {
        assert_eq!(carries_code_of(query, issuer), is_ours, "{query}");
    }
}
