//! Loads the certificate of a listener, and replaces it when the files change.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    Error, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use self::chain::Chain;
pub use self::leaf::Concern;
use crate::base::file_stamp::FileStamp;

mod acme;
mod chain;
mod leaf;
pub mod source;

/// A listener's certificate, swapped whole.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<Pair>,
    looked_at: Mutex<Looked>,
}

/// A certificate chain and its key, with the findings about dates and order.
struct Pair {
    key: Arc<CertifiedKey>,
    chain: Chain,
}

/// The findings of the last check, which are reported already.
struct Looked {
    /// The state of the files, or why they could not be read.
    files: Result<[FileStamp; 2], String>,
    concerns: Vec<Concern>,
}

/// What a check of the files has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateChange {
    /// No change.
    None,
    /// A new pair is in use.
    Replaced,
    /// Missing files are back, unchanged.
    Back,
}

impl Certificates {
    /// Loads chain and key (PEM).
    ///
    /// # Errors
    /// What is wrong, and with which file.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, String> {
        let files = stamps(certificate, key)?;
        Ok(Arc::new(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(read_pair(certificate, key)?),
            looked_at: Mutex::new(Looked { files: Ok(files), concerns: Vec::new() }),
        }))
    }

    /// Loads the files again if they changed. A bad new pair leaves the old one in use.
    ///
    /// # Errors
    /// The problem and its file, at the first check after a change; not again until the files
    /// change.
    pub fn reload_if_changed(&self) -> Result<CertificateChange, String> {
        let found = stamps(&self.certificate, &self.key);
        let before = {
            let mut looked_at = self.looked_at();
            if looked_at.files == found {
                return Ok(CertificateChange::None);
            }
            std::mem::replace(&mut looked_at.files, found.clone())
        };
        found?;
        let pair = read_pair(&self.certificate, &self.key)?;
        let is_same = self.current.load().key.cert == pair.key.cert;
        self.current.store(Arc::new(pair));
        Ok(if before.is_err() && is_same { CertificateChange::Back } else { CertificateChange::Replaced })
    }

    /// What clients of `host` will find wrong with the certificates in use, without the concerns of
    /// the last call. So each concern is reported once, until it changes or ends.
    pub fn news(&self, host: &str, wall: Duration) -> Vec<Concern> {
        let pair = self.current.load();
        let concerns = pair.key.cert.first().map(|leaf| pair.chain.concerns(leaf, host, wall)).unwrap_or_default();
        let mut looked_at = self.looked_at();
        let told = std::mem::replace(&mut looked_at.concerns, concerns.clone());
        concerns.into_iter().filter(|concern| !told.contains(concern)).collect()
    }

    /// The file that the certificate comes from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.certificate
    }

    /// When the first certificate of the chain in use expires, in seconds since 1970; `None` if the
    /// leaf cannot be read.
    #[must_use]
    pub fn not_after(&self) -> Option<u64> {
        self.current.load().chain.not_after()
    }

    fn looked_at(&self) -> MutexGuard<'_, Looked> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The TLS settings of a server: 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no early data (SPEC
/// F-18).
fn server_config(resolver: Arc<dyn ResolvesServerCert>) -> io::Result<Arc<ServerConfig>> {
    let mut config = bare_config(resolver)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
    Ok(Arc::new(config))
}

