//! Keeps the certificate that a server shows, also if it is refused: its names, dates and issuer.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use crate::outbound::{
    fault::{Fault, FaultKind},
    fetch::{Roots, pinned::PinnedVerifier},
};

/// How many names of a certificate are kept.
const NAMES_MAX: usize = 16;

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// Its first second, since 1970.
    pub valid_from: i64,
    /// Its last second.
    pub valid_until: i64,
    /// Who issued it.
    pub issuer: String,
    /// Whether its issuer is itself.
    pub is_self_signed: bool,
    /// How many certificates the server sent besides it.
    pub sent_besides: usize,
}

/// Judges as another verifier does, and keeps what the server showed.
#[derive(Debug)]
pub(super) struct CertificateRecorder {
    judge: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Option<PeerCertificate>>,
}

/// A verifier with these roots.
pub(super) fn by_roots(roots: Roots) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(verifier.map_err(|cause| Fault::new(FaultKind::TrustRoots, cause))?)
}

/// A verifier that takes these certificates, and what they issued, alone.
pub(super) fn by_these(ca: &[CertificateDer<'static>]) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    Ok(PinnedVerifier::new(ca)?)
}

/// A verifier that also takes these certificates, and what they issued.
pub(super) fn by_either(
    first: Arc<dyn ServerCertVerifier>,
    ca: &[CertificateDer<'static>],
) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    Ok(Arc::new(EitherVerifier { first, second: PinnedVerifier::new(ca)? }))
}

/// Takes what one of two verifiers takes.
#[derive(Debug)]
struct EitherVerifier {
    first: Arc<dyn ServerCertVerifier>,
    second: Arc<PinnedVerifier>,
}

impl ServerCertVerifier for EitherVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_second = match self.second.verify_server_cert(leaf, others, name, ocsp, now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        // The verifier that knows the issuer says what else is wrong.
        self.first.verify_server_cert(leaf, others, name, ocsp, now).map_err(|by_first| match by_first {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => by_second,
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.second.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.second.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

impl CertificateRecorder {
    pub(super) fn new(judge: Arc<dyn ServerCertVerifier>) -> Arc<Self> {
        Arc::new(Self { judge, seen: Mutex::default() })
    }

    /// TLS as a client that offers HTTP/2.
    pub(super) fn tls(self: Arc<Self>) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        #[expect(
            clippy::expect_used,
            reason = "fails only for a provider without cipher suites; this one is built in and has them"
        )]
        let builder = builder.with_safe_default_protocol_versions().expect("aws-lc-rs speaks TLS 1.2 and 1.3");
        let mut config = builder.dangerous().with_custom_certificate_verifier(self).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The certificate that the server showed last.
    pub(super) fn certificate(&self) -> Option<PeerCertificate> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PeerCertificate {
    fn read(leaf: &CertificateDer<'_>, sent_besides: usize) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
        let named = parsed.subject_alternative_name().ok().flatten();
        let names = named.iter().flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match **bytes {
                [a, b, c, d] => Some(format!("{a}.{b}.{c}.{d}")),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|all| std::net::Ipv6Addr::from(all).to_string()),
            },
            _ => None,
        });
        Some(Self {
            names: names.take(NAMES_MAX).collect(),
            valid_from: parsed.validity().not_before.timestamp(),
            valid_until: parsed.validity().not_after.timestamp(),
            issuer: parsed.issuer().to_string(),
            is_self_signed: parsed.issuer() == parsed.subject(),
            sent_besides,
        })
    }
}

impl ServerCertVerifier for CertificateRecorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = PeerCertificate::read(leaf, others.len());
        self.judge.verify_server_cert(leaf, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[rustls::DistinguishedName]> {
        self.judge.root_hint_subjects()
    }
}
