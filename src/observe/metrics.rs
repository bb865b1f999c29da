//! The metrics of a process, and their text for Prometheus.
//!
//! Names and labels are an interface: dashboards and alerts are built on them. All begin with
//! `portcullis_`.
//!
//! Name (labels): meaning.
//!
//! - `requests_total` (`server`, `outcome`, `upstream`): requests that ended. `outcome`: `allowed`
//!   (and the upstream answered without an error), `upstream_error` (allowed, and the upstream
//!   failed or answered with an error), the reason of a refusal ([`crate::decide::refusal`]),
//!   `document` (metadata or preflight, no decision) or `client_gone` (the client left before a
//!   decision). A 405 to a GET or a DELETE, which MCP prescribes, is not an error here.
//!   `upstream`: `ok`, `error_4xx`, `error_5xx`, `broke_off`, `unfit` (may not be relayed),
//!   `unreachable`, `timeout`, or `none` (not asked, or the client left first). `server` is empty
//!   if the path belongs to no server
//! - `requests_ended_total` (`server`, `ended`): why their answers ended: `finished`,
//!   `client_gone`, `client_stalled`, `drain`, `permit_expired`, `upstream_failed`, `overloaded`
//! - `decisions_total` (`server`, `outcome`): one for each target of a request, so a batch of
//!   five calls counts five; counted with the audit line
//! - `request_duration_seconds` (`server`): histogram, from the arrival of the head to the last
//!   byte of the answer; for an event stream, to the head of the answer
//! - `reported_total` (`server`, `reason`): what `report_only` rules would have refused
//! - `upstream_failures_total` (`server`, `what`): failures by kind; each kind is logged as a
//!   warning at most every ten seconds
//! - `upstream_connections` (`server`): gauge: open connections to the upstream, idle ones included
//! - `upstream_streams` (`server`): gauge: requests under way on them
//! - `requests_in_flight`: gauge
//! - `streams_open`: gauge: event streams
//! - `request_body_bytes`: gauge: bytes held of bodies and lists that are longer than 16 KiB
//! - `uploads_ended_for_room_total`: unfinished requests of clients without a token to an embedded
//!   authorization server that gave way to others, because all places were taken
//! - `connections_open`: gauge: client connections
//! - `connections_max`: gauge: the bound on client connections
//! - `connections_closed_for_room_total`: idle client connections closed to make room
//! - `connections_total` (`listener`): accepted; the label is the listener's address
//! - `tls_handshake_failures_total` (`listener`): connections that sent nothing are not counted
//! - `protocol_violations_total` (`listener`, `violation`): connections and streams that were
//!   refused because they broke HTTP, by [`crate::decide::fields::framing::violation::Violation`]
//! - `jwks_fetches_total` (`issuer`, `result`): `ok` or `failed`; `issuer` is the name in the
//!   configuration
//! - `introspections_total` (`issuer`, `result`): questions to an introspection endpoint: `active`,
//!   `refused`, or `failed` where the answer said nothing about the token
//! - `jwks_keys` (`issuer`): gauge: usable keys held
//! - `jwks_keys_skipped` (`issuer`): gauge: keys of the set that cannot be used
//! - `idp_exchanges_total` (`issuer`, `result`): requests of an embedded authorization server to
//!   its company IdP's token endpoint: `granted`, `over` (the session has ended), `refused` (the
//!   IdP refuses the gateway: the operator must act) or `unavailable`
//! - `idp_metadata_fetches_total` (`issuer`, `result`): fetches of its metadata: `ok` or `failed`
//! - `idp_up` (`issuer`): gauge: whether users can sign in there, as far as is known
//! - `authorization_refusals_total` (`issuer`, `event`, `why`): what an embedded authorization
//!   server refused: `login` (`wrong` account or password, `throttled`, `busy`, `idp`),
//!   `authorize`, `registration`, `token` (each `refused` or `throttled`), `client` (`refused`)
//! - `store_key_needed` (`issuer`, `key`): gauge: whether the store of the embedded authorization
//!   server needs this key of `session_keys`; a key at 0 may be removed. The label is an id that
//!   reveals nothing of the key
//! - `store_values_refused_total` (`issuer`): stored values that were changed, or belong elsewhere
//! - `store_failures_total` (`issuer`): background work with the store that failed, several times a
//!   minute while it is away, full or read-only
//! - `store_losses_total` (`issuer`): the store was found empty, replaced or deleted
//! - `store_evicts` (`issuer`): gauge: whether Redis deletes live entries when it is full
//! - `signing_keys_replaced_total` (`issuer`): no key of `session_keys` opened the signing keys, or
//!   the store lost them
//! - `signing_keys_restored_total` (`issuer`): they had vanished from the store and were put back
//! - `config_reloads_total`: accepted configurations
//! - `config_reload_failures_total`: refused configurations; the old one stays in force
//! - `config_last_reload_success_timestamp_seconds`: gauge: since 1970; the start counts
//! - `certificate_reload_failures_total`: changed certificates that could not be used
//! - `certificate_not_after_seconds` (`listener`): gauge: when the certificate in use expires,
//!   since 1970
//! - `audit_dropped_total`: audit lines lost because their reader is too slow
//! - `build_info` (`version`): always 1

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Metric, Registry},
};

