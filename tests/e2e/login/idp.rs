//! A company IdP that does as a test says: rotates, detects reuse, fails, is late, changes groups.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};
use tokio_rustls::TlsAcceptor;
use url::form_urlencoded::parse;

use super::providers::Manners;
use crate::e2e::world::{
    Seen, Step, Upstream, certificate,
    issuer::house_key_set,
    key::{Alg, HOUSE},
    server::{full, json as answer},
    token::now,
};

/// The gateway's client id and secret at the IdP.
pub const CLIENT: &str = "gateway";
pub const SECRET: &str = "the-secret-of-the-gateway-at-the-idp";

/// Parameters of a query or a form.
pub type Parameters = HashMap<String, String>;

/// A running IdP. `with` is how a test tells it what to do.
pub struct Idp {
    server: Upstream,
    mind: Arc<Mutex<Mind>>,
}

/// What the IdP does and what it saw. Tests change the first part and read the second.
pub struct Mind {
    /// The subject of the next user who signs in.
    pub signs_in: String,
    /// The claims of each subject, in ID tokens and at the userinfo endpoint.
    pub people: HashMap<String, Map<String, Value>>,
    /// Members that replace those of the metadata; null removes.
    pub metadata: Map<String, Value>,
    /// Whether it has a document of RFC 8414 as well, which leaves out what OpenID Connect defines.
    pub has_oauth_metadata: bool,
    /// Whether a code brings a refresh token without `offline_access`.
    pub gives_refresh_token: bool,
    /// Scopes that end every sign-in.
    pub refused_scopes: Vec<String>,
    /// Whether a refresh brings a new refresh token and ends the old one.
    pub rotates: bool,
    /// Whether a refresh brings an ID token.
    pub id_token_at_refresh: bool,
    /// How long the token endpoint waits before it answers, after it has done the work.
    pub delay: Duration,
    /// Answers of the token endpoint for the next requests, in place of its own: status and body.
    /// `None` is its own answer.
    pub next_answers: VecDeque<Option<(u16, Value)>>,
    /// The answer to every refresh, in place of its own.
    pub refresh_answer: Option<(u16, Value)>,
    /// The `error` with which every sign-in ends.
    pub sign_in_error: Option<String>,
    /// How ID tokens are signed.
    pub alg: Alg,
    /// The ways of a certain provider.
    pub manners: Manners,
    /// What the header of ID tokens says instead.
    pub says_alg: Option<String>,

    /// How many seconds before its ID token a user signed in; `None`: the token does not say.
    pub signed_in_ago: Option<i64>,
    /// Claims of ID tokens in place of the right ones.
    pub wrong_claims: Map<String, Value>,
    /// Claims that ID tokens do not have.
    pub only_in_userinfo: Vec<String>,
    /// The answer of the userinfo endpoint, in place of its own.
    pub userinfo_answer: Option<(u16, Value)>,

    /// The authorization requests so far.
    pub authorizations: Vec<Parameters>,
    /// The token requests so far.
    pub token_requests: Vec<Parameters>,
    /// How often a refresh token was presented again after its rotation.
    pub reuses: usize,
    /// How often the userinfo endpoint was asked.
    pub userinfo_requests: usize,

    /// The issuer, and the base of the URLs in the metadata.
    pub issuer: String,
    count: usize,
    codes: HashMap<String, (String, Parameters)>,
    /// The subject of each session that is alive, and the request with which it began.
    sessions: HashMap<usize, (String, Parameters)>,
    /// The session of each refresh token and of each access token that was ever issued.
    tokens: HashMap<String, usize>,
    used: HashSet<String>,
}

impl Idp {
    /// With two users: `ada` of the groups `staff` and `admins`, `bob` of the group `guests`.
    pub async fn start() -> Self {
        Self::at(Upstream::start(None).await)
    }

    /// The same over TLS, with a certificate of the tests' authority.
    pub async fn start_tls() -> Self {
        Self::at(Upstream::start(Some(TlsAcceptor::from(certificate::leaf().server_config()))).await)
    }

