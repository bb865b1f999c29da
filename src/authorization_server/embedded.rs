//! One embedded authorization server: its settings, its state, and the requests to it.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{header::CONTENT_TYPE, request::Parts};

use crate::{
    authorization_server::{
        browser::used_states::UsedStates,
        client::documents::ClientDocuments,
        delivery::Deliveries,
        grant::revocations::Revocations,
        keys::{seal::Sealer, signing::SigningKeys},
        noted_calls::NotedCalls,
        person::{bridge::Bridge, claims_seen::ClaimsSeen, passwords::PasswordThreads},
        refusals::Refusals,
        renewals::Renewals,
        replica::Replica,
        settings::EmbeddedSettings,
        store::Store,
        throttle::Throttle,
        turns::Turns,
        upkeep::{failing::FailingTasks, identity::StoreIdentity, seal_standing::SealStanding},
    },
    base::{
        clock::{Clock, Now},
        media,
    },
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form::Form,
        },
        routing::IssuerEndpoint,
    },
    outbound::{
        fetch::{Fetch, Roots},
        keys::LocalKeys,
    },
};

/// One embedded authorization server. A reload makes another with the same [`State`].
pub struct Embedded {
    /// As configured.
    pub settings: EmbeddedSettings,
    /// What outlives a reload.
    pub state: Arc<State>,
}

/// What outlives a reload.
pub struct State {
    /// Flows, sign-in sessions, codes, families, clients, consents, keys and revocations.
    pub store: Store,
    /// Seals secrets in the store.
    pub sealer: Arc<Sealer>,
    /// Keys that sign tokens.
    pub keys: SigningKeys,
    /// Client ID Metadata Documents.
    pub documents: ClientDocuments,
    /// Rate limits.
    pub throttle: Throttle,
    /// Requests take turns, so that calls go on.
    pub(crate) turns: Turns,
    /// Threads that check passwords.
    pub passwords: PasswordThreads,
    /// The company IdP, if users log in there.
    pub bridge: Option<Bridge>,
    /// Fetches client documents and asks the IdP.
    pub fetch: Fetch,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Access tokens and families revoked before they expired, and whose tokens count at all.
    pub(crate) revocations: Revocations,
    /// Refresh tokens that were delivered and not yet recorded as such.
    pub(crate) deliveries: Deliveries,
    /// Calls that were refused for lack of scope and noted lately.
    pub(crate) noted_calls: NotedCalls,
    /// Exchanges with the company IdP that are under way.
    pub(crate) renewals: Renewals,
    /// Answers of the company IdP that were used.
    pub(crate) used_states: UsedStates,
    /// Which claims the company IdP has provided.
    pub(crate) claims_seen: ClaimsSeen,
    /// Refused requests.
    pub(crate) refusals: Refusals,
    /// Upkeep tasks that fail at the moment.
    pub(crate) failing: FailingTasks,
    /// This process among the replicas of the store.
    pub(crate) replica: Replica,
    /// Which keys the store still needs.
    pub(crate) seal_standing: SealStanding,
    /// Whether the store is still the same.
    pub(crate) identity: StoreIdentity,
    /// Whether the operator allows Redis to evict live entries.
    pub(crate) allow_eviction: bool,
}

/// How the store is, for the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// The configured seal keys by their ids, and whether the store needs each.
    pub keys: Vec<(String, bool)>,
    /// Stored values that were refused.
    pub refused: u64,
    /// How often background work with the store failed.
    pub failures: u64,
    /// How often the store was found empty, replaced or deleted.
    pub losses: u64,
    /// How often signing keys were replaced: no key opened them, or they were lost with the store.
    pub signing_keys_replaced: u64,
    /// How often signing keys had vanished from the store and were put back.
    pub signing_keys_restored: u64,
    /// Whether Redis evicts live entries.
    pub evicts: bool,
}

/// One request to the embedded server, with its whole body.
pub struct Asked<'a> {
    /// Which endpoint.
    pub endpoint: IssuerEndpoint,
    /// The head.
    pub head: &'a Parts,
    /// The body.
    pub body: Bytes,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
    /// When it arrived.
    pub now: Now,
    /// How many requests of clients without a token, such as this one, may be under way.
    pub places: u32,
}

impl Embedded {
    /// The absolute URL of one of its endpoints.
    #[must_use]
    pub fn url(&self, endpoint: IssuerEndpoint) -> String {
        format!("{}{}", self.settings.issuer, endpoint.suffix())
    }

    /// Whether browsers reach it by TLS; then cookies are `Secure` and have the `__Host-` prefix.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.settings.issuer.starts_with("https://")
    }
}

