//! Bounds client connections, and chooses which idle one makes room for the next (attack 174).
//!
//! Each connection has a `Seat`. When all are taken, the oldest idle connections of the peer with
//! the most idle ones are closed; a connection with a request under way never is. If every
//! connection is active, the next one waits. A request that needs more descriptors than are left
//! makes room in the same way before it is sent on.

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
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Instant,
};

use tokio::sync::Notify;

use crate::{
    base::{limits::connections::CONNECTIONS_CLOSED_AT_ONCE, peer},
    observe::metrics::{ConnectionSeries, Metrics},
};

/// What the limit on open files leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Client connections.
    pub connections: usize,
    /// Client connections and requests together: each request may need a connection to its
    /// upstream.
    pub total: usize,
}

/// The seats of all listeners.
pub struct Room {
    bounds: Bounds,
    started: Instant,
    seats: Mutex<HashMap<u64, Taken>>,
    next: AtomicU64,
    /// How many are taken, for reading without the lock.
    open: AtomicUsize,
    /// Connections that are accepted and have no seat yet.
    waiting: AtomicUsize,
    /// A seat is free, or its connection has become idle.
    freed: Notify,
    series: ConnectionSeries,
}

struct Taken {
    peer: IpAddr,
    activity: Arc<Activity>,
}

/// One connection's place; free again when it is dropped.
pub(super) struct Seat {
    id: u64,
    activity: Arc<Activity>,
}

/// How busy a connection is.
pub(super) struct Activity {
    room: Arc<Room>,
    requests: AtomicU32,
    /// Since when it is idle: nanoseconds since the room was made.
    idle_since: AtomicU64,
    /// Whether it was asked to make room.
    is_asked: AtomicBool,
    asked: Notify,
}

/// Counts a connection as waiting.
struct Waits<'a>(&'a AtomicUsize);

impl Room {
    /// All seats free.
    #[must_use]
    pub fn new(bounds: Bounds, metrics: &Metrics) -> Arc<Self> {
        let series = metrics.connections(bounds.connections);
        Arc::new(Self {
            bounds,
            started: Instant::now(),
            seats: Mutex::default(),
            next: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
            series,
        })
    }

    /// A seat for a connection of `peer`; `None` where all are taken, and idle connections were
    /// asked to make room.
    pub(super) fn try_seat(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.len() >= self.bounds.connections {
            self.ask(&seats, (self.bounds.connections / 64).clamp(1, CONNECTIONS_CLOSED_AT_ONCE));
            return None;
        }
        let activity = Arc::new(Activity {
            room: Arc::clone(self),
            requests: AtomicU32::new(0),
            idle_since: AtomicU64::new(self.now()),
            is_asked: AtomicBool::new(false),
            asked: Notify::new(),
        });
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        seats.insert(id, Taken { peer: peer::network(peer), activity: Arc::clone(&activity) });
        self.open.store(seats.len(), Ordering::Relaxed);
        Some(Seat { id, activity })
    }

    /// Waits for a seat for a connection of `peer`. Nothing is lost when it is dropped.
    pub(super) async fn seat(self: &Arc<Self>, peer: IpAddr) -> Seat {
        let _waits = Waits::of(&self.waiting);
        loop {
            let freed = self.freed.notified();
            if let Some(seat) = self.try_seat(peer) {
                return seat;
            }
            freed.await;
        }
    }

    /// Whether one more request may ask its upstream; where descriptors run short, idle connections
    /// are asked to make room. The request is counted already.
    pub(super) fn admits_request(&self) -> bool {
        let requests = usize::try_from(self.series.requests_in_flight()).unwrap_or(0);
        let excess = (self.open.load(Ordering::Relaxed) + requests).saturating_sub(self.bounds.total);
        excess == 0 || {
            let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
            self.ask(&seats, excess) >= excess
        }
    }

    /// The system has no descriptor left although the count said otherwise: makes room for a few.
    pub(super) fn press(&self) {
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask(&seats, CONNECTIONS_CLOSED_AT_ONCE.min(seats.len() / 8 + 1));
    }

    /// Sees to it that `wanted` idle connections are about to close; how many are.
    fn ask(&self, seats: &HashMap<u64, Taken>, wanted: usize) -> usize {
        let is_asked = |taken: &&Taken| taken.activity.is_asked.load(Ordering::Relaxed);
        let closing = seats.values().filter(is_asked).count();
        if closing >= wanted {
            return closing;
        }
        let mut idle: HashMap<IpAddr, Vec<choice::Idle>> = HashMap::new();
        for (id, taken) in seats {
            if taken.activity.requests.load(Ordering::Relaxed) == 0 && !is_asked(&taken) {
                let since = taken.activity.idle_since.load(Ordering::Relaxed);
                idle.entry(taken.peer).or_default().push(choice::Idle { since, id: *id });
            }
        }
        let chosen = choice::choose(idle.into_values().collect(), wanted - closing);
        for taken in chosen.iter().filter_map(|id| seats.get(id)) {
            taken.activity.is_asked.store(true, Ordering::Relaxed);
            taken.activity.asked.notify_one();
        }
        closing + chosen.len()
    }

    fn now(&self) -> u64 {
        let passed = self.started.elapsed();
        passed.as_secs() * 1_000_000_000 + u64::from(passed.subsec_nanos())
    }

    fn tell_of_room(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.freed.notify_one();
        }
    }
}

impl Seat {
    /// How busy its connection is.
    pub(super) fn activity(&self) -> &Arc<Activity> {
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
        room.tell_of_room();
    }
}

impl Activity {
    /// A request begins.
    pub(super) fn begin(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub(super) fn end(&self) {
        if self.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle_since.store(self.room.now(), Ordering::Relaxed);
            self.room.tell_of_room();
        }
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
    }

    /// Ends when the connection must make room, and is idle.
    pub(super) async fn asked(&self) {
        loop {
            let mut asked = pin!(self.asked.notified());
            let mut waits = false;
            poll_fn(|cx| {
                // It waits from the first look on; a busy connection wakes often, and looks again only where it is asked.
                if waits && !self.is_asked.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                waits = true;
                asked.as_mut().poll(cx)
            })
            .await;
            if self.is_idle() {
                self.room.series.closed_for_room();
                return;
            }
            // A request came first: another connection makes room.
            self.is_asked.store(false, Ordering::Relaxed);
            self.room.tell_of_room();
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
