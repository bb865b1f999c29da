//! What the admin port reports: readiness, and metrics with the current figures of each issuer.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    app::{
        admin::Tells,
        build::{BuiltParts, EmbeddedParts},
        ready::{IssuerState, Readiness, Report, ServerState},
    },
    base::names::ServerName,
    config::Settings,
    inbound::state::usage::Usage,
    observe::{
        Observe,
        metrics::{CompanyIdpFigures, IssuerFigures, StoreFigures},
    },
    outbound::{acme::held::AcmeHeld, keys::IssuerKeys, upstream::Upstream},
};

/// The status of the process. The supervisor updates it, and the admin port reports it.
pub(super) struct Status {
    pub(super) observe: Arc<Observe>,
    pub(super) readiness: Readiness,
    usage: Arc<Usage>,
    told: ArcSwap<InForce>,
    /// The certificates by ACME.
    acme: ArcSwap<Vec<Arc<AcmeHeld>>>,
}

/// The part of the configuration in force that the admin port reports.
struct InForce {
    /// Host of `public_url`.
    host: Box<str>,
    issuers: Vec<Arc<IssuerKeys>>,
    /// The embedded authorization servers.
    states: Vec<EmbeddedParts>,
    /// Each server, and the indexes of its issuers.
    servers: Vec<(ServerName, Vec<usize>)>,
    /// The upstreams of the servers.
    upstreams: Vec<Arc<Upstream>>,
}

impl Status {
    pub(super) fn new(observe: &Arc<Observe>, usage: &Arc<Usage>, settings: &Settings, parts: &BuiltParts) -> Self {
        let told = ArcSwap::from_pointee(InForce::of(settings, parts));
        let (observe, usage) = (Arc::clone(observe), Arc::clone(usage));
        Self { observe, readiness: Readiness::default(), usage, told, acme: ArcSwap::default() }
    }

    /// Reports these certificates from now on.
    pub(super) fn follow_acme(&self, held: Vec<Arc<AcmeHeld>>) {
        self.acme.store(Arc::new(held));
    }

    /// Reports a changed configuration from now on. Ready servers stay ready while the keys of
    /// changed issuers are fetched.
    pub(super) fn follow(&self, settings: &Settings, parts: &BuiltParts) {
        self.ready();
        self.told.store(Arc::new(InForce::of(settings, parts)));
    }
}

impl InForce {
    fn of(settings: &Settings, parts: &BuiltParts) -> Self {
        let servers = settings.servers.iter();
        Self {
            host: settings.public_url.host().into(),
            issuers: parts.issuers.clone(),
            states: parts.states.clone(),
            servers: servers.map(|server| (server.name.clone(), server.authorization_servers.clone())).collect(),
            upstreams: parts.upstreams.clone(),
        }
    }

    fn issuer(&self, issuer: &IssuerKeys) -> IssuerState {
        let (name, status) = (&issuer.rules().name, issuer.status());
        // A problem of the store does not affect readiness: issued tokens stay valid, and the other
        // replicas have the same store.
        let mut states = self.states.iter().filter(|kept| kept.settings.name == *name);
        let trouble = states.find_map(|kept| kept.state.trouble());
        let introspection = issuer.introspector().and_then(|introspector| introspector.trouble());
        let trouble = trouble.or_else(|| introspection.map(|why| format!("introspection fails: {why}")));
        IssuerState { name: name.to_string(), keys: status.state, last_error: status.last_error, trouble }
    }
}

impl Tells for Status {
    fn host(&self) -> Box<str> {
        self.told.load().host.clone()
    }

    fn ready(&self) -> Report {
        let told = self.told.load();
        let issuers: Vec<IssuerState> = told.issuers.iter().map(|issuer| told.issuer(issuer)).collect();
        let mut report = self.readiness.report(told.servers.iter().map(|(name, indexes)| ServerState {
            name: name.to_string(),
            issuers: indexes.iter().filter_map(|index| issuers.get(*index)).cloned().collect(),
        }));
        // An issuer that no server names does not affect readiness; its problems become notes.
        let is_used = |index: usize| told.servers.iter().any(|(_, indexes)| indexes.contains(&index));
        for (_, issuer) in issuers.into_iter().enumerate().filter(|(index, _)| !is_used(*index)) {
            let troubles = issuer.last_error.into_iter().chain(issuer.trouble);
            report.notes.extend(troubles.map(|why| format!("authorization server {}: {why}", issuer.name)));
        }
        // A note: a load balancer that sends nothing to an unready gateway would keep the CA's
        // validation away.
        let wall = self.observe.clock.now().wall;
        report.notes.extend(self.acme.load().iter().filter_map(|held| held.note(wall)));
        report
    }

    fn metrics(&self) -> String {
        for issuer in &self.told.load().issuers {
            let status = issuer.status();
            let figures = IssuerFigures {
                fetched: status.fetches_ok,
                failed: status.fetches_failed,
                keys: status.keys,
                skipped: status.skipped,
                introspections: issuer.introspector().map(|introspector| introspector.counts()),
            };
            self.observe.metrics.issuer(&issuer.rules().name, figures);
        }
        for kept in &self.told.load().states {
            if let Some(bridge) = &kept.state.bridge {
                let figures = CompanyIdpFigures {
                    exchanges: bridge.figures().by_result(),
                    metadata_fetches: bridge.metadata_fetches(),
                    is_up: bridge.is_up(),
                };
                self.observe.metrics.idp(&kept.settings.name, figures);
            }
        }
        let told = self.told.load();
        let refused = told.states.iter().flat_map(|kept| kept.state.refused().map(|one| (&kept.settings.name, one)));
        self.observe.metrics.refusals(refused);
        self.observe.metrics.stores(told.states.iter().filter_map(|kept| {
            let (state, name) = (kept.state.store_state()?, &kept.settings.name);
            let figures = StoreFigures {
                keys: state.keys,
                refused: state.refused,
                failures: state.failures,
                losses: state.losses,
                signing_keys_replaced: state.signing_keys_replaced,
                signing_keys_restored: state.signing_keys_restored,
                evicts: state.evicts,
            };
            Some((name, figures))
        }));
        self.observe.metrics.upstreams(self.told.load().upstreams.iter().map(|upstream| {
            let figures = upstream.figures();
            (&upstream.settings().server, figures.connections, figures.streams)
        }));
        self.observe.metrics.body_bytes(self.usage.body_bytes());
        self.observe.metrics.uploads_ended_for_room(self.usage.uploads_displaced());
        self.observe.metrics.encode()
    }
}
