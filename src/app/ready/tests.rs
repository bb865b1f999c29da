//! When a server is ready: tables of keys that are present, not fetched yet, and withdrawn.

use super::{
    KeyState::{Missing, TooOld, Usable, Withdrawn},
    *,
};

fn issuer(keys: KeyState, last_error: Option<&str>) -> IssuerState {
    named("corporate", keys, last_error)
}

fn named(name: &str, keys: KeyState, last_error: Option<&str>) -> IssuerState {
    IssuerState { name: name.to_owned(), keys, last_error: last_error.map(str::to_owned), trouble: None }
}

fn server(name: &str, issuers: &[IssuerState]) -> ServerState {
    ServerState { name: name.to_owned(), issuers: issuers.to_vec() }
}

fn listening() -> Readiness {
    let readiness = Readiness::default();
    readiness.listening();
    readiness
}

#[test]
fn readiness_waits_for_listeners_and_keys_and_names_what_is_missing() {
    let readiness = Readiness::default();
    let report = readiness.report([server("a", &[issuer(Missing, None)])]);
    assert_eq!(
        report.reasons,
        ["listeners: not serving yet", "keys of authorization server corporate: not fetched yet"]
    );
    readiness.listening();
    let report = readiness.report([server("a", &[issuer(Missing, Some("connect: refused"))])]);
    assert_eq!(report.reasons, ["keys of authorization server corporate: connect: refused"]);
    assert!(!report.is_ready());
    assert!(readiness.report([server("a", &[issuer(Usable, None)])]).is_ready());
}

#[test]
fn attack_176_one_unreachable_issuer_holds_up_its_own_servers_alone() {
    let dead = named("dead", Missing, Some("connect: refused"));
    let why = "keys of authorization server dead: connect: refused";
    let readiness = listening();
    let report = readiness.report([
        server("a", &[issuer(Usable, None)]),
        server("b", std::slice::from_ref(&dead)),
        server("both", &[dead.clone(), issuer(Usable, Some("timeout"))]),
    ]);
    assert!(report.is_ready(), "{report:?}");
    assert_eq!(report.notes, [why, "keys of authorization server corporate: timeout"], "each once");
    let ready = |name: &str| report.server(name).map(ServerReport::is_ready);
    assert_eq!((ready("a"), ready("b"), ready("both"), ready("c")), (Some(true), Some(false), Some(true), None));
    assert_eq!(report.server("b").unwrap().reasons, [why]);
    assert_eq!(report.server("both").unwrap().notes.len(), 2);
    let json: Value = serde_json::from_slice(&report.to_json()).unwrap();
    assert_eq!(json["servers"], json!({"a": true, "b": false, "both": true}));
    let json: Value = serde_json::from_slice(&report.server("b").unwrap().to_json()).unwrap();
    assert_eq!(json, json!({"ready": false, "reasons": [why], "notes": []}));

    let report = listening().report([server("b", std::slice::from_ref(&dead)), server("c", &[dead])]);
    assert_eq!((report.is_ready(), report.reasons), (false, vec![why.to_owned()]), "no server can answer");
}

#[test]
fn an_issuer_that_fails_later_is_a_note_whether_readiness_was_asked_for_before_or_not() {
    for (later, note) in [
        (issuer(Usable, Some("timeout")), "timeout"),
        (issuer(TooOld, Some("timeout")), "too old: every token of this issuer gets 503: timeout"),
    ] {
        let report = listening().report([server("a", &[later])]);
        assert!(report.is_ready() && report.server("a").unwrap().is_ready());
        assert_eq!(report.notes, [format!("keys of authorization server corporate: {note}")]);
    }
    // After a reload an issuer may have no keys for a moment; an added server was never ready.
    let readiness = listening();
    assert!(readiness.report([server("a", &[issuer(Usable, None)])]).is_ready());
    let report = readiness.report([server("a", &[issuer(Missing, None)]), server("new", &[issuer(Missing, None)])]);
    assert!(report.is_ready() && !report.server("new").unwrap().is_ready());
}

#[test]
fn b44_keys_that_their_issuer_withdrew_are_a_reason_on_every_replica() {
    let why =
        "keys of authorization server corporate: withdrawn by the issuer: every token of this issuer gets 503: no keys";
    let asked = listening();
    assert!(asked.report([server("a", &[issuer(Usable, None)])]).is_ready());
    for readiness in [asked, listening()] {
        let gone = issuer(Withdrawn, Some("no keys"));
        let report = readiness.report([server("a", std::slice::from_ref(&gone))]);
        assert_eq!((report.is_ready(), report.reasons), (false, vec![why.to_owned()]));
        let report = readiness.report([server("a", &[gone, named("other", Usable, None)])]);
        assert_eq!((report.is_ready(), report.notes), (true, vec![why.to_owned()]), "another issuer serves it");
    }
}

#[test]
fn a_refused_reload_is_a_note_until_one_is_taken_and_draining_is_the_end() {
    let readiness = listening();
    let report = || readiness.report([server("a", &[issuer(Usable, None)])]);
    readiness.reload_refused(Some("gateway.yaml:1:1 …".to_owned()));
    assert!(report().is_ready());
    assert_eq!(report().notes, ["reload failed, the previous configuration stays in force: gateway.yaml:1:1 …"]);
    readiness.reload_refused(None);
    assert!(report().notes.is_empty());
    readiness.draining();
    assert!(!report().server("a").unwrap().is_ready(), "for every server");
    assert_eq!(
        String::from_utf8(report().to_json()).unwrap(),
        "{\"notes\":[],\"ready\":false,\"reasons\":[\"draining\"],\"servers\":{\"a\":false}}\n"
    );
}
