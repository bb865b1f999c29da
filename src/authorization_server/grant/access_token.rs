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
            error::{Code, OAuthError},
            people::Person,
            token_size::{self, TokenTooLarge},
        },
        json::pointer,
        policy::email::has_verified_email,
        token::{caller::Caller, jwt::UnverifiedJwt, rules::TokenRules},
    },
};

/// Claims that configuration cannot set: those set here, and `cnf`, which would claim a proof of
/// possession that did not happen.
const RESERVED: [&str; 10] = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "cnf"];

/// The content of an access token.
pub(crate) struct AccessGrant<'a> {
    /// `client_id`.
    pub(crate) client_id: &'a str,
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
/// `temporarily_unavailable` if there is no signing key yet, `server_error` if the token would be
/// too large.
pub(crate) fn sign(
    embedded: &Embedded,
    asked: &Asked<'_>,
    grant: &AccessGrant<'_>,
    ends: u64,
) -> Result<String, OAuthError> {
    let failed = |cause: &'static str| {
        tracing::error!(target: "portcullis::authorization_server", cause, "no token can be issued");
        Code::TemporarilyUnavailable.because("no token can be issued at the moment; try again later")
    };
    let unique = random::unguessable().map_err(failed)?;
    let id = format!("{}.{}", stem(grant.family), unique.get(..22).unwrap_or(&unique));
    let claims = claims(&embedded.settings, grant, &id, asked.now.unix_secs(), ends);
    let token = embedded.state.keys.sign(&claims, asked.now).map_err(failed)?;
    // Its servers would refuse a longer token, and the client would have its user sign in again and
    // again.
    token_size::check(token.len(), embedded.settings.token_bytes_max, &claims)
        .map_err(|large| too_large(large, grant.client_id))?;
    Ok(token)
}

/// Checks that the access token of this grant will not be too large for its servers.
///
/// # Errors
/// `server_error`, which names the claim.
pub(crate) fn check_size(settings: &EmbeddedSettings, grant: &AccessGrant<'_>) -> Result<(), OAuthError> {
    size(settings, grant).map_err(|large| too_large(large, grant.client_id))
}

/// As [`check_size`], without a word in the log.
///
/// # Errors
/// [`TokenTooLarge`].
pub(crate) fn size(settings: &EmbeddedSettings, grant: &AccessGrant<'_>) -> Result<(), TokenTooLarge> {
    const DIGITS: u64 = 9_999_999_999;
    let id = "x".repeat(45);
    let claims = claims(settings, grant, &id, DIGITS, DIGITS);
    token_size::check(token_size::signed_bytes(&claims), settings.token_bytes_max, &claims)
}

fn too_large(large: TokenTooLarge, client: &str) -> OAuthError {
    tracing::error!(
        target: "portcullis::authorization_server", client, claim = large.claim, claim_bytes = large.claim_bytes, bytes = large.bytes, most = large.most,
        "an access token is too large for its servers and is not issued; shorten the claim, or remove it from token_claims"
    );
    large.into()
}

fn claims(
    settings: &EmbeddedSettings,
    grant: &AccessGrant<'_>,
    id: &str,
    issued_at: u64,
    ends: u64,
) -> Map<String, Value> {
    let mut claims = Map::new();
    for name in settings.token_claims.iter().filter(|name| !RESERVED.contains(&&*pointer::root(name))) {
        if let Some(value) = grant.person.and_then(|person| claim(settings, person, name)) {
            pointer::insert(&mut claims, name, value);
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
    say("client_id", json!(grant.client_id));
    say("iat", json!(issued_at));
    say("exp", json!(ends));
    say("jti", json!(id));
    if !grant.scopes.is_empty() {
        say("scope", json!(Scope::join(grant.scopes)));
    }
    claims
}

/// A claim of the user that is configured for tokens. An address that counts for no grant must not
/// count for the rules of a server, or for an upstream, either.
fn claim(settings: &EmbeddedSettings, person: &Person, name: &str) -> Option<Value> {
    if pointer::root(name) == "email" && !has_verified_email(&person.claims, settings.login.trusts_email()) {
        return None;
    }
    match (&person.account, name) {
        (Some(_), "groups") => Some(json!(person.groups)),
        (Some(_), _) => None,
        (None, name) => pointer::find(&person.claims, name).cloned(),
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
