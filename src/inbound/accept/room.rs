//! Bounds client connections; idle connections make room for new ones (attack 174).
//!
//! Each connection has a `Seat`. When all seats are taken, the oldest idle connections of the peer
//! with the most seats are closed. A connection is idle while none of its requests is safe. A
//! request is safe once its caller is verified, so half a body to an unknown path holds no seat. A
//! connection that is new, or has just had an answer, is not closed for a peer with more seats. If
//! no connection may be closed, the new connection waits. If a request needs a descriptor and few
//! are left, idle connections are closed in the same way before the upstream is asked.

mod choice;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    future::poll_fn,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::timeout};

use self::choice::Holder;
use crate::{
    base::{
        limits::{
            connections::{CONNECTION_YOUNG, CONNECTIONS_CLOSED_AT_ONCE, CONNECTIONS_MAX},
            operating::ADMIN_CONNECTIONS_MAX,
        },
        peer,
    },
    observe::metrics::{ConnectionSeries, Metrics},
    outbound::upstream::Spare,
};

/// The numbers of connections that the limit on open files allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// Client connections.
    pub connections: usize,
    /// Client connections and requests together: each request may need a connection to its
    /// upstream.
    pub total: usize,
    /// Connections to the admin port.
    pub admin: usize,
}

impl ConnectionBounds {
    /// The bounds without a limit on open files.
    pub const NONE: Self = Self { connections: CONNECTIONS_MAX, total: usize::MAX, admin: ADMIN_CONNECTIONS_MAX };

    /// The number of upstream connections that are always possible.
    #[must_use]
    pub fn upstreams(&self) -> usize {
        self.total.saturating_sub(self.connections)
    }
}

/// The seats of all listeners.
pub struct Room {
    bounds: ConnectionBounds,
    spare: Arc<Spare>,
    started: Instant,
    seats: Mutex<HashMap<u64, Taken>>,
    next: AtomicU64,
    /// The number of taken seats, readable without the lock.
    open: AtomicUsize,
    /// Safe requests. A request whose caller is not verified never gets to an upstream.
    safe: AtomicUsize,
    /// Accepted connections without a seat.
    waiting: AtomicUsize,
    /// Notified when a seat becomes free, or a connection becomes idle.
    freed: Notify,
    series: ConnectionSeries,
}

struct Taken {
    peer: IpAddr,
    activity: Arc<Activity>,
}

/// The seat of one connection. Given back on drop.
pub(in crate::inbound) struct Seat {
    id: u64,
    activity: Arc<Activity>,
}

/// Adds one request to [`Activity::work`].
const REQUEST: u64 = 1;
/// Added to [`REQUEST`] for a safe request.
const SAFE: u64 = 1 << 32;
/// Set when the connection is being closed: no more requests become safe.
const LEAVES: u64 = 1 << 63;

/// The requests of one connection.
pub(in crate::inbound) struct Activity {
    room: Arc<Room>,
    /// The number of requests under way, and of safe ones: see [`REQUEST`] and [`SAFE`].
    work: AtomicU64,
    /// When the connection became idle, in nanoseconds since the room was made.
    idle_since: AtomicU64,
    /// Whether the connection was asked to make room.
    is_asked: AtomicBool,
    asked: Notify,
}

fn nanos(passed: Duration) -> u64 {
    passed.as_secs() * 1_000_000_000 + u64::from(passed.subsec_nanos())
}

