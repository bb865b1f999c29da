//! May other users of this machine read the secrets, and can the gateway write its store?

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::own_file::OwnFile;
use crate::{
    authorization_server::{settings::StoreSettings, store::usable},
    cli::doctor::finding::Finding,
    config::ListenTls,
};

const READ_BY_OTHERS: u32 = 0o004;
const WRITTEN_BY_OTHERS: u32 = 0o002;

/// What is wrong with the files that the configuration names.
pub(super) fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let (settings, provenance) = (of.settings(), &of.settings().provenance);
    let mut findings = Vec::new();
    for (index, listener) in settings.listen.iter().enumerate() {
        if let Some(ListenTls::Files(files)) = &listener.tls {
            findings.extend(secret(of, &format!("listen[{index}].tls.key"), &files.key));
        }
    }
    for (key, reference) in references(of) {
        let path = reference.strip_prefix("file:").map(|path| whole(of, path));
        findings.extend(path.and_then(|path| secret(of, &key, &path)));
    }
    let embedded = settings.embedded.iter().zip(&provenance.embedded);
    for (embedded, written) in embedded {
        let key = format!("authorization_servers.{}.embedded", embedded.name);
        let accounts = written.accounts.as_deref();
        findings.extend(
            accounts.and_then(|path| open_to_others(of, "accounts-readable", &format!("{key}.login.accounts"), path)),
        );
        if let StoreSettings::File(path) = &embedded.store {
            findings.extend(store(of, &format!("{key}.store.file"), path));
        }
    }
    findings
}

/// The references of secrets, each with its key.
fn references<'a>(of: &'a OwnFile<'_>) -> Vec<(String, &'a str)> {
    let (settings, provenance) = (of.settings(), &of.settings().provenance);
    let mut all: Vec<(String, &str)> = Vec::new();
    let keys = provenance.session_keys.iter().enumerate();
    all.extend(keys.map(|(index, reference)| (format!("session_keys[{index}]"), &**reference)));
    for (issuer, reference) in settings.authorization_servers.iter().zip(&provenance.introspection) {
        let key = format!("authorization_servers.{}.introspection.client_secret", issuer.rules.name);
        all.extend(reference.as_deref().map(|reference| (key, reference)));
    }
    for (embedded, written) in settings.embedded.iter().zip(&provenance.embedded) {
        let key = format!("authorization_servers.{}.embedded", embedded.name);
        all.extend(written.client_secret.as_deref().map(|one| (format!("{key}.login.oidc.client_secret"), one)));
        all.extend(written.token.as_deref().map(|one| (format!("{key}.registration.token"), one)));
        all.extend(written.redis.as_deref().map(|one| (format!("{key}.store.redis"), one)));
        let clients = written.clients.iter().enumerate();
        all.extend(
            clients.filter_map(|(index, one)| Some((format!("{key}.clients[{index}].secret"), one.as_deref()?))),
        );
    }
    for (server, written) in settings.servers.iter().zip(&provenance.servers) {
        let key = format!("servers.{}.credential.header.value", server.name);
        all.extend(written.credential.as_deref().map(|reference| (key, reference)));
    }
    all
}

/// Relative paths are relative to the file.
fn whole(of: &OwnFile<'_>, path: &str) -> PathBuf {
    of.path.parent().unwrap_or(Path::new("")).join(path)
}

fn secret(of: &OwnFile<'_>, key: &str, path: &Path) -> Option<Finding> {
    open_to_others(of, "key-readable", key, path)
}

/// A finding if every user of this machine may read or change the file. A group is left out: it is
/// how a service gets its files.
fn open_to_others(of: &OwnFile<'_>, id: &'static str, key: &str, path: &Path) -> Option<Finding> {
    // Kubernetes mounts secrets readable, in a file system that the container alone has.
    let real = fs::canonicalize(path).ok()?;
    if real.components().any(|part| part.as_os_str().to_string_lossy().starts_with("..")) {
        return None;
    }
    let mode = fs::metadata(&real).ok()?.mode() & 0o777;
    let what = match (mode & READ_BY_OTHERS != 0, mode & WRITTEN_BY_OTHERS != 0) {
        (_, true) => "change",
        (true, false) => "read",
        (false, false) => return None,
    };
    let found = format!("{}: mode {mode:04o}, so that every user of this machine may {what} it", path.display());
    let finding = Finding::new(id, of.at(key)).found(found).expected("mode 0600 or 0640");
    Some(finding.fix(format!("chmod 600 {}", path.display())))
}

fn store(of: &OwnFile<'_>, key: &str, path: &Path) -> Option<Finding> {
    let Err(why) = usable(path) else { return open_to_others(of, "store-readable", key, path) };
    let folder = path.parent().unwrap_or(Path::new("."));
    let finding = |id| Finding::new(id, of.at(key)).found(&why);
    Some(match () {
        () if !folder.exists() => finding("store-directory-missing")
            .expected(format!("the folder {}", folder.display()))
            .fix(format!("install -d -m 700 {}", folder.display())),
        () if why.contains("written") || why.contains("permission") || why.contains("Permission") => {
            finding("store-not-writable").expected("a file and a folder that this user may write")
        }
        () => finding("store-unusable").expected("a file that the gateway made, or none"),
    })
}