impl State {
    /// Opens the store and creates the rest of the state. Signing keys and revocations are
    /// published to `local`, with which the gateway verifies tokens.
    ///
    /// # Errors
    /// What is wrong with the store, or that the system has no randomness: the rest of a sentence
    /// that begins with the key of the embedded server.
    pub fn new(
        settings: &EmbeddedSettings,
        fetch: Fetch,
        roots: Roots,
        clock: Arc<dyn Clock>,
        local: Arc<LocalKeys>,
    ) -> Result<Arc<Self>, String> {
        let store = Store::open(&settings.store, roots, Arc::clone(&clock));
        let store = store.map_err(|fault| format!(".store: {fault}"))?;
        let bridge = Bridge::new(&settings.login, &fetch, &clock);
        let other = |cause| format!(": {cause}");
        let sealer = Arc::new(Sealer::new(&settings.seal_keys).map_err(other)?);
        let replica = Replica::new(clock.now().wall).map_err(other)?;
        let revocations = Revocations::new(Arc::clone(&local));
        revocations.accept_only(settings.holders());
        Ok(Arc::new(Self {
            store: store.sealed_with(Arc::clone(&sealer)),
            sealer,
            keys: SigningKeys::new(local),
            documents: ClientDocuments::default(),
            throttle: Throttle::default(),
            turns: Turns::default(),
            passwords: PasswordThreads::default(),
            bridge,
            fetch,
            clock,
            revocations,
            deliveries: Deliveries::default(),
            noted_calls: NotedCalls::default(),
            renewals: Renewals::default(),
            used_states: UsedStates::default(),
            claims_seen: ClaimsSeen::default(),
            refusals: Refusals::default(),
            failing: FailingTasks::default(),
            replica,
            seal_standing: SealStanding::default(),
            identity: StoreIdentity::default(),
            allow_eviction: settings.allow_eviction,
        }))
    }

    /// Follows a reload that continues this authorization server.
    pub fn follow(&self, settings: &EmbeddedSettings) {
        self.revocations.accept_only(settings.holders());
        if let Some(bridge) = &self.bridge {
            bridge.follow(&settings.login);
        }
        self.claims_seen.follow(&settings.grants, &settings.named_claims());
    }

    /// Waits until the exchanges with the company IdP that are under way have ended: their new
    /// refresh tokens exist only in this process until they are stored.
    pub async fn finished(&self) {
        self.renewals.finished().await;
    }

    /// What the operator must know: that the company IdP refuses the gateway, an upkeep task that
    /// fails, a store that was lost or evicts entries, keys of `session_keys` that the store still
    /// needs.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let bridge = self.bridge.as_ref();
        let mut troubles = bridge.map(Bridge::troubles).unwrap_or_default();
        troubles.extend(bridge.map(Bridge::remarks).unwrap_or_default());
        troubles.extend(self.failing.first());
        troubles.extend(self.claims_seen.trouble());
        if self.store.seals().is_some() {
            troubles.extend(self.identity.troubles(self.clock.now()));
            troubles.extend(self.seal_standing.apart());
            let needed = self.seal_standing.needed(&self.sealer).into_iter();
            let position = |key| self.sealer.ids().position(|one| one == key);
            troubles.extend(needed.map(|(key, why)| match position(key) {
                Some(position) => format!("the store still needs session_keys[{position}] (key {key}): {why}"),
                None => format!("the store needs key {key}: {why}"),
            }));
        }
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// Refused requests since the start: what was refused, why, and how often.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.refusals.figures()
    }

    /// Tells the other replicas that this process ends, if the store can be reached at once.
    pub async fn leave(&self) {
        if self.store.is_shared() && self.failing.first().is_none() {
            // Otherwise they notice by its age.
            let _ = self.replica.leave(&self.store).await;
        }
    }

    /// The id of the store as it was last seen: another store, or an emptied one, has another.
    #[must_use]
    pub fn store_id(&self) -> Option<String> {
        self.identity.id()
    }

    /// How the store is; `None` for a memory store.
    #[must_use]
    pub fn store_state(&self) -> Option<StoreState> {
        let seals = self.store.seals()?;
        let needed = self.seal_standing.needed(&self.sealer);
        let is_needed = |(position, key)| position == 0 || needed.iter().any(|(one, _)| *one == key);
        let keys = self.sealer.ids().enumerate();
        Some(StoreState {
            keys: keys.map(|(position, key)| (key.to_string(), is_needed((position, key)))).collect(),
            refused: seals.refused(),
            failures: self.failing.count(),
            losses: self.identity.losses(),
            signing_keys_replaced: self.keys.replaced(),
            signing_keys_restored: self.keys.restored(),
            evicts: self.identity.is_evicting(),
        })
    }

    /// Why this server must not start with its store: Redis evicts live entries, and that is not
    /// allowed.
    pub async fn refusal(&self) -> Option<String> {
        if self.allow_eviction {
            return None;
        }
        evicts(&self.store).await
    }
}

/// Why a store must not be used: it deletes live entries. `None` if the Redis does not answer.
pub async fn evicts(store: &Store) -> Option<String> {
    let policy = store.eviction().await.ok()??;
    Some(format!(
        "store.redis: found maxmemory-policy {policy}, by which Redis deletes logins and revocations when it is full; expected noeviction: set it in Redis, or write allow_eviction: true beside redis"
    ))
}

impl Asked<'_> {
    /// Whether the body is labelled with this media type.
    pub(crate) fn is(&self, essence: &str) -> bool {
        let value = self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| media::is(value.as_bytes(), essence))
    }

    /// The body as a form. JSON text is refused: a page of another site can make a browser post it
    /// as `text/plain` (SPEC E-20).
    pub(crate) fn form(&self) -> Result<Form, OAuthError> {
        if !self.is(media::FORM) {
            return Err(Code::InvalidRequest.because("the body must be application/x-www-form-urlencoded"));
        }
        Form::read(&self.body)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Form, OAuthError> {
        Form::read(self.head.uri.query().unwrap_or_default().as_bytes())
    }
}
