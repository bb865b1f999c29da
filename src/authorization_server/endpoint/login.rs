//! `login`: logs users in with local accounts, in constant time and rate limited (SPEC E-28).

use std::time::Duration;

use http::StatusCode;

use crate::{
    authorization_server::{
        browser::{
            departure,
            flow::{self, Flow, page_url},
            form_post::{FormPost, csrf},
            known, named_flow,
            offer::Offer,
            pages::{self, LoginView, SignInOutcome},
            session,
        },
        embedded::{Asked, Embedded},
        event,
        person::{accounts::Account, passwords::PasswordLine},
        refusals::RefusalKind,
        reply::{self, EndpointAnswer},
    },
    base::{limits::authorization_server::ACCOUNT_NAME_BYTES_MAX, secret::Secret},
    decide::{
        authorization_server::{
            account_name,
            error::{Code, OAuthError},
            people::Person,
        },
        routing::IssuerEndpoint,
    },
};

mod attempt;
#[cfg(test)]
mod tests;

use attempt::LoginAttempt;

/// What the CSRF value of the page is bound to.
const PURPOSE: [&str; 1] = ["login"];
/// When to try again if too many passwords are checked.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The same sentence for an unknown account and a wrong password: it does not reveal which accounts
/// exist.
const WRONG: &str = "The account or the password is wrong.";

/// `GET login`.
pub(crate) async fn show(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match shown(embedded, asked).await {
        Ok(answer) => answer,
        Err(error) => pages::error(&error),
    }
}

async fn shown(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, OAuthError> {
    let form = asked.query()?;
    let named = form.get("flow").unwrap_or_default();
    let (flow, at) = named_flow::resume(embedded, named, asked).await?;
    if !embedded.settings.login.is_local() {
        // "Use another account" on the consent page.
        let location = departure::depart(embedded, &at.id, &flow, Some("select_account")).await?;
        return Ok(reply::redirect(&location, &[]));
    }
    let account = flow.request.login_hint.clone().unwrap_or_default();
    form_page(embedded, asked, (named, &flow), StatusCode::OK, &account, None)
}

/// `POST login`.
pub(crate) async fn attempt(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    // Boxed: each connection has room for the largest endpoint.
    match Box::pin(attempted(embedded, asked)).await {
        Ok(answer) => answer,
        Err(error) => pages::error(&error),
    }
}

async fn attempted(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, OAuthError> {
    let accounts = session::accounts(embedded)?;
    let posted = FormPost::read(embedded, asked).await?;
    posted.check(embedded, asked, &PURPOSE)?;
    // One account has one count of attempts, however its name is typed.
    let name = &*account_name::normal(posted.form.get("account").unwrap_or_default());
    let of_client = Some(&*posted.flow.client.id);
    let again =
        |status, problem: &str| form_page(embedded, asked, (&posted.named, &posted.flow), status, name, Some(problem));
    let known = known::find(embedded, asked, name);
    // Found for every attempt, so that the time says nothing about it.
    let account = accounts.find(name).map(Account::subject);
    let refused = |kind, outcome: &str| {
        event::refused(embedded, asked, kind, (of_client, account), &format!("refused: {outcome}"));
    };
    let attempt = match LoginAttempt::begin(embedded, asked, name, known) {
        Ok(attempt) => attempt,
        Err(wait) => {
            refused(RefusalKind::LoginThrottled, "too many attempts");
            let mut answer =
                again(StatusCode::TOO_MANY_REQUESTS, &format!("Too many attempts. Try again in {}.", in_words(wait)))?;
            reply::retry_after(&mut answer, wait);
            return Ok(answer);
        }
    };
    let password = Secret::new(posted.form.get("password").unwrap_or_default().as_bytes().to_vec());
    let line = if known.is_some() { PasswordLine::Known } else { PasswordLine::Other };
    let Ok(verified) = accounts.verify(name, &password, &embedded.state.passwords, line, asked.places).await else {
        attempt.was_not_checked();
        refused(RefusalKind::LoginBusy, "too many logins at once");
        let mut answer = again(StatusCode::SERVICE_UNAVAILABLE, "Too many people sign in now. Try again in a moment.")?;
        reply::retry_after(&mut answer, BUSY_WAIT);
        return Ok(answer);
    };
    let Some(person) = verified else {
        refused(RefusalKind::LoginWrong, "account or password");
        return again(StatusCode::FORBIDDEN, WRONG);
    };
    attempt.succeeded();
    event::note(embedded, "login", of_client, Some(&person.subject), "logged in");
    let remembered = known::remember(embedded, asked, name).map_err(|cause| Code::ServerError.because(cause))?;
    Box::pin(admit(embedded, asked, posted, person, remembered)).await
}

/// Continues the flow for the user who has just logged in.
async fn admit(
    embedded: &Embedded,
    asked: &Asked<'_>,
    posted: FormPost,
    person: Person,
    remembered: String,
) -> Result<EndpointAnswer, OAuthError> {
    let FormPost { at, mut flow, .. } = posted;
    flow.person = Some(person.clone());
    let at = flow::sign_in(embedded, &at, &flow).await?;
    let cookies = [session::begin(embedded, asked, &person).await?, remembered];
    let offer = Offer::to(embedded, &flow.client, &flow.request, &person).await?;
    if !offer.is_settled(&flow.client, &flow.request) {
        return Ok(reply::redirect(&page_url(embedded, IssuerEndpoint::Consent, &at.id), &cookies));
    }
    let outcome = offer.outcome(offer.settled_by());
    event::note(embedded, "consent", Some(&flow.client.id), Some(&person.subject), &outcome);
    let ungranted = offer.ungranted(embedded, &flow.client, &person);
    let back = flow.request.back.uri.clone();
    let location = flow::finish(embedded, &at, flow, offer.granted()).await?;
    Ok(pages::onward(SignInOutcome::SignedIn, &back, &location, &cookies).without(ungranted))
}

fn form_page(
    embedded: &Embedded,
    asked: &Asked<'_>,
    (named, flow): (&str, &Flow),
    status: StatusCode,
    account: &str,
    problem: Option<&str>,
) -> Result<EndpointAnswer, OAuthError> {
    let csrf = csrf(embedded, asked, named, &PURPOSE)
        .ok_or_else(|| Code::AccessDenied.because("the browser's cookie is missing"))?;
    let account = if account.len() > ACCOUNT_NAME_BYTES_MAX { "" } else { account };
    Ok(pages::login(embedded, status, &LoginView { flow, id: named, csrf: &csrf, account, problem }))
}

/// A wait in words, rounded up.
fn in_words(wait: Duration) -> String {
    let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    match secs {
        1 => "1 second".into(),
        2..=90 => format!("{secs} seconds"),
        _ => format!("{} minutes", secs.div_ceil(60)),
    }
}
