//! How many requests, streams and bytes each caller may use, and when they are given back.

use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use serde_json::json;

use super::*;

const KIB: u64 = 1024;
const LIMITS: ServerLimits = ServerLimits {
    token: 32 * 1024,
    request_body: 4_096 * KIB,
    json_depth: 64,
    streams_per_caller: 64,
    sessions_per_caller: 64,
    requests_per_caller: 64,
    body_bytes_per_caller: 32_768 * KIB,
    upstream_connections: 8,
};
const ALL: TotalLimits = TotalLimits { requests: 40, body_bytes: 4_000 * KIB, unverified: 10, streams_of_caller: 64 };

fn caller(subject: &str) -> Caller {
    Caller::for_tests(subject, &[], json!({}))
}

fn limits(requests_per_caller: u32, body_bytes_per_caller: u64) -> ServerLimits {
    ServerLimits { requests_per_caller, body_bytes_per_caller, ..LIMITS }
}

/// Takes places until one is refused.
fn fill(enter: impl Fn() -> Result<RequestPlace, Refusal>) -> (Vec<RequestPlace>, Refusal) {
    let mut places = Vec::new();
    loop {
        match enter() {
            Ok(place) => places.push(place),
            Err(refusal) => return (places, refusal),
        }
    }
}

#[test]
fn attack_173_requests_are_bounded_for_each_caller_and_in_all() {
    let (usage, s, alice) = (Usage::default(), ServerName::from("s"), caller("alice"));
    let at = |server: &ServerName, caller: &Caller, most| usage.enter(server, limits(most, 1), caller, ALL);

    // Above its requests, a caller has places for messages that answer or end something, but no
    // more than a quarter of all places.
    let (mut held, refusal) = fill(|| at(&s, &alice, 3));
    assert_eq!((held.len(), refusal), (10, Refusal::TooManyRequests), "a quarter of all");
    let asks: Vec<bool> = held.iter().map(|place| place.asks().is_ok()).collect();
    assert_eq!(asks.iter().filter(|asks| **asks).count(), 3);
    assert!(asks[..3].iter().all(|asks| *asks));
    assert!(matches!(at(&ServerName::from("other"), &alice, 3), Err(Refusal::TooManyRequests)), "at all servers");

    // Other callers get the rest; clients without a token get a part of it.
    let (bobs, _) = fill(|| at(&s, &caller("bob"), 64));
    let (carols, _) = fill(|| at(&s, &caller("carol"), 64));
    let peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let filled = peers.map(|peer| fill(|| usage.enter_unverified(peer.parse().unwrap(), ALL)));
    assert!(filled.iter().all(|(_, refusal)| *refusal == Refusal::OverloadedRequests));
    assert_eq!(filled.each_ref().map(|(places, _)| places.len()), [5, 0, 5, 0], "half of a quarter for one address");
    assert_eq!((bobs.len(), carols.len()), (10, 10));
    assert!(matches!(at(&s, &caller("dora"), 64), Err(Refusal::OverloadedRequests)));
    drop(filled);
    assert!(at(&s, &caller("dora"), 64).is_ok());

    // A place that is given back can be taken once.
    held.truncate(1);
    assert!(at(&s, &alice, 3).is_ok_and(|place| place.asks().is_ok()));
    drop((held, bobs, carols));
    assert_eq!((usage.all.requests.held(), usage.body_bytes()), (0, 0));
    let callers = usage.callers.lock().unwrap();
    assert!(callers.at_servers.values().all(|holding| holding.here.requests.held() == 0));
    assert!(callers.everywhere.values().all(|counts| counts.requests.held() == 0));
}

#[test]
fn attack_172_a_place_among_the_streams_is_taken_before_and_given_back_when_there_is_none() {
    let (usage, s, alice) = (Usage::default(), ServerName::from("s"), caller("alice"));
    let enter = || usage.enter(&s, LIMITS, &alice, TotalLimits { requests: 1_024, ..ALL }).unwrap();
    let mut places: Vec<RequestPlace> = (0..5).map(|_| enter()).collect();
    let taken: Vec<bool> = places.iter_mut().map(|place| place.may_stream(3).is_ok()).collect();
    assert_eq!(taken, [true, true, true, false, false], "none is answered yet");

    // Two are answered without a stream. The third is answered by a stream, which no longer counts
    // as a request.
    let mut streams = places.drain(..3).collect::<Vec<_>>();
    streams[0].answered(false);
    streams[1].answered(false);
    streams[2].answered(true);
    assert_eq!(usage.all.requests.held(), 4, "five, less the stream");
    let mut later: Vec<RequestPlace> = (0..3).map(|_| enter()).collect();
    let taken: Vec<bool> = later.iter_mut().map(|place| place.may_stream(3).is_ok()).collect();
    assert_eq!(taken, [true, true, false]);
    drop((streams, later, places));
    let mut places: Vec<RequestPlace> = (0..4).map(|_| enter()).collect();
    assert_eq!(places.iter_mut().filter_map(|place| place.may_stream(3).ok()).count(), 3);
}

