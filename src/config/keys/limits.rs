//! The keys of a server's `limits`.

use crate::{
    base::limits::{
        held::{
            BODY_BYTES_MAX, BODY_BYTES_PER_CALLER, REQUESTS_MAX, REQUESTS_PER_CALLER as REQUESTS, SESSIONS_PER_CALLER,
            SESSIONS_PER_CALLER_MAX, STREAMS_PER_CALLER, STREAMS_PER_CALLER_MAX,
        },
        messages::{JSON_DEPTH, JSON_DEPTH_MAX, REQUEST_BODY_BYTES, REQUEST_BODY_BYTES_MAX},
        tokens::{TOKEN_BYTES, TOKEN_BYTES_LEAST, TOKEN_BYTES_MAX},
        upstreams::{UPSTREAM_CONNECTIONS, UPSTREAM_CONNECTIONS_MAX},
    },
    config::keys::{row::KeySection, typed::RangedKey},
};

const fn number(name: &'static str, default: u32, most: u32, about: &'static str) -> RangedKey<u32> {
    RangedKey { name, default, least: 1, most, about }
}

const fn size(name: &'static str, default: u64, most: u64, about: &'static str) -> RangedKey<u64> {
    RangedKey { name, default, least: 1, most, about }
}

/// `request_body`.
pub(in crate::config) const REQUEST_BODY: RangedKey<u64> =
    size("request_body", REQUEST_BODY_BYTES, REQUEST_BODY_BYTES_MAX, "The largest request body.");

/// `token`.
pub(in crate::config) const TOKEN: RangedKey<u64> = RangedKey {
    name: "token",
    default: TOKEN_BYTES as u64,
    least: TOKEN_BYTES_LEAST as u64,
    most: TOKEN_BYTES_MAX as u64,
    about: "The largest access token. The head of a request may have 17 KiB more, so proxies in front must also let it \
            through.",
};

/// `json_depth`.
pub(in crate::config) const NESTING: RangedKey<u32> =
    number("json_depth", JSON_DEPTH, JSON_DEPTH_MAX, "How deep JSON may be nested.");

/// `streams_per_caller`.
pub(in crate::config) const STREAMS: RangedKey<u32> = number(
    "streams_per_caller",
    STREAMS_PER_CALLER,
    STREAMS_PER_CALLER_MAX,
    "How many answer streams one caller may have open.",
);

/// `sessions_per_caller`.
pub(in crate::config) const SESSIONS: RangedKey<u32> = number(
    "sessions_per_caller",
    SESSIONS_PER_CALLER,
    SESSIONS_PER_CALLER_MAX,
    "How many sessions one caller may have begun and not ended. Sessions that are never ended stop counting, evenly over 30 minutes.",
);

/// `upstream_connections`.
pub(in crate::config) const CONNECTIONS: RangedKey<u32> = number(
    "upstream_connections",
    UPSTREAM_CONNECTIONS,
    UPSTREAM_CONNECTIONS_MAX,
    "How many HTTP/2 connections to the upstream may be open. A request that finds no free stream within \
     `connect_timeout` gets 503.",
);

/// `requests_per_caller`.
pub(in crate::config) const REQUESTS_PER_CALLER: RangedKey<u32> =
    number("requests_per_caller", REQUESTS, REQUESTS_MAX, "How many requests of one caller may be in progress.");

/// `body_bytes_per_caller`.
pub(in crate::config) const BODIES_PER_CALLER: RangedKey<u64> = size(
    "body_bytes_per_caller",
    BODY_BYTES_PER_CALLER,
    BODY_BYTES_MAX,
    "How many bytes are held in memory for one caller: request bodies, lists that are filtered, and the decoders of compressed answers that are not event streams (those count in the top `body_bytes` alone). One body is always accepted, if the caller's compressed event streams leave room in its quarter of `body_bytes`.",
);

/// `servers.*.limits`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "Limits of this server, most of them per caller.",
        one_of: &[],
        keys: vec![
            REQUEST_BODY.row(),
            TOKEN.row(),
            NESTING.row(),
            STREAMS.row(),
            SESSIONS.row(),
            CONNECTIONS.row(),
            REQUESTS_PER_CALLER.row(),
            BODIES_PER_CALLER.row(),
        ],
    }
}
