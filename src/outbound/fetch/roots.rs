//! Trust roots for outgoing TLS: the built-in public roots, the operator's, or a private CA.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, crypto::aws_lc_rs, pki_types::CertificateDer,
    sign::SingleCertAndKey,
};
use tracing::warn;

use super::pinned::PinnedVerifier;
use crate::outbound::{
    client_certificate::ClientCertificate,
    fault::{Fault, FaultKind},
};

/// The trusted roots of a server's certificate chain.
pub type Roots = RootCertStore;

/// The built-in public roots, so that an image without a trust store works, and `extra`.
///
/// # Errors
/// A certificate in `extra` cannot be a trust anchor.
pub fn tls_roots(extra: &[CertificateDer<'static>]) -> Result<Roots, Fault> {
    let mut roots = private_roots(extra)?;
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(roots)
}

/// The certificates of `ca`, without the public roots.
///
/// # Errors
/// A certificate cannot be a trust anchor.
pub fn private_roots(ca: &[CertificateDer<'static>]) -> Result<Roots, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in ca {
        roots.add(certificate.clone()).map_err(|cause| Fault::new(FaultKind::TrustRoots, cause))?;
    }
    Ok(roots)
}

/// Reads the certificates that `SSL_CERT_FILE` and `SSL_CERT_DIR` point to. The caller passes the
/// paths.
///
/// # Errors
/// There is no usable certificate. A bad certificate beside good ones is only logged, because
/// system stores have some.
pub fn native_roots(file: Option<&Path>, directories: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let from_file = file.map(|file| rustls_native_certs::load_certs_from_paths(Some(file), None));
    let from_directories =
        directories.iter().map(|directory| rustls_native_certs::load_certs_from_paths(None, Some(directory)));
    let mut certificates = Vec::new();
    let mut last = None;
    for loaded in from_file.into_iter().chain(from_directories) {
        certificates.extend(loaded.certs);
        for error in loaded.errors {
            warn!(%error, "a trust root cannot be read");
            last = Some(error);
        }
    }
    match last {
        Some(error) if certificates.is_empty() => Err(Fault::new(FaultKind::TrustRoots, error)),
        _ => Ok(certificates),
    }
}

/// TLS 1.2 or 1.3 as a client. `alpn_h2`: whether to offer HTTP/2.
#[must_use]
pub fn client_tls(roots: Roots, alpn_h2: bool) -> Arc<ClientConfig> {
    finished(builder().with_root_certificates(roots).with_no_client_auth(), alpn_h2)
}

/// The same with the public roots, and a certificate of the gateway's own.
///
/// # Errors
/// The certificate cannot be used.
pub fn public_tls(roots: Roots, own: &ClientCertificate, alpn_h2: bool) -> Result<Arc<ClientConfig>, Fault> {
    Ok(finished(builder().with_root_certificates(roots).with_client_cert_resolver(resolver(own)?), alpn_h2))
}

/// The same with the certificates of a `ca` file, exactly or as CAs, and perhaps a certificate of
/// the gateway's own.
///
/// # Errors
/// A certificate cannot be used.
pub fn private_tls(
    ca: &[CertificateDer<'static>],
    own: Option<&ClientCertificate>,
    alpn_h2: bool,
) -> Result<Arc<ClientConfig>, Fault> {
    let builder = builder().dangerous().with_custom_certificate_verifier(PinnedVerifier::new(ca)?);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_cert_resolver(resolver(own)?),
    };
    Ok(finished(config, alpn_h2))
}

fn resolver(own: &ClientCertificate) -> Result<Arc<SingleCertAndKey>, Fault> {
    own.resolver().map_err(|cause| Fault::new(FaultKind::UpstreamSettings, cause))
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    // The provider is named, so that a second provider in the build cannot make rustls panic.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    #[expect(
        clippy::expect_used,
        reason = "fails only for a provider without cipher suites; this one is built in and has them"
    )]
    builder.with_safe_default_protocol_versions().expect("aws-lc-rs speaks TLS 1.2 and 1.3")
}

fn finished(mut config: ClientConfig, alpn_h2: bool) -> Arc<ClientConfig> {
    config.alpn_protocols =
        if alpn_h2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Arc::new(config)
}
