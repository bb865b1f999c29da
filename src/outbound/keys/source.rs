//! Reads an issuer's key-set document once: by its metadata, from a URL, or from a file.

use std::{fmt, fs, fs::File, io::Read as _, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    base::limits::{
        fetch::{JWKS_AGE_DEFAULT, JWKS_AGE_MAX, JWKS_AGE_MIN, JWKS_BYTES_MAX},
        operating::FILES_LOOKED_AT_EVERY,
    },
    outbound::{
        address::AddressRule,
        discover::{Discovery, KeyPlace},
        fault::{Fault, FaultKind},
        fetch::{Fetch, Plaintext, Wanted, backoff},
        keys::{local::LocalKeys, settings::KeySource},
    },
};

/// The source of a document.
pub(super) enum DocumentSource {
    Discovered(Arc<Discovery>, Fetch),
    Fixed(KeyPlace, Fetch),
    File(PathBuf),
    Local(Arc<LocalKeys>),
    Nowhere,
}

/// A document that was read.
pub(super) struct KeyDocument {
    pub(super) body: Bytes,
    /// When to read again.
    pub(super) wait: Duration,
}

impl DocumentSource {
    pub(super) fn new(
        keys: &KeySource,
        local: Arc<LocalKeys>,
        plaintext: Plaintext,
        fetch: Fetch,
        discovery: Arc<Discovery>,
    ) -> Self {
        match keys {
            KeySource::Discover => Self::Discovered(discovery, fetch),
            KeySource::Url(url) => {
                Self::Fixed(KeyPlace { url: url.to_string(), rule: AddressRule::Configured, plaintext }, fetch)
            }
            KeySource::File(path) => Self::File(path.clone()),
            KeySource::Embedded => Self::Local(local),
            KeySource::Nowhere => Self::Nowhere,
        }
    }

    /// The keys of the embedded authorization server; `None` for any other source.
    pub(super) fn local(&self) -> Option<&Arc<LocalKeys>> {
        match self {
            Self::Local(keys) => Some(keys),
            Self::Discovered(..) | Self::Fixed(..) | Self::File(_) | Self::Nowhere => None,
        }
    }

    pub(super) async fn read(&self) -> Result<KeyDocument, Fault> {
        match self {
            Self::Discovered(discovery, fetch) => get(fetch, &discovery.key_place().await?).await,
            Self::Fixed(place, fetch) => get(fetch, place).await,
            Self::File(path) => {
                let path = path.clone();
                // The file is read whole each time. It is small and usually in the page cache, and
                // an edit may leave its time and size unchanged.
                let body = spawn_blocking(move || read_file(&path))
                    .await
                    .map_err(|cause| Fault::new(FaultKind::KeyFile, cause))??;
                Ok(KeyDocument { body, wait: FILES_LOOKED_AT_EVERY })
            }
            Self::Local(keys) => match keys.first_document().await {
                Some(body) => Ok(KeyDocument { body, wait: FILES_LOOKED_AT_EVERY }),
                None => Err(Fault::new(FaultKind::EmbeddedKeys, "the embedded authorization server has no keys yet")),
            },
            Self::Nowhere => Err(Fault::new(FaultKind::KeySet, "this authorization server signs no tokens")),
        }
    }

    /// Waits for a newer document than the last one. Never ends if only a fetch can show it.
    pub(super) async fn changed(news: &mut Option<watch::Receiver<Option<Bytes>>>) {
        let is_new = match news {
            Some(news) => news.changed().await.is_ok(),
            None => false,
        };
        if !is_new {
            std::future::pending::<()>().await;
        }
    }

    /// Notifies of a newer document, for the embedded authorization server.
    pub(super) fn news(&self) -> Option<watch::Receiver<Option<Bytes>>> {
        match self {
            Self::Local(keys) => Some(keys.documents()),
            Self::Discovered(..) | Self::Fixed(..) | Self::File(_) | Self::Nowhere => None,
        }
    }

    /// When to read again after `failures` in a row.
    pub(super) fn retry_in(&self, failures: u32) -> Duration {
        match self {
            Self::File(_) | Self::Local(_) => FILES_LOOKED_AT_EVERY,
            _ => backoff(failures),
        }
    }

    /// A fault about the document itself.
    pub(super) fn fault(&self, cause: impl fmt::Display) -> Fault {
        match self {
            Self::Discovered(discovery, _) => {
                Fault::new(FaultKind::KeySet, format_args!("jwks_uri of {}: {cause}", discovery.issuer()))
            }
            Self::Fixed(place, _) => Fault::new(
                FaultKind::KeySet,
                format_args!("{}: {cause}", place.url.split('?').next().unwrap_or_default()),
            ),
            Self::File(path) => Fault::new(FaultKind::KeyFile, format_args!("{}: {cause}", path.display())),
            Self::Local(_) => Fault::new(FaultKind::EmbeddedKeys, cause),
            Self::Nowhere => Fault::new(FaultKind::KeySet, cause),
        }
    }
}

async fn get(fetch: &Fetch, place: &KeyPlace) -> Result<KeyDocument, Fault> {
    let wanted = Wanted { url: &place.url, rule: place.rule, plaintext: place.plaintext, bytes_max: JWKS_BYTES_MAX };
    match fetch.get_published(&wanted).await {
        Ok(fetched) => Ok(KeyDocument { wait: refresh_in(fetched.max_age), body: fetched.body }),
        Err(fault) => Err(place.advised(fault, "`jwks: {url: …}`")),
    }
}

/// The time until the next fetch: before the keys expire, so that no request waits, and within the
/// gateway's bounds (SPEC B-42).
fn refresh_in(max_age: Option<Duration>) -> Duration {
    let age = max_age.unwrap_or(JWKS_AGE_DEFAULT);
    (age / 5).saturating_mul(4).clamp(JWKS_AGE_MIN, JWKS_AGE_MAX)
}

fn read_file(path: &PathBuf) -> Result<Bytes, Fault> {
    let fault = |cause: &dyn fmt::Display| Fault::new(FaultKind::KeyFile, format_args!("{}: {cause}", path.display()));
    // Reading a pipe or a device could block forever.
    if !fs::metadata(path).map_err(|cause| fault(&cause))?.is_file() {
        return Err(fault(&"not a regular file"));
    }
    let file = File::open(path).map_err(|cause| fault(&cause))?;
    let mut taken = Vec::new();
    let limit = JWKS_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut taken).map_err(|cause| fault(&cause))?;
    if taken.len() > JWKS_BYTES_MAX {
        return Err(fault(&"longer than a key set may be"));
    }
    Ok(Bytes::from(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b42_keys_are_asked_for_again_ahead_of_expiry_and_within_our_bounds() {
        for (max_age, wait) in [
            (None, 480),
            (Some(0), 60),
            (Some(59), 60),
            (Some(75), 60),
            (Some(300), 240),
            (Some(3_600), 2_880),
            (Some(108_000), 86_400),
            (Some(u64::MAX), 86_400),
        ] {
            assert_eq!(refresh_in(max_age.map(Duration::from_secs)), Duration::from_secs(wait), "{max_age:?}");
        }
    }
}
