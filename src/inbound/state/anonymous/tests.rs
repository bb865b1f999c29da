//! The first caller of a session is its owner, and no one else gets it again.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    authorization_server::{keys::seal::Sealer, settings::StoreSettings},
    base::clock::{Clock, testing::HandClock},
    outbound::fetch::Roots,
};

fn now(secs: u64) -> Now {
    Now { wall: Duration::from_secs(secs), mono: Duration::from_secs(secs) }
}

fn sessions() -> AnonymousSessions {
    AnonymousSessions::new(&Secret::new(vec![1; 32]))
}

fn caller(subject: &str) -> Caller {
    Caller::for_tests(subject, &[], json!({}))
}

#[tokio::test]
async fn b02_attack_291_the_first_caller_owns_the_session_and_all_others_lose_it() {
    let (sessions, server) = (sessions(), ServerName::from("s"));
    let sealed = sessions.seal(None, &server, "one.two", now(10)).unwrap();
    let session = sessions.open(None, &server, &sealed, now(20)).unwrap();
    assert_eq!(session.id, "one.two");
    assert_eq!(sessions.check_free(None, &session).await, Ok(()));
    let (ann, bob) = (caller("ann"), caller("bob"));
    assert_eq!(sessions.own(None, &session, &ann, now(20)).await, Ok(()));
    assert_eq!(sessions.own(None, &session, &bob, now(20)).await, Err(Refusal::UnknownSession));
    assert_eq!(sessions.own(None, &session, &ann, now(30)).await, Ok(()));
    assert_eq!(sessions.check_free(None, &session).await, Err(Refusal::UnknownSession));
    // The same id that began at another time, or at another server, is another session.
    let other = sessions.seal(None, &server, "one.two", now(11)).unwrap();
    let other = sessions.open(None, &server, &other, now(20)).unwrap();
    assert_eq!(sessions.check_free(None, &other).await, Ok(()));
    assert!(sessions.open(None, &ServerName::from("t"), &sealed, now(20)).is_none());
}

#[test]
fn b02_attack_292_an_id_of_another_process_or_an_old_one_opens_nothing() {
    let server = ServerName::from("s");
    let sealed = sessions().seal(None, &server, "one", now(10)).unwrap();
    let age = ANONYMOUS_SESSION_AGE.as_secs();
    assert!(sessions().open(None, &server, &sealed, now(10 + age - 1)).is_some());
    assert!(sessions().open(None, &server, &sealed, now(10 + age)).is_none());
    let restarted = AnonymousSessions::new(&Secret::new(vec![2; 32]));
    assert!(restarted.open(None, &server, &sealed, now(20)).is_none());
    for forged in ["", ".", "a.one", "a.one.AAAAAAAAAAAAAAAAAAAAAA", sealed.get(1..).unwrap(), &format!("0{sealed}")] {
        assert!(sessions().open(None, &server, forged, now(20)).is_none(), "{forged}");
    }
}

#[test]
fn attack_293_a_caller_with_too_many_sessions_takes_over_no_more_and_loses_none() {
    let (sessions, server, ann) = (sessions(), ServerName::from("s"), caller("ann"));
    let mut sealed = Vec::new();
    for number in 0..=ANONYMOUS_OWNED_PER_CALLER_MAX {
        sealed.push(sessions.seal(None, &server, &number.to_string(), now(10)).unwrap());
    }
    let take = |sealed: &str, caller: &Caller, at: u64| {
        sessions.take(&sessions.open(None, &server, sealed, now(20)).unwrap(), caller, now(at))
    };
    let (last, first) = sealed.split_last().unwrap();
    assert!(first.iter().all(|sealed| take(sealed, &ann, 20).is_ok()));
    assert_eq!(take(last, &ann, 20), Err(Refusal::UnknownSession));
    assert_eq!(take(last, &caller("bob"), 20), Ok(()), "another caller has room");
    assert_eq!(take(&first[0], &caller("bob"), 20), Err(Refusal::UnknownSession), "and the first is not forgotten");
    let fresh = sessions.seal(None, &server, "fresh", now(10)).unwrap();
    let later = 10 + ANONYMOUS_SESSION_AGE.as_secs() + ANONYMOUS_OWNER_KEPT.as_secs();
    assert_eq!(take(&fresh, &ann, later), Ok(()), "those that ended make room");
}

/// Two replicas with one store: the second knows the owner that the first has written.
#[tokio::test]
async fn b02_attack_291_replicas_with_one_store_agree_about_the_owner() {
    let clock: Arc<dyn Clock> = HandClock::at(now(20));
    // Sealed, as every store is that replicas share.
    let sealer = Arc::new(Sealer::new(&[Secret::new(vec![3; 48])]).unwrap());
    let store = Store::open(&StoreSettings::Memory, Roots::empty(), clock).unwrap().sealed_with(sealer);
    let keys = SessionKeys::new(&[Secret::new(vec![3; 32])]);
    let shared = Some(SharedOwners { store: &store, keys: &keys });
    let (one, two, server) = (sessions(), AnonymousSessions::new(&Secret::new(vec![8; 32])), ServerName::from("s"));
    let sealed = one.seal(shared.map(|shared| (shared, "store")), &server, "id", now(10)).unwrap();
    let at_one = one.open(shared, &server, &sealed, now(20)).unwrap();
    let at_two = two.open(shared, &server, &sealed, now(20)).unwrap();
    assert_eq!(two.check_free(shared, &at_two).await, Ok(()));
    let (ann, bob) = (caller("ann"), caller("bob"));
    assert_eq!(one.own(shared, &at_one, &ann, now(20)).await, Ok(()));
    assert_eq!(two.check_free(shared, &at_two).await, Err(Refusal::UnknownSession));
    assert_eq!(two.own(shared, &at_two, &bob, now(20)).await, Err(Refusal::UnknownSession));
    assert_eq!(two.own(shared, &at_two, &ann, now(20)).await, Ok(()));
    assert_eq!(one.own(shared, &at_one, &bob, now(20)).await, Err(Refusal::UnknownSession));
    assert!(one.open(None, &server, &sealed, now(20)).is_none(), "without the store, its ids open nothing");
}
