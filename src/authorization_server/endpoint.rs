//! Sends a request to the endpoint that answers it.

use http::{Method, StatusCode};

use crate::{
    authorization_server::{
        browser::pages,
        embedded::{Asked, Embedded},
        reply::{self, EndpointAnswer},
    },
    decide::{authorization_server::error::Code, routing::IssuerEndpoint},
};

mod authorize;
mod callback;
mod consent;
mod introspect;
mod login;
mod metadata;
mod method;
mod register;
mod revoke;
mod token;

/// Answers one request.
pub async fn answer(embedded: &Embedded, asked: Asked<'_>) -> EndpointAnswer {
    embedded.state.turns.next().await;
    let is_page = method::is_page(asked.endpoint);
    let mut answer = answer_of(embedded, asked).await;
    if is_page {
        reply::only_over_tls(embedded, &mut answer);
    }
    answer
}

/// Refuses a request that the authorization server has not seen, in the form of its endpoint: a
/// page, or an OAuth error.
#[must_use]
pub fn refuse(embedded: &Embedded, endpoint: IssuerEndpoint, status: StatusCode, what: String) -> EndpointAnswer {
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => Code::SlowDown,
        StatusCode::SERVICE_UNAVAILABLE => Code::TemporarilyUnavailable,
        status if status.is_server_error() => Code::ServerError,
        _ => Code::InvalidRequest,
    };
    let mut answer = match method::is_page(endpoint) {
        true => pages::error(&code.because(what)),
        false => reply::refuse(&code.because(what), false),
    };
    *answer.response.status_mut() = status;
    if method::is_page(endpoint) {
        reply::only_over_tls(embedded, &mut answer);
    }
    answer
}

async fn answer_of(embedded: &Embedded, asked: Asked<'_>) -> EndpointAnswer {
    use IssuerEndpoint as E;
    // Rare and long futures are boxed: they must not grow the future of every idle connection.
    match (asked.endpoint, &asked.head.method) {
        (E::Metadata, &Method::GET | &Method::HEAD) => metadata::document(embedded, &asked),
        (E::Jwks, &Method::GET | &Method::HEAD) => metadata::keys(embedded, &asked),
        (E::Authorize, &Method::GET) => Box::pin(authorize::begin(embedded, &asked)).await,
        (E::Authorize, &Method::HEAD) => Box::pin(authorize::look(embedded, &asked)).await,
        // Nothing is done: a program that only looks at an address must not use up its code.
        (E::Callback, &Method::HEAD) => reply::nothing(),
        (E::Login, &Method::GET | &Method::HEAD) => Box::pin(login::show(embedded, &asked)).await,
        (E::Login, &Method::POST) => Box::pin(login::attempt(embedded, &asked)).await,
        (E::Consent, &Method::GET | &Method::HEAD) => Box::pin(consent::show(embedded, &asked)).await,
        (E::Consent, &Method::POST) => Box::pin(consent::decide(embedded, &asked)).await,
        (E::Callback, &Method::GET) => Box::pin(callback::callback(embedded, &asked)).await,
        (E::Token, &Method::POST) => token::issue(embedded, &asked).await,
        (E::Register, &Method::POST) => register::register(embedded, &asked).await,
        (E::Revoke, &Method::POST) => revoke::revoke(embedded, &asked).await,
        (E::Introspect, &Method::POST) => introspect::introspect(embedded, &asked).await,
        (_, &Method::OPTIONS) => method::preflight(&asked),
        _ => method::not_allowed(&asked),
    }
}
