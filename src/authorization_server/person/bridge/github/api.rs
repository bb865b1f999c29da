//! Asks GitHub's REST API who a user is, and to which organizations and teams they belong.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tokio::time::{sleep, timeout};

use super::{GitHubBridge, GitHubLink};
use crate::{
    authorization_server::person::bridge::sign_in::unavailable,
    decide::authorization_server::{
        error::{Code, OAuthError},
        github::{
            answers::{self, ApiVerdict, MembershipPage, PAGE, has_next, judge, message},
            names::{GitHubMembership, GitHubMemberships},
            person::{GitHubSaid, person},
            token::permits,
        },
        people::Person,
    },
    outbound::fault::{Fault, FaultKind},
};

/// The maximum length of an answer: a team is described with its organization and its parent.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// How many pages of a list are read.
const PAGES_MAX: usize = 10;
/// How long all questions about one user may take.
const USER_TIMEOUT: Duration = Duration::from_secs(25);
/// The waits before a token that GitHub refuses is tried again: for some seconds it may not yet
/// know a token that it has just issued, and a single 401 ends a login for good.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// What GitHub says about the user of a token.
pub(super) enum Known {
    /// A user who may sign in.
    User(Person),
    /// A user of none of the organizations and teams that may.
    NotAdmitted(Person),
    /// GitHub does not accept the token.
    Refused,
    /// The token lacks a scope of the present configuration, or its user is suspended.
    Over,
    /// GitHub does not say what decides about this user.
    Forbidden,
}

/// One answer.
enum Read {
    Body(Bytes, HeaderMap),
    Over,
    Suspended,
    Forbidden(String),
}

impl GitHubBridge {
    /// Who the user of `token` is, with the claims that count.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(super) async fn user_of(&self, token: &str) -> Result<Known, OAuthError> {
        let known = timeout(USER_TIMEOUT, Box::pin(self.read_user(token))).await.unwrap_or_else(|_| {
            let cause = format_args!("GitHub's REST API did not say within {USER_TIMEOUT:?} who a user is");
            Err(unavailable(&Fault::new(FaultKind::Timeout, cause)))
        });
        match &known {
            Err(_) => {
                self.health.unavailable();
                self.suspect();
            }
            Ok(Known::User(_) | Known::NotAdmitted(_)) => {
                self.refused_users().clear();
                self.health.believed();
            }
            Ok(Known::Refused | Known::Over | Known::Forbidden) => {}
        }
        known
    }

    async fn read_user(&self, token: &str) -> Result<Known, OAuthError> {
        let link = self.link();
        let settings = &link.settings;
        let named = settings.named();
        let (body, fields) = match link.read_again("/user", token).await? {
            Read::Body(body, fields) => (body, fields),
            Read::Over | Read::Forbidden(_) => return Ok(Known::Refused),
            Read::Suspended => return Ok(Known::Over),
        };
        // The configuration may name an organization since the user signed in. Then another
        // sign-in helps, and nothing else does.
        let granted = answers::scopes(&fields).filter(|_| !token.starts_with("ghu_"));
        if let Some(granted) = granted
            && let Some(missing) = settings.scopes().into_iter().find(|scope| !permits(&granted, scope))
        {
            tracing::info!(
                scope = missing,
                "a user's token of GitHub lacks a scope that the configuration needs now; the user must sign in again"
            );
            return Ok(Known::Over);
        }
        let user = answers::user(&body).ok_or_else(|| unreadable("/user"))?;
        let email = match link.read("/user/emails?per_page=100", token, false).await? {
            Read::Body(body, _) => answers::verified_email(&body).ok_or_else(|| unreadable("/user/emails"))?,
            Read::Forbidden(why) if settings.uses_email => return Ok(self.forbidden(user.id, &why)),
            // A claim that no grant names gives nothing.
            Read::Over | Read::Suspended | Read::Forbidden(_) => None,
        };
        let mut member_of = GitHubMemberships::default();
        for (is_needed, path, read, into) in [
            (
                !named.organizations.is_empty(),
                "/user/memberships/orgs?state=active&",
                answers::organizations as fn(&[u8]) -> Option<MembershipPage>,
                &mut member_of.organizations,
            ),
            (!named.teams.is_empty(), "/user/teams?", answers::teams, &mut member_of.teams),
        ] {
            if is_needed {
                match link.list(path, token, read).await? {
                    Ok(memberships) => *into = memberships,
                    Err(why) => return Ok(self.forbidden(user.id, &why)),
                }
            }
        }
        let numbered = named.numbered(&member_of);
        tracing::info!(user = user.id, member_of = numbered, "GitHub says where a user is a member");
        let said = GitHubSaid { user: &user, email: email.as_deref(), member_of: &member_of };
        let person = person(&said, &named, &settings.place, settings.trust_email);
        let admitted = &settings.admitted;
        Ok(match admitted.is_empty() || !admitted.among(&member_of).is_empty() {
            true => Known::User(person),
            false => Known::NotAdmitted(person),
        })
    }

    /// GitHub does not say something about this user: by single sign-on or an organization's
    /// restrictions, which are about the user, or by a permission that the app lacks. Only the same
    /// for two users in a row is reported as the operator's trouble.
    fn forbidden(&self, user: u64, why: &str) -> Known {
        let mut users = self.refused_users();
        if !users.contains(&user) && users.len() < 2 {
            users.push(user);
        }
        if users.len() < 2 {
            tracing::warn!(user, "{why}");
        } else {
            self.health.not_believed(why.to_owned());
        }
        Known::Forbidden
    }
}

