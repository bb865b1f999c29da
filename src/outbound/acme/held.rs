//! What a listener presents by ACME: the certificate in use, and those that prove names to the CA.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};

use super::{
    cache::{Cache, CacheFault},
    challenge,
    settings::AcmeSettings,
};
use crate::decide::acme::{
    kept::{KeptCertificate, LeafFacts},
    refusal::ValidationsSeen,
    schedule::renewal,
};

const DAY_SECS: u64 = 86_400;

/// The state of one certificate by ACME. Listeners with the same settings share it.
pub struct AcmeHeld {
    settings: AcmeSettings,
    pub(super) cache: Cache,
    current: ArcSwapOption<IssuedCertificate>,
    challenges: Mutex<Vec<Arc<Challenge>>>,
    trouble: Mutex<Option<String>>,
    /// For the certificate in use.
    suggested: Mutex<Option<Suggested>>,
}

/// A certificate that a CA has issued.
pub struct IssuedCertificate {
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
    /// Names and dates.
    pub leaf: LeafFacts,
    /// The directory of the CA.
    pub(super) directory: Box<str>,
}

/// The window in which the CA suggests to renew, and the moment that was chosen in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suggested {
    pub(super) window: (u64, u64),
    /// In seconds since 1970.
    pub(super) at: u64,
}

/// A name that is being proven.
struct Challenge {
    domain: Box<str>,
    certificate: Arc<CertifiedKey>,
    answered: AtomicU32,
}

/// Removes its challenges when it is dropped: they are answered for one attempt alone.
pub(super) struct Proving<'h>(pub(super) &'h AcmeHeld);

impl Drop for Proving<'_> {
    fn drop(&mut self) {
        self.0.challenges().clear();
        for domain in &self.0.settings.domains {
            self.0.cache.forget_challenge(domain);
        }
    }
}

impl IssuedCertificate {
    /// Reads a key and a chain in PEM.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn read(pem: &[u8], settings: &AcmeSettings) -> Result<Self, String> {
        let KeptCertificate { chain, key, leaf } = KeptCertificate::read(pem)?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|cause| format!("its certificate and its key do not fit together: {cause}"))?;
        if !leaf.covers(&settings.domains) {
            return Err(format!("its certificate is for {}", leaf.names.join(", ")));
        }
        Ok(Self { key: Arc::new(key), leaf, directory: settings.directory.clone() })
    }
}

impl AcmeHeld {
    /// Opens the cache, and takes the certificate in it. `before` is presented until there is
    /// another: the certificate of the settings before a reload.
    ///
    /// # Errors
    /// Why the cache cannot be used.
    pub fn open(settings: &AcmeSettings, before: Option<Arc<IssuedCertificate>>) -> Result<Arc<Self>, String> {
        let cache = Cache::open(settings)?;
        let held = Self {
            settings: settings.clone(),
            cache,
            current: ArcSwapOption::new(before),
            challenges: Mutex::default(),
            trouble: Mutex::default(),
            suggested: Mutex::default(),
        };
        held.take_from_cache();
        Ok(Arc::new(held))
    }

