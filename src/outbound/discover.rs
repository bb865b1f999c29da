//! Keeps an issuer's metadata fresh, for its keys and for the mirrored document.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    base::{
        limits::fetch::{FETCH_TIMEOUT, METADATA_AGE, METADATA_BYTES_MAX},
        names::Issuer,
        text::BYTE_ORDER_MARK,
    },
    decide::resource_server::issuer_metadata::{self, AskedAs, MetadataFault},
    outbound::{
        address::AddressRule,
        basic::takes_basic,
        fault::{Fault, FaultKind},
        fetch::{Fetch, Plaintext, Wanted, backoff},
    },
};

mod place;
#[cfg(test)]
mod tests;

pub use place::{KeyPlace, named_place};

/// One issuer's metadata. Only [`Self::keep_fresh`] fetches, so requests never cause a fetch.
pub struct Discovery {
    issuer: Issuer,
    /// The names of the issuer in the configuration, for advice.
    written: Vec<Issuer>,
    plaintext: Plaintext,
    start: Start,
    asked_as: AskedAs,
    fetch: Fetch,
    state: watch::Sender<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    good: Option<Arc<Good>>,
    fault: Option<Fault>,
    attempts: u64,
    /// How many of the attempts failed.
    failed: u64,
    /// What to write, if the document of the last attempt names another issuer.
    lines_to_write: Option<Box<str>>,
}

struct Good {
    document: Bytes,
    jwks_uri: Option<String>,
    /// The introspection endpoint, and whether it takes Basic.
    introspection: Option<(String, bool)>,
    /// Members without a meaning.
    odd: Vec<&'static str>,
}

/// When the metadata is fetched for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once, because it names the URL of the keys.
    AtOnce,
    /// When the document is needed: an issuer whose keys come from another source may have no
    /// metadata.
    WhenAsked,
}

/// Where an issuer introspects tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionPlace {
    /// The endpoint.
    pub place: KeyPlace,
    /// Whether the gateway authenticates with Basic; otherwise in the form.
    pub by_basic: bool,
}

impl Discovery {
    /// The metadata of `issuer`. Nothing is fetched before [`Self::keep_fresh`] runs.
    #[must_use]
    pub fn new(issuer: Issuer, plaintext: Plaintext, start: Start, fetch: Fetch) -> Self {
        let asked_as = AskedAs::ResourceServer;
        let (written, state) = (Vec::new(), watch::Sender::default());
        Self { issuer, written, plaintext, start, asked_as, fetch, state, wanted: Notify::new() }
    }

    /// The same, asked for as this.
    #[must_use]
    pub fn asked_as(self, asked_as: AskedAs) -> Self {
        Self { asked_as, ..self }
    }

