//! Sends a request to the endpoint that answers it.

use http::Method;

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        reply::EndpointAnswer,
    },
    decide::routing::IssuerEndpoint,
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
    use IssuerEndpoint as E;
    // Rare and long futures are boxed: they must not grow the future of every idle connection.
    match (asked.endpoint, &asked.head.method) {
        (E::Metadata, &Method::GET | &Method::HEAD) => metadata::document(embedded, &asked),
        (E::Jwks, &Method::GET | &Method::HEAD) => metadata::keys(embedded, &asked),
        (E::Authorize, &Method::GET) => Box::pin(authorize::begin(embedded, &asked)).await,
        (E::Login, &Method::GET) => Box::pin(login::show(embedded, &asked)).await,
        (E::Login, &Method::POST) => Box::pin(login::attempt(embedded, &asked)).await,
        (E::Consent, &Method::GET) => Box::pin(consent::show(embedded, &asked)).await,
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
