//! Reads what the cache of an ACME account keeps: the account, and a certificate with its key.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use crate::base::secret::Secret;

/// Most certificates in a chain.
const CHAIN_MAX: usize = 10;

/// An account at a CA. Its key must not be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAccount {
    /// The URL of the account, which the CA calls its id.
    pub id: String,
    /// The directory of the CA.
    pub directory: String,
    /// The address that the CA has.
    pub email: String,
    /// The private key: PKCS #8 in DER.
    pub key: Secret,
}

/// The file of an account.
#[derive(Deserialize, Serialize)]
struct AccountFile {
    id: String,
    directory: String,
    email: String,
    key_pkcs8: String,
}

impl KeptAccount {
    /// Reads a file that [`Self::write`] wrote.
    ///
    /// # Errors
    /// What is wrong. It does not show the file.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let file: AccountFile = serde_json::from_slice(bytes).map_err(|_| "it is not the file of an account")?;
        let key = URL_SAFE_NO_PAD.decode(&file.key_pkcs8).map_err(|_| "its key is damaged")?;
        if !file.id.starts_with("http") || file.directory.is_empty() || key.is_empty() {
            return Err("it is not the file of an account");
        }
        Ok(Self { id: file.id, directory: file.directory, email: file.email, key: Secret::new(key) })
    }

    /// The file of the account.
    #[must_use]
    pub fn write(&self) -> Secret {
        let file = AccountFile {
            id: self.id.clone(),
            directory: self.directory.clone(),
            email: self.email.clone(),
            key_pkcs8: URL_SAFE_NO_PAD.encode(self.key.expose()),
        };
        Secret::new(serde_json::to_vec_pretty(&file).unwrap_or_default())
    }
}

/// A certificate chain, the server's own first, with its key.
#[derive(Debug)]
pub struct KeptCertificate {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of the first certificate.
    pub key: PrivateKeyDer<'static>,
    /// The names and dates of the first certificate.
    pub leaf: LeafFacts,
}

/// What the gateway must know of its own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafFacts {
    /// When it begins, in seconds since 1970.
    pub not_before: u64,
    /// When it ends.
    pub not_after: u64,
    /// Its host names, in lower case.
    pub names: Vec<Box<str>>,
}

impl LeafFacts {
    /// Whether it names each of these hosts.
    #[must_use]
    pub fn covers(&self, domains: &[Box<str>]) -> bool {
        domains.iter().all(|domain| self.names.contains(domain))
    }
}

impl KeptCertificate {
    /// Reads a private key and a chain in PEM.
    ///
    /// # Errors
    /// What is wrong. It does not show the file.
    pub fn read(pem: &[u8]) -> Result<Self, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "it has no private key in PEM")?;
        let chain = chain(pem)?;
        let leaf = facts(chain.first().ok_or(NO_CHAIN)?)?;
        Ok(Self { chain, key, leaf })
    }
}

const NO_CHAIN: &str = "it has no certificate in PEM";

/// A certificate chain in PEM.
///
/// # Errors
/// What is wrong.
pub fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let read = CertificateDer::pem_slice_iter(pem).take(CHAIN_MAX + 1).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(chain) if chain.is_empty() => Err(NO_CHAIN),
        Ok(chain) if chain.len() > CHAIN_MAX => Err("it has more than 10 certificates"),
        Ok(chain) => Ok(chain),
        Err(_) => Err("its PEM is damaged"),
    }
}

/// The names and dates of a certificate.
///
/// # Errors
/// What is wrong.
pub fn facts(leaf: &CertificateDer<'_>) -> Result<LeafFacts, &'static str> {
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| "its certificate is damaged")?;
    let secs = |time: i64| u64::try_from(time).unwrap_or_default();
    let names = parsed.subject_alternative_name().map_err(|_| "its certificate names a host twice")?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase().into()),
        GeneralName::IPAddress([a, b, c, d]) => Some(IpAddr::from([*a, *b, *c, *d]).to_string().into()),
        _ => None,
    };
    Ok(LeafFacts {
        not_before: secs(parsed.validity().not_before.timestamp()),
        not_after: secs(parsed.validity().not_after.timestamp()),
        names: names.iter().filter_map(name).collect(),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn f44_an_account_is_read_as_it_was_written_and_shows_no_key() {
        let account = KeptAccount {
            id: "https://ca.example/acct/1".to_owned(),
            directory: "https://ca.example/dir".to_owned(),
            email: "ops@example.com".to_owned(),
            key: Secret::new(b"hunter2".to_vec()),
        };
        let file = account.write();
        assert_eq!(KeptAccount::read(file.expose()), Ok(account.clone()));
        assert!(!format!("{account:?}").contains("hunter2"));
        for bad in [&b""[..], b"{}", b"{\"id\": 1}", &file.expose()[1..], b"\xff"] {
            assert!(KeptAccount::read(bad).is_err());
        }
    }

    #[test]
    fn f44_a_certificate_is_read_with_its_key_and_a_damaged_one_is_told() {
        let mut params = CertificateParams::new(vec!["a.example".to_owned(), "b.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 12, 24);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let file = format!("{}{certificate}", key.serialize_pem());
        let read = KeptCertificate::read(file.as_bytes()).unwrap();
        assert_eq!((read.leaf.not_before, read.leaf.not_after), (1_767_225_600, 1_798_070_400));
        let names = |all: &[&str]| all.iter().map(|name| Box::from(*name)).collect::<Vec<Box<str>>>();
        assert!(read.leaf.covers(&names(&["b.example", "a.example"])) && !read.leaf.covers(&names(&["c.example"])));
        for (bad, why) in [
            (key.serialize_pem(), NO_CHAIN),
            (certificate.clone(), "it has no private key in PEM"),
            (String::new(), "it has no private key in PEM"),
            (file.replace("MII", "AAA"), "its certificate is damaged"),
        ] {
            assert_eq!(KeptCertificate::read(bad.as_bytes()).map(drop), Err(why), "{bad}");
        }
        assert!(chain(certificate.repeat(11).as_bytes()).is_err());
    }
}
