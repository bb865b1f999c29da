//! Client ID Metadata Documents and key sets of clients: fetched, cached within bounds (SPEC E-33).

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use moka::{Expiry, sync::Cache};
use tracing::info;

use crate::{
    base::{
        clock::Now,
        limits::authorization_server::{
            CLIENT_DOCUMENT_AGE_DEFAULT, CLIENT_DOCUMENT_AGE_MAX, CLIENT_DOCUMENT_AGE_MIN, CLIENT_DOCUMENT_BYTES_MAX,
            CLIENT_DOCUMENT_EVERY, CLIENT_DOCUMENT_OF_HOST_EVERY, CLIENT_DOCUMENT_OF_PEER_EVERY,
            CLIENT_DOCUMENT_OF_SITE_EVERY, CLIENT_DOCUMENT_PAUSE, CLIENT_DOCUMENTS_AT_ONCE, CLIENT_DOCUMENTS_MAX,
            CLIENT_DOCUMENTS_OF_HOST_AT_ONCE, CLIENT_DOCUMENTS_OF_PEER_AT_ONCE, CLIENT_DOCUMENTS_OF_SITE_AT_ONCE,
            CLIENT_KEYS_BYTES_MAX, THROTTLED_MAX,
        },
        names::is_loopback_name,
        peer::{network, site},
    },
    decide::{
        authorization_server::{
            client::Client,
            client_id_document::DocumentUrl,
            client_metadata,
            error::{Code, OAuthError},
        },
        token::jwk::KeySet,
    },
    outbound::{
        address::AddressRule,
        fault::{Fault, FaultKind},
        fetch::{Fetch, Plaintext, Wanted},
    },
};

#[cfg(test)]
mod tests;

/// How long a URL counts as known after its last use.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where a client's document or key set may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On the public internet, by TLS.
    Public,
    /// On loopback as well: for tests on one machine.
    Loopback,
}

impl Reach {
    /// What `client_id_documents.allow_loopback` allows.
    #[must_use]
    pub fn of(allows_loopback: bool) -> Self {
        if allows_loopback { Self::Loopback } else { Self::Public }
    }
}

/// Why a document or key set cannot be used. The log has the cause. Of a document that a public
/// host has sent, the answer says what is wrong with it, in fixed words; why a host was not reached
/// it does not say: an attacker could probe the internal network with it (SPEC D-34).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentFault {
    /// The host has withdrawn it, or what the host sent is not a usable document: the last good one
    /// ends, too. With what is wrong with it.
    Ended(Cow<'static, str>),
    /// The host refuses to send it. The last good one does not serve, and does not end either.
    Refused,
    /// The host was not reached, failed, or must not be asked now: the last good one may serve.
    Away,
    /// The host answers with a redirect, as one does during maintenance. Redirects are not
    /// followed: as [`Self::Away`].
    Redirected,
}

impl From<DocumentFault> for OAuthError {
    fn from(fault: DocumentFault) -> Self {
        match fault {
            DocumentFault::Ended(what) => Code::InvalidClient
                .because(format!("the document of this client_id, or its key set, cannot be used: {what}")),
            // Not `invalid_client`: clients discard their tokens and their registration then.
            DocumentFault::Refused | DocumentFault::Away => Code::TemporarilyUnavailable
                .because("the document of this client_id, or its key set, cannot be fetched now; try again later"),
            DocumentFault::Redirected => Code::TemporarilyUnavailable.because(
                "the document of this client_id, or its key set, cannot be fetched now: its host answers with a redirect, which is not followed",
            ),
        }
    }
}

