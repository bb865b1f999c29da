//! Which connection gets a seat, makes room, or waits.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn room(connections: usize, total: usize) -> (Arc<Room>, Arc<Metrics>) {
    let metrics = Metrics::new();
    (Room::new(ConnectionBounds { connections, total, admin: 4 }, Arc::default(), &metrics), metrics)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A call of a verified caller begins.
fn begin_safe(seat: &Seat) {
    seat.activity().begin();
    assert!(seat.activity().secure());
}

fn closed(metrics: &Metrics) -> String {
    let text = metrics.encode();
    let line = text.lines().find(|line| line.starts_with("portcullis_connections_closed_for_room_total"));
    line.unwrap().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn attack_174_the_idle_make_room_and_the_active_stay() {
    let (room, metrics) = room(3, 100);
    assert!(metrics.encode().contains("portcullis_connections_max 3\n"));
    let active = room.try_seat(address("10.0.0.1")).unwrap();
    begin_safe(&active);
    let old = room.try_seat(address("10.0.0.2")).unwrap();
    let young = room.try_seat(address("10.0.0.2")).unwrap();
    // The active peer opens another connection: the oldest idle connection of the other peer makes
    // room.
    assert!(room.try_seat(address("10.0.0.1")).is_none());
    timeout(SOON, old.activity().asked()).await.unwrap();
    assert_eq!(closed(&metrics), "1");
    assert!(room.try_seat(address("10.0.0.1")).is_none(), "it is on its way; no other connection is asked");
    drop(old);
    let next = room.try_seat(address("10.0.0.1")).unwrap();
    begin_safe(&next);
    begin_safe(&young);
    // All are active: the new connection waits until a connection is idle, which then makes room.
    let mut waiting = std::pin::pin!(room.seat(address("10.0.0.3")));
    assert!(futures_poll(waiting.as_mut()).is_none());
    next.activity().end(true);
    assert!(futures_poll(waiting.as_mut()).is_none());
    timeout(SOON, next.activity().asked()).await.unwrap();
    drop(next);
    let _late = timeout(SOON, waiting).await.unwrap();
    assert_eq!(closed(&metrics), "2");
    drop((active, young));
}

/// Polls once.
fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut cx) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn attack_174_one_that_becomes_active_in_time_is_spared_and_another_asked() {
    let (room, metrics) = room(2, 100);
    let first = room.try_seat(address("10.0.0.1")).unwrap();
    let second = room.try_seat(address("10.0.0.1")).unwrap();
    let mut waiting = std::pin::pin!(room.seat(address("10.0.0.9")));
    assert!(futures_poll(waiting.as_mut()).is_none());
    begin_safe(&first);
    let mut asked = std::pin::pin!(first.activity().asked());
    assert!(futures_poll(asked.as_mut()).is_none(), "a request came first");
    assert!(futures_poll(waiting.as_mut()).is_none(), "it looks for another");
    timeout(SOON, second.activity().asked()).await.unwrap();
    drop(second);
    let _seat = timeout(SOON, waiting).await.unwrap();
    assert_eq!(closed(&metrics), "1");
}

#[tokio::test]
async fn attack_174_one_network_of_ipv6_is_one_peer() {
    let (room, _metrics) = room(4, 100);
    let lone = room.try_seat(address("2001:db8:0:1::1")).unwrap();
    let spread: Vec<Seat> = (1..=3).map(|n| room.try_seat(address(&format!("2001:db8:0:2::{n}"))).unwrap()).collect();
    assert!(room.try_seat(address("192.0.2.1")).is_none());
    timeout(SOON, spread[0].activity().asked()).await.unwrap();
    assert!(futures_poll(std::pin::pin!(lone.activity().asked())).is_none());
}

#[tokio::test]
async fn attack_174_requests_make_room_before_descriptors_run_out() {
    let (room, metrics) = room(4, 5);
    let seats: Vec<Seat> = (0..4).map(|_| room.try_seat(address("10.0.0.1")).unwrap()).collect();
    let more = |count| (0..count).for_each(|_| begin_safe(&seats[3]));
    more(1);
    // Requests without a verified caller never ask an upstream.
    (0..100).for_each(|_| seats[2].activity().begin());
    assert!(room.admits_request(), "four and one");
    assert_eq!(closed(&metrics), "0");
    more(1);
    assert!(room.admits_request(), "the oldest idle one makes room");
    timeout(SOON, seats[0].activity().asked()).await.unwrap();
    more(2);
    assert!(room.admits_request(), "and two more");
    more(1);
    assert!(!room.admits_request(), "nothing idle is left");
    (0..5).for_each(|_| seats[3].activity().end(true));
    assert!(room.admits_request());
}

#[tokio::test]
async fn attack_174_a_request_of_which_nothing_is_proved_does_not_keep_its_seat() {
    let (room, metrics) = room(2, 100);
    let half = room.try_seat(address("10.0.0.9")).unwrap();
    half.activity().begin();
    let proved = room.try_seat(address("10.0.0.9")).unwrap();
    proved.activity().begin();
    begin_safe(&proved);
    assert!(room.try_seat(address("10.0.0.1")).is_none());
    timeout(SOON, half.activity().asked()).await.unwrap();
    assert_eq!(closed(&metrics), "1");
    drop(half);
    let next = room.try_seat(address("10.0.0.1")).unwrap();
    begin_safe(&next);
    // One of two requests is safe. When it is over, the connection may be closed.
    assert!(room.try_seat(address("10.0.0.2")).is_none());
    assert!(!proved.activity().may_leave());
    proved.activity().expose();
    assert!(proved.activity().may_leave() && !proved.activity().is_idle());
    assert!(proved.activity().secure() && !proved.activity().leave());
    proved.activity().end(true);
    assert!(proved.activity().may_leave() && !proved.activity().is_idle());
    proved.activity().end(false);
    assert!(proved.activity().is_idle());
    assert!(room.try_seat(address("10.0.0.2")).is_none());
    timeout(SOON, proved.activity().asked()).await.unwrap();
    // A request that is verified too late does not pass.
    proved.activity().begin();
    assert!(proved.activity().leave() && !proved.activity().secure());
    proved.activity().end(true);
}

#[tokio::test]
async fn attack_174_the_next_one_of_a_large_peer_waits_for_a_young_one_of_a_small() {
    let (room, _metrics) = room(3, 100);
    let attackers: Vec<Seat> = (0..2).map(|_| room.try_seat(address("10.0.0.9")).unwrap()).collect();
    attackers.iter().for_each(begin_safe);
    let fresh = room.try_seat(address("10.0.0.1")).unwrap();
    let mut waiting = std::pin::pin!(room.seat(address("10.0.0.9")));
    assert!(futures_poll(waiting.as_mut()).is_none());
    assert!(!fresh.activity().is_asked.load(Ordering::Relaxed), "its request may be on its way");
    fresh.activity().idle_since.store(0, Ordering::Relaxed);
    attackers[0].activity().end(true);
    begin_safe(&attackers[0]);
    assert!(futures_poll(waiting.as_mut()).is_none());
    timeout(SOON, fresh.activity().asked()).await.unwrap();
    drop(fresh);
    let _next = timeout(SOON, waiting).await.unwrap();
}