pub use crate::observe::metrics::{
    issuers::{CompanyIdpFigures, IssuerFigures},
    series::{ALLOWED, ServerSeries, UPSTREAM_ERROR},
    store::StoreFigures,
};
use crate::{
    base::names::{AuthorizationServerName, ServerName},
    observe::metrics::{
        issuers::IssuerFamilies,
        series::{ServerFamilies, ServerLabel},
        store::StoreFamilies,
    },
};

mod handles;
mod issuers;
mod series;
mod store;

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a process.
pub struct Metrics {
    registry: Registry,
    servers: ServerFamilies,
    known: Mutex<Vec<Arc<ServerSeries>>>,
    requests_in_flight: Gauge,
    streams_open: Gauge,
    body_bytes: Gauge,
    uploads_ended_for_room: Counter,
    connections_open: Gauge,
    connections_max: Gauge,
    connections_closed_for_room: Counter,
    connections: Family<Listener, Counter>,
    handshake_failures: Family<Listener, Counter>,
    violations: Family<Violated, Counter>,
    issuers: IssuerFamilies,
    config_reloads: Counter,
    config_reload_failures: Counter,
    config_last_success: Gauge,
    certificate_reload_failures: Counter,
    certificate_not_after: Family<Listener, Gauge>,
    audit_dropped: Counter,
    upstream_connections: Family<ServerLabel, Gauge>,
    upstream_streams: Family<ServerLabel, Gauge>,
    stores: StoreFamilies,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listener {
    listener: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Violated {
    listener: String,
    violation: &'static str,
}

/// The counters of one listener.
#[derive(Clone)]
pub struct ListenerSeries {
    address: Arc<str>,
    violations: Family<Violated, Counter>,
    accepted: Counter,
    handshake_failures: Counter,
    open: Gauge,
}

/// The metrics of the bound on client connections.
pub struct ConnectionSeries {
    closed_for_room: Counter,
}

/// Adds one to a gauge until it is dropped.
#[must_use]
pub struct Held(Gauge);

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("portcullis");
        registry.register("build", "This build", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Arc::new(Self {
            servers: ServerFamilies::register(&mut registry),
            known: Mutex::default(),
            requests_in_flight: add(&mut registry, "requests_in_flight", "Requests under way"),
            streams_open: add(&mut registry, "streams_open", "Event streams under way"),
            body_bytes: add(&mut registry, "request_body_bytes", "Bytes of request bodies held in memory"),
            uploads_ended_for_room: add(
                &mut registry,
                "uploads_ended_for_room",
                "Unfinished uploads of clients without a token that gave way to other requests",
            ),
            connections_open: add(&mut registry, "connections_open", "Client connections"),
            connections_max: add(&mut registry, "connections_max", "Most client connections at once"),
            connections_closed_for_room: add(
                &mut registry,
                "connections_closed_for_room",
                "Idle client connections closed to make room",
            ),
            connections: add(&mut registry, "connections", "Client connections accepted"),
            handshake_failures: add(&mut registry, "tls_handshake_failures", "TLS handshakes that failed"),
            violations: add(
                &mut registry,
                "protocol_violations",
                "Connections and streams refused because they broke HTTP",
            ),
            issuers: IssuerFamilies::register(&mut registry),
            config_reloads: add(&mut registry, "config_reloads", "Configurations taken while running"),
            config_reload_failures: add(
                &mut registry,
                "config_reload_failures",
                "Configurations refused while running",
            ),
            config_last_success: add(
                &mut registry,
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in force was taken",
            ),
            certificate_reload_failures: add(
                &mut registry,
                "certificate_reload_failures",
                "Changed certificates that could not be used",
            ),
            certificate_not_after: add(
                &mut registry,
                "certificate_not_after_seconds",
                "When the certificate in use expires, in seconds since 1970",
            ),
            audit_dropped: add(&mut registry, "audit_dropped", "Audit lines lost to a slow reader"),
            upstream_connections: add(
                &mut registry,
                "upstream_connections",
                "Open connections to upstreams, idle ones included",
            ),
            upstream_streams: add(&mut registry, "upstream_streams", "Requests under way on connections to upstreams"),
            stores: StoreFamilies::register(&mut registry),
            registry,
        })
    }

    /// The series of `server`. The same name gets the same series, so that counts continue across
    /// reloads.
    #[must_use]
    pub fn series(&self, server: &ServerName) -> Arc<ServerSeries> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.iter().find(|series| series.name == *server) {
            return Arc::clone(series);
        }
        let series = Arc::new(self.servers.series(server));
        known.push(Arc::clone(&series));
        series
    }

