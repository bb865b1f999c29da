//! From a header to a caller: what was presented, which key, which claims.

pub mod claims;
pub mod jwk;
pub mod jwt;
pub mod presented;
