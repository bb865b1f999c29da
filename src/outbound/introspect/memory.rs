//! Remembers introspection answers by the digest of the token, briefly and never beyond `exp`.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;

use crate::{
    base::{
        clock::Now,
        digest::SHA256_BYTES,
        limits::tokens::{INTROSPECTED_BYTES_MAX, REFUSED_REMEMBERED_MAX, REFUSED_TTL_MAX},
    },
    decide::{refusal::TokenFault, token::caller::Caller},
};

/// SHA-256 of a token's bytes.
pub(super) type Fingerprint = [u8; SHA256_BYTES];

/// Bytes that a remembered answer takes besides what its token takes: claims and map.
const ANSWER_BYTES: usize = 4 * 1024;

/// Answers by token. Refusals have a memory of their own, so that invented tokens displace no valid
/// one.
pub(super) struct AnswerMemory {
    period: Duration,
    active: Cache<Fingerprint, Arc<Active>>,
    refused: Cache<Fingerprint, Refused>,
}

struct Active {
    caller: Arc<Caller>,
    /// On the monotonic clock: the wall clock may be set back.
    until: Duration,
    bytes: u32,
}

#[derive(Clone)]
struct Refused {
    why: TokenFault,
    until: Duration,
}

impl AnswerMemory {
    /// Remembers answers for `period`, and refusals for at most [`REFUSED_TTL_MAX`].
    pub(super) fn new(period: Duration) -> Self {
        let active = Cache::builder()
            .max_capacity(INTROSPECTED_BYTES_MAX)
            .weigher(|_, active: &Arc<Active>| active.bytes)
            .time_to_live(period)
            .build();
        let refused =
            Cache::builder().max_capacity(REFUSED_REMEMBERED_MAX).time_to_live(period.min(REFUSED_TTL_MAX)).build();
        Self { period, active, refused }
    }

    /// The answer about a token, if it still counts.
    pub(super) fn recall(&self, fingerprint: &Fingerprint, now: Now) -> Option<Result<Arc<Caller>, TokenFault>> {
        if let Some(active) = self.active.get(fingerprint) {
            let counts = now.mono < active.until && now.wall < active.caller.expires();
            return counts.then(|| Ok(Arc::clone(&active.caller)));
        }
        let refused = self.refused.get(fingerprint)?;
        (now.mono < refused.until).then_some(Err(refused.why))
    }

    /// Remembers an answer, which replaces any other about this token.
    pub(super) fn keep(
        &self,
        fingerprint: Fingerprint,
        verdict: &Result<Arc<Caller>, TokenFault>,
        token_bytes: usize,
        now: Now,
    ) {
        match verdict {
            Ok(caller) => {
                let lives = self.period.min(caller.expires().saturating_sub(now.wall));
                let bytes = u32::try_from(token_bytes.saturating_add(ANSWER_BYTES)).unwrap_or(u32::MAX);
                let until = now.mono.saturating_add(lives);
                self.active.insert(fingerprint, Arc::new(Active { caller: Arc::clone(caller), until, bytes }));
                self.refused.invalidate(&fingerprint);
            }
            Err(why) => {
                self.active.invalidate(&fingerprint);
                let until = now.mono.saturating_add(self.period.min(REFUSED_TTL_MAX));
                self.refused.insert(fingerprint, Refused { why: why.clone(), until });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(30);

    fn at(secs: u64) -> Now {
        Now { wall: Duration::from_secs(1_000 + secs), mono: Duration::from_secs(secs) }
    }

    fn caller() -> Arc<Caller> {
        Arc::new(Caller::for_tests("alice", &[], json!({})))
    }

    #[test]
    fn b56_people_a10_answers_count_for_their_period_and_refusals_for_ten_seconds() {
        let memory = AnswerMemory::new(PERIOD);
        let (good, bad) = ([1; 32], [2; 32]);
        memory.keep(good, &Ok(caller()), 40, at(0));
        memory.keep(bad, &Err(TokenFault::Inactive), 40, at(0));
        assert!(matches!(memory.recall(&good, at(29)), Some(Ok(_))));
        assert!(memory.recall(&good, at(30)).is_none());
        assert_eq!(memory.recall(&bad, at(9)), Some(Err(TokenFault::Inactive)));
        assert!(memory.recall(&bad, at(10)).is_none());
        assert!(memory.recall(&[3; 32], at(0)).is_none());
    }

    #[test]
    fn b56_people_a10_the_newest_answer_replaces_the_other() {
        let memory = AnswerMemory::new(PERIOD);
        let token = [1; 32];
        memory.keep(token, &Ok(caller()), 40, at(0));
        memory.keep(token, &Err(TokenFault::Inactive), 40, at(1));
        assert_eq!(memory.recall(&token, at(2)), Some(Err(TokenFault::Inactive)));
        memory.keep(token, &Ok(caller()), 40, at(3));
        assert!(matches!(memory.recall(&token, at(4)), Some(Ok(_))));
    }
}
