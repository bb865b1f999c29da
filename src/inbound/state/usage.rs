//! Counts requests, event streams and body bytes under way, for each caller and in total.
//!
//! A place is taken before the request uses memory or an upstream, and given back on drop: two
//! requests at once cannot both take the last place (attacks 172, 173).

mod charge;
mod counts;
mod place;
#[cfg(test)]
mod tests;
mod uploads;

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

pub use self::counts::share;
pub(in crate::inbound) use self::{
    charge::{Charge, Shortage},
    place::RequestPlace,
    uploads::Upload,
};
use self::{
    counts::{HeldBounds, HeldCounts, Holding},
    uploads::{NoRoom, Uploads},
};
use crate::{
    base::{
        limits::held::{PEER_SHARE, REQUESTS_FOR_ANSWERS},
        names::ServerName,
        peer::network,
    },
    decide::{refusal::Refusal, token::caller::Caller},
    inbound::state::server::{ServerLimits, TotalLimits},
};

/// Above this number of callers, callers without places or bytes are removed.
const SWEPT_ABOVE: usize = 4_096;

/// So many uploads give way to one request, where other requests take the places first.
const GIVEN_UP_MAX: u32 = 4;

/// The places and bytes in use.
pub struct Usage {
    callers: Mutex<Callers>,
    seed: u64,
    /// Use of the endpoints of embedded authorization servers, where callers are not verified yet.
    signing_in: Peers,
    /// Use of MCP servers without a token. Apart from the above: calls that hang must not take the
    /// places of clients that sign in.
    anonymous: Peers,
    /// Use of public paths: a slow download must not keep users from signing in.
    public: Peers,
    all: Arc<HeldCounts>,
}

/// Use without a verified caller.
#[derive(Default)]
struct Peers {
    /// By peer address.
    each: Mutex<HashMap<IpAddr, Arc<Holding>>>,
    /// Of all peers.
    together: Arc<HeldCounts>,
    uploads: Uploads,
}

/// Keyed by [`key`], so that no text is kept.
#[derive(Default)]
struct Callers {
    /// Keyed by server and caller.
    at_servers: HashMap<u64, Arc<Holding>, BuildHasherDefault<Hashed>>,
    /// Keyed by caller.
    everywhere: HashMap<u64, Arc<HeldCounts>, BuildHasherDefault<Hashed>>,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            callers: Mutex::default(),
            seed: RandomState::new().hash_one("usage"),
            signing_in: Peers::default(),
            anonymous: Peers::default(),
            public: Peers::default(),
            all: Arc::default(),
        }
    }
}

impl Usage {
    /// Takes a place for a request of `caller`, before its body is read.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`], [`Refusal::OverloadedRequests`].
    pub(in crate::inbound) fn enter(
        &self,
        server: &ServerName,
        limits: ServerLimits,
        caller: &Caller,
        all: TotalLimits,
    ) -> Result<RequestPlace, Refusal> {
        let bounds = HeldBounds { body_bytes: limits.body_bytes_per_caller, all, is_verified: true };
        RequestPlace::take(
            self.holding(server, caller),
            limits.requests_per_caller.into(),
            REQUESTS_FOR_ANSWERS,
            bounds,
        )
    }

    /// Takes a place for a request of `peer` to an embedded authorization server. Together such
    /// requests get a share of all places, so that clients without a token cannot take the places
    /// of callers with a token. One peer gets a part of that share. If there is no place, an
    /// unfinished upload gives way.
    ///
    /// # Errors
    /// [`Refusal::OverloadedRequests`].
    pub(in crate::inbound) fn enter_unverified(&self, peer: IpAddr, all: TotalLimits) -> Result<RequestPlace, Refusal> {
        self.signing_in.enter(peer, all, &self.all)
    }

    /// As [`Self::enter_unverified`], for a request without a token to an MCP server. Such requests
    /// have places of their own.
    ///
    /// # Errors
    /// [`Refusal::OverloadedRequests`].
    pub(in crate::inbound) fn enter_anonymous(&self, peer: IpAddr, all: TotalLimits) -> Result<RequestPlace, Refusal> {
        self.anonymous.enter(peer, all, &self.all)
    }

    /// Takes a place for a request of `peer` to a public path: as [`Self::enter_unverified`], from
    /// a share of the same size that is its own.
    ///
    /// # Errors
    /// [`Refusal::OverloadedRequests`].
    pub(in crate::inbound) fn enter_public(&self, peer: IpAddr, all: TotalLimits) -> Result<RequestPlace, Refusal> {
        self.public.enter(peer, all, &self.all)
    }

    /// Begins an upload of `peer` that holds `place`, which [`Self::enter_unverified`] gave.
    pub(in crate::inbound) fn upload(&self, peer: IpAddr, place: RequestPlace) -> Upload<'_> {
        self.signing_in.uploads.begin(peer, place)
    }

    /// As [`Self::upload`], for a place that [`Self::enter_anonymous`] gave.
    pub(in crate::inbound) fn upload_anonymous(&self, peer: IpAddr, place: RequestPlace) -> Upload<'_> {
        self.anonymous.uploads.begin(peer, place)
    }

    /// How many unfinished uploads gave way to other requests since the start.
    pub fn uploads_displaced(&self) -> u64 {
        self.signing_in.uploads.displaced().saturating_add(self.anonymous.uploads.displaced())
    }

    /// Bytes held in request bodies, and in answers that are read.
    pub fn body_bytes(&self) -> u64 {
        self.all.body_bytes.held()
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

impl Peers {
    fn enter(&self, peer: IpAddr, all: TotalLimits, counts: &Arc<HeldCounts>) -> Result<RequestPlace, Refusal> {
        let bounds = HeldBounds { body_bytes: share(all.body_bytes).div_ceil(PEER_SHARE), all, is_verified: false };
        let (own, most) = (self.holding(network(peer), counts), u64::from(all.unverified).div_ceil(PEER_SHARE));
        // Another request may take the place that an upload gives up.
        for _ in 0..GIVEN_UP_MAX {
            let taken = RequestPlace::take(Arc::clone(&own), most, 0, bounds);
            let missing = if own.here.requests.held() >= most { NoRoom::OfPeer } else { NoRoom::OfAll };
            if taken.is_ok() || !self.uploads.make_room(peer, missing) {
                return taken;
            }
        }
        RequestPlace::take(own, most, 0, bounds)
    }

    fn holding(&self, peer: IpAddr, counts: &Arc<HeldCounts>) -> Arc<Holding> {
        let mut peers = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() > SWEPT_ABOVE && peers.len().is_power_of_two() && !peers.contains_key(&peer) {
            peers.retain(|_, holding| Arc::strong_count(holding) > 1);
        }
        let new = || Holding { everywhere: Arc::clone(&self.together), all: Arc::clone(counts), ..Holding::default() };
        Arc::clone(peers.entry(peer).or_insert_with(|| Arc::new(new())))
    }
}

impl Callers {
    /// From time to time, removes callers without places or bytes. Called before a caller is added.
    fn sweep(&mut self) {
        if self.at_servers.len() > SWEPT_ABOVE && self.at_servers.len().is_power_of_two() {
            self.at_servers.retain(|_, holding| Arc::strong_count(holding) > 1);
            self.everywhere.retain(|_, counts| Arc::strong_count(counts) > 1);
        }
    }
}

/// The key of a caller, or of a caller at a server. Every request computes it, so it is cheap. No
/// client can cause a collision: a principal is the first part of a SHA-256, and the operator
/// chooses server names.
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

/// A hasher for keys that are hashes already.
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
