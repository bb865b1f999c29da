//! Whose session a request belongs to, under which id the upstream knows it, and how many sessions a caller may leave behind.

use std::{
    collections::HashMap,
    hash::RandomState,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    base::{
        clock::Now,
        limits::{SESSION_AGE, SESSION_ID_BYTES_MAX, SESSIONS_PER_CALLER_MAX},
        names::ServerName,
    },
    decide::{
        refusal::Refusal,
        session::{Bound, Sealed},
        token::claims::Caller,
    },
    inbound::{
        shelf::owner,
        snapshot::{Gateway, Server},
    },
};

/// `Mcp-Session-Id`.
pub(super) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// Callers beyond which those whose sessions are forgotten are swept out.
const SWEPT_ABOVE: usize = 16_384;

/// The session of a request.
pub(super) struct Session {
    /// As the upstream knows it.
    pub(super) id: HeaderValue,
    /// As the caller sent it.
    given: HeaderValue,
}

/// Opens the session that `headers` name, if they name one.
///
/// # Errors
/// [`Refusal::BadSessionHeader`] for two in one; [`Refusal::UnknownSession`], which to a client means that it must begin anew (SPEC C-42): another caller's, another server's,
/// one that was sealed with a forgotten key, or never.
pub(super) fn of_request(
    gateway: &Gateway,
    server: &Server,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<Session>, Refusal> {
    let Some(given) = headers.get(MCP_SESSION_ID) else { return Ok(None) };
    let sealed = given.to_str().map_err(|_| Refusal::UnknownSession)?;
    let id = gateway.session_keys.open(bound(server, caller), sealed).ok_or({
        // Two lines that something on the way has joined are no one value (attack 131).
        if sealed.contains(',') { Refusal::BadSessionHeader } else { Refusal::UnknownSession }
    })?;
    let id = HeaderValue::try_from(id).map_err(|_| Refusal::UnknownSession)?;
    Ok(Some(Session { id, given: given.clone() }))
}

/// Seals the session id of an answer for its caller; whether it names a session that the request did not.
///
/// # Errors
/// [`Refusal::UpstreamAnswer`] for an id that the transport does not allow: the client could not send it back.
pub(super) fn of_answer(
    gateway: &Gateway,
    server: &Server,
    caller: &Caller,
    asked: Option<&Session>,
    headers: &mut HeaderMap,
) -> Result<bool, Refusal> {
    const NOT_PLAIN: Refusal = Refusal::UpstreamAnswer("its session id is not one plain value");
    let mut lines = headers.get_all(MCP_SESSION_ID).iter();
    let id = match (lines.next(), lines.next()) {
        (None, _) => return Ok(false),
        (Some(id), None) => id,
        (Some(_), Some(_)) => return Err(NOT_PLAIN),
    };
    // Known to the caller already, perhaps by the seal of an older key: it keeps its name.
    if let Some(session) = asked.filter(|session| session.id == *id) {
        headers.insert(MCP_SESSION_ID, session.given.clone());
        return Ok(false);
    }
    let plain = id.to_str().ok().filter(|id| {
        !id.is_empty() && id.len() <= SESSION_ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let sealed = gateway
        .session_keys
        .seal(bound(server, caller), plain.ok_or(NOT_PLAIN)?)
        .and_then(|sealed| HeaderValue::try_from(sealed).ok())
        .ok_or(Refusal::Internal("a session cannot be sealed"))?;
    headers.insert(MCP_SESSION_ID, sealed);
    Ok(true)
}

fn bound<'a>(server: &'a Server, caller: &'a Caller) -> Bound<'a> {
    Bound { kind: Sealed::Session, server: &server.series.name, caller }
}

/// How many sessions each caller has begun and not ended. What nobody ends is forgotten evenly over [`SESSION_AGE`], so that
/// nothing has to be remembered of any session.
#[derive(Default)]
pub struct Begun {
    levels: Mutex<HashMap<u64, Level>>,
    keys: RandomState,
}

#[derive(Clone, Copy)]
struct Level {
    sessions: f64,
    at: Duration,
}

impl Begun {
    /// Whether the caller may begin another.
    pub(super) fn check(&self, server: &ServerName, caller: &Caller, now: Now) -> Result<(), Refusal> {
        let key = self.key(server, caller);
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        match levels.get(&key) {
            Some(level) if level.left(now) + 1.0 > f64::from(SESSIONS_PER_CALLER_MAX) => Err(Refusal::TooManySessions),
            _ => Ok(()),
        }
    }

    /// Counts a session that has begun.
    pub(super) fn began(&self, server: &ServerName, caller: &Caller, now: Now) {
        self.change(server, caller, now, 1.0);
    }

    /// Counts one that has ended.
    pub(super) fn ended(&self, server: &ServerName, caller: &Caller, now: Now) {
        self.change(server, caller, now, -1.0);
    }

    fn change(&self, server: &ServerName, caller: &Caller, now: Now, by: f64) {
        let key = self.key(server, caller);
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = (levels.get(&key).map_or(0.0, |level| level.left(now)) + by).max(0.0);
        if sessions == 0.0 {
            levels.remove(&key);
            return;
        }
        levels.insert(key, Level { sessions, at: now.mono });
        if levels.len() > SWEPT_ABOVE && levels.len().is_power_of_two() {
            levels.retain(|_, level| level.left(now) > 0.0);
        }
    }

    fn key(&self, server: &ServerName, caller: &Caller) -> u64 {
        owner(&self.keys, server, caller)
    }
}

impl Level {
    fn left(self, now: Now) -> f64 {
        let forgotten = now.mono.saturating_sub(self.at).as_secs_f64() / SESSION_AGE.as_secs_f64();
        (self.sessions - forgotten * f64::from(SESSIONS_PER_CALLER_MAX)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(secs: u64) -> Now {
        Now { wall: Duration::from_secs(1_000_000 + secs), mono: Duration::from_secs(secs) }
    }

    #[test]
    fn c48_attack_154_a_caller_who_begins_too_many_is_stopped_and_nobody_else() {
        let begun = Begun::default();
        let (server, other) = (ServerName::from("s"), ServerName::from("o"));
        let (alice, bob) = (Caller::for_tests("alice", &[], json!({})), Caller::for_tests("bob", &[], json!({})));
        for _ in 0..SESSIONS_PER_CALLER_MAX {
            begun.check(&server, &alice, at(0)).unwrap();
            begun.began(&server, &alice, at(0));
        }
        assert_eq!(begun.check(&server, &alice, at(0)), Err(Refusal::TooManySessions));
        assert_eq!(begun.check(&server, &bob, at(0)), Ok(()));
        assert_eq!(begun.check(&other, &alice, at(0)), Ok(()));
        begun.ended(&server, &alice, at(0));
        assert_eq!(begun.check(&server, &alice, at(0)), Ok(()), "one was ended");
        begun.began(&server, &alice, at(0));
        assert_eq!(begun.check(&server, &alice, at(1)), Err(Refusal::TooManySessions));
        assert_eq!(begun.check(&server, &alice, at(2)), Ok(()), "the oldest is forgotten");
        begun.began(&server, &alice, at(SESSION_AGE.as_secs() * 2));
        assert_eq!(begun.levels.lock().unwrap().values().map(|level| level.sessions).sum::<f64>(), 1.0);
    }

    #[test]
    fn c48_ending_what_never_began_gives_no_credit() {
        let (begun, server) = (Begun::default(), ServerName::from("s"));
        let alice = Caller::for_tests("alice", &[], json!({}));
        begun.ended(&server, &alice, at(0));
        assert!(begun.levels.lock().unwrap().is_empty());
    }
}
