//! What must hold for credentials that are no JWT: API keys, and what an issuer says about opaque tokens.

use std::time::Duration;

use portcullis::{
    base::clock::Now,
    decide::token::{
        api_key,
        introspection::{self, IntrospectionFault},
        jwt::{UnverifiedJwt, named_issuer},
        rules::TokenRules,
    },
};
use serde_json::Value;

/// Only `active: true` makes a caller, of this issuer, that is not over. Input: an answer.
pub(crate) fn introspection_answer(input: &[u8]) -> bool {
    const ISSUER: &str = "https://login.example";
    let now = Now { wall: Duration::from_secs(1_800_000_000), mono: Duration::ZERO };
    let rules = TokenRules::embedded("house".into(), ISSUER.into(), Duration::ZERO);
    let rules = TokenRules { token_types: vec!["jwt".into()], ..rules };
    match introspection::read(input, "token", &rules, now) {
        Ok(caller) => {
            let answer: Value = serde_json::from_slice(input).expect("an answer that is taken is JSON");
            assert_eq!(answer["active"], Value::Bool(true));
            assert!(answer.get("cnf").is_none() && answer.get("iss").is_none_or(|issuer| issuer == ISSUER));
            assert!(caller.issuer().as_str() == ISSUER && caller.expires() > now.wall && !caller.subject().is_empty());
            true
        }
        Err(IntrospectionFault::NotAnAnswer(_) | IntrospectionFault::Token(_)) => false,
    }
}

/// What is a whole API key has the prefix and one spelling, and nothing with the prefix is a JWT. Input: a token.
pub(crate) fn credential_form(input: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(input) else { return false };
    let (is_key, is_jwt) = (api_key::is_whole(token), UnverifiedJwt::read(token).is_ok());
    assert!(!is_key || (api_key::has_prefix(token) && token == token.to_ascii_lowercase() && !token.contains('.')));
    assert!(!(is_key && is_jwt));
    // What the reader of JWTs takes always names its issuer.
    assert!(!is_jwt || named_issuer(token).is_some());
    is_key || is_jwt
}
