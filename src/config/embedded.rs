//! Reads `embedded`: how users log in, which clients are accepted, which scopes are granted.

use std::time::Duration;

use crate::{
    authorization_server::{
        grant::access_token::{self, AccessGrant},
        person::accounts::Accounts,
        settings::{EmbeddedSettings, Login, StoreSettings},
    },
    base::{
        limits::tokens::TOKEN_BYTES,
        names::{AuthorizationServerName, Issuer, PublicUrl, Scope},
        secret::Secret,
    },
    config::{
        EmbeddedProvenance, ServerSettings,
        accounts::accounts,
        claims::claim_names,
        keys::{
            embedded::{ACCESS_TOKEN_TTL, REFRESH_GRACE, REFRESH_TOKEN_TTL},
            issuer::{CLOCK_SKEW, REFETCH_FLOOR},
        },
        place::{Place, Written},
        problem::quoted,
        reader::{Field, Fields},
        reading::Reading,
        server::advertised,
        value,
    },
    decide::{
        authorization_server::{
            own_origins::OwnOrigins,
            people::{self, Grantee},
            resources::Protected,
        },
        json::pointer,
        policy::glob::Glob,
        resource_server::issuer_metadata::AskedAs,
        routing::is_plain_path,
        token::rules::TokenRules,
    },
    outbound::{
        credential::Credential,
        keys::{IssuerSettings, KeySource},
        reach::IssuerReach,
    },
};

mod clients;
mod demo;
mod github;
mod grants;
mod oidc;
mod refresh;
mod registration;
mod store;

/// A longer `access_token_ttl` gets a warning.
const ACCESS_TOKEN_TTL_USUAL: Duration = Duration::from_secs(3600);

/// Claims that have their own meaning in an access token (RFC 9068 §2.2, RFC 7519 §4.1), or that
/// make it look like another kind of token (SPEC B-16). No claim about a user may replace them.
const RESERVED_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "azp",
    "cid",
    "scope",
    "scp",
    "typ",
    "cnf",
    "act",
    "may_act",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "events",
    "htm",
    "htu",
    "token_use",
    "token_introspection",
];

/// An embedded authorization server as written. Other sections are compared with it even if parts
/// of it are wrong.
pub(super) struct WrittenEmbedded {
    pub(super) place: Place,
    pub(super) path: Option<Written<Box<str>>>,
    pub(super) store: Option<Written<StoreSettings>>,
    /// The place of `grants`, and the patterns of scopes there.
    pub(super) grants: Option<Place>,
    pub(super) granted: Vec<Glob>,
    pub(super) kept: EmbeddedProvenance,
    pub(super) settings: Option<EmbeddedSettings>,
}

/// `embedded`.
pub(super) fn embedded(field: &Field<'_>, name: Option<&str>, public_url: Option<&PublicUrl>) -> WrittenEmbedded {
    let mut read = WrittenEmbedded {
        place: field.place.clone(),
        path: None,
        store: None,
        grants: None,
        granted: Vec::new(),
        kept: EmbeddedProvenance::default(),
        settings: None,
    };
    read.settings =
        field.section("authorization_servers.*.embedded", |fields| settings(fields, name, public_url, &mut read));
    if let (Some(name), Some(file)) = (name, &read.kept.accounts) {
        field.reading.entries.borrow_mut().accounts.push((name.into(), file.clone()));
    }
    read
}

