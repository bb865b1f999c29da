//! Which refresh is refused once, for how long, and what a code replaces.

use serde_json::Map;

use super::*;
use crate::decide::{
    authorization_server::client::{ClientAuth, ClientOrigin, Grants},
    policy::glob::Glob,
};

const START: Duration = Duration::from_secs(1_000_000);

fn scopes(names: &str) -> Vec<Scope> {
    names.split_whitespace().map(Scope::from).collect()
}

fn after(secs: u64) -> Duration {
    START + Duration::from_secs(secs)
}

fn refused() -> StepUps {
    StepUps::default().with_refused("stem", &scopes("pay"), START).unwrap()
}

fn is_wanted(of: &StepUps, stem: &str, secs: u64) -> bool {
    of.wanted(stem, after(secs)).next().is_some()
}

#[test]
fn e48_b8_a_refresh_is_wanted_to_fail_for_a_minute_for_its_family_alone() {
    let once = refused();
    for (secs, wanted) in [(0, true), (59, true), (60, false), (3_600, false)] {
        assert_eq!(is_wanted(&once, "stem", secs), wanted, "{secs}");
    }
    // A replica's clock may be behind.
    assert!(once.wanted("stem", START - Duration::from_secs(1)).next().is_some());
    assert!(!is_wanted(&once, "other", 0));
    assert!(!is_wanted(&once.told("stem", &scopes("pay"), "family"), "stem", 0));
    assert!(is_wanted(&once.told("stem", &scopes("other"), "family"), "stem", 0), "told of something else");
    // Refused again, the minute begins again.
    assert!(is_wanted(&once.with_refused("stem", &scopes("pay"), after(50)).unwrap(), "stem", 100));
    assert!(!is_wanted(&StepUps { by_itself: true, ..once }, "stem", 0));
}

#[test]
fn e48_b8_a_refused_call_that_changes_nothing_is_not_written() {
    let told = refused().told("stem", &scopes("pay"), "family");
    assert_eq!(told.with_refused("stem", &scopes("pay"), after(10)), None, "told already");
    assert!(told.with_refused("stem", &scopes("pay read"), after(10)).is_some(), "for another scope");
    assert!(told.with_refused("next", &scopes("pay"), after(10)).is_some(), "of another family");
    assert!(told.with_refused("stem", &scopes("pay"), after(24 * 3_600)).is_some(), "that was long ago");
    assert_eq!(refused().with_refused("stem", &[], START), None);
    assert_eq!(StepUps { by_itself: true, ..refused() }.with_refused("stem", &scopes("read"), START), None);
    let mut many = StepUps::default();
    for n in 0..100 {
        many = many.with_refused(&format!("stem-{n}"), &scopes("pay"), START).unwrap();
    }
    assert_eq!(many.refused.len(), STEP_UPS_MAX);
    assert!(is_wanted(&many, "stem-99", 0));
}

#[test]
fn e48_b8_a_code_for_the_refused_scope_replaces_the_family_that_was_told() {
    let told = refused().told("stem", &scopes("pay"), "family");
    assert_eq!(told.authorized(&scopes("read"), START), None, "another authorization");
    let (left, replaced) = told.authorized(&scopes("read pay"), after(600)).unwrap();
    assert_eq!((left, replaced), (StepUps::default(), vec![Box::from("family")]));
    assert_eq!(told.authorized(&scopes("pay"), after(24 * 3_600)), None, "too late");
    assert_eq!(refused().authorized(&scopes("pay"), after(15 * 60)), None, "the call is forgotten");
    // A client that asks without having been told needs no help, ever.
    let (left, replaced) = refused().authorized(&scopes("pay"), after(60)).unwrap();
    assert_eq!((left, replaced), (StepUps { by_itself: true, refused: Vec::new() }, Vec::new()));
}

#[test]
fn e48_b8_help_is_for_what_an_authorization_can_bring_and_a_refresh_cannot() {
    let person = Person {
        subject: "ada".into(),
        name: "Ada".into(),
        account: Some("ada".into()),
        groups: vec!["staff".into()],
        claims: Map::new(),
    };
    let family = Family {
        client: "app".into(),
        person: person.clone(),
        scopes: scopes("read"),
        named: Vec::new(),
        resources: vec!["https://gw.example/mcp".into()],
        current: [1; 32],
        previous: None,
        count: 1,
        renewed: 0,
        ends: 1,
        bridge: None,
        confirmed: None,
        told_to_step_up: Vec::new(),
    };
    let client = Client {
        id: "app".into(),
        name: None,
        origin: ClientOrigin::Configured,
        redirect_uris: Vec::new(),
        auth: ClientAuth::None,
        grants: Grants { code: true, refresh: true, credentials: false },
        scopes: None,
        introspects: Vec::new(),
        trusted: false,
        with_token: false,
    };
    let grants = [GrantRule {
        accounts: Vec::new(),
        groups: vec!["staff".into()],
        claims: Vec::new(),
        trusts_email: false,
        clients: Vec::new(),
        registered: None,
        scopes: vec![Glob::new("read"), Glob::new("pay*")],
    }];
    let told = Family { told_to_step_up: scopes("pay"), ..family.clone() };
    let bound = Client { scopes: Some(scopes("read")), ..client.clone() };
    let guest = Person { groups: Vec::new(), ..person.clone() };
    let without_code = Client { grants: Grants { code: false, ..client.grants }, ..client.clone() };
    for (case, missing, family, person, client, helps) in [
        ("a scope that the user may have", "pay", &family, &person, &client, true),
        ("together with one that the family has", "read pay", &family, &person, &client, true),
        ("one that the family has", "read", &family, &person, &client, false),
        ("one that no grant gives", "root", &family, &person, &client, false),
        ("one of two that no grant gives", "pay root", &family, &person, &client, false),
        ("told before", "pay", &told, &person, &client, false),
        ("told before of one of two", "pay pay.more", &told, &person, &client, true),
        ("not for this client", "pay", &family, &person, &bound, false),
        ("not for this user", "pay", &family, &guest, &client, false),
        ("a client that cannot authorize", "pay", &family, &person, &without_code, false),
        ("nothing", "", &family, &person, &client, false),
    ] {
        assert_eq!(can_help(&scopes(missing), family, person, client, &grants), helps, "{case}");
    }
}
