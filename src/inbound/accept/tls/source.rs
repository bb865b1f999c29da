//! Where the certificate of a listener comes from, files or ACME, and its TLS settings.

use std::{io, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
};

pub use super::acme::AcmeCertificates;
use super::{CertificateChange, Certificates, Concern, acme, server_config};

/// The source of a listener's certificate.
#[derive(Clone)]
pub enum CertificateSource {
    /// Files, which are read again when they change.
    Files(Arc<Certificates>),
    /// A CA.
    Acme(Arc<AcmeCertificates>),
}

/// The TLS settings of a listener.
#[derive(Clone)]
pub struct ListenerTls {
    /// For clients.
    pub(in crate::inbound) clients: Arc<ServerConfig>,
    /// For a CA that validates a name; `None` for a certificate from files.
    pub(in crate::inbound) validations: Option<Validations>,
}

/// How a listener answers the validations of a CA (RFC 8737).
#[derive(Clone)]
pub(in crate::inbound) struct Validations {
    config: Arc<ServerConfig>,
    certificates: Arc<AcmeCertificates>,
}

impl Validations {
    /// Whether a client comes to validate a name: it offers `acme-tls/1` and nothing else.
    pub(in crate::inbound) fn is_asked(hello: &ClientHello<'_>) -> bool {
        let Some(mut offered) = hello.alpn() else { return false };
        offered.next() == Some(acme::PROTOCOL) && offered.next().is_none()
    }

    /// The TLS settings for a client that comes to validate `name`.
    pub(in crate::inbound) async fn of(&self, name: Option<&str>) -> Arc<ServerConfig> {
        acme::proving(&self.config, &self.certificates, name).await
    }

    /// Whether clients cannot be served yet.
    pub(in crate::inbound) fn has_no_certificate(&self) -> bool {
        self.certificates.not_after().is_none()
    }
}

impl CertificateSource {
    /// The TLS settings of a listener with this certificate.
    ///
    /// # Errors
    /// The error of the TLS library.
    pub fn listener_tls(&self) -> io::Result<ListenerTls> {
        match self {
            Self::Files(files) => {
                let clients = server_config(Arc::clone(files) as Arc<dyn ResolvesServerCert>)?;
                Ok(ListenerTls { clients, validations: None })
            }
            Self::Acme(certificates) => {
                let clients = server_config(Arc::clone(certificates) as Arc<dyn ResolvesServerCert>)?;
                let validations = Validations { config: acme::config()?, certificates: Arc::clone(certificates) };
                Ok(ListenerTls { clients, validations: Some(validations) })
            }
        }
    }

    /// Where it comes from, for log lines.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Files(files) => files.path().display().to_string(),
            Self::Acme(acme) => format!("by ACME for {}", acme.held().settings().names()),
        }
    }

    /// Loads changed files. A certificate by ACME is in use at once, and reported by its keeper.
    ///
    /// # Errors
    /// As [`Certificates::reload_if_changed`].
    pub fn reload_if_changed(&self) -> Result<CertificateChange, String> {
        match self {
            Self::Files(files) => files.reload_if_changed(),
            Self::Acme(_) => Ok(CertificateChange::None),
        }
    }

    /// As [`Certificates::news`].
    pub fn news(&self, host: &str, wall: Duration) -> Vec<Concern> {
        match self {
            Self::Files(files) => files.news(host, wall),
            Self::Acme(acme) => acme.news(host, wall),
        }
    }

    /// As [`Certificates::not_after`].
    #[must_use]
    pub fn not_after(&self) -> Option<u64> {
        match self {
            Self::Files(files) => files.not_after(),
            Self::Acme(acme) => acme.not_after(),
        }
    }
}
