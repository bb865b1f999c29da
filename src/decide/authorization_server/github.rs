//! GitHub as the place of sign-in: where it is, what it says about a user, and what that means.
//!
//! GitHub is no OpenID Connect provider: it has no ID tokens and no metadata. Who has signed in,
//! and which teams they are in, is read from its REST API with the user's token.
//! <https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>
//! <https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app>

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::decide::authorization_server::{idp_refusal::IdpRefusal, people::Person};

#[cfg(test)]
mod tests;

/// How many entries of a list one page has.
pub const PAGE: usize = 100;
/// The longest login of a user or an organization, and the longest slug of a team.
const NAME_BYTES_MAX: usize = 255;
/// The longest display name.
const DISPLAY_CHARS_MAX: usize = 80;
/// The claims that a user of GitHub has.
pub const CLAIMS: [&str; 7] = ["id", "login", "name", "email", "email_verified", "organizations", "teams"];

/// Where a GitHub is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHubPlace {
    /// The origin of its pages and of its token endpoint.
    pub web: Box<str>,
    /// The base of its REST API.
    pub api: Box<str>,
}

impl GitHubPlace {
    /// GitHub itself, a GitHub with data residency (`….ghe.com`), or a GitHub Enterprise Server.
    #[must_use]
    pub fn of(https: bool, host: &str, port: u16) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_usual = https && port == 443;
        if is_usual && matches!(&*host, "github.com" | "www.github.com" | "api.github.com") {
            return Self { web: "https://github.com".into(), api: "https://api.github.com".into() };
        }
        let shown = if host.contains(':') { format!("[{host}]") } else { host };
        let web = match (https, port) {
            (true, 443) => format!("https://{shown}"),
            (false, 80) => format!("http://{shown}"),
            (true, _) => format!("https://{shown}:{port}"),
            (false, _) => format!("http://{shown}:{port}"),
        };
        let api = match is_usual && shown.ends_with(".ghe.com") {
            true => format!("https://api.{shown}"),
            false => format!("{web}/api/v3"),
        };
        Self { web: web.into(), api: api.into() }
    }

    /// The name that GitHub gives itself in answers (RFC 9207).
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/login/oauth", self.web)
    }
}

/// Whether this can be the login of an organization.
#[must_use]
pub fn is_organization(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain)
}

/// Whether this can name a team: `organization/slug`.
#[must_use]
pub fn is_team(name: &str) -> bool {
    let Some((organization, slug)) = name.split_once('/') else { return false };
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
    is_organization(organization) && !slug.is_empty() && slug.len() <= NAME_BYTES_MAX && slug.chars().all(is_plain)
}

/// The organizations and teams that the configuration names, as it spells them. GitHub ignores the
/// case of these names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitHubNames {
    /// Logins of organizations.
    pub organizations: Vec<Box<str>>,
    /// Teams, as `organization/slug`.
    pub teams: Vec<Box<str>>,
}

impl GitHubNames {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.organizations.is_empty() && self.teams.is_empty()
    }

    /// Whether one of these is among `others`.
    #[must_use]
    pub fn meets(&self, others: &Self) -> bool {
        let meet = |ours: &[Box<str>], theirs: &[Box<str>]| {
            ours.iter().any(|our| theirs.iter().any(|their| our.eq_ignore_ascii_case(their)))
        };
        meet(&self.organizations, &others.organizations) || meet(&self.teams, &others.teams)
    }

    /// These and those.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        let all = |ours: &[Box<str>], theirs: &[Box<str>]| {
            let mut all: Vec<Box<str>> = ours.to_vec();
            all.extend(theirs.iter().filter(|their| !ours.contains(their)).cloned());
            all
        };
        Self { organizations: all(&self.organizations, &more.organizations), teams: all(&self.teams, &more.teams) }
    }
}

/// The user of a token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GitHubUser {
    /// Never given to another user.
    pub id: u64,
    /// The login; it can be renamed, and taken by another user then.
    pub login: Box<str>,
    /// The name in the profile.
    #[serde(default)]
    pub name: Option<Box<str>>,
}