    /// The same, with the document that `before` has found at the same place. It counts until the
    /// next good one.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        let state = before.state.borrow();
        let Some(good) = &state.good else { return self };
        let state = State {
            good: Some(Arc::clone(good)),
            fault: state.fault.clone(),
            attempts: state.attempts,
            failed: state.failed,
            lines_to_write: state.lines_to_write.clone(),
        };
        Self { start: Start::AtOnce, state: watch::Sender::new(state), ..self }
    }

    /// The same, with these names in the configuration.
    #[must_use]
    pub fn written_as(self, written: Vec<Issuer>) -> Self {
        Self { written, ..self }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The last good document, unchanged, for the mirror. It may be old, because an old document
    /// helps a client more than an error. Waits for the first attempt only.
    ///
    /// # Errors
    /// The fault of the last attempt, if there is no document yet.
    pub async fn document(&self) -> Result<Bytes, Fault> {
        self.good().await.map(|good| good.document.clone())
    }

    /// The last good document, without waiting.
    #[must_use]
    pub fn last_good(&self) -> Option<Bytes> {
        self.state.borrow().good.as_ref().map(|good| good.document.clone())
    }

    /// What the operator writes to use the issuer that the document names, if it is another and
    /// there is no good document.
    #[must_use]
    pub fn lines_to_write(&self) -> Option<Box<str>> {
        let state = self.state.borrow();
        state.lines_to_write.clone().filter(|_| state.good.is_none())
    }

    /// Why the last attempt failed; `None` if it succeeded, or there was none.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.state.borrow().fault.clone()
    }

    /// Successful and failed attempts since the start.
    #[must_use]
    pub fn fetches(&self) -> (u64, u64) {
        let state = self.state.borrow();
        (state.attempts.saturating_sub(state.failed), state.failed)
    }

    /// The URL of the keys, by the document.
    ///
    /// # Errors
    /// There is no document, or its `jwks_uri` is absent or may not be fetched.
    pub async fn key_place(&self) -> Result<KeyPlace, Fault> {
        let good = self.good().await?;
        let url =
            good.jwks_uri.as_deref().ok_or_else(|| Fault::new(FaultKind::Metadata, "the document has no jwks_uri"))?;
        self.place("jwks_uri", url)
    }

    /// Where tokens are introspected, by the document.
    ///
    /// # Errors
    /// There is no document, or its `introspection_endpoint` is absent or may not be asked.
    pub async fn introspection_place(&self) -> Result<IntrospectionPlace, Fault> {
        let good = self.good().await?;
        let (url, by_basic) = good.introspection.as_ref().ok_or_else(|| {
            let cause = "the document has no introspection_endpoint; write `introspection: {url: …}` if there is one";
            Fault::new(FaultKind::Metadata, cause)
        })?;
        Ok(IntrospectionPlace { place: self.place("introspection_endpoint", url)?, by_basic: *by_basic })
    }

    /// How a URL in `member` of the document may be fetched.
    ///
    /// # Errors
    /// The URL may not be fetched.
    pub fn place(&self, member: &str, url: &str) -> Result<KeyPlace, Fault> {
        named_place(&self.issuer, self.plaintext, self.fetch.detour(), member, url)
    }

    /// Waits until the next attempt has ended.
    pub async fn attempted(&self) {
        // The sender lives as long as `self`, so the wait ends only with an attempt.
        let _ = self.state.subscribe().changed().await;
    }

    async fn good(&self) -> Result<Arc<Good>, Fault> {
        if self.state.borrow().attempts == 0 {
            self.wanted.notify_one();
            let mut state = self.state.subscribe();
            // After a timeout, too, the present state is used.
            let _ = timeout(FETCH_TIMEOUT, state.wait_for(|state| state.attempts > 0)).await;
        }
        let state = self.state.borrow();
        match (&state.good, &state.fault) {
            (Some(good), _) => Ok(Arc::clone(good)),
            (None, Some(fault)) => Err(fault.clone()),
            (None, None) => Err(Fault::new(FaultKind::Timeout, "the first fetch of the metadata has not ended yet")),
        }
    }

    /// Fetches again and again. Its owner stops it by dropping the future.
    pub async fn keep_fresh(&self) {
        if self.start == Start::WhenAsked {
            self.wanted.notified().await;
        }
        let mut failures = 0;
        loop {
            match self.look().await {
                Ok(good) => {
                    failures = 0;
                    self.accept(good);
                }
                Err(fault) => {
                    failures += 1;
                    self.log_failure(fault, failures);
                }
            }
            sleep(if failures == 0 { METADATA_AGE } else { backoff(failures) }).await;
        }
    }

    /// Tries the URLs where the document may be, in order. If all fail, the fault names each cause.
    async fn look(&self) -> Result<Good, Fault> {
        let places = issuer_metadata::places(&self.issuer, self.asked_as).map_err(|fault| {
            Fault::new(FaultKind::Metadata, format_args!("the issuer {} is not a URL: {fault:?}", self.issuer))
        })?;
        try_each(&places, self.asked_as, |place| self.look_at(place)).await
    }

    async fn look_at(&self, place: &str) -> Result<Good, Fault> {
        let wanted = Wanted {
            url: place,
            rule: AddressRule::Configured,
            plaintext: self.plaintext,
            bytes_max: METADATA_BYTES_MAX,
        };
        let fetched = self.fetch.get_published(&wanted).await?;
        // A byte order mark says nothing, and clients of the mirror could not read it.
        let document = match fetched.body.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => fetched.body.slice_ref(text),
            None => fetched.body,
        };
        let metadata = issuer_metadata::read(&document, &self.issuer).map_err(|fault| match fault {
            MetadataFault::Issuer { found } => {
                let lines = issuer_metadata::lines_to_write(&found, &self.written);
                let cause = format_args!(
                    "{place}: issuer is {found:?}; expected {:?}; if this is your issuer, write {lines}",
                    self.issuer
                );
                let fault = Fault::new(FaultKind::Issuer, cause);
                self.state.send_if_modified(|state| {
                    state.lines_to_write = Some(lines.into());
                    false
                });
                fault
            }
            fault => Fault::new(FaultKind::Metadata, format_args!("{place}: {fault}")),
        })?;
        let methods = metadata.introspection_endpoint_auth_methods_supported;
        let introspection = metadata.introspection_endpoint.map(|url| (url, takes_basic(methods.as_deref())));
        Ok(Good { document, jwks_uri: metadata.jwks_uri, introspection, odd: metadata.odd })
    }

    fn accept(&self, good: Good) {
        let before = self.state.borrow().good.as_ref().map(|good| good.document.clone());
        if before.as_ref() != Some(&good.document) {
            info!(issuer = %self.issuer, bytes = good.document.len(), "new issuer metadata");
            if !good.odd.is_empty() {
                let members = good.odd.join(", ");
                info!(issuer = %self.issuer, members, "the issuer metadata has members that cannot be understood: they are not used");
            }
        }
        self.state.send_modify(|state| {
            let attempts = state.attempts.saturating_add(1);
            let good = Some(Arc::new(good));
            *state = State { good, fault: None, attempts, failed: state.failed, lines_to_write: None };
        });
    }

    fn log_failure(&self, fault: Fault, failures: u32) {
        let serving_last_good = self.state.borrow().good.is_some();
        // A warning for the first failure of an outage; retries are logged for debugging.
        if failures == 1 {
            warn!(issuer = %self.issuer, %fault, serving_last_good, "issuer metadata cannot be fetched");
        } else {
            debug!(issuer = %self.issuer, %fault, failures, "issuer metadata still cannot be fetched");
        }
        self.state.send_modify(|state| {
            if fault.kind != FaultKind::Issuer {
                state.lines_to_write = None;
            }
            state.fault = Some(fault);
            state.attempts = state.attempts.saturating_add(1);
            state.failed = state.failed.saturating_add(1);
        });
    }
}

/// Tries all URLs, and returns the first good answer, or one fault with all causes. Its kind is
/// that of the first URL whose failure was not just a missing document.
async fn try_each<'a, T, F>(places: &'a [String], asked_as: AskedAs, look_at: impl Fn(&'a str) -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut kind = None;
    let mut causes = Vec::new();
    for place in places {
        match look_at(place).await {
            Ok(found) => return Ok(found),
            Err(fault) => {
                if !matches!(fault.kind, FaultKind::Status | FaultKind::Gone | FaultKind::TooMany) {
                    kind.get_or_insert(fault.kind);
                }
                let host_is_out_of_reach = matches!(fault.kind, FaultKind::Url | FaultKind::Dial(_));
                // What a client needs is there, but not now; the others may say less.
                let is_only_late = asked_as == AskedAs::OpenIdClient
                    && matches!(fault.kind, FaultKind::ServerError | FaultKind::TooMany | FaultKind::Timeout);
                causes.push(fault.cause);
                // All URLs are on one host.
                if host_is_out_of_reach || is_only_late {
                    break;
                }
            }
        }
    }
    Err(Fault::new(kind.unwrap_or(FaultKind::Status), causes.join("; ")))
}
