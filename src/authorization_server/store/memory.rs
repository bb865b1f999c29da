//! The memory store: entries live in this process and are lost with it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    bounds::{StoreBounds, evicts_within},
    fault::StoreFault,
    kind::EntryKind,
};

use waiting::WaitingEntries;

mod waiting;

/// All kinds, each in a table of its own.
pub(crate) struct Memory {
    bounds: StoreBounds,
    tables: Mutex<HashMap<EntryKind, Table>>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Arc<str>, Entry>,
    /// The same entries by expiry, so that expired ones are found without a scan.
    by_expiry: BTreeSet<(Duration, Arc<str>)>,
    /// Those that wait for their first use.
    waiting: WaitingEntries,
    /// Bytes of keys and values.
    bytes: usize,
}

struct Entry {
    value: Vec<u8>,
    until: Duration,
    /// The group in which it waits for its first use.
    group: Option<Arc<str>>,
}

impl Memory {
    pub(crate) fn new(bounds: StoreBounds) -> Self {
        Self { bounds, tables: Mutex::default() }
    }

    pub(crate) fn get(&self, now: Duration, kind: EntryKind, key: &str) -> Option<Vec<u8>> {
        self.on(now, kind, |table| table.entries.get(key).map(|entry| entry.value.clone()))
    }

    pub(crate) fn put(
        &self,
        now: Duration,
        kind: EntryKind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
    ) -> Result<(), StoreFault> {
        self.on(now, kind, |table| {
            if !self.make_room(table, now, kind, key, &value) {
                return Err(StoreFault::full(kind));
            }
            table.write(key, value, until, None);
            Ok(())
        })
    }

    pub(crate) fn create(
        &self,
        now: Duration,
        kind: EntryKind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
        group: Option<&str>,
    ) -> Result<bool, StoreFault> {
        self.on(now, kind, |table| {
            if table.entries.contains_key(key) {
                return Ok(false);
            }
            if !self.make_room(table, now, kind, key, &value) {
                return Err(StoreFault::full(kind));
            }
            table.write(key, value, until, group.map(Arc::from));
            Ok(true)
        })
    }

    pub(crate) fn take(&self, now: Duration, kind: EntryKind, key: &str) -> Option<Vec<u8>> {
        self.on(now, kind, |table| table.remove(key)).map(|entry| entry.value)
    }

    /// Not bounded, apart from the size of a value: live entries can change while the store is
    /// full.
    pub(crate) fn replace(
        &self,
        now: Duration,
        kind: EntryKind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> bool {
        self.on(now, kind, |table| match table.entries.get(key) {
            Some(entry) if entry.value == expected => {
                // Another expiry is the first use.
                let group = entry.group.clone().filter(|_| until.is_none());
                let until = until.unwrap_or(entry.until);
                table.write(key, value, until, group);
                true
            }
            _ => false,
        })
    }

    pub(crate) fn list(&self, now: Duration, kind: EntryKind) -> Vec<(String, Vec<u8>)> {
        self.on(now, kind, |table| {
            table.entries.iter().map(|(key, entry)| (key.to_string(), entry.value.clone())).collect()
        })
    }

    pub(crate) fn sweep(&self, now: Duration) {
        self.lock().values_mut().for_each(|table| table.remove_expired(now));
    }

    /// Does `work` on one table, after its expired entries are removed.
    fn on<T>(&self, now: Duration, kind: EntryKind, work: impl FnOnce(&mut Table) -> T) -> T {
        let mut tables = self.lock();
        let table = tables.entry(kind).or_default();
        table.remove_expired(now);
        work(table)
    }

    fn make_room(&self, table: &mut Table, now: Duration, kind: EntryKind, key: &str, value: &[u8]) -> bool {
        while !self.has_room(table, kind, key, value) {
            let last = evicts_within(kind).map(|soon| now.saturating_add(soon));
            let soon = || table.by_expiry.first().filter(|(until, _)| Some(*until) <= last).map(|(_, key)| key.clone());
            let first = table.waiting.first().or_else(soon).filter(|first| **first != *key);
            let Some(first) = first else { return false };
            table.remove(&first);
        }
        true
    }

    fn has_room(&self, table: &Table, kind: EntryKind, key: &str, value: &[u8]) -> bool {
        let bound = self.bounds.of(kind);
        let (entries, bytes) = match table.entries.get(key) {
            Some(before) => (table.entries.len(), table.bytes.saturating_sub(before.value.len()) + value.len()),
            None => (table.entries.len() + 1, table.bytes + key.len() + value.len()),
        };
        entries <= bound.entries && bytes <= bound.bytes
    }

    /// A poisoned lock is usable: each step above leaves the tables consistent.
    fn lock(&self) -> MutexGuard<'_, HashMap<EntryKind, Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn write(&mut self, key: &str, value: Vec<u8>, until: Duration, group: Option<Arc<str>>) {
        self.remove(key);
        let key: Arc<str> = key.into();
        self.bytes += key.len() + value.len();
        self.by_expiry.insert((until, Arc::clone(&key)));
        if let Some(group) = &group {
            self.waiting.add(group, &key, until, key.len() + value.len());
        }
        self.entries.insert(key, Entry { value, until, group });
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        let bytes = key.len() + entry.value.len();
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(group) = &entry.group {
            self.waiting.remove(group, &key, entry.until, bytes);
        }
        self.by_expiry.remove(&(entry.until, key));
        Some(entry)
    }

    fn remove_expired(&mut self, now: Duration) {
        while let Some((_, key)) = self.by_expiry.first().filter(|(until, _)| *until <= now) {
            let key = Arc::clone(key);
            if self.remove(&key).is_none() {
                self.by_expiry.pop_first();
            }
        }
    }
}
