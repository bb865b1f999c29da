//! The keys of `introspection` of an authorization server.

use std::time::Duration;

use crate::{
    base::limits::tokens::{INTROSPECTION_CACHE_MAX, INTROSPECTION_CACHE_MIN},
    config::keys::{
        row::{KeyRow, KeySection, NAME, SECRET, matching},
        typed::RangedKey,
    },
};

/// `introspection.cache`.
pub(in crate::config) const CACHE: RangedKey<Duration> = RangedKey {
    name: "cache",
    default: Duration::from_secs(30),
    least: INTROSPECTION_CACHE_MIN,
    most: INTROSPECTION_CACHE_MAX,
    about: "How long an answer counts, which is also how long a revoked token is still accepted, and how often an open \
            stream asks again. An answer never counts beyond `exp`, and a refusal for at most ten seconds.",
};

/// `authorization_servers.*.introspection`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "For opaque tokens: the gateway asks this authorization server whether a token is active (RFC 7662). A \
                token of three parts whose `iss` is configured is verified as a JWT of that issuer; every other token \
                goes to the one authorization server of the MCP server that has `introspection`.",
        one_of: &[],
        keys: vec![
            KeyRow::optional(
                "url",
                matching("a URL", "^https?://"),
                "The introspection endpoint, where the metadata does not name it.",
            )
            .or_else("`introspection_endpoint` of the issuer's metadata"),
            KeyRow::required("client_id", NAME, "The gateway's client id at the authorization server."),
            KeyRow::required("client_secret", SECRET, "The secret of that client."),
            CACHE.row(),
            KeyRow::flag(
                "only",
                "The authorization server signs no tokens for the gateway: its keys are not fetched, and its tokens are \
                 introspected even where they look like a JWT.",
            ),
        ],
    }
}