    /// The counters of the listener at `address`.
    #[must_use]
    pub fn listener(&self, address: impl fmt::Display) -> ListenerSeries {
        let labels = Listener { listener: address.to_string() };
        ListenerSeries {
            address: labels.listener.as_str().into(),
            violations: self.violations.clone(),
            accepted: self.connections.get_or_create_owned(&labels),
            handshake_failures: self.handshake_failures.get_or_create_owned(&labels),
            open: self.connections_open.clone(),
        }
    }

    /// The series of the bound `most` on client connections.
    #[must_use]
    pub fn connections(&self, most: usize) -> ConnectionSeries {
        self.connections_max.set(i64::try_from(most).unwrap_or(i64::MAX));
        ConnectionSeries { closed_for_room: self.connections_closed_for_room.clone() }
    }

    /// A request is under way until the result is dropped.
    pub fn request_open(&self) -> Held {
        Held::of(&self.requests_in_flight)
    }

    /// An event stream is under way until the result is dropped.
    pub fn stream_open(&self) -> Held {
        Held::of(&self.streams_open)
    }

    /// Sets the bytes held in request bodies, at each scrape.
    pub fn body_bytes(&self, held: u64) {
        self.body_bytes.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// Sets how many unfinished uploads gave way, at each scrape.
    pub fn uploads_ended_for_room(&self, count: u64) {
        self.uploads_ended_for_room.inner().store(count, Ordering::Relaxed);
    }

    /// A configuration is in force: at the start, and after each successful reload.
    pub fn config_taken(&self, wall: Duration, reload: bool) {
        self.config_last_success.set(i64::try_from(wall.as_secs()).unwrap_or(i64::MAX));
        if reload {
            self.config_reloads.inc();
        }
    }

    /// A changed configuration was refused.
    pub fn config_refused(&self) {
        self.config_reload_failures.inc();
    }

    /// A changed certificate could not be used.
    pub fn certificate_refused(&self) {
        self.certificate_reload_failures.inc();
    }

    /// The certificate in use by the listener at `address` expires at `not_after`, in seconds since
    /// 1970.
    pub fn certificate(&self, address: impl fmt::Display, not_after: u64) {
        let labels = Listener { listener: address.to_string() };
        self.certificate_not_after.get_or_create(&labels).set(i64::try_from(not_after).unwrap_or(i64::MAX));
    }

    /// Sets an issuer's figures, at each scrape.
    pub fn issuer(&self, name: &AuthorizationServerName, figures: IssuerFigures) {
        self.issuers.set(name, figures);
    }

    /// Sets the figures of the company IdP of an embedded server, at each scrape.
    pub fn idp(&self, name: &AuthorizationServerName, figures: CompanyIdpFigures) {
        self.issuers.set_idp(name, figures);
    }

    /// Sets what each embedded server has refused, at each scrape.
    pub fn refusals<'a>(
        &self,
        figures: impl Iterator<Item = (&'a AuthorizationServerName, (&'static str, &'static str, u64))>,
    ) {
        self.issuers.set_refusals(figures);
    }

    /// An issuer is no longer in the configuration.
    pub fn issuer_gone(&self, name: &AuthorizationServerName) {
        self.issuers.remove(name);
    }

    /// Sets the figures of all stores, at each scrape.
    pub fn stores<'a>(&self, stores: impl Iterator<Item = (&'a AuthorizationServerName, StoreFigures)>) {
        self.stores.set(stores);
    }

    /// Sets connections and requests of each server's upstreams, at each scrape.
    pub fn upstreams<'a>(&self, figures: impl Iterator<Item = (&'a ServerName, usize, usize)>) {
        let mut sums = BTreeMap::<&ServerName, [usize; 2]>::new();
        for (server, connections, streams) in figures {
            let sum = sums.entry(server).or_default();
            let [connections_before, streams_before] = *sum;
            *sum = [connections_before + connections, streams_before + streams];
        }
        for (server, sum) in sums {
            for (family, count) in [&self.upstream_connections, &self.upstream_streams].into_iter().zip(sum) {
                let labels = ServerLabel { server: server.to_string() };
                family.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    /// A reload replaced the servers: removes the series of servers that are gone.
    pub fn upstreams_replaced(&self) {
        self.upstream_connections.clear();
        self.upstream_streams.clear();
    }

    /// The counter of lost audit lines.
    #[must_use]
    pub fn audit_dropped(&self) -> Counter {
        self.audit_dropped.clone()
    }

    /// The text of all metrics, of type [`CONTENT_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

#[cfg(test)]
mod tests;
