//! From a header to a caller: what was presented, which key, which claims.

pub mod assertion;
pub mod claims;
pub mod id_token;
pub mod jwk;
pub mod jwt;
pub mod presented;
#[cfg(test)]
pub(crate) mod testing;
mod token_type;
