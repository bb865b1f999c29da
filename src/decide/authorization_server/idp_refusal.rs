//! Whom a refusal of the company IdP is about: the session, the gateway, or the moment (SPEC E-46).
//!
//! At a refresh the IdP is asked about one session. What it says about that session ends it, so
//! that the client signs in again. What it says about the gateway is for the operator: sessions
//! must survive a wrong secret. RFC 6749 §5.2 has a code for each, but many IdPs use others.

use std::time::Duration;

use http::StatusCode;

#[cfg(test)]
mod tests;

/// Whom a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdpRefusal {
    /// The session (or the code): it is over.
    Session,
    /// The gateway, as a client of the IdP: the operator must act.
    Gateway,
    /// The session or the gateway: [`UnclearRefusals`] decides.
    Unclear,
    /// Neither: the IdP cannot answer now.
    Moment,
}

/// The table: what IdPs answer when a session is over, when the client is wrong, and when they are
/// in trouble. `error` is empty if the answer has none.
#[must_use]
pub fn classify(status: StatusCode, error: &str) -> IdpRefusal {
    use IdpRefusal as R;
    if !status.is_client_error() || matches!(status.as_u16(), 408 | 425 | 429) {
        return R::Moment;
    }
    let is_refusal = matches!(status.as_u16(), 400 | 401 | 403);
    match error {
        // `invalid_scope`: the gateway names no scope at a refresh, so it is about the client.
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" => R::Gateway,
        // A refused credential, also by IdPs without words for it (RFC 9110 §15.5.2).
        "" if status == StatusCode::UNAUTHORIZED => R::Gateway,
        "temporarily_unavailable" | "server_error" | "slow_down" => R::Moment,
        // RFC 6749 §5.2; Auth0 answers `invalid_grant` with 403, others with 404 or 422.
        "invalid_grant" => R::Session,
        // OpenID Connect Core §3.1.2.6: Entra ID and others answer so when the user must act.
        "interaction_required" | "login_required" | "consent_required" | "account_selection_required" => R::Session,
        // No OAuth error: a proxy in between, or a wrong path.
        _ if !is_refusal || !is_code(error) => R::Moment,
        // Canaille and LemonLDAP::NG answer `invalid_request` for an ended or locked session;
        // others have their own words, such as `access_denied` or `session_expired`.
        _ => R::Unclear,
    }
}

/// Whether `error` looks like a code of OAuth; frameworks answer with words such as "Bad Request".
fn is_code(error: &str) -> bool {
    (1..=CODE_CHARS_MAX).contains(&error.len())
        && error.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// The longest error code; registered codes have up to 36 characters.
const CODE_CHARS_MAX: usize = 64;

/// How many different users must get the same unclear refusal in a row, for the gateway to be its
/// cause.
const USERS: usize = 3;
/// How long an unclear refusal may be held to be about the gateway.
const DOUBT_MAX: Duration = Duration::from_secs(3600);

/// Decides about unclear refusals.
///
/// An unclear refusal ends the session, until the third different user in a row gets the same one
/// and the IdP has granted nothing in between. Then it is held to be about the gateway: a mistake
/// of the configuration meets every session, and must not end them all.
///
/// The rule is safe in both directions. A mistake ends the sessions of two users for each replica.
/// If instead an administrator has ended all sessions, the others wait: until the next sign-in or
/// refresh that the IdP grants, or for an hour, then they end. One user cannot cause it, however
/// many sessions they have, because users are counted.
#[derive(Debug, Default)]
pub struct UnclearRefusals {
    error: Box<str>,
    users: Vec<Box<str>>,
    /// When the doubt began, on the monotonic clock.
    since: Option<Duration>,
}

impl UnclearRefusals {
    /// Whom the refusal with `error` of a session of `user` is about.
    pub fn refused(&mut self, error: &str, user: &str, mono: Duration) -> IdpRefusal {
        if *self.error != *error {
            *self = Self { error: error.into(), ..Self::default() };
        }
        if self.users.len() < USERS && !self.users.iter().any(|known| **known == *user) {
            self.users.push(user.into());
        }
        if self.users.len() < USERS {
            return IdpRefusal::Session;
        }
        let since = *self.since.get_or_insert(mono);
        if mono.saturating_sub(since) < DOUBT_MAX { IdpRefusal::Gateway } else { IdpRefusal::Session }
    }

    /// The IdP has granted something, or has said clearly that one session is over: it knows the
    /// gateway.
    pub fn known(&mut self) {
        *self = Self::default();
    }
}
