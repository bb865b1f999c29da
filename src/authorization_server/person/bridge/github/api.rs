//! Asks GitHub's REST API who a user is, and to which organizations and teams they belong.

use bytes::Bytes;
use http::HeaderValue;

use super::{GitHubBridge, GitHubLink};
use crate::{
    authorization_server::person::bridge::sign_in::unavailable,
    decide::authorization_server::{
        error::{Code, OAuthError},
        github::{self, ApiVerdict, GitHubNames, PAGE, judge, message},
        people::Person,
    },
    outbound::fault::{Fault, FaultKind},
};

/// The maximum length of an answer: a team is described with its organization and its parent.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many pages of a list are read.
const PAGES_MAX: usize = 10;

/// What GitHub says about the user of a token.
pub(super) enum Known {
    /// A user who may sign in.
    User(Person),
    /// A user of none of the organizations and teams that may.
    NotAdmitted(Person),
    /// The token is no longer valid, or the user is suspended.
    Over,
    /// The token may not read what decides, and the operator must act.
    Forbidden(String),
}

/// One answer.
enum Read {
    Body(Bytes),
    Over,
    Forbidden(String),
}

impl GitHubBridge {
    /// Who the user of `token` is, with the claims that count.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(super) async fn user_of(&self, token: &str) -> Result<Known, OAuthError> {
        let known = self.read_user(token).await;
        match &known {
            Err(_) => self.health.unavailable(),
            Ok(Known::Forbidden(why)) => self.health.not_believed(why.clone()),
            Ok(Known::User(_) | Known::NotAdmitted(_)) => self.health.believed(),
            Ok(Known::Over) => {}
        }
        known
    }

    async fn read_user(&self, token: &str) -> Result<Known, OAuthError> {
        let link = self.link();
        let named = link.settings.named();
        let user = match link.read("/user", token, true).await? {
            Read::Body(body) => github::user(&body).ok_or_else(|| unreadable("/user"))?,
            Read::Over => return Ok(Known::Over),
            Read::Forbidden(why) => return Ok(Known::Forbidden(why)),
        };
        let email = match link.read("/user/emails?per_page=100", token, false).await? {
            Read::Body(body) => github::verified_email(&body).ok_or_else(|| unreadable("/user/emails"))?,
            Read::Over => return Ok(Known::Over),
            // A claim that is missing gives nothing.
            Read::Forbidden(why) => {
                tracing::debug!(why, "GitHub does not say the address of a user");
                None
            }
        };
        let mut member_of = GitHubNames::default();
        if !named.organizations.is_empty() {
            let path = "/user/memberships/orgs?state=active";
            member_of.organizations = match link.list(path, token, github::organizations).await? {
                Ok(organizations) => organizations,
                Err(instead) => return Ok(instead),
            };
        }
        if !named.teams.is_empty() {
            member_of.teams = match link.list("/user/teams?", token, github::teams).await? {
                Ok(teams) => teams,
                Err(instead) => return Ok(instead),
            };
        }
        let person = github::person(&user, email.as_deref(), &member_of, &named);
        let admitted = &link.settings.admitted;
        Ok(match admitted.is_empty() || admitted.meets(&member_of) {
            true => Known::User(person),
            false => Known::NotAdmitted(person),
        })
    }
}

impl GitHubLink {
    /// All entries of a list, or what is known instead.
    async fn list(
        &self,
        path: &str,
        token: &str,
        read: impl Fn(&[u8]) -> Option<(Vec<Box<str>>, usize)>,
    ) -> Result<Result<Vec<Box<str>>, Known>, OAuthError> {
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let place = format!("{path}&per_page={PAGE}&page={page}");
            let body = match self.read(&place, token, false).await? {
                Read::Body(body) => body,
                Read::Over => return Ok(Err(Known::Over)),
                Read::Forbidden(why) => return Ok(Err(Known::Forbidden(why))),
            };
            let (entries, count) = read(&body).ok_or_else(|| unreadable(path))?;
            all.extend(entries);
            if count < PAGE {
                return Ok(Ok(all));
            }
        }
        tracing::warn!(path, pages = PAGES_MAX, "GitHub lists more entries of a user than are read");
        Ok(Ok(all))
    }

    async fn read(&self, path: &str, token: &str, is_user: bool) -> Result<Read, OAuthError> {
        let url = format!("{}{path}", self.settings.place.api);
        let authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Code::ServerError.because("GitHub's token cannot be sent in a header"))?;
        let said = self.fetch.look(&self.wanted(&url, BYTES_MAX), Some(authorization)).await;
        let said = said.map_err(|fault| unavailable(&fault))?;
        let place = path.split('?').next().unwrap_or_default();
        let (status, words) = (said.status.as_u16(), || message(&said.body));
        match judge(said.status, &said.fields, &said.body, is_user) {
            ApiVerdict::Good => Ok(Read::Body(said.body)),
            ApiVerdict::Over => {
                tracing::info!(status, said = words(), "GitHub says that a user's token is over");
                Ok(Read::Over)
            }
            ApiVerdict::Forbidden => Ok(Read::Forbidden(format!(
                "login.github: GitHub answers {place} with {status} ({}): a GitHub App needs the organization permission Members (read) and the account permission Email addresses (read), and must be installed at the organization",
                words()
            ))),
            ApiVerdict::Limited => {
                let field = |name: &str| said.fields.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
                let until = field("x-ratelimit-reset").map(|reset| format!("until {reset} (seconds since 1970)"));
                let wait = field("retry-after").map(|wait| format!("for {wait} s"));
                let how_long = wait.or(until).unwrap_or_else(|| "for a while".to_owned());
                let cause =
                    format_args!("{place}: {status}: GitHub limits the requests of this user and app {how_long}");
                Err(unavailable(&Fault::new(FaultKind::TooMany, cause)))
            }
            ApiVerdict::Moment => {
                let cause = format_args!("{place}: {status} {}", words());
                Err(unavailable(&Fault::new(FaultKind::ServerError, cause)))
            }
        }
    }
}

fn unreadable(path: &str) -> OAuthError {
    unavailable(&Fault::new(
        FaultKind::Metadata,
        format_args!("GitHub's answer to {path} is not the JSON that it documents"),
    ))
}
