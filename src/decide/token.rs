//! From a header to a caller: what was presented, which key, which claims.

pub mod assertion;
pub mod claims;
pub mod id_token;
pub mod jwk;
pub mod jwt;
mod kind;
pub mod presented;
pub mod strict_json;
#[cfg(test)]
pub(crate) mod testing;
