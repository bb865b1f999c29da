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
        limits::{SESSION_AGE, SESSION_ID_BYTES_MAX},
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

/// Sessions as the time that it takes to forget them.
#[derive(Clone, Copy)]
struct Level {
    /// When the last is forgotten, on the monotonic clock.
    until: Duration,
    /// How long each of them takes.
    each: Duration,
}

impl Begun {
    /// Counts a session before it is asked for, if the caller may begin another beside what `most`
    /// leaves: two at once cannot both take the last place. One that did not begin after all is
    /// given back by [`Self::ended`].
    pub(super) fn begin(&self, server: &ServerName, caller: &Caller, most: u32, now: Now) -> Result<(), Refusal> {
        let begin = |left: Duration, each| Some(left.saturating_add(each)).filter(|left| *left <= SESSION_AGE);
        if self.change(server, caller, most, now, begin) { Ok(()) } else { Err(Refusal::TooManySessions) }
    }

    /// Counts one that has ended. What is forgotten already cannot end, so that nobody saves up.
    pub(super) fn ended(&self, server: &ServerName, caller: &Caller, most: u32, now: Now) {
        self.change(server, caller, most, now, |left, each| Some(left.saturating_sub(each)));
    }

    /// Whether it was changed: `by` may say no.
    fn change(
        &self,
        server: &ServerName,
        caller: &Caller,
        most: u32,
        now: Now,
        by: impl Fn(Duration, Duration) -> Option<Duration>,
    ) -> bool {
        let (key, each) = (owner(&self.keys, server, caller), each_of(most));
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = by(levels.get(&key).map_or(Duration::ZERO, |level| level.left(each, now)), each) else {
            return false;
        };
        if left.is_zero() {
            levels.remove(&key);
            return true;
        }
        levels.insert(key, Level { until: now.mono.saturating_add(left), each });
        if levels.len() > SWEPT_ABOVE && levels.len().is_power_of_two() {
            levels.retain(|_, level| level.until > now.mono);
        }
        true
    }
}

/// How long it takes to forget one session where `most` are forgotten in [`SESSION_AGE`].
fn each_of(most: u32) -> Duration {
    SESSION_AGE.checked_div(most).unwrap_or(Duration::MAX)
}

impl Level {
    /// What is left where each session takes `each`. After a reload that changed the bound it is as many as before, or as many
    /// as the new bound has: nobody is shut out for longer than [`SESSION_AGE`] by a bound that was not theirs.
    fn left(self, each: Duration, now: Now) -> Duration {
        let left = self.until.saturating_sub(now.mono);
        if each == self.each {
            return left;
        }
        let scaled = left.as_secs_f64() / self.each.as_secs_f64() * each.as_secs_f64();
        Duration::try_from_secs_f64(scaled).map_or(SESSION_AGE, |scaled| scaled.min(SESSION_AGE))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::limits::{SESSIONS_PER_CALLER, SESSIONS_PER_CALLER_MAX};

    fn at(secs: u64) -> Now {
        Now { wall: Duration::from_secs(1_000_000 + secs), mono: Duration::from_secs(secs) }
    }

    fn caller(subject: &str) -> Caller {
        Caller::for_tests(subject, &[], json!({}))
    }

    /// Begins sessions until it may not, at one moment; how many that were.
    fn begin_all(begun: &Begun, server: &ServerName, caller: &Caller, most: u32, now: Now) -> u32 {
        let mut count = 0;
        while begun.begin(server, caller, most, now).is_ok() {
            count += 1;
        }
        count
    }

    #[test]
    fn c48_attack_154_a_caller_who_begins_too_many_is_stopped_and_nobody_else() {
        const MOST: u32 = SESSIONS_PER_CALLER;
        let begun = Begun::default();
        let (server, other) = (ServerName::from("s"), ServerName::from("o"));
        let (alice, bob) = (caller("alice"), caller("bob"));
        assert_eq!(begin_all(&begun, &server, &alice, MOST, at(0)), MOST);
        let begin = |server, caller, now| begun.begin(server, caller, MOST, now);
        assert_eq!(begin(&server, &alice, at(0)), Err(Refusal::TooManySessions));
        assert_eq!(begin(&server, &bob, at(0)), Ok(()));
        assert_eq!(begin(&other, &alice, at(0)), Ok(()));
        begun.ended(&server, &alice, MOST, at(0));
        assert_eq!(begin(&server, &alice, at(0)), Ok(()), "one was ended, or had not begun");
        assert_eq!(begin(&server, &alice, at(1)), Err(Refusal::TooManySessions));
        assert_eq!(begin(&server, &alice, at(2)), Ok(()), "the oldest is forgotten");
        let later = at(SESSION_AGE.as_secs() + 2);
        assert_eq!(begin_all(&begun, &server, &alice, MOST, later), MOST, "all are forgotten, and nothing is saved up");
    }

    #[test]
    fn c48_every_bound_that_may_be_written_is_met_exactly() {
        for most in [1, 2, 3, 7, 10, 49, 1_000, 1_023, 1_025, 65_537, SESSIONS_PER_CALLER_MAX] {
            let (begun, server) = (Begun::default(), ServerName::from("s"));
            assert_eq!(begin_all(&begun, &server, &caller("alice"), most, at(7)), most);
        }
        let none = Begun::default().begin(&ServerName::from("s"), &caller("alice"), 0, at(7));
        assert_eq!(none, Err(Refusal::TooManySessions));
    }

    #[test]
    fn attack_172_what_is_asked_for_at_once_is_counted_before_it_is_answered() {
        let (begun, server, alice) = (Begun::default(), ServerName::from("s"), caller("alice"));
        let begin = |secs| begun.begin(&server, &alice, 10, at(secs));
        assert_eq!((0..30).filter(|_| begin(0).is_ok()).count(), 10, "none is answered yet");
        // Seven were answered without a session, late.
        for _ in 0..7 {
            begun.ended(&server, &alice, 10, at(100));
        }
        assert_eq!((0..30).filter(|_| begin(100).is_ok()).count(), 7);
    }

    #[test]
    fn c48_a_reload_that_changes_the_bound_keeps_the_count() {
        let server = ServerName::from("s");
        // (begun under the old bound, the new bound, how many more at once)
        for (old, begun_before, new, more) in
            [(10, 10, 20, 10), (10, 4, 20, 16), (20, 4, 10, 6), (20, 15, 10, 0), (1_000_000, 900_000, 1, 0)]
        {
            let (begun, alice) = (Begun::default(), caller("alice"));
            for _ in 0..begun_before {
                assert_eq!(begun.begin(&server, &alice, old, at(0)), Ok(()));
            }
            assert_eq!(begin_all(&begun, &server, &alice, new, at(0)), more, "{begun_before} of {old}, then {new}");
            let later = at(SESSION_AGE.as_secs());
            assert_eq!(
                begin_all(&begun, &server, &alice, new, later),
                new,
                "{begun_before} of {old}, then {new}: later"
            );
        }
    }

    #[test]
    fn c48_ending_what_never_began_gives_no_credit() {
        let (begun, server, alice) = (Begun::default(), ServerName::from("s"), caller("alice"));
        begun.ended(&server, &alice, 10, at(0));
        assert!(begun.levels.lock().unwrap().is_empty());
        assert_eq!(begun.begin(&server, &alice, 10, at(0)), Ok(()));
        begun.ended(&server, &alice, 10, at(1));
        begun.ended(&server, &alice, 10, at(1));
        assert!(begun.levels.lock().unwrap().is_empty());
        assert_eq!(begin_all(&begun, &server, &alice, 10, at(1)), 10);
    }
}
