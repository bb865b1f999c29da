//! Tokens: from the `Authorization` field of a request to a verified caller.

pub mod access_mark;
pub mod api_key;
pub mod assertion;
pub(in crate::decide) mod audience;
pub mod caller;
mod claims;
pub mod id_token;
pub mod introspection;
pub mod judged;
pub mod jwk;
pub mod jwt;
pub mod machine_mark;
pub mod other_issuer;
pub mod presented;
pub mod refused;
pub mod requester;
pub mod rules;
pub mod subject;
#[cfg(test)]
pub(crate) mod testing;
mod times;
pub mod token_type;
pub mod told_claims;
