//! The time claims of a JWT: `exp`, `nbf` and `iat` (RFC 7519 §4.1).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{base::clock::Now, decide::refusal::TokenFault};

/// Checks `exp`, `nbf` and `iat`, and returns `exp`.
pub(in crate::decide::token) fn check_times(
    claims: &Map<String, Value>,
    skew: Duration,
    now: Now,
) -> Result<Duration, TokenFault> {
    let expires = claims.get("exp").and_then(time).ok_or(TokenFault::Time("exp"))?;
    if now.wall >= expires.saturating_add(skew) {
        return Err(TokenFault::Expired);
    }
    for name in ["nbf", "iat"] {
        let Some(value) = claims.get(name) else { continue };
        if time(value).ok_or(TokenFault::Time(name))? > now.wall.saturating_add(skew) {
            return Err(TokenFault::NotYetValid);
        }
    }
    Ok(expires)
}

/// A NumericDate (RFC 7519 §2): seconds since 1970, perhaps with a fraction. Above 2^53, readers
/// disagree about the value.
pub(in crate::decide::token) fn time(value: &Value) -> Option<Duration> {
    const SECS_MAX: u64 = 1 << 53;
    let time = match value.as_u64() {
        Some(secs) => Duration::from_secs(secs),
        None => Duration::try_from_secs_f64(value.as_f64()?).ok()?,
    };
    (time <= Duration::from_secs(SECS_MAX)).then_some(time)
}