/// Counts a connection as waiting until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl Room {
    /// The bounds.
    #[must_use]
    pub fn bounds(&self) -> ConnectionBounds {
        self.bounds
    }

    /// A room in which all seats are free.
    #[must_use]
    pub fn new(bounds: ConnectionBounds, spare: Arc<Spare>, metrics: &Metrics) -> Arc<Self> {
        let series = metrics.connections(bounds.connections);
        Arc::new(Self {
            bounds,
            spare,
            started: Instant::now(),
            seats: Mutex::default(),
            next: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            safe: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
            series,
        })
    }

    /// A seat for a connection of `peer`. `None` if all are taken: then idle connections were asked
    /// to make room.
    pub(in crate::inbound) fn try_seat(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let peer = peer::network(peer);
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.len() >= self.bounds.connections {
            let wanted = (self.bounds.connections / 64).clamp(1, CONNECTIONS_CLOSED_AT_ONCE);
            self.ask(&seats, wanted, Some(peer));
            return None;
        }
        let activity = Arc::new(Activity {
            room: Arc::clone(self),
            work: AtomicU64::new(0),
            idle_since: AtomicU64::new(self.now()),
            is_asked: AtomicBool::new(false),
            asked: Notify::new(),
        });
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        seats.insert(id, Taken { peer, activity: Arc::clone(&activity) });
        self.open.store(seats.len(), Ordering::Relaxed);
        Some(Seat { id, activity })
    }

    /// Waits for a seat for a connection of `peer`. Cancel-safe.
    pub(in crate::inbound) async fn seat(self: &Arc<Self>, peer: IpAddr) -> Seat {
        let _waits = Waits::of(&self.waiting);
        loop {
            let freed = self.freed.notified();
            if let Some(seat) = self.try_seat(peer) {
                return seat;
            }
            // New connections may be closed after this time.
            let _ = timeout(CONNECTION_YOUNG, freed).await;
        }
    }

    /// Whether one more request may ask its upstream. If descriptors run short, idle connections to
    /// upstreams are closed, and then idle client connections are asked to make room. The request
    /// is already counted as safe.
    pub(in crate::inbound) fn admits_request(&self) -> bool {
        let excess = self.excess();
        if excess == 0 {
            return true;
        }
        let left = excess - self.spare.close(excess).min(excess);
        // The first count may include connections that another request was closing at that moment.
        let excess = left.min(self.excess());
        excess == 0 || {
            let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
            self.ask(&seats, excess, None) >= excess
        }
    }

    /// How many descriptors more than the bound are in use.
    fn excess(&self) -> usize {
        let used = self.open.load(Ordering::Relaxed) + self.safe.load(Ordering::Relaxed) + self.spare.idle();
        used.saturating_sub(self.bounds.total)
    }

    /// Frees a few descriptors: the system has no more, although the count says otherwise.
    pub(in crate::inbound) fn press(&self) {
        self.spare.close(CONNECTIONS_CLOSED_AT_ONCE);
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask(&seats, CONNECTIONS_CLOSED_AT_ONCE.min(seats.len() / 8 + 1), None);
    }

    /// Asks idle connections to close until `wanted` are closing, for a new connection of the peer
    /// `newcomer` if there is one. Returns how many are closing.
    fn ask(&self, seats: &HashMap<u64, Taken>, wanted: usize, newcomer: Option<IpAddr>) -> usize {
        let is_asked = |taken: &&Taken| taken.activity.is_asked.load(Ordering::Relaxed);
        let closing = seats.values().filter(is_asked).count();
        if closing >= wanted {
            return closing;
        }
        let mut peers: HashMap<IpAddr, Holder> = HashMap::new();
        for (id, taken) in seats {
            let holder = peers.entry(taken.peer).or_default();
            holder.seats += 1;
            if taken.activity.may_leave() && !is_asked(&taken) {
                let since = taken.activity.idle_since.load(Ordering::Relaxed);
                holder.idle.push(choice::IdleConnection { since, id: *id });
            }
        }
        let old_since = self.now().saturating_sub(nanos(CONNECTION_YOUNG));
        let newcomer = newcomer.map(|peer| {
            let own = peers.get_mut(&peer);
            own.map_or(0, |own| {
                own.is_newcomers = true;
                own.seats
            })
        });
        let rule = choice::DisplacementRule { more_than: newcomer.unwrap_or(0), old_since };
        let chosen = choice::choose(peers.into_values().collect(), wanted - closing, rule);
        for taken in chosen.iter().filter_map(|id| seats.get(id)) {
            taken.activity.is_asked.store(true, Ordering::Relaxed);
            taken.activity.asked.notify_one();
        }
        closing + chosen.len()
    }

    fn now(&self) -> u64 {
        nanos(self.started.elapsed())
    }

    fn notify_waiting(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.freed.notify_one();
        }
    }
}

impl Seat {
    /// The requests of its connection.
    pub(in crate::inbound) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let room = &self.activity.room;
        let mut seats = room.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.remove(&self.id);
        room.open.store(seats.len(), Ordering::Relaxed);
        drop(seats);
        room.notify_waiting();
    }
}

impl Activity {
    /// A request begins.
    pub(in crate::inbound) fn begin(&self) {
        self.work.fetch_add(REQUEST, Ordering::Relaxed);
    }

    /// Makes a request safe. Returns false if the connection is being closed.
    pub(in crate::inbound) fn secure(&self) -> bool {
        self.room.safe.fetch_add(1, Ordering::Relaxed);
        self.work.fetch_add(SAFE, Ordering::Relaxed) & LEAVES == 0
    }

    /// Begins to close the connection, unless a request is safe. Returns true if it is being
    /// closed.
    pub(in crate::inbound) fn leave(&self) -> bool {
        let leaves = |work: u64| (work < SAFE).then_some(work | LEAVES);
        self.work.fetch_update(Ordering::Relaxed, Ordering::Relaxed, leaves).is_ok()
    }

    /// Makes a safe request unsafe.
    pub(in crate::inbound) fn expose(&self) {
        self.less(SAFE);
    }

    /// A request has ended.
    pub(in crate::inbound) fn end(&self, was_safe: bool) {
        self.less(if was_safe { REQUEST + SAFE } else { REQUEST });
    }

    fn less(&self, work: u64) {
        let left = (self.work.fetch_sub(work, Ordering::Relaxed) - work) & !LEAVES;
        let was_safe = work >= SAFE;
        if was_safe {
            self.room.safe.fetch_sub(1, Ordering::Relaxed);
        }
        let is_idle_now = if was_safe { left < SAFE } else { left == 0 };
        if is_idle_now {
            self.idle_since.store(self.room.now(), Ordering::Relaxed);
            self.room.notify_waiting();
        }
    }

    /// Whether no request is under way.
    pub(in crate::inbound) fn is_idle(&self) -> bool {
        self.work.load(Ordering::Relaxed) == 0
    }

    /// Whether the connection may be closed to make room: none of its requests is safe.
    pub(in crate::inbound) fn may_leave(&self) -> bool {
        self.work.load(Ordering::Relaxed) < SAFE
    }

    /// Ends when the connection must make room and may be closed.
    pub(in crate::inbound) async fn asked(&self) {
        loop {
            let mut asked = pin!(self.asked.notified());
            let mut waits = false;
            poll_fn(|cx| {
                // The first poll registers the waker. A busy connection wakes often, so later polls
                // do nothing until it is asked.
                if waits && !self.is_asked.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                waits = true;
                asked.as_mut().poll(cx)
            })
            .await;
            if self.may_leave() {
                self.room.series.closed_for_room();
                return;
            }
            // A request became safe first: another connection makes room.
            self.is_asked.store(false, Ordering::Relaxed);
            self.room.notify_waiting();
        }
    }
}

impl<'a> Waits<'a> {
    fn of(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
