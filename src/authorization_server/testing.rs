//! An embedded server in process, with a clock that tests turn, for tests of its endpoints.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use jsonwebtoken::Algorithm;
use serde_json::Value;

mod browser;

pub(crate) use browser::{Browser, Shown, posted};

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded, State},
        grant::{access_token, code::AuthorizationCode},
        keys::random,
        person::accounts::{Account, Accounts},
        reply::EndpointAnswer,
        settings::{Dynamic, EmbeddedSettings, Login, OidcSettings, RegistrationSettings, StoreSettings},
        store::kind::EntryKind,
    },
    base::{
        clock::{Clock, Now, testing::HandClock},
        digest::{sha256, sha256_base64url},
        limits::tokens::TOKEN_BYTES,
        secret::Secret,
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth, ClientOrigin, Grants},
            form,
            idp_profile::GENERIC,
            own_origins::OwnOrigins,
            people::{GrantRule, Person},
            pkce::Challenge,
            redirect_scheme::RedirectSchemes,
            redirect_uri::RedirectUri,
            resources::Protected,
        },
        policy::glob::Glob,
        routing::IssuerEndpoint,
        token::{caller::Caller, jwt::UnverifiedJwt},
    },
    outbound::{
        dial::Dialler,
        fetch::{Fetch, client_tls, private_roots},
        keys::{KeySource, LocalKeys},
        reach::IssuerReach,
    },
};

pub(crate) const ISSUER: &str = "https://gw.example/oauth";
pub(crate) const ECHO: &str = "https://gw.example/echo";
pub(crate) const FILES: &str = "https://gw.example/files";
/// The time at which a [`World`] begins.
pub(crate) const START_SECS: u64 = 1_800_000_000;
/// The secret of the clients with one.
pub(crate) const SECRET: &str = "a secret with 100% of + and :";
/// The password of both accounts.
pub(crate) const PASSWORD: &str = "correct horse";
/// Its hash.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A";
/// The verifier of [`World::code`].
pub(crate) const VERIFIER: &str = "0123456789-0123456789-0123456789-0123456789";

/// One replica with its memory store.
pub(crate) struct World {
    pub(crate) embedded: Embedded,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) local: Arc<LocalKeys>,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body; null if it is not JSON.
    pub(crate) json: Value,
}

impl Reply {
    /// A member of the body that is text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.json))
    }

    /// Status and `error`.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.json["error"].as_str().unwrap_or_default())
    }
}

/// Settings with two servers, two accounts, and a client of each kind.
pub(crate) fn settings() -> EmbeddedSettings {
    let grant = |groups: &[&str], clients: &[&str], scopes: &[&str]| GrantRule {
        accounts: Vec::new(),
        groups: groups.iter().map(|one| Box::from(*one)).collect(),
        claims: Vec::new(),
        trusts_email: false,
        clients: clients.iter().map(|one| Box::from(*one)).collect(),
        registered: None,
        scopes: scopes.iter().map(|one| Glob::new(one)).collect(),
    };
    let account = |name: &str, groups: &[&str]| Account {
        name: name.into(),
        hash: HASH.into(),
        groups: groups.iter().map(|one| Box::from(*one)).collect(),
        display: None,
        subject: None,
    };
    EmbeddedSettings {
        name: "inside".into(),
        issuer: ISSUER.into(),
        path: "/oauth".into(),
        own: OwnOrigins::default(),
        login: Login::Accounts(Accounts {
            accounts: vec![account("ada", &["staff"]), account("bob", &[])],
            unsettled: Vec::new(),
        }),
        registration: RegistrationSettings {
            dynamic: Dynamic::Open,
            may_act_alone: false,
            redirect_schemes: RedirectSchemes::Known,
            document_hosts: Vec::new(),
            refused_clients: Vec::new(),
            allow_loopback_documents: false,
        },
        clients: vec![
            client("app", ClientAuth::None),
            client("other", ClientAuth::None),
            client("web app", ClientAuth::Secret(sha256(SECRET.as_bytes()))),
            Client {
                grants: Grants { code: false, refresh: false, credentials: true },
                redirect_uris: Vec::new(),
                ..client("robot", ClientAuth::Secret(sha256(SECRET.as_bytes())))
            },
        ],
        grants: vec![grant(&["staff"], &[], &["a", "b"]), grant(&[], &["robot"], &["a"])],
        resources: vec![protected(ECHO, &["a", "b"]), protected(FILES, &["b", "c"])],
        token_bytes_max: TOKEN_BYTES,
        access_token_ttl: Duration::from_secs(600),
        refresh_token_ttl: Duration::from_secs(30 * 24 * 3600),
        refresh_grace: Duration::ZERO,
        step_up: true,
        token_claims: vec!["groups".into()],
        scope_descriptions: Vec::new(),
        store: StoreSettings::Memory,
        allow_eviction: false,
        seal_keys: Vec::new(),
    }
}

