//! The store's last good documents and key sets of clients in use: every replica can serve by them.

use std::time::Duration;

use crate::{
    authorization_server::{
        client::documents::Reach,
        embedded::Embedded,
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::{
        clock::Now,
        digest::sha256_base64url,
        limits::authorization_server::{LAST_GOOD_AGE, STALE_DOCUMENT_KEYS, STORE_VALUE_BYTES_MAX, UNUSED_CLIENT_AGE},
    },
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin},
        client_id_document::DocumentUrl,
        last_good::{LastGood, LastGoodKeys},
        redirect_uri::RedirectUri,
    },
};

/// How often to retry if the entry changes meanwhile.
const WRITES_MAX: usize = 4;

/// The last good document at `url`, if its client is in use.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn find(embedded: &Embedded, url: &DocumentUrl) -> Result<Option<LastGood>, StoreFault> {
    let kept = embedded.state.store.get(EntryKind::Document, &name_of(url.as_str())).await?;
    Ok(read(kept.as_deref(), url.as_str()))
}

/// Records what was fetched for a client in use: another document, or that there is no usable one.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn record(
    embedded: &Embedded,
    url: &DocumentUrl,
    client: Option<&Client>,
    now: Now,
) -> Result<(), StoreFault> {
    change(embedded, url.as_str(), now, |kept| kept?.with_fetched(client.cloned(), now.unix_secs())).await
}

/// Records that a user has allowed the client something: from now on its document is kept.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn allowed(
    embedded: &Embedded,
    client_id: &str,
    uri: &RedirectUri,
    now: Now,
) -> Result<(), StoreFault> {
    let loopback = embedded.settings.registration.allow_loopback_documents;
    let Ok(url) = DocumentUrl::parse(client_id, loopback) else { return Ok(()) };
    let documents = &embedded.state.documents;
    if documents.held(&url, now).is_none() && find(embedded, &url).await?.is_none() {
        // Another replica has fetched it for the page that the user has seen. A failure is logged,
        // and the client depends on its host a while longer.
        let _ = documents.client(&embedded.state.fetch, &url, (Reach::of(loopback), None), now).await;
    }
    let held = documents.held_since(&url, now);
    let origin = uri.consent_origin();
    change(embedded, client_id, now, |kept| match (kept, &held) {
        (Some(kept), _) => kept.with_origin(&origin),
        (None, Some((client, seen))) => {
            Some(LastGood { client: Some(client.clone()), seen: *seen, used: false, origins: vec![origin.clone()] })
        }
        (None, None) => None,
    })
    .await
}

/// Records that the client has got a token: its key set is kept and, if it has refreshed, its
/// document for as long as it is used. A failure is logged: the client has its token.
pub(crate) async fn used(embedded: &Embedded, client: &Client, has_refreshed: bool, now: Now) {
    let kept = async {
        if has_refreshed
            && client.origin == ClientOrigin::Document
            && let Some((client, seen)) = described(embedded, &client.id, now)
        {
            change(embedded, &client.id, now, |kept| match kept {
                Some(kept) if kept.used => None,
                Some(kept) => Some(LastGood { used: true, ..kept.clone() }),
                // Its user allowed it something before this server kept documents.
                None => Some(LastGood { client: Some(client.clone()), seen, used: true, origins: Vec::new() }),
            })
            .await?;
        }
        match &client.auth {
            ClientAuth::KeysAt(url) => keep_keys(embedded, url, now).await,
            ClientAuth::None | ClientAuth::Secret(_) | ClientAuth::Keys(_) => Ok(()),
        }
    };
    if let Err(fault) = kept.await {
        tracing::warn!(target: "portcullis::authorization_server", client = &*client.id, %fault, "the document of a client could not be stored; the client depends on its host until the next refresh");
    }
}

/// The last good key set at a `jwks_uri`.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn keys(embedded: &Embedded, url: &str, now: Now) -> Result<Option<Box<str>>, StoreFault> {
    let kept = embedded.state.store.get(EntryKind::Document, &name_of_keys(url)).await?;
    let kept = kept.and_then(|kept| serde_json::from_slice::<LastGoodKeys>(&kept).ok());
    Ok(kept.filter(|kept| kept.serve(now.unix_secs())).map(|kept| kept.keys.to_string().into()))
}

/// Forgets the key set at a `jwks_uri`: it was withdrawn.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn forget_keys(embedded: &Embedded, url: &str) -> Result<(), StoreFault> {
    embedded.state.store.delete(EntryKind::Document, &name_of_keys(url)).await
}

async fn keep_keys(embedded: &Embedded, url: &str, now: Now) -> Result<(), StoreFault> {
    let Some((keys, seen)) = embedded.state.documents.held_keys(url, now) else { return Ok(()) };
    let store = &embedded.state.store;
    let name = name_of_keys(url);
    let before = store.get(EntryKind::Document, &name).await?;
    let before = before.and_then(|before| serde_json::from_slice::<LastGoodKeys>(&before).ok());
    if before.is_some_and(|before| before.seen >= seen) {
        return Ok(());
    }
    let keys = serde_json::from_str(&keys).map_err(|cause| StoreFault(cause.to_string()))?;
    let value = serde_json::to_vec(&LastGoodKeys { keys, seen }).map_err(|cause| StoreFault(cause.to_string()))?;
    // A longer key set serves only while its host does.
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Ok(());
    }
    store.put(EntryKind::Document, &name, value, Duration::from_secs(seen).saturating_add(STALE_DOCUMENT_KEYS)).await
}

/// The client that this replica has fetched, and when, in seconds since 1970.
fn described(embedded: &Embedded, client_id: &str, now: Now) -> Option<(Client, u64)> {
    let loopback = embedded.settings.registration.allow_loopback_documents;
    let url = DocumentUrl::parse(client_id, loopback).ok()?;
    embedded.state.documents.held_since(&url, now)
}

/// Writes what `after` makes of the entry, if anything.
async fn change(
    embedded: &Embedded,
    url: &str,
    now: Now,
    after: impl Fn(Option<&LastGood>) -> Option<LastGood>,
) -> Result<(), StoreFault> {
    let (store, name) = (&embedded.state.store, name_of(url));
    for _ in 0..WRITES_MAX {
        let before = store.get(EntryKind::Document, &name).await?;
        let Some(next) = after(read(before.as_deref(), url).as_ref()) else { return Ok(()) };
        let until = now.wall.saturating_add(if next.used { LAST_GOOD_AGE } else { UNUSED_CLIENT_AGE });
        let value = serde_json::to_vec(&next).map_err(|cause| StoreFault(cause.to_string()))?;
        let is_written = match &before {
            Some(before) => store.replace(EntryKind::Document, &name, before, value, Some(until)).await?,
            None => store.create(EntryKind::Document, &name, value, until).await?,
        };
        if is_written {
            return Ok(());
        }
    }
    Err(StoreFault("the same client's document keeps changing".into()))
}

/// An entry that is unreadable, or another client's, counts as absent.
fn read(kept: Option<&[u8]>, url: &str) -> Option<LastGood> {
    let kept: LastGood = serde_json::from_slice(kept?).ok()?;
    kept.client.as_ref().is_none_or(|client| *client.id == *url).then_some(kept)
}

fn name_of(url: &str) -> String {
    sha256_base64url(url)
}

/// A client id has no space, so this is never the name of a document.
fn name_of_keys(url: &str) -> String {
    sha256_base64url(&format!("keys {url}"))
}
