//! A GitHub that refuses what GitHub refuses, and does as a test says: apps, scopes, teams, limits.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::form_urlencoded::parse;

use super::idp::{CLIENT, Parameters, SECRET};
use crate::e2e::world::{
    Seen, Step, Upstream,
    server::{full, json as answer},
    token::now,
};

/// So many tokens of one OAuth app and scope may one user have; one more ends the oldest.
const TOKENS_MAX: usize = 10;

/// A running GitHub.
pub struct GitHub {
    server: Upstream,
    mind: Arc<Mutex<Octocat>>,
}

/// A user there.
#[derive(Clone, Default)]
pub struct Account {
    pub id: u64,
    pub name: Option<String>,
    /// Addresses, the primary one first, each with whether it is verified.
    pub emails: Vec<(String, bool)>,
    /// Organizations, each with state and role.
    pub organizations: Vec<(String, &'static str, &'static str)>,
    /// Teams as `organization/slug`.
    pub teams: Vec<String>,
    pub is_suspended: bool,
}

/// A scripted answer of the REST API: status, fields, body.
pub type ApiAnswer = (u16, Vec<(&'static str, &'static str)>, Value);

/// What it does and what it saw. Tests change the first part and read the second.
pub struct Octocat {
    /// The login of the next user who signs in.
    pub signs_in: String,
    pub accounts: HashMap<String, Account>,
    /// Whether the app is a GitHub App: it has permissions in place of scopes.
    pub is_app: bool,
    /// Whether user tokens of the GitHub App expire.
    pub expires: bool,
    /// Whether the GitHub App has the permission Members.
    pub may_read_members: bool,
    /// The number of every organization. Another number: the name was taken by another one.
    pub organization_id: u64,
    /// How many times a new access token is refused before it is accepted.
    pub refusals_of_new_tokens: usize,
    /// The callback URL in the settings of the app; empty until a test or a first sign-in sets it.
    pub callback: String,
    /// The scopes in place of those of the request, as a user may edit the address.
    pub edited_scope: Option<String>,
    /// The `error` with which every sign-in ends.
    pub sign_in_error: Option<String>,
    /// The `iss` of the answer, in place of its own; empty for none.
    pub says_iss: Option<String>,
    /// The answer to every request to the REST API, in place of its own.
    pub api_answer: Option<ApiAnswer>,
    /// The answer of the token endpoint, in place of its own.
    pub token_answer: Option<(u16, Value)>,

    pub authorizations: Vec<Parameters>,
    pub token_requests: Vec<Parameters>,
    /// The paths that were asked for at the REST API.
    pub api_requests: Vec<String>,
    /// How often a refresh token was presented again.
    pub reuses: usize,

    place: String,
    count: usize,
    codes: HashMap<String, (String, Parameters)>,
    /// Login and scopes of each access token that is valid, oldest first.
    tokens: Vec<(String, String, String)>,
    refresh_tokens: HashMap<String, String>,
    used: HashSet<String>,
}

impl GitHub {
    /// With `ada` of the team `acme/platform`, and `bob` of no organization.
    pub async fn start() -> Self {
        let server = Upstream::start(None).await;
        let ada = Account {
            id: 42,
            name: Some("Ada L.".to_owned()),
            emails: vec![("ada@corp.example".to_owned(), true), ("ada@home.example".to_owned(), true)],
            organizations: vec![("acme".to_owned(), "active", "member")],
            teams: vec!["acme/platform".to_owned(), "acme/all".to_owned()],
            is_suspended: false,
        };
        let bob = Account { id: 43, emails: vec![("bob@home.example".to_owned(), true)], ..Account::default() };
        let mind = Arc::new(Mutex::new(Octocat {
            signs_in: "ada".to_owned(),
            accounts: HashMap::from([("ada".to_owned(), ada), ("bob".to_owned(), bob)]),
            is_app: false,
            expires: true,
            may_read_members: true,
            organization_id: 7,
            refusals_of_new_tokens: 0,
            callback: String::new(),
            edited_scope: None,
            sign_in_error: None,
            says_iss: None,
            api_answer: None,
            token_answer: None,
            authorizations: Vec::new(),
            token_requests: Vec::new(),
            api_requests: Vec::new(),
            reuses: 0,
            place: server.url(),
            count: 0,
            codes: HashMap::new(),
            tokens: Vec::new(),
            refresh_tokens: HashMap::new(),
            used: HashSet::new(),
        }));
        let scripted = Arc::clone(&mind);
        server.answer_with(move |seen| scripted.lock().unwrap().answer(seen));
        Self { server, mind }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The server itself.
    pub fn server(&self) -> &Upstream {
        &self.server
    }

    /// Changes what it does, or reads what it saw.
    pub fn with<T>(&self, work: impl FnOnce(&mut Octocat) -> T) -> T {
        work(&mut self.mind.lock().unwrap())
    }

    /// `login: …` of the gateway's configuration; `more` are further keys of `login.github`, each
    /// with a comma before it.
    pub fn login(&self, more: &str) -> String {
        format!("{{github: {{url: \"{}\", client_id: {CLIENT}, client_secret: env:IDP_SECRET{more}}}}}", self.url())
    }
}

impl Octocat {
    /// The account of a login.
    pub fn account(&mut self, login: &str) -> &mut Account {
        self.accounts.get_mut(login).unwrap()
    }