/// A configured client for codes and refresh tokens.
pub(crate) fn client(id: &str, auth: ClientAuth) -> Client {
    Client {
        id: id.into(),
        name: None,
        origin: ClientOrigin::Configured,
        redirect_uris: vec![RedirectUri::parse("https://app.example/back").unwrap()],
        auth,
        grants: Grants { code: true, refresh: true, credentials: false },
        scopes: None,
        introspects: Vec::new(),
        trusted: false,
        with_token: false,
    }
}

fn protected(resource: &str, scopes: &[&str]) -> Protected {
    Protected {
        resource: resource.into(),
        name: resource.rsplit('/').next().unwrap().into(),
        scopes: scopes.iter().map(|one| (*one).into()).collect(),
        default_scopes: scopes.iter().take(1).map(|one| (*one).into()).collect(),
        is_root: false,
        passes_token: false,
    }
}

/// Ada, who is of the staff.
pub(crate) fn ada() -> Person {
    Person {
        subject: "ada".into(),
        name: "Ada".into(),
        account: Some("ada".into()),
        groups: vec!["staff".into()],
        claims: serde_json::Map::new(),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A world with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut EmbeddedSettings)) -> Self {
        let roots = private_roots(&[]).unwrap();
        Self::fetching(Fetch::new(Dialler::new(client_tls(roots, false))), change).await
    }

    /// A world with other settings and another fetch client.
    pub(crate) async fn fetching(fetch: Fetch, change: impl FnOnce(&mut EmbeddedSettings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let wall = Duration::from_secs(START_SECS);
        let clock = HandClock::at(Now { wall, mono: Duration::from_secs(1) });
        let local = Arc::new(LocalKeys::default());
        let state = State::new(
            &settings,
            fetch,
            private_roots(&[]).unwrap(),
            Arc::<HandClock>::clone(&clock),
            Arc::clone(&local),
        )
        .unwrap();
        state.keys.refresh(&state.store, &state.sealer, &*clock).await.unwrap();
        Self { embedded: Embedded { settings, state }, clock, local }
    }

    /// The same world after a reload.
    pub(crate) fn reloaded(&self, change: impl FnOnce(&mut EmbeddedSettings)) -> Self {
        let mut settings = self.embedded.settings.clone();
        change(&mut settings);
        let embedded = Embedded { settings, state: Arc::clone(&self.embedded.state) };
        Self { embedded, clock: Arc::clone(&self.clock), local: Arc::clone(&self.local) }
    }

    /// Answers one request; the answer is not delivered yet.
    pub(crate) async fn ask(&self, endpoint: IssuerEndpoint, request: Request<Bytes>) -> EndpointAnswer {
        let (head, body) = request.into_parts();
        let peer = [192, 0, 2, 1].into();
        let asked = Asked { endpoint, head: &head, body, peer, now: self.clock.now(), places: 256 };
        Box::pin(crate::authorization_server::endpoint::answer(&self.embedded, asked)).await
    }

    /// Answers one request and delivers the answer.
    pub(crate) async fn tell(&self, endpoint: IssuerEndpoint, request: Request<Bytes>) -> Reply {
        let answer = self.ask(endpoint, request).await;
        if let Some(on_delivered) = answer.on_delivered {
            on_delivered();
        }
        self.embedded.state.deliveries.record_all(&self.embedded.state.store).await;
        let (head, body) = answer.response.into_parts();
        Reply { status: head.status, headers: head.headers, json: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// A form.
    pub(crate) async fn post(&self, endpoint: IssuerEndpoint, pairs: &[(&str, &str)]) -> Reply {
        self.tell(endpoint, form_request(pairs, None)).await
    }

    /// A form with `Authorization: Basic`, both parts encoded as RFC 6749 §2.3.1 says.
    pub(crate) async fn basic(
        &self,
        endpoint: IssuerEndpoint,
        (id, secret): (&str, &str),
        pairs: &[(&str, &str)],
    ) -> Reply {
        self.tell(endpoint, form_request(pairs, Some((id, secret)))).await
    }

    /// A code of Ada for `client`, with PKCE by [`VERIFIER`].
    pub(crate) async fn code(&self, client: &str, scopes: &[&str], resources: &[&str]) -> String {
        let scopes: Vec<_> = scopes.iter().map(|one| (*one).into()).collect();
        let code = AuthorizationCode {
            client: client.into(),
            redirect_uri: Some("https://app.example/back".into()),
            challenge: Challenge::of(VERIFIER),
            resources: resources.iter().map(|one| Box::from(*one)).collect(),
            scopes,
            named: Vec::new(),
            person: ada(),
            bridge: None,
            spent: None,
        };
        self.keep_code(&code).await
    }

    /// Stores `code`; returns it as a client receives it.
    pub(crate) async fn keep_code(&self, code: &AuthorizationCode) -> String {
        let text = random::unguessable().unwrap();
        let until = self.clock.now().wall + Duration::from_secs(60);
        let value = serde_json::to_vec(code).unwrap();
        self.embedded.state.store.put(EntryKind::Code, &sha256_base64url(&text), value, until).await.unwrap();
        text
    }

    /// The tokens of a new login of Ada with the public client `app`.
    pub(crate) async fn login(&self) -> Reply {
        let code = self.code("app", &["a", "b"], &[ECHO, FILES]).await;
        let reply = self.post(IssuerEndpoint::Token, &exchange(&code)).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
        reply
    }

    /// A refresh by `app`.
    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.post(IssuerEndpoint::Token, &refresh(token)).await
    }

    /// The caller of an access token as the gateway sees it: verified with the published keys, and
    /// not revoked.
    pub(crate) fn caller(&self, token: &str) -> Option<Caller> {
        let keys = self.embedded.state.keys.set()?;
        let rules = access_token::rules(&self.embedded.settings);
        let caller = UnverifiedJwt::read(token).ok()?.verify(&rules, &keys, self.clock.now()).ok()?;
        let jti = caller.claims()["jti"].as_str()?;
        (!self.local.is_revoked(jti)).then_some(caller)
    }
}

/// A company IdP with the defaults of the tests, and no scopes.
pub(crate) fn company_idp(issuer: &str, client_id: &str, secret: &[u8]) -> OidcSettings {
    OidcSettings {
        issuer: issuer.into(),
        client_id: client_id.into(),
        client_secret: Secret::new(secret.to_vec()),
        scopes: Vec::new(),
        reach: IssuerReach::default(),
        jwks: KeySource::Discover,
        algorithms: vec![Algorithm::ES256, Algorithm::RS256],
        profile: &GENERIC,
        authorize_parameters: Vec::new(),
        userinfo: false,
        claims_max_age: Duration::from_secs(3600),
        trust_email: false,
    }
}

/// The token request for a code of `app`.
pub(crate) fn exchange(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", "https://app.example/back"),
        ("code_verifier", VERIFIER),
    ]
}

/// The token request for a refresh token of `app`.
pub(crate) fn refresh(token: &str) -> [(&str, &str); 3] {
    [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)]
}

/// A form as clients post it.
pub(crate) fn form_request(pairs: &[(&str, &str)], basic: Option<(&str, &str)>) -> Request<Bytes> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/oauth")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some((id, secret)) = basic {
        let encoded = |text: &str| form::encode(&[("x", text)]).split_off(2);
        let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
    }
    request.body(form::encode(pairs).into()).unwrap()
}
