//! Faults of files: who may read them, certificates, the folder and the file of a store.

use super::{super::super::world::certificate, Setting, mode};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$1F6ZuJ0PnEDBnQ3YlX1S4g$Z3VhcmRpYW4gb2YgYSBob3VzZSB3aXRob3V0IGRvb3I";

pub(super) const EMBEDDED: &str = "\
public_url: https://gw.example
listen:
  - address: \"127.0.0.1:@PORT@\"
admin:
  address: \"127.0.0.1:@ADMIN@\"
session_keys:
  - file:session.key
authorization_servers:
  own:
    embedded:
      path: /oauth
      grants: [{scopes: [mcp:read]}]
      login:
        accounts: accounts.yaml
      registration: {dynamic: open}
      store:
        file: portcullis.db
servers:
  weather:
    path: /mcp
    upstream: {url: \"@UPSTREAM@/mcp\"}
    scopes: [mcp:read]
    access: authenticated
";

/// The embedded server with its files, as they should be.
pub(super) async fn embedded() -> Setting {
    let accounts = format!("accounts:\n  - name: alice\n    password: \"{HASH}\"\n");
    let setting = Setting::of(EMBEDDED).await.file("accounts.yaml", &accounts, 0o600);
    setting.file("session.key", "0123456789abcdef0123456789abcdef", 0o600)
}

/// In a folder that every user may enter, as `/etc/portcullis` often is.
fn open(setting: Setting) -> Setting {
    mode(setting.folder.path(), 0o755);
    setting
}

/// What closes a file of this user: root may run doctor for a gateway that has a user of its own.
fn closing(path: &str) -> String {
    match rustix::process::geteuid().is_root() {
        true => format!("chgrp GROUP-OF-THE-GATEWAY {path} && chmod 640 {path}"),
        false => format!("chmod o-rwx {path}"),
    }
}

#[tokio::test]
async fn first_4_doctor_own_files_that_every_user_may_read_or_change_are_told() {
    let setting = open(embedded().await);
    mode(&setting.path("session.key"), 0o644);
    let told = setting.expect("key-readable", "  - file:session.key", "session_keys[0]").await;
    assert!(told.found.contains("mode 0644") && told.found.contains("may read it"), "{}", told.found);
    let path = setting.path("session.key").display().to_string();
    assert!(!told.is_fault && told.fix == closing(&path), "the gateway still reads it: {}", told.fix);
    mode(&setting.path("session.key"), 0o602);
    let told = setting.expect("key-readable", "  - file:session.key", "session_keys[0]").await;
    assert!(told.found.contains("may change it") && told.is_fault, "{}", told.found);
    mode(&setting.path("session.key"), 0o640);
    assert!(
        setting.found().await.iter().all(|one| one.id != "key-readable"),
        "a group is how a service gets its files"
    );

    mode(&setting.path("accounts.yaml"), 0o644);
    let key = "authorization_servers.own.embedded.login.accounts";
    setting.expect("accounts-readable", "        accounts: ", key).await;

    // No other user gets through the folder.
    mode(&setting.path("session.key"), 0o444);
    mode(setting.folder.path(), 0o750);
    assert!(setting.found().await.iter().all(|one| !one.id.ends_with("-readable")));

    let setting = open(embedded().await).but("file:session.key", "file:a key/it's").but("  - file:a", "  - \"file:a");
    let setting = setting.but("it's", "it's\"");
    std::fs::create_dir(setting.path("a key")).unwrap();
    let setting = setting.file("a key/it's", "0123456789abcdef0123456789abcdef", 0o644);
    mode(&setting.path("a key"), 0o755);
    let told = setting.expect("key-readable", "file:a key", "session_keys[0]").await;
    let path = format!(r"'{}/it'\''s'", setting.path("a key").display());
    assert_eq!(told.fix, closing(&path));
}

#[tokio::test]
async fn first_4_doctor_own_no_file_of_a_secret_is_left_out() {
    let client = certificate::leaf();
    let acme = "    tls: {acme: {email: ops@gw.example, external_account: {key_id: a, key: \"file:eab\"}}}\nadmin:\n";
    let setting = open(Setting::start().await).but("admin:\n", acme).file("eab", "c2VjcmV0LXNlY3JldA", 0o644);
    setting.expect("key-readable", "external_account", "listen[0].tls.acme.external_account.key").await;

    let setting = open(Setting::start().await).file("own.crt", &client.certificate, 0o644);
    let setting = setting.file("own.key", &client.key, 0o644).file("ca.pem", certificate::authority_pem(), 0o644);
    let at = setting.upstream.url();
    let setting = setting.but(
        &format!("url: {at}/mcp"),
        "url: https://127.0.0.1:9/mcp\n      tls:\n        ca: ca.pem\n        certificate: own.crt\n        key: own.key",
    );
    let told = setting.expect("key-readable", "        key: own.key", "servers.weather.upstream.tls.key").await;
    assert!(told.found.contains("own.key"), "{}", told.found);
}

#[tokio::test]
async fn first_4_doctor_own_a_store_that_cannot_be_used_is_told_with_what_to_do() {
    let key = "authorization_servers.own.embedded.store.file";
    let line = "        file: ";
    let setting = embedded().await.but("file: portcullis.db", "file: no/such/folder/portcullis.db");
    setting.expect("store-directory-missing", line, key).await;

    let setting = embedded().await;
    std::fs::create_dir(setting.path("portcullis.db")).unwrap();
    setting.expect("store-unusable", line, key).await;

    let setting = open(embedded().await).file("portcullis.db", "", 0o644);
    setting.expect("store-readable", line, key).await;

    // `proc` refuses every user, root as well.
    let setting = embedded().await.but("file: portcullis.db", "file: /proc/sys/portcullis.db");
    let all = setting.found().await;
    if all.iter().any(|one| one.id == "store-not-writable") {
        setting.among("store-not-writable", line, key, &all);
    } else {
        eprintln!("SKIPPED: this user may write everywhere");
    }
}

#[tokio::test]
async fn first_4_doctor_own_the_certificate_of_a_listener_is_judged_as_clients_judge_it() {
    let year = |from, to| {
        move |params: &mut rcgen::CertificateParams| {
            (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        }
    };
    let key = "listen[0].tls.certificate";
    let tls = "    tls:\n      certificate: tls.crt\n      key: tls.key\n";
    for (id, leaf, public) in [
        ("certificate-expired", certificate::leaf_but(year(2020, 2021)), "https://localhost"),
        ("certificate-expired", certificate::leaf_but(year(4000, 4001)), "https://localhost"),
        ("certificate-name", certificate::leaf(), "https://gw.example"),
    ] {
        let setting =
            Setting::start().await.but("https://gw.example", public).but("admin:\n", &format!("{tls}admin:\n"));
        let setting = setting.file("tls.crt", &leaf.certificate, 0o644).file("tls.key", &leaf.key, 0o600);
        let told = setting.expect(id, "      certificate: tls.crt", key).await;
        assert_eq!(told.line, "", "{id}: another public_url is another resource");
    }

    let setting = open(Setting::start().await)
        .but("https://gw.example", "https://localhost")
        .but("admin:\n", &format!("{tls}admin:\n"));
    let setting = setting.file("tls.crt", &certificate::leaf().certificate, 0o644);
    let setting = setting.file("tls.key", &certificate::leaf().key, 0o644);
    let told = setting.expect("key-readable", "      key: tls.key", "listen[0].tls.key").await;
    assert!(told.found.contains("tls.key"), "{}", told.found);
    let told = setting.expect("certificate-unusable", "      certificate: tls.crt", key).await;
    assert!(told.line.starts_with("tls: {certificate"), "{}", told.line);
}
