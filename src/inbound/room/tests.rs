//! Seats: which connection gets one, makes room, or waits.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn room(connections: usize, total: usize) -> (Arc<Room>, Arc<Metrics>) {
    let metrics = Metrics::new();
    (Room::new(Bounds { connections, total }, &metrics), metrics)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
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
    active.activity().begin();
    let old = room.try_seat(address("10.0.0.2")).unwrap();
    let young = room.try_seat(address("10.0.0.2")).unwrap();
    // The active peer asks for another: the other's oldest makes room.
    assert!(room.try_seat(address("10.0.0.1")).is_none());
    timeout(SOON, old.activity().asked()).await.unwrap();
    assert_eq!(closed(&metrics), "1");
    assert!(room.try_seat(address("10.0.0.1")).is_none(), "it is on its way; nobody else is asked");
    drop(old);
    let next = room.try_seat(address("10.0.0.1")).unwrap();
    next.activity().begin();
    young.activity().begin();
    // All are active: the new one waits until one is idle, and that one makes room.
    let mut waiting = std::pin::pin!(room.seat(address("10.0.0.3")));
    assert!(futures_poll(waiting.as_mut()).is_none());
    next.activity().end();
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
    first.activity().begin();
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
    seats[3].activity().begin();
    let mut held = vec![metrics.request_open()];
    assert!(room.admits_request(), "four and one");
    held.push(metrics.request_open());
    assert!(room.admits_request(), "the oldest idle one makes room");
    timeout(SOON, seats[0].activity().asked()).await.unwrap();
    held.extend((0..2).map(|_| metrics.request_open()));
    assert!(room.admits_request(), "and two more");
    held.push(metrics.request_open());
    assert!(!room.admits_request(), "nothing idle is left");
    held.clear();
    assert!(room.admits_request());
}
