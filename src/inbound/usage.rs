//! Counts what each caller and all together hold: requests, streams, bytes of bodies.
//!
//! A place is taken before the request may cost anything, and given back by dropping it: two
//! requests at once cannot both take the last place (attacks 172, 173).

mod charge;

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

pub(super) use self::charge::Charge;
use crate::{
    base::{
        limits::held::{BODY_BYTES_UNCHARGED, CALLER_SHARE, PEER_SHARE, REQUESTS_FOR_ANSWERS},
        names::ServerName,
        peer::network,
    },
    decide::{refusal::Refusal, token::claims::Caller},
    inbound::snapshot::{ServerLimits, TotalLimits},
};

/// Above this number of callers, those that hold nothing are removed.
const SWEPT_ABOVE: usize = 4_096;

/// Counts what is held.
pub struct Usage {
    callers: Mutex<Callers>,
    seed: u64,
    /// What is held at the endpoints of embedded authorization servers, where callers are not known
    /// yet: by peer address, and of all peers together.
    peers: Mutex<HashMap<IpAddr, Arc<Holding>>>,
    unproved: Arc<Counts>,
    all: Arc<Counts>,
}

/// By [`key`]: no text stays behind.
#[derive(Default)]
struct Callers {
    /// By server and caller.
    at_servers: HashMap<u64, Arc<Holding>, BuildHasherDefault<Hashed>>,
    /// By caller.
    everywhere: HashMap<u64, Arc<Counts>, BuildHasherDefault<Hashed>>,
}

/// What one caller holds at one server, or one peer at all authorization servers.
#[derive(Default)]
struct Holding {
    here: Counts,
    streams: Count,
    /// The same caller at all servers, or all peers.
    everywhere: Arc<Counts>,
    /// All callers at all servers.
    all: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: Count,
    body_bytes: Count,
}

#[derive(Default)]
struct Count(AtomicU64);

impl Count {
    /// Takes `more` unless `fits` says no of what is held; what was held before.
    fn take(&self, more: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let add = |held: u64| fits(held).then(|| held.saturating_add(more));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()
    }

    fn give(&self, back: u64) {
        self.0.fetch_sub(back, Ordering::Relaxed);
    }

    fn held(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The place of one request, and of the stream that answers it.
pub(super) struct Place {
    holding: Arc<Holding>,
    bounds: Bounds,
    /// Whether the caller has more requests under way than they may: what answers or ends something
    /// passes all the same.
    is_over: bool,
    is_request: bool,
    is_stream: bool,
}

/// What a place and its body are measured by.
#[derive(Clone, Copy)]
struct Bounds {
    body_bytes: u64,
    all: TotalLimits,
    /// Whether the caller is known, so that it can be told that it holds too much.
    is_proved: bool,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            callers: Mutex::default(),
            seed: RandomState::new().hash_one("usage"),
            peers: Mutex::default(),
            unproved: Arc::default(),
            all: Arc::default(),
        }
    }
}

impl Usage {
    /// Takes a place for a request of `caller`, before its body is read.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`], [`Refusal::OverloadedRequests`].
    pub(super) fn enter(
        &self,
        server: &ServerName,
        limits: ServerLimits,
        caller: &Caller,
        all: TotalLimits,
    ) -> Result<Place, Refusal> {
        let bounds = Bounds { body_bytes: limits.body_bytes_per_caller, all, is_proved: true };
        take(self.holding(server, caller), limits.requests_per_caller.into(), REQUESTS_FOR_ANSWERS, bounds)
    }

    /// Takes a place for a request of `peer` to an embedded authorization server. Together such
    /// requests get a share of all places, so that clients without a token cannot take the places
    /// of those with one; one peer gets a part of that share.
    ///
    /// # Errors
    /// [`Refusal::OverloadedRequests`].
    pub(super) fn enter_unproved(&self, peer: IpAddr, all: TotalLimits) -> Result<Place, Refusal> {
        let bounds = Bounds { body_bytes: share(all.body_bytes).div_ceil(PEER_SHARE), all, is_proved: false };
        take(self.peer(network(peer)), u64::from(all.unproved).div_ceil(PEER_SHARE), 0, bounds)
    }

    /// Bytes that are held now of request bodies, and of answers that are read.
    pub fn body_bytes(&self) -> u64 {
        self.all.body_bytes.held()
    }

    fn peer(&self, peer: IpAddr) -> Arc<Holding> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() > SWEPT_ABOVE && peers.len().is_power_of_two() && !peers.contains_key(&peer) {
            peers.retain(|_, holding| Arc::strong_count(holding) > 1);
        }
        let new =
            || Holding { everywhere: Arc::clone(&self.unproved), all: Arc::clone(&self.all), ..Holding::default() };
        Arc::clone(peers.entry(peer).or_insert_with(|| Arc::new(new())))
    }

    fn holding(&self, server: &ServerName, caller: &Caller) -> Arc<Holding> {
        let person = key(self.seed, caller.principal());
        let here = key(person, server.as_str());
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holding) = callers.at_servers.get(&here) {
            return Arc::clone(holding);
        }
        callers.sweep();
        let everywhere = Arc::clone(callers.everywhere.entry(person).or_default());
        let holding = Arc::new(Holding { everywhere, all: Arc::clone(&self.all), ..Holding::default() });
        callers.at_servers.insert(here, Arc::clone(&holding));
        holding
    }
}

