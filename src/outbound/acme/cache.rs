//! The folder of an ACME account: the account, the certificate, their keys, and a lock.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, flock};

use super::{challenge::DIGEST_BYTES, settings::AcmeSettings};
use crate::{
    base::{limits::operating::ACME_FILE_BYTES_MAX, secret::Secret},
    decide::acme::kept::KeptAccount,
};

/// Only the gateway's user may enter.
const FOLDER_MODE: u32 = 0o700;
/// Only the gateway's user may read.
const FILE_MODE: u32 = 0o600;
/// A mode with any of these bits lets others in.
const OTHERS: u32 = 0o077;

/// Where one certificate and its account are kept.
pub(super) struct Cache {
    folder: PathBuf,
    account: PathBuf,
    certificate: PathBuf,
}

/// Why a file of the cache cannot be used.
#[derive(Debug)]
pub(super) struct CacheFault {
    pub(super) cause: String,
}

/// The right to order certificates with this cache. It ends with its value, or with the process.
pub(super) struct OrderLock {
    _file: Option<File>,
}

impl Cache {
    /// Creates the folder where it does not exist, and finds out whether it can be written.
    pub(super) fn open(settings: &AcmeSettings) -> Result<Self, String> {
        let folder = settings.cache.clone();
        usable(&folder)?;
        let account_of = settings.external_account.as_ref().map_or("", |bound| &bound.key_id);
        let account = format!("account-{}.json", short(&[&settings.directory, account_of]));
        let mut names: Vec<&str> = settings.domains.iter().map(|domain| &**domain).collect();
        names.sort_unstable();
        let first = settings.domains.first().map_or("", |domain| &**domain);
        names.insert(0, &settings.directory);
        let certificate = format!("{first}-{}.pem", short(&names));
        Ok(Self { account: folder.join(account), certificate: folder.join(certificate), folder })
    }

    pub(super) fn certificate_path(&self) -> &Path {
        &self.certificate
    }

    pub(super) fn account_path(&self) -> &Path {
        &self.account
    }

    /// Key and chain in PEM; `None` if there are none yet.
    pub(super) fn certificate(&self) -> Result<Option<Secret>, CacheFault> {
        read(&self.certificate)
    }

    pub(super) fn keep_certificate(&self, pem: &Secret) -> Result<(), CacheFault> {
        replace(&self.certificate, pem.expose())
    }

    /// The account; `None` if there is no file yet.
    pub(super) fn account(&self) -> Result<Option<KeptAccount>, CacheFault> {
        let Some(bytes) = read(&self.account)? else { return Ok(None) };
        match KeptAccount::read(bytes.expose()) {
            Ok(account) => Ok(Some(account)),
            Err(why) => Err(CacheFault { cause: why.to_owned() }),
        }
    }

    pub(super) fn keep_account(&self, account: &KeptAccount) -> Result<(), CacheFault> {
        replace(&self.account, account.write().expose())
    }

    pub(super) fn forget_account(&self) -> io::Result<()> {
        match fs::remove_file(&self.account) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// The digest with which another process proves `domain`.
    pub(super) fn challenge(&self, domain: &str) -> Option<Vec<u8>> {
        let digest = read(&self.challenge_path(domain)).ok()??;
        (digest.expose().len() == DIGEST_BYTES).then(|| digest.expose().to_vec())
    }

    /// Lets other processes with this cache answer the validation, which a load balancer may send
    /// to any of them. The digest is no secret: it is in the certificate that the CA gets.
    pub(super) fn keep_challenge(&self, domain: &str, digest: &[u8]) {
        if let Err(CacheFault { cause }) = replace(&self.challenge_path(domain), digest) {
            tracing::warn!(domain, cause, "other replicas cannot answer the validation of this name");
        }
    }

    pub(super) fn forget_challenge(&self, domain: &str) {
        // It may not exist, and a later attempt replaces it.
        let _ = fs::remove_file(self.challenge_path(domain));
    }

    fn challenge_path(&self, domain: &str) -> PathBuf {
        self.folder.join(format!("challenge-{domain}"))
    }

    /// `None` while another process orders a certificate with this cache.
    pub(super) fn lock(&self) -> Option<OrderLock> {
        let path = self.folder.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(FILE_MODE).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(cause) => {
                tracing::warn!(file = %path.display(), %cause, "the lock of the cache cannot be opened: two processes may order a certificate at once");
                return Some(OrderLock { _file: None });
            }
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Some(OrderLock { _file: Some(file) }),
            Err(rustix::io::Errno::WOULDBLOCK) => None,
            // Some network file systems have no locks.
            Err(cause) => {
                tracing::warn!(file = %path.display(), %cause, "the cache cannot be locked: two processes may order a certificate at once");
                Some(OrderLock { _file: None })
            }
        }
    }
}

/// Finds out whether `folder` can be a cache, and creates it.
pub(super) fn usable(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|cause| format!("{shown}: the folder cannot be created: {cause}"))?;
    let found = fs::metadata(folder).map_err(|cause| format!("{shown}: {cause}"))?;
    if found.mode() & OTHERS != 0 {
        // The folder may be a mounted volume, or belong to others as well: its mode is theirs.
        tracing::warn!(
            folder = %shown,
            "others can enter the folder of private keys, and only the modes of its files keep them out; expected a folder \
             of the gateway's own with mode 0700"
        );
    }
    let probe = folder.join(".probe");
    replace(&probe, b"").map_err(|CacheFault { cause }| format!("{shown}: the folder cannot be written: {cause}"))?;
    fs::remove_file(&probe).map_err(|cause| format!("{shown}: the folder cannot be written: {cause}"))
}

/// What `check` says of a folder that the gateway could not use: it creates nothing.
pub(super) fn unusable(folder: &Path) -> Option<String> {
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(folder);
    if !existing.is_dir() {
        return Some(format!("{} is not a folder", existing.display()));
    }
    let may = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(existing, may).err().map(|cause| match existing == folder {
        true => format!("the folder cannot be written: {cause}"),
        false => format!("the folder cannot be created: {} cannot be written: {cause}", existing.display()),
    })
}

fn read(path: &Path) -> Result<Option<Secret>, CacheFault> {
    let fault = |cause: io::Error| CacheFault { cause: cause.to_string() };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(fault(cause)),
    };
    if !file.metadata().map_err(fault)?.is_file() {
        return Err(CacheFault { cause: "it is not a regular file".to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(ACME_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    let secret = Secret::new(bytes);
    if secret.expose().len() as u64 > ACME_FILE_BYTES_MAX {
        return Err(CacheFault { cause: "it is too large".to_owned() });
    }
    Ok(Some(secret))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), CacheFault> {
    let fault = |cause: io::Error| CacheFault { cause: cause.to_string() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = || -> io::Result<()> {
        // A rest of a process that was killed, which may have had the same id.
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|cause| {
        let _ = fs::remove_file(&fresh);
        fault(cause)
    })
}

/// A short name for these texts.
fn short(texts: &[&str]) -> String {
    let whole = digest(&SHA256, texts.join("\n").as_bytes());
    whole.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
