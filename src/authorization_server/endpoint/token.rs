//! `token`: a code, refresh token or client credentials for an access token (SPEC E-20…E-27).

use crate::{
    authorization_server::{
        client::{
            authenticate::{authenticate, tried_basic},
            last_good,
        },
        embedded::{Asked, Embedded},
        event::{self, RefusedFacts},
        refusals::RefusalKind,
        reply::{self, Denied, EndpointAnswer},
    },
    decide::authorization_server::error::Code,
};

mod code;
mod credentials;
mod refresh;
mod response;
#[cfg(test)]
mod tests;

/// `POST token`.
pub(crate) async fn issue(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match answer(embedded, asked).await {
        Ok(answer) => answer,
        Err(denied) => reply::deny(&denied, tried_basic(asked)),
    }
}

async fn answer(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, Denied> {
    let form = asked.form()?;
    let grant = form.get("grant_type").ok_or_else(|| Code::InvalidRequest.because("grant_type is missing"))?;
    if !["authorization_code", "refresh_token", "client_credentials"].contains(&grant) {
        return Err(Code::UnsupportedGrantType.because("this grant_type is not supported").into());
    }
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
        let facts = RefusedFacts { client: Some(client.id.to_string()), found, ..RefusedFacts::default() };
        event::refused_with(embedded, asked, RefusalKind::of_token(code), &facts, code.row().0);
    }
    issued
}
