//! Reads the answers of GitHub's REST API.

use std::{fmt, marker::PhantomData};

use http::{
    HeaderMap, StatusCode,
    header::{LINK, RETRY_AFTER},
};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::Value;

use crate::decide::authorization_server::github::names::{GitHubMembership, is_login, is_team_name};

/// How many entries of a list one page has.
pub const PAGE: usize = 100;
/// The longest address (RFC 5321 §4.5.3.1).
const EMAIL_BYTES_MAX: usize = 254;

/// The user of a token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GitHubUser {
    /// Never given to another user of the same GitHub.
    pub id: u64,
    /// The login; it can be renamed, and taken by another user then.
    pub login: Box<str>,
    /// The name in the profile.
    #[serde(default)]
    pub name: Option<Box<str>>,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiVerdict {
    /// The body counts.
    Good,
    /// The token is not valid.
    Over,
    /// The user is suspended.
    Suspended,
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
    let said = || message(body).to_ascii_lowercase();
    // A secondary limit may say so in words alone.
    let is_limited = || {
        let has_none_left = fields.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        fields.contains_key(RETRY_AFTER)
            || has_none_left
            || ["rate limit", "abuse"].iter().any(|word| said().contains(word))
    };
    let is_suspended = || said().contains("account") && said().contains("suspended");
    match status.as_u16() {
        200 => ApiVerdict::Good,
        401 if is_user => ApiVerdict::Over,
        429 => ApiVerdict::Limited,
        403 if is_limited() => ApiVerdict::Limited,
        403 if is_user && is_suspended() => ApiVerdict::Suspended,
        // Without the scope or the permission, GitHub says that nothing is there.
        403 | 404 if !is_user => ApiVerdict::Forbidden,
        _ => ApiVerdict::Moment,
    }
}

/// Whether another page follows (RFC 8288).
#[must_use]
pub fn has_next(fields: &HeaderMap) -> bool {
    let links = fields.get_all(LINK).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    links.flat_map(|link| link.split(';')).any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"))
}

/// The scopes of the token of an OAuth app, which each answer says; `None` for a GitHub App.
#[must_use]
pub fn scopes(fields: &HeaderMap) -> Option<Vec<Box<str>>> {
    let value = fields.get("x-oauth-scopes")?.to_str().ok()?;
    Some(value.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(Box::from).collect())
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
    (user.id != 0 && is_login(&user.login)).then_some(user)
}

/// The primary address of `GET /user/emails`, if it is verified. `None` if the body is no such
/// list.
#[must_use]
pub fn verified_email(body: &[u8]) -> Option<Option<Box<str>>> {
    #[derive(Deserialize)]
    struct Listed {
        email: Box<str>,
        primary: bool,
        verified: bool,
    }
    let page: Page<Listed> = serde_json::from_slice(body).ok()?;
    let primary = page.entries.into_iter().find(|one| one.primary);
    let is_short = |email: &str| !email.is_empty() && email.len() <= EMAIL_BYTES_MAX;
    Some(primary.filter(|one| one.verified).map(|one| one.email).filter(|email| is_short(email)))
}

/// One page of a list.
pub struct MembershipPage {
    /// What could be read.
    pub memberships: Vec<GitHubMembership>,
    /// Whether it has as many entries as a page can have.
    pub is_full: bool,
}

/// The organizations of one page of `GET /user/memberships/orgs` in which the user is an active
/// member. A billing manager is no member.
#[must_use]
pub fn organizations(body: &[u8]) -> Option<MembershipPage> {
    #[derive(Deserialize)]
    struct Listed {
        state: Box<str>,
        role: Box<str>,
        organization: Named,
    }
    page(body, |one: Listed| {
        let is_member = *one.state == *"active" && matches!(&*one.role, "admin" | "member");
        let Named { login: name, id } = one.organization;
        (is_member && is_login(&name)).then_some(GitHubMembership { name, id })
    })
}

/// The teams of one page of `GET /user/teams`, as `organization/slug`.
#[must_use]
pub fn teams(body: &[u8]) -> Option<MembershipPage> {
    #[derive(Deserialize)]
    struct Listed {
        id: u64,
        slug: Box<str>,
        organization: Named,
    }
    page(body, |one: Listed| {
        let name = format!("{}/{}", one.organization.login, one.slug);
        is_team_name(&name).then(|| GitHubMembership { name: name.into(), id: one.id })
    })
}

#[derive(Deserialize)]
struct Named {
    login: Box<str>,
    id: u64,
}

fn page<T: for<'de> Deserialize<'de>>(
    body: &[u8],
    read: impl Fn(T) -> Option<GitHubMembership>,
) -> Option<MembershipPage> {
    let page: Page<T> = serde_json::from_slice(body).ok()?;
    let memberships = page.entries.into_iter().filter_map(read).collect();
    Some(MembershipPage { memberships, is_full: page.count == PAGE })
}

/// A list of at most [`PAGE`] entries. Entries of another form are left out.
struct Page<T> {
    entries: Vec<T>,
    count: usize,
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PageVisitor(PhantomData))
    }
}

struct PageVisitor<T>(PhantomData<T>);

impl<'de, T: for<'any> Deserialize<'any>> Visitor<'de> for PageVisitor<T> {
    type Value = Page<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a list of at most {PAGE} entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Page<T>, A::Error> {
        let mut page = Page { entries: Vec::new(), count: 0 };
        while let Some(entry) = list.next_element::<Value>()? {
            page.count += 1;
            if page.count > PAGE {
                return Err(serde::de::Error::invalid_length(page.count, &self));
            }
            page.entries.extend(serde_json::from_value(entry).ok());
        }
        Ok(page)
    }
}