    fn at(server: Upstream) -> Self {
        let person = |name: &str, groups: &[&str]| {
            let claims = json!({
                "preferred_username": name, "email": format!("{name}@corp.example"), "email_verified": true, "groups": groups,
            });
            (name.to_owned(), claims.as_object().unwrap().clone())
        };
        let mind = Arc::new(Mutex::new(Mind {
            signs_in: "ada".to_owned(),
            people: HashMap::from([person("ada", &["staff", "admins"]), person("bob", &["guests"])]),
            metadata: Map::new(),
            has_oauth_metadata: false,
            gives_refresh_token: true,
            refused_scopes: Vec::new(),
            rotates: true,
            id_token_at_refresh: true,
            delay: Duration::ZERO,
            next_answers: VecDeque::new(),
            refresh_answer: None,
            sign_in_error: None,
            alg: Alg::Es256,
            manners: Manners::default(),
            says_alg: None,
            signed_in_ago: Some(0),
            wrong_claims: Map::new(),
            only_in_userinfo: Vec::new(),
            userinfo_answer: None,
            authorizations: Vec::new(),
            token_requests: Vec::new(),
            reuses: 0,
            userinfo_requests: 0,
            issuer: server.url(),
            count: 0,
            codes: HashMap::new(),
            sessions: HashMap::new(),
            tokens: HashMap::new(),
            used: HashSet::new(),
        }));
        let scripted = Arc::clone(&mind);
        server.answer_with(move |seen| scripted.lock().unwrap().answer(seen));
        Self { server, mind }
    }

    /// The issuer.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The server itself, for stopping and counting.
    pub fn server(&self) -> &Upstream {
        &self.server
    }

    /// Changes what it does, or reads what it saw.
    pub fn with<T>(&self, work: impl FnOnce(&mut Mind) -> T) -> T {
        work(&mut self.mind.lock().unwrap())
    }

    /// `login: …` of the gateway's configuration, and the environment that it needs. `more` are
    /// further keys of `login.oidc`, each with a comma before it.
    pub fn login(&self, more: &str) -> String {
        let issuer = self.with(|idp| idp.issuer.clone());
        format!("{{oidc: {{issuer: \"{issuer}\", client_id: {CLIENT}, client_secret: env:IDP_SECRET{more}}}}}")
    }

    /// Takes a public name. Browsers still find it at its own address, and the gateway must reach
    /// it there.
    pub fn named(self, issuer: &str) -> Self {
        let browsers = format!("{}/authorize", self.url());
        self.with(|idp| {
            idp.issuer = issuer.to_owned();
            idp.metadata.insert("authorization_endpoint".to_owned(), json!(browsers));
        });
        self
    }
}

impl Mind {
    /// Replaces the groups of a subject.
    pub fn groups(&mut self, subject: &str, groups: &[&str]) {
        self.people.get_mut(subject).unwrap().insert("groups".to_owned(), json!(groups));
    }

