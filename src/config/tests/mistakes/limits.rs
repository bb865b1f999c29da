//! Mistakes in `limits`, of a server and of the whole file.

use super::{Case, UPSTREAM};

pub(super) const CASES: &[Case] = &[
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    limits: {request_body: 64, json_depth: 513, streams_per_caller: 0, sessions_per_caller: 1000001, upstream_connections: 65}\n",
        &[
            "11:28 servers.weather.limits.request_body: found the number 64; expected a size with its unit (B, KiB, MiB, GiB), from 1B to 1GiB",
            "11:44 servers.weather.limits.json_depth: found the number 513; expected a whole number from 1 to 512",
            "11:69 servers.weather.limits.streams_per_caller: found the number 0; expected a whole number from 1 to 65536",
            "11:93 servers.weather.limits.sessions_per_caller: found the number 1000001; expected a whole number from 1 to 1000000",
            "11:124 servers.weather.limits.upstream_connections: found the number 65; expected a whole number from 1 to 64",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    limits: {request_body: 4MB, json_depth: 064}\n",
        &[
            "11:28 servers.weather.limits.request_body: found \"4MB\"; expected a size with its unit (B, KiB, MiB, GiB), from 1B to 1GiB",
            "11:45 servers.weather.limits.json_depth: found the number 064; expected a whole number from 1 to 512",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    limits: {requests_per_caller: 0, body_bytes_per_caller: 2TiB}\n",
        &[
            "11:35 servers.weather.limits.requests_per_caller: found the number 0; expected a whole number from 1 to 65536",
            "11:61 servers.weather.limits.body_bytes_per_caller: found \"2TiB\"; expected a size with its unit (B, KiB, MiB, GiB), from 1B to 1024GiB",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: https://mcp.example.com\nlimits: {requests: 0, body_bytes: 3MiB}",
        &[
            "2:20 limits.requests: found the number 0; expected a whole number from 1 to 65536",
            "2:35 limits.body_bytes: found \"3MiB\"; expected a size with its unit (B, KiB, MiB, GiB), from 4MiB to 1024GiB, which is room for the largest `limits.request_body`",
        ],
    ),
];
