//! What the flags of `serve` stand for: a configuration in YAML, and which flag wrote which line.
//!
//! A flag means what its line means, because the same reader reads it. So no value is judged here.

use std::path::Path;

use crate::config::{
    flags::{groups::RuleGroup, page::Page, places::FlagValue},
    keys::acme::CACHE,
    source::GivenText,
};

pub mod groups;
mod page;
mod paths;
pub mod places;
#[cfg(test)]
mod tests;

/// The flags as meant: with the defaults of `serve`, and each list taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// `public_url`.
    pub public_url: FlagValue,
    /// `servers.NAME`.
    pub name: FlagValue,
    /// `servers.NAME.path`.
    pub path: FlagValue,
    /// `servers.NAME.upstream.url`.
    pub upstream: FlagValue,
    /// `authorization_servers`.
    pub tokens: TokenFlags,
    /// `servers.NAME.scopes`.
    pub scopes: Vec<FlagValue>,
    /// What messages call the flag that permits everything to every valid token.
    pub allow_all: String,
    /// `servers.NAME.rules`; empty for `access: authenticated`.
    pub groups: Vec<RuleGroup>,
    /// Which command writes.
    pub of: FlagsOf,
    /// `servers.NAME.audiences`.
    pub audiences: Vec<FlagValue>,
    /// `servers.NAME.allowed_origins`.
    pub allowed_origins: Vec<FlagValue>,
    /// `trusted_proxies`.
    pub trusted_proxies: Vec<FlagValue>,
    /// `listen[].address`.
    pub listen: Vec<FlagValue>,
    /// `listen[].tls`, or how connections are protected otherwise.
    pub transport: TransportFlags,
    /// `admin.address`.
    pub admin: FlagValue,
    /// `session_keys`.
    pub session_keys: Vec<FlagValue>,
    /// `log.format`.
    pub log_format: FlagValue,
    /// `log.level`.
    pub log_level: FlagValue,
}

/// Which command writes a configuration from flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagsOf {
    /// `serve`.
    Serve,
    /// `init`.
    Init,
}

/// Whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFlags {
    /// Those of another authorization server.
    Issuer {
        /// `issuer`.
        issuer: FlagValue,
        /// `profile`.
        profile: Option<FlagValue>,
    },
    /// Those of the embedded one, where the accounts of a file log in.
    Accounts {
        /// `login.accounts`.
        file: FlagValue,
        /// `store`.
        store: StoreFlag,
    },
    /// Those of the embedded one, where the demo account logs in. What messages call the flag.
    Demo(String),
}

/// Where logins are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFlag {
    /// `file`.
    File(FlagValue),
    /// `memory`. What messages call the flag.
    Memory(String),
}

/// How connections of clients are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportFlags {
    /// On loopback alone, or behind a proxy on the same machine.
    None,
    /// A proxy in front of the gateway terminates TLS. What messages call the flag.
    Plaintext(String),
    /// Files.
    Files {
        /// `certificate`.
        certificate: FlagValue,
        /// `key`.
        key: FlagValue,
    },
    /// Certificates by ACME.
    Acme {
        /// `email`.
        email: FlagValue,
        /// `cache`; by default a folder beside the configuration.
        cache: Option<FlagValue>,
    },
}

/// The scope that an embedded authorization server grants if no other is named: it issues tokens
/// for servers that name a scope.
const ONE_SCOPE: &str = "mcp";

impl Flags {
    /// The configuration that they stand for; relative paths are relative to `folder`.
    #[must_use]
    pub fn written(&self, folder: &Path) -> GivenText {
        let mut page = Page::default();
        match self.of {
            FlagsOf::Serve => {
                page.comment("The configuration that the flags of `portcullis serve` stand for.");
                page.comment("Save it as gateway.yaml and start with `portcullis run`; `portcullis check` checks it.");
            }
            FlagsOf::Init => {
                page.comment(
                    "Written by `portcullis init`. `portcullis check` checks it, `portcullis run` starts with it.",
                );
            }
        }
        page.comment("Relative paths are relative to this file. docs/configuration.md lists every key.");
        page.blank();
        page.comment("What clients type: scheme, host, port. Every URL that the gateway publishes starts with it.");
        page.value("public_url", &self.public_url);
        self.proxies(&mut page);
        self.listeners(&mut page);
        page.blank();
        page.comment("/healthz, /readyz and /metrics.");
        page.open("admin", &self.admin.by);
        page.value("address", &self.admin);
        page.close();
        page.blank();
        page.comment("Whose tokens are accepted.");
        self.authorization_server(&mut page);
        page.blank();
        self.server(&mut page);
        self.sealed(&mut page);
        page.blank();
        page.open("log", &self.log_format.by);
        page.value("format", &self.log_format);
        page.value("level", &self.log_level);
        page.close();
        let (text, places) = page.finish();
        GivenText { name: "serve".to_owned(), text, folder: folder.to_owned(), flags: Some(places) }
    }

    fn proxies(&self, page: &mut Page) {
        let [first, ..] = &*self.trusted_proxies else { return };
        page.blank();
        page.comment("The proxies in front of the gateway, which name the address of a client.");
        if self.of == FlagsOf::Init {
            page.comment("They must write X-Forwarded-For, or remove the one that a client sends.");
        }
        page.list("trusted_proxies", &first.by, &self.trusted_proxies);
    }

