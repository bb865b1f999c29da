//! Finds a client by its id: configured, registered, or described by a document (SPEC E-24, E-30).

use crate::{
    authorization_server::{
        client::{documents::Reach, registered},
        embedded::{Asked, Embedded},
        throttle::Action,
    },
    decide::authorization_server::{
        client::Client,
        client_id_document::DocumentUrl,
        error::{Code, OAuthError},
    },
};

/// The client with this id.
///
/// # Errors
/// `invalid_client`; `temporarily_unavailable` if the store fails.
pub(crate) async fn find(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<Client, OAuthError> {
    if let Some(client) = embedded.settings.clients.iter().find(|client| *client.id == *id) {
        return Ok(client.clone());
    }
    if DocumentUrl::looks_like_one(id) {
        return described(embedded, id, asked).await;
    }
    let unknown = || Code::InvalidClient.because("the client is not registered here");
    if !registered::is_registered_id(id) {
        return Err(unknown());
    }
    registered::find(embedded, id, asked.now).await?.ok_or_else(unknown)
}

async fn described(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<Client, OAuthError> {
    let registration = &embedded.settings.registration;
    let refused = |cause: &'static str| Code::InvalidClient.because(cause);
    if registration.document_hosts.is_empty() {
        return Err(refused("a client_id that is a URL is not accepted here"));
    }
    let url = DocumentUrl::parse(id, registration.allow_loopback_documents).map_err(refused)?;
    if !registration.document_hosts.iter().any(|pattern| matches(pattern, url.host())) {
        return Err(refused("client documents from this host are not accepted here"));
    }
    let state = &embedded.state;
    if let Some(client) = state.documents.held(&url, asked.now) {
        return Ok(client);
    }
    // Any unauthenticated request can cause a fetch, so fetches are limited.
    let action = Action::Authorize(asked.peer);
    state.throttle.check(action, asked.now).map_err(|_| Code::SlowDown.because("too many attempts"))?;
    state.throttle.count(action, asked.now);
    state.documents.client(&state.fetch, &url, reach(embedded), asked.now).await
}

/// Where a client's document and keys may be.
pub(crate) fn reach(embedded: &Embedded) -> Reach {
    if embedded.settings.registration.allow_loopback_documents { Reach::Loopback } else { Reach::Public }
}

/// Whether a host matches `pattern`: an exact name, `*.example.com`, or `*`.
pub(super) fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        // With its dot: `*.example.com` matches neither `example.com` nor `evil-example.com`.
        Some(end) if end.starts_with('.') => {
            let start = host.len().checked_sub(end.len()).filter(|at| *at > 0);
            start.and_then(|at| host.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        }
        Some(_) => false,
        None => pattern.eq_ignore_ascii_case(host),
    }
}