/// Asks for all keys before the first `?`, so that every mistake is reported.
fn settings(
    fields: &mut Fields<'_>,
    name: Option<&str>,
    public_url: Option<&PublicUrl>,
    read: &mut WrittenEmbedded,
) -> Option<EmbeddedSettings> {
    let path = fields.need("path", "the authorization server's public path, such as /oauth");
    read.path = path.and_then(|field| issuer_path(&field));
    let login = fields.need("login", "how users log in: a map with `accounts`, `oidc`, `github` or `demo_account`");
    let mut login = login.and_then(|field| login_of(&field, &mut read.kept, public_url));
    let (registration, token) = registration::registration(fields.get("registration"));
    read.kept.token = token;
    let clients = fields.get("clients").map(|field| clients::clients(&field)).unwrap_or_default();
    let (clients, references): (Vec<_>, Vec<_>) = clients.into_iter().unzip();
    read.kept.clients = references;
    let grants = fields.need("grants", "who may be granted which scopes: a scope that no entry names is never granted");
    let grants_at = grants.clone();
    let grants = grants.and_then(|field| grants::grants(&field, login.as_ref(), registration.as_ref(), &clients));
    read.grants = grants_at.as_ref().map(|field| field.place.clone());
    read.granted = grants.iter().flatten().flat_map(|rule| rule.scopes.iter().cloned()).collect();
    let long = fields.get("access_token_ttl");
    let access_token_ttl = value::duration(fields, &ACCESS_TOKEN_TTL);
    if let Some(field) = long.as_ref().filter(|_| access_token_ttl > ACCESS_TOKEN_TTL_USUAL) {
        field.warn(match &login {
            Some(Login::Oidc(_) | Login::GitHub(_)) => {
                "at most 1h: a user who is disabled at the identity provider, or loses a group there, is noticed only at the next refresh"
            }
            _ => "at most 1h: a user who loses a group keeps its scopes until the next refresh",
        });
    }
    let refresh_at = fields.get("refresh_token_ttl");
    let refresh_token_ttl = value::duration(fields, &REFRESH_TOKEN_TTL);
    refresh::of_lifetimes(refresh_at.as_ref(), long.as_ref(), (refresh_token_ttl, access_token_ttl));
    let refresh_grace = value::duration(fields, &REFRESH_GRACE);
    let step_up = fields.get("step_up").and_then(|field| field.bool()).unwrap_or(true);
    let token_claims = fields.get("token_claims").map(|field| claims_of_tokens(&field, login.as_ref()));
    let token_claims = token_claims.unwrap_or_default();
    if let (Some(Login::GitHub(github)), Some(grants), Some(field)) = (&mut login, &grants, &grants_at) {
        github::complete(github, grants, &token_claims);
        github::look_at_grants(field, github, grants);
    }
    let scope_descriptions = fields.get("scope_descriptions").map(|field| descriptions(&field)).unwrap_or_default();
    let is_trial = matches!(&login, Some(Login::Accounts(_))) && read.kept.accounts.is_none();
    let store::WrittenStore { store, redis, allow_eviction } = store::store(fields, is_trial);
    (read.store, read.kept.redis) = (store, redis);
    if let Some(Login::Accounts(accounts)) = &login {
        subjects_are_no_clients(&read.place, fields.of.reading, accounts, &clients);
    }

    let path = read.path.as_ref()?.value.clone();
    Some(EmbeddedSettings {
        name: AuthorizationServerName::from(name?),
        issuer: Issuer::from(format!("{}{path}", public_url?.origin()).as_str()),
        path,
        own: OwnOrigins::default(),
        login: login?,
        registration: registration?,
        clients: clients.into_iter().collect::<Option<_>>()?,
        grants: grants?,
        // These, and `own`, are filled in by `finish`, after the other sections are read.
        resources: Vec::new(),
        token_bytes_max: TOKEN_BYTES,
        access_token_ttl,
        refresh_token_ttl,
        refresh_grace,
        step_up,
        token_claims,
        scope_descriptions,
        store: read.store.as_ref()?.value.clone(),
        allow_eviction,
        seal_keys: Vec::new(),
    })
}

/// The path of an issuer. It is not `/`, because the endpoints are below it.
fn issuer_path(field: &Field<'_>) -> Option<Written<Box<str>>> {
    let text = field.text("a path such as /oauth")?;
    match text != "/" && is_plain_path(text) {
        true => Some(Written { value: text.into(), place: field.place.clone() }),
        false => field.wrong(
            "a path such as /oauth: below /, of letters, digits and -._~@:+, without a slash at its end, outside /.well-known/",
        ),
    }
}

/// `login`.
fn login_of(field: &Field<'_>, kept: &mut EmbeddedProvenance, public_url: Option<&PublicUrl>) -> Option<Login> {
    let kept = std::cell::RefCell::new(kept);
    field.section("authorization_servers.*.embedded.login", |fields| {
        fields.exactly_one(&["accounts", "oidc", "github", "demo_account"], |kind, field| match kind {
            "demo_account" => demo::account(&field, public_url).map(Login::Accounts),
            "accounts" => {
                let path = value::path(&field, "the path of a file with accounts")?;
                let accounts = accounts(&field, &path);
                kept.borrow_mut().accounts = Some(path);
                accounts.map(Login::Accounts)
            }
            "github" => field.section("authorization_servers.*.embedded.login.github", |fields| {
                let (settings, reference) = github::github(fields);
                kept.borrow_mut().client_secret = reference;
                settings.map(|settings| Login::GitHub(Box::new(settings)))
            }),
            _ => field.section("authorization_servers.*.embedded.login.oidc", |fields| {
                let (settings, reference) = oidc::oidc(fields);
                kept.borrow_mut().client_secret = reference;
                settings.map(|settings| Login::Oidc(Box::new(settings)))
            }),
        })
    })
}

fn claims_of_tokens(field: &Field<'_>, login: Option<&Login>) -> Vec<Box<str>> {
    let claims = claim_names(field, "the name of a claim, such as groups");
    for claim in &claims {
        let found = quoted(&claim.value);
        if RESERVED_CLAIMS.contains(&&*pointer::root(&claim.value)) {
            field.reading.problem(
                &claim.place,
                &found,
                "a claim about the user: this name has its own meaning in tokens",
            );
        } else if matches!(login, Some(Login::Accounts(_))) && *claim.value != *"groups" {
            field.reading.warning(&claim.place, &found, "groups: local accounts have no other claims");
        } else if matches!(login, Some(Login::GitHub(_))) && !github::CLAIMS.contains(&&*claim.value) {
            let expected = format!("a claim of GitHub's users: {}", github::CLAIMS.join(", "));
            field.reading.warning(&claim.place, &found, &expected);
        }
    }
    claims.into_iter().map(|claim| claim.value).collect()
}

