//! Logs people in with local accounts, in constant time, and not too often (SPEC E-28).

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    base::{
        limits::{ACCOUNT_NAME_BYTES_MAX, LOGIN_AGE},
        secret::Secret,
    },
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form::Form,
            people::Person,
        },
        routing::IssuerEndpoint,
    },
    issuer::{
        Answer, Asked, Embedded, Login,
        accounts::{Account, Accounts},
        consent::{self, Offer},
        cookie::Cookie,
        event,
        flow::{self, Flow},
        page::{self, SignIn},
        posted::{Posted, csrf},
        reply,
        seal::{digest_of, name_of, unguessable},
        store::{Kind, StoreFault},
        throttle::Deed,
    },
};

#[cfg(test)]
mod tests;

/// What the page's form is bound to.
const PURPOSE: [&str; 1] = ["login"];
/// One sentence for an unknown name and for a wrong password: which names exist is nobody's business.
const WRONG: &str = "That account and password do not go together.";

/// A browser that has logged in, as the store keeps it under its cookie's digest.
#[derive(Serialize, Deserialize)]
struct Session {
    account: Box<str>,
    /// SHA-256 of the account's hash: with another password the account's sessions are over.
    proof: [u8; 32],
}

/// `GET login`.
pub(super) async fn show(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    match shown(embedded, asked).await {
        Ok(answer) => answer,
        Err(error) => page::error(embedded, &error),
    }
}

async fn shown(embedded: &Embedded, asked: &Asked<'_>) -> Result<Answer, OAuthError> {
    accounts(embedded)?;
    let form = Form::read(asked.head.uri.query().unwrap_or_default().as_bytes())?;
    let id = form.get("flow").unwrap_or_default();
    let (flow, _) = flow::resume(embedded, id, asked).await?;
    let account = flow.request.login_hint.clone().unwrap_or_default();
    form_page(embedded, asked, (id, &flow), StatusCode::OK, &account, None)
}

/// `POST login`.
pub(super) async fn attempt(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    match attempted(embedded, asked).await {
        Ok(answer) => answer,
        Err(error) => page::error(embedded, &error),
    }
}

async fn attempted(embedded: &Embedded, asked: &Asked<'_>) -> Result<Answer, OAuthError> {
    let accounts = accounts(embedded)?;
    let posted = Posted::read(embedded, asked).await?;
    posted.check(embedded, asked, &PURPOSE)?;
    let name = posted.form.get("account").unwrap_or_default();
    let of_client = Some(&*posted.flow.client.id);
    let again =
        |status, problem: &str| form_page(embedded, asked, (&posted.id, &posted.flow), status, name, Some(problem));
    if let Err(wait) = may_try(embedded, asked, name) {
        event::note(embedded, "login", of_client, None, "refused: too many attempts");
        let mut answer =
            again(StatusCode::TOO_MANY_REQUESTS, &format!("Too many attempts. Try again in {}.", in_words(wait)))?;
        reply::retry_after(&mut answer, wait);
        return Ok(answer);
    }
    let password = Secret::new(posted.form.get("password").unwrap_or_default().as_bytes().to_vec());
    let throttle = &embedded.state.throttle;
    let Some(person) = accounts.verify(name, &password, throttle).await else {
        event::note(embedded, "login", of_client, None, "refused: account or password");
        return again(StatusCode::FORBIDDEN, WRONG);
    };
    throttle.forgive(Deed::LoginToFrom(name, asked.peer));
    throttle.forgive(Deed::LoginTo(name));
    throttle.forgive(Deed::LoginFrom(asked.peer));
    event::note(embedded, "login", of_client, Some(&person.subject), "logged in");
    admit(embedded, asked, posted, person).await
}

/// Whether one more attempt is permitted; it counts before its password is looked at, so that many at once gain nothing.
fn may_try(embedded: &Embedded, asked: &Asked<'_>, name: &str) -> Result<(), Duration> {
    let (throttle, now) = (&embedded.state.throttle, asked.now);
    throttle.check(Deed::LoginToFrom(name, asked.peer), now)?;
    throttle.check(Deed::LoginTo(name), now)?;
    throttle.attempt(Deed::LoginFrom(asked.peer), now)?;
    throttle.attempt(Deed::LoginToFrom(name, asked.peer), now)?;
    throttle.attempt(Deed::LoginTo(name), now)
}

