//! Bounds the open sessions of each caller at each server.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::HeaderValue;

use crate::{
    base::{clock::Now, limits::held::SESSION_AGE, names::ServerName},
    decide::refusal::Refusal,
    inbound::state::per_caller::QuotaOf,
};

/// Above this number of callers, those without sessions are removed.
const SWEPT_ABOVE: usize = 16_384;
/// Above this number of ids of one caller, those that are too old are removed.
const IDS_SWEPT_ABOVE: usize = 64;

/// Counts the open sessions of each caller. A session that is never ended expires: the count falls
/// evenly over [`SESSION_AGE`].
#[derive(Default)]
pub struct SessionQuota {
    levels: Mutex<HashMap<u64, Level>>,
    keys: RandomState,
}

/// The number of a caller's sessions, as the time that it takes for all of them to expire.
struct Level {
    /// The latest arrival time that changed the level. Requests that arrive together are counted in
    /// any order, and an earlier request must not see a higher level than a later one saw.
    seen: Duration,
    /// When the last session expires, on the monotonic clock.
    until: Duration,
    /// The time after which one session expires.
    each: Duration,
    /// The upstream's ids, as digests, of sessions that can still end. Ids older than
    /// [`SESSION_AGE`] are removed, so there are at most a few times as many as the bound.
    open: HashMap<u64, OpenedSession>,
}

/// The answers that assigned one session id.
struct OpenedSession {
    /// How many answers; more than one if the upstream gives several sessions the same id.
    count: u32,
    /// When the last answer came, on the monotonic clock.
    last: Duration,
}

impl SessionQuota {
    /// Counts a session before the upstream is asked for it, unless the caller has `most` sessions.
    /// So two requests at once cannot both take the last place. If no session begins,
    /// [`Self::began_nothing`] gives the place back.
    pub(in crate::inbound) fn begin<'q>(
        &self,
        server: &ServerName,
        of: impl Into<QuotaOf<'q>>,
        most: u32,
        now: Now,
    ) -> Result<(), Refusal> {
        let begin = |left: Duration, each| Some(left.saturating_add(each)).filter(|left| *left <= SESSION_AGE);
        let key = of.into().key(&self.keys, server);
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut levels, key, most, now, begin) { Ok(()) } else { Err(Refusal::TooManySessions) }
    }

    /// Notes the upstream's id of a counted session that has begun. Only a session with a noted id
    /// can end.
    pub(in crate::inbound) fn opened<'q>(
        &self,
        server: &ServerName,
        of: impl Into<QuotaOf<'q>>,
        id: &HeaderValue,
        now: Now,
    ) {
        let (key, id) = (of.into().key(&self.keys, server), self.keys.hash_one(id));
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Level { open, .. }) = levels.get_mut(&key) else { return };
        let opened = open.entry(id).or_insert(OpenedSession { count: 0, last: now.mono });
        *opened = OpenedSession { count: opened.count.saturating_add(1), last: now.mono };
        if open.len() > IDS_SWEPT_ABOVE && open.len().is_power_of_two() {
            open.retain(|_, opened| now.mono.saturating_sub(opened.last) < SESSION_AGE);
        }
    }

    /// Gives back the place of an ended session, once: otherwise a caller could end one session
    /// again and again to begin any number of others. A session that began in another process has
    /// no place here.
    pub(in crate::inbound) fn ended<'q>(
        &self,
        server: &ServerName,
        of: impl Into<QuotaOf<'q>>,
        id: &HeaderValue,
        most: u32,
        now: Now,
    ) {
        let (key, id) = (of.into().key(&self.keys, server), self.keys.hash_one(id));
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Level { open, .. }) = levels.get_mut(&key) else { return };
        let Some(opened) = open.get_mut(&id) else { return };
        opened.count -= 1;
        if opened.count == 0 {
            open.remove(&id);
        }
        change(&mut levels, key, most, now, |left, each| Some(left.saturating_sub(each)));
    }

    /// Gives back the place of a session that has not begun. An expired session gives no place
    /// back, so a caller cannot save up places.
    pub(in crate::inbound) fn began_nothing<'q>(
        &self,
        server: &ServerName,
        of: impl Into<QuotaOf<'q>>,
        most: u32,
        now: Now,
    ) {
        let key = of.into().key(&self.keys, server);
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut levels, key, most, now, |left, each| Some(left.saturating_sub(each)));
    }
}

