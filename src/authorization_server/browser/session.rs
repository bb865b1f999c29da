//! Sign-in sessions: which user has logged in with a browser.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        browser::cookie::Cookie,
        embedded::{Asked, Embedded},
        keys::random::unguessable,
        person::accounts::{Account, Accounts},
        settings::Login,
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::{
        digest::{sha256, sha256_base64url},
        limits::authorization_server::LOGIN_AGE,
    },
    decide::authorization_server::{
        error::{Code, OAuthError},
        people::Person,
    },
};

/// A session, stored under the cookie's digest.
#[derive(Serialize, Deserialize)]
struct SignInSession {
    account: Box<str>,
    /// SHA-256 of the password hash: a new password ends the account's sessions.
    proof: [u8; 32],
    /// When it began, in seconds since 1970. Missing in sessions of earlier releases.
    #[serde(default)]
    since: u64,
}

/// A user who has logged in with this browser.
pub(crate) struct SignedIn {
    /// The user, with the account's current groups.
    pub(crate) person: Person,
    /// How long ago, in seconds.
    age: u64,
}

impl SignedIn {
    /// The user; if `max_age` is given, only if they logged in at most so many seconds ago. 0 asks
    /// for a new login in each case (OpenID Connect Core §3.1.2.1).
    pub(crate) fn within(self, max_age: Option<u64>) -> Option<Person> {
        max_age.is_none_or(|max_age| max_age > 0 && self.age <= max_age).then_some(self.person)
    }
}

/// Begins a session with a new cookie, whatever cookie the browser sent: an attacker may have
/// planted that one. Returns `Set-Cookie`.
pub(crate) async fn begin(embedded: &Embedded, asked: &Asked<'_>, person: &Person) -> Result<String, OAuthError> {
    let failed = |cause: &'static str| Code::ServerError.because(cause);
    let store = &embedded.state.store;
    if let Some(old) = Cookie::Login.get(embedded, &asked.head.headers) {
        store.delete(EntryKind::Login, &sha256_base64url(old)).await?;
    }
    let account = accounts(embedded)?.find(person.account.as_deref().unwrap_or_default());
    let account = account.ok_or_else(|| failed("the account that logged in was removed"))?;
    let session = SignInSession { account: account.name.clone(), proof: proof(account), since: asked.now.unix_secs() };
    let value = serde_json::to_vec(&session).map_err(|_| failed("a session cannot be written as JSON"))?;
    let cookie = unguessable().map_err(failed)?;
    store.put(EntryKind::Login, &sha256_base64url(&cookie), value, asked.now.wall.saturating_add(LOGIN_AGE)).await?;
    Ok(Cookie::Login.set(embedded, &cookie, LOGIN_AGE.as_secs()))
}

/// The user who has logged in with this browser.
pub(crate) async fn signed_in(embedded: &Embedded, asked: &Asked<'_>) -> Result<Option<SignedIn>, StoreFault> {
    let Some(cookie) = Cookie::Login.get(embedded, &asked.head.headers) else { return Ok(None) };
    let Some(value) = embedded.state.store.get(EntryKind::Login, &sha256_base64url(cookie)).await? else {
        return Ok(None);
    };
    let session = serde_json::from_slice::<SignInSession>(&value).ok();
    Ok(session.and_then(|session| {
        let account = accounts(embedded).ok()?.find(&session.account)?;
        let age = asked.now.unix_secs().saturating_sub(session.since);
        let is_current = verify_slices_are_equal(&proof(account), &session.proof).is_ok();
        is_current.then(|| SignedIn { person: account.person(), age })
    }))
}

/// The local accounts, if users log in with these.
///
/// # Errors
/// `invalid_request`.
pub(crate) fn accounts(embedded: &Embedded) -> Result<&Accounts, OAuthError> {
    match &embedded.settings.login {
        Login::Accounts(accounts) => Ok(accounts),
        Login::Oidc(_) | Login::GitHub(_) => Err(Code::InvalidRequest.because("there are no local accounts here")),
    }
}

fn proof(account: &Account) -> [u8; 32] {
    sha256(account.hash.as_bytes())
}
