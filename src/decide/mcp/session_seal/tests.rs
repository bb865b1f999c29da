//! A seal opens only for its caller, server, kind and keys.

use serde_json::json;

use super::*;

fn keys(seeds: &[u8]) -> SessionKeys {
    SessionKeys::new(&seeds.iter().map(|seed| Secret::new(vec![*seed; 32])).collect::<Vec<_>>())
}

fn bound<'a>(kind: Sealed, server: &'a ServerName, caller: &'a Caller) -> SealedFor<'a> {
    SealedFor { kind, server, caller }
}

#[test]
fn c41_a_session_opens_for_its_caller_at_its_server_alone() {
    let (alice, bob) = (Caller::for_tests("alice", &[], json!({})), Caller::for_tests("bob", &[], json!({})));
    let (weather, other) = (ServerName::from("weather"), ServerName::from("other"));
    let keys = keys(&[1]);
    let sealed = keys.seal(bound(Sealed::Session, &weather, &alice), "a.b-c").unwrap();
    assert_eq!(sealed.len(), "a.b-c".len() + SEAL_ADDS);
    for (given, server, caller, kind, opens, why) in [
        (sealed.clone(), &weather, &alice, Sealed::Session, true, "its own"),
        (sealed.clone(), &weather, &bob, Sealed::Session, false, "attack 128: another subject"),
        (sealed.clone(), &other, &alice, Sealed::Session, false, "attack 129: another server"),
        (sealed.clone(), &weather, &alice, Sealed::Endpoint, false, "another kind"),
        (sealed.replace("a.b", "a.c"), &weather, &alice, Sealed::Session, false, "another id"),
        ("a.b-c".into(), &weather, &alice, Sealed::Session, false, "the upstream's own text"),
        ("a.b-c.".into(), &weather, &alice, Sealed::Session, false, "an empty seal"),
        (format!("{sealed}="), &weather, &alice, Sealed::Session, false, "padding"),
        (format!("x{sealed}"), &weather, &alice, Sealed::Session, false, "something before"),
        (String::new(), &weather, &alice, Sealed::Session, false, "nothing"),
    ] {
        let opened = keys.open(bound(kind, server, caller), &given);
        assert_eq!(opened, opens.then_some("a.b-c"), "{why}");
    }
}

#[test]
fn c41_the_issuer_is_bound_as_well() {
    let corporate = Caller::for_tests("alice", &[], json!({}));
    let house = Caller::for_tests("alice", &[], json!({})).issued_by("https://gw.example");
    assert_ne!(house.issuer(), corporate.issuer());
    let (server, keys) = (ServerName::from("s"), keys(&[1]));
    let sealed = keys.seal(bound(Sealed::Session, &server, &house), "id").unwrap();
    assert_eq!(keys.open(bound(Sealed::Session, &server, &corporate), &sealed), None);
}

#[test]
fn c41_keys_rotate_the_first_seals_and_all_open() {
    let (alice, server) = (Caller::for_tests("alice", &[], json!({})), ServerName::from("s"));
    let bound = bound(Sealed::Session, &server, &alice);
    let old = keys(&[1]).seal(bound, "id").unwrap();
    let rotated = keys(&[2, 1]);
    let new = rotated.seal(bound, "id").unwrap();
    assert_ne!(old, new);
    for (keys, sealed, opens) in [
        (&rotated, &old, true),
        (&rotated, &new, true),
        (&keys(&[2]), &new, true),
        (&keys(&[2]), &old, false),
        (&keys(&[1]), &new, false),
        (&keys(&[]), &new, false),
    ] {
        assert_eq!(keys.open(bound, sealed).is_some(), opens, "{keys:?}");
    }
    assert_eq!(keys(&[]).seal(bound, "id"), None);
}

#[test]
fn c41_one_spelling_of_a_seal_opens() {
    let (alice, server) = (Caller::for_tests("alice", &[], json!({})), ServerName::from("s"));
    let (bound, keys) = (bound(Sealed::Session, &server, &alice), keys(&[7]));
    let sealed = keys.seal(bound, "id").unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let opening: Vec<char> = alphabet
        .chars()
        .filter(|last| {
            let mut other = sealed.clone();
            other.pop();
            other.push(*last);
            keys.open(bound, &other).is_some()
        })
        .collect();
    assert_eq!(opening.len(), 1, "128 bits leave four spare bits in the last character, and they must be zero");
}

#[test]
fn p10_keys_do_not_print() {
    assert_eq!(format!("{:?}", keys(&[1, 2])), "SessionKeys(2)");
}
