//! Shares each certificate by ACME among the listeners that ask for it, and keeps it.

use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use crate::{
    app::build::Builder,
    config::{ListenTls, Settings},
    inbound::accept::tls::source::{AcmeCertificates, CertificateSource},
    outbound::acme::{
        held::{AcmeHeld, IssuedCertificate},
        keep,
        settings::AcmeSettings,
    },
};

/// The certificates by ACME of all listeners, and the task that keeps each.
#[derive(Default)]
pub(super) struct AcmeKeepers {
    /// The certificates of each listener, in the order of the configuration; `None` where it has no
    /// ACME.
    listeners: Vec<Option<Arc<AcmeCertificates>>>,
    keepers: Vec<(Arc<AcmeHeld>, AbortHandle)>,
}

impl AcmeKeepers {
    pub(super) fn new(sources: &[Option<CertificateSource>]) -> Self {
        let listeners = sources.iter().map(|source| match source {
            Some(CertificateSource::Acme(certificates)) => Some(Arc::clone(certificates)),
            _ => None,
        });
        Self { listeners: listeners.collect(), keepers: Vec::new() }
    }

    /// What the listeners present, each once.
    pub(super) fn held(&self) -> Vec<Arc<AcmeHeld>> {
        let mut all: Vec<Arc<AcmeHeld>> = Vec::new();
        for certificates in self.listeners.iter().flatten() {
            let held = certificates.held();
            if !all.iter().any(|one| Arc::ptr_eq(one, &held)) {
                all.push(held);
            }
        }
        all
    }

    /// Opens what changed settings describe. Until a certificate is issued for them, the one before
    /// stays in use.
    ///
    /// # Errors
    /// Why a cache cannot be used.
    pub(super) fn opened(&self, settings: &Settings) -> Result<Vec<Option<Arc<AcmeHeld>>>, Vec<String>> {
        let mut sharing = Sharing { all: self.held() };
        let (mut opened, mut wrong) = (Vec::new(), Vec::new());
        for (index, wanted) in wanted(settings).enumerate() {
            let before = self.listeners.get(index).and_then(Option::as_ref).and_then(|one| one.held().current());
            match wanted.map(|wanted| sharing.held(wanted, before)).transpose() {
                Ok(held) => opened.push(held),
                Err(why) => wrong.push(format!("listen[{index}].tls.acme.cache: {why}")),
            }
        }
        if wrong.is_empty() { Ok(opened) } else { Err(wrong) }
    }

    /// The listeners present these from now on.
    pub(super) fn follow(&self, opened: Vec<Option<Arc<AcmeHeld>>>) {
        for (certificates, held) in self.listeners.iter().zip(opened) {
            if let (Some(certificates), Some(held)) = (certificates, held) {
                certificates.follow(held);
            }
        }
    }

    /// Starts a task for each new certificate, and aborts those of removed ones.
    pub(super) fn keep(&mut self, builder: &Builder, tasks: &mut JoinSet<()>) {
        let wanted = self.held();
        self.keepers.retain(|(held, task)| {
            let stays = wanted.iter().any(|one| Arc::ptr_eq(one, held));
            if !stays {
                task.abort();
            }
            stays
        });
        for held in wanted {
            if !self.keepers.iter().any(|(kept, _)| Arc::ptr_eq(kept, &held)) {
                let (fetch, clock) = (builder.fetch.clone(), Arc::clone(&builder.clock));
                let task = tasks.spawn(keep::keep(Arc::clone(&held), fetch, clock));
                self.keepers.push((held, task));
            }
        }
    }
}

/// The settings of each listener; `None` where it has no ACME.
fn wanted(settings: &Settings) -> impl Iterator<Item = Option<&AcmeSettings>> {
    settings.listen.iter().map(|listen| match &listen.tls {
        Some(ListenTls::Acme(settings)) => Some(&**settings),
        _ => None,
    })
}

/// What is open already.
#[derive(Default)]
pub(super) struct Sharing {
    all: Vec<Arc<AcmeHeld>>,
}

impl Sharing {
    /// What these settings describe: open already, or opened now.
    pub(super) fn held(
        &mut self,
        settings: &AcmeSettings,
        before: Option<Arc<IssuedCertificate>>,
    ) -> Result<Arc<AcmeHeld>, String> {
        if let Some(held) = self.all.iter().find(|held| held.settings() == settings) {
            return Ok(Arc::clone(held));
        }
        let held = AcmeHeld::open(settings, before)?;
        self.all.push(Arc::clone(&held));
        Ok(held)
    }
}