    /// Ends all tokens of a user, as when they revoke the app.
    pub fn revoke(&mut self, login: &str) {
        self.tokens.retain(|(_, of, _)| of != login);
        self.refresh_tokens.retain(|_, of| of != login);
    }

    /// Access tokens that are valid.
    pub fn valid_tokens(&self) -> usize {
        self.tokens.len()
    }

    fn answer(&mut self, seen: &Seen) -> Vec<Step> {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        match path.strip_prefix("/api/v3") {
            Some(path) => self.api(path, query, seen),
            None if path == "/login/oauth/authorize" => self.authorize(read(query.as_bytes())),
            None if path == "/login/oauth/access_token" => self.token(seen),
            None => full(404, &[("Content-Type", "text/html")], "<html>Not Found</html>"),
        }
    }

    fn authorize(&mut self, mut asked: Parameters) -> Vec<Step> {
        self.authorizations.push(asked.clone());
        if asked.get("client_id").map(String::as_str) != Some(CLIENT) {
            return full(404, &[("Content-Type", "text/html")], "<html>Not Found</html>");
        }
        if self.callback.is_empty() {
            self.callback.clone_from(&asked["redirect_uri"]);
        }
        // GitHub leads to the registered address if the one of the request is not below it.
        let is_registered = asked["redirect_uri"].starts_with(&self.callback);
        let mut back = url::Url::parse(if is_registered { &asked["redirect_uri"] } else { &self.callback }).unwrap();
        let own = format!("{}/login/oauth", self.place);
        let iss = self.says_iss.clone().unwrap_or(own);
        let error = self.sign_in_error.clone().or((!is_registered).then(|| "redirect_uri_mismatch".to_owned()));
        {
            let mut query = back.query_pairs_mut();
            query.append_pair("state", &asked["state"]);
            if !iss.is_empty() {
                query.append_pair("iss", &iss);
            }
            match error {
                Some(error) => {
                    query.append_pair("error", &error).append_pair("error_description", "<b>words</b>");
                }
                None => {
                    self.count += 1;
                    let code = format!("code-{}-{}", self.count, now());
                    query.append_pair("code", &code);
                    if let Some(scope) = &self.edited_scope {
                        asked.insert("scope".to_owned(), scope.clone());
                    }
                    self.codes.insert(code, (self.signs_in.clone(), asked));
                }
            }
        }
        full(302, &[("Location", back.as_str())], "")
    }

    fn token(&mut self, seen: &Seen) -> Vec<Step> {
        let form = read(&seen.body);
        self.token_requests.push(form.clone());
        if !seen.header("accept").is_some_and(|accept| accept.contains("application/json")) {
            return full(200, &[("Content-Type", "application/x-www-form-urlencoded")], "error=not_json");
        }
        let (status, body) = self.token_answer.clone().unwrap_or_else(|| self.tokens_for(&form));
        answer(status, body.to_string())
    }

