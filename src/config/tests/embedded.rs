//! `embedded` and the accounts file: settings, mistakes and reloads.

use std::{fs, path::Path, time::Duration};

use jsonwebtoken::Algorithm;
use tempfile::TempDir;

use super::read_in;
use crate::{
    authorization_server::settings::{Dynamic, EmbeddedSettings, Login, StoreSettings},
    base::digest::sha256,
    config::{Settings, explain, file::Loaded, problem::Problems},
    decide::authorization_server::client::{ClientAuth, ClientOrigin, Grants},
    outbound::keys::KeySource,
};

mod everyday;
mod github;
mod mistakes;
mod oidc;
mod refresh;
mod registration;

/// An argon2id hash of `hunter2`, as the reference implementation writes it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U";

/// Every key; of alternatives, the longer one.
const WHOLE: &str = r#"
public_url: https://mcp.example.com
listen:
  - address: 127.0.0.1:8080
authorization_servers:
  own:
    embedded:
      path: /oauth
      login: {accounts: accounts.yaml}
      registration:
        dynamic: token
        token: env:SESSION_KEY
        client_id_documents: {hosts: ["*.example.com", claude.ai]}
        refused_clients: ["https://claude.ai/evil.json", dyn_1]
      clients:
        - {id: desktop, name: "Desktop: app", redirect_uris: ["http://127.0.0.1/callback", "com.example.app:/callback"], scopes: [mcp:connect]}
        - {id: batch, secret: env:SESSION_KEY, grant_types: [client_credentials], introspects: [files]}
        - {id: signer, jwks: keys.json, grant_types: [client_credentials]}
        - {id: web, jwks_uri: "https://web.example.com/keys", redirect_uris: ["https://web.example.com/cb"], grant_types: [authorization_code, refresh_token], trusted: true}
      grants:
        - {accounts: [ada], scopes: ["*"]}
        - {groups: [staff, ops], scopes: ["files:*", mcp:connect]}
        - {clients: [batch], scopes: [files:read]}
        - {scopes: [mcp:connect]}
      access_token_ttl: 5m
      refresh_token_ttl: 90d
      refresh_grace: 0s
      step_up: false
      token_claims: [groups]
      scope_descriptions: {"files:read": "Read your files", mcp:connect: Connect}
      store: {file: as.db}
  bridge:
    embedded:
      path: /sso
      login:
        oidc: {issuer: "https://login.example.com/realms/main/", client_id: portcullis, client_secret: env:SESSION_KEY, scopes: [profile, offline_access]}
      registration: {dynamic: open}
      grants: [{claims: {groups: [mcp, 5], staff: true}, scopes: ["*"]}]
      store: {redis: env:REDIS}
  partner:
    issuer: https://partner.example.net
servers:
  files:
    path: /files/mcp
    upstream: {url: "http://127.0.0.1:8000/mcp"}
    authorization_servers: [own, partner]
    scopes: [mcp:connect]
    scopes_supported: [extra]
    rules: [{tools: ["*"], scopes: [files:read]}]
    legacy_sse: {path: /files/sse, upstream: "http://127.0.0.1:8000/sse"}
  open:
    path: /
    upstream: {url: "http://127.0.0.1:8001/mcp"}
    authorization_servers: [bridge]
    access: authenticated
session_keys: ["env:SESSION_KEY"]
trusted_proxies: ["127.0.0.1"]
"#;

const ACCOUNTS: &str = r#"
accounts:
  - {name: ada, password: "HASH", groups: [staff], display: Ada Lovelace, subject: user-1}
  - {name: "bob@example.com", password: "HASH", groups: [staff, ops]}
"#;

