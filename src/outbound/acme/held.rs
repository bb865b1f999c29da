//! What a listener presents by ACME: the certificate in use, and those that prove names to the CA.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    cache::{Cache, CacheFault, KeptPem},
    challenge,
    settings::AcmeSettings,
};
use crate::decide::acme::{
    kept::{KeptCertificate, LeafFacts},
    refusal::ValidationsSeen,
    schedule::renewal,
};

const DAY_SECS: u64 = 86_400;
/// How a note begins that says that clients cannot connect.
pub const NO_CERTIFICATE: &str = "no certificate for ";
/// How a note begins about a renewal that fails.
pub const NOT_RENEWED: &str = "the certificate for ";
/// Validations of another process's names that are looked up at once. Any client can ask for them,
/// and the folder may be on a file system that hangs.
const LOOKUPS_MAX: usize = 2;

/// The state of one certificate by ACME. Listeners with the same settings share it.
pub struct AcmeHeld {
    settings: AcmeSettings,
    pub(super) cache: Cache,
    current: ArcSwapOption<IssuedCertificate>,
    challenges: Mutex<Vec<Arc<Challenge>>>,
    /// The last proof of another process: its key is made once.
    shared: Mutex<Option<SharedProof>>,
    lookups: Arc<Semaphore>,
    trouble: Mutex<Option<String>>,
    /// The damaged file that was reported.
    damaged: Mutex<Option<String>>,
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

/// A name that another process proves.
struct SharedProof {
    domain: Box<str>,
    digest: Vec<u8>,
    certificate: Arc<CertifiedKey>,
}

/// Removes its challenges when it is dropped: they are answered for one attempt alone.
pub(super) struct Proving<'h> {
    held: &'h Arc<AcmeHeld>,
    has_files: bool,
}

impl<'h> Proving<'h> {
    pub(super) fn new(held: &'h Arc<AcmeHeld>) -> Self {
        Self { held, has_files: true }
    }

    /// Removes the challenges. Its files are removed here rather than where it is dropped, on a
    /// thread that may wait for them.
    pub(super) async fn end(mut self) {
        self.held.challenges().clear();
        self.has_files = self.held.blocking(AcmeHeld::forget_challenges).await.is_none();
    }
}

impl Drop for Proving<'_> {
    fn drop(&mut self) {
        self.held.challenges().clear();
        if self.has_files {
            self.held.forget_challenges();
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
    /// Why the cache cannot be used. With a certificate in it, a folder that cannot be written is a
    /// warning: a disk that became read-only must not stop a gateway that can serve.
    pub fn open(settings: &AcmeSettings, before: Option<Arc<IssuedCertificate>>) -> Result<Arc<Self>, String> {
        let (cache, trouble) = Cache::open(settings);
        let held = Self {
            settings: settings.clone(),
            cache,
            current: ArcSwapOption::new(before),
            challenges: Mutex::default(),
            shared: Mutex::default(),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            trouble: Mutex::default(),
            damaged: Mutex::default(),
            suggested: Mutex::default(),
        };
        held.take_from_cache();
        match trouble {
            Some(why) if held.current().is_some_and(|current| held.fits(&current)) => {
                tracing::warn!(
                    why,
                    "the certificate in the cache is used, and a renewed one could not be kept: after a restart another one \
                     is ordered"
                );
            }
            Some(why) => return Err(why),
            None => {}
        }
        Ok(Arc::new(held))
    }

    /// Does `work` on files, which may be on a network file system that hangs. `None` if it
    /// panicked.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let held = Arc::clone(self);
        spawn_blocking(move || work(&held)).await.ok()
    }

    /// Takes the certificate in the cache if it ends later than the one in use, or that one is for
    /// something else. Returns whether it did. A damaged file is reported, and later replaced.
    pub(super) fn take_from_cache(&self) -> bool {
        let (mut best, mut wrong): (Option<IssuedCertificate>, _) = (None, None);
        for KeptPem { path, pem } in self.cache.kept() {
            let read = match pem {
                Ok(pem) => IssuedCertificate::read(pem.expose(), &self.settings),
                Err(CacheFault { cause }) => Err(cause),
            };
            match read {
                Ok(read) if best.as_ref().is_none_or(|best| best.leaf.not_after < read.leaf.not_after) => {
                    best = Some(read);
                }
                Ok(_) => {}
                Err(why) => wrong = Some((path, why)),
            }
        }
        self.tell_damaged(wrong.filter(|_| best.is_none()));
        let Some(found) = best else { return false };
        let current = self.current();
        let is_newer =
            current.is_none_or(|current| !self.fits(&current) || current.leaf.not_after < found.leaf.not_after);
        if is_newer {
            self.replace(found);
        }
        is_newer
    }

    /// Reports a file that cannot be used, once: it is looked at every few seconds.
    fn tell_damaged(&self, wrong: Option<(&Path, String)>) {
        let mut told = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, why)) = wrong.as_ref().filter(|(_, why)| told.as_ref() != Some(why)) {
            let file = path.display();
            tracing::warn!(%file, why, "the certificate in the cache cannot be used: a new one is ordered, which replaces it");
        }
        *told = wrong.map(|(_, why)| why);
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
    /// orders one. It is asked for by connections of `acme-tls/1` alone, which any client can open:
    /// files are read on another thread, a few at once, and a key is made once for each proof.
    pub async fn challenge(self: &Arc<Self>, domain: &str) -> Option<Arc<CertifiedKey>> {
        let domain = self.settings.domains.iter().find(|own| own.eq_ignore_ascii_case(domain))?.clone();
        let own = self.challenges().iter().find(|challenge| challenge.domain == domain).cloned();
        if let Some(own) = own {
            own.answered.fetch_add(1, Ordering::Relaxed);
            return Some(Arc::clone(&own.certificate));
        }
        let permit = Arc::clone(&self.lookups).acquire_owned().await.ok()?;
        self.blocking(move |held| {
            // Kept until the file is read, although the client may be gone by then.
            let _permit = permit;
            held.shared_challenge(&domain)
        })
        .await?
    }

    /// The proof of another process.
    fn shared_challenge(&self, domain: &str) -> Option<Arc<CertifiedKey>> {
        let digest = self.cache.challenge(domain)?;
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.as_ref().filter(|known| *known.domain == *domain && known.digest == digest) {
            return Some(Arc::clone(&known.certificate));
        }
        let made = challenge::certificate(domain, &digest).inspect_err(|cause| tracing::warn!("{cause}")).ok()?;
        *shared = Some(SharedProof { domain: domain.into(), digest, certificate: Arc::clone(&made) });
        Some(made)
    }

    /// Removes the challenges of an attempt from the cache.
    fn forget_challenges(&self) {
        for domain in &self.settings.domains {
            self.cache.forget_challenge(domain);
        }
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
            (None, None) => Some(format!("{NO_CERTIFICATE}{names} yet, and TLS handshakes fail: it is being ordered")),
            (None, Some(why)) => Some(format!("{NO_CERTIFICATE}{names} yet, and TLS handshakes fail: {why}")),
            (Some(_), None) => None,
            (Some(current), Some(why)) => {
                let left = remaining(current.leaf.not_after, wall);
                Some(format!("{NOT_RENEWED}{names} cannot be renewed, and the one in use {left}: {why}"))
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
