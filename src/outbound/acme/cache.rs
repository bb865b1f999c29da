//! The folder of an ACME account: the account, the certificate, their keys, and a lock.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use rustix::fs::{FlockOperation, flock};

use super::{
    challenge::DIGEST_BYTES,
    rests::{self, CHALLENGE, SCRATCH},
    settings::AcmeSettings,
};
use crate::{
    base::{
        limits::operating::{ACME_ATTEMPT_TIMEOUT, ACME_FILE_BYTES_MAX},
        secret::Secret,
    },
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
    /// The file of the certificate, and after it the files in which earlier releases kept it: those
    /// were named after the domain that was written first.
    certificates: Vec<PathBuf>,
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

/// One file in which the certificate may be.
pub(super) struct KeptPem<'c> {
    pub(super) path: &'c Path,
    /// Key and chain in PEM.
    pub(super) pem: Result<Secret, CacheFault>,
}

impl Cache {
    /// Creates the folder where it does not exist, and removes what killed processes left in it.
    /// With the cache comes why the folder cannot be written, if it cannot.
    pub(super) fn open(settings: &AcmeSettings) -> (Self, Option<String>) {
        let folder = settings.cache.clone();
        let trouble = usable(&folder).err();
        let account_of = settings.external_account.as_ref().map_or("", |bound| &bound.key_id);
        let account = format!("account-{}.json", short(&[&settings.directory, account_of]));
        let mut names: Vec<&str> = settings.domains.iter().map(|domain| &**domain).collect();
        // The order of the domains means nothing: the same names are the same certificate.
        names.sort_unstable();
        let id = short(&[&[&*settings.directory], names.as_slice()].concat());
        let certificates = names.iter().map(|name| folder.join(format!("{name}-{id}.pem"))).collect();
        let cache = Self { account: folder.join(account), certificates, folder };
        cache.remove_rests();
        (cache, trouble)
    }

    pub(super) fn certificate_path(&self) -> &Path {
        self.certificates.first().map_or(&self.folder, PathBuf::as_path)
    }

    pub(super) fn account_path(&self) -> &Path {
        &self.account
    }

    /// The files of the certificate that exist.
    pub(super) fn kept(&self) -> impl Iterator<Item = KeptPem<'_>> {
        self.certificates.iter().filter_map(|path| Some(KeptPem { path, pem: read(path).transpose()? }))
    }

    pub(super) fn keep_certificate(&self, pem: &Secret) -> Result<(), CacheFault> {
        replace(self.certificate_path(), pem.expose())
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

    /// The digest with which another process proves `domain`. What is older than an attempt can be
    /// was left by a process that was killed.
    pub(super) fn challenge(&self, domain: &str) -> Option<Vec<u8>> {
        let path = self.challenge_path(domain);
        if is_old(&path) {
            return None;
        }
        let digest = read(&path).ok()??;
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
        self.folder.join(format!("{CHALLENGE}{domain}"))
    }

    /// Removes what killed processes left: challenges, and files that were not written to their
    /// end. Younger ones stay: where locks do not work, another process may use them. The folder
    /// may have files of others, which stay.
    pub(super) fn remove_rests(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            // Another process may have removed it.
            if rests::is_rest(&path) && is_old(&path) && fs::remove_file(&path).is_ok() {
                tracing::debug!(file = %path.display(), "removed what a process that was killed left in the cache");
            }
        }
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
            Ok(()) => {
                self.remove_rests();
                Some(OrderLock { _file: Some(file) })
            }
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
    let tried = || -> io::Result<()> {
        let probe = scratch(&folder.join("probe"))?;
        OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(&probe)?;
        fs::remove_file(&probe)
    };
    tried().map_err(|cause| format!("{shown}: the folder cannot be written: {cause}"))
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
    let fresh = scratch(path).map_err(fault)?;
    let written = || -> io::Result<()> {
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

/// A name beside `path` that no other process uses: in containers, all have the same process id.
fn scratch(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    rand::fill(&mut random).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{}{SCRATCH}", hex(&random))))
}

/// Whether a file is older than the longest attempt, or is of a time that is as far ahead.
fn is_old(path: &Path) -> bool {
    let Ok(written) = fs::symlink_metadata(path).and_then(|found| found.modified()) else { return false };
    let apart = written.elapsed().unwrap_or_else(|ahead| ahead.duration());
    apart > ACME_ATTEMPT_TIMEOUT
}

/// A short name for these texts.
fn short(texts: &[&str]) -> String {
    let whole = digest(&SHA256, texts.join("\n").as_bytes());
    hex(whole.as_ref().get(..8).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