fn bare_config(resolver: Arc<dyn ResolvesServerCert>) -> io::Result<ServerConfig> {
    Ok(ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(resolver))
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Certificates").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn stamps(certificate: &Path, key: &Path) -> Result<[FileStamp; 2], String> {
    let stamp = |path: &Path| {
        let found = fs::metadata(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
        // Reading a pipe or a device could block forever.
        if !found.is_file() {
            let kind = if found.is_dir() { "a folder" } else { "a pipe or a device" };
            return Err(format!("{}: expected a regular file and found {kind}", path.display()));
        }
        Ok::<_, String>(FileStamp::of(&found))
    };
    Ok([stamp(certificate)?, stamp(key)?])
}

fn read_pair(certificate: &Path, key: &Path) -> Result<Pair, String> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| format!("{}: expected certificates in PEM: {cause}", certificate.display()))?;
    if chain.is_empty() {
        return Err(format!("{}: the file has no certificate", certificate.display()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|cause| format!("{}: expected a private key in PEM: {cause}", key.display()))?;
    let seen = Chain::of(&chain);
    let key = certified(chain, &private)
        .map_err(|cause| format!("{} and {} do not fit together: {cause}", certificate.display(), key.display()))?;
    Ok(Pair { key: Arc::new(key), chain: seen })
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<CertifiedKey, String> {
    let provider = aws_lc_rs::default_provider();
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
        Ok(certified) => return Ok(certified),
        Err(Error::InconsistentKeys(_)) => {}
        Err(Error::InvalidCertificate(_)) => {
            return Err(
                "the first certificate is damaged, or not of version 3, so that clients cannot read it".to_owned()
            );
        }
        Err(cause) => return Err(cause.to_string()),
    }
    let mut others = chain.into_iter().enumerate().skip(1);
    let fits = others.find(|(_, one)| CertifiedKey::from_der(vec![one.clone()], key.clone_key(), &provider).is_ok());
    let why = match fits {
        Some((index, _)) => format!("the key belongs to certificate {} in the file", index + 1),
        None => "the key belongs to no certificate in the file".to_owned(),
    };
    Err(format!("{why}; the first certificate in the file must be the server's own, and each next one its issuer's"))
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
        assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::None));

        let second = write_pair(folder.path());
        assert_ne!(first, second);
        assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::Replaced));
        assert_eq!(certificates.current.load().key.cert, vec![second.clone()]);

        fs::write(&certificate, "not a certificate").unwrap();
        assert!(certificates.reload_if_changed().unwrap_err().contains("tls.crt"));
        assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::None), "reported once");
        assert_eq!(certificates.current.load().key.cert, vec![second]);
    }

    #[test]
    fn attack_189_a_chain_in_the_wrong_order_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let own = fs::read_to_string(&certificate).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["issuer".into()]).unwrap().cert.pem();
        for (chain, wanted) in [
            (
                format!("{other}{own}"),
                "the key belongs to certificate 2 in the file; the first certificate in the file must be",
            ),
            (
                other,
                "the key belongs to no certificate in the file; the first certificate in the file must be the server's own",
            ),
        ] {
            fs::write(&certificate, chain).unwrap();
            let said = Certificates::load(&certificate, &key).unwrap_err();
            assert!(said.contains("do not fit together") && said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn attack_189_a_missing_file_is_reported_once_and_so_is_its_return() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        write_pair(folder.path());
        let certificates = Certificates::load(&certificate, &key).unwrap();
        let away = folder.path().join("away");
        for _ in 0..2 {
            fs::rename(&certificate, &away).unwrap();
            assert!(certificates.reload_if_changed().unwrap_err().contains("tls.crt"));
            assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::None), "reported once");
            // Another file is missing, which is reported.
            fs::rename(&away, &certificate).unwrap();
            fs::rename(&key, &away).unwrap();
            assert!(certificates.reload_if_changed().unwrap_err().contains("tls.key"));
            fs::rename(&away, &key).unwrap();
            assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::Back));
            assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::None));
        }
        fs::remove_file(&certificate).unwrap();
        assert!(certificates.reload_if_changed().is_err());
        write_pair(folder.path());
        assert_eq!(certificates.reload_if_changed(), Ok(CertificateChange::Replaced));
    }

    #[test]
    fn attack_189_a_concern_is_told_once_until_it_changes() {
        const DAY: Duration = Duration::from_secs(86_400);
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let certificates = Certificates::load(&folder.path().join("tls.crt"), &folder.path().join("tls.key")).unwrap();
        // The default of rcgen: the end of the year 4095.
        let end = Duration::from_secs(certificates.not_after().unwrap());
        let told = |host: &str, wall: Duration| certificates.news(host, wall);
        assert_eq!(told("localhost", end - 15 * DAY), []);
        assert_eq!(told("localhost", end - 3 * DAY), [Concern::EndsSoon { days: 3 }]);
        assert_eq!(told("localhost", end - 3 * DAY), [], "once a day");
        assert_eq!(told("localhost", end - 2 * DAY), [Concern::EndsSoon { days: 2 }]);
        assert_eq!(told("localhost", end + DAY), [Concern::Expired]);
        assert_eq!(told("localhost", end + 9 * DAY), []);
        assert!(matches!(&*told("other.example", end + 9 * DAY), [Concern::OtherHost { .. }]), "the new one alone");
        assert_eq!(told("localhost", end - 20 * DAY), []);
        assert_eq!(told("localhost", end + DAY), [Concern::Expired], "again, because it was gone");
    }
}
