//! May other users of this machine read the secrets, and can the gateway write its store?

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    process::{getegid, geteuid, getgroups},
};

use super::own_file::OwnFile;
use crate::{
    authorization_server::{
        settings::{Login, StoreSettings},
        store::usable,
    },
    cli::{doctor::finding::Finding, terminal::word},
    config::ListenTls,
    outbound::upstream::UpstreamSettings,
};

const STORE_READABLE: &str = "store-readable";
const READ_BY_OTHERS: u32 = 0o004;
const WRITTEN_BY_OTHERS: u32 = 0o002;
const ENTERED_BY_OTHERS: u32 = 0o001;
/// Where containers have their secrets, in a file system of their own.
const CONTAINER_SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// What is wrong with the files that the configuration names.
pub(super) fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let (settings, provenance) = (of.settings(), &of.settings().provenance);
    let mut findings = Vec::new();
    for (key, path) in keys(of) {
        findings.extend(secret(of, &key, path));
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

/// The files of private keys, each with its key.
fn keys<'a>(of: &'a OwnFile<'_>) -> Vec<(String, &'a Path)> {
    let settings = of.settings();
    let mut all: Vec<(String, &Path)> = Vec::new();
    for (index, listener) in settings.listen.iter().enumerate() {
        if let Some(ListenTls::Files(files)) = &listener.tls {
            all.push((format!("listen[{index}].tls.key"), &files.key));
        }
    }
    let of_upstream = |upstream: &'a UpstreamSettings| Some(&*upstream.client_certificate.as_ref()?.key_path);
    for server in &settings.servers {
        // The endpoint of older clients has the certificate of `upstream`.
        let key = of_upstream(&server.upstream);
        let key = key.or_else(|| of_upstream(&server.legacy_sse.as_ref()?.upstream));
        all.extend(key.map(|key| (format!("servers.{}.upstream.tls.key", server.name), key)));
    }
    all
}