/// What an answer of the REST API means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiVerdict {
    /// The body counts.
    Good,
    /// The token is no longer valid, or the user is suspended.
    Over,
    /// GitHub limits the number of requests.
    Limited,
    /// The token may not read this.
    Forbidden,
    /// GitHub cannot answer now.
    Moment,
}

/// What an answer with this status means. `is_user` says that it is about the user themselves:
/// only that one can end a session.
#[must_use]
pub fn judge(status: StatusCode, fields: &HeaderMap, body: &[u8], is_user: bool) -> ApiVerdict {
    let is_limited =
        || fields.contains_key(RETRY_AFTER) || fields.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    match status.as_u16() {
        200 => ApiVerdict::Good,
        401 if is_user => ApiVerdict::Over,
        429 => ApiVerdict::Limited,
        403 if is_limited() => ApiVerdict::Limited,
        403 if is_user && message(body).to_ascii_lowercase().contains("suspended") => ApiVerdict::Over,
        // Without the scope or the permission, GitHub says that nothing is there.
        403 | 404 if !is_user => ApiVerdict::Forbidden,
        _ => ApiVerdict::Moment,
    }
}

/// GitHub's own words in a refusal, shortened to what a log line can show.
#[must_use]
pub fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        message: String,
    }
    let said = serde_json::from_slice::<Said>(body).map(|said| said.message).unwrap_or_default();
    said.chars().filter(|c| (' '..='~').contains(c) && !matches!(c, '"' | '\\')).take(200).collect()
}

/// The user of `GET /user`.
#[must_use]
pub fn user(body: &[u8]) -> Option<GitHubUser> {
    let user: GitHubUser = serde_json::from_slice(body).ok()?;
    (user.id != 0 && !user.login.is_empty() && user.login.len() <= NAME_BYTES_MAX).then_some(user)
}

/// The primary address of `GET /user/emails`, if it is verified. `None` if the body is no such
/// list.
#[must_use]
pub fn verified_email(body: &[u8]) -> Option<Option<Box<str>>> {
    #[derive(Deserialize)]
    struct Listed {
        email: Option<Box<str>>,
        #[serde(default)]
        primary: bool,
        #[serde(default)]
        verified: bool,
    }
    let listed: Vec<Listed> = serde_json::from_slice(body).ok()?;
    let primary = listed.into_iter().find(|one| one.primary && one.verified);
    Some(primary.and_then(|one| one.email).filter(|email| !email.is_empty()))
}

/// The organizations of one page of `GET /user/memberships/orgs` in which the user is an active
/// member, and how many entries the page has. A billing manager is no member.
#[must_use]
pub fn organizations(body: &[u8]) -> Option<(Vec<Box<str>>, usize)> {
    #[derive(Deserialize)]
    struct Membership {
        state: Option<Box<str>>,
        role: Option<Box<str>>,
        organization: Option<Named>,
    }
    let listed: Vec<Membership> = serde_json::from_slice(body).ok()?;
    let count = listed.len();
    let is_member = |one: &Membership| {
        one.state.as_deref() == Some("active") && matches!(one.role.as_deref(), Some("admin" | "member"))
    };
    let members = listed.into_iter().filter(is_member);
    let logins = members.filter_map(|one| one.organization?.login).filter(|login| is_organization(login));
    Some((logins.collect(), count))
}

/// The teams of one page of `GET /user/teams`, as `organization/slug`, and how many entries the
/// page has.
#[must_use]
pub fn teams(body: &[u8]) -> Option<(Vec<Box<str>>, usize)> {
    #[derive(Deserialize)]
    struct Team {
        slug: Option<Box<str>>,
        organization: Option<Named>,
    }
    let listed: Vec<Team> = serde_json::from_slice(body).ok()?;
    let count = listed.len();
    let name = |team: Team| Some(format!("{}/{}", team.organization?.login?, team.slug?).into_boxed_str());
    Some((listed.into_iter().filter_map(name).filter(|name| is_team(name)).collect(), count))
}

#[derive(Deserialize)]
struct Named {
    login: Option<Box<str>>,
}

