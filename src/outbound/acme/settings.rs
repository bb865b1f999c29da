//! What the configuration says about certificates by ACME.

use std::{fmt, path::PathBuf};

use crate::{base::secret::Secret, outbound::reach::PrivateCa};

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Its directory for tests. Clients do not trust its certificates.
pub const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// One certificate by ACME. Listeners with equal settings share it.
#[derive(Clone, PartialEq, Eq)]
pub struct AcmeSettings {
    /// The address of the account's operator. It must not be logged.
    pub email: Box<str>,
    /// The names in the certificate; never empty.
    pub domains: Vec<Box<str>>,
    /// The folder of the account, the certificate and their keys.
    pub cache: PathBuf,
    /// The URL of the CA's directory.
    pub directory: Box<str>,
    /// The only trusted roots for the directory.
    pub ca: Option<PrivateCa>,
    /// The account at the CA that a new account is bound to.
    pub external_account: Option<ExternalAccount>,
}

/// `external_account` (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key id.
    pub key_id: Box<str>,
    /// The HMAC key.
    pub key: Secret,
    /// The reference of the key, for `explain`.
    pub reference: Box<str>,
}

impl AcmeSettings {
    /// The names, as a log line shows them.
    #[must_use]
    pub fn names(&self) -> String {
        self.domains.join(", ")
    }
}

impl fmt::Debug for AcmeSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AcmeSettings")
            .field("domains", &self.domains)
            .field("cache", &self.cache)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