/// Fetched documents, and key sets of clients.
pub struct ClientDocuments {
    clients: Cache<Box<str>, Held<Client>>,
    keys: Cache<Box<str>, Held<Box<str>>>,
    /// When each URL may be asked for again: clients cannot use this server to flood a host.
    urls: Cache<Box<str>, Duration>,
    /// When each host may be asked for URLs that are not known. Requests for other URLs of its host
    /// do not delay a known one.
    hosts: Cache<Box<str>, Duration>,
    /// The share of each client address in that.
    shares: Cache<(Box<str>, IpAddr), Duration>,
    /// The share of each IPv6 site, which has many such addresses.
    sites: Cache<(Box<str>, IpAddr), Duration>,
    /// URLs that returned a usable document or key set.
    known: Cache<Box<str>, ()>,
    /// Until when (monotonic) URLs whose last good document serves are not fetched again.
    paused: Cache<Box<str>, Duration>,
    /// Makes checking and counting one step.
    counting: Mutex<()>,
}

/// A fetched value, and how long it may be used (`until` is monotonic).
#[derive(Clone)]
struct Held<T> {
    value: T,
    until: Duration,
    age: Duration,
    /// When it was fetched, in seconds since 1970.
    seen: u64,
}

impl Default for ClientDocuments {
    fn default() -> Self {
        Self {
            clients: Cache::builder().max_capacity(CLIENT_DOCUMENTS_MAX).expire_after(ByAge).build(),
            keys: Cache::builder().max_capacity(CLIENT_DOCUMENTS_MAX).expire_after(ByAge).build(),
            urls: Cache::builder().max_capacity(CLIENT_DOCUMENTS_MAX).time_to_live(OF_URL.forgotten()).build(),
            hosts: Cache::builder().max_capacity(CLIENT_DOCUMENTS_MAX).time_to_live(OF_HOST.forgotten()).build(),
            shares: Cache::builder().max_capacity(THROTTLED_MAX as u64).time_to_live(OF_PEER.forgotten()).build(),
            sites: Cache::builder().max_capacity(THROTTLED_MAX as u64).time_to_live(OF_SITE.forgotten()).build(),
            known: Cache::builder().max_capacity(CLIENT_DOCUMENTS_MAX).time_to_idle(KNOWN_FOR).build(),
            paused: Cache::builder().max_capacity(CLIENT_DOCUMENTS_MAX).time_to_live(CLIENT_DOCUMENT_PAUSE).build(),
            counting: Mutex::default(),
        }
    }
}

impl ClientDocuments {
    /// The client, if its document is cached.
    #[must_use]
    pub fn held(&self, url: &DocumentUrl, now: Now) -> Option<Client> {
        self.held_since(url, now).map(|(client, _)| client)
    }

    /// As [`Self::held`], with the time at which the document was fetched, in seconds since 1970.
    #[must_use]
    pub fn held_since(&self, url: &DocumentUrl, now: Now) -> Option<(Client, u64)> {
        self.clients.get(url.as_str()).filter(|held| now.mono < held.until).map(|held| (held.value, held.seen))
    }

    /// The key set, if it is cached, and when it was fetched, in seconds since 1970.
    #[must_use]
    pub fn held_keys(&self, url: &str, now: Now) -> Option<(Box<str>, u64)> {
        self.keys.get(url).filter(|held| now.mono < held.until).map(|held| (held.value, held.seen))
    }

