//! Presents the certificate that a CA has issued by ACME, and proves names to it (RFC 8737).

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{Concern, bare_config, leaf};
use crate::outbound::acme::held::AcmeHeld;

/// The protocol of a validation (RFC 8737 §6.2).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificate of a listener by ACME. A reload swaps what it takes it from.
pub struct AcmeCertificates {
    held: ArcSwap<AcmeHeld>,
    told: Mutex<Vec<Concern>>,
}

impl AcmeCertificates {
    /// Presents what `held` has.
    #[must_use]
    pub fn new(held: Arc<AcmeHeld>) -> Arc<Self> {
        Arc::new(Self { held: ArcSwap::new(held), told: Mutex::default() })
    }

    /// What it presents.
    #[must_use]
    pub fn held(&self) -> Arc<AcmeHeld> {
        self.held.load_full()
    }

    /// From now on presents what `held` has.
    pub fn follow(&self, held: Arc<AcmeHeld>) {
        self.held.store(held);
    }

    pub(super) fn not_after(&self) -> Option<u64> {
        self.held.load().current().map(|current| current.leaf.not_after)
    }

    /// What clients of `host` will find wrong, each concern once. The keeper reports that a
    /// certificate ends soon, because then its renewal fails.
    pub(super) fn news(&self, host: &str, wall: Duration) -> Vec<Concern> {
        let Some(current) = self.held.load().current() else { return Vec::new() };
        let now = wall.as_secs();
        let mut concerns = Vec::new();
        concerns.extend((now > current.leaf.not_after).then_some(Concern::Expired));
        concerns.extend((now < current.leaf.not_before).then_some(Concern::NotYetValid));
        concerns.extend(current.key.cert.first().and_then(|certificate| leaf::other_host(certificate, host)));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *told, concerns.clone());
        concerns.into_iter().filter(|concern| !before.contains(concern)).collect()
    }
}

impl ResolvesServerCert for AcmeCertificates {
    /// `None` until a certificate is issued: the handshake fails then.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.held.load().current().map(|current| Arc::clone(&current.key))
    }
}

impl fmt::Debug for AcmeCertificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AcmeCertificates").field("held", &self.held).finish_non_exhaustive()
    }
}

/// The TLS settings of a validation that prove nothing. The protocol is `acme-tls/1` alone, no
/// session can be resumed by it or into it, and its certificates are self-signed: no client takes
/// them for the gateway's.
pub(super) fn config() -> io::Result<Arc<ServerConfig>> {
    let mut config = bare_config(Arc::new(Proof(None)))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// `config`, proving the name that a client of it asks for. It fails for a name that is not being
/// proven.
pub(super) async fn proving(
    config: &Arc<ServerConfig>,
    certificates: &AcmeCertificates,
    name: Option<&str>,
) -> Arc<ServerConfig> {
    let Some(name) = name else { return Arc::clone(config) };
    let Some(key) = certificates.held().challenge(name).await else { return Arc::clone(config) };
    let mut config = ServerConfig::clone(config);
    config.cert_resolver = Arc::new(Proof(Some(key)));
    Arc::new(config)
}

/// The certificate that proves a name, found before the handshake: a resolver cannot wait.
#[derive(Debug)]
struct Proof(Option<Arc<CertifiedKey>>);

impl ResolvesServerCert for Proof {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}