    /// Takes the certificate in the cache if it ends later than the one in use, or that one is for
    /// something else. Returns whether it did. A damaged file is reported, and later replaced.
    pub(super) fn take_from_cache(&self) -> bool {
        let found = match self.cache.certificate() {
            Ok(Some(pem)) => IssuedCertificate::read(pem.expose(), &self.settings),
            Ok(None) => return false,
            Err(CacheFault { cause }) => Err(cause),
        };
        match found {
            Ok(found) => {
                let is_newer = self
                    .current()
                    .is_none_or(|current| !self.fits(&current) || current.leaf.not_after < found.leaf.not_after);
                if is_newer {
                    self.replace(found);
                }
                is_newer
            }
            Err(why) => {
                let file = self.cache.certificate_path().display();
                tracing::warn!(%file, why, "the certificate in the cache cannot be used: a new one is ordered, which replaces it");
                false
            }
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &AcmeSettings {
        &self.settings
    }

    /// The certificate in use.
    #[must_use]
    pub fn current(&self) -> Option<Arc<IssuedCertificate>> {
        self.current.load_full()
    }

    pub(super) fn replace(&self, issued: IssuedCertificate) {
        self.current.store(Some(Arc::new(issued)));
        self.suggest(None);
    }

    /// What the CA suggests for the certificate in use.
    pub(super) fn suggested(&self) -> Option<Suggested> {
        *self.suggested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn suggest(&self, suggested: Option<Suggested>) {
        *self.suggested.lock().unwrap_or_else(PoisonError::into_inner) = suggested;
    }

    /// Whether a certificate is the one that the settings describe.
    fn fits(&self, certificate: &IssuedCertificate) -> bool {
        certificate.directory == self.settings.directory && certificate.leaf.covers(&self.settings.domains)
    }

    /// When a new certificate is due, in seconds since 1970; 0 for at once.
    pub(super) fn due(&self) -> u64 {
        match self.current() {
            Some(current) if self.fits(&current) => {
                let suggested = self.suggested().map(|suggested| suggested.at);
                suggested.unwrap_or_else(|| renewal(current.leaf.not_before, current.leaf.not_after))
            }
            _ => 0,
        }
    }

    /// The certificate that proves `domain`, while this process, or another with the same cache,
    /// orders one. It is asked for by connections of `acme-tls/1` alone.
    #[must_use]
    pub fn challenge(&self, domain: &str) -> Option<Arc<CertifiedKey>> {
        let domain = self.settings.domains.iter().find(|own| own.eq_ignore_ascii_case(domain))?;
        let own = self.challenges().iter().find(|challenge| challenge.domain == *domain).cloned();
        if let Some(own) = own {
            own.answered.fetch_add(1, Ordering::Relaxed);
            return Some(Arc::clone(&own.certificate));
        }
        let digest = self.cache.challenge(domain)?;
        challenge::certificate(domain, &digest).inspect_err(|cause| tracing::warn!("{cause}")).ok()
    }

    /// Begins to prove `domain`.
    pub(super) fn prove(&self, domain: &str, digest: &[u8]) -> Result<(), String> {
        let certificate = challenge::certificate(domain, digest)?;
        let challenge = Challenge { domain: domain.into(), certificate, answered: AtomicU32::new(0) };
        self.challenges().push(Arc::new(challenge));
        self.cache.keep_challenge(domain, digest);
        Ok(())
    }

    /// How many validations of `domain` were answered.
    pub(super) fn seen(&self, domain: &str) -> Option<ValidationsSeen> {
        let challenges = self.challenges();
        let challenge = challenges.iter().find(|challenge| *challenge.domain == *domain)?;
        Some(ValidationsSeen { answered: challenge.answered.load(Ordering::Relaxed) })
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What the operator should know at `wall`: there is no certificate yet, or its renewal fails.
    #[must_use]
    pub fn note(&self, wall: Duration) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let names = self.settings.names();
        match (self.current(), trouble) {
            (None, None) => {
                Some(format!("no certificate for {names} yet, and TLS handshakes fail: it is being ordered"))
            }
            (None, Some(why)) => Some(format!("no certificate for {names} yet, and TLS handshakes fail: {why}")),
            (Some(_), None) => None,
            (Some(current), Some(why)) => {
                let left = remaining(current.leaf.not_after, wall);
                Some(format!("the certificate for {names} cannot be renewed, and the one in use {left}: {why}"))
            }
        }
    }

    fn challenges(&self) -> MutexGuard<'_, Vec<Arc<Challenge>>> {
        self.challenges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a certificate is still good, as the rest of a sentence.
pub(super) fn remaining(not_after: u64, wall: Duration) -> String {
    match not_after.checked_sub(wall.as_secs()) {
        None => "has expired".to_owned(),
        Some(left) => format!("expires in {}", span(left)),
    }
}

/// A number of seconds, in the unit that people use.
pub(super) fn span(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} seconds"),
        120..7_200 => format!("{} minutes", secs / 60),
        7_200..172_800 => format!("{} hours", secs / 3600),
        _ => format!("{} days", secs / DAY_SECS),
    }
}

impl fmt::Debug for AcmeHeld {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AcmeHeld").field("settings", &self.settings).finish_non_exhaustive()
    }
}
