//! Binds, serves, reloads and stops the gateway; of all layers, only `cli` is above.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use http::Version;
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    app::{
        acme::{AcmeKeepers, Sharing},
        admin::Tells,
        build::{Builder, BuiltParts},
        drain::{Drain, Ended},
        reload::FileWatch,
        status::Status,
        supervise::Supervisor,
        watched::WatchedCertificate,
    },
    base::{clock::Clock, limits::operating::ENTRIES_WITHOUT_FILE_MAX, secret::Secret},
    config::{ListenTls, Settings, remaining::away::FilesAway, source::ConfigSource},
    decide::{fields::crossing, mcp::session_seal::SessionKeys},
    inbound::{
        accept::{
            listener::ClientListener,
            phase::Phase,
            room::Room,
            tls::{
                Certificates,
                source::{AcmeCertificates, CertificateSource},
            },
        },
        state::{
            anonymous::AnonymousSessions, events::EventOwners, gateway::Gateway, sessions::SessionQuota, tasks::Tasks,
            usage::Usage,
        },
    },
    observe::{Observe, overdue},
    outbound::verify::Verifier,
};

mod acme;
pub mod admin;
pub mod asking;
mod beside;
pub mod build;
pub mod checked;
pub mod clock;
pub mod descriptors;
pub mod drain;
mod forward_proxy;
mod outgoing_certificates;
pub mod ready;
pub mod reload;
mod route_words;
pub mod signal;
mod status;
mod supervise;
mod watched;

/// A gateway whose listeners are bound but do not serve yet.
pub struct App {
    config: ConfigSource,
    settings: Settings,
    builder: Builder,
    parts: BuiltParts,
    gateway: Arc<Gateway>,
    status: Arc<Status>,
    listeners: Vec<ClientListener>,
    certificates: Vec<WatchedCertificate>,
    acme: AcmeKeepers,
    admin: TcpListener,
    watch: FileWatch,
    drain: Drain,
    reload: Arc<Notify>,
}

/// Why the gateway did not start.
#[derive(Debug)]
pub enum StartFault {
    /// The configuration cannot be applied.
    Config(Vec<String>),
    /// The gateway cannot listen on an address: a sentence that begins with its key.
    Bind(String),
    /// The system refused a socket, a thread or randomness.
    System(String),
}

