//! A browser that signs users in: keeps cookies, follows redirects, fills in the forms it is shown.

use url::Url;

use super::world::LoginWorld;
use crate::e2e::world::{Ask, Reply};

/// Steps of one sign-in: more is a loop.
const STEPS_MAX: usize = 20;

/// The cookies of one user's browser at the gateway, and what they type.
#[derive(Clone, Default)]
pub struct Browser {
    pub cookies: Vec<(String, String)>,
    /// What the user types into the sign-in page.
    pub account: String,
    pub password: String,
    /// Which button of the consent page the user presses: `allow` or `deny`.
    pub decision: String,
    /// The address that a trusted proxy in front says it has.
    pub from: Option<String>,
    /// Which replica gets each request in turn.
    pub replicas: Vec<usize>,
    /// The paths that answered, without queries: `/oauth/login`, `/oauth/consent`, ….
    pub visited: Vec<String>,
    pub steps: usize,
    /// Whether it shows the first consent page instead of answering it.
    pub stops_at_consent: bool,
    /// Where redirects may lead since a form was filled in; `None`: anywhere.
    pub form_action: Option<Vec<String>>,
}

/// What a browser shows at the end.
#[derive(Debug)]
pub enum Shown {
    /// The browser was sent on to a client's address.
    Left(Url),
    /// A page that has no form to fill in, or that came again after it was filled in.
    Page(Reply),
}

impl Browser {
    /// Of a user who knows their password and allows everything.
    pub fn of(account: &str, password: &str) -> Self {
        Self {
            account: account.to_owned(),
            password: password.to_owned(),
            decision: "allow".to_owned(),
            replicas: vec![0],
            ..Self::default()
        }
    }

    /// Opens a URL of the gateway and goes on until the browser leaves or is stuck.
    pub async fn open(&mut self, login: &LoginWorld, url: &str) -> Shown {
        self.form_action = None;
        let mut reply = self.get(login, url).await;
        let mut typed = false;
        for _ in 0..STEPS_MAX {
            let text = reply.text();
            // A page may lead on at once, as a redirect does.
            let refresh = reply.header("refresh").and_then(|value| value.strip_prefix("0; url="));
            if let Some(location) = reply.header("location").or(refresh) {
                let next = login.world.public.parse::<Url>().unwrap().join(location).unwrap();
                self.check_form_action(&reply, &next);
                match self.follow(login, next).await {
                    Ok(next) => reply = next,
                    Err(left) => return Shown::Left(left),
                }
            } else if text.contains("name=\"password\"") && !typed {
                typed = true;
                let (account, password) = (self.account.clone(), self.password.clone());
                reply = self.submit(login, &reply, &[("account", &account), ("password", &password)]).await;
            } else if text.contains("name=\"decision\"") && !self.stops_at_consent {
                let decision = self.decision.clone();
                reply = self.submit(login, &reply, &[("decision", &decision)]).await;
            } else {
                return Shown::Page(reply);
            }
        }
        panic!("the sign-in goes round in circles: {:?}", self.visited);
    }

    /// As Chromium does: a redirect that follows a form must be to an origin that the page of the
    /// form allows, and a page that leads on ends this (login B4).
    fn check_form_action(&mut self, reply: &Reply, next: &Url) {
        if reply.header("location").is_none() {
            self.form_action = None;
        }
        let is_within = |base: &String| next.as_str().strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        let allowed = self.form_action.as_ref().is_none_or(|bases| bases.iter().any(is_within));
        assert!(allowed, "form-action {:?} forbids the redirect to {next}: {:?}", self.form_action, self.visited);
    }

    /// Opens a URL of the gateway; follows nothing.
    pub async fn get(&mut self, login: &LoginWorld, url: &str) -> Reply {
        let target = url.strip_prefix(&login.world.public).unwrap_or(url);
        self.send(login, Ask::get(target).with("Accept", "text/html"), target).await
    }

    /// Fills in the form of a page and sends it.
    pub async fn submit(&mut self, login: &LoginWorld, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let text = page.text();
        let action = attribute(&text, "action=\"").unwrap_or_else(|| panic!("a page without a form: {page:?}"));
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for input in text.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if input.contains("type=\"hidden\"") {
                let (name, value) = (attribute(input, "name=\""), attribute(input, "value=\""));
                body.append_pair(&name.unwrap(), &value.unwrap_or_default());
            }
        }
        body.extend_pairs(fields);
        let target = action.strip_prefix(&login.world.public).unwrap_or(&action).to_owned();
        let policy = page.header("content-security-policy").unwrap_or_default();
        self.form_action = policy.contains("form-action 'self'").then(|| vec![login.world.public.clone()]);
        let ask = Ask::new("POST", &target)
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Origin", &login.world.public)
            .with("Sec-Fetch-Site", "same-origin")
            .body(body.finish());
        self.send(login, ask, &target).await
    }

    /// The next answer, or the client's address.
    async fn follow(&mut self, login: &LoginWorld, next: Url) -> Result<Reply, Url> {
        let is_within = |base: &str| next.as_str().strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        if is_within(&login.world.public) {
            return Ok(self.get(login, next.as_str()).await);
        }
        if let Some((server, url)) = login.sign_in_place().filter(|(_, url)| is_within(url)) {
            self.visited.push("idp".to_owned());
            let target = next.as_str().strip_prefix(&url).unwrap().to_owned();
            // The user fills in a form there, whose page allows the IdP and the gateway alone.
            let is_silent = next.query_pairs().any(|(name, value)| name == "prompt" && value == "none");
            self.form_action = (!is_silent).then(|| vec![url, login.world.public.clone()]);
            let address = server.address();
            let mut live = login.world.connect_to(address).await;
            live.write(&Ask::get(&target).bytes(&address.to_string())).await;
            live.head(false).await;
            return Ok(live.rest().await);
        }
        Err(next)
    }

    async fn send(&mut self, login: &LoginWorld, ask: Ask, target: &str) -> Reply {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let ask = if cookies.is_empty() { ask } else { ask.with("Cookie", cookies.join("; ")) };
        let ask = match &self.from {
            Some(from) => ask.with("X-Forwarded-For", from),
            None => ask,
        };
        let replica = self.replicas[self.steps % self.replicas.len()];
        self.steps += 1;
        let reply = login.send_to(replica, &ask).await;
        self.visited.push(target.split('?').next().unwrap().to_owned());
        for line in reply.all("set-cookie") {
            let (name, rest) = line.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), rest.split(';').next().unwrap().to_owned()));
            }
        }
        reply
    }
}

impl Shown {
    /// A parameter of the address that the browser was sent on to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let Self::Left(url) = self else { panic!("the browser never left: {self:?}") };
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The page that the browser is stuck at.
    pub fn page(&self) -> &Reply {
        match self {
            Self::Page(reply) => reply,
            Self::Left(url) => panic!("the browser was sent on to {url}"),
        }
    }
}

/// The value of an attribute, with the escapes of the pages undone.
fn attribute(markup: &str, mark: &str) -> Option<String> {
    let (_, rest) = markup.split_once(mark)?;
    let value = rest.split('"').next()?;
    Some(value.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'"))
}
