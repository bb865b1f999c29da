//! When an unknown key may cause a fetch, in tables without a runtime.

use std::net::Ipv4Addr;

use super::*;
use crate::base::limits::fetch::KEY_WAIT;

const FLOOR: Duration = Duration::from_secs(30);

fn demand() -> Demand {
    let demand = Demand::new(FLOOR, &KeySource::Url("https://idp.example/keys".into()));
    // The first attempt, at the start.
    demand.begin(Cause::Schedule, Duration::ZERO);
    demand.rest_until(secs(480));
    demand
}

fn peer(number: u8) -> ClientNetwork {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The time of the answer to a token of `peer` that arrives at `now`, or the time to retry. Makes
/// the fetch.
fn fetched(demand: &Demand, peer: ClientNetwork, now: Duration) -> Result<Duration, Duration> {
    let attempt = demand.next_attempt();
    let _place = demand.ask(peer, attempt, KEY_WAIT, now).map_err(|why| match why {
        NotAsked::Later(at) | NotAsked::Full(at) => at,
    })?;
    let at = demand.next(now);
    assert_eq!(demand.begin(Cause::Ticket, at), attempt);
    demand.rest_until(at + secs(480));
    Ok(at)
}

#[test]
fn b43_attack_181_one_peer_causes_five_fetches_in_a_floor_and_leaves_the_sixth_to_others() {
    let demand = demand();
    for (arrives, begins) in [(100, 100), (101, 105), (106, 110), (110, 115), (117, 120)] {
        assert_eq!(fetched(&demand, peer(1), secs(arrives)), Ok(secs(begins)), "arrives at {arrives}");
    }
    assert_eq!(fetched(&demand, peer(1), secs(121)), Err(secs(130)), "it must wait until its first one is over");
    assert_eq!(fetched(&demand, peer(2), secs(121)), Ok(secs(125)));
    assert_eq!(fetched(&demand, peer(2), secs(126)), Ok(secs(130)));
    assert_eq!(fetched(&demand, peer(1), secs(131)), Ok(secs(135)));
}

#[test]
fn b43_attack_181_no_floor_sees_more_than_six_fetches_whatever_arrives_when() {
    let demand = demand();
    let mut begun = Vec::new();
    for tenth in 0_u64..3_000 {
        let now = secs(1) + Duration::from_millis(tenth * 100);
        let from = peer(u8::try_from(tenth * 7 % 11).unwrap());
        if let Ok(at) = fetched(&demand, from, now) {
            begun.push(at);
        }
    }
    assert!(begun.len() > 50, "{begun:?}");
    for window in begun.windows(7) {
        assert!(window[6] - window[0] >= FLOOR, "seven in one floor: {window:?}");
    }
}

#[test]
fn attack_181_where_the_next_fetch_is_too_far_away_the_answer_says_when_it_is() {
    let demand = Demand::new(secs(300), &KeySource::Discover);
    demand.begin(Cause::Schedule, Duration::ZERO);
    demand.rest_until(secs(480));
    assert_eq!(fetched(&demand, peer(1), secs(10)), Ok(secs(10)));
    assert_eq!(fetched(&demand, peer(2), secs(11)), Err(secs(60)), "a sixth of the floor after the last one");
    assert_eq!(demand.state().ticket, None, "nothing is asked for");
    // A scheduled fetch counts as well.
    demand.rest_until(secs(14));
    let attempt = demand.next_attempt();
    assert!(demand.ask(peer(2), attempt, KEY_WAIT, secs(11)).is_ok());
    assert_eq!(demand.state().ticket, None);
    assert_eq!(demand.begin(Cause::Schedule, secs(14)), attempt);
    assert_eq!(demand.state().caused.len(), 1, "and is charged to no peer");
}

#[test]
fn attack_181_a_fetch_under_way_answers_no_token_that_came_after_its_beginning() {
    let demand = demand();
    let before = demand.next_attempt();
    let _first = demand.ask(peer(1), before, KEY_WAIT, secs(10)).ok().unwrap();
    assert_eq!(demand.begin(Cause::Ticket, secs(10)), before);
    let during = demand.next_attempt();
    assert!(during > before);
    let _second = demand.ask(peer(1), during, KEY_WAIT, secs(11)).ok().unwrap();
    assert_eq!(demand.next(secs(11)), secs(15), "another one is asked for");
    // A token that arrived before the fetch needs no other fetch, however late it takes its place.
    let _third = demand.ask(peer(2), before, KEY_WAIT, secs(11)).ok().unwrap();
    assert_eq!(demand.state().ticket, Some(RefetchTicket { at: secs(15), peer: peer(1) }));
}

#[test]
fn attack_181_places_to_wait_are_bounded_for_each_peer_and_for_all() {
    let demand = demand();
    let attempt = demand.next_attempt();
    let take = |from: ClientNetwork| demand.ask(from, attempt, KEY_WAIT, secs(10));
    let first: Vec<_> = (0..KEY_WAITERS_PER_PEER_MAX).map(|_| take(peer(1)).ok().unwrap()).collect();
    assert_eq!(take(peer(1)).err(), Some(NotAsked::Full(secs(10))), "the fetch is due at once all the same");
    let second: Vec<_> = (0..KEY_WAITERS_PER_PEER_MAX).map(|_| take(peer(2)).ok().unwrap()).collect();
    assert!(take(peer(3)).is_err());
    drop(first);
    assert!(take(peer(3)).is_ok() && take(peer(1)).is_ok());
    drop(second);
    let state = demand.state();
    assert_eq!((state.waiting_total, state.waiting.len()), (0, 0), "nothing stays behind");
}

#[test]
fn a_file_is_waited_for_and_never_asked_for() {
    let demand = Demand::new(FLOOR, &KeySource::File("keys.json".into()));
    demand.begin(Cause::Schedule, secs(9));
    let attempt = demand.next_attempt();
    assert!(demand.ask(peer(1), attempt, KEY_WAIT, secs(9)).is_ok(), "while it is read");
    demand.rest_until(secs(11));
    assert!(demand.ask(peer(1), attempt, KEY_WAIT, secs(10)).is_ok());
    assert_eq!(demand.state().ticket, None);
}

#[test]
fn attack_305_without_patience_a_fetch_is_asked_for_only_where_it_begins_at_once() {
    let demand = demand();
    let ask = |from, attempt, now| demand.ask(from, attempt, Duration::ZERO, secs(now)).map(|_| ());
    assert_eq!(ask(peer(1), 2, 100), Ok(()));
    assert_eq!(ask(peer(1), 2, 100), Ok(()), "the same fetch");
    demand.begin(Cause::Ticket, secs(100));
    assert_eq!(ask(peer(1), 2, 100), Ok(()), "the fetch has begun");
    demand.rest_until(secs(580));
    assert_eq!(ask(peer(1), 3, 101), Err(NotAsked::Later(secs(105))));
    assert_eq!(ask(peer(2), 3, 105), Ok(()));
}
