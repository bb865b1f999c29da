//! The certificate of a listener, and its replacement when the files change.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

/// A listener's certificate, swapped whole.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    looked_at: Mutex<[Stamp; 2]>,
}

/// What tells one state of a file from another. Kubernetes swaps a symbolic link, which changes the inode.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Certificates {
    /// Loads chain and key (PEM).
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, String> {
        let stamps = stamps(certificate, key)?;
        Ok(Arc::new(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(read_pair(certificate, key)?),
            looked_at: Mutex::new(stamps),
        }))
    }

    /// Loads them again if the files changed; the old pair stays where the new one is bad. `Ok(true)` where it was replaced.
    ///
    /// # Errors
    /// What is wrong with which file; reported once for each change.
    pub fn reload_if_changed(&self) -> Result<bool, String> {
        let found = stamps(&self.certificate, &self.key)?;
        {
            let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            if *looked_at == found {
                return Ok(false);
            }
            *looked_at = found;
        }
        self.current.store(Arc::new(read_pair(&self.certificate, &self.key)?));
        Ok(true)
    }

    /// The server side of TLS: 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no early data (SPEC F-18).
    ///
    /// # Errors
    /// The library's.
    pub fn server_config(self: &Arc<Self>) -> io::Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Certificates").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn stamps(certificate: &Path, key: &Path) -> Result<[Stamp; 2], String> {
    let stamp = |path: &Path| {
        let found = fs::metadata(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
        // A pipe or a device could keep us waiting for ever.
        if !found.is_file() {
            return Err(format!("{}: not a regular file", path.display()));
        }
        Ok::<_, String>(Stamp { inode: found.ino(), size: found.size(), modified: (found.mtime(), found.mtime_nsec()) })
    };
    Ok([stamp(certificate)?, stamp(key)?])
}

fn read_pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| format!("{}: expected certificates in PEM: {cause}", certificate.display()))?;
    if chain.is_empty() {
        return Err(format!("{}: no certificate in it", certificate.display()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|cause| format!("{}: expected a private key in PEM: {cause}", key.display()))?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider())
        .map_err(|cause| format!("{} and {} do not fit together: {cause}", certificate.display(), key.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_pair(folder: &Path) -> CertificateDer<'static> {
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        fs::write(folder.join("tls.crt.new"), pair.cert.pem()).unwrap();
        fs::write(folder.join("tls.key.new"), pair.signing_key.serialize_pem()).unwrap();
        fs::rename(folder.join("tls.crt.new"), folder.join("tls.crt")).unwrap();
        fs::rename(folder.join("tls.key.new"), folder.join("tls.key")).unwrap();
        pair.cert.der().clone()
    }

    #[test]
    fn f18_a_new_certificate_is_taken_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let first = write_pair(folder.path());
        let certificates = Certificates::load(&certificate, &key).unwrap();
        assert_eq!(certificates.reload_if_changed(), Ok(false));

        let second = write_pair(folder.path());
        assert_ne!(first, second);
        assert_eq!(certificates.reload_if_changed(), Ok(true));
        assert_eq!(certificates.current.load().cert, vec![second.clone()]);

        fs::write(&certificate, "not a certificate").unwrap();
        assert!(certificates.reload_if_changed().unwrap_err().contains("tls.crt"));
        assert_eq!(certificates.reload_if_changed(), Ok(false), "reported once");
        assert_eq!(certificates.current.load().cert, vec![second]);
    }
}
