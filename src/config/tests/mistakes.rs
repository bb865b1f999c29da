//! One mistake, one line: its place, what was found, what was expected.

use std::fs;

use super::{Case, SMALLEST, changed, each_is_told, problems, read_in, warnings};

mod above;
mod beside;
mod clients;
mod doubts;
mod headers;
mod resources;
mod servers;
mod twice;
mod upstream;

pub(super) const ISSUER: &str = "    issuer: https://login.example.com\n";
pub(super) const UPSTREAM: &str = "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n";
pub(super) const ACCESS: &str = "    access: authenticated\n";
pub(super) const LISTEN: &str = "  - address: 127.0.0.1:8080\n";

#[test]
fn each_mistake_has_its_line() {
    let cases: Vec<&Case> = above::CASES
        .iter()
        .chain(servers::CASES)
        .chain(twice::CASES)
        .chain(headers::CASES)
        .chain(resources::CASES)
        .chain(upstream::CASES)
        .chain(beside::CASES)
        .chain(clients::CASES)
        .collect();
    each_is_told(&cases);
}

#[test]
fn seven_mistakes_of_every_kind_are_told_in_one_run() {
    let text = "\
public_url: http://mcp.example.com
listen:
  - address: 0.0.0.0:8080
    adress: 1
authorization_servers:
  corporate:
    issuer: https://login.example.com
    algorithms: [HS256]
servers:
  weather:
    path: /weather/mcp
    path: /weather
    upstream: {url: ftp://x}
    authorization_servers: [corprate]
    access: authenticated
    rules: [{tools: [\"*\"]}]
";
    let expected = [
        "1:13 public_url: found \"http://mcp.example.com\"; expected https://; http:// is allowed only for a loopback host",
        "3:14 listen[0].address: found 0.0.0.0:8080 without TLS; expected `tls`, a loopback address, or `plaintext: true` where TLS ends in front of the gateway",
        "4:5 listen[0].adress: found an unknown key; expected address, tls, plaintext, proxy_protocol or health; did you mean \"address\"?",
        "8:18 authorization_servers.corporate.algorithms[0]: found \"HS256\"; expected an asymmetric algorithm: with HS* a key that verifies can also sign (RFC 8725 §3.1)",
        "11:5 servers.weather: found access and rules; expected exactly one of access, rules",
        "12:5 servers.weather.path: found this key a second time; expected each key once; see gateway.yaml:11:5 servers.weather.path",
        "13:21 servers.weather.upstream.url: found \"ftp://x\"; expected a URL that begins with https:// or http:// in lower case",
        "14:29 servers.weather.authorization_servers[0]: found \"corprate\"; expected a name under `authorization_servers`; did you mean \"corporate\"?",
    ];
    assert_eq!(problems(text), expected.map(|line| format!("gateway.yaml:{line}")));
}

#[test]
fn what_may_stay_is_warned_of() {
    for (from, to, expected) in [
        (
            ISSUER,
            "    issuer: http://login.example.com\n    allow_http: true\n",
            "7:17 authorization_servers.corporate.allow_http: found true; expected false: an attacker on the network can answer in the issuer's name",
        ),
        (
            ISSUER,
            "    issuer: https://login.example.com\n    clock_skew: 121s\n",
            "7:17 authorization_servers.corporate.clock_skew: found \"121s\"; expected at most 120s: expired tokens are accepted for this long",
        ),
        (
            LISTEN,
            "  - address: 127.0.0.1:8080\nadmin: {address: 0.0.0.0:9901}\n",
            "4:18 admin.address: found 0.0.0.0:9901, which others can reach; expected a loopback address, or a network that only operators reach: metrics name servers and count refusals",
        ),
        (
            ACCESS,
            "    access: authenticated\n    credential: {forward: {dangerous: true}}\n",
            "12:27 servers.weather.credential.forward: found forward: the upstream gets the caller's token; expected strip or header, unless the upstream checks the very same audience itself",
        ),
        (
            ACCESS,
            "    access: authenticated\n    scopes: [\"mcp:*\"]\n",
            "12:14 servers.weather.scopes[0]: found \"mcp:*\"; expected a scope without a wildcard: scopes are compared literally, and no token holds this one by holding others",
        ),
        (
            ACCESS,
            "    access: authenticated\n    scopes_supported: [a, offline_access]\n",
            "12:27 servers.weather.scopes_supported[1]: found \"offline_access\"; expected no offline_access: it is left out of the metadata (clients ask for it themselves)",
        ),
        (
            ACCESS,
            "    rules: [{tools: [a], deny: true}, {prompts: [\"*\"], deny: true}]\n",
            "11:12 servers.weather.rules: found rules that only deny; expected at least one rule that allows: no match refuses, so this server answers no call at all",
        ),
        (
            ACCESS,
            "    rules: [{tools: [\"*\"]}, {prompts: [a]}, {tools: [b], deny: true}]\n",
            "11:45 servers.weather.rules[2]: found a rule that can never decide, so it denies nothing; expected an order in which this rule can decide: earlier rules match everything that it matches; see gateway.yaml:11:13 servers.weather.rules[0]",
        ),
        (
            ACCESS,
            "    rules: [{resources: [\"HTTP://Example.com:80/*\"]}]\n",
            "11:26 servers.weather.rules[0].resources[0]: found \"HTTP://Example.com:80/*\"; expected \"http://example.com/*\", as servers spell it: they normalise the URI that a client asks for",
        ),
        (
            UPSTREAM,
            "    upstream: {url: \"http://127.0.0.1:8000/mcp\", pass_headers: [X-Auth-Token]}\n",
            "10:65 servers.weather.upstream.pass_headers[0]: found x-auth-token: every client can write it; expected a header from which the upstream does not learn who calls",
        ),
        (
            "public_url: https://mcp.example.com",
            "public_url: https://mcp.example.com\ntrusted_proxies: [0.0.0.0/0]",
            "2:19 trusted_proxies[0]: found \"0.0.0.0/0\"; expected the networks of your own proxies: with this one, every client may claim any address",
        ),
        (
            ACCESS,
            "    access: authenticated\n    audiences: [\"https://mcp.example.com\"]\n  news:\n    path: /\n    upstream: {url: \"http://127.0.0.1:1/\"}\n    access: authenticated\n",
            "12:17 servers.weather.audiences[0]: found the origin of public_url; expected an audience of this server alone: a token for the origin would be valid at every server that accepts it",
        ),
    ] {
        assert_eq!(warnings(&changed(from, to)), [format!("gateway.yaml:{expected}")]);
    }
}

#[test]
fn people_c2_a_parameter_that_only_one_of_two_urls_pins_is_warned_of() {
    let said = |query: &str, legacy: &str| {
        let upstream = format!("    upstream: {{url: \"http://127.0.0.1:8000/mcp?tenant=a\"{query}}}\n");
        let old = format!("    legacy_sse: {{path: /weather/sse, upstream: \"http://127.0.0.1:8000/sse{legacy}\"}}\n");
        warnings(&changed(UPSTREAM, &(upstream + &old))).join("\n")
    };
    let warned = said("", "");
    assert!(warned.contains("legacy_sse.upstream") && warned.contains("(tenant)"), "{warned}");
    for (query, legacy) in [("", "?tenant=b"), ("", "?x=1&TENANT=a"), (", query: drop", "")] {
        assert_eq!(said(query, legacy), "");
    }
}

#[test]
fn what_is_right_is_neither_refused_nor_warned_of() {
    for (from, to) in [
        (LISTEN, "  - address: 127.0.0.1:0\n  - address: 127.0.0.1:0\n  - address: \"[::1]:8080\"\n"),
        (LISTEN, "  - address: 0.0.0.0:8080\n    plaintext: true\n"),
        (ISSUER, "    issuer: https://login.example.com/\n  other:\n    issuer: https://login.example.com\n"),
        (ISSUER, "    issuer: http://localhost:9000\n    jwks: {url: \"http://[::1]:9000/keys\"}\n"),
        (ISSUER, "    issuer: https://login.example.com\n    clock_skew: 0s\n    token_types: [application/AT+JWT]\n"),
        ("/weather/mcp", "/"),
        (
            ACCESS,
            "    access: authenticated\n    batches: refuse\n    legacy_sse: false\n    allowed_origins: [\"vscode-webview://x1\", \"http://[::1]:3000\"]\n",
        ),
        (ACCESS, "    access: authenticated\n    audiences: [\"https://mcp.example.com\", \"api://x\"]\n"),
        (
            ACCESS,
            "    rules: [{tools: [a], deny: false, scopes: [x]}, {tools: [\"*\"], deny: true, report_only: true}]\n",
        ),
        (
            ACCESS,
            "    rules: [{resources: [\"file:///a/*\"], scopes: [x]}, {resources: [\"file:///a/**\", \"memo:**\"], deny: true}, {resources: [\"*\"]}]\n",
        ),
        // The `*` of a denial matches more than the same `*` of a rule that permits.
        (ACCESS, "    rules: [{resources: [\"file:///a/*\"]}, {resources: [\"file:///a/*\"], deny: true}]\n"),
        (ACCESS, "    rules: [{methods: [tasks/get, \"acme/*\"]}]\n    identity_headers: {X-Forwarded-User: sub}\n"),
    ] {
        assert_eq!(warnings(&changed(from, to)), [""; 0], "{to}");
    }
}

#[test]
fn a10_offline_access_is_not_advertised() {
    let text = changed(ACCESS, "    scopes: [a, offline_access]\n    access: authenticated\n");
    let server = read_in(&text, "/nonexistent".as_ref()).unwrap().settings.servers.remove(0);
    let names = |scopes: &[crate::base::names::Scope]| scopes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&server.scopes_supported), ["a"]);
    assert_eq!(names(&server.first_challenge.unwrap()), ["a"]);
    assert_eq!(names(&server.policy.connect), ["a", "offline_access"]);
}

#[test]
fn files_must_hold_what_they_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["mcp.example.com".to_owned()]).unwrap();
    fs::write(folder.path().join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.path().join("big"), vec![b'x'; 70_000]).unwrap();
    fs::write(folder.path().join("huge"), vec![b'x'; 1_048_577]).unwrap();
    fs::write(folder.path().join("trusted"), made.cert.pem().replace(" CERTIFICATE", " TRUSTED CERTIFICATE")).unwrap();
    let at = |line: &str| format!("gateway.yaml:{line}");
    for (from, to, expected) in [
        (
            LISTEN,
            "  - address: 127.0.0.1:1\n    tls: {certificate: tls.key, key: tls.crt}\n",
            vec![
                at(
                    "4:24 listen[0].tls.certificate: found \"tls.key\", which holds a private key; expected a PEM file that holds certificates",
                ),
                at(
                    "4:38 listen[0].tls.key: found \"tls.crt\", which holds certificates; expected a PEM file that holds a private key",
                ),
            ],
        ),
        (
            UPSTREAM,
            "    upstream: {url: \"https://up/\", ca: tls.key}\n",
            vec![at(
                "10:40 servers.weather.upstream.ca: found \"tls.key\", which holds a private key; expected a PEM file that holds certificates",
            )],
        ),
        (
            UPSTREAM,
            "    upstream: {url: \"https://up/\", ca: trusted}\n",
            vec![at(
                "10:40 servers.weather.upstream.ca: found \"trusted\"; expected a PEM file of BEGIN CERTIFICATE blocks; \
                 this one has BEGIN TRUSTED CERTIFICATE blocks, which only OpenSSL reads: `openssl x509 -in FILE` writes \
                 the first one as needed",
            )],
        ),
        (
            UPSTREAM,
            "    upstream: {url: \"https://up/\", ca: huge}\n",
            vec![at(&format!(
                "10:40 servers.weather.upstream.ca: found {}, which is larger; expected a file of at most 1024 KiB",
                folder.path().join("huge").display()
            ))],
        ),
        (
            LISTEN,
            "  - address: 127.0.0.1:1\n    tls: {certificate: tls.crt, key: big}\n",
            vec![at(&format!(
                "4:38 listen[0].tls.key: found {}, which is larger; expected a file of at most 64 KiB",
                folder.path().join("big").display()
            ))],
        ),
    ] {
        let refused = read_in(&changed(from, to), folder.path()).unwrap_err().to_string();
        assert_eq!(refused.lines().collect::<Vec<_>>(), expected);
    }
    // As large as the bundle of all public CAs, with a private one in it.
    fs::write(folder.path().join("bundle"), made.cert.pem().repeat(400)).unwrap();
    read_in(&changed(UPSTREAM, "    upstream: {url: \"https://up/\", ca: bundle}\n"), folder.path()).unwrap();
    for reference in ["file:big", "file:.", "file:"] {
        let text = format!("{SMALLEST}session_keys: [\"{reference}\"]\n");
        assert_eq!(read_in(&text, folder.path()).unwrap_err().list().len(), 1, "{reference}");
    }
}