impl GitHubLink {
    /// All entries of a list, or why GitHub does not show it.
    async fn list(
        &self,
        path: &str,
        token: &str,
        read: fn(&[u8]) -> Option<MembershipPage>,
    ) -> Result<Result<Vec<GitHubMembership>, String>, OAuthError> {
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let place = format!("{path}per_page={PAGE}&page={page}");
            let (body, fields) = match self.read(&place, token, false).await? {
                Read::Body(body, fields) => (body, fields),
                Read::Over | Read::Suspended => return Err(unreadable(path)),
                Read::Forbidden(why) => return Ok(Err(why)),
            };
            let one = read(&body).ok_or_else(|| unreadable(path))?;
            all.extend(one.memberships);
            if !one.is_full && !has_next(&fields) {
                return Ok(Ok(all));
            }
        }
        tracing::warn!(
            path,
            pages = PAGES_MAX,
            "GitHub lists more organizations or teams of a user than are read; the others do not count"
        );
        Ok(Ok(all))
    }

    /// As [`Self::read`] about the user themselves; a refused token is tried again.
    async fn read_again(&self, path: &str, token: &str) -> Result<Read, OAuthError> {
        for wait in AGAIN {
            match self.read(path, token, true).await? {
                Read::Over => sleep(wait).await,
                read => return Ok(read),
            }
        }
        self.read(path, token, true).await
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
            ApiVerdict::Good => Ok(Read::Body(said.body, said.fields)),
            ApiVerdict::Over => {
                tracing::info!(status, said = words(), "GitHub does not accept a user's token");
                Ok(Read::Over)
            }
            ApiVerdict::Suspended => {
                tracing::info!(status, said = words(), "GitHub has suspended a user");
                Ok(Read::Suspended)
            }
            ApiVerdict::Forbidden => Ok(Read::Forbidden(format!(
                "login.github: GitHub answers {place} with {status} ({}): a GitHub App needs the organization permission Members (read) and the account permission Email addresses (read), and must be installed at the organization; an organization with single sign-on must have approved this user's sign-in",
                words()
            ))),
            ApiVerdict::Limited => {
                let field = |name: &str| said.fields.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
                let until = field("x-ratelimit-reset").map(|reset| format!("until {reset} (seconds since 1970)"));
                let wait = field("retry-after").map(|wait| format!("for {wait} s"));
                let how_long = wait.or(until).unwrap_or_else(|| "for a minute or more".to_owned());
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

    /// Whether the REST API is there: without a token it asks for one.
    pub(super) async fn looks_like_the_api(&self) -> Result<(), String> {
        let url = format!("{}/user", self.settings.place.api);
        let said = self.fetch.look(&self.wanted(&url, BYTES_MAX), None).await.map_err(|fault| fault.to_string())?;
        // GitHub asks for a token in JSON; it may also be tired of this address.
        let is_api = matches!(said.status.as_u16(), 401 | 403 | 429) && !message(&said.body).is_empty();
        if is_api {
            Ok(())
        } else {
            Err(format!("{url} answers {}, which is not the REST API of GitHub: check login.github.url", said.status))
        }
    }
}

fn unreadable(path: &str) -> OAuthError {
    let path = path.split('?').next().unwrap_or_default();
    unavailable(&Fault::new(
        FaultKind::Metadata,
        format_args!("GitHub's answer to {path} is not the JSON that it documents"),
    ))
}
