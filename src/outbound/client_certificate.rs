//! The gateway's own certificate towards upstreams that ask for one.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::base::secret::Secret;

/// A client certificate, its key, and the files that they were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and what it was issued by.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key, in DER.
    key: Secret,
    /// The file of the certificate.
    pub certificate_path: PathBuf,
    /// The file of the key.
    pub key_path: PathBuf,
}

impl ClientCertificate {
    /// Takes a chain and the key of its first certificate.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        (chain, certificate_path): (Vec<CertificateDer<'static>>, PathBuf),
        (key, key_path): (&PrivateKeyDer<'_>, PathBuf),
    ) -> Result<Self, String> {
        let certificate = Self { chain, key: Secret::new(key.secret_der().to_vec()), certificate_path, key_path };
        certificate.resolver().map(|_| certificate)
    }

    /// Presents the certificate in handshakes.
    ///
    /// # Errors
    /// The key is not that of the certificate, or cannot sign.
    pub fn resolver(&self) -> Result<Arc<SingleCertAndKey>, String> {
        const OF_NO_USE: &str = "it is of a kind that cannot sign in TLS";
        let key = PrivateKeyDer::try_from(self.key.expose()).map_err(|_| OF_NO_USE)?;
        let key = any_supported_type(&key).map_err(|_| OF_NO_USE)?;
        if !is_of(&*key, self.chain.first()) {
            return Err("it belongs to another certificate".to_owned());
        }
        Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(self.chain.clone(), key))))
    }
}

/// Whether `key` is that of `certificate`. The TLS library compares them only in certificates of
/// version 3, but `openssl x509 -req -CA` makes others, and it is for the server to accept them. A
/// key whose public part is not known is tried in the handshake.
fn is_of(key: &dyn SigningKey, certificate: Option<&CertificateDer<'_>>) -> bool {
    let Some(public) = key.public_key() else { return true };
    let parsed = certificate.and_then(|certificate| X509Certificate::from_der(certificate).ok());
    parsed.is_some_and(|(_, parsed)| parsed.public_key().raw == public.as_ref())
}