#[test]
fn attack_173_bytes_are_charged_before_they_are_kept_and_until_the_last_is_gone() {
    let (usage, s, alice) = (Usage::default(), ServerName::from("s"), caller("alice"));
    let place = usage.enter(&s, limits(64, 1_000 * KIB), &alice, ALL).unwrap();
    let mut charge = place.charge(600 * KIB).unwrap();
    assert_eq!(usage.body_bytes(), 0, "an announcement takes nothing from others");
    assert_eq!(place.charge(600 * KIB).err(), Some(Refusal::TooManyBodyBytes), "and all of it from the caller");
    charge.arrived(100 * 1024).unwrap();
    charge.arrived(600 * 1024).unwrap();
    assert_eq!(usage.body_bytes(), 600 * KIB);
    let body = charge.hold(Bytes::from(vec![b'x'; 600 * 1024]));
    let part = body.slice(7..9);
    drop((body, place));
    assert_eq!(usage.body_bytes(), 600 * KIB, "a part of it keeps all of it");
    drop(part);
    assert_eq!(usage.body_bytes(), 0);
    let callers = usage.callers.lock().unwrap();
    assert!(callers.at_servers.values().all(|holding| holding.here.body_bytes.held() == 0));
    assert!(callers.everywhere.values().all(|counts| counts.body_bytes.held() == 0));
}

#[test]
fn attack_173_bodies_without_a_length_and_small_ones() {
    let (usage, s, alice) = (Usage::default(), ServerName::from("s"), caller("alice"));
    let place = usage.enter(&s, limits(64, 200 * KIB), &alice, ALL).unwrap();
    let mut small = place.charge(0).unwrap();
    small.arrived(16 * 1024).unwrap();
    assert_eq!((small.own, small.all), (0, 0), "small ones are bounded by the requests");
    small.arrived(16 * 1024 + 1).unwrap();
    assert_eq!((small.own, small.all), (64 * KIB, 16 * KIB + 1), "the caller pays in steps");
    let mut other = place.charge(0).unwrap();
    other.arrived(128 * 1024).unwrap();
    assert_eq!(other.arrived(129 * 1024).err(), Some(Refusal::TooManyBodyBytes));
    drop(small);
    other.arrived(129 * 1024).unwrap();
    drop(other);

    // A first body always fits into the caller's bound, but not into the total.
    let mut long = place.charge(3_000 * KIB).unwrap();
    long.arrived(3_000 * 1024).unwrap();
    assert_eq!(place.charge(17 * KIB).err(), Some(Refusal::TooManyBodyBytes));
    let bobs = usage.enter(&s, limits(64, 2_000 * KIB), &caller("bob"), ALL).unwrap();
    assert_eq!(bobs.charge(1_001 * KIB).err(), Some(Refusal::OverloadedBodyBytes), "more is announced than is left");
    let mut charge = bobs.charge(0).unwrap();
    charge.arrived(1_000 * 1024).unwrap();
    assert_eq!(charge.arrived(1_000 * 1024 + 1).err(), Some(Refusal::OverloadedBodyBytes));
    drop((long, charge));
    assert_eq!(usage.body_bytes(), 0);
}

