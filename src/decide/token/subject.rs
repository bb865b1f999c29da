//! Which claim names the caller of a token, and whether it may.

use serde_json::{Map, Value};

use crate::decide::{
    json::pointer,
    policy::email,
    refusal::TokenFault,
    token::{
        caller::CallerSubject,
        rules::{SUBJECT, TokenRules},
    },
};

/// Claims that name the client at some vendor.
const CLIENTS: [&str; 6] = ["client_id", "azp", "cid", "appid", "clientId", "client"];

/// Claims of the protocols, which a token of a machine has as well as one of a user.
const OF_A_PROTOCOL: [&str; 26] = [
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "typ",
    "ver",
    "v",
    "active",
    "token_type",
    "token_use",
    "tokenType",
    "scope",
    "scp",
    "scopes",
    "cnf",
    "azpacr",
    "appidacr",
    "roles",
    "permissions",
    // Keycloak. It writes the last two into tokens of service accounts alone.
    "realm_access",
    "resource_access",
    "allowed-origins",
    "clientHost",
    "clientAddress",
];

/// Claims in which issuers write how a token was granted.
const GRANTS: [&str; 2] = ["gty", "grant_type"];

/// The first claim of `subject_claims` that is present. One that is not text is refused, not
/// skipped: the next claim would name another caller.
///
/// All users of a client have the same client, so a claim of the client names a machine alone:
/// `is_marked`, or the token has nothing that could be about a user (attack 296). An address that
/// is not verified names no caller: any user could have typed it.
pub(super) fn subject(
    claims: &Map<String, Value>,
    rules: &TokenRules,
    is_marked: bool,
) -> Result<CallerSubject, TokenFault> {
    let names = &rules.subject_claims;
    match names.iter().find_map(|name| Some((name, pointer::find(claims, name)?))) {
        Some((name, _)) if !email::may_count(claims, name) => Err(TokenFault::Required(email::VERIFIED.into())),
        Some((name, _)) if is_of_client(name, rules.client_claims) && !is_marked && may_be_of_a_user(claims, rules) => {
            let of_users: Vec<&str> =
                names.iter().map(|name| &**name).filter(|name| !is_of_client(name, rules.client_claims)).collect();
            let wanted = if of_users.is_empty() { SUBJECT.to_owned() } else { of_users.join(", ") };
            Err(TokenFault::Subject(wanted.into()))
        }
        Some((name, Value::String(subject))) if !subject.is_empty() => Ok(CallerSubject::new(name, subject)),
        Some((name, _)) => Err(TokenFault::Subject(name.clone())),
        None => Err(TokenFault::Subject(names.join(", ").into())),
    }
}

/// Whether the claim `name` holds the client of a token: one of those that do so anywhere, or of
/// `client_claims`.
#[must_use]
pub fn is_of_client(name: &str, client_claims: &[&str]) -> bool {
    let name = &*pointer::root(name);
    CLIENTS.contains(&name) || client_claims.contains(&name)
}

/// Whether a claim could be about a user: any that is not of the protocols. What issuers call the
/// claims of their users cannot be listed.
fn may_be_of_a_user(claims: &Map<String, Value>, rules: &TokenRules) -> bool {
    let holds_scopes = |name: &str| rules.scope_claims.iter().any(|claim| pointer::root(claim) == name);
    let is_required = |name: &str| rules.required_claims.iter().any(|(claim, _)| pointer::root(claim) == name);
    let is_of_a_protocol = |name: &str, value: &Value| {
        // An introspection answer may hold `null` for what there is not.
        value.is_null()
            || OF_A_PROTOCOL.contains(&name)
            || CLIENTS.contains(&name)
            || rules.client_claims.contains(&name)
            || holds_scopes(name)
            || (GRANTS.contains(&name) && is_granted_to_a_client(value))
            || (is_required(name) && names_a_tenant(name))
    };
    !claims.iter().all(|(name, value)| is_of_a_protocol(name, value))
}

/// Whether the grant is `client_credentials`, as text or as the only one of a list.
fn is_granted_to_a_client(grant: &Value) -> bool {
    let is_own =
        |one: &Value| one.as_str().is_some_and(|text| matches!(text, "client_credentials" | "client-credentials"));
    is_own(grant) || grant.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(is_own))
}

/// Whether the name is that of a claim with an organization.
fn names_a_tenant(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    ["tid", "hd", "dct"].contains(&&*last) || ["org", "tenant"].iter().any(|start| last.starts_with(start))
}

#[cfg(test)]
mod tests;
