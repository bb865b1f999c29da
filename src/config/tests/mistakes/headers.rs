//! Mistakes in `pass_headers`.

use super::{Case, UPSTREAM};

pub(super) const CASES: &[Case] = &[
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", pass_headers: x-auth-token}\n",
        &["10:64 servers.weather.upstream.pass_headers: found text; expected a list of header names, in brackets"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", pass_headers: [\"a b\", authorization, Cookie, x-forwarded-for, x_auth_token, x-api-key]}\n",
        &[
            "10:65 servers.weather.upstream.pass_headers[0]: found \"a b\"; expected a header name (letters, digits and -)",
            "10:72 servers.weather.upstream.pass_headers[1]: found \"authorization\"; expected a header that is removed because only a proxy could vouch for it: `portcullis explain` lists them; others pass already, or belong to HTTP and the gateway",
            "10:87 servers.weather.upstream.pass_headers[2]: found \"Cookie\"; expected a header that is removed because only a proxy could vouch for it: `portcullis explain` lists them; others pass already, or belong to HTTP and the gateway",
            "10:95 servers.weather.upstream.pass_headers[3]: found \"x-forwarded-for\"; expected a header that is removed because only a proxy could vouch for it: `portcullis explain` lists them; others pass already, or belong to HTTP and the gateway",
            "10:112 servers.weather.upstream.pass_headers[4]: found \"x_auth_token\"; expected a header that is removed because only a proxy could vouch for it: `portcullis explain` lists them; others pass already, or belong to HTTP and the gateway",
            "10:126 servers.weather.upstream.pass_headers[5]: found \"x-api-key\"; expected a header that is removed because only a proxy could vouch for it: `portcullis explain` lists them; others pass already, or belong to HTTP and the gateway",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", pass_headers: [X-Auth-Subject]}\n    identity_headers: {x_auth_subject: sub}\n",
        &[
            "10:65 servers.weather.upstream.pass_headers[0]: found the header x-auth-subject, which `identity_headers` sets; expected another header",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", pass_headers: [x-auth-token]}\n    credential: {header: {name: x-auth-token, value: \"env:SESSION_KEY\"}}\n",
        &[
            "10:65 servers.weather.upstream.pass_headers[0]: found the header x-auth-token, which `credential` sets; expected another header",
        ],
    ),
];