fn folder(accounts: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("accounts.yaml", &accounts.replace("HASH", HASH));
    let key = crate::decide::token::testing::P256.jwk();
    write("keys.json", &serde_json::json!({"keys": [key]}).to_string());
    write("empty.json", r#"{"keys": []}"#);
    folder
}

fn with(text: &str, folder: &Path) -> Result<Loaded, Problems> {
    read_in(text, folder)
}

fn whole(folder: &Path) -> Settings {
    let loaded = with(WHOLE, folder).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    loaded.settings
}

fn texts<T: AsRef<str>>(of: impl IntoIterator<Item = T>) -> Vec<String> {
    of.into_iter().map(|one| one.as_ref().to_owned()).collect()
}

#[test]
fn an_embedded_authorization_server_means_what_is_written() {
    let folder = folder(ACCOUNTS);
    let settings = whole(folder.path());
    let own = &settings.embedded[0];
    assert_eq!((&*own.name, own.issuer.as_str(), &*own.path), ("own", "https://mcp.example.com/oauth", "/oauth"));
    let Login::Accounts(accounts) = &own.login else { panic!("accounts") };
    let names: Vec<_> = accounts.accounts.iter().map(|one| (&*one.name, one.subject.as_deref())).collect();
    assert_eq!(names, [("ada", Some("user-1")), ("bob@example.com", None)]);
    assert_eq!(accounts.accounts[1].groups, ["staff", "ops"].map(Box::from));
    assert_eq!(&*accounts.accounts[0].hash, HASH);
    let Dynamic::Token(token) = &own.registration.dynamic else { panic!("a token") };
    assert_eq!(token.expose().len(), 32);
    assert_eq!(own.registration.document_hosts, ["*.example.com", "claude.ai"].map(Box::from));
    assert_eq!(own.registration.refused_clients, ["https://claude.ai/evil.json", "dyn_1"].map(Box::from));
    assert!(!own.registration.allow_loopback_documents);

    let [desktop, batch, signer, web] = own.clients.as_slice() else { panic!("four clients") };
    assert_eq!((desktop.origin, &desktop.auth), (ClientOrigin::Configured, &ClientAuth::None));
    assert_eq!(desktop.grants, Grants { code: true, refresh: true, credentials: false });
    assert_eq!(texts(desktop.scopes.as_ref().unwrap().iter().map(|scope| scope.as_str())), ["mcp:connect"]);
    assert_eq!(desktop.redirect_uris[1].as_str(), "com.example.app:/callback");
    assert_eq!(batch.auth, ClientAuth::Secret(sha256(b"0123456789abcdef0123456789abcdef")));
    assert_eq!(batch.grants, Grants { code: false, refresh: false, credentials: true });
    assert_eq!((&*batch.introspects, &*signer.introspects), (&["files".into()][..], &[][..]));
    assert!(matches!(&signer.auth, ClientAuth::Keys(keys) if keys.contains("P-256")));
    assert_eq!(web.auth, ClientAuth::KeysAt("https://web.example.com/keys".into()));
    assert_eq!(web.grants, Grants { code: true, refresh: true, credentials: false });

    assert_eq!(own.grants.len(), 4);
    assert_eq!((texts(&own.grants[1].groups), own.grants[1].accounts.len()), (texts(["staff", "ops"]), 0));
    assert_eq!(texts(own.grants[1].scopes.iter().map(|glob| glob.as_str())), ["files:*", "mcp:connect"]);
    assert_eq!((own.access_token_ttl, own.refresh_token_ttl), (minutes(5), minutes(90 * 24 * 60)));
    assert_eq!(own.refresh_grace, Duration::ZERO);
    assert_eq!(texts(&own.token_claims), ["groups"]);
    assert_eq!(own.scope_descriptions[1], ("mcp:connect".into(), "Connect".into()));
    assert_eq!(own.store, StoreSettings::File(folder.path().join("as.db")));
    assert_eq!(own.seal_keys, settings.session_keys);
    assert_eq!(settings.files, ["accounts.yaml", "keys.json"].map(|name| folder.path().join(name)));

    let bridge = &settings.embedded[1];
    let Login::Oidc(oidc) = &bridge.login else { panic!("oidc") };
    assert_eq!((oidc.issuer.as_str(), &*oidc.client_id), ("https://login.example.com/realms/main/", "portcullis"));
    assert_eq!(texts(oidc.scopes.iter().map(|scope| scope.as_str())), ["openid", "profile", "offline_access"]);
    assert_eq!(
        bridge.store,
        StoreSettings::Redis(crate::base::secret::Secret::new(b"redis://:hunter2@redis.internal:6379/0".to_vec()))
    );
    assert_eq!((bridge.access_token_ttl, bridge.refresh_token_ttl), (minutes(60), minutes(30 * 24 * 60)));
    assert_eq!(bridge.refresh_grace, Duration::from_secs(30));
    assert_eq!(bridge.registration.dynamic, Dynamic::Open);
    assert!(!oidc.trust_email && !bridge.grants[0].trusts_email);
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[test]
fn the_gateway_believes_its_own_issuer_in_one_way_alone() {
    let folder = folder(ACCOUNTS);
    let settings = whole(folder.path());
    let issuer = &settings.authorization_servers[0];
    assert!(issuer.keys == KeySource::Embedded && !issuer.reach.allow_http);
    assert_eq!(issuer.rules.algorithms, [Algorithm::ES256]);
    assert_eq!(issuer.rules.token_types, ["at+jwt"].map(Box::from));
    assert_eq!((issuer.rules.issuers[0].as_str(), issuer.rules.issuers.len()), ("https://mcp.example.com/oauth", 1));
    assert_eq!(settings.authorization_servers[2].keys, KeySource::Discover);
}

#[test]
fn tokens_are_made_for_the_servers_that_take_them() {
    let folder = folder(ACCOUNTS);
    let settings = whole(folder.path());
    let resources = |of: &EmbeddedSettings| -> Vec<(String, String, Vec<String>, Vec<String>)> {
        let scopes = |of: &[crate::base::names::Scope]| texts(of.iter().map(|scope| scope.as_str()));
        of.resources
            .iter()
            .map(|of| (of.resource.to_string(), of.name.to_string(), scopes(&of.scopes), scopes(&of.default_scopes)))
            .collect()
    };
    let files = |url: &str| {
        let scopes = texts(["files:read", "mcp:connect", "extra"]);
        (url.to_owned(), "files".to_owned(), scopes, texts(["mcp:connect"]))
    };
    let expected = [files("https://mcp.example.com/files/mcp"), files("https://mcp.example.com/files/sse")];
    assert_eq!(resources(&settings.embedded[0]), expected);
    let open = ("https://mcp.example.com".to_owned(), "open".to_owned(), Vec::new(), Vec::new());
    assert_eq!(resources(&settings.embedded[1]), [open]);
}

#[test]
fn what_explain_prints_of_it_means_the_same_and_shows_no_secret() {
    let folder = folder(ACCOUNTS);
    let before = whole(folder.path());
    let printed = explain::print(&before);
    assert!(!printed.contains("hunter2") && !printed.contains("0123456789abcdef"), "{printed}");
    assert!(!printed.contains("$argon2id"), "{printed}");
    let after = with(&printed, Path::new("/elsewhere")).unwrap_or_else(|wrong| panic!("{wrong}\n{printed}")).settings;
    assert_eq!(Settings { files: before.files.clone(), ..after.clone() }, before, "{printed}");
    assert_eq!(explain::print(&after), printed);
    assert!(!format!("{before:?}").contains("hunter2"));
}

#[test]
fn a_reload_goes_on_with_what_is_remembered_unless_it_is_another_issuer() {
    let folder = folder(ACCOUNTS);
    let before = whole(folder.path());
    for (from, to, goes_on) in [
        ("", "", [true, true]),
        ("access_token_ttl: 5m", "access_token_ttl: 6m", [true, true]),
        ("- {scopes: [mcp:connect]}", "- {scopes: [files:read]}", [true, true]),
        ("path: /oauth", "path: /other", [false, true]),
        ("file: as.db", "file: other.db", [false, true]),
        ("own:\n    embedded", "mine:\n    embedded", [false, true]),
        ("client_id: portcullis", "client_id: other", [true, false]),
        ("redis: env:REDIS", "redis: \"redis://other\"", [true, false]),
    ] {
        let text = WHOLE.replace(from, to).replace("[own,", if to.starts_with("mine") { "[mine," } else { "[own," });
        let after = with(&text, folder.path()).unwrap_or_else(|problems| panic!("{problems}")).settings;
        for (index, goes_on) in goes_on.into_iter().enumerate() {
            assert_eq!(after.embedded[index].continues(&before.embedded[index]), goes_on, "{to}, {index}");
        }
    }
    // Another password changes the accounts and nothing else.
    let changed = ACCOUNTS.replace("HASH", HASH).replacen("Ada Lovelace", "Ada", 1);
    fs::write(folder.path().join("accounts.yaml"), changed).unwrap();
    let after = with(WHOLE, folder.path()).unwrap().settings;
    assert!(after.embedded[0].continues(&before.embedded[0]));
    assert_eq!(after.authorization_servers, before.authorization_servers);
    assert_ne!(after, before);
}

#[test]
fn without_stores_no_store_is_opened() {
    let folder = folder(ACCOUNTS);
    let settings = whole(folder.path()).without_stores();
    assert!(settings.embedded.iter().all(|embedded| embedded.store == StoreSettings::Memory));
}

#[test]
fn accounts_that_are_not_utf_8_are_refused() {
    let folder = folder(ACCOUNTS);
    fs::write(folder.path().join("accounts.yaml"), b"accounts: \xff").unwrap();
    let refused = with(WHOLE, folder.path()).unwrap_err().to_string();
    assert!(refused.contains("expected a file of UTF-8 text"), "{refused}");
}
