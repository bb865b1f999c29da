//! Mistakes above `servers`: the file as a whole, listeners, authorization servers.

use super::{Case, ISSUER, LISTEN};

pub(super) const CASES: &[Case] = &[
    (
        "public_url: https://mcp.example.com\n",
        "",
        &["1:1 public_url: found nothing; expected the public URL of the gateway, such as https://mcp.example.com"],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://MCP.example.com/",
        &[
            "1:13 public_url: found \"https://MCP.example.com/\"; expected scheme, host and port only, without a slash or a path: each server's `path` follows it; did you mean \"https://mcp.example.com\"?",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: 5",
        &["1:13 public_url: found the number 5; expected a URL such as https://mcp.example.com (quote it)"],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\npublic_url: https://mcp.example.com",
        &["2:1 public_url: found this key a second time; expected each key once; see gateway.yaml:1:1 public_url"],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nsesion_keys: []",
        &[
            "2:1 sesion_keys: found an unknown key; expected public_url, hosts, trusted_proxies, listen, admin, keys, authorization_servers, servers, limits, documents, session_keys, log or drain; did you mean \"session_keys\"?",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nembedded: {}",
        &[
            "2:1 embedded: found an unknown key; expected public_url, hosts, trusted_proxies, listen, admin, keys, authorization_servers, servers, limits, documents, session_keys, log or drain; did you mean \"authorization_servers.NAME.embedded\"?",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\ntrusted_proxies: [10.1.0.1/8, 10.0.0.0/33, localhost, 10.0.0.0/8, 10.0.0.0/8]",
        &[
            "2:19 trusted_proxies[0]: found \"10.1.0.1/8\"; expected the first address of the network, as in 10.0.0.0/8",
            "2:31 trusted_proxies[1]: found \"10.0.0.0/33\"; expected a network of proxies such as 10.0.0.0/8 or fd00::/8",
            "2:44 trusted_proxies[2]: found \"localhost\"; expected a network of proxies such as 10.0.0.0/8 or fd00::/8",
            "2:67 trusted_proxies[4]: found \"10.0.0.0/8\" a second time; expected each one once; see gateway.yaml:2:55 trusted_proxies[3]",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nhosts: [\"fd00::1\", \"mcp.internal:0\", \"[fd00]:80\", \"[fd00::1]:80\"]",
        &[
            "2:9 hosts[0]: found \"fd00::1\"; expected the address in brackets: \"[fd00::1]\"",
            "2:20 hosts[1]: found \"mcp.internal:0\"; expected a host name or an address, perhaps with a port, such as mcp.internal, \"10.0.0.5:8443\" or \"[fd00::1]\"",
            "2:38 hosts[2]: found \"[fd00]:80\"; expected a host name or an address, perhaps with a port, such as mcp.internal, \"10.0.0.5:8443\" or \"[fd00::1]\"",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nlog: {format: xml, level: inof}",
        &[
            "2:15 log.format: found \"xml\"; expected json or text",
            "2:27 log.level: found \"inof\"; expected error, warn, info, debug or trace; did you mean \"info\"?",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\ndrain: {timeout: 30}",
        &[
            "2:18 drain.timeout: found the number 30; expected a duration such as 30s, 5m or 24h, from 1ms to 24h; did you mean \"30s\"?",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nsession_keys: [hunter2, hunter2]",
        &[
            "2:16 session_keys[0]: found a value that is not a reference (not shown); expected a reference to a secret, which does not belong into this file: env:NAME or file:PATH",
            "2:25 session_keys[1]: found a value that is not a reference (not shown); expected a reference to a secret, which does not belong into this file: env:NAME or file:PATH",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nsession_keys: [\"env:SHORT\"]",
        &["2:16 session_keys[0]: found env:SHORT, which has 7 bytes; expected at least 32 random bytes"],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nsession_keys: [\"env:MISSING\", \"env:EMPTY\", \"file:nothing\"]",
        &[
            "2:16 session_keys[0]: found env:MISSING, which is not set; expected a variable that holds the secret",
            "2:31 session_keys[1]: found env:EMPTY, which is empty; expected a variable that holds the secret",
            "2:44 session_keys[2]: found file:nothing, which cannot be read (No such file or directory (os error 2)); expected a file that can be read",
        ],
    ),
    // A shell replaced `env:$KEY`.
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nsession_keys: [\"env:ab12cd34ef56ab12cd34ef56ab12cd34\", \"env:PORTCULLIS_SESSION_KEY_20270131\"]",
        &[
            "2:16 session_keys[0]: found a reference to a variable with a name like a key (not shown), which is not set; expected a variable that holds the secret",
            "2:56 session_keys[1]: found env:PORTCULLIS_SESSION_KEY_20270131, which is not set; expected a variable that holds the secret",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nadmin: {address: \"127.0.0.1:8080\"}",
        &[
            "2:18 admin.address: found 127.0.0.1:8080, which is a public listener's; expected an address of its own; see gateway.yaml:4:14 listen[0].address",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nadmin: 127.0.0.1:8080",
        &["2:8 admin: found text; expected a map such as {address: …}"],
    ),
    (LISTEN, "  []\n", &["3:3 listen: found an empty list; expected a non-empty list of maps with an address"]),
    (
        LISTEN,
        "  - {}\n",
        &[
            "3:5 listen[0].address: found nothing; expected an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\"",
        ],
    ),
    (
        LISTEN,
        "  - address: localhost:8080\n",
        &[
            "3:14 listen[0].address: found \"localhost:8080\"; expected an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\"; did you mean \"127.0.0.1:8080\"?",
        ],
    ),
    (
        LISTEN,
        "  - address: 0.0.0.0:8443\n",
        &[
            "3:14 listen[0].address: found 0.0.0.0:8443 without TLS; expected `tls`, a loopback address, or `plaintext: true` where TLS ends in front of the gateway",
        ],
    ),
    (
        LISTEN,
        "  - address: 127.0.0.1:9901\n",
        &[
            "1:1 admin: found 127.0.0.1:9901, which is a public listener's; expected an address of its own; see gateway.yaml:3:14 listen[0].address",
        ],
    ),
    (
        LISTEN,
        "  - address: 127.0.0.1:8080\n  - address: 127.0.0.1:8080\n",
        &[
            "4:14 listen[1].address: found 127.0.0.1:8080 a second time; expected each address once; see gateway.yaml:3:14 listen[0].address",
        ],
    ),
    (
        LISTEN,
        "  - address: 127.0.0.1:8080\n    proxy_protocol: true\n",
        &[
            "4:21 listen[0].proxy_protocol: found true without `trusted_proxies`; expected `trusted_proxies` at the top level, with the networks of the proxies that send PROXY headers",
        ],
    ),
    (
        LISTEN,
        "  - address: 127.0.0.1:8080\n    plaintext: yes\n",
        &["4:16 listen[0].plaintext: found \"yes\"; expected true or false; did you mean \"true\"?"],
    ),
    (
        LISTEN,
        "  - address: 127.0.0.1:8080\n    tls: {certificate: no.crt}\n    plaintext: true\n",
        &[
            "4:10 listen[0].tls.key: found nothing; expected a PEM file with the private key",
            "4:24 listen[0].tls.certificate: found /nonexistent/no.crt, which cannot be read (No such file or directory (os error 2)); expected a file that can be read",
            "5:16 listen[0].plaintext: found true; expected either `tls` or `plaintext: true`, not both",
        ],
    ),
    (
        ISSUER,
        "    profile: keycloak\n",
        &[
            "6:5 authorization_servers.corporate.issuer: found nothing; expected the issuer's URL, exactly as its tokens spell it",
        ],
    ),
    (
        ISSUER,
        "    issuer: http://login.example.com\n",
        &[
            "6:13 authorization_servers.corporate.issuer: found \"http://login.example.com\"; expected an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com?x=1\n",
        &[
            "6:13 authorization_servers.corporate.issuer: found a URL that is not shown, since it may hold a secret; expected an issuer without a query (RFC 8414 §2)",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com#x\n",
        &[
            "6:13 authorization_servers.corporate.issuer: found \"https://login.example.com#x\"; expected a URL without a fragment",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://user:hunter2@login.example.com\n",
        &[
            "6:13 authorization_servers.corporate.issuer: found a URL that is not shown, since it may hold a secret; expected a URL without user name and password",
        ],
    ),
    (
        ISSUER,
        "    isuer: https://login.example.com\n",
        &[
            "6:5 authorization_servers.corporate.issuer: found nothing; expected the issuer's URL, exactly as its tokens spell it",
            "6:5 authorization_servers.corporate.isuer: found an unknown key; expected embedded, allow_http, issuer, ca, reach_at, accepted_issuers, profile, jwks, introspection, algorithms, token_types, clock_skew, scope_claims, subject_claims, required_claims, client_ids or refetch_floor; did you mean \"issuer\"?",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n  partner:\n    issuer: https://login.example.com\n",
        &[
            "8:13 authorization_servers.partner.issuer: found the issuer of authorization_servers.corporate; expected each issuer once; see gateway.yaml:6:13 authorization_servers.corporate.issuer",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    profile: keyclock\n",
        &[
            "7:14 authorization_servers.corporate.profile: found \"keyclock\"; expected a vendor: generic, auth0, entra, okta, keycloak, cognito, scalekit, wso2, google; did you mean \"keycloak\"?",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    jwks: {}\n",
        &["7:11 authorization_servers.corporate.jwks: found none of them; expected exactly one of discover, url, file"],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    jwks: {url: \"http://keys.example.com/\", file: keys.json}\n",
        &[
            "7:11 authorization_servers.corporate.jwks: found url and file; expected exactly one of discover, url, file",
            "7:17 authorization_servers.corporate.jwks.url: found \"http://keys.example.com/\"; expected an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)",
            "7:51 authorization_servers.corporate.jwks.file: found /nonexistent/keys.json, which cannot be read (No such file or directory (os error 2)); expected a file that can be read",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    jwks: {discover: false}\n",
        &[
            "7:22 authorization_servers.corporate.jwks.discover: found false; expected discover: true, or a `url` or a `file` in its place",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    algorithms: [none, HS256, ES256K, RS256, RS256]\n",
        &[
            "7:18 authorization_servers.corporate.algorithms[0]: found \"none\"; expected an asymmetric algorithm: with `none` everyone can forge tokens (RFC 8725 §3.1)",
            "7:24 authorization_servers.corporate.algorithms[1]: found \"HS256\"; expected an asymmetric algorithm: with HS* a key that verifies can also sign (RFC 8725 §3.1)",
            "7:31 authorization_servers.corporate.algorithms[2]: found \"ES256K\"; expected an asymmetric algorithm: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; did you mean \"ES256\"?",
            "7:46 authorization_servers.corporate.algorithms[4]: found \"RS256\" a second time; expected each one once; see gateway.yaml:7:39 authorization_servers.corporate.algorithms[3]",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    algorithms: []\n",
        &[
            "7:17 authorization_servers.corporate.algorithms: found an empty list; expected a non-empty list of asymmetric algorithms",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    token_types: [dpop+jwt, JWT, application/jwt, \"a b\"]\n",
        &[
            "7:19 authorization_servers.corporate.token_types[0]: found \"dpop+jwt\"; expected a type of access tokens: this one is for another purpose (RFC 8725 §3.12)",
            "7:34 authorization_servers.corporate.token_types[2]: found \"application/jwt\" a second time; expected each one once; see gateway.yaml:7:29 authorization_servers.corporate.token_types[1]",
            "7:51 authorization_servers.corporate.token_types[3]: found \"a b\"; expected a JWT type such as at+jwt or JWT",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    clock_skew: 6m\n",
        &[
            "7:17 authorization_servers.corporate.clock_skew: found \"6m\"; expected a duration such as 30s, 5m or 24h, from 0s to 5m",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    scope_claims: []\n",
        &[
            "7:19 authorization_servers.corporate.scope_claims: found an empty list; expected a non-empty list of claim names",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    refetch_floor: 999ms\n",
        &[
            "7:20 authorization_servers.corporate.refetch_floor: found \"999ms\"; expected a duration such as 30s, 5m or 24h, from 1s to 24h",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    allow_http: \"true\"\n",
        &[
            "7:17 authorization_servers.corporate.allow_http: found \"true\"; expected true or false without quotes; did you mean \"true\"?",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    embedded: {}\n",
        &[
            "6:13 authorization_servers.corporate.issuer: found a key of an external authorization server; expected `embedded` alone: its issuer is public_url and its path, and the format of its tokens is fixed",
            "7:15 authorization_servers.corporate.embedded.grants: found nothing; expected who may be granted which scopes: a scope that no entry names is never granted",
            "7:15 authorization_servers.corporate.embedded.login: found nothing; expected how users log in: a map with `accounts`, `oidc`, `github` or `demo_account`",
            "7:15 authorization_servers.corporate.embedded.path: found nothing; expected the authorization server's public path, such as /oauth",
        ],
    ),
    (
        "  corporate:\n",
        "  \"a b\":\n",
        &[
            "5:3 authorization_servers.\"a b\": found the name \"a b\"; expected a name of at most 64 letters, digits, dots, dashes and underscores",
        ],
    ),
    (
        "authorization_servers:\n  corporate:\n",
        "authorization_servers: {}\nissuers:\n  corporate:\n",
        &[
            "4:24 authorization_servers: found an empty map; expected at least one authorization server",
            "5:1 issuers: found an unknown key; expected public_url, hosts, trusted_proxies, listen, admin, keys, authorization_servers, servers, limits, documents, session_keys, log or drain",
        ],
    ),
    (
        "    issuer: https",
        "    <<: {}\n    issuer: https",
        &["6:5 found a merge key (<<); expected the keys themselves, written out"],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    jwks: discover\n",
        &["7:11 authorization_servers.corporate.jwks: found text; expected a map such as {url: …}"],
    ),
    (
        "  corporate:\n",
        "  \"\":\n    clock_skew: 1\n",
        &[
            "5:3 authorization_servers.\"\": found the name \"\"; expected a name of at most 64 letters, digits, dots, dashes and underscores",
            "6:17 authorization_servers.\"\".clock_skew: found the number 1; expected a duration such as 30s, 5m or 24h, from 0s to 5m; did you mean \"1s\"?",
        ],
    ),
];
