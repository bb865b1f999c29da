//! Accepts a certificate that `ca` pins exactly, also a CA's own, and any that a CA there issued.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::ParsedCertificate,
};
use webpki::RawPublicKeyEntity;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::outbound::{
    dial::NotPinned,
    fault::{Fault, FaultKind},
};

/// Trusts the certificates of a `ca` file.
///
/// The library accepts a server's certificate only if it is no CA, has version 3 and names the host
/// in an extension. The certificates that `openssl req -x509` makes are often different, but the
/// operator has named exactly this certificate, and only the server has its key.
#[derive(Debug)]
pub(in crate::outbound) struct PinnedVerifier {
    pinned: Vec<CertificateDer<'static>>,
    issued: Arc<WebPkiServerVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedVerifier {
    /// Trusts `ca`, and what it issues.
    pub(in crate::outbound) fn new(ca: &[CertificateDer<'static>]) -> Result<Arc<Self>, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let mut roots = RootCertStore::empty();
        for certificate in ca {
            roots.add(certificate.clone()).map_err(|cause| Fault::new(FaultKind::TrustRoots, cause))?;
        }
        let issued = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|cause| Fault::new(FaultKind::TrustRoots, cause))?;
        Ok(Arc::new(Self { pinned: ca.to_vec(), issued, algorithms }))
    }

    fn is_pinned(&self, leaf: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|pinned| pinned == leaf)
    }

    /// Why a certificate that is not pinned is refused. Its form does not matter then: most
    /// probably the server has a new one.
    fn explained(&self, error: Error, leaf: &CertificateDer<'_>) -> Error {
        use CertificateError::{BadSignature, Other, UnknownIssuer};
        match error {
            Error::InvalidCertificate(UnknownIssuer | BadSignature | Other(_)) => {
                Error::InvalidCertificate(Other(OtherError(Arc::new(NotPinned::new(leaf, &self.pinned)))))
            }
            other => other,
        }
    }

    /// The key of a pinned certificate that the library does not read.
    fn key_of(&self, leaf: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
        if !self.is_pinned(leaf) || ParsedCertificate::try_from(leaf).is_ok() {
            return None;
        }
        let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
        Some(SubjectPublicKeyInfoDer::from(parsed.public_key().raw.to_vec()))
    }

    fn signature(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
        message: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let key = RawPublicKeyEntity::try_from(key).map_err(|_| bad())?;
        let all = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let is_right = all
            .flat_map(|(_, algorithms)| *algorithms)
            .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok());
        if is_right { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.is_pinned(leaf) {
            let verified = self.issued.verify_server_cert(leaf, intermediates, server_name, ocsp_response, now);
            return verified.map_err(|error| self.explained(error, leaf));
        }
        check_pinned(leaf, server_name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key_of(leaf) {
            Some(key) => self.signature(&key, message, signed),
            None => verify_tls12_signature(message, leaf, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key_of(leaf) {
            // TLS 1.3 has no signatures of RSA PKCS#1 (RFC 8446 §4.2.3).
            Some(_) if is_pkcs1(signed.scheme) => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
            Some(key) => self.signature(&key, message, signed),
            None => verify_tls13_signature(message, leaf, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}

/// Dates count also for a pinned certificate, and so do the names that it has. A certificate
/// without names is not compared with any.
fn check_pinned(leaf: &CertificateDer<'_>, server_name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, parsed) =
        X509Certificate::from_der(leaf).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let validity = parsed.validity();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < validity.not_before.timestamp() {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    if now > validity.not_after.timestamp() {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    match parsed.subject_alternative_name() {
        Ok(None) => Ok(()),
        Ok(Some(_)) => verify_server_name(&ParsedCertificate::try_from(leaf)?, server_name),
        Err(_) => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
    }
}