#[test]
fn people_c3_attack_346_decoders_of_streams_take_the_share_of_their_caller_and_leave_its_bodies() {
    let (usage, s, alice) = (Usage::default(), ServerName::from("s"), caller("alice"));
    let place = usage.enter(&s, limits(64, 200 * KIB), &alice, ALL).unwrap();
    let alone = place.charge_stream().arrived(800 * 1024);
    assert_eq!(alone.err(), Some(Refusal::TooManyBodyBytes), "a decoder has the bound from the first byte");
    let mut decoders: Vec<_> = (0..2).map(|_| place.charge_stream()).collect();
    decoders.iter_mut().for_each(|decoder| decoder.arrived(256 * 1024).unwrap());
    assert!(place.charge(100 * KIB).is_ok(), "a body has its own bound");
    let mut decoder = place.charge_stream();
    let refusal = decoder.arrived(256 * 1024).unwrap_err();
    assert_eq!(refusal, Refusal::TooManyBodyBytes, "three quarters of the caller's share would be exceeded");
    let shortage = decoder.shortage(refusal, true);
    let key = "limits.body_bytes, of which the event streams of one caller get three sixteenths";
    assert_eq!((shortage.held, shortage.key), (512 * KIB, key));
    // The rest of the share is for bodies, at any server.
    let elsewhere = usage.enter(&ServerName::from("t"), limits(64, 600 * KIB), &alice, ALL).unwrap();
    assert!(elsewhere.charge(400 * KIB).is_ok());
    assert_eq!(elsewhere.charge(600 * KIB).err(), Some(Refusal::TooManyBodyBytes));
    drop((decoder, decoders, elsewhere));
    let (mut body, more) = (place.charge(150 * KIB).unwrap(), place.charge(100 * KIB).err().unwrap());
    let shortage = body.shortage(more, false);
    assert_eq!((shortage.held, shortage.key), (150 * KIB, "limits.body_bytes_per_caller of this server"));
    body.arrived(150 * 1024).unwrap();
    let shortage = body.shortage(Refusal::OverloadedBodyBytes, false);
    assert_eq!((shortage.held, shortage.key), (150 * KIB, "limits.body_bytes"));
    drop((body, place));
    let callers = usage.callers.lock().unwrap();
    assert!(callers.at_servers.values().all(|holding| holding.here.body_bytes.held() == 0));
    let held = |counts: &HeldCounts| counts.body_bytes.held() + counts.decoders.held();
    assert!(callers.everywhere.values().all(|counts| held(counts) == 0));
    assert_eq!(usage.body_bytes(), 0);

    // Without a token, each address keeps its own bound.
    let peer = usage.enter_anonymous(IpAddr::from([192, 0, 2, 1]), ALL).unwrap();
    peer.charge_stream().arrived(448 * 1024).unwrap();
    let (mut one, mut two) = (peer.charge_stream(), peer.charge_stream());
    one.arrived(448 * 1024).unwrap();
    assert_eq!(two.arrived(256 * 1024).err(), Some(Refusal::OverloadedBodyBytes));
}

#[test]
fn attack_173_forms_of_one_network_take_half_of_what_clients_without_a_token_get() {
    let usage = Usage::default();
    let enter = |address: u128| usage.enter_unverified(IpAddr::V6(Ipv6Addr::from_bits(address)), ALL).unwrap();
    let network = 0x2001_0db8_0001_0002_u128 << 64;
    let (one, same, other, last) = (enter(network), enter(network + 7), enter(2 << 64), enter(3 << 64));
    let mut charge = one.charge(0).unwrap();
    charge.arrived(448 * 1024).unwrap();
    assert_eq!(same.charge(60 * KIB).err(), Some(Refusal::OverloadedBodyBytes), "the same /64");
    let mut others = other.charge(0).unwrap();
    others.arrived(448 * 1024).unwrap();
    assert_eq!(last.charge(105 * KIB).err(), Some(Refusal::OverloadedBodyBytes), "a quarter of all is taken");
    drop((charge, others));
    assert!(last.charge(17 * KIB).is_ok());
    drop((one, same, other, last));
    let peers = usage.signing_in.each.lock().unwrap();
    assert!(peers.values().all(|peer| peer.here.requests.held() == 0 && peer.here.body_bytes.held() == 0));
    assert_eq!(
        (usage.signing_in.together.requests.held(), usage.signing_in.together.body_bytes.held(), usage.body_bytes()),
        (0, 0, 0)
    );
}

#[test]
fn attack_173_a_part_that_goes_on_takes_its_charge_along() {
    let (usage, s, alice) = (Usage::default(), ServerName::from("s"), caller("alice"));
    let place = usage.enter(&s, LIMITS, &alice, ALL).unwrap();
    let mut charge = place.charge_later();
    charge.arrived(16 * 1024).unwrap();
    let small = charge.hold_part(Bytes::from(vec![b'x'; 16 * 1024]));
    assert_eq!((usage.body_bytes(), charge.own), (0, 0), "small ones are not charged");
    charge.arrived(600 * 1024).unwrap();
    let long = charge.hold_part(Bytes::from(vec![b'x'; 500 * 1024]));
    assert_eq!((usage.body_bytes(), charge.all), (600 * KIB, 0));
    charge.arrived(100 * 1024).unwrap();
    assert_eq!(usage.body_bytes(), 700 * KIB);
    drop((small, long));
    assert_eq!(usage.body_bytes(), 100 * KIB);
    drop(charge);
    assert_eq!(usage.body_bytes(), 0);
}

