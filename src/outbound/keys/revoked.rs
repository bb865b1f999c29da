//! The set of revoked tokens, which each request reads and each revocation changes in place.

use std::{
    array,
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Enough parts that a change rarely holds up a request.
const PARTS: usize = 64;

/// `jti` of tokens, and families: the part of a `jti` before the dot, which all tokens of a family
/// share.
pub(super) struct RevokedTokens {
    parts: [RwLock<HashSet<Arc<str>>>; PARTS],
    count: AtomicUsize,
    hasher: RandomState,
}

impl Default for RevokedTokens {
    fn default() -> Self {
        let parts = array::from_fn(|_| RwLock::default());
        Self { parts, count: AtomicUsize::new(0), hasher: RandomState::new() }
    }
}

impl RevokedTokens {
    /// Whether the token with this `jti`, or its whole family, is in the set.
    pub(super) fn contain(&self, jti: &str) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let part = self.part(jti).read().unwrap_or_else(PoisonError::into_inner);
        part.contains(jti) || part.contains(family(jti))
    }

    /// Adds a token or a family; returns whether it is new.
    pub(super) fn insert(&self, name: &Arc<str>) -> bool {
        let mut part = self.part(name).write().unwrap_or_else(PoisonError::into_inner);
        let is_new = part.insert(Arc::clone(name));
        self.count.fetch_add(usize::from(is_new), Ordering::Release);
        is_new
    }

    /// Removes a token or a family.
    pub(super) fn remove(&self, name: &str) {
        let mut part = self.part(name).write().unwrap_or_else(PoisonError::into_inner);
        if part.remove(name) {
            self.count.fetch_sub(1, Ordering::Release);
        }
    }

    /// A token is in the same part as its family.
    fn part(&self, name: &str) -> &RwLock<HashSet<Arc<str>>> {
        let hash = self.hasher.hash_one(family(name));
        let [first, rest @ ..] = &self.parts;
        let index = usize::try_from(hash % PARTS as u64).unwrap_or_default();
        index.checked_sub(1).and_then(|index| rest.get(index)).unwrap_or(first)
    }
}

fn family(jti: &str) -> &str {
    jti.split('.').next().unwrap_or_default()
}
