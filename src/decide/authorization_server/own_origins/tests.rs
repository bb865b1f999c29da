//! Which URLs lead to the gateway, by its names and ports.

use super::{OwnOrigins, carries_code_of};
use crate::decide::{
    authorization_server::{answered_paths::AnsweredPaths, redirect_uri::RedirectUri},
    fields::origin::HostName,
    pass_through::{PathAccess, PathEntry, PathTable, methods::PathMethods, pattern::PathPattern},
    routing::{RouteEntry, Routes},
};

fn own(public_url: (&str, u16), hosts: &[&str], listening: &[u16]) -> OwnOrigins {
    answering(public_url, hosts, listening, &["/**"])
}

fn answering(public_url: (&str, u16), hosts: &[&str], listening: &[u16], patterns: &[&str]) -> OwnOrigins {
    let hosts: Vec<HostName> = hosts.iter().map(|host| HostName::read(host).unwrap()).collect();
    let entry = |pattern: &&str| PathEntry {
        pattern: PathPattern::new(pattern).unwrap(),
        access: PathAccess::Authenticated,
        methods: PathMethods::NONE,
    };
    let entries: Vec<PathEntry> = patterns.iter().map(entry).collect();
    let server = RouteEntry { path: "/notes/mcp", root: false, legacy: false };
    let paths = AnsweredPaths {
        passed: PathTable::new([&*entries]),
        routes: Some(Routes::new(&[server], &["/oauth"]).unwrap()),
        issuers: vec!["/oauth".into()],
        single: vec!["/doc.txt".into(), "/healthz".into()],
    };
    OwnOrigins::new(public_url, &hosts, listening.iter().copied(), paths)
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
        own(("127.0.0.1", 8080), &["gw.example"], &[8443]),
        own(("[::1]", 9), &["localhost", "[::1]:8080"], &[8443]),
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

/// A name of this machine in `hosts` is for probes and forwarded ports: the user's browser and the
/// native client are on another machine.
#[test]
fn e39_a_gateway_elsewhere_takes_no_port_of_native_clients() {
    let gateway = own(("gw.example", 443), &["localhost", "127.0.0.1:8080", "[::1]:8080"], &[8080]);
    for url in ["http://localhost:8080/callback", "http://127.0.0.1:8080/cb", "http://[::1]:8080/cb"] {
        assert!(!gateway.have_url(url), "{url}");
    }
    assert!(gateway.have_url("https://gw.example/cb"));
}

/// An ingress sends the other paths of the host to an application, which is a client.
#[test]
fn e39_attack_335_only_paths_that_may_be_answered_here_are_the_gateways() {
    let gateway = answering(("chat.example", 443), &[], &[], &["/files/**", "/pub/*.html"]);
    for (path, is_own) in [
        ("/api/mcp/notes/oauth/callback", false),
        ("/oauth2callback", false),
        ("/rest/oauth2-credential/callback?x=/files/a", false),
        ("/caf%C3%A9/back", false),
        ("", false),
        ("/", false),
        ("/files", true),
        ("/files/a", true),
        ("/files/a?x=1", true),
        ("/pub/a.html", true),
        ("/pub/a.html/", true),
        ("/pub/a/b.html", false),
        // Other spellings, and paths that servers read in several ways.
        ("/f%69les/a", true),
        ("/%66iles/%61", true),
        ("/%2566iles/a", true),
        ("/%EF%BD%86iles/a", true),
        ("//files/a", true),
        ("/app//files/a", true),
        ("/app/..;/files/a", true),
        ("/app/.../files", true),
        ("/app/%252e%252e/files/a", true),
        // What the gateway answers itself.
        ("/notes/mcp", true),
        ("/notes/mcp/", true),
        ("/notes", false),
        ("/oauth/callback", true),
        ("/oauth/anything", true),
        ("/authorize", true),
        ("/.well-known/oauth-protected-resource/notes/mcp", true),
        ("/.well-known/oauth-client", false),
        ("/doc.txt", true),
        ("/healthz", true),
    ] {
        let url = format!("https://chat.example{path}");
        assert_eq!(gateway.have_url(&url), is_own, "{url}");
    }
    assert!(!gateway.have_url("https://other.example/files/a"));
    let without = answering(("chat.example", 443), &[], &[], &[]);
    assert!(!without.have_url("https://chat.example/files/a") && without.have_url("https://chat.example//files"));
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
