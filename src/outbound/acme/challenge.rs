//! The certificate that proves a name to a CA by TLS-ALPN-01 (RFC 8737 §3).

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};

/// A digest of a key authorization: SHA-256.
pub(super) const DIGEST_BYTES: usize = 32;

/// A self-signed certificate for `domain` alone, with the digest of the key authorization. A CA
/// accepts it for the account whose key is in the digest, and for no other.
pub(super) fn certificate(domain: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, String> {
    let made = || -> Result<CertifiedKey, String> {
        if digest.len() != DIGEST_BYTES {
            return Err("the digest of the key authorization has another length".to_owned());
        }
        let mut params = CertificateParams::new(vec![domain.to_owned()]).map_err(|cause| cause.to_string())?;
        params.distinguished_name = DistinguishedName::new();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate().map_err(|cause| cause.to_string())?;
        let certificate = params.self_signed(&key).map_err(|cause| cause.to_string())?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key =
            aws_lc_rs::default_provider().key_provider.load_private_key(key).map_err(|cause| cause.to_string())?;
        // Not compared with the certificate: what clients cannot read is its point.
        Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
    };
    made().map(Arc::new).map_err(|cause| format!("the certificate that proves {domain} cannot be made: {cause}"))
}
