//! Mistakes in `upstream.tls`, `upstream.query` and `upstream.aliases`.

use super::{Case, UPSTREAM};

pub(super) const CASES: &[Case] = &[
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", tls: {key: a.key}}\n",
        &[
            "10:55 servers.weather.upstream.tls: found a map; expected no `tls` where the URL is http://, or an https:// URL",
            "10:61 servers.weather.upstream.tls.key: found \"a.key\"; expected `certificate` beside it: the certificate of the key",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"https://127.0.0.1:8000/mcp\", tls: {certificate: a.crt}}\n",
        &[
            "10:70 servers.weather.upstream.tls.certificate: found \"a.crt\"; expected `key` beside it: the private key of the certificate",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"https://127.0.0.1:8000/mcp\", tls: {key: a.key}}\n",
        &[
            "10:62 servers.weather.upstream.tls.key: found \"a.key\"; expected `certificate` beside it: the certificate of the key",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", aliases: [\"http://a/\", \"http://u@a\", mcp, \"http://a\"]}\n",
        &[
            "10:60 servers.weather.upstream.aliases[0]: found \"http://a/\"; expected a scheme, a host and a port such as http://mcp.internal:8000, without a path",
            "10:73 servers.weather.upstream.aliases[1]: found a URL that is not shown, since it may hold a secret; expected a URL without user name and password",
            "10:87 servers.weather.upstream.aliases[2]: found \"mcp\"; expected a URL that begins with https:// or http:// in lower case",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", query: drops}\n",
        &[
            "10:57 servers.weather.upstream.query: found \"drops\"; expected forward, drop, or a list of the parameters that pass; did you mean \"drop\"?",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", query: []}\n",
        &[
            "10:57 servers.weather.upstream.query: found an empty list; expected a non-empty list of names of parameters, or `drop` in place of the list",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", query: [a, Access_Token, a]}\n",
        &[
            "10:61 servers.weather.upstream.query[1]: found \"Access_Token\"; expected no access_token: a token in a URL is refused, because proxies log URLs (RFC 6750 §5.3)",
            "10:75 servers.weather.upstream.query[2]: found \"a\" a second time; expected each one once; see gateway.yaml:10:58 servers.weather.upstream.query[0]",
        ],
    ),
];