impl App {
    /// Builds everything and binds every listener. Must run inside the runtime.
    ///
    /// # Errors
    /// [`StartFault`].
    pub fn bind(
        config: ConfigSource,
        settings: Settings,
        observe: &Arc<Observe>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartFault> {
        // Before the build, so that a change during the build is noticed.
        let watch = FileWatch::from(settings.files.clone(), reload::stamps(&settings.files));
        let certificates = certificates(&settings).map_err(StartFault::Config)?;
        let acme = AcmeKeepers::new(&certificates);
        let builder = Builder::new(Arc::clone(observe), Arc::clone(clock))
            .map_err(|fault| StartFault::System(fault.to_string()))?;
        let (mut snapshot, parts) = builder.build(&settings, &BuiltParts::default()).map_err(StartFault::Config)?;
        let bounds = descriptors::bounds(settings.listen.len());
        snapshot.limits = descriptors::totals(settings.limits, bounds);
        descriptors::tell(&settings, bounds);
        outgoing_certificates::tell(&settings, clock.now().wall);

        let pseudonym = pseudonym().map_err(StartFault::System)?;
        let via = crossing::via(Version::HTTP_11, &pseudonym)
            .ok_or_else(|| StartFault::System("the gateway's name in Via is not valid".to_owned()))?;
        let usage = Arc::<Usage>::default();
        let status = Arc::new(Status::new(observe, &usage, &settings, &parts));
        status.follow_acme(acme.held());
        let told = Arc::clone(&status);
        let gateway = Arc::new(Gateway {
            is_ready: Box::new(move || told.ready().reasons.is_empty()),
            reloaded: tokio::sync::watch::Sender::default(),
            snapshot: ArcSwap::from_pointee(snapshot),
            clock: Arc::clone(clock),
            verifier: Verifier::new(),
            observe: Arc::clone(observe),
            room: Room::new(bounds, Arc::clone(&builder.spare), &observe.metrics),
            usage,
            sessions: SessionQuota::default(),
            tasks: Tasks::default(),
            events: EventOwners::default(),
            anonymous: AnonymousSessions::new(&random_key().map_err(StartFault::System)?),
            session_keys: session_keys(&settings).map_err(StartFault::System)?,
            pseudonym,
            via,
        });
        let (mut listeners, mut watched) = (Vec::new(), Vec::new());
        for (index, (listen, certificates)) in settings.listen.iter().zip(certificates).enumerate() {
            let key = || format!("listen[{index}].address");
            let system = |cause: io::Error| StartFault::Bind(not_bound(&key(), listen.address, &cause));
            let bound =
                ClientListener::bind(listen.address, certificates.as_ref(), listen.proxy_protocol, &observe.metrics)
                    .map_err(system)?
                    .with_health(listen.health.as_deref());
            let listener = bound.local_addr().map_err(system)?;
            watched.extend(certificates.map(|certificates| WatchedCertificate { certificates, listener }));
            listeners.push(bound);
        }
        for one in &watched {
            one.tell(settings.public_url.host(), clock.now().wall, &observe.metrics);
        }
        let admin = bind_admin(&settings)
            .map_err(|cause| StartFault::Bind(not_bound("admin.address", settings.admin, &cause)))?;
        observe.metrics.config_taken(clock.now().wall, false);
        Ok(Self {
            config,
            settings,
            builder,
            parts,
            gateway,
            status,
            listeners,
            certificates: watched,
            acme,
            admin,
            watch,
            drain: Drain::new(),
            reload: Arc::default(),
        })
    }

    /// Refuses a start with a store that deletes live entries.
    ///
    /// # Errors
    /// [`StartFault::Config`].
    pub async fn examine_stores(&self) -> Result<(), StartFault> {
        let refused = self.parts.refused_stores(&BuiltParts::default()).await;
        if refused.is_empty() { Ok(()) } else { Err(StartFault::Config(refused)) }
    }

    /// The drain, which stops the gateway.
    #[must_use]
    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Notify it to make the gateway read its files again.
    #[must_use]
    pub fn reload(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }

    /// Lines for the operator: `listening https://…` for each listener, then `admin http://…`.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses(&self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for listener in &self.listeners {
            let scheme = if listener.is_tls() { "https" } else { "http" };
            lines.push(format!("listening {scheme}://{}", listener.local_addr()?));
        }
        lines.push(format!("admin http://{}", self.admin.local_addr()?));
        Ok(lines)
    }

    /// Serves until the drain ends. Calls `serving` once every listener serves. When it returns,
    /// all tasks have ended.
    pub async fn serve(mut self, serving: impl FnOnce()) -> Ended {
        let mut listeners = JoinSet::new();
        for bound in std::mem::take(&mut self.listeners) {
            listeners.spawn(bound.serve(Arc::clone(&self.gateway), self.drain.watch()));
        }
        let (drain, status) = (self.drain, self.status);
        status.readiness.listening();
        serving();

        // The supervisor stops when the drain begins, but its tasks continue: requests in progress
        // may need fresh keys, and /readyz must say that this process drains.
        let mut background = JoinSet::new();
        background.spawn(admin::serve(self.admin, self.gateway.room.bounds().admin, Arc::clone(&status)));
        background.spawn(write_overdue_lines(Arc::clone(&status.observe)));
        let mut supervisor = Supervisor {
            config: self.config,
            settings: self.settings,
            builder: self.builder,
            parts: self.parts,
            gateway: self.gateway,
            status: Arc::clone(&status),
            certificates: self.certificates,
            acme: self.acme,
            watch: self.watch,
            withdrawn: Vec::new(),
            away: FilesAway::new(ENTRIES_WITHOUT_FILE_MAX),
            reload: self.reload,
            background,
            keepers: Vec::new(),
            states: Vec::new(),
        };
        tokio::select! {
            () = drain.reached(Phase::Draining) => {}
            () = supervisor.run() => {}
        }
        status.readiness.draining();
        let limit = supervisor.settings.drain_timeout;
        tracing::info!(limit_secs = limit.as_secs(), "draining");
        let began = Instant::now();
        let ended = drain.finish(&mut listeners, limit).await;
        let left = limit.saturating_sub(began.elapsed());
        let ended = if ended == Ended::Forced { ended } else { supervisor.finish_exchanges(left, ended).await };
        supervisor.background.shutdown().await;
        if ended != Ended::Forced {
            for kept in &supervisor.parts.states {
                kept.state.leave().await;
            }
        }
        match ended {
            Ended::Finished => tracing::info!("stopped"),
            Ended::Cut => tracing::warn!("stopped; open requests were cut"),
            Ended::Forced => tracing::warn!("stopped at once after a second signal"),
        }
        ended
    }
}

