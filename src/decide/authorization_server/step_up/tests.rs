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

fn person() -> Person {
    Person {
        subject: "ada".into(),
        name: "Ada".into(),
        account: Some("ada".into()),
        groups: vec!["staff".into()],
        claims: Map::new(),
    }
}

fn family() -> Family {
    Family {
        client: "app".into(),
        person: person(),
        scopes: scopes("read"),
        named: Vec::new(),
        resources: resources(),
        current: [1; 32],
        previous: None,
        count: 1,
        renewed: 0,
        ends: 1,
        bridge: None,
        confirmed: None,
        told_to_step_up: Vec::new(),
    }
}

fn resources() -> Vec<Box<str>> {
    vec!["https://gw.example/mcp".into()]
}

fn told(of: &StepUps, missing: &str, secs: u64) -> StepUps {
    of.told(("family", "stem"), &family(), &scopes(missing), after(secs))
}

/// What a code for the resource of [`family`] changes.
fn authorized(of: &StepUps, asked: &str, secs: u64) -> Option<(StepUps, Vec<Box<str>>)> {
    of.authorized(&scopes(asked), &resources(), after(secs))
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
    assert!(!is_wanted(&told(&once, "pay", 0), "stem", 0));
    assert!(is_wanted(&told(&once, "other", 0), "stem", 0), "told of something else");
    // Refused again, the minute begins again.
    assert!(is_wanted(&once.with_refused("stem", &scopes("pay"), after(50)).unwrap(), "stem", 100));
    assert!(!is_wanted(&StepUps { asked_after: vec!["other".into()], ..once.clone() }, "stem", 0));
    // A refresh that went through was not for this call.
    assert!(!is_wanted(&once.refreshed("stem", START).unwrap(), "stem", 1));
    assert_eq!(once.refreshed("other", START), None);
}

#[test]
fn e48_b8_a_refused_call_that_changes_nothing_is_not_written() {
    let told = told(&refused(), "pay", 0);
    assert_eq!(told.with_refused("stem", &scopes("pay"), after(10)), None, "told already");
    assert!(told.with_refused("stem", &scopes("pay read"), after(10)).is_some(), "for another scope");
    assert!(told.with_refused("next", &scopes("pay"), after(10)).is_some(), "of another family");
    assert!(told.with_refused("stem", &scopes("pay"), after(30 * 24 * 3_600)).is_some(), "that was long ago");
    assert_eq!(refused().with_refused("stem", &[], START), None);
    let mut many = StepUps::default();
    for n in 0..100 {
        many = many.with_refused(&format!("stem-{n}"), &scopes("pay"), START).unwrap();
        many = many.told((&format!("told-{n}"), &format!("told-{n}")), &family(), &scopes("pay"), START);
    }
    assert_eq!((many.refused.len(), many.told.len()), (STEP_UPS_MAX, STEP_UPS_MAX));
    assert!(is_wanted(&many, "stem-99", 0));
}

#[test]
fn e48_b8_a_code_for_the_refused_scope_replaces_the_family_that_was_told() {
    let told = told(&refused(), "pay", 0);
    let (left, replaced) = authorized(&told, "read pay", 600).unwrap();
    assert_eq!((left, replaced), (StepUps::default(), vec![Box::from("family")]));
    assert_eq!(authorized(&refused(), "pay", 15 * 60).unwrap().1, Vec::<Box<str>>::new(), "the call is forgotten");
}

#[test]
fn login_b8_the_login_of_another_computer_replaces_no_family_that_was_told_long_ago_or_is_in_use() {
    let told = told(&refused(), "pay", 0);
    let none: Vec<Box<str>> = Vec::new();
    for (secs, replaces) in [(0, true), (659, true), (660, false), (3_600, false), (24 * 3_600, false)] {
        let (left, replaced) = authorized(&told, "pay", secs).unwrap();
        assert_eq!((left, replaced.len()), (StepUps::default(), usize::from(replaces)), "{secs}");
    }
    // A second window may refresh at the same time; later, the client ignores what it was told.
    assert_eq!(told.refreshed("stem", after(59)), None);
    assert_eq!(told.refreshed("other", after(60)), None);
    assert_eq!(authorized(&told.refreshed("stem", after(60)).unwrap(), "pay", 61).unwrap().1, none);
}

#[test]
fn login_b8_a_client_asks_by_itself_unless_its_family_refreshes_instead() {
    let by_itself = |of: &StepUps| authorized(of, "pay", 60).unwrap().0.is_by_itself();
    assert!(by_itself(&refused()));
    assert!(!by_itself(&told(&refused(), "pay", 0)), "it was told");
    assert!(!by_itself(&refused().refreshed("stem", after(50)).unwrap()), "its family was refreshed");
    // What was learned from another computer is taken back by the next refresh after a 403.
    let known = authorized(&refused(), "pay", 60).unwrap().0;
    assert!(known.is_by_itself() && known.refreshed("stem", after(61)).is_none());
    let again = known.with_refused("next", &scopes("pay"), after(100)).unwrap();
    assert!(again.is_by_itself() && again.refreshed("next", after(160)).unwrap().is_by_itself(), "a minute later");
    assert!(again.refreshed("stem", after(101)).is_none());
    let taken_back = again.refreshed("next", after(101)).unwrap();
    assert!(!taken_back.is_by_itself() && !is_wanted(&taken_back, "next", 102));
    let then = taken_back.with_refused("next", &scopes("pay"), after(110)).unwrap();
    assert!(is_wanted(&then, "next", 111));
    // A client that asked is still one that asks.
    let (asked, _) = authorized(&again, "pay", 120).unwrap();
    assert_eq!(asked.asked_after, [Box::from("stem"), "next".into()]);
    // A family that is refused again was not replaced, so it was another computer that asked.
    let not_replaced = known.with_refused("stem", &scopes("pay"), after(100)).unwrap();
    assert!(!not_replaced.is_by_itself() && is_wanted(&not_replaced, "stem", 101));
}

#[test]
fn login_b8_a_client_that_authorizes_without_the_scope_is_not_told_again() {
    let told = told(&refused(), "pay", 0);
    let elsewhere = told.authorized(&scopes("read"), &["https://gw.example/other".into()], after(60));
    assert_eq!(elsewhere, None, "an authorization for another server");
    let (in_vain, replaced) = authorized(&told, "read", 60).unwrap();
    assert_eq!(replaced, Vec::<Box<str>>::new());
    assert_eq!(in_vain.with_refused("next", &scopes("pay"), after(70)), None);
    assert!(in_vain.with_refused("next", &scopes("pay"), after(30 * 24 * 3_600)).is_some(), "a month later");
    // Another scope, and a call that needs both.
    for missing in ["other", "pay other"] {
        let next = in_vain.with_refused("next", &scopes(missing), after(70)).unwrap();
        assert!(is_wanted(&next, "next", 71), "{missing}");
    }
    // A call that was refused before.
    let before = told.with_refused("next", &scopes("pay"), after(50)).unwrap();
    assert!(is_wanted(&before, "next", 60) && !is_wanted(&authorized(&before, "read", 60).unwrap().0, "next", 60));
    // A code for the scope ends it.
    let (met, _) = authorized(&in_vain, "read pay", 80).unwrap();
    assert!(is_wanted(&met.with_refused("last", &scopes("pay"), after(90)).unwrap(), "last", 91));
}

#[test]
fn e48_b8_help_is_for_what_an_authorization_can_bring_and_a_refresh_cannot() {
    let (person, family) = (person(), family());
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
