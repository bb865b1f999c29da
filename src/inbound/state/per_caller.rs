//! A map bounded for each caller: no caller can push out the entries of another.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::Arc,
};

use crate::{
    base::peer::network,
    decide::token::{caller::Caller, requester::Requester},
};

/// The key of a caller at a server: a keyed hash, so that no text is kept and no client can cause a
/// collision.
pub(in crate::inbound) fn owner(keys: &RandomState, server: &str, caller: &Caller) -> u64 {
    keys.hash_one(("caller", server, caller.issuer().as_str(), caller.subject_claim(), caller.subject()))
}

/// Whose quota a request uses: that of its caller, or of its address if it has no token.
#[derive(Clone, Copy)]
pub(in crate::inbound) enum QuotaOf<'a> {
    Caller(&'a Caller),
    Address(IpAddr),
}

impl QuotaOf<'_> {
    /// The key of the quota at a server, as [`owner`].
    pub(in crate::inbound) fn key(self, keys: &RandomState, server: &str) -> u64 {
        match self {
            Self::Caller(caller) => owner(keys, server, caller),
            Self::Address(address) => keys.hash_one(("address", server, network(address))),
        }
    }
}

impl<'a> From<&'a Caller> for QuotaOf<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self::Caller(caller)
    }
}

impl<'a> From<&'a Arc<Caller>> for QuotaOf<'a> {
    fn from(caller: &'a Arc<Caller>) -> Self {
        Self::Caller(caller)
    }
}

impl<'a> From<&'a Requester> for QuotaOf<'a> {
    fn from(who: &'a Requester) -> Self {
        match who {
            Requester::Anonymous(address) => Self::Address(*address),
            Requester::Verified(caller) => Self::Caller(caller),
        }
    }
}

/// How many entries are kept.
#[derive(Clone, Copy, Debug)]
pub(in crate::inbound) struct PerCallerBounds {
    /// For one owner. Above it, a new entry replaces the owner's oldest.
    pub(in crate::inbound) each: usize,
    /// For all owners together. Above it, a new entry replaces the oldest of the owner with the
    /// most entries.
    pub(in crate::inbound) all: usize,
}

/// Values by key, each with an owner. Keys and owners are keyed hashes (see [`owner`]).
#[derive(Debug)]
pub(in crate::inbound) struct PerCaller<V> {
    bounds: PerCallerBounds,
    entries: HashMap<u64, Entry<V>>,
    /// The keys of each owner, oldest first.
    owners: HashMap<u64, VecDeque<u64>>,
    /// How many entries each owner has.
    sizes: BTreeSet<(usize, u64)>,
}

#[derive(Debug)]
struct Entry<V> {
    owner: u64,
    value: V,
}

impl<V> PerCaller<V> {
    /// An empty map.
    pub(in crate::inbound) fn new(bounds: PerCallerBounds) -> Self {
        Self { bounds, entries: HashMap::new(), owners: HashMap::new(), sizes: BTreeSet::new() }
    }

    /// The owner of an entry, and its value.
    pub(in crate::inbound) fn find(&self, key: u64) -> Option<(u64, &V)> {
        self.entries.get(&key).map(|entry| (entry.owner, &entry.value))
    }

    /// As [`Self::find`], to change the value. The age of the entry stays the same.
    pub(in crate::inbound) fn find_mut(&mut self, key: u64) -> Option<(u64, &mut V)> {
        self.entries.get_mut(&key).map(|entry| (entry.owner, &mut entry.value))
    }

    /// The number of entries of `owner`.
    pub(in crate::inbound) fn count(&self, owner: u64) -> usize {
        self.owners.get(&owner).map_or(0, VecDeque::len)
    }

    /// The number of entries of all owners.
    pub(in crate::inbound) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry as the newest of its owner. It replaces an entry with the same key.
    pub(in crate::inbound) fn put(&mut self, owner: u64, key: u64, value: V) {
        self.remove(key);
        if self.count(owner) >= self.bounds.each {
            self.remove_oldest(owner);
        } else if self.entries.len() >= self.bounds.all
            && let Some(&(_, most)) = self.sizes.last()
        {
            self.remove_oldest(most);
        }
        self.change(owner, |keys| keys.push_back(key));
        self.entries.insert(key, Entry { owner, value });
    }

