//! Access tokens: what they say, and how the embedded server signs and reads them (RFC 9068).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        grant::revocations::stem,
        keys::random,
        settings::EmbeddedSettings,
    },
    base::names::Scope,
    decide::{
        authorization_server::{
            client::Client,
            error::{Code, OAuthError},
            people::Person,
        },
        token::{caller::Caller, jwt::UnverifiedJwt, rules::TokenRules},
    },
};

/// Claims that configuration cannot set: those set here, and `cnf`, which would claim a proof of
/// possession that did not happen.
const RESERVED: [&str; 10] = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "cnf"];

/// The content of an access token.
pub(crate) struct AccessGrant<'a> {
    /// The client.
    pub(crate) client: &'a Client,
    /// `sub`.
    pub(crate) subject: &'a str,
    /// The user, if the token is for one.
    pub(crate) person: Option<&'a Person>,
    /// `scope`.
    pub(crate) scopes: &'a [Scope],
    /// `aud`.
    pub(crate) resources: &'a [Box<str>],
    /// The refresh family; random text for an access token without a family.
    pub(crate) family: &'a str,
    /// The latest expiry, in seconds since 1970.
    pub(crate) ends: u64,
}

/// Signs an access token that expires at `ends` (RFC 9068 §2.2).
///
/// # Errors
/// `temporarily_unavailable` if there is no signing key yet.
pub(crate) fn sign(
    embedded: &Embedded,
    asked: &Asked<'_>,
    grant: &AccessGrant<'_>,
    ends: u64,
) -> Result<String, OAuthError> {
    let settings = &embedded.settings;
    let failed = |cause: &'static str| {
        tracing::error!(target: "portcullis::authorization_server", cause, "no token can be issued");
        Code::TemporarilyUnavailable.because("no token can be issued at the moment; try again later")
    };
    let unique = random::unguessable().map_err(failed)?;
    let mut claims = Map::new();
    for name in settings.token_claims.iter().filter(|name| !RESERVED.contains(&&***name)) {
        if let Some(value) = grant.person.and_then(|person| claim(person, name)) {
            claims.insert(name.to_string(), value);
        }
    }
    let mut say = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    say("iss", json!(settings.issuer));
    say("sub", json!(grant.subject));
    say(
        "aud",
        match grant.resources {
            [one] => json!(one),
            several => json!(several),
        },
    );
    say("client_id", json!(grant.client.id));
    say("iat", json!(asked.now.unix_secs()));
    say("exp", json!(ends));
    say("jti", json!(format!("{}.{}", stem(grant.family), unique.get(..22).unwrap_or(&unique))));
    if !grant.scopes.is_empty() {
        say("scope", json!(Scope::join(grant.scopes)));
    }
    embedded.state.keys.sign(&claims, asked.now).map_err(failed)
}

/// A claim of the user that is configured for tokens.
fn claim(person: &Person, name: &str) -> Option<Value> {
    match (&person.account, name) {
        (Some(_), "groups") => Some(json!(person.groups)),
        (Some(_), _) => None,
        (None, name) => person.claims.get(name).cloned(),
    }
}

/// The caller of an access token that this embedded server issued, unless it has expired. Does not
/// check revocation.
pub(crate) fn read(embedded: &Embedded, token: &str, asked: &Asked<'_>) -> Option<Caller> {
    let keys = embedded.state.keys.set()?;
    let caller = UnverifiedJwt::read(token).ok()?.verify(&rules(&embedded.settings), &keys, asked.now).ok()?;
    caller.check_expiry(asked.now, Duration::ZERO).ok()?;
    Some(caller)
}

/// The rules by which access tokens of this embedded server are verified.
pub(crate) fn rules(settings: &EmbeddedSettings) -> TokenRules {
    TokenRules::embedded(settings.name.clone(), settings.issuer.clone(), Duration::ZERO)
}
