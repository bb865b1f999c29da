//! Judges header and claims of a token by the rules of its issuer; also again, after a reload.

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::{
    base::clock::Now,
    decide::{
        refusal::TokenFault,
        token::{
            caller::{Caller, SignedHeader},
            claims, introspection,
            rules::TokenRules,
            token_type,
        },
    },
};

/// What must hold before the signature is looked at: `issuer` is a name of this issuer, which may
/// sign with `algorithm`.
pub(super) fn check_origin(issuer: &str, algorithm: Algorithm, rules: &TokenRules) -> Result<(), TokenFault> {
    if !rules.issuers.iter().any(|known| known.as_str() == issuer) {
        return Err(TokenFault::Issuer);
    }
    if !rules.algorithms.contains(&algorithm) {
        return Err(TokenFault::Algorithm);
    }
    Ok(())
}

/// The caller of a token whose origin and signature were checked.
pub(super) fn signed(
    header: SignedHeader,
    claims: &Arc<Map<String, Value>>,
    rules: &TokenRules,
    now: Now,
) -> Result<Caller, TokenFault> {
    let token_type = token_type::judge(header.typ.as_deref(), claims, rules).map_err(TokenFault::Type)?;
    let issuer = rules.issuers.first().ok_or(TokenFault::Issuer)?;
    let caller = claims::read(claims, token_type, issuer, rules, now)?;
    Ok(Caller { header: Some(header), ..caller })
}

/// The caller of the same token by `rules`, which may differ from those that it was verified with.
/// The signature, or the answer of the issuer, is not looked at: it must still count.
///
/// # Errors
/// [`TokenFault`]: with these rules, the token would be refused.
pub fn judged_again(caller: &Caller, rules: &TokenRules, now: Now) -> Result<Caller, TokenFault> {
    if let Some(token) = &caller.introspected {
        return introspection::described(Map::clone(&caller.claims), token.clone(), rules, now);
    }
    // Only a signed token has a header.
    let header = caller.header.clone().ok_or(TokenFault::Malformed)?;
    let issuer = caller.claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    check_origin(issuer, header.algorithm, rules)?;
    signed(header, &caller.claims, rules, now)
}

#[cfg(test)]
mod tests;
