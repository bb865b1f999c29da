//! Slips at the beginning or the end of a value: comments, commas, units, kinds of quotes.

use super::{
    super::mistakes::{ACCESS, ISSUER, LISTEN, UPSTREAM},
    Case,
};

const PATH: &str = "    path: /weather/mcp\n";

pub(super) const CASES: &[Case] = &[
    (
        PATH,
        "    path: #/weather/mcp\n",
        &[
            "9:9 servers.weather.path: found nothing, because `#` begins a comment here; expected a path such as /weather/mcp (in quotes, if it begins with `#`)",
        ],
    ),
    (
        PATH,
        "    path: # the public one\n",
        &["9:9 servers.weather.path: found nothing; expected a path such as /weather/mcp"],
    ),
    (
        PATH,
        "    path: /weather/mcp,\n",
        &[
            "9:11 servers.weather.path: found \"/weather/mcp,\"; expected a path of letters, digits, / and -._~@:+, which every client writes in the same way (nothing ends a line of YAML: neither a comma nor a semicolon)",
        ],
    ),
    (
        PATH,
        "    // the public one\n    path: /weather/mcp\n",
        &["9:5 found `//`, which begins no comment in YAML; expected `#` in place of `//`"],
    ),
    (PATH, "    path: /weather\u{1}/mcp\n", &["9:19 found the control character U+0001; expected text without it"]),
    (
        LISTEN,
        "  - address: 127.0.0.1:8080#local\n",
        &[
            "3:14 listen[0].address: found \"127.0.0.1:8080#local\"; expected an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\" (a comment begins with `#` after a space)",
        ],
    ),
    (
        "listen:\n  - address: 127.0.0.1:8080\n",
        "listen: 127.0.0.1:8080\n",
        &["2:9 listen: found text; expected a list of maps with an address, each of which begins with `- `"],
    ),
    (
        LISTEN,
        "  - address: 0.0.0.0:8080\n    plaintext: \"true\"\n",
        &[
            "3:14 listen[0].address: found 0.0.0.0:8080 without TLS; expected `tls`, a loopback address, or `plaintext: true` where TLS ends in front of the gateway",
            "4:16 listen[0].plaintext: found \"true\"; expected true or false without quotes; did you mean \"true\"?",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    clock_skew: 30\n",
        &[
            "7:17 authorization_servers.corporate.clock_skew: found the number 30; expected a duration such as 30s, 5m or 24h, from 0s to 5m; did you mean \"30s\"?",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    clock_skew: 30 minutes\n",
        &[
            "7:17 authorization_servers.corporate.clock_skew: found \"30 minutes\"; expected a duration such as 30s, 5m or 24h, from 0s to 5m",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n    limits: {request_body: 10MB}\n",
        &[
            "12:28 servers.weather.limits.request_body: found \"10MB\"; expected a size with its unit (B, KiB, MiB, GiB), from 1B to 1GiB; did you mean \"10MiB\"?",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"127.0.0.1:8000/mcp\"}\n",
        &[
            "10:21 servers.weather.upstream.url: found \"127.0.0.1:8000/mcp\"; expected a URL that begins with https:// or http:// in lower case; did you mean \"http://127.0.0.1:8000/mcp\"?",
        ],
    ),
    (
        ACCESS,
        "    access: public\n",
        &[
            "11:13 servers.weather.access: found \"public\"; expected authenticated, or `rules` in place of `access`: only a rule can have `public: true`",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n    legacy_sse: no\n",
        &[
            "12:17 servers.weather.legacy_sse: found \"no\"; expected off, or a map with `path` and `upstream`; did you mean \"off\"?",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nlog: {level: warning}\n",
        &["12:14 log.level: found \"warning\"; expected error, warn, info, debug or trace; did you mean \"warn\"?"],
    ),
    (
        ACCESS,
        "    rules:\n",
        &["11:10 servers.weather.rules: found nothing; expected a list of rules, each of which begins with `- `"],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: [#get_*]\n",
        &[
            "12:17 found `#` without quotes, which in YAML begins a comment; expected quotes around the value, if it begins with `#`; otherwise a space before the comment",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: [get_* #all]\n        scopes: [a]\n",
        &[
            "12:16 found `[` that is not closed: `#` after a space hides the rest of its line; expected `]` before the comment, or quotes around a value that has `#`",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"\n      connect_timeout: 5s}\n",
        &["11:7 found two values without a comma between them; expected a comma between values in brackets"],
    ),
];
