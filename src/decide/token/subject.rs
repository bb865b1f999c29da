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

/// Claims that show that a token is a user's, where it has no `sub`.
const OF_A_USER: [&str; 18] = [
    "preferred_username",
    "username",
    "user_name",
    "user_id",
    "uid",
    "upn",
    "unique_name",
    "email",
    "given_name",
    "family_name",
    "nickname",
    "phone_number",
    "sid",
    "session_state",
    "session_id",
    "auth_time",
    "amr",
    "nonce",
];

/// The first claim of `subject_claims` that is present. One that is not text is refused, not
/// skipped: the next claim would name another caller.
///
/// All users of a client have the same client, so a claim of the client names a machine alone:
/// `is_marked`, or nothing in the token shows a user (attack 296). An address that is not verified
/// names no caller: any user could have typed it.
pub(super) fn subject(
    claims: &Map<String, Value>,
    rules: &TokenRules,
    is_marked: bool,
) -> Result<CallerSubject, TokenFault> {
    let names = &rules.subject_claims;
    match names.iter().find_map(|name| Some((name, pointer::find(claims, name)?))) {
        Some((name, _)) if !email::may_count(claims, name) => Err(TokenFault::Required(email::VERIFIED.into())),
        Some((name, _)) if is_of_client(name, rules.client_claims) && !is_marked && shows_a_user(claims) => {
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

fn shows_a_user(claims: &Map<String, Value>) -> bool {
    // An introspection answer may hold `null` for what there is not.
    let has = |name: &str| claims.get(name).is_some_and(|value| !value.is_null());
    has(SUBJECT) || OF_A_USER.iter().any(|name| has(name))
}

#[cfg(test)]
mod tests;