/// `scope_descriptions`.
fn descriptions(field: &Field<'_>) -> Vec<(Scope, Box<str>)> {
    let mut read = Vec::new();
    for entry in field.entries("words by scope").unwrap_or_default() {
        if !Scope::is_valid(entry.name) {
            field.reading.problem(
                &entry.at,
                "a key that is not a scope",
                "one scope: no spaces, quotes or backslashes",
            );
        }
        if let Some(words) = entry.value.text("what the scope permits, in words for the consent page") {
            read.push((Scope::from(entry.name), words.into()));
        }
    }
    read
}

/// A client that acts for itself has its id as `sub`: no account may have the same `sub` (RFC 9068
/// §5).
fn subjects_are_no_clients(place: &Place, reading: &Reading<'_>, accounts: &Accounts, clients: &[clients::Read]) {
    for account in &accounts.accounts {
        let subject = account.subject();
        if clients.iter().flatten().any(|client| *client.id == *subject) {
            let found = format!("{} as a client's id and as an account's subject", quoted(subject));
            reading.problem(place, &found, "another `subject` for the account, or another id for the client");
        }
    }
}

impl WrittenEmbedded {
    /// How the gateway verifies the tokens of this server, which cannot be configured.
    pub(super) fn issuer_settings(&self) -> Option<IssuerSettings> {
        let settings = self.settings.as_ref()?;
        Some(IssuerSettings {
            // The clock of the replica that signs may differ from this replica's.
            rules: TokenRules::embedded(settings.name.clone(), settings.issuer.clone(), CLOCK_SKEW.default),
            keys: KeySource::Embedded,
            refetch_floor: REFETCH_FLOOR.default,
            introspection: None,
            reach: IssuerReach::default(),
            asked_as: AskedAs::ResourceServer,
        })
    }

    /// The settings, completed with the servers of the file.
    pub(super) fn finish(
        &self,
        index: usize,
        servers: &[ServerSettings],
        (public_url, own): (&PublicUrl, &OwnOrigins),
        seal_keys: &[Secret],
    ) -> Option<EmbeddedSettings> {
        let taking = servers.iter().filter(|server| server.authorization_servers.contains(&index));
        let token_bytes_max = taking.clone().map(|server| server.limits.token).min();
        let token_bytes_max = token_bytes_max.and_then(|most| most.try_into().ok()).unwrap_or(TOKEN_BYTES);
        let resources = taking.flat_map(|server| protected(server, public_url)).collect();
        let (own, seal_keys) = (own.clone(), seal_keys.to_vec());
        Some(EmbeddedSettings { own, resources, token_bytes_max, seal_keys, ..self.settings.clone()? })
    }

    /// Warns of what the servers make of `grants`.
    pub(super) fn check_grants(&self, settings: &EmbeddedSettings, reading: &Reading<'_>) {
        grants::give_registered_clients_something(&self.place, reading, settings);
        self.check_token_sizes(settings, reading);
    }

    /// Warns of accounts whose access token would be too large for its servers.
    fn check_token_sizes(&self, settings: &EmbeddedSettings, reading: &Reading<'_>) {
        let Login::Accounts(accounts) = &settings.login else { return };
        let resources: Vec<Box<str>> = settings.resources.iter().map(|one| one.resource.clone()).collect();
        let asked: Vec<Scope> = settings.resources.iter().flat_map(|one| one.scopes.iter().cloned()).collect();
        for account in &accounts.accounts {
            let person = account.person();
            let grant = AccessGrant {
                client_id: "",
                subject: &person.subject,
                person: Some(&person),
                scopes: &people::allowed(&settings.grants, Grantee::Person(&person), &asked),
                resources: &resources,
                family: "",
                ends: u64::MAX,
            };
            if let Err(large) = access_token::size(settings, &grant) {
                let found = format!(
                    "the account {}, whose access token can have {} bytes, {} of them in `{}`",
                    quoted(&account.name),
                    large.bytes,
                    large.claim_bytes,
                    large.claim
                );
                let expected = format!("at most {} bytes: a longer token is not issued", large.most);
                reading.warning(&self.place, &found, &expected);
            }
        }
    }
}

/// A server as a resource that tokens are issued for. Its HTTP+SSE path is a second resource.
fn protected<'s>(server: &'s ServerSettings, public_url: &'s PublicUrl) -> impl Iterator<Item = Protected> + use<'s> {
    let mut scopes = server.known_scopes.clone();
    scopes.extend(server.scopes_supported.iter().filter(|scope| !server.known_scopes.contains(scope)).cloned());
    let default_scopes = match &server.first_challenge {
        Some(scopes) => scopes.clone(),
        None => advertised(&scopes),
    };
    let paths = [Some(&server.path), server.legacy_sse.as_ref().map(|legacy| &legacy.path)];
    paths.into_iter().flatten().map(move |path| Protected {
        resource: public_url.resource(path).as_str().into(),
        name: server.name.as_str().into(),
        scopes: scopes.clone(),
        default_scopes: default_scopes.clone(),
        is_root: server.root || *server.path == *"/",
        passes_token: matches!(server.credential, Credential::Forward),
    })
}
