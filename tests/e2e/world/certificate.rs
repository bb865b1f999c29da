//! A certificate authority and leaves for localhost, made on the spot.

use std::{path::Path, sync::Arc, sync::LazyLock};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Authority { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
});

/// A certificate and its key.
pub struct Leaf {
    /// PEM of the chain.
    pub certificate: String,
    /// PEM of the key.
    pub key: String,
    der: CertificateDer<'static>,
    key_der: PrivateKeyDer<'static>,
}

/// A new leaf for localhost, and for another site on the same machine.
pub fn leaf() -> Leaf {
    leaf_but(|_| ())
}

/// A new leaf that is otherwise.
pub fn leaf_but(change: impl FnOnce(&mut CertificateParams)) -> Leaf {
    let names = ["localhost", "127.0.0.1", "other.example"].map(str::to_owned);
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &AUTHORITY.issuer).unwrap();
    Leaf {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        der: certificate.der().clone(),
        key_der: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    }
}

/// PEM of the authority.
pub fn authority_pem() -> &'static str {
    &AUTHORITY.pem
}

impl Leaf {
    /// Writes both files, the key first, as a careless operator would. The owner alone may read the key.
    pub fn write(&self, folder: &Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(folder.join("tls.key"), &self.key).unwrap();
        std::fs::set_permissions(folder.join("tls.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(folder.join("tls.crt"), &self.certificate).unwrap();
    }

    /// DER of the certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What a TLS server needs.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], self.key_der.clone_key())
            .unwrap();
        Arc::new(config)
    }
}

/// A client that trusts the authority alone.
pub fn client_config() -> Arc<ClientConfig> {
    Arc::new(client_config_of(provider(), rustls::DEFAULT_VERSIONS))
}

/// The same with other suites and versions.
pub fn client_config_of(
    provider: Arc<CryptoProvider>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.der.clone()).unwrap();
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