    /// Ends all sessions, as when the user is disabled or signs out.
    pub fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// All sessions that are alive.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn answer(&mut self, seen: &Seen) -> Vec<Step> {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        match path {
            _ if path.ends_with("/.well-known/openid-configuration") => answer(200, self.document().to_string()),
            _ if self.has_oauth_metadata && path.contains("/.well-known/oauth-authorization-server") => {
                let mut document = self.document();
                let members = document.as_object_mut().unwrap();
                members.retain(|name, _| name != "userinfo_endpoint" && !name.starts_with("id_token_"));
                answer(200, document.to_string())
            }
            "/jwks" => answer(200, house_key_set().to_string()),
            "/authorize" => self.authorize(read(query.as_bytes())),
            "/token" => self.token(seen),
            "/userinfo" => self.userinfo(seen),
            _ => answer(404, r#"{"error":"not_found"}"#),
        }
    }

    fn document(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let mut document = json!({
            "issuer": self.issuer, "jwks_uri": at("/jwks"), "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"), "userinfo_endpoint": at("/userinfo"),
            "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [self.alg.name()],
            "authorization_response_iss_parameter_supported": true,
        });
        for (name, value) in &self.metadata {
            document[name] = value.clone();
        }
        document.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        document
    }

    /// The user signs in at once.
    fn authorize(&mut self, asked: Parameters) -> Vec<Step> {
        self.authorizations.push(asked.clone());
        let mut back = url::Url::parse(&asked["redirect_uri"]).unwrap();
        {
            let mut query = back.query_pairs_mut();
            query.append_pair("state", &asked["state"]).append_pair("iss", &self.issuer);
            let scopes = asked.get("scope").map(String::as_str).unwrap_or_default();
            let refused = scopes.split(' ').any(|scope| self.refused_scopes.iter().any(|refused| refused == scope));
            match self.sign_in_error.as_deref().or(refused.then_some("invalid_scope")) {
                Some(error) => drop(query.append_pair("error", error)),
                None => {
                    self.count += 1;
                    let code = format!("idp-code-{}-{}", self.count, now());
                    query.append_pair("code", &code);
                    self.codes.insert(code, (self.signs_in.clone(), asked));
                }
            }
        }
        full(302, &[("Location", back.as_str())], "")
    }

    fn token(&mut self, seen: &Seen) -> Vec<Step> {
        let form = read(&seen.body);
        self.token_requests.push(form.clone());
        let is_refresh = form.get("grant_type").is_some_and(|kind| kind == "refresh_token");
        let scripted = self.next_answers.pop_front().flatten();
        let scripted = scripted.or_else(|| self.refresh_answer.clone().filter(|_| is_refresh));
        let (status, body) = match scripted {
            Some(scripted) => scripted,
            None if !is_our_client(seen, &form) => (401, json!({"error": "invalid_client"})),
            None if is_refresh => self.refreshed(&form["refresh_token"]),
            None => self.exchanged(&form),
        };
        let mut steps = answer(status, body.to_string());
        if !self.delay.is_zero() {
            steps.insert(0, Step::Pause(self.delay));
        }
        steps
    }

    fn exchanged(&mut self, form: &Parameters) -> (u16, Value) {
        let refused = || (400, json!({"error": "invalid_grant"}));
        let Some((subject, asked)) = self.codes.remove(&form["code"]) else { return refused() };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
        if asked["code_challenge"] != challenge || asked["redirect_uri"] != form["redirect_uri"] {
            return refused();
        }
        self.count += 1;
        let session = self.count;
        let mut granted = self.granted(session);
        granted["id_token"] = json!(self.id_token(&subject, &asked, asked.get("nonce")));
        if self.gives_refresh_token || self.manners.gives_refresh_token(&asked) {
            granted["refresh_token"] = json!(self.refresh_token(session));
        }
        self.sessions.insert(session, (subject, asked));
        (200, granted)
    }

    fn refreshed(&mut self, token: &str) -> (u16, Value) {
        let over = self.manners.over.clone();
        let refused = || over.unwrap_or_else(|| (400, json!({"error": "invalid_grant"})));
        let Some(session) = self.tokens.get(token).copied() else { return refused() };
        if self.used.contains(token) {
            self.reuses += 1;
            self.sessions.remove(&session);
            return refused();
        }
        let Some((subject, asked)) = self.sessions.get(&session).cloned() else { return refused() };
        let mut granted = self.granted(session);
        if self.id_token_at_refresh {
            granted["id_token"] = json!(self.id_token(&subject, &asked, None));
        }
        if self.rotates {
            self.used.insert(token.to_owned());
            granted["refresh_token"] = json!(self.refresh_token(session));
        }
        (200, granted)
    }

    fn userinfo(&mut self, seen: &Seen) -> Vec<Step> {
        self.userinfo_requests += 1;
        if let Some((status, body)) = &self.userinfo_answer {
            return answer(*status, body.to_string());
        }
        let token = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let session = token.and_then(|token| self.tokens.get(token));
        let Some((subject, asked)) = session.and_then(|session| self.sessions.get(session)) else {
            return answer(401, r#"{"error":"invalid_token"}"#);
        };
        let mut claims = self.manners.in_userinfo(&self.people[subject], asked);
        claims.insert("sub".to_owned(), json!(subject));
        answer(200, Value::Object(claims).to_string())
    }

    fn granted(&mut self, session: usize) -> Value {
        let token = self.new_token("idp-access", session);
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 300})
    }

    fn refresh_token(&mut self, session: usize) -> String {
        self.new_token("idp-refresh", session)
    }

    fn new_token(&mut self, kind: &str, session: usize) -> String {
        self.count += 1;
        let token = format!("{kind}-{}-{}", self.count, now());
        self.tokens.insert(token.clone(), session);
        token
    }

    /// An ID token; signed without the library that the product verifies with.
    fn id_token(&self, subject: &str, asked: &Parameters, nonce: Option<&String>) -> String {
        let kid = match self.alg {
            Alg::Rs256 | Alg::Rs512 | Alg::Ps256 => "rs",
            Alg::Es256 => "es",
            Alg::Es384 => "es384",
            Alg::EdDsa => "ed",
        };
        let mut claims = self.manners.in_id_token(&self.people[subject], asked);
        claims.retain(|name, _| !self.only_in_userinfo.contains(name));
        let auth_time = self.signed_in_ago.map(|secs| now() - secs);
        let more = json!({
            "iss": self.issuer, "sub": subject, "aud": CLIENT, "iat": now(), "exp": now() + 300, "auth_time": auth_time, "nonce": nonce,
        });
        claims.extend(more.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()));
        claims.extend(self.wrong_claims.clone());
        let said = self.says_alg.as_deref().unwrap_or(self.alg.name());
        let header = json!({"alg": said, "kid": kid, "typ": "JWT"}).to_string();
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(json!(claims).to_string()));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(HOUSE.sign(self.alg, input.as_bytes())))
    }
}

fn read(text: &[u8]) -> Parameters {
    parse(text).into_owned().collect()
}

fn is_our_client(seen: &Seen, form: &Parameters) -> bool {
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    let posted = (form.get("client_id").map(String::as_str), form.get("client_secret").map(String::as_str));
    seen.header("authorization") == Some(&basic) || posted == (Some(CLIENT), Some(SECRET))
}
