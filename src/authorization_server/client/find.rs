//! Finds a client by its id: configured, registered, or described by a document (SPEC E-24, E-30).

use crate::{
    authorization_server::{
        browser::known,
        client::{
            documents::{DocumentFault, Reach},
            last_good, registered,
        },
        embedded::{Asked, Embedded},
        event,
        settings::Dynamic,
    },
    base::shown_uri::uri_shown,
    decide::authorization_server::{
        client::{Client, ClientOrigin, registered_by},
        client_id_document::DocumentUrl,
        error::{Code, OAuthError},
        holders::is_refused,
        last_good::Purpose,
    },
};

#[cfg(test)]
mod tests;

/// The client with this id.
///
/// # Errors
/// `invalid_client`; `temporarily_unavailable` if the store or the host of its document fails.
pub(crate) async fn find(
    embedded: &Embedded,
    id: &str,
    purpose: Purpose<'_>,
    asked: &Asked<'_>,
) -> Result<Client, OAuthError> {
    if let Some(client) = embedded.settings.clients.iter().find(|client| *client.id == *id) {
        return Ok(client.clone());
    }
    let unknown = || Code::InvalidClient.because("the client is not registered here");
    // Takes effect at once, whatever this server has cached or stored of the client.
    if is_refused(&embedded.settings.registration.refused_clients, id) {
        return Err(unknown());
    }
    let mut client = match DocumentUrl::looks_like_one(id) {
        true => described(embedded, id, purpose, asked).await?,
        false if registered_by(id).is_none() => return Err(unknown()),
        false => registered::find(embedded, id, asked.now).await?.ok_or_else(unknown)?,
    };
    // The configuration may have been narrowed since the client registered.
    let settings = &embedded.settings;
    client.redirect_uris.retain(|uri| settings.registration.redirect_schemes.accept(uri));
    let all = client.redirect_uris.len();
    client.redirect_uris.retain(|uri| !settings.own.have(uri));
    if client.redirect_uris.len() < all {
        event::at_the_gateway(embedded, asked, Some(id));
    }
    Ok(client)
}

async fn described(
    embedded: &Embedded,
    id: &str,
    purpose: Purpose<'_>,
    asked: &Asked<'_>,
) -> Result<Client, OAuthError> {
    let registration = &embedded.settings.registration;
    let refused = |cause: &'static str| Code::InvalidClient.because(cause);
    if registration.document_hosts.is_empty() {
        return Err(refused("a client_id that is a URL is not accepted here"));
    }
    let url = DocumentUrl::parse(id, registration.allow_loopback_documents).map_err(refused)?;
    if embedded.settings.own.have_url(url.as_str()) {
        // Perhaps a file that a client has uploaded to a path of `paths` (attack 336).
        event::at_the_gateway(embedded, asked, Some(id));
        return Err(refused(
            "a client_id at the gateway's own address is not accepted at a path that the gateway answers or may pass to an MCP server",
        ));
    }
    if !registration.document_hosts.iter().any(|pattern| matches(pattern, &url.host())) {
        return Err(refused("client documents from this host are not accepted here"));
    }
    let (state, now) = (&embedded.state, asked.now);
    let documents = &state.documents;
    if let Some(client) = documents.held(&url, now) {
        return Ok(client);
    }
    let kept = last_good::find(embedded, &url).await?;
    if kept.is_some() {
        documents.know(url.as_str());
    }
    let fetched = match kept.is_some() && documents.is_paused(url.as_str(), now) {
        true => Err(DocumentFault::Away),
        false => {
            // Any unauthenticated request can cause a fetch, so fetches are limited. A document
            // that is known has a limit of its own, which no other document uses up.
            let is_counted = matches!(purpose, Purpose::Authorize(_)) && documents.is_known(url.as_str());
            if kept.is_none() && !is_counted {
                known::attempt(embedded, asked).map_err(|_| Code::SlowDown.because("too many attempts"))?;
            }
            documents.client(&state.fetch, &url, (reach(embedded), Some(asked.peer)), now).await
        }
    };
    let Some(kept) = kept else { return fetched.map_err(|fault| told(fault, purpose)) };
    match fetched {
        Ok(client) => {
            if let Err(fault) = last_good::record(embedded, &url, Some(&client), now).await {
                tracing::warn!(target: "portcullis::authorization_server", client = %uri_shown(id), %fault, "the document of a client could not be stored");
            }
            Ok(client)
        }
        Err(fault @ DocumentFault::Ended(_)) => {
            last_good::record(embedded, &url, None, now).await?;
            Err(told(fault, purpose))
        }
        Err(DocumentFault::Refused) => Err(DocumentFault::Refused.into()),
        Err(fault @ (DocumentFault::Away | DocumentFault::Redirected)) => {
            if !documents.is_paused(url.as_str(), now) {
                documents.pause(url.as_str(), now);
            }
            let Some(client) = kept.serves(purpose, now.unix_secs()) else { return Err(fault.into()) };
            let age_secs = now.unix_secs().saturating_sub(kept.seen);
            tracing::debug!(target: "portcullis::authorization_server", client = %uri_shown(id), age_secs, "the last good document of a client serves");
            Ok(client.clone())
        }
    }
}

/// The error for a document that cannot be used. The page of a new authorization says that the
/// maker of the client must act; other endpoints answer `invalid_client`.
fn told(fault: DocumentFault, purpose: Purpose<'_>) -> OAuthError {
    let is_unusable = matches!(fault, DocumentFault::Ended(_));
    let error = OAuthError::from(fault);
    match purpose {
        Purpose::Authorize(_) if is_unusable => OAuthError { code: Code::InvalidClientMetadata, ..error },
        Purpose::Authorize(_) | Purpose::Token => error,
    }
}

/// The key set at a client's `jwks_uri`; while its host fails, the last good one for an hour.
///
/// # Errors
/// `invalid_client`; `temporarily_unavailable` if the store or the host fails.
pub(crate) async fn keys_at(embedded: &Embedded, url: &str, asked: &Asked<'_>) -> Result<Box<str>, OAuthError> {
    let (state, now) = (&embedded.state, asked.now);
    let fetched = match state.documents.is_paused(url, now) {
        true => Err(DocumentFault::Away),
        false => state.documents.keys(&state.fetch, url, (reach(embedded), Some(asked.peer)), now).await,
    };
    match fetched {
        Ok(keys) => Ok(keys),
        Err(fault @ (DocumentFault::Away | DocumentFault::Redirected)) => {
            let kept = last_good::keys(embedded, url, now).await?.ok_or(fault)?;
            if !state.documents.is_paused(url, now) {
                state.documents.pause(url, now);
            }
            Ok(kept)
        }
        Err(fault) => {
            if matches!(fault, DocumentFault::Ended(_)) {
                last_good::forget_keys(embedded, url).await?;
            }
            Err(fault.into())
        }
    }
}

/// Whether the operator has chosen this client: not if any client could have registered, or if the
/// documents of every host are accepted.
pub(crate) fn is_vouched_for(embedded: &Embedded, client: &Client) -> bool {
    let registration = &embedded.settings.registration;
    match client.origin {
        ClientOrigin::Configured => true,
        ClientOrigin::Dynamic => matches!(registration.dynamic, Dynamic::Token(_)),
        ClientOrigin::Document => {
            let host = client.host().unwrap_or_default();
            registration.document_hosts.iter().any(|pattern| **pattern != *"*" && matches(pattern, &host))
        }
    }
}

/// Where a client's document and keys may be.
fn reach(embedded: &Embedded) -> Reach {
    Reach::of(embedded.settings.registration.allow_loopback_documents)
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
