//! Keeps everything in this process.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Bounds, Kind, StoreFault, gives_way};

/// All kinds, each on a shelf of its own.
pub(crate) struct Memory {
    bounds: Bounds,
    shelves: Mutex<HashMap<Kind, Shelf>>,
}

#[derive(Default)]
struct Shelf {
    entries: HashMap<Arc<str>, Entry>,
    /// The same entries by their end, so that the dead are found without looking at the living.
    by_end: BTreeSet<(Duration, Arc<str>)>,
    /// Of keys and values.
    bytes: usize,
}

struct Entry {
    value: Vec<u8>,
    until: Duration,
}

impl Memory {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, shelves: Mutex::default() }
    }

    pub(crate) fn get(&self, now: Duration, kind: Kind, key: &str) -> Option<Vec<u8>> {
        self.on(now, kind, |shelf| shelf.entries.get(key).map(|entry| entry.value.clone()))
    }

    pub(crate) fn put(
        &self,
        now: Duration,
        kind: Kind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
    ) -> Result<(), StoreFault> {
        self.on(now, kind, |shelf| {
            if !self.makes_room(shelf, now, kind, key, &value) {
                return Err(StoreFault::full(kind));
            }
            shelf.write(key, value, until);
            Ok(())
        })
    }

    pub(crate) fn create(
        &self,
        now: Duration,
        kind: Kind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
    ) -> Result<bool, StoreFault> {
        self.on(now, kind, |shelf| {
            if shelf.entries.contains_key(key) {
                return Ok(false);
            }
            if !self.makes_room(shelf, now, kind, key, &value) {
                return Err(StoreFault::full(kind));
            }
            shelf.write(key, value, until);
            Ok(true)
        })
    }

    pub(crate) fn take(&self, now: Duration, kind: Kind, key: &str) -> Option<Vec<u8>> {
        self.on(now, kind, |shelf| shelf.remove(key)).map(|entry| entry.value)
    }

    /// Not bounded but by the size of a value: what lives can go on when no room is left for more.
    pub(crate) fn replace(
        &self,
        now: Duration,
        kind: Kind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> bool {
        self.on(now, kind, |shelf| match shelf.entries.get(key) {
            Some(entry) if entry.value == expected => {
                let until = until.unwrap_or(entry.until);
                shelf.write(key, value, until);
                true
            }
            _ => false,
        })
    }

    pub(crate) fn list(&self, now: Duration, kind: Kind) -> Vec<(String, Vec<u8>)> {
        self.on(now, kind, |shelf| {
            shelf.entries.iter().map(|(key, entry)| (key.to_string(), entry.value.clone())).collect()
        })
    }

    pub(crate) fn sweep(&self, now: Duration) {
        self.lock().values_mut().for_each(|shelf| shelf.bury(now));
    }

    /// Does `work` on one shelf, on which nothing is past its time.
    fn on<T>(&self, now: Duration, kind: Kind, work: impl FnOnce(&mut Shelf) -> T) -> T {
        let mut shelves = self.lock();
        let shelf = shelves.entry(kind).or_default();
        shelf.bury(now);
        work(shelf)
    }

    fn makes_room(&self, shelf: &mut Shelf, now: Duration, kind: Kind, key: &str, value: &[u8]) -> bool {
        while !self.has_room(shelf, kind, key, value) {
            let last = gives_way(kind).map(|soon| now.saturating_add(soon));
            let first = shelf.by_end.first().filter(|(until, first)| Some(*until) <= last && **first != *key);
            let Some((_, first)) = first.cloned() else { return false };
            shelf.remove(&first);
        }
        true
    }

    fn has_room(&self, shelf: &Shelf, kind: Kind, key: &str, value: &[u8]) -> bool {
        let bound = self.bounds.of(kind);
        let (entries, bytes) = match shelf.entries.get(key) {
            Some(before) => (shelf.entries.len(), shelf.bytes.saturating_sub(before.value.len()) + value.len()),
            None => (shelf.entries.len() + 1, shelf.bytes + key.len() + value.len()),
        };
        entries <= bound.entries && bytes <= bound.bytes
    }

    /// A panic while it was held would have left each shelf as it was before or after a step: nothing above it is half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<Kind, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn write(&mut self, key: &str, value: Vec<u8>, until: Duration) {
        self.remove(key);
        let key: Arc<str> = key.into();
        self.bytes += key.len() + value.len();
        self.by_end.insert((until, Arc::clone(&key)));
        self.entries.insert(key, Entry { value, until });
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.bytes = self.bytes.saturating_sub(key.len() + entry.value.len());
        self.by_end.remove(&(entry.until, key));
        Some(entry)
    }

    fn bury(&mut self, now: Duration) {
        while let Some((_, key)) = self.by_end.first().filter(|(until, _)| *until <= now) {
            let key = Arc::clone(key);
            if self.remove(&key).is_none() {
                self.by_end.pop_first();
            }
        }
    }
}
