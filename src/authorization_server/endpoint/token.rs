//! `token`: a code, refresh token or client credentials for an access token (SPEC E-20…E-27).

use crate::{
    authorization_server::{
        client::{
            authenticate::{authenticate, tried_basic},
            last_good,
            told::{advice_of_token, client_shown},
        },
        embedded::{Asked, Embedded},
        event::{self, RefusedFacts},
        refusals::RefusalKind,
        reply::{self, Denied, EndpointAnswer},
    },
    base::shown::path_shown,
    decide::authorization_server::{
        error::{Code, OAuthError},
        form::Form,
    },
};

mod code;
mod credentials;
mod refresh;
mod response;
#[cfg(test)]
mod tests;

/// `grant_type`s.
const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];
/// What is shown of another one.
const GRANT_CHARS_MAX: usize = 60;

/// `POST token`.
pub(crate) async fn issue(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match answer(embedded, asked).await {
        Ok(answer) => answer,
        Err(denied) => reply::deny(&denied, tried_basic(asked)),
    }
}

async fn answer(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, Denied> {
    let form = asked.form().inspect_err(|error| unreadable(embedded, None, error, asked))?;
    let grant = match form.get("grant_type") {
        Some(grant) if GRANTS.contains(&grant) => Ok(grant),
        Some(_) => Err(Code::UnsupportedGrantType.because("this grant_type is not supported")),
        None => Err(Code::InvalidRequest.because("grant_type is missing")),
    };
    let grant = grant.inspect_err(|error| unreadable(embedded, Some(&form), error, asked))?;
    let client = authenticate(embedded, &form, asked).await?;
    let issued = match grant {
        "authorization_code" => code::exchange(embedded, &client, &form, asked).await,
        "refresh_token" => refresh::exchange(embedded, &client, &form, asked).await,
        _ => credentials::issue(embedded, &client, &form, asked).await,
    };
    if issued.is_ok() {
        last_good::used(embedded, &client, grant == "refresh_token", asked.now).await;
    }
    if let Err(denied) = &issued {
        let code = denied.error.code;
        let found = denied.error.description.to_string();
        let (client, advice) = (Some(client_shown(&client.id)), advice_of_token(code));
        let facts = RefusedFacts { client, found, advice, ..RefusedFacts::default() };
        event::refused_with(embedded, asked, RefusalKind::of_token(code), &facts, code.row().0);
    }
    issued
}

/// Logs a request that is refused before its client is known.
fn unreadable(embedded: &Embedded, form: Option<&Form>, error: &OAuthError, asked: &Asked<'_>) {
    let came = |name| form.and_then(|form| form.get(name));
    let facts = RefusedFacts {
        client: came("client_id").map(client_shown),
        found: match came("grant_type") {
            Some(grant) => format!("grant_type {}", path_shown(grant, GRANT_CHARS_MAX)),
            None => error.description.to_string(),
        },
        expected: GRANTS.join(" or "),
        advice: "have the client use the flow of the authorization code, with PKCE",
    };
    event::refused_with(embedded, asked, RefusalKind::of_token(error.code), &facts, error.code.row().0);
}
