//! The gateway's own certificate towards upstreams that ask for one.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::base::secret::Secret;

/// A client certificate, its key, and the files that they were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and what it was issued by.
    chain: Vec<CertificateDer<'static>>,
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
        let key = PrivateKeyDer::try_from(self.key.expose()).map_err(ToString::to_string)?;
        let key = any_supported_type(&key).map_err(|cause| cause.to_string())?;
        let certified = CertifiedKey::new(self.chain.clone(), key);
        match certified.keys_match() {
            // A key whose public part cannot be compared is tried in the handshake.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Arc::new(SingleCertAndKey::from(certified)))
            }
            Err(cause) => Err(cause.to_string()),
        }
    }
}