/// The references of secrets, each with its key.
fn references<'a>(of: &'a OwnFile<'_>) -> Vec<(String, &'a str)> {
    let (settings, provenance) = (of.settings(), &of.settings().provenance);
    let mut all: Vec<(String, &str)> = Vec::new();
    let keys = provenance.session_keys.iter().enumerate();
    all.extend(keys.map(|(index, reference)| (format!("session_keys[{index}]"), &**reference)));
    for (index, listener) in settings.listen.iter().enumerate() {
        if let Some(ListenTls::Acme(acme)) = &listener.tls
            && let Some(bound) = &acme.external_account
        {
            all.push((format!("listen[{index}].tls.acme.external_account.key"), &*bound.reference));
        }
    }
    for (issuer, reference) in settings.authorization_servers.iter().zip(&provenance.introspection) {
        let key = format!("authorization_servers.{}.introspection.client_secret", issuer.rules.name);
        all.extend(reference.as_deref().map(|reference| (key, reference)));
    }
    for (embedded, written) in settings.embedded.iter().zip(&provenance.embedded) {
        let key = format!("authorization_servers.{}.embedded", embedded.name);
        let login = if matches!(embedded.login, Login::GitHub(_)) { "github" } else { "oidc" };
        all.extend(written.client_secret.as_deref().map(|one| (format!("{key}.login.{login}.client_secret"), one)));
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
/// how a service gets its files. That others may read it is a warning: this machine may have no
/// other users.
fn open_to_others(of: &OwnFile<'_>, id: &'static str, key: &str, path: &Path) -> Option<Finding> {
    let real = fs::canonicalize(path).ok()?;
    let metadata = fs::metadata(&real).ok()?;
    let mode = metadata.mode() & 0o777;
    let is_written = mode & WRITTEN_BY_OTHERS != 0;
    if !(is_written || mode & READ_BY_OTHERS != 0) || is_out_of_reach(&real) {
        return None;
    }
    let what = if is_written { "change" } else { "read" };
    let found = format!("{}: mode {mode:04o}, so that every user of this machine may {what} it", path.display());
    let finding =
        Finding::new(id, of.at(key)).found(found).expected("a file that other users may neither read nor change");
    let is_kept = ThisUser::now().is_the_reader(metadata.uid(), metadata.gid());
    let finding = finding.fix(closing(&word(&path.to_string_lossy()), is_kept, id == STORE_READABLE));
    Some(if is_written { finding } else { finding.warning() })
}

/// How a file is closed to others without taking it from the gateway, which may read it as one of
/// them.
fn closing(path: &str, is_kept: bool, is_written: bool) -> String {
    match (is_kept, is_written) {
        (true, _) => format!("chmod o-rwx {path}"),
        (false, true) => format!("chgrp GROUP-OF-THE-GATEWAY {path} && chmod 660 {path}"),
        (false, false) => format!("chgrp GROUP-OF-THE-GATEWAY {path} && chmod 640 {path}"),
    }
}

/// The user who runs doctor.
struct ThisUser {
    id: u32,
    groups: Vec<u32>,
}

impl ThisUser {
    fn now() -> Self {
        let groups = getgroups().unwrap_or_default().into_iter().chain([getegid()]);
        Self { id: geteuid().as_raw(), groups: groups.map(|group| group.as_raw()).collect() }
    }

    /// Whether this user, who is probably the gateway's, is the owner of a file or in its group.
    /// root runs doctor on a file of a gateway that has a user of its own.
    fn is_the_reader(&self, owner: u32, group: u32) -> bool {
        self.id != 0 && (self.id == owner || self.groups.contains(&group))
    }
}

/// Whether other users cannot get to a file whatever its mode: a folder above keeps them out, or it
/// is a secret that a container alone has.
fn is_out_of_reach(real: &Path) -> bool {
    // Kubernetes swaps a folder `..data`.
    let is_mounted = real.components().any(|part| part.as_os_str().to_string_lossy().starts_with(".."));
    let is_secret = CONTAINER_SECRETS.iter().any(|folder| real.starts_with(folder));
    let is_closed = |folder: &Path| fs::metadata(folder).is_ok_and(|found| found.mode() & ENTERED_BY_OTHERS == 0);
    let is_fixed = || statvfs(real).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY));
    is_mounted || is_secret || real.ancestors().skip(1).any(is_closed) || is_fixed()
}

fn store(of: &OwnFile<'_>, key: &str, path: &Path) -> Option<Finding> {
    let Err(why) = usable(path) else { return open_to_others(of, STORE_READABLE, key, path) };
    let folder = path.parent().unwrap_or(Path::new("."));
    let finding = |id| Finding::new(id, of.at(key)).found(&why);
    Some(match () {
        () if !folder.exists() => finding("store-directory-missing")
            .expected(format!("the folder {}", folder.display()))
            .fix(format!("install -d -m 700 {}", word(&folder.to_string_lossy()))),
        () if why.contains("written") || why.contains("permission") || why.contains("Permission") => {
            finding("store-not-writable").expected("a file and a folder that this user may write")
        }
        () => finding("store-unusable").expected("a file that the gateway made, or none"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_doctor_own_a_file_is_closed_to_others_and_not_to_the_gateway() {
        let gateway = ThisUser { id: 65_534, groups: vec![65_534, 70] };
        let root = ThisUser { id: 0, groups: vec![0] };
        // The owner and the group of the file, and whether `chmod o-rwx` leaves it to the gateway.
        for (user, owner, group, is_kept) in [
            (&gateway, 0, 0, false),
            (&gateway, 65_534, 0, true),
            (&gateway, 0, 70, true),
            (&root, 0, 0, false),
            (&root, 65_534, 65_534, false),
        ] {
            assert_eq!(user.is_the_reader(owner, group), is_kept, "{} {owner} {group}", user.id);
        }
        assert_eq!(closing("key", true, false), "chmod o-rwx key");
        assert_eq!(closing("'a key'", false, false), "chgrp GROUP-OF-THE-GATEWAY 'a key' && chmod 640 'a key'");
        assert_eq!(closing("db", false, true), "chgrp GROUP-OF-THE-GATEWAY db && chmod 660 db");
    }
}