    fn tokens_for(&mut self, form: &Parameters) -> (u16, Value) {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let error =
            |code: &str| (200, json!({"error": code, "error_description": "Words.", "error_uri": "https://docs"}));
        if field("client_id") != CLIENT {
            return (404, json!({"error": "Not Found"}));
        }
        if field("client_secret") != SECRET {
            return error("incorrect_client_credentials");
        }
        if field("grant_type") == "refresh_token" {
            if !self.is_app {
                return error("unsupported_grant_type");
            }
            let token = field("refresh_token").to_owned();
            if self.used.contains(&token) {
                self.reuses += 1;
            }
            let Some(login) = self.refresh_tokens.remove(&token) else { return error("bad_refresh_token") };
            self.used.insert(token);
            return (200, self.issued(&login, ""));
        }
        let Some((login, asked)) = self.codes.remove(field("code")) else { return error("bad_verification_code") };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, field("code_verifier").as_bytes()));
        if asked.get("code_challenge_method").map(String::as_str) != Some("S256")
            || asked["code_challenge"] != challenge
        {
            return error("bad_verification_code");
        }
        if asked["redirect_uri"] != field("redirect_uri") {
            return error("redirect_uri_mismatch");
        }
        if !self.accounts[&login].emails.iter().any(|(_, verified)| *verified) {
            return error("unverified_user_email");
        }
        let scope = if self.is_app { String::new() } else { asked["scope"].replace(' ', ",") };
        (200, self.issued(&login, &scope))
    }

    fn issued(&mut self, login: &str, scope: &str) -> Value {
        self.count += 1;
        let kind = if self.is_app { "ghu" } else { "gho" };
        let token = format!("{kind}_access{}at{}", self.count, now());
        let mut granted = json!({"access_token": token, "token_type": "bearer", "scope": scope});
        if self.is_app && self.expires {
            let refresh = format!("ghr_refresh{}at{}", self.count, now());
            self.refresh_tokens.insert(refresh.clone(), login.to_owned());
            granted["refresh_token"] = json!(refresh);
            granted["expires_in"] = json!(28_800);
            granted["refresh_token_expires_in"] = json!(15_897_600);
        }
        self.tokens.push((token, login.to_owned(), scope.to_owned()));
        let own = |(_, of, scopes): &&(String, String, String)| of == login && scopes == scope;
        if self.tokens.iter().filter(own).count() > TOKENS_MAX {
            let oldest = self.tokens.iter().position(|(_, of, scopes)| of == login && scopes == scope);
            self.tokens.remove(oldest.unwrap());
        }
        granted
    }

    fn api(&mut self, path: &str, query: &str, seen: &Seen) -> Vec<Step> {
        self.api_requests.push(path.to_owned());
        if seen.header("user-agent").is_none_or(str::is_empty) {
            return full(403, &[("Content-Type", "text/html")], "Request forbidden by administrative rules.");
        }
        if let Some((status, fields, body)) = &self.api_answer {
            let fields: Vec<(&str, &str)> = [("Content-Type", "application/json; charset=utf-8")]
                .into_iter()
                .chain(fields.iter().copied())
                .collect();
            return full(*status, &fields, body.to_string());
        }
        let said = |status: u16, message: &str| {
            answer(status, json!({"message": message, "documentation_url": "https://docs"}).to_string())
        };
        let token = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let known = self.tokens.iter().find(|(known, ..)| Some(known.as_str()) == token).cloned();
        let Some((_, login, scope)) = known.filter(|_| {
            let is_known = self.refusals_of_new_tokens == 0;
            self.refusals_of_new_tokens = self.refusals_of_new_tokens.saturating_sub(1);
            is_known
        }) else {
            return said(401, "Bad credentials");
        };
        let account = self.accounts[&login].clone();
        if account.is_suspended {
            return said(403, "Sorry. Your account was suspended.");
        }
        let may = |wanted: &str| self.is_app || scope.split(',').any(|one| one == wanted);
        let query = read(query.as_bytes());
        let number = |name: &str, usual: usize| query.get(name).map_or(usual, |value| value.parse().unwrap());
        let (page, size) = (number("page", 1), number("per_page", 30).min(100));
        let paged = |all: Vec<Value>| {
            let page: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
            answer(200, json!(page).to_string())
        };
        let members = self.may_read_members || !self.is_app;
        match path {
            "/user" => {
                let scopes = scope.replace(',', ", ");
                let fields = [("Content-Type", "application/json; charset=utf-8"), ("X-OAuth-Scopes", &*scopes)];
                let body = json!({"id": account.id, "login": login, "name": account.name, "email": "public@anyone.example", "type": "User"});
                full(200, &fields, body.to_string())
            }
            "/user/emails" if may("user:email") => {
                let listed = account.emails.iter().enumerate().map(|(index, (email, verified))| {
                    json!({"email": email, "primary": index == 0, "verified": verified, "visibility": null})
                });
                paged(listed.collect())
            }
            "/user/memberships/orgs" if may("read:org") && members => {
                let state = query.get("state").cloned();
                let is_wanted = |of: &&(String, &str, &str)| state.as_deref().is_none_or(|state| of.1 == state);
                let listed = account.organizations.iter().filter(is_wanted).map(|(organization, state, role)| {
                    json!({"state": state, "role": role, "organization": {"login": organization, "id": self.organization_id}, "user": {"login": login}})
                });
                paged(listed.collect())
            }
            "/user/teams" if may("read:org") && members => {
                let listed = account.teams.iter().map(|team| {
                    let (organization, slug) = team.split_once('/').unwrap();
                    json!({"id": 9, "slug": slug, "name": slug, "organization": {"login": organization, "id": self.organization_id}, "parent": null})
                });
                paged(listed.collect())
            }
            "/user/memberships/orgs" | "/user/teams" if self.is_app => {
                said(403, "Resource not accessible by integration")
            }
            _ => said(404, "Not Found"),
        }
    }
}

fn read(text: &[u8]) -> Parameters {
    parse(text).into_owned().collect()
}
