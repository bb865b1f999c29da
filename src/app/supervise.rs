//! Background work while requests are served: keys, certificates, reloads.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    app::{
        acme::AcmeKeepers,
        build::{Builder, BuiltParts},
        descriptors,
        drain::Ended,
        outgoing_certificates,
        reload::{self, FileWatch},
        status::Status,
        watched::WatchedCertificate,
    },
    authorization_server::{embedded::State, upkeep},
    base::limits::operating::{FILES_AT_REST, FILES_LOOKED_AT_EVERY},
    config::{
        Settings,
        problem::EntryFiles,
        remaining::{self, RefusedConfig, Remaining, away::FilesAway},
        source::ConfigSource,
    },
    inbound::state::{gateway::Gateway, server::Snapshot},
    outbound::keys::IssuerKeys,
};

/// Owns all background tasks.
pub(super) struct Supervisor {
    pub(super) config: ConfigSource,
    pub(super) settings: Settings,
    pub(super) builder: Builder,
    pub(super) parts: BuiltParts,
    pub(super) gateway: Arc<Gateway>,
    pub(super) status: Arc<Status>,
    pub(super) certificates: Vec<WatchedCertificate>,
    /// The certificates by ACME.
    pub(super) acme: AcmeKeepers,
    pub(super) watch: FileWatch,
    /// What was withdrawn, or narrowed, since the last reload that succeeded.
    pub(super) withdrawn: Vec<String>,
    /// The files of API keys and accounts that cannot be read.
    pub(super) away: FilesAway,
    pub(super) reload: Arc<Notify>,
    pub(super) background: JoinSet<()>,
    /// The task that keeps the keys of each issuer fresh.
    pub(super) keepers: Vec<(Arc<IssuerKeys>, AbortHandle)>,
    /// The upkeep task of each embedded authorization server.
    pub(super) states: Vec<(Arc<State>, AbortHandle)>,
}

