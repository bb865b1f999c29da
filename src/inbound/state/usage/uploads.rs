//! Unfinished uploads of clients without a token, and which of them gives way if there is no room.
//!
//! Such an upload costs its client nothing, and it holds a place. So when the places are taken, the
//! party with the most unfinished uploads loses its oldest one to a new request (attack 173).

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::place::RequestPlace;
use crate::{
    base::{
        limits::held::UPLOAD_YOUNG,
        peer::{network, site},
    },
    observe::sampled::Sampled,
};

/// How often it is logged that uploads give way.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// All unfinished uploads.
pub(super) struct Uploads {
    list: Mutex<UploadList>,
    displaced: AtomicU64,
    told: Sampled<()>,
}

#[derive(Default)]
struct UploadList {
    next: u64,
    /// The oldest first.
    under_way: BTreeMap<u64, Arc<UploadEntry>>,
    /// How many uploads each party has.
    of_party: HashMap<IpAddr, u32>,
}

struct UploadEntry {
    peer: IpAddr,
    began: Instant,
    /// Taken by the end of the upload, or by a request that it gives way to.
    place: Mutex<Option<RequestPlace>>,
    displaced: Notify,
}

/// An unfinished upload, which holds the place of its request.
pub(in crate::inbound) struct Upload<'a> {
    uploads: &'a Uploads,
    number: u64,
    entry: Arc<UploadEntry>,
}

/// Where a place is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// Among those of the network of the client.
    OfPeer,
    /// Among those of all clients without a token.
    OfAll,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { list: Mutex::default(), displaced: AtomicU64::new(0), told: Sampled::new(TOLD_EVERY, 1) }
    }
}

impl Uploads {
    /// Begins an upload of `peer`, which holds `place`.
    pub(super) fn begin(&self, peer: IpAddr, place: RequestPlace) -> Upload<'_> {
        let peer = network(peer);
        let (place, displaced) = (Mutex::new(Some(place)), Notify::new());
        let entry = Arc::new(UploadEntry { peer, began: Instant::now(), place, displaced });
        let mut list = self.list();
        let number = list.next;
        list.next += 1;
        list.under_way.insert(number, Arc::clone(&entry));
        *list.of_party.entry(party(peer)).or_default() += 1;
        Upload { uploads: self, number, entry }
    }

    /// Ends an upload to make room for a request of `peer`; returns whether there was one to end.
    /// If the party of `peer` would have as many with this request, the upload must be older than
    /// [`UPLOAD_YOUNG`]: that of an honest client is over by then.
    pub(super) fn make_room(&self, peer: IpAddr, missing: NoRoom) -> bool {
        let (peer, now) = (network(peer), Instant::now());
        let mut list = self.list();
        while let Some((number, count)) = list.next_to_go(peer, missing) {
            let Some(entry) = list.under_way.get(&number).cloned() else { return false };
            let is_young = now.saturating_duration_since(entry.began) < UPLOAD_YOUNG;
            if is_young && count <= list.count(peer).saturating_add(1) {
                return false;
            }
            list.remove(number);
            // Otherwise it has just ended, and its request goes on.
            if let Some(place) = entry.take() {
                drop((place, list));
                self.tell(&entry, count);
                return true;
            }
        }
        false
    }

    fn tell(&self, entry: &UploadEntry, count: u32) {
        entry.displaced.notify_one();
        self.displaced.fetch_add(1, Ordering::Relaxed);
        if let Some(left_out) = self.told.admit((), std::time::Instant::now()) {
            tracing::warn!(
                peer = %entry.peer, uploads = count, left_out,
                "clients without a token have taken all their places: the oldest unfinished upload of the address with the most gives way"
            );
        }
    }

    /// How many uploads gave way since the start.
    pub(super) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let list = self.list();
        list.under_way.is_empty() && list.of_party.is_empty()
    }

    fn list(&self) -> MutexGuard<'_, UploadList> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UploadList {
    /// How many uploads the party of `peer` has.
    fn count(&self, peer: IpAddr) -> u32 {
        self.of_party.get(&party(peer)).copied().unwrap_or_default()
    }

    /// The oldest upload of the party that has the most, and how many that is; if the places of one
    /// network are taken, the oldest of that network.
    fn next_to_go(&self, peer: IpAddr, missing: NoRoom) -> Option<(u64, u32)> {
        let mut found: Option<(u64, u32)> = None;
        for (number, entry) in &self.under_way {
            let count = self.count(entry.peer);
            let may_go = missing == NoRoom::OfAll || entry.peer == peer;
            if may_go && found.is_none_or(|(_, most)| count > most) {
                found = Some((*number, count));
            }
        }
        found
    }

    fn remove(&mut self, number: u64) {
        let Some(entry) = self.under_way.remove(&number) else { return };
        let party = party(entry.peer);
        if let Some(count) = self.of_party.get_mut(&party) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_party.remove(&party);
            }
        }
    }
}

impl UploadEntry {
    fn take(&self) -> Option<RequestPlace> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Upload<'_> {
    /// Waits until the upload has to give way.
    pub(in crate::inbound) async fn displaced(&self) {
        self.entry.displaced.notified().await;
    }

    /// The upload has ended: its place, unless it was given to another request.
    pub(in crate::inbound) fn finished(self) -> Option<RequestPlace> {
        self.entry.take()
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        self.uploads.list().remove(self.number);
        drop(self.entry.take());
    }
}

/// Who probably acts: the whole IPv6 site, which has many networks.
fn party(peer: IpAddr) -> IpAddr {
    site(peer).unwrap_or(peer)
}
