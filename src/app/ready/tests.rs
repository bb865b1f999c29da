//! When a server is ready, in tables of keys that are there, not there yet, and gone.

use super::*;

fn issuer(has_keys: bool, last_error: Option<&str>) -> IssuerState {
    named("corporate", has_keys, last_error)
}

fn named(name: &str, has_keys: bool, last_error: Option<&str>) -> IssuerState {
    IssuerState { name: name.to_owned(), has_keys, last_error: last_error.map(str::to_owned), trouble: None }
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
    let report = readiness.report([server("a", &[issuer(false, None)])]);
    assert_eq!(
        report.reasons,
        ["listeners: not serving yet", "keys of authorization server corporate: not fetched yet"]
    );
    readiness.listening();
    let report = readiness.report([server("a", &[issuer(false, Some("connect: refused"))])]);
    assert_eq!(report.reasons, ["keys of authorization server corporate: connect: refused"]);
    assert!(!report.is_ready());
    assert!(readiness.report([server("a", &[issuer(true, None)])]).is_ready());
}

#[test]
fn attack_176_one_unreachable_issuer_holds_up_its_own_servers_alone() {
    let dead = named("dead", false, Some("connect: refused"));
    let why = "keys of authorization server dead: connect: refused";
    let readiness = listening();
    let report = readiness.report([
        server("a", &[issuer(true, None)]),
        server("b", std::slice::from_ref(&dead)),
        server("both", &[dead.clone(), issuer(true, Some("timeout"))]),
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
fn an_issuer_that_fails_later_is_a_note() {
    let readiness = listening();
    assert!(readiness.report([server("a", &[issuer(true, None)])]).is_ready());
    for later in [issuer(false, Some("timeout")), issuer(true, Some("timeout"))] {
        let report = readiness.report([server("a", &[later])]);
        assert!(report.is_ready() && report.server("a").unwrap().is_ready());
        assert_eq!(report.notes, ["keys of authorization server corporate: timeout"]);
    }
    // A server that a reload adds has not been ready yet.
    let report = readiness.report([server("a", &[issuer(true, None)]), server("new", &[named("dead", false, None)])]);
    assert!(report.is_ready() && !report.server("new").unwrap().is_ready());
}

#[test]
fn a_refused_reload_is_a_note_until_one_is_taken_and_draining_is_the_end() {
    let readiness = listening();
    let report = || readiness.report([server("a", &[issuer(true, None)])]);
    readiness.reload_refused(Some("gateway.yaml:1:1 …".to_owned()));
    assert!(report().is_ready());
    assert_eq!(report().notes, ["reload failed, the configuration before stays in force: gateway.yaml:1:1 …"]);
    readiness.reload_refused(None);
    assert!(report().notes.is_empty());
    readiness.draining();
    assert!(!report().server("a").unwrap().is_ready(), "for every server");
    assert_eq!(
        String::from_utf8(report().to_json()).unwrap(),
        "{\"notes\":[],\"ready\":false,\"reasons\":[\"draining\"],\"servers\":{\"a\":false}}\n"
    );
}