    /// Removes an entry.
    pub(in crate::inbound) fn remove(&mut self, key: u64) {
        if let Some(entry) = self.entries.remove(&key) {
            self.change(entry.owner, |keys| keys.retain(|other| *other != key));
        }
    }

    /// Removes the entries of `owner` for which `keep` is false.
    pub(in crate::inbound) fn retain_of(&mut self, owner: u64, keep: impl Fn(&V) -> bool) {
        let mut entries = std::mem::take(&mut self.entries);
        self.change(owner, |keys| {
            keys.retain(|key| {
                let kept = entries.get(key).is_some_and(|entry| keep(&entry.value));
                if !kept {
                    entries.remove(key);
                }
                kept
            });
        });
        self.entries = entries;
    }

    /// Removes the entries of all owners for which `keep` is false.
    pub(in crate::inbound) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let owners: Vec<u64> = self.owners.keys().copied().collect();
        for owner in owners {
            self.retain_of(owner, &keep);
        }
    }

    fn remove_oldest(&mut self, owner: u64) {
        let mut oldest = None;
        self.change(owner, |keys| oldest = keys.pop_front());
        if let Some(key) = oldest {
            self.entries.remove(&key);
        }
    }

    /// Changes the keys of one owner, and keeps `sizes` up to date.
    fn change(&mut self, owner: u64, change: impl FnOnce(&mut VecDeque<u64>)) {
        let keys = self.owners.entry(owner).or_default();
        self.sizes.remove(&(keys.len(), owner));
        change(keys);
        if keys.is_empty() {
            self.owners.remove(&owner);
        } else {
            self.sizes.insert((keys.len(), owner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(kept: &PerCaller<&str>) -> Vec<u64> {
        let mut keys: Vec<u64> = kept.entries.keys().copied().collect();
        keys.sort_unstable();
        let counted: usize = kept.owners.values().map(VecDeque::len).sum();
        assert_eq!((counted, kept.sizes.len()), (keys.len(), kept.owners.len()), "the books agree");
        assert!(kept.sizes.iter().all(|(size, owner)| kept.count(*owner) == *size));
        keys
    }

    fn filled(bounds: PerCallerBounds, puts: &[(u64, u64)]) -> PerCaller<&'static str> {
        let mut kept = PerCaller::new(bounds);
        for &(owner, key) in puts {
            kept.put(owner, key, "x");
        }
        kept
    }

    #[test]
    fn c92_a_caller_with_too_many_entries_loses_their_own_oldest() {
        let kept = filled(PerCallerBounds { each: 2, all: 9 }, &[(1, 10), (2, 20), (1, 11), (1, 12), (1, 13)]);
        assert_eq!(keys(&kept), [12, 13, 20]);
    }

    #[test]
    fn c92_when_all_is_full_the_caller_with_most_entries_loses() {
        let bounds = PerCallerBounds { each: 9, all: 4 };
        let kept = filled(bounds, &[(2, 20), (1, 10), (1, 11), (1, 12), (3, 30), (3, 31)]);
        assert_eq!(keys(&kept), [12, 20, 30, 31]);
    }

    #[test]
    fn a_key_is_there_once_and_what_is_removed_is_gone() {
        let mut kept = filled(PerCallerBounds { each: 2, all: 4 }, &[(1, 10), (1, 11), (2, 10)]);
        assert_eq!(keys(&kept), [10, 11]);
        assert_eq!(kept.find(10), Some((2, &"x")));
        kept.remove(10);
        kept.remove(10);
        assert_eq!((keys(&kept), kept.count(2)), (vec![11], 0));
    }

    #[test]
    fn what_is_not_kept_is_forgotten() {
        let mut kept = PerCaller::new(PerCallerBounds { each: 8, all: 8 });
        for (owner, key, value) in [(1, 10, "old"), (1, 11, "new"), (2, 20, "old"), (3, 30, "new")] {
            kept.put(owner, key, value);
        }
        let is_new = |value: &&str| *value == "new";
        kept.retain_of(1, is_new);
        assert_eq!(keys(&kept), [11, 20, 30]);
        kept.retain(is_new);
        assert_eq!((keys(&kept), kept.count(2)), (vec![11, 30], 0));
    }
}
