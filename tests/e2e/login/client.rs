//! An OAuth client: asks for a code, exchanges and refreshes tokens, registers, calls a tool.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{
    browser::{Browser, Shown},
    world::LoginWorld,
};
use crate::e2e::world::{Ask, Reply, call};

/// A client; by default without a secret, on loopback.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: Option<String>,
    pub redirect: String,
    /// Parameters that replace those of the authorization request; an empty one removes it.
    pub authorize_with: Vec<(String, String)>,
}

/// An authorization request.
pub struct Request {
    pub url: String,
    pub verifier: String,
    pub state: String,
}

/// The tokens of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub scope: String,
}

impl Tokens {
    /// The refresh token.
    pub fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("a refresh token")
    }

    /// A claim of the access token, not verified.
    pub fn claim(&self, name: &str) -> Value {
        let payload = URL_SAFE_NO_PAD.decode(self.access.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&payload).unwrap()[name].clone()
    }
}

impl Client {
    /// The client `desktop` of the configuration.
    pub fn desktop() -> Self {
        Self::with_id("desktop")
    }

    /// A public client with the redirect URI of `desktop`.
    pub fn with_id(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            redirect: "http://127.0.0.1:33418/callback".to_owned(),
            authorize_with: Vec::new(),
        }
    }

    /// Registers (RFC 7591) with these members beside the usual ones.
    pub async fn register(login: &LoginWorld, members: Value) -> Self {
        let reply = Self::try_register(login, members).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let json = reply.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        if let Some(secret) = text("client_secret") {
            login.world.issued(&format!(".{secret}"));
        }
        Self {
            secret: text("client_secret"),
            redirect: json["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
            ..Self::with_id(&text("client_id").unwrap())
        }
    }

    /// The answer to a registration.
    pub async fn try_register(login: &LoginWorld, members: Value) -> Reply {
        let mut body = json!({
            "client_name": "A client", "redirect_uris": ["http://127.0.0.1:33418/callback"],
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        login.send_to(0, &Ask::post("/oauth/register", body.to_string())).await
    }

    /// An authorization request for the standard server.
    pub fn request(&self, login: &LoginWorld, scope: &str) -> Request {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let verifier = format!("a-verifier-of-more-than-forty-three-characters-{count:06}");
        let (state, resource) = (format!("state-{count}"), login.world.resource());
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let usual = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("scope", scope),
            ("state", &state),
            ("resource", &resource),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let others = self.authorize_with.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let usual = usual.into_iter().filter(|(name, _)| !self.authorize_with.iter().any(|(other, _)| other == name));
        let query =
            Serializer::new(String::new()).extend_pairs(usual.chain(others).filter(|(_, v)| !v.is_empty())).finish();
        Request { url: format!("{}/oauth/authorize?{query}", login.world.public), verifier, state }
    }

    /// Signs in with a browser; returns the authorization code and its verifier.
    pub async fn code(&self, login: &LoginWorld, browser: &mut Browser, scope: &str) -> (String, String) {
        let request = self.request(login, scope);
        let shown = browser.open(login, &request.url).await;
        let code = match &shown {
            Shown::Left(_) => shown.parameter("code").unwrap_or_else(|| panic!("no code: {shown:?}")),
            Shown::Page(page) => panic!("stuck at {:?}: {} {}", browser.visited, page.status, page.text()),
        };
        assert_eq!(shown.parameter("state").as_deref(), Some(&*request.state));
        (code, request.verifier)
    }

    /// Signs in with a browser and exchanges the code at the first replica.
    pub async fn sign_in(&self, login: &LoginWorld, browser: &mut Browser, scope: &str) -> Tokens {
        let (code, verifier) = self.code(login, browser, scope).await;
        let reply = self.exchange(login, 0, &code, &verifier).await;
        login.tokens(&reply)
    }

    /// The answer to a code at a replica.
    pub async fn exchange(&self, login: &LoginWorld, replica: usize, code: &str, verifier: &str) -> Reply {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", verifier),
        ];
        self.post(login, replica, "/oauth/token", &form).await
    }

    /// The answer to a refresh at a replica.
    pub async fn refresh(&self, login: &LoginWorld, replica: usize, token: &str) -> Reply {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post(login, replica, "/oauth/token", &form).await
    }

    /// The tokens of a refresh, which must succeed.
    pub async fn refreshed(&self, login: &LoginWorld, replica: usize, token: &str) -> Tokens {
        let reply = self.refresh(login, replica, token).await;
        login.tokens(&reply)
    }

    /// Revokes a token (RFC 7009).
    pub async fn revoke(&self, login: &LoginWorld, replica: usize, token: &str) -> Reply {
        self.post(login, replica, "/oauth/revoke", &[("token", token)]).await
    }

    /// Posts a form with this client's id, and its secret if it has one.
    pub async fn post(&self, login: &LoginWorld, replica: usize, path: &str, form: &[(&str, &str)]) -> Reply {
        login.send_to(replica, &self.form(path, form)).await
    }

    /// The request of [`Self::post`], for tests that send it themselves.
    pub fn form(&self, path: &str, form: &[(&str, &str)]) -> Ask {
        let mut body = Serializer::new(String::new());
        body.extend_pairs(form);
        if self.secret.is_none() {
            body.append_pair("client_id", &self.id);
        }
        let ask = Ask::new("POST", path)
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Accept", "application/json")
            .body(body.finish());
        match &self.secret {
            None => ask,
            Some(secret) => {
                let escape = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = STANDARD.encode(format!("{}:{}", escape(&self.id), escape(secret)));
                ask.with("Authorization", format!("Basic {pair}"))
            }
        }
    }
}

/// Calls a tool of the standard server at a replica.
pub async fn call_tool(login: &LoginWorld, replica: usize, access: &str, tool: &str) -> Reply {
    login.send_to(replica, &Ask::post("/mcp", call(tool)).token(access)).await
}
