//! Entries that wait for their first use, in groups: which of them is evicted first.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// The waiting entries of one table.
#[derive(Default)]
pub(super) struct WaitingEntries {
    groups: HashMap<Arc<str>, Group>,
    by_bytes: BTreeSet<(usize, Arc<str>)>,
}

#[derive(Default)]
struct Group {
    bytes: usize,
    by_expiry: BTreeSet<(Duration, Arc<str>)>,
}

impl WaitingEntries {
    /// Adds an entry to its group.
    pub(super) fn add(&mut self, group: &Arc<str>, key: &Arc<str>, until: Duration, bytes: usize) {
        let of_group = self.groups.entry(Arc::clone(group)).or_default();
        self.by_bytes.remove(&(of_group.bytes, Arc::clone(group)));
        of_group.bytes += bytes;
        of_group.by_expiry.insert((until, Arc::clone(key)));
        self.by_bytes.insert((of_group.bytes, Arc::clone(group)));
    }

    /// Removes an entry from its group.
    pub(super) fn remove(&mut self, group: &Arc<str>, key: &Arc<str>, until: Duration, bytes: usize) {
        let Some(of_group) = self.groups.get_mut(group) else { return };
        self.by_bytes.remove(&(of_group.bytes, Arc::clone(group)));
        of_group.bytes = of_group.bytes.saturating_sub(bytes);
        of_group.by_expiry.remove(&(until, Arc::clone(key)));
        if of_group.by_expiry.is_empty() {
            self.groups.remove(group);
        } else {
            self.by_bytes.insert((of_group.bytes, Arc::clone(group)));
        }
    }

    /// The oldest entry of the group with the most bytes.
    pub(super) fn first(&self) -> Option<Arc<str>> {
        let (_, group) = self.by_bytes.last()?;
        let (_, key) = self.groups.get(group)?.by_expiry.first()?;
        Some(Arc::clone(key))
    }
}
