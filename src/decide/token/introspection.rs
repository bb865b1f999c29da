//! Reads an introspection answer as claims, with the same checks as a JWT's (RFC 7662 §2.2).

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use crate::{
    base::{clock::Now, limits::tokens::TOKEN_JSON_DEPTH_MAX, names::Issuer, secret::Secret},
    decide::{
        json::strict,
        refusal::{TokenFault, fault::NotAccess},
        token::{
            caller::Caller,
            claims,
            rules::TokenRules,
            token_type::{self, TokenType},
        },
    },
};

/// An `exp` that never comes: the largest that every reader understands.
const NEVER_SECS: u64 = 1 << 53;

/// Why an answer makes no caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntrospectionFault {
    /// It is no answer of RFC 7662, so nothing is known about the token.
    NotAnAnswer(&'static str),
    /// The token is refused.
    Token(TokenFault),
}

/// The caller that the issuer describes in `body`, the answer about `token`.
///
/// `active` must be `true` itself. Issuer, audience, scope and time are checked as those of a JWT;
/// `iss` may be absent, because the issuer itself answers, and `exp`, because `active` is asked for
/// again and again. `rules.token_types` does not apply: an answer has no header.
///
/// # Errors
/// [`IntrospectionFault`].
pub fn read(body: &[u8], token: &str, rules: &TokenRules, now: Now) -> Result<Caller, IntrospectionFault> {
    use IntrospectionFault::{NotAnAnswer, Token};
    let answer = strict::object(body, TOKEN_JSON_DEPTH_MAX)
        .map_err(|strict::NotStrict| NotAnAnswer("not a JSON object with one meaning"))?;
    match answer.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Token(TokenFault::Inactive)),
        // RFC 7662 §2.2: a boolean. `"true"` may mean anything.
        _ => return Err(NotAnAnswer("`active` is neither true nor false")),
    }
    described(answer, Secret::new(token.as_bytes().to_vec()), rules, now).map_err(Token)
}

/// The caller of `token`, which `answer` says is active.
pub(super) fn described(
    mut answer: Map<String, Value>,
    token: Secret,
    rules: &TokenRules,
    now: Now,
) -> Result<Caller, TokenFault> {
    let issuer = issuer(&answer, rules)?;
    let is_said = says_access(&answer)?;
    // Hydra's word for what others call `access`.
    if answer.get("token_use").is_some_and(|usage| usage == "access_token") {
        answer.insert("token_use".to_owned(), "access".into());
    }
    let judged = token_type::judge_claims(&answer, rules).map_err(TokenFault::Type)?;
    // `token_type` is of access tokens alone (RFC 6749 §5.1), so no other mark is needed.
    let token_type = if is_said { TokenType::Access } else { judged };
    let has_expiry = answer.contains_key("exp");
    if !has_expiry {
        answer.insert("exp".to_owned(), NEVER_SECS.into());
    }
    let mut caller = claims::read(&Arc::new(answer), token_type, issuer, rules, now)?;
    if !has_expiry {
        caller.expires = Duration::MAX;
        let mut claims = Map::clone(&caller.claims);
        claims.remove("exp");
        caller.claims = Arc::new(claims);
    }
    caller.introspected = Some(token);
    Ok(caller)
}

/// The issuer that was asked. If the answer names one, it must be one of its names.
fn issuer<'r>(answer: &Map<String, Value>, rules: &'r TokenRules) -> Result<&'r Issuer, TokenFault> {
    let is_named = match answer.get("iss") {
        None => true,
        Some(Value::String(name)) => rules.issuers.iter().any(|issuer| issuer.as_str() == name),
        Some(_) => false,
    };
    rules.issuers.first().filter(|_| is_named).ok_or(TokenFault::Issuer)
}

