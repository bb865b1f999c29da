//! Values of the wrong shape, keys in the wrong place, and references to secrets.

use super::{
    super::mistakes::{ACCESS, ISSUER, LISTEN, UPSTREAM},
    Case,
};

pub(super) const CASES: &[Case] = &[
    (
        UPSTREAM,
        "    upstream: {url: http://127.0.0.1:8000/mcp#x}\n",
        &[
            "10:21 servers.weather.upstream.url: found \"http://127.0.0.1:8000/mcp#x\"; expected a URL without a fragment",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n    path: /x\n",
        &[
            "12:5 servers.weather.path: found this key a second time; expected each key once; see gateway.yaml:9:5 servers.weather.path",
        ],
    ),
    (
        LISTEN,
        "  - address: 0.0.0.0:8080\n    plaintext: yes\n",
        &[
            "3:14 listen[0].address: found 0.0.0.0:8080 without TLS; expected `tls`, a loopback address, or `plaintext: true` where TLS ends in front of the gateway",
            "4:16 listen[0].plaintext: found \"yes\"; expected true or false; did you mean \"true\"?",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n    url: http://x\n    connect_timeout: 5s\n",
        &[
            "12:5 servers.weather.url: found an unknown key; expected path, root, upstream, paths, authorization_servers, audiences, scopes, scopes_supported, challenge_scope, scope_implies, access, rules, hide, advertise_scopes, deny_as, credential, identity_headers, allowed_origins, limits, batches, stream_keep_alive or legacy_sse; did you mean \"servers.weather.upstream.url\"?",
            "13:5 servers.weather.connect_timeout: found an unknown key; expected path, root, upstream, paths, authorization_servers, audiences, scopes, scopes_supported, challenge_scope, scope_implies, access, rules, hide, advertise_scopes, deny_as, credential, identity_headers, allowed_origins, limits, batches, stream_keep_alive or legacy_sse; did you mean \"servers.weather.upstream.connect_timeout\"?",
        ],
    ),
    (
        "public_url",
        "audiences: [x]\npublic_url",
        &[
            "1:1 audiences: found an unknown key; expected public_url, hosts, trusted_proxies, listen, admin, keys, authorization_servers, servers, limits, documents, session_keys, log or drain; did you mean \"servers.NAME.audiences\"?",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    scopes: [a]\n",
        &[
            "7:5 authorization_servers.corporate.scopes: found an unknown key; expected embedded, allow_http, issuer, profile, ca, reach_at, accepted_issuers, jwks, introspection, algorithms, token_types, clock_skew, scope_claims, subject_claims, required_claims, client_ids or refetch_floor",
        ],
    ),
    (
        "  weather:\n    path",
        "  - weather:\n    path",
        &["8:3 servers: found a list; expected a map of servers by name: a name and a colon in place of each `- `"],
    ),
    (
        "  corporate:\n    issuer: https://login.example.com\n",
        "  - issuer: https://login.example.com\n",
        &[
            "5:3 authorization_servers: found a list; expected a map of authorization servers by name: a name and a colon in place of each `- `",
        ],
    ),
    (
        LISTEN,
        "  address: 127.0.0.1:8080\n",
        &["3:3 listen: found a map; expected a list of maps with an address, each of which begins with `- `"],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: get_x\n",
        &["12:16 servers.weather.rules[0].tools: found text; expected a list of patterns, in brackets"],
    ),
    (
        UPSTREAM,
        "    upstream: http://127.0.0.1:8000/mcp\n",
        &["10:15 servers.weather.upstream: found text; expected a map such as {url: …}"],
    ),
    (
        ACCESS,
        "    access: authenticated,\n",
        &[
            "11:13 servers.weather.access: found \"authenticated,\"; expected authenticated, or `rules` in place of `access`: only a rule can have `public: true`; did you mean \"authenticated\"?",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com/mcp",
        &[
            "1:13 public_url: found \"https://mcp.example.com/mcp\"; expected scheme, host and port only, without a slash or a path: each server's `path` follows it; did you mean \"https://mcp.example.com\"?",
        ],
    ),
    (
        LISTEN,
        "  - address: 127.0.0.1\n",
        &[
            "3:14 listen[0].address: found \"127.0.0.1\"; expected an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\"",
        ],
    ),
    (
        LISTEN,
        "  - address: :8080\n",
        &[
            "3:14 listen[0].address: found \":8080\"; expected an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\"; did you mean \"0.0.0.0:8080\"?",
        ],
    ),
    (
        LISTEN,
        "  - address: 8080\n",
        &[
            "3:14 listen[0].address: found the number 8080; expected an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\"; did you mean \"0.0.0.0:8080\"?",
        ],
    ),
    (
        "listen:\n  - address: 127.0.0.1:8080\n",
        "listen: 127.0.0.1:8080\n",
        &["2:9 listen: found text; expected a list of maps with an address, each of which begins with `- `"],
    ),
    (LISTEN, "  - 127.0.0.1:8080\n", &["3:5 listen[0]: found text; expected a map such as {address: …}"]),
    (
        UPSTREAM,
        "    upstream: {url: \"https://mcp.example.com/weather/mcp\"}\n",
        &[
            "10:21 servers.weather.upstream.url: found mcp.example.com:443, which is this gateway; expected the address of the MCP server itself",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com/.well-known/openid-configuration\n",
        &[
            "6:13 authorization_servers.corporate.issuer: found \"https://login.example.com/.well-known/openid-configuration\"; expected the issuer itself, and not the URL of its metadata; did you mean \"https://login.example.com\"?",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nsession_keys: [ENV:SESSION_KEY]\n",
        &[
            "12:16 session_keys[0]: found a reference in capitals (not shown); expected env:NAME or file:PATH, with env and file in lower case",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nsession_keys: [\"$SESSION_KEY\"]\n",
        &[
            "12:16 session_keys[0]: found a reference that is spelt in another way (not shown); expected a reference to a secret: env:NAME or file:PATH",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nsession_keys: [env: SESSION_KEY]\n",
        &[
            "12:16 session_keys[0]: found `env: ` with a space, which makes a map; expected env:NAME without a space, in quotes",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nsession_keys: env:SESSION_KEY\n",
        &["12:15 session_keys: found text; expected a list of references to secrets, in brackets"],
    ),
    (
        ACCESS,
        "    access: authenticated\nsession_keys: [\"env:SESSION-KEY\"]\n",
        &[
            "12:16 session_keys[0]: found a reference to a variable that can have no such name (not shown); expected env:NAME, with letters, digits and _",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: [a, [b]]\n",
        &[
            "12:20 servers.weather.rules[0].tools[1]: found a list; expected a pattern: a name, with * for any text and ? for any character",
        ],
    ),
    (
        ACCESS,
        "    rules: [{tools: [&x], deny: true}]\n",
        &[
            "11:24 servers.weather.rules[0].tools[0]: found nothing; expected a pattern: a name, with * for any text and ? for any character",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nsession_keys:\n  - hunter2 hunter2\n",
        &[
            "13:5 session_keys[0]: found a value that is not a reference (not shown); expected a reference to a secret, which does not belong into this file: env:NAME or file:PATH",
        ],
    ),
];