impl Supervisor {
    /// Runs until it is dropped. It can be dropped at any await: a reload is applied between two.
    pub(super) async fn run(&mut self) {
        self.keep_states();
        self.keep_keys();
        self.acme.keep(&self.builder, &mut self.background);
        let mut look = interval(FILES_LOOKED_AT_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {
                    self.look().await;
                    if self.watch.is_moving() {
                        look.reset_after(FILES_AT_REST);
                    }
                }
                () = self.reload.notified() => self.read_again().await,
                Some(Err(fault)) = self.background.join_next() => {
                    if !fault.is_cancelled() {
                        tracing::error!(%fault, "a background task failed; restart the process to get it back");
                    }
                }
            }
        }
    }

    /// Starts a task for each new issuer, and aborts the tasks of removed issuers.
    fn keep_keys(&mut self) {
        let wanted = &self.parts.issuers;
        self.keepers.retain(|(issuer, task)| {
            let stays = wanted.iter().any(|one| Arc::ptr_eq(one, issuer));
            if !stays {
                task.abort();
                self.status.observe.metrics.issuer_gone(&issuer.rules().name);
            }
            stays
        });
        for issuer in wanted {
            if !self.keepers.iter().any(|(kept, _)| Arc::ptr_eq(kept, issuer)) {
                let task = self.background.spawn(Arc::clone(issuer).keep_fresh());
                self.keepers.push((Arc::clone(issuer), task));
            }
        }
    }

    /// Starts the upkeep task of each new embedded authorization server, and aborts those of
    /// removed servers.
    fn keep_states(&mut self) {
        let wanted = &self.parts.states;
        self.states.retain(|(state, task)| {
            let stays = wanted.iter().any(|kept| Arc::ptr_eq(&kept.state, state));
            if !stays {
                task.abort();
            }
            stays
        });
        for kept in wanted {
            if !self.states.iter().any(|(state, _)| Arc::ptr_eq(state, &kept.state)) {
                let task = self.background.spawn(upkeep::run(Arc::clone(&kept.state)));
                self.states.push((Arc::clone(&kept.state), task));
            }
        }
    }

    /// Waits for the exchanges with IdPs that are under way, after all requests have ended. Each
    /// has a client that disconnected; its login would be lost with the IdP's answer.
    pub(super) async fn finish_exchanges(&self, limit: Duration, ended: Ended) -> Ended {
        let all = async {
            for (state, _) in &self.states {
                state.finished().await;
            }
        };
        match timeout(limit, all).await {
            Ok(()) => ended,
            Err(_) => {
                tracing::warn!("the deadline cut an exchange with a company IdP; its user may have to sign in again");
                Ended::Cut
            }
        }
    }

    async fn look(&mut self) {
        for upstream in &self.parts.upstreams {
            upstream.prune();
        }
        let (files, certificates) = (self.watch.files().to_vec(), self.certificates.clone());
        let (host, wall) = (self.settings.public_url.host().to_owned(), self.gateway.clock.now().wall);
        let metrics = Arc::clone(&self.status.observe.metrics);
        let (away, mono) = (self.away.clone(), self.gateway.clock.now().mono);
        // The files may be on a network file system that hangs.
        let looked = spawn_blocking(move || {
            for certificate in &certificates {
                certificate.look(&host, wall, &metrics);
            }
            (reload::stamps(&files), away.is_due(mono))
        });
        if let Ok((stamps, is_due)) = looked.await
            && (self.watch.has_changed(stamps) || is_due && !self.watch.is_moving())
        {
            self.read_again().await;
        }
    }

    async fn read_again(&mut self) {
        let (config, files) = (self.config.clone(), self.settings.files.clone());
        let read = spawn_blocking(move || reload::read(&config, &files)).await;
        let loaded = match read {
            Ok(read) => {
                self.watch = FileWatch::from(read.files, read.stamps);
                read.loaded.map_err(|problems| {
                    let list = problems.list().iter().map(ToString::to_string).collect();
                    (list, problems.entry_files().clone())
                })
            }
            Err(fault) => Err((vec![fault.to_string()], EntryFiles::default())),
        };
        let (taken, wanted) = match loaded {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    tracing::warn!("{warning}");
                }
                self.away.all_read();
                let wanted = RefusedConfig::Settings(Box::new(loaded.settings.clone()));
                (self.take(loaded.settings).await, wanted)
            }
            Err((problems, files)) => (Err(problems), RefusedConfig::Files(files)),
        };
        let Err(mut wrong) = taken else {
            self.withdrawn.clear();
            self.status.readiness.reload_refused(None);
            self.status.observe.metrics.config_taken(self.gateway.clock.now().wall, true);
            return;
        };
        self.status.observe.metrics.config_refused();
        for problem in &wrong {
            tracing::error!("{problem}");
        }
        tracing::error!(problems = wrong.len(), "reload failed: the previous configuration stays in force");
        self.withdraw(wanted).await;
        for told in self.away.told() {
            tracing::error!("{told}");
            wrong.push(told);
        }
        if !self.withdrawn.is_empty() {
            wrong.push(format!("withdrawn all the same: {}", named(&self.withdrawn)));
        }
        self.status.readiness.reload_refused(Some(wrong.join("; ")));
    }

    /// Withdraws the API keys and accounts of the configuration in force that the refused one no
    /// longer has: `wanted`, or their files as far as these can be read.
    async fn withdraw(&mut self, wanted: RefusedConfig) {
        let (in_force, now) = (self.settings.clone(), self.gateway.clock.now().mono);
        let mut away = self.away.clone();
        let compared = spawn_blocking(move || (remaining::remaining(&in_force, &wanted, &mut away, now), away)).await;
        let Remaining { settings, gone, narrowed, why } = match compared {
            Ok((remaining, away)) => {
                self.away = away;
                if remaining.gone.is_empty() && remaining.narrowed.is_empty() {
                    return;
                }
                remaining
            }
            Err(fault) => {
                tracing::error!(%fault, "API keys and accounts that were removed cannot be withdrawn: restart the process");
                return;
            }
        };
        match self.builder.build(&settings, &self.parts) {
            Ok((snapshot, parts)) => self.apply(settings, snapshot, parts),
            Err(wrong) => {
                let why = wrong.join("; ");
                tracing::error!(
                    why,
                    "API keys and accounts that were removed cannot be withdrawn: restart the process"
                );
                return;
            }
        }
        let api_keys: Vec<String> = self.settings.api_keys.iter().map(|key| key.name.to_string()).collect();
        tracing::error!(
            withdrawn = named(&gone),
            narrowed = named(&narrowed),
            api_keys_in_force = named(&api_keys),
            because = why.join("; "),
            "removed API keys and accounts are withdrawn although the reload failed; no other change counts until a reload succeeds"
        );
        self.withdrawn.extend(gone.into_iter().chain(narrowed));
    }

    /// Everything changes after the only await, so that dropping it changes nothing.
    async fn take(&mut self, wanted: Settings) -> Result<(), Vec<String>> {
        if wanted == self.settings {
            self.parts.upstreams.iter().for_each(|upstream| upstream.forget_redirect());
            tracing::info!("the configuration was read again and has not changed");
            return Ok(());
        }
        let fixed = reload::needs_restart(&self.settings, &wanted);
        if !fixed.is_empty() {
            return Err(fixed);
        }
        let opened = self.acme.opened(&wanted)?;
        let (snapshot, parts) = self.builder.build(&wanted, &self.parts)?;
        let refused = parts.refused_stores(&self.parts).await;
        if !refused.is_empty() {
            return Err(refused);
        }
        self.apply(wanted, snapshot, parts);
        self.acme.follow(opened);
        self.status.follow_acme(self.acme.held());
        self.acme.keep(&self.builder, &mut self.background);
        tracing::info!(servers = self.settings.servers.len(), "the changed configuration is in force");
        Ok(())
    }

    fn apply(&mut self, settings: Settings, mut snapshot: Snapshot, parts: BuiltParts) {
        let bounds = self.gateway.room.bounds();
        snapshot.limits = descriptors::totals(settings.limits, bounds);
        descriptors::tell(&settings, bounds);
        outgoing_certificates::tell(&settings, self.gateway.clock.now().wall);
        parts.follow();
        self.gateway.replace(snapshot);
        self.parts = parts;
        self.status.observe.metrics.upstreams_replaced();
        self.keep_states();
        self.keep_keys();
        self.settings = settings;
        self.status.follow(&self.settings, &self.parts);
    }
}

/// The first of these names, and how many there are.
fn named(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{shown} and {} more", count - SHOWN),
        _ => shown,
    }
}
