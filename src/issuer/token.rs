//! The token endpoint: a code, a refresh token or a client's own proof for an access token (SPEC E-20…E-27).

use std::time::Duration;

use http::{StatusCode, header::CONTENT_TYPE};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

use crate::{
    base::{limits::CLOCK_SKEW_MAX, names::Scope},
    decide::{
        authorization_server::{
            client::Client,
            error::{Code, OAuthError},
            form::Form,
            people::Person,
        },
        token::{caller::Caller, jwt::UnverifiedJwt, rules::TokenRules},
    },
    issuer::{
        Answer, Asked, Embedded, Sent, clients, event,
        reply::{self, Denied},
        revocations::stem,
        seal,
        store::{Kind, StoreFault},
    },
};

mod code;
mod credentials;
mod refresh;
#[cfg(test)]
mod tests;

pub(super) use refresh::read as read_refresh_token;

/// Claims that are ours to say, and `cnf`, which would promise a proof of possession that nobody gave.
const OURS: [&str; 10] = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "cnf"];

/// `POST token`.
pub(super) async fn issue(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    match answer(embedded, asked).await {
        Ok(answer) => answer,
        Err(denied) => reply::deny(&denied, clients::tried_basic(asked)),
    }
}

async fn answer(embedded: &Embedded, asked: &Asked<'_>) -> Result<Answer, Denied> {
    let form = form(asked)?;
    let grant = form.get("grant_type").ok_or_else(|| Code::InvalidRequest.because("grant_type is missing"))?;
    if !["authorization_code", "refresh_token", "client_credentials"].contains(&grant) {
        return Err(Code::UnsupportedGrantType.because("not a grant_type that is served here").into());
    }
    let client = clients::authenticate(embedded, &form, asked).await?;
    let issued = match grant {
        "authorization_code" => code::exchange(embedded, &client, &form, asked).await,
        "refresh_token" => refresh::exchange(embedded, &client, &form, asked).await,
        _ => credentials::issue(embedded, &client, &form, asked).await,
    };
    if let Err(denied) = &issued {
        event::note(embedded, "token", Some(&client.id), None, denied.error.code.row().0);
    }
    issued
}

/// What a client posts: a form and nothing else, so that a page of another site cannot make a browser send it as JSON text
/// (SPEC E-20).
pub(super) fn form(asked: &Asked<'_>) -> Result<Form, OAuthError> {
    let essence = asked.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = essence.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Code::InvalidRequest.because("parameters come as application/x-www-form-urlencoded"));
    }
    Form::read(&asked.body)
}

/// What an access token is to say.
struct Grant<'a> {
    client: &'a Client,
    subject: &'a str,
    person: Option<&'a Person>,
    scopes: &'a [Scope],
    resources: &'a [Box<str>],
    /// The family, or what stands in for one.
    family: &'a str,
    /// No later than this, in seconds since 1970.
    ends: u64,
}

/// A refresh token on its way out, and what to do when it has got there.
struct Renewal {
    token: String,
    sent: Option<Sent>,
}

/// Signs an access token and answers with it.
fn issued(
    embedded: &Embedded,
    asked: &Asked<'_>,
    grant: &Grant<'_>,
    renewal: Option<Renewal>,
) -> Result<Answer, OAuthError> {
    let now = asked.now.unix_secs();
    let ends = now.saturating_add(embedded.settings.access_token_ttl.as_secs()).min(grant.ends);
    let token = sign(embedded, asked, grant, ends)?;
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    say("access_token", json!(token));
    say("token_type", json!("Bearer"));
    say("expires_in", json!(ends.saturating_sub(now)));
    if !grant.scopes.is_empty() {
        say("scope", json!(Scope::join(grant.scopes)));
    }
    let mut sent = None;
    if let Some(renewal) = renewal {
        say("refresh_token", json!(renewal.token));
        sent = renewal.sent;
    }
    let mut answer = reply::json(StatusCode::OK, &Value::Object(body));
    answer.sent = sent;
    Ok(answer)
}

/// RFC 9068 §2.2.
fn sign(embedded: &Embedded, asked: &Asked<'_>, grant: &Grant<'_>, ends: u64) -> Result<String, OAuthError> {
    let settings = &embedded.settings;
    let helpless = |cause: &'static str| {
        tracing::error!(target: "portcullis::issuer", cause, "no token can be made");
        Code::TemporarilyUnavailable.because("no token can be made at the moment")
    };
    let random = seal::unguessable().map_err(helpless)?;
    let mut claims = Map::new();
    for name in settings.token_claims.iter().filter(|name| !OURS.contains(&&***name)) {
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
    say("jti", json!(format!("{}.{}", stem(grant.family), random.get(..22).unwrap_or(&random))));
    if !grant.scopes.is_empty() {
        say("scope", json!(Scope::join(grant.scopes)));
    }
    embedded.state.keys.sign(&claims, asked.now).map_err(helpless)
}

/// A claim of the person that the operator wants in tokens.
fn claim(person: &Person, name: &str) -> Option<Value> {
    match (&person.account, name) {
        (Some(_), "groups") => Some(json!(person.groups)),
        (Some(_), _) => None,
        (None, name) => person.claims.get(name).cloned(),
    }
}

/// Ends a family: no token of it is exchanged any more, and its access tokens are refused (SPEC E-15, E-23).
pub(super) async fn end_family(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<(), StoreFault> {
    let state = &embedded.state;
    let revoked = state.revocations.revoke(&state.store, &stem(id), last_end(embedded, asked), asked.now).await;
    // Whatever became of that: this must be tried, too.
    state.store.delete(Kind::Family, id).await?;
    revoked
}

/// When the last access token that is there now has ended at every clock.
fn last_end(embedded: &Embedded, asked: &Asked<'_>) -> Duration {
    asked.now.wall.saturating_add(embedded.settings.access_token_ttl).saturating_add(CLOCK_SKEW_MAX)
}

/// The bearer of one of our own access tokens, unless it has expired. Whether it was revoked is not asked here.
pub(super) fn own_access_token(embedded: &Embedded, token: &str, asked: &Asked<'_>) -> Option<Caller> {
    let keys = embedded.state.keys.set()?;
    let caller = UnverifiedJwt::read(token).ok()?.verify(&embedded.token_rules(), &keys, asked.now).ok()?;
    caller.check_expiry(asked.now, Duration::ZERO).ok()?;
    Some(caller)
}

impl Embedded {
    /// What its access tokens are like.
    pub(super) fn token_rules(&self) -> TokenRules {
        TokenRules {
            name: self.settings.name.clone(),
            issuers: vec![self.settings.issuer.clone()],
            algorithms: vec![Algorithm::ES256],
            token_types: vec!["at+jwt".into()],
            clock_skew: Duration::ZERO,
            scope_claims: vec!["scope".into()],
            client_claims: vec!["client_id".into()],
            scope_prefixes: Vec::new(),
        }
    }
}