    /// The client that the document at `url` describes. Failures are not cached.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub async fn client(
        &self,
        fetch: &Fetch,
        url: &DocumentUrl,
        (reach, peer): (Reach, Option<IpAddr>),
        now: Now,
    ) -> Result<Client, DocumentFault> {
        if let Some(client) = self.held(url, now) {
            return Ok(client);
        }
        let (body, age) =
            self.fetch(fetch, (url.as_str(), &url.host()), (reach, peer), CLIENT_DOCUMENT_BYTES_MAX, now).await?;
        let client = client_metadata::read_document(url, &body).map_err(|what| unusable(url.as_str(), what))?;
        let age = age.unwrap_or(CLIENT_DOCUMENT_AGE_DEFAULT).clamp(CLIENT_DOCUMENT_AGE_MIN, CLIENT_DOCUMENT_AGE_MAX);
        self.known.insert(url.as_str().into(), ());
        self.clients.insert(url.as_str().into(), Held::new(client.clone(), age, now));
        Ok(client)
    }

    /// The key set at a client's `jwks_uri`, as its JSON text.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub async fn keys(
        &self,
        fetch: &Fetch,
        url: &str,
        (reach, peer): (Reach, Option<IpAddr>),
        now: Now,
    ) -> Result<Box<str>, DocumentFault> {
        if let Some((keys, _)) = self.held_keys(url, now) {
            return Ok(keys);
        }
        let host = host_of(url).ok_or_else(|| unusable(url, "the URL has no host"))?;
        let (body, age) = self.fetch(fetch, (url, &host), (reach, peer), CLIENT_KEYS_BYTES_MAX, now).await?;
        let unusable_set = DocumentFault::Ended("it is not a usable key set".into());
        KeySet::read(&body)
            .map_err(|cause| refused(url, unusable_set, format_args!("not a usable key set: {cause}")))?;
        let text: Box<str> = std::str::from_utf8(&body).map_err(|_| unusable(url, "it is not UTF-8"))?.into();
        // A withdrawn key must stop working soon.
        let age =
            age.unwrap_or(CLIENT_DOCUMENT_AGE_DEFAULT).clamp(CLIENT_DOCUMENT_AGE_MIN, CLIENT_DOCUMENT_AGE_DEFAULT);
        self.known.insert(url.into(), ());
        self.keys.insert(url.into(), Held::new(text.clone(), age, now));
        Ok(text)
    }

    /// Counts a URL as known: the store has its last good document or key set.
    pub fn know(&self, url: &str) {
        if !self.is_known(url) {
            self.known.insert(url.into(), ());
        }
    }

    /// Whether the URL has returned a usable document or key set.
    #[must_use]
    pub fn is_known(&self, url: &str) -> bool {
        self.known.contains_key(url)
    }

    /// Whether the URL is not to be fetched for the moment.
    #[must_use]
    pub fn is_paused(&self, url: &str, now: Now) -> bool {
        self.paused.get(url).is_some_and(|until| now.mono < until)
    }

    /// Leaves the URL alone for a moment: its host fails, and each fetch could take seconds.
    pub fn pause(&self, url: &str, now: Now) {
        self.paused.insert(url.into(), now.mono.saturating_add(CLIENT_DOCUMENT_PAUSE));
    }

    async fn fetch(
        &self,
        fetch: &Fetch,
        (url, host): (&str, &str),
        (reach, peer): (Reach, Option<IpAddr>),
        bytes_max: usize,
        now: Now,
    ) -> Result<(Bytes, Option<Duration>), DocumentFault> {
        if !self.may_ask(url, host, peer, now) {
            return Err(refused(url, DocumentFault::Away, "too many requests to its host"));
        }
        let (rule, plaintext) = match reach {
            Reach::Loopback if is_loopback_name(host) => (AddressRule::Configured, Plaintext::Loopback),
            _ => (AddressRule::PublicOnly, Plaintext::Refused),
        };
        let fetched = fetch.get(&Wanted { url, rule, plaintext, bytes_max }).await;
        fetched.map(|fetched| (fetched.body, fetched.max_age)).map_err(|fault| refused(url, verdict(&fault), &fault))
    }

    /// Counts one request; returns whether it may be sent. For a URL that is not known, the host
    /// and the client address must have room as well: anyone can invent URLs. Without a client
    /// address, a user has allowed the client something.
    fn may_ask(&self, url: &str, host: &str, peer: Option<IpAddr>, now: Now) -> bool {
        let _alone = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let host: Box<str> = host.to_ascii_lowercase().into();
        let Some(of_url) = OF_URL.counted(self.urls.get(url), now) else { return false };
        if let Some(peer) = peer.filter(|_| !self.is_known(url)) {
            let (share, site) = ((host.clone(), network(peer)), site(peer).map(|site| (host.clone(), site)));
            let Some(of_peer) = OF_PEER.counted(self.shares.get(&share), now) else { return false };
            let of_site = site.as_ref().map(|site| OF_SITE.counted(self.sites.get(site), now));
            let Some(of_host) = OF_HOST.counted(self.hosts.get(&host), now) else { return false };
            match (site, of_site) {
                (_, Some(None)) => return false,
                (Some(site), Some(Some(of_site))) => self.sites.insert(site, of_site),
                _ => {}
            }
            self.shares.insert(share, of_peer);
            self.hosts.insert(host, of_host);
        }
        self.urls.insert(url.into(), of_url);
        true
    }
}

