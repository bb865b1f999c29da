//! Reads the claims of a token with a valid signature, in the shapes that the RFCs allow.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    base::{
        clock::Now,
        digest::Digest,
        limits::tokens::CLOCK_SKEW_MAX,
        names::{Issuer, Scope},
    },
    decide::{
        json::pointer,
        policy::{claims::matches, email},
        refusal::{NotAccess, TokenFault},
        token::{
            caller::{Caller, sorted},
            rules::{AcceptedClients, TokenRules},
            subject::{is_of_client, subject},
            times::check_times,
            token_type::TokenType,
        },
    },
};

/// Makes a caller of `claims`, after the signature and the kind of token were checked.
pub(in crate::decide::token) fn read(
    claims: &Arc<Map<String, Value>>,
    token_type: TokenType,
    issuer: &Issuer,
    rules: &TokenRules,
    now: Now,
) -> Result<Caller, TokenFault> {
    let expires = check_times(claims, rules.clock_skew.min(CLOCK_SKEW_MAX), now)?;
    if claims.contains_key("cnf") {
        // Proof of possession is not supported. Without the proof, a sender-constrained token may
        // be stolen (RFC 7800 §3.1).
        return Err(TokenFault::SenderConstraint);
    }
    if claims.get("jti").is_some_and(|jti| !jti.is_string()) {
        return Err(TokenFault::Claims("jti"));
    }
    for (name, values) in &rules.required_claims {
        if !pointer::find(claims, name).is_some_and(|claim| matches(claim, values)) {
            return Err(TokenFault::Required(name.clone()));
        }
        if !email::may_count(claims, name) {
            return Err(TokenFault::Required(email::VERIFIED.into()));
        }
    }
    let client = client(claims, rules.client_claims)?;
    let is_marked = rules.machine_marks.iter().any(|mark| mark.is_in(claims, client.as_deref()));
    let subject = subject(claims, rules, is_marked)?;
    let audiences = audiences(claims)?;
    Ok(Caller {
        authorization_server: rules.name.clone(),
        issuer: issuer.clone(),
        principal: subject.principal(issuer),
        token_id: claims.get("jti").and_then(Value::as_str).map(|id| Digest::of(&[issuer, id])),
        is_machine: is_marked || subject.claim().is_some_and(|name| is_of_client(name, rules.client_claims)),
        subject,
        otherwise: by_client(&audiences, client.as_deref(), token_type, rules),
        client,
        scopes: scopes(claims, rules)?,
        audiences,
        token_type,
        expires,
        claims: Arc::clone(claims),
        introspected: None,
        header: None,
    })
}

/// `aud`: text or a list of texts (RFC 7519 §4.1.3). If it is absent, [`Caller::is_for`] refuses.
fn audiences(claims: &Map<String, Value>) -> Result<Vec<Box<str>>, TokenFault> {
    match claims.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.as_str().into()]),
        Some(Value::Array(all)) => {
            all.iter().map(|one| one.as_str().map(Box::from).ok_or(TokenFault::Claims("aud"))).collect()
        }
        Some(_) => Err(TokenFault::Claims("aud")),
    }
}

/// Whether the token's client makes it one for every server of its issuer (`client_ids`): `aud` is
/// absent or empty, or names the token's own client and nothing else.
///
/// Every ID token names its client in `aud` (OpenID Connect Core §2), and refresh tokens may. So a
/// token with this `aud` must surely be an access token; without an audience, a hint is enough.
fn by_client(
    audiences: &[Box<str>],
    client: Option<&str>,
    token_type: TokenType,
    rules: &TokenRules,
) -> Result<(), TokenFault> {
    let unknown = || TokenFault::Client(rules.client_claims.first().copied().unwrap_or("client_id"));
    let is_unset = rules.clients == AcceptedClients::Unset;
    match (audiences, client) {
        ([], _) if is_unset => Err(TokenFault::NoAudience),
        ([], None) => Err(unknown()),
        (_, None) => Err(TokenFault::Audience),
        (all, Some(client)) if is_unset || all.iter().any(|one| **one != *client) => Err(TokenFault::Audience),
        _ if token_type == TokenType::Unclear => Err(TokenFault::Type(NotAccess::Unproven)),
        ([_, ..], _) if token_type == TokenType::Likely => Err(TokenFault::Type(NotAccess::Hinted)),
        (_, Some(client)) if rules.clients.include(client) => Ok(()),
        _ => Err(unknown()),
    }
}

/// The first of the claims `names` that is present. A claim that is not a string is refused, not
/// skipped: the next claim might name another client.
fn client(claims: &Map<String, Value>, names: &[&'static str]) -> Result<Option<Arc<str>>, TokenFault> {
    match names.iter().find_map(|name| Some((*name, claims.get(*name)?))) {
        None => Ok(None),
        Some((_, Value::String(client))) if !client.is_empty() => Ok(Some(client.as_str().into())),
        Some((name, _)) => Err(TokenFault::Claims(name)),
    }
}

/// All scopes of the configured claims. A string is split at spaces only (RFC 6749 §3.3). Each
/// element of a list is one scope: `["a b"]` must not become two scopes, and no rule can name the
/// scope `a b`.
fn scopes(claims: &Map<String, Value>, rules: &TokenRules) -> Result<Vec<Scope>, TokenFault> {
    let mut scopes = Vec::new();
    for (name, claim) in rules.scope_claims.iter().filter_map(|name| Some((name, pointer::find(claims, name)?))) {
        let misshapen = || TokenFault::ScopeShape(name.clone());
        match claim {
            Value::String(text) => {
                scopes.extend(text.split(' ').filter(|one| !one.is_empty()).map(|one| scope(one, rules)));
            }
            Value::Array(list) => {
                for one in list {
                    scopes.push(scope(one.as_str().ok_or_else(misshapen)?, rules));
                }
            }
            _ => return Err(misshapen()),
        }
    }
    Ok(sorted(scopes))
}

/// `text` without the longest matching prefix of the configuration. A text that is only a prefix
/// stays unchanged.
fn scope(text: &str, rules: &TokenRules) -> Scope {
    let cut = rules.scope_prefixes.iter().filter_map(|prefix| text.strip_prefix(&**prefix));
    Scope::from(cut.filter(|rest| !rest.is_empty()).min_by_key(|rest| rest.len()).unwrap_or(text))
}

#[cfg(test)]
mod tests;
