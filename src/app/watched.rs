//! Watches a listener's certificate: reloads a changed one, exports its expiry, logs warnings.

use std::{net::SocketAddr, time::Duration};

use crate::{
    inbound::accept::tls::{CertificateChange, source::CertificateSource},
    observe::metrics::Metrics,
};

/// The certificate of one listener.
#[derive(Clone)]
pub(super) struct WatchedCertificate {
    pub(super) certificates: CertificateSource,
    pub(super) listener: SocketAddr,
}

impl WatchedCertificate {
    /// Reads changed files, and checks that clients of `host` will accept the certificate.
    pub(super) fn look(&self, host: &str, wall: Duration, metrics: &Metrics) {
        let (listener, path) = (self.listener, self.certificates.shown());
        match self.certificates.reload_if_changed() {
            Ok(CertificateChange::None) => {}
            Ok(CertificateChange::Replaced) => {
                tracing::info!(%listener, certificate = %path, "a changed certificate is in use");
            }
            Ok(CertificateChange::Back) => {
                tracing::info!(%listener, certificate = %path, "the certificate's files can be read again");
            }
            Err(why) => {
                metrics.certificate_refused();
                tracing::error!(%listener, why, "a changed certificate cannot be used; the previous one stays in use");
            }
        }
        self.tell(host, wall, metrics);
    }

    /// Exports the expiry of the certificate in use, and logs new warnings.
    pub(super) fn tell(&self, host: &str, wall: Duration, metrics: &Metrics) {
        let (listener, path) = (self.listener, self.certificates.shown());
        if let Some(not_after) = self.certificates.not_after() {
            metrics.certificate(listener, not_after);
        }
        for concern in self.certificates.news(host, wall) {
            tracing::warn!(%listener, certificate = %path, "the certificate: {concern}");
        }
    }
}