/// Changes the level of a caller by `by`, which may refuse. Returns true if the level was changed.
fn change(
    levels: &mut HashMap<u64, Level>,
    key: u64,
    most: u32,
    now: Now,
    by: impl Fn(Duration, Duration) -> Option<Duration>,
) -> bool {
    let each = each_of(most);
    let now = levels.get(&key).map_or(now.mono, |level| level.seen.max(now.mono));
    let Some(left) = by(levels.get(&key).map_or(Duration::ZERO, |level| level.left(each, now)), each) else {
        return false;
    };
    if left.is_zero() {
        levels.remove(&key);
        return true;
    }
    let until = now.saturating_add(left);
    let level = levels.entry(key).or_insert_with(|| Level { seen: now, until, each, open: HashMap::new() });
    (level.seen, level.until, level.each) = (now, until, each);
    if levels.len() > SWEPT_ABOVE && levels.len().is_power_of_two() {
        levels.retain(|_, level| level.until > now);
    }
    true
}

/// The time after which one session expires, if `most` sessions expire in [`SESSION_AGE`].
fn each_of(most: u32) -> Duration {
    SESSION_AGE.checked_div(most).unwrap_or(Duration::MAX)
}

impl Level {
    /// The level, as time, if one session expires after `each`. After a reload that changed the
    /// bound, the caller has as many sessions as before, but no more than the new bound: a caller
    /// at the old bound waits for [`SESSION_AGE`] at most.
    fn left(&self, each: Duration, now: Duration) -> Duration {
        let left = self.until.saturating_sub(now);
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
    use crate::{
        base::limits::held::{SESSIONS_PER_CALLER, SESSIONS_PER_CALLER_MAX},
        decide::token::caller::Caller,
    };

    fn at(secs: u64) -> Now {
        Now { wall: Duration::from_secs(1_000_000 + secs), mono: Duration::from_secs(secs) }
    }

    fn caller(subject: &str) -> Caller {
        Caller::for_tests(subject, &[], json!({}))
    }

    /// Begins sessions at one time until one is refused, and returns their number.
    fn begin_all(quota: &SessionQuota, server: &ServerName, caller: &Caller, most: u32, now: Now) -> u32 {
        let mut count = 0;
        while quota.begin(server, caller, most, now).is_ok() {
            count += 1;
        }
        count
    }

    #[test]
    fn c48_attack_154_a_caller_who_begins_too_many_sessions_is_stopped_and_others_are_not() {
        const MOST: u32 = SESSIONS_PER_CALLER;
        let quota = SessionQuota::default();
        let (server, other) = (ServerName::from("s"), ServerName::from("o"));
        let (alice, bob) = (caller("alice"), caller("bob"));
        assert_eq!(begin_all(&quota, &server, &alice, MOST, at(0)), MOST);
        let begin = |server, caller, now| quota.begin(server, caller, MOST, now);
        assert_eq!(begin(&server, &alice, at(0)), Err(Refusal::TooManySessions));
        assert_eq!(begin(&server, &bob, at(0)), Ok(()));
        assert_eq!(begin(&other, &alice, at(0)), Ok(()));
        quota.began_nothing(&server, &alice, MOST, at(0));
        assert_eq!(begin(&server, &alice, at(0)), Ok(()), "one was ended, or had not begun");
        assert_eq!(begin(&server, &alice, at(1)), Err(Refusal::TooManySessions));
        assert_eq!(begin(&server, &alice, at(2)), Ok(()), "the oldest is forgotten");
        let later = at(SESSION_AGE.as_secs() + 2);
        assert_eq!(begin_all(&quota, &server, &alice, MOST, later), MOST, "all are forgotten, and nothing is saved up");
    }

    #[test]
    fn attack_172_requests_that_are_counted_out_of_order_get_every_place() {
        const MOST: u32 = 3;
        let (quota, server, alice) = (SessionQuota::default(), ServerName::from("s"), caller("alice"));
        let late = Now { mono: at(0).mono + Duration::from_micros(3), ..at(0) };
        for now in [late, at(0), late] {
            assert_eq!(quota.begin(&server, &alice, MOST, now), Ok(()));
        }
        assert_eq!(quota.begin(&server, &alice, MOST, at(0)), Err(Refusal::TooManySessions));
    }

    #[test]
    fn c48_every_bound_that_may_be_written_is_met_exactly() {
        for most in [1, 2, 3, 7, 10, 49, 1_000, 1_023, 1_025, 65_537, SESSIONS_PER_CALLER_MAX] {
            let (quota, server) = (SessionQuota::default(), ServerName::from("s"));
            assert_eq!(begin_all(&quota, &server, &caller("alice"), most, at(7)), most);
        }
        let none = SessionQuota::default().begin(&ServerName::from("s"), &caller("alice"), 0, at(7));
        assert_eq!(none, Err(Refusal::TooManySessions));
    }

    #[test]
    fn attack_172_what_is_asked_for_at_once_is_counted_before_it_is_answered() {
        let (quota, server, alice) = (SessionQuota::default(), ServerName::from("s"), caller("alice"));
        let begin = |secs| quota.begin(&server, &alice, 10, at(secs));
        assert_eq!((0..30).filter(|_| begin(0).is_ok()).count(), 10, "none is answered yet");
        // Seven answers come late and begin no session.
        for _ in 0..7 {
            quota.began_nothing(&server, &alice, 10, at(100));
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
            let (quota, alice) = (SessionQuota::default(), caller("alice"));
            for _ in 0..begun_before {
                assert_eq!(quota.begin(&server, &alice, old, at(0)), Ok(()));
            }
            assert_eq!(begin_all(&quota, &server, &alice, new, at(0)), more, "{begun_before} of {old}, then {new}");
            let later = at(SESSION_AGE.as_secs());
            assert_eq!(
                begin_all(&quota, &server, &alice, new, later),
                new,
                "{begun_before} of {old}, then {new}: later"
            );
        }
    }

    #[test]
    fn c48_ending_what_never_began_gives_no_credit() {
        let (quota, server, alice) = (SessionQuota::default(), ServerName::from("s"), caller("alice"));
        quota.began_nothing(&server, &alice, 10, at(0));
        assert!(quota.levels.lock().unwrap().is_empty());
        assert_eq!(quota.begin(&server, &alice, 10, at(0)), Ok(()));
        quota.began_nothing(&server, &alice, 10, at(1));
        quota.began_nothing(&server, &alice, 10, at(1));
        assert!(quota.levels.lock().unwrap().is_empty());
        assert_eq!(begin_all(&quota, &server, &alice, 10, at(1)), 10);
    }

    #[test]
    fn attack_172_a_session_that_is_ended_twice_gives_one_place_back() {
        let (quota, server, alice) = (SessionQuota::default(), ServerName::from("s"), caller("alice"));
        let begin = |id: &'static str| {
            quota.begin(&server, &alice, 3, at(0))?;
            quota.opened(&server, &alice, &HeaderValue::from_static(id), at(0));
            Ok(())
        };
        let end = |who: &Caller, id: &'static str| quota.ended(&server, who, &HeaderValue::from_static(id), 3, at(0));
        for id in ["one", "two", "three"] {
            assert_eq!(begin(id), Ok(()));
        }
        for id in ["one", "one", "one", "unknown"] {
            end(&alice, id);
            end(&caller("bob"), "two");
        }
        assert_eq!((begin("four"), begin("five")), (Ok(()), Err(Refusal::TooManySessions)));
        // An upstream may give several the same id; they end as often as they began.
        end(&alice, "two");
        end(&alice, "three");
        assert_eq!((begin("four"), begin("four")), (Ok(()), Ok(())));
        for _ in 0..5 {
            end(&alice, "four");
        }
        assert_eq!(begin_all(&quota, &server, &alice, 3, at(0)), 3);
        assert!(quota.levels.lock().unwrap().values().all(|level| level.open.is_empty()));
    }

    #[test]
    fn attack_172_no_more_ids_are_kept_than_can_still_end() {
        let (quota, server, alice) = (SessionQuota::default(), ServerName::from("s"), caller("alice"));
        for number in 0..100_000 {
            let id = HeaderValue::try_from(format!("id-{number}")).unwrap();
            // As fast as they expire.
            let now = at(2 * number);
            assert_eq!(quota.begin(&server, &alice, SESSIONS_PER_CALLER, now), Ok(()), "{number}");
            quota.opened(&server, &alice, &id, now);
        }
        let kept: usize = quota.levels.lock().unwrap().values().map(|level| level.open.len()).sum();
        assert!(kept <= 4 * SESSIONS_PER_CALLER as usize, "{kept} ids are kept");
    }
}