impl Callers {
    /// Now and then removes callers that hold nothing; new ones are added only here.
    fn sweep(&mut self) {
        if self.at_servers.len() > SWEPT_ABOVE && self.at_servers.len().is_power_of_two() {
            self.at_servers.retain(|_, holding| Arc::strong_count(holding) > 1);
            self.everywhere.retain(|_, counts| Arc::strong_count(counts) > 1);
        }
    }
}

/// What a caller, and a caller at a server, are counted by. Every request asks for it, so it is no
/// more than must be: a principal is the front of a SHA-256, which nobody chooses, and the name of
/// a server is the operator's.
fn key(seed: u64, text: &str) -> u64 {
    let fold = |key: u64, word: [u8; 8]| {
        let mixed = (key.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 32
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    words.iter().copied().chain([last]).fold(seed, fold)
}

/// One caller's part of what all callers together may hold.
#[must_use]
pub fn share(all: u64) -> u64 {
    (all / CALLER_SHARE).max(1)
}

/// Takes a place. Beyond `most` requests there is room for some that answer or end something.
fn take(holding: Arc<Holding>, most: u64, room: u64, bounds: Bounds) -> Result<Place, Refusal> {
    let own = if bounds.is_proved { Refusal::TooManyRequests } else { Refusal::OverloadedRequests };
    let Holding { here, everywhere, all, .. } = &*holding;
    let in_all = u64::from(bounds.all.requests);
    let before = here.requests.take(1, |held| held < most.saturating_add(room)).ok_or(own.clone())?;
    let share = if bounds.is_proved { share(in_all) } else { bounds.all.unproved.into() };
    if everywhere.requests.take(1, |held| held < share).is_none() {
        here.requests.give(1);
        return Err(own);
    }
    if all.requests.take(1, |held| held < in_all).is_none() {
        here.requests.give(1);
        everywhere.requests.give(1);
        return Err(Refusal::OverloadedRequests);
    }
    Ok(Place { is_over: before >= most, is_request: true, is_stream: false, bounds, holding })
}

impl Place {
    /// Whether the caller may ask something, now that it is known to be a question.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub(super) fn asks(&self) -> Result<(), Refusal> {
        if self.is_over { Err(Refusal::TooManyRequests) } else { Ok(()) }
    }

    /// Takes a place among the caller's streams as well: the answer may be one.
    ///
    /// # Errors
    /// [`Refusal::TooManyStreams`].
    pub(super) fn may_stream(&mut self, streams_max: u32) -> Result<(), Refusal> {
        let taken = self.holding.streams.take(1, |held| held < u64::from(streams_max));
        self.is_stream = taken.is_some();
        taken.map(drop).ok_or(Refusal::TooManyStreams)
    }

    /// The answer turned out: a stream no longer counts as a request, and any other answer gives
    /// its place among the streams back.
    pub(super) fn answered(&mut self, is_stream: bool) {
        if is_stream { self.give_request() } else { self.give_stream() }
    }

    /// Begins to charge for a body that announces this many bytes, or 0. The caller is charged for
    /// the announced bytes at once, so that a body that begins can finish. The total is charged
    /// only for bytes that arrived, so that an announcement keeps no other caller out.
    ///
    /// # Errors
    /// [`Refusal::TooManyBodyBytes`], [`Refusal::OverloadedBodyBytes`].
    pub(super) fn charge(&self, announced: u64) -> Result<Charge, Refusal> {
        let mut charge = self.charge_later();
        if announced > BODY_BYTES_UNCHARGED {
            charge.take_own(announced)?;
            if self.holding.all.body_bytes.held().saturating_add(announced) > self.bounds.all.body_bytes {
                return Err(Refusal::OverloadedBodyBytes);
            }
        }
        Ok(charge)
    }

    /// Begins to charge for what will be held, of which nothing is known yet.
    pub(super) fn charge_later(&self) -> Charge {
        Charge { holding: Arc::clone(&self.holding), bounds: self.bounds, own: 0, all: 0 }
    }

    fn give_request(&mut self) {
        if std::mem::take(&mut self.is_request) {
            self.holding.here.requests.give(1);
            self.holding.everywhere.requests.give(1);
            self.holding.all.requests.give(1);
        }
    }

    fn give_stream(&mut self) {
        if std::mem::take(&mut self.is_stream) {
            self.holding.streams.give(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_request();
        self.give_stream();
    }
}

/// Uses a key that already is a hash as it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