/// The user with their claims. Of organizations and teams only those are claims that `named` has,
/// in its spelling: users are in hundreds.
#[must_use]
pub fn person(user: &GitHubUser, email: Option<&str>, member_of: &GitHubNames, named: &GitHubNames) -> Person {
    let among = |named: &[Box<str>], of: &[Box<str>]| -> Vec<Box<str>> {
        named.iter().filter(|name| of.iter().any(|one| one.eq_ignore_ascii_case(name))).cloned().collect()
    };
    let mut claims = Map::new();
    claims.insert("id".to_owned(), json!(user.id));
    claims.insert("login".to_owned(), json!(user.login));
    let name = user.name.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = name {
        claims.insert("name".to_owned(), json!(name.chars().take(DISPLAY_CHARS_MAX).collect::<String>()));
    }
    if let Some(email) = email {
        claims.insert("email".to_owned(), json!(email));
        claims.insert("email_verified".to_owned(), Value::Bool(true));
    }
    claims.insert("organizations".to_owned(), json!(among(&named.organizations, &member_of.organizations)));
    claims.insert("teams".to_owned(), json!(among(&named.teams, &member_of.teams)));
    Person {
        subject: user.id.to_string().into(),
        name: user.login.chars().take(DISPLAY_CHARS_MAX).collect::<String>().into(),
        account: None,
        groups: Vec::new(),
        claims,
    }
}

/// What GitHub's token endpoint answers.
#[derive(Debug, PartialEq, Eq)]
pub enum TokenAnswer {
    /// Tokens.
    Granted(GitHubTokens),
    /// An error code, perhaps with status 200.
    Refused(String),
}

/// What GitHub granted.
#[derive(Debug, PartialEq, Eq)]
pub struct GitHubTokens {
    /// For the REST API.
    pub access_token: Box<str>,
    /// Only a GitHub App whose user tokens expire has one.
    pub refresh_token: Option<Box<str>>,
    /// Whether a GitHub App issued it, whose permissions count in place of scopes.
    pub is_of_app: bool,
    /// The scopes of a token of an OAuth app.
    pub scopes: Vec<Box<str>>,
}

impl GitHubTokens {
    /// Whether the token may do what `scope` permits. Users can take scopes out of the request.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        let wider: &[&str] = match scope {
            "read:org" => &["write:org", "admin:org"],
            "user:email" => &["user"],
            _ => &[],
        };
        self.is_of_app || self.scopes.iter().any(|one| **one == *scope || wider.contains(&&**one))
    }
}

/// Reads an answer of the token endpoint; `None` if it is neither.
#[must_use]
pub fn token_answer(body: &[u8]) -> Option<TokenAnswer> {
    #[derive(Deserialize)]
    struct Said {
        error: Option<String>,
        access_token: Option<Box<str>>,
        refresh_token: Option<Box<str>>,
        scope: Option<String>,
    }
    let said: Said = serde_json::from_slice(body).ok()?;
    if let Some(error) = said.error {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        return Some(TokenAnswer::Refused(error.chars().filter(is_plain).take(64).collect()));
    }
    let access_token = said.access_token.filter(|token| !token.is_empty())?;
    let scope = said.scope.unwrap_or_default();
    Some(TokenAnswer::Granted(GitHubTokens {
        is_of_app: access_token.starts_with("ghu_"),
        access_token,
        refresh_token: said.refresh_token.filter(|token| !token.is_empty()),
        scopes: scope.split([',', ' ']).filter(|one| !one.is_empty()).map(Box::from).collect(),
    }))
}

/// Whom a refusal of the token endpoint is about.
/// <https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps>, "troubleshooting".
#[must_use]
pub fn classify(status: StatusCode, error: &str) -> IdpRefusal {
    if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        return IdpRefusal::Moment;
    }
    match error {
        "bad_verification_code" | "bad_refresh_token" | "invalid_grant" => IdpRefusal::Session,
        // The user must verify their address first.
        "unverified_user_email" => IdpRefusal::Session,
        // `Not Found` is the answer to an unknown client id.
        "incorrect_client_credentials" | "redirect_uri_mismatch" | "unsupported_grant_type" | "Not Found" => {
            IdpRefusal::Gateway
        }
        "invalid_client" | "unauthorized_client" | "application_suspended" => IdpRefusal::Gateway,
        _ => IdpRefusal::Moment,
    }
}