/// Whether `token_type` of the answer says that it is an access token (RFC 6749 §7.1). Some servers
/// write the kind of the token instead.
fn says_access(answer: &Map<String, Value>) -> Result<bool, TokenFault> {
    const ACCESS: [&str; 4] = [
        "bearer",
        "access_token",
        "urn:ietf:params:oauth:token-type:access_token",
        "urn:pingidentity.com:oauth2:validated_token",
    ];
    match answer.get("token_type") {
        None => Ok(false),
        Some(Value::String(name)) if ACCESS.iter().any(|one| name.eq_ignore_ascii_case(one)) => Ok(true),
        Some(Value::String(name)) if name.eq_ignore_ascii_case("dpop") => Err(TokenFault::SenderConstraint),
        // A refresh token is active, too.
        Some(_) => Err(TokenFault::Type(NotAccess::Says("token_type"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::token::testing::{ISSUER, NOW_SECS, RESOURCE, now, rules};

    fn good() -> Value {
        json!({
            "active": true, "iss": ISSUER, "sub": "alice", "client_id": "c", "aud": RESOURCE, "scope": "b a",
            "exp": NOW_SECS + 60, "token_type": "Bearer",
        })
    }

    fn read_value(answer: &Value) -> Result<Caller, IntrospectionFault> {
        read(answer.to_string().as_bytes(), "opaque", &rules(), now())
    }

    fn with(name: &str, value: Value) -> Value {
        let mut answer = good();
        answer[name] = value;
        answer
    }

    fn without(name: &str) -> Value {
        let mut answer = good();
        answer.as_object_mut().unwrap().remove(name);
        answer
    }

    #[test]
    fn b55_people_a10_an_active_token_is_a_caller() {
        let caller = read_value(&good()).unwrap();
        assert_eq!((caller.subject(), caller.client()), ("alice", Some("c")));
        assert_eq!(caller.scopes().iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(caller.introspected().map(Secret::expose), Some(&b"opaque"[..]));
        assert!(caller.is_for(&RESOURCE.into(), &[]).is_ok());
        let issuer = read_value(&without("iss")).unwrap();
        assert_eq!(issuer.issuer().as_str(), ISSUER, "the one that was asked");
        let lasting = read_value(&without("exp")).unwrap();
        assert_eq!((lasting.expires(), lasting.claims().get("exp")), (Duration::MAX, None));
        for kind in ["bearer", "BEARER", "access_token"] {
            assert!(read_value(&with("token_type", json!(kind))).is_ok(), "{kind}");
        }
        assert!(read_value(&without("token_type")).is_ok());
        assert!(read_value(&with("token_use", json!("access_token"))).is_ok());
    }

    #[test]
    fn attack_090_people_a10_an_odd_answer_is_never_a_caller() {
        use IntrospectionFault::{NotAnAnswer, Token};
        let not_bool = NotAnAnswer("`active` is neither true nor false");
        let says = |claim| Token(TokenFault::Type(NotAccess::Says(claim)));
        for (answer, fault) in [
            (json!({"active": false}), Token(TokenFault::Inactive)),
            (with("active", json!(false)), Token(TokenFault::Inactive)),
            (with("active", json!("true")), not_bool.clone()),
            (with("active", json!(1)), not_bool.clone()),
            (with("active", json!([true])), not_bool.clone()),
            (with("active", Value::Null), not_bool.clone()),
            (without("active"), not_bool.clone()),
            (json!({}), not_bool),
            (with("iss", json!("https://other.example")), Token(TokenFault::Issuer)),
            (with("iss", json!([ISSUER])), Token(TokenFault::Issuer)),
            (with("exp", json!(NOW_SECS - 600)), Token(TokenFault::Expired)),
            (with("exp", json!("soon")), Token(TokenFault::Time("exp"))),
            (with("exp", Value::Null), Token(TokenFault::Time("exp"))),
            (with("nbf", json!(NOW_SECS + 600)), Token(TokenFault::NotYetValid)),
            (with("scope", json!({"a": true})), Token(TokenFault::ScopeShape("scope".into()))),
            (with("cnf", json!({"jkt": "x"})), Token(TokenFault::SenderConstraint)),
            (with("token_type", json!("DPoP")), Token(TokenFault::SenderConstraint)),
            (with("token_type", json!("refresh_token")), says("token_type")),
            (with("token_type", json!(["Bearer"])), says("token_type")),
            (with("token_use", json!("refresh_token")), says("token_use")),
            (with("typ", json!("Refresh")), says("typ")),
            (with("sub", json!(7)), Token(TokenFault::Subject("sub".into()))),
        ] {
            assert_eq!(read_value(&answer), Err(fault), "{answer}");
        }
        for text in [
            "",
            "null",
            "true",
            "[{\"active\":true}]",
            "{\"active\":true",
            "{\"active\":false,\"active\":true}",
            "<html>",
        ] {
            let fault = read(text.as_bytes(), "t", &rules(), now()).unwrap_err();
            assert!(matches!(fault, NotAnAnswer(_)), "{text}: {fault:?}");
        }
        let elsewhere = read_value(&with("aud", json!("https://gw.example/other"))).unwrap();
        assert!(elsewhere.is_for(&RESOURCE.into(), &[]).is_err(), "the audience is each server's matter");
        assert!(read_value(&without("aud")).is_ok_and(|caller| caller.is_for(&RESOURCE.into(), &[]).is_err()));
    }
}
