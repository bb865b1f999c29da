//! Bounds on bearer tokens (SPEC B-07, B-35, B-36, B-38).

use std::time::Duration;

use super::{KIB, MIB};

/// Bytes of a bearer token, looked at before anything is decoded.
pub const TOKEN_BYTES_MAX: usize = 8 * KIB;
/// A key id is an opaque lookup string.
pub const KID_BYTES_MAX: usize = 256;
/// Nesting of a token's header and claims.
pub const TOKEN_JSON_DEPTH_MAX: u32 = 16;
/// Keys that are tried when a token names none, or when several share a name.
pub const KEYS_TRIED_MAX: usize = 8;
/// Largest `clock_skew` (RFC 7519 §4.1.4: "a few minutes").
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// Verified tokens that are remembered.
pub const TOKENS_REMEMBERED_MAX: u64 = 65_536;
/// Bytes that remembered tokens may take together.
pub const TOKENS_REMEMBERED_BYTES_MAX: u64 = 128 * MIB as u64;