/// The flow goes on for the person who has just logged in.
async fn admit(embedded: &Embedded, asked: &Asked<'_>, posted: Posted, person: Person) -> Result<Answer, OAuthError> {
    let Posted { id, mut flow, before, .. } = posted;
    flow.person = Some(person.clone());
    flow::advance(embedded, &id, &before, &flow).await?;
    let cookies = [begin_session(embedded, asked, &person).await?];
    let offer = Offer::to(embedded, &flow.client, &flow.request, &person).await?;
    if !offer.is_settled(&flow.client, &flow.request) || flow.request.always_ask {
        return Ok(reply::redirect(&consent::address(embedded, IssuerEndpoint::Consent, &id), &cookies));
    }
    event::note(embedded, "consent", Some(&flow.client.id), Some(&person.subject), "remembered");
    let location = flow::finish(embedded, &id, flow, person, offer.into_scopes(), None).await?;
    Ok(reply::redirect(&location, &cookies))
}

/// A new session with a name of its own, whatever the browser brought: one that somebody else has planted is of no use to them.
async fn begin_session(embedded: &Embedded, asked: &Asked<'_>, person: &Person) -> Result<String, OAuthError> {
    let failed = |cause: &'static str| Code::ServerError.because(cause);
    let store = &embedded.state.store;
    if let Some(old) = Cookie::Login.get(embedded, &asked.head.headers) {
        store.delete(Kind::Login, &name_of(old)).await?;
    }
    let account = accounts(embedded)?.find(person.account.as_deref().unwrap_or_default());
    let account = account.ok_or_else(|| failed("who has logged in has no account"))?;
    let session = Session { account: account.name.clone(), proof: proof(account) };
    let value = serde_json::to_vec(&session).map_err(|_| failed("a session cannot be written as JSON"))?;
    let cookie = unguessable().map_err(failed)?;
    store.put(Kind::Login, &name_of(&cookie), value, asked.now.wall.saturating_add(LOGIN_AGE)).await?;
    Ok(Cookie::Login.set(embedded, &cookie, LOGIN_AGE.as_secs()))
}

/// Who has logged in with this browser, as the accounts are now.
pub(super) async fn signed_in(embedded: &Embedded, asked: &Asked<'_>) -> Result<Option<Person>, StoreFault> {
    let Some(cookie) = Cookie::Login.get(embedded, &asked.head.headers) else { return Ok(None) };
    let Some(value) = embedded.state.store.get(Kind::Login, &name_of(cookie)).await? else { return Ok(None) };
    let session = serde_json::from_slice::<Session>(&value).ok();
    let account = session.and_then(|session| {
        let account = accounts(embedded).ok()?.find(&session.account)?;
        verify_slices_are_equal(&proof(account), &session.proof).is_ok().then_some(account)
    });
    Ok(account.map(Account::person))
}

/// The person as the accounts know them now: somebody who was taken out of the file, or came in another way than people do
/// now, is nobody.
pub(super) fn known_here(embedded: &Embedded, person: &Person) -> Option<Person> {
    match (&embedded.settings.login, &person.account) {
        (Login::Accounts(accounts), Some(name)) => {
            let account = accounts.accounts.iter().find(|account| account.name == *name)?;
            let subject = account.subject.as_ref().unwrap_or(&account.name);
            (*subject == person.subject).then(|| Person { groups: account.groups.clone(), ..person.clone() })
        }
        (Login::Oidc(_), None) => Some(person.clone()),
        (Login::Accounts(_), None) | (Login::Oidc(_), Some(_)) => None,
    }
}

fn proof(account: &Account) -> [u8; 32] {
    digest_of(account.hash.as_bytes())
}

fn accounts(embedded: &Embedded) -> Result<&Accounts, OAuthError> {
    match &embedded.settings.login {
        Login::Accounts(accounts) => Ok(accounts),
        Login::Oidc(_) => Err(Code::InvalidRequest.because("there are no accounts of its own here")),
    }
}

fn form_page(
    embedded: &Embedded,
    asked: &Asked<'_>,
    (id, flow): (&str, &Flow),
    status: StatusCode,
    account: &str,
    problem: Option<&str>,
) -> Result<Answer, OAuthError> {
    let csrf = csrf(embedded, asked, id, &PURPOSE)
        .ok_or_else(|| Code::AccessDenied.because("the browser's cookie is missing"))?;
    let account = if account.len() > ACCOUNT_NAME_BYTES_MAX { "" } else { account };
    Ok(page::login(embedded, status, &SignIn { flow, id, csrf: &csrf, account, problem }))
}

/// A wait as people say it, never shorter than it is.
fn in_words(wait: Duration) -> String {
    let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    match secs {
        1 => "1 second".into(),
        2..=90 => format!("{secs} seconds"),
        _ => format!("{} minutes", secs.div_ceil(60)),
    }
}