    fn listeners(&self, page: &mut Page) {
        page.blank();
        page.comment("Where the gateway listens.");
        let by = self.listen.first().map_or("--listen", |first| &first.by);
        page.open("listen", by);
        for (index, address) in self.listen.iter().enumerate() {
            page.open_item(index, &address.by);
            page.value("address", address);
            match &self.transport {
                TransportFlags::None => {}
                TransportFlags::Plaintext(by) => {
                    page.comment("A proxy in front of the gateway terminates TLS.");
                    page.plain("plaintext", "true", by);
                }
                TransportFlags::Files { certificate, key } => {
                    page.comment("Read again when the files change.");
                    page.open("tls", &certificate.by);
                    page.value("certificate", certificate);
                    page.value("key", key);
                    page.close();
                }
                TransportFlags::Acme { email, cache } => {
                    page.open("tls", &email.by);
                    page.open("acme", &email.by);
                    page.value("email", email);
                    page.comment("Keep this folder: a start without it orders another certificate.");
                    match cache {
                        Some(cache) => page.value("cache", cache),
                        None => page.plain("cache", CACHE, "--acme-cache (its default)"),
                    }
                    page.close();
                    page.close();
                }
            }
            page.close();
        }
        page.close();
    }

    fn authorization_server(&self, page: &mut Page) {
        let by = match &self.tokens {
            TokenFlags::Issuer { issuer, profile } => {
                page.open("authorization_servers", &issuer.by);
                page.open("issuer", &issuer.by);
                page.comment("Compared byte by byte with the claim `iss`, and with `issuer` in its metadata.");
                if !self.groups.is_empty() {
                    page.comment("Create the scopes of the server below there, and let your users have them.");
                }
                page.value("issuer", issuer);
                if let Some(profile) = profile {
                    page.value("profile", profile);
                }
                page.close();
                page.close();
                return;
            }
            TokenFlags::Accounts { file, .. } => &file.by,
            TokenFlags::Demo(by) => by,
        };
        page.open("authorization_servers", by);
        page.open("own", by);
        page.open("embedded", by);
        page.plain("path", "/oauth", by);
        page.open("login", by);
        match &self.tokens {
            TokenFlags::Accounts { file, .. } => {
                page.comment("Read again when it changes. `portcullis hash-password` makes a password for it.");
                page.value("accounts", file);
            }
            _ => {
                page.comment("For trials on this machine: the password is made and printed at each start.");
                page.plain("demo_account", "true", by);
            }
        }
        page.close();
        page.comment("MCP clients register themselves; each user is asked for consent to each client.");
        page.open("registration", by);
        page.plain("dynamic", "open", by);
        page.close();
        page.comment("Every account may get these scopes. docs/embedded-login.md has grants by account and group.");
        page.open("grants", by);
        page.open_item(0, by);
        page.list("scopes", by, &[self.all_scopes(by), groups::scopes(&self.groups)].concat());
        page.close();
        page.close();
        let (file, by) = match &self.tokens {
            TokenFlags::Accounts { store: StoreFlag::File(file), .. } => (Some(file), &file.by),
            TokenFlags::Accounts { store: StoreFlag::Memory(by), .. } | TokenFlags::Demo(by) => (None, by),
            TokenFlags::Issuer { issuer, .. } => (None, &issuer.by),
        };
        page.open("store", by);
        if let Some(file) = file {
            page.value("file", file);
        } else {
            page.comment("Every login ends with the process.");
            page.plain("memory", "true", by);
        }
        page.close();
        page.close();
        page.close();
        page.close();
    }

    /// The scopes of the flags; with an embedded authorization server, at least one.
    fn all_scopes(&self, by: &str) -> Vec<FlagValue> {
        match (&*self.scopes, &self.tokens) {
            ([], TokenFlags::Accounts { .. } | TokenFlags::Demo(_)) => {
                vec![FlagValue { text: ONE_SCOPE.to_owned(), by: by.to_owned() }]
            }
            (scopes, _) => scopes.to_vec(),
        }
    }

    fn server(&self, page: &mut Page) {
        page.open("servers", &self.name.by);
        page.open(&self.name.text, &self.name.by);
        page.comment("Clients connect to public_url + path, and tokens must be issued for that URL.");
        page.value("path", &self.path);
        page.open("upstream", &self.upstream.by);
        page.comment("The MCP server itself. Only the gateway should be able to reach it.");
        page.value("url", &self.upstream);
        page.close();
        let scopes = self.all_scopes(&self.allow_all);
        if let [first, ..] = &*scopes {
            page.comment("Every request needs these.");
            page.list("scopes", &first.by, &scopes);
        }
        if let [first, ..] = &*self.audiences {
            page.comment("Accepted in `aud` besides public_url + path.");
            page.list("audiences", &first.by, &self.audiences);
        }
        if let [first, ..] = &*self.allowed_origins {
            page.comment("Browser pages that may call, besides those of public_url.");
            page.list("allowed_origins", &first.by, &self.allowed_origins);
        }
        if self.groups.is_empty() {
            page.comment("Every valid token with these scopes may use everything. docs/policy.md has rules by tool.");
            page.plain("access", "authenticated", &self.allow_all);
        } else {
            groups::write(&self.groups, page);
        }
        page.close();
        page.close();
    }

    fn sealed(&self, page: &mut Page) {
        let [first, ..] = &*self.session_keys else { return };
        page.blank();
        page.comment("References to keys of at least 32 random bytes, which seal session ids and the store.");
        if self.of == FlagsOf::Serve && self.session_keys.iter().any(|key| key.text.starts_with("file:")) {
            page.comment("A file that is not there yet: (umask 077; openssl rand -hex 32 > FILE)");
        }
        page.list("session_keys", &first.by, &self.session_keys);
    }
}
