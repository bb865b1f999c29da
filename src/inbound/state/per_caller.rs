//! What callers leave behind, bounded for each of them and for all, so that nobody pushes out what is another's.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
};

use crate::decide::token::claims::Caller;

/// A caller at a server, as what is counted or kept of them is keyed: no text stays behind, and nobody outside can choose two
/// that collide.
pub(in crate::inbound) fn owner(keys: &RandomState, server: &str, caller: &Caller) -> u64 {
    keys.hash_one(("caller", server, caller.issuer().as_str(), caller.subject()))
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(in crate::inbound) struct Bounds {
    /// Of one owner, who loses the oldest of their own beyond it.
    pub(in crate::inbound) each: usize,
    /// Of all owners. Beyond it whoever has most loses their oldest: many who have little keep it.
    pub(in crate::inbound) all: usize,
}

/// Things by key. Keys and owners are keyed hashes: no text is kept, and nobody outside can choose two that collide.
#[derive(Debug)]
pub(in crate::inbound) struct Shelf<V> {
    bounds: Bounds,
    things: HashMap<u64, Thing<V>>,
    /// The keys of each owner, oldest first.
    owners: HashMap<u64, VecDeque<u64>>,
    /// How many things each owner has.
    sizes: BTreeSet<(usize, u64)>,
}

#[derive(Debug)]
struct Thing<V> {
    owner: u64,
    value: V,
}

impl<V> Shelf<V> {
    /// An empty one.
    pub(in crate::inbound) fn new(bounds: Bounds) -> Self {
        Self { bounds, things: HashMap::new(), owners: HashMap::new(), sizes: BTreeSet::new() }
    }

    /// The owner of a thing, and the thing.
    pub(in crate::inbound) fn find(&self, key: u64) -> Option<(u64, &V)> {
        self.things.get(&key).map(|thing| (thing.owner, &thing.value))
    }

    /// The same, to be changed. It keeps its place among the owner's.
    pub(in crate::inbound) fn find_mut(&mut self, key: u64) -> Option<(u64, &mut V)> {
        self.things.get_mut(&key).map(|thing| (thing.owner, &mut thing.value))
    }

    /// How many things `owner` has.
    pub(in crate::inbound) fn count(&self, owner: u64) -> usize {
        self.owners.get(&owner).map_or(0, VecDeque::len)
    }

    /// How many things all have.
    pub(in crate::inbound) fn len(&self) -> usize {
        self.things.len()
    }

    /// Puts a thing on top of its owner's; what was there under this key is gone.
    pub(in crate::inbound) fn put(&mut self, owner: u64, key: u64, value: V) {
        self.remove(key);
        if self.count(owner) >= self.bounds.each {
            self.lose_oldest(owner);
        } else if self.things.len() >= self.bounds.all
            && let Some(&(_, most)) = self.sizes.last()
        {
            self.lose_oldest(most);
        }
        self.change(owner, |keys| keys.push_back(key));
        self.things.insert(key, Thing { owner, value });
    }

    /// Forgets a thing.
    pub(in crate::inbound) fn remove(&mut self, key: u64) {
        if let Some(thing) = self.things.remove(&key) {
            self.change(thing.owner, |keys| keys.retain(|other| *other != key));
        }
    }

    /// Forgets what of `owner`'s is not to be kept.
    pub(in crate::inbound) fn retain_of(&mut self, owner: u64, keep: impl Fn(&V) -> bool) {
        let mut things = std::mem::take(&mut self.things);
        self.change(owner, |keys| {
            keys.retain(|key| {
                let kept = things.get(key).is_some_and(|thing| keep(&thing.value));
                if !kept {
                    things.remove(key);
                }
                kept
            });
        });
        self.things = things;
    }

    /// Forgets what is not to be kept, whoever's it is.
    pub(in crate::inbound) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let owners: Vec<u64> = self.owners.keys().copied().collect();
        for owner in owners {
            self.retain_of(owner, &keep);
        }
    }

    fn lose_oldest(&mut self, owner: u64) {
        let mut oldest = None;
        self.change(owner, |keys| oldest = keys.pop_front());
        if let Some(key) = oldest {
            self.things.remove(&key);
        }
    }

    /// Changes the keys of one owner, and what is known of their number.
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

    fn keys(shelf: &Shelf<&str>) -> Vec<u64> {
        let mut keys: Vec<u64> = shelf.things.keys().copied().collect();
        keys.sort_unstable();
        let counted: usize = shelf.owners.values().map(VecDeque::len).sum();
        assert_eq!((counted, shelf.sizes.len()), (keys.len(), shelf.owners.len()), "the books agree");
        assert!(shelf.sizes.iter().all(|(size, owner)| shelf.count(*owner) == *size));
        keys
    }

    fn filled(bounds: Bounds, puts: &[(u64, u64)]) -> Shelf<&'static str> {
        let mut shelf = Shelf::new(bounds);
        for &(owner, key) in puts {
            shelf.put(owner, key, "x");
        }
        shelf
    }

    #[test]
    fn c92_whoever_has_too_much_loses_their_own_oldest() {
        let shelf = filled(Bounds { each: 2, all: 9 }, &[(1, 10), (2, 20), (1, 11), (1, 12), (1, 13)]);
        assert_eq!(keys(&shelf), [12, 13, 20]);
    }

    #[test]
    fn c92_when_all_is_full_whoever_has_most_loses() {
        let bounds = Bounds { each: 9, all: 4 };
        let shelf = filled(bounds, &[(2, 20), (1, 10), (1, 11), (1, 12), (3, 30), (3, 31)]);
        assert_eq!(keys(&shelf), [12, 20, 30, 31]);
    }

    #[test]
    fn a_key_is_there_once_and_what_is_removed_is_gone() {
        let mut shelf = filled(Bounds { each: 2, all: 4 }, &[(1, 10), (1, 11), (2, 10)]);
        assert_eq!(keys(&shelf), [10, 11]);
        assert_eq!(shelf.find(10), Some((2, &"x")));
        shelf.remove(10);
        shelf.remove(10);
        assert_eq!((keys(&shelf), shelf.count(2)), (vec![11], 0));
    }

    #[test]
    fn what_is_not_kept_is_forgotten() {
        let mut shelf = Shelf::new(Bounds { each: 8, all: 8 });
        for (owner, key, value) in [(1, 10, "old"), (1, 11, "new"), (2, 20, "old"), (3, 30, "new")] {
            shelf.put(owner, key, value);
        }
        let is_new = |value: &&str| *value == "new";
        shelf.retain_of(1, is_new);
        assert_eq!(keys(&shelf), [11, 20, 30]);
        shelf.retain(is_new);
        assert_eq!((keys(&shelf), shelf.count(2)), (vec![11, 30], 0));
    }
}
