//! A browser in process: keeps cookies, fills in forms, follows redirects.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};

use crate::{
    authorization_server::testing::{ECHO, ISSUER, PASSWORD, VERIFIER, World},
    decide::{
        authorization_server::{form, pkce::Challenge},
        routing::IssuerEndpoint as E,
    },
};

/// Cookies by name.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: Vec<(String, String)>,
}

/// An answer to a browser.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Shown {
    /// Where the browser goes on by itself: by a redirect, or by a page that leads on at once.
    pub(crate) fn location(&self) -> &str {
        let (location, refresh) = (self.headers.get(header::LOCATION), self.headers.get("refresh"));
        let location = location.or(refresh).unwrap_or_else(|| panic!("no redirect: {self:?}")).to_str().unwrap();
        location.strip_prefix("0; url=").unwrap_or(location)
    }

    /// A parameter of the redirect's address.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.location().split_once('?')?;
        let query = form::Form::read(query.as_bytes()).unwrap();
        query.get(name).map(str::to_owned)
    }

    /// The flow in the redirect.
    pub(crate) fn flow(&self) -> String {
        self.parameter("flow").unwrap()
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&mark).unwrap_or_else(|| panic!("no field {name}: {self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    /// Sends any request with the cookies, and keeps the cookies of the answer.
    pub(crate) async fn send(&mut self, world: &World, endpoint: E, mut request: Request<Bytes>) -> Shown {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let (head, body) = Box::pin(world.ask(endpoint, request)).await.response.into_parts();
        for line in head.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0;") {
                self.cookies.push((name.into(), rest.split(';').next().unwrap().into()));
            }
        }
        let text = String::from_utf8(body.to_vec()).unwrap();
        Shown { status: head.status, headers: head.headers, text }
    }

    pub(crate) async fn get(&mut self, world: &World, endpoint: E, uri: &str) -> Shown {
        self.send(world, endpoint, Request::get(uri).body(Bytes::new()).unwrap()).await
    }

    /// Posts a form of one of the pages, as browsers do.
    pub(crate) async fn post(&mut self, world: &World, endpoint: E, pairs: &[(&str, &str)]) -> Shown {
        self.send(world, endpoint, posted(pairs)).await
    }

    /// An authorization request with additional parameters, which replace those of the same name.
    pub(crate) async fn authorize(
        &mut self,
        world: &World,
        client: &str,
        redirect: &str,
        scope: &str,
        more: &[(&str, &str)],
    ) -> Shown {
        let challenge = Challenge::of(VERIFIER);
        let usual = [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("scope", scope),
            ("state", "a state & more"),
            ("resource", ECHO),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let usual = usual.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let pairs: Vec<_> = usual.chain(more).filter(|(_, value)| !value.is_empty()).copied().collect();
        self.get(world, E::Authorize, &format!("{ISSUER}/authorize?{}", form::encode(&pairs))).await
    }

    /// The usual request of `app`.
    pub(crate) async fn begin(&mut self, world: &World, scope: &str) -> Shown {
        self.authorize(world, "app", "https://app.example/back", scope, &[]).await
    }

    /// Loads the login page of a flow and sends it filled in.
    pub(crate) async fn log_in(&mut self, world: &World, id: &str, account: &str, password: &str) -> Shown {
        let page = self.get(world, E::Login, &format!("{ISSUER}/login?flow={id}")).await;
        let csrf = page.field("csrf");
        let pairs = [("flow", id), ("csrf", &csrf), ("account", account), ("password", password)];
        self.post(world, E::Login, &pairs).await
    }

    /// Loads the consent page of a flow and answers it.
    pub(crate) async fn answer(&mut self, world: &World, id: &str, decision: &str) -> Shown {
        let page = self.get(world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await;
        let csrf = page.field("csrf");
        self.post(world, E::Consent, &[("flow", id), ("csrf", &csrf), ("decision", decision)]).await
    }

    /// Begins as Ada with a client, up to the consent page; returns its flow.
    pub(crate) async fn ask_ada(&mut self, world: &World, client: &str, redirect: &str, scope: &str) -> String {
        let start = self.authorize(world, client, redirect, scope, &[]).await;
        let id = start.flow();
        if start.location().contains("/login") {
            let next = self.log_in(world, &id, "ada", PASSWORD).await;
            assert!(next.location().contains("/consent"), "{next:?}");
            return next.flow();
        }
        id
    }

    /// The whole login and consent, with `app`.
    pub(crate) async fn consent_to(&mut self, world: &World, scope: &str) -> Shown {
        let id = self.ask_ada(world, "app", "https://app.example/back", scope).await;
        self.answer(world, &id, "allow").await
    }
}

/// A form of one of the pages, as browsers send it.
pub(crate) fn posted(pairs: &[(&str, &str)]) -> Request<Bytes> {
    Request::builder()
        .method(Method::POST)
        .uri(ISSUER)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, "https://gw.example")
        .header("sec-fetch-site", "same-origin")
        .body(form::encode(pairs).into())
        .unwrap()
}