/// Writes overdue audit lines until it is dropped.
async fn write_overdue_lines(observe: Arc<Observe>) {
    let mut every = interval(overdue::EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        overdue::write_lines(&observe);
    }
}

/// The certificates of each listener, `None` for plaintext.
fn certificates(settings: &Settings) -> Result<Vec<Option<CertificateSource>>, Vec<String>> {
    let (mut all, mut wrong, mut sharing) = (Vec::new(), Vec::new(), Sharing::default());
    for (index, listen) in settings.listen.iter().enumerate() {
        let source = match &listen.tls {
            None => Ok(None),
            Some(ListenTls::Files(tls)) => {
                let loaded = Certificates::load(&tls.certificate, &tls.key);
                loaded.map(|files| Some(CertificateSource::Files(files))).map_err(|why| format!("tls: {why}"))
            }
            Some(ListenTls::Acme(acme)) => {
                let held = sharing.held(acme, None).map_err(|why| format!("tls.acme.cache: {why}"));
                held.map(|held| Some(CertificateSource::Acme(AcmeCertificates::new(held))))
            }
        };
        match source {
            Ok(source) => all.push(source),
            Err(why) => wrong.push(format!("listen[{index}].{why}")),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// Why the gateway cannot listen on `address`, which `key` names, and what to do.
fn not_bound(key: &str, address: SocketAddr, cause: &io::Error) -> String {
    let advice = match cause.kind() {
        io::ErrorKind::AddrInUse => "another program listens there; end it, or choose another address",
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port, such as 8443, and forward to it"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; choose one that it has, or 0.0.0.0",
        _ => "choose another address",
    };
    format!("{key}: the gateway cannot listen on {address} ({cause}): {advice}")
}

fn bind_admin(settings: &Settings) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(settings.admin)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// The configured keys, or a random key for this process.
fn session_keys(settings: &Settings) -> Result<SessionKeys, String> {
    if !settings.session_keys.is_empty() {
        return Ok(SessionKeys::new(&settings.session_keys));
    }
    Ok(SessionKeys::new(&[random_key()?]))
}

fn random_key() -> Result<Secret, String> {
    let mut key = vec![0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| NO_RANDOMNESS.to_owned())?;
    Ok(Secret::new(key))
}

const NO_RANDOMNESS: &str = "the system has no randomness";

/// The gateway's name in `Via`. It differs in each process, so that a chain of gateways is not
/// taken for a loop.
fn pseudonym() -> Result<Box<str>, String> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NO_RANDOMNESS.to_owned())?;
    Ok(format!("portcullis-{:016x}", u64::from_be_bytes(bytes)).into())
}

impl fmt::Display for StartFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => out.write_str(&problems.join("\n")),
            Self::Bind(cause) | Self::System(cause) => out.write_str(cause),
        }
    }
}

impl std::error::Error for StartFault {}

#[cfg(test)]
mod tests;
