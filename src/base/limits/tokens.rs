//! Bounds on bearer tokens (SPEC B-07, B-35, B-36, B-38).

use std::time::Duration;

use super::{KIB, MIB};

/// `limits.token`: bytes of a bearer token, checked before it is decoded. Entra ID puts 200 groups
/// into a token, and other issuers more.
pub const TOKEN_BYTES: usize = 32 * KIB;
/// The largest `limits.token`, and the least.
pub const TOKEN_BYTES_MAX: usize = 64 * KIB;
/// See [`TOKEN_BYTES_MAX`].
pub const TOKEN_BYTES_LEAST: usize = KIB;
/// Bytes of an ID token that the company IdP sends to the gateway itself, over a connection of the
/// gateway's. Group lists are long: Entra ID names up to 200 groups, and names of Active Directory
/// have 70 characters.
pub const ID_TOKEN_BYTES_MAX: usize = 64 * KIB;
/// An answer of the company IdP's token endpoint: an ID token, an access token that may be as long,
/// and a refresh token.
pub const IDP_TOKENS_BYTES_MAX: usize = 256 * KIB;
/// A key id is an opaque lookup string.
pub const KID_BYTES_MAX: usize = 256;
/// Nesting of a token's header and claims.
pub const TOKEN_JSON_DEPTH_MAX: u32 = 16;
/// Keys that are tried for a token without `kid`, or for a `kid` that several keys share.
pub const KEYS_TRIED_MAX: usize = 8;
/// Largest `clock_skew` (RFC 7519 §4.1.4: "a few minutes").
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// Remembered tokens.
pub const TOKENS_REMEMBERED_MAX: u64 = 65_536;
/// Bytes of all remembered tokens.
pub const TOKENS_REMEMBERED_BYTES_MAX: u64 = 128 * MIB as u64;
/// API keys: a key that is presented is compared with each.
pub const API_KEYS_MAX: usize = 1024;
/// Bytes of remembered introspection answers of one issuer.
pub const INTROSPECTED_BYTES_MAX: u64 = 32 * MIB as u64;
/// Remembered refusals by introspection of one issuer.
pub const REFUSED_REMEMBERED_MAX: u64 = 16_384;
/// How long such a refusal is remembered, at most: a token may become active.
pub const REFUSED_TTL_MAX: Duration = Duration::from_secs(10);
/// Shortest `introspection.cache`: each open stream asks as often.
pub const INTROSPECTION_CACHE_MIN: Duration = Duration::from_secs(1);
/// Longest `introspection.cache`: a revoked token is accepted for as long.
pub const INTROSPECTION_CACHE_MAX: Duration = Duration::from_secs(600);