#[test]
fn callers_and_servers_are_told_apart() {
    use std::collections::HashSet;
    let seed = Usage::default().seed;
    let mut keys = HashSet::new();
    for number in 0..1_000 {
        let person = key(seed, caller(&number.to_string()).principal());
        for server in ["", "a", "b", "weather", "weather-2", "weather_2", "a.long.name.of.a.server"] {
            assert!(keys.insert(key(person, server)), "{number} at {server:?}");
        }
    }
    assert_ne!(key(seed, "x"), key(Usage::default().seed, "x"), "each process has its own");
}

#[test]
fn callers_who_hold_nothing_are_forgotten() {
    let (usage, s) = (Usage::default(), ServerName::from("s"));
    let kept = usage.enter(&s, LIMITS, &caller("kept"), ALL).unwrap();
    for number in 0..3 * SWEPT_ABOVE {
        drop(usage.enter(&s, LIMITS, &caller(&number.to_string()), ALL).unwrap());
    }
    let sizes = |usage: &Usage| {
        let callers = usage.callers.lock().unwrap();
        (callers.at_servers.len(), callers.everywhere.len())
    };
    let (at_servers, everywhere) = sizes(&usage);
    assert!(at_servers <= 2 * SWEPT_ABOVE && everywhere <= 2 * SWEPT_ABOVE, "{at_servers} {everywhere}");
    drop(kept);
    assert_eq!(usage.all.requests.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn login_d2_attack_173_an_unfinished_upload_gives_way_to_a_client_with_fewer_of_them() {
    let usage = Usage::default();
    let enter = |peer: &str| usage.enter_unverified(peer.parse().unwrap(), ALL);
    let upload = |peer: &str| enter(peer).map(|place| usage.upload(peer.parse().unwrap(), place));
    let second = std::time::Duration::from_secs(1);
    // Two networks of one IPv6 site take all ten places.
    let mut uploads: Vec<Upload<'_>> = Vec::new();
    for peer in ["2001:db8:1:1::1", "2001:db8:1:2::1"].into_iter().flat_map(|peer| [peer; 5]) {
        uploads.push(upload(peer).unwrap());
    }
    assert!(upload("2001:db8:1:3::1").is_err(), "the same site, and no upload is old");
    assert!(upload("2001:db8:1:1::2").is_err(), "the same network");
    let others: Vec<_> = ["192.0.2.1", "192.0.2.2"].map(|peer| enter(peer).unwrap()).into();
    assert_eq!((usage.uploads_displaced(), usage.signing_in.together.requests.held()), (2, 10));
    let mut uploads = uploads.into_iter();
    for _ in 0..2 {
        let oldest = uploads.next().unwrap();
        oldest.displaced().await;
        assert!(oldest.finished().is_none(), "its place is given away");
    }
    // Uploads that have ended are not counted, and keep their places.
    let ended: Vec<RequestPlace> = uploads.by_ref().take(2).map(|upload| upload.finished().unwrap()).collect();
    let third = upload("192.0.2.3").unwrap();
    assert_eq!(usage.uploads_displaced(), 3);
    tokio::time::advance(second).await;
    // By now each of them is old: an upload of the same network gives way, too.
    let same = upload("2001:db8:1:2::9").unwrap();
    assert_eq!(usage.uploads_displaced(), 4);
    drop((others, ended, third, same, uploads));
    assert_eq!((usage.signing_in.together.requests.held(), usage.all.requests.held()), (0, 0));
    let list = usage.signing_in.uploads.is_empty();
    assert!(list, "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn login_d2_attack_173_a_young_upload_does_not_give_way_to_a_client_that_has_as_many_then() {
    let usage = Usage::default();
    let upload = |number: u8| {
        let peer = IpAddr::from([192, 0, 2, number]);
        usage.enter_unverified(peer, ALL).map(|place| usage.upload(peer, place))
    };
    let young: Vec<Upload<'_>> = (0..10).map(|number| upload(number).unwrap()).collect();
    assert!(upload(10).is_err(), "one each, and the newcomer would have one");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let newcomer = upload(10).unwrap();
    assert_eq!(usage.uploads_displaced(), 1);
    drop((young, newcomer));
    // Two of one address: its older one gives way, and the others stay.
    let others: Vec<Upload<'_>> = (0..8).map(|number| upload(number).unwrap()).collect();
    let (older, later) = (upload(8).unwrap(), upload(8).unwrap());
    let newcomer = upload(9).unwrap();
    assert!(older.finished().is_none() && later.finished().is_some() && newcomer.finished().is_some());
    assert!(others.into_iter().all(|other| other.finished().is_some()));
}