/// So many requests at once, and one more after each `every`.
struct FetchRate {
    at_once: u32,
    every: Duration,
}

const OF_URL: FetchRate = FetchRate { at_once: CLIENT_DOCUMENTS_AT_ONCE, every: CLIENT_DOCUMENT_EVERY };
const OF_HOST: FetchRate =
    FetchRate { at_once: CLIENT_DOCUMENTS_OF_HOST_AT_ONCE, every: CLIENT_DOCUMENT_OF_HOST_EVERY };
const OF_PEER: FetchRate =
    FetchRate { at_once: CLIENT_DOCUMENTS_OF_PEER_AT_ONCE, every: CLIENT_DOCUMENT_OF_PEER_EVERY };
const OF_SITE: FetchRate =
    FetchRate { at_once: CLIENT_DOCUMENTS_OF_SITE_AT_ONCE, every: CLIENT_DOCUMENT_OF_SITE_EVERY };

impl FetchRate {
    /// The count after one more request, from the count before it; `None` if there is no room.
    /// Counts are times: when all counted requests are forgotten.
    fn counted(&self, before: Option<Duration>, now: Now) -> Option<Duration> {
        let next = before.unwrap_or_default().max(now.mono);
        let room = self.every.saturating_mul(self.at_once.saturating_sub(1));
        (next <= now.mono.saturating_add(room)).then(|| next.saturating_add(self.every))
    }

    /// A count may be forgotten after this time.
    fn forgotten(&self) -> Duration {
        self.every.saturating_mul(self.at_once).saturating_mul(2)
    }
}

impl<T> Held<T> {
    fn new(value: T, age: Duration, now: Now) -> Self {
        Self { value, until: now.mono.saturating_add(age), age, seen: now.unix_secs() }
    }
}

/// Frees memory. Whether a value may be used is decided by `Held::until`, not by the cache.
struct ByAge;

impl<T> Expiry<Box<str>, Held<T>> for ByAge {
    fn expire_after_create(&self, _: &Box<str>, held: &Held<T>, _: Instant) -> Option<Duration> {
        Some(held.age)
    }

    fn expire_after_update(&self, _: &Box<str>, held: &Held<T>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(held.age)
    }
}

/// The host of a `jwks_uri`, with brackets.
fn host_of(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    uri.host().filter(|host| !host.is_empty()).map(str::to_owned)
}

/// What a failed fetch says about the document.
fn verdict(fault: &Fault) -> DocumentFault {
    let ended = |what: &'static str| DocumentFault::Ended(what.into());
    match fault.kind {
        FaultKind::Gone => ended("its host answers that it does not exist (404 or 410)"),
        FaultKind::Redirect => DocumentFault::Redirected,
        FaultKind::MediaType => ended("its host does not send it as JSON (Content-Type)"),
        FaultKind::TooLarge => ended("it is too long"),
        FaultKind::Url => ended("its URL cannot be fetched"),
        // Such as a 403 for this server's address.
        FaultKind::Status => DocumentFault::Refused,
        _ => DocumentFault::Away,
    }
}

fn unusable(url: &str, what: impl Into<Cow<'static, str>>) -> DocumentFault {
    let what = what.into();
    refused(url, DocumentFault::Ended(what.clone()), what)
}

/// Logs the cause.
fn refused(url: &str, fault: DocumentFault, cause: impl std::fmt::Display) -> DocumentFault {
    let place = url.split(['?', '#']).next().unwrap_or_default();
    let outcome = match fault {
        DocumentFault::Ended(_) => "not usable",
        DocumentFault::Refused | DocumentFault::Away | DocumentFault::Redirected => "not fetched",
    };
    info!(target: "portcullis::authorization_server", event = "document", client = place, %cause, outcome, "client document {outcome}");
    fault
}
