//! The standing of each token of a family at each time.

use std::time::Duration;

use serde_json::{Map, json};

use super::{Family, FirstUse, PresentedToken, Previous, RefreshBounds, Standing};
use crate::decide::authorization_server::{form::Form, people::Person};

const STRICT: RefreshBounds = RefreshBounds { idle_max: Duration::from_secs(1_000), grace: Duration::ZERO };
const GRACE: RefreshBounds = RefreshBounds { grace: Duration::from_secs(30), ..STRICT };
/// The parameters of a request.
const SAME: [u8; 32] = [50; 32];

fn at(digest: u8, secs: u64) -> PresentedToken {
    PresentedToken { digest: [digest; 32], parameters: SAME, at_millis: secs * 1_000 }
}

fn next(family: &Family, digest: u8, secs: u64) -> Family {
    family.exchanged(&at(digest - 1, secs), [digest; 32], format!("sealed {digest}").into_bytes())
}

fn delivered(family: &Family) -> Family {
    family.answered_with(&family.current).unwrap()
}

fn family() -> Family {
    Family {
        client: "dyn_a".into(),
        person: Person {
            subject: "ann".into(),
            name: "Ann".into(),
            account: Some("ann".into()),
            groups: Vec::new(),
            claims: Map::new(),
        },
        scopes: vec!["a".into()],
        named: vec!["openid".into()],
        resources: vec!["https://gw.example/mcp".into()],
        current: [1; 32],
        previous: None,
        count: 1,
        renewed: 10_000,
        ends: 20_000,
        bridge: None,
        confirmed: None,
        told_to_step_up: Vec::new(),
    }
}

#[test]
fn e23_attack_162_only_the_newest_is_exchanged() {
    let first = family();
    let second = next(&first, 2, 10_100);
    let answered = delivered(&second);
    let third = next(&answered, 3, 10_200);
    let unanswered_twice = next(&second, 3, 10_200);
    let nearly: [u8; 32] = std::array::from_fn(|at| if at == 31 { 0 } else { 1 });
    for (case, family, digest, standing) in [
        ("the first", &first, [1; 32], Standing::Newest),
        ("never made", &first, [9; 32], Standing::Reused),
        ("one bit off", &first, nearly, Standing::Reused),
        ("its successor", &second, [2; 32], Standing::Newest),
        ("whose answer may be lost", &second, [1; 32], Standing::Unanswered(b"sealed 2")),
        ("whose answer was written", &answered, [1; 32], Standing::Reused),
        ("still the newest", &answered, [2; 32], Standing::Newest),
        ("the one before", &third, [2; 32], Standing::Unanswered(b"sealed 3")),
        ("two before", &third, [1; 32], Standing::Reused),
        ("two before, never told that it was answered", &unanswered_twice, [1; 32], Standing::Reused),
        ("the third", &third, [3; 32], Standing::Newest),
    ] {
        assert_eq!(family.standing(&PresentedToken { digest, ..at(0, 10_200) }, STRICT), standing, "{case}");
    }
}

#[test]
fn login_a2_the_same_request_is_answered_alike_within_the_grace_and_never_later() {
    let lost = next(&family(), 2, 10_100);
    let answered = delivered(&lost);
    let used = next(&answered, 3, 10_101);
    let repeat = |secs: u64| at(1, secs);
    let other = PresentedToken { parameters: [51; 32], ..repeat(10_101) };
    let early = PresentedToken { at_millis: 10_100_000 - 29_999, ..repeat(0) };
    let last = PresentedToken { at_millis: 10_100_000 + 29_999, ..repeat(0) };
    let sealed = b"sealed 2";
    for (case, family, presented, standing) in [
        ("at once", &answered, repeat(10_100), Standing::Repeated(sealed)),
        ("the last millisecond", &answered, last, Standing::Repeated(sealed)),
        ("when the grace is over", &answered, repeat(10_130), Standing::Reused),
        ("much later", &answered, repeat(10_900), Standing::Reused),
        ("for something else", &answered, other, Standing::Reused),
        ("a slow clock", &answered, early, Standing::Repeated(sealed)),
        ("a clock that went back", &answered, repeat(10_070), Standing::Reused),
        ("after its successor was used", &used, repeat(10_102), Standing::Reused),
        ("before the answer was written", &lost, repeat(10_101), Standing::Repeated(sealed)),
        ("for something else, answer lost", &lost, other, Standing::Unanswered(sealed)),
        ("a lost answer, later", &lost, repeat(10_500), Standing::Unanswered(sealed)),
        ("the newest", &answered, at(2, 10_101), Standing::Newest),
        ("another token", &answered, at(9, 10_101), Standing::Reused),
    ] {
        assert_eq!(family.standing(&presented, GRACE), standing, "{case}");
    }
    // A repeat writes nothing, so it cannot prolong the grace.
    assert_eq!(answered.answered_with(&[2; 32]), None, "a second answer");
    let erased = answered.without_sealed(&[2; 32]).unwrap();
    assert_eq!(erased.standing(&repeat(10_101), GRACE), Standing::Reused, "no copy is left");
    assert_eq!((erased.without_sealed(&[2; 32]), used.without_sealed(&[2; 32])), (None, None));
}

#[test]
fn login_a2_a_lost_answer_is_given_again_for_a_day() {
    const DAY: u64 = 24 * 3_600;
    let lost = Family { ends: 10 * DAY, ..next(&family(), 2, 10_100) };
    let answered = delivered(&lost);
    let bounds = RefreshBounds { idle_max: Duration::from_secs(5 * DAY), ..GRACE };
    for (case, family, secs, standing) in [
        ("within the day", &lost, 10_100 + DAY - 1, Standing::Unanswered(b"sealed 2")),
        ("a day later", &lost, 10_100 + DAY, Standing::Reused),
        ("a clock that went back", &lost, 10, Standing::Unanswered(b"sealed 2")),
        ("answered", &answered, 10_100 + DAY - 1, Standing::Reused),
    ] {
        assert_eq!(family.standing(&at(1, secs), bounds), standing, "{case}");
    }
    assert_eq!(lost.standing(&at(2, 10_100 + DAY), bounds), Standing::Newest);
}

#[test]
fn login_a2_only_a_request_for_the_same_is_a_repeat() {
    let presented = |form: &str| {
        let form = Form::read(form.as_bytes()).unwrap();
        PresentedToken::with("secret", &form, Duration::from_millis(7)).parameters
    };
    let plain = presented("refresh_token=x&client_id=app");
    for (form, is_same) in
        [("client_id=app", true), ("scope=&resource=", true), ("scope=a", false), ("resource=a", false)]
    {
        assert_eq!(presented(form) == plain, is_same, "{form}");
    }
    assert_eq!(presented("scope=a+b&resource=x&resource=y"), presented("resource=y&scope=b+a&resource=x"));
    assert_ne!(presented("scope=a&resource=b"), presented("scope=a+b"));
    assert_eq!(presented("scope=+b++a+"), presented("scope=a+b"));
}

#[test]
fn e23_a_family_ends_unused_and_altogether() {
    let family = Family {
        previous: Some(Previous { digest: [0; 32], successor: Some(b"sealed 1".to_vec()), used: None }),
        ..family()
    };
    for (now, current, previous) in [
        (10_000, Standing::Newest, Standing::Unanswered(b"sealed 1")),
        (10_999, Standing::Newest, Standing::Unanswered(b"sealed 1")),
        (11_000, Standing::Expired, Standing::Expired),
        (9_000, Standing::Newest, Standing::Unanswered(b"sealed 1")),
        (u64::MAX / 1_000, Standing::Expired, Standing::Expired),
    ] {
        assert_eq!(family.standing(&at(1, now), GRACE), current, "{now}");
        assert_eq!(family.standing(&at(0, now), GRACE), previous, "{now}");
        assert_eq!(family.standing(&at(7, now), GRACE), Standing::Reused, "{now}: reuse is told as such");
    }
    let endless = RefreshBounds { idle_max: Duration::MAX, ..STRICT };
    assert_eq!(family.standing(&at(1, 19_999), endless), Standing::Newest);
    assert_eq!(family.standing(&at(1, 20_000), endless), Standing::Expired);
}

#[test]
fn e23_an_exchange_keeps_what_was_granted_and_its_end() {
    let first = family();
    let second = next(&first, 2, 10_100);
    let used = FirstUse { at_millis: 10_100_000, parameters: SAME, delivered: false };
    let expected = Family {
        current: [2; 32],
        previous: Some(Previous { digest: [1; 32], successor: Some(b"sealed 2".to_vec()), used: Some(used) }),
        count: 2,
        renewed: 10_100,
        ..first
    };
    assert_eq!(second, expected);
    assert_eq!(next(&second, 3, 9_000).renewed, 10_100, "a clock that went back");
}

#[test]
fn e23_a_late_word_about_one_answer_does_not_count_for_the_next() {
    let second = next(&family(), 2, 10_100);
    let third = next(&second, 3, 10_200);
    assert!(second.answered_with(&[2; 32]).is_some());
    assert_eq!(third.answered_with(&[2; 32]), None);
    assert!(third.answered_with(&[3; 32]).is_some());
    assert_eq!(delivered(&third).answered_with(&[3; 32]), None, "already");
    assert_eq!(family().answered_with(&[1; 32]), None, "never exchanged");
}

#[test]
fn login_a2_a_family_of_the_release_before_the_grace_is_read_and_stays_strict() {
    let write = |successor: serde_json::Value| {
        let mut written = serde_json::to_value(family()).unwrap();
        written["previous"] = json!({"digest": vec![0; 32], "successor": successor});
        serde_json::from_value::<Family>(written).unwrap()
    };
    let (answered, lost) = (write(json!(null)), write(json!([7])));
    assert_eq!(answered.standing(&at(0, 10_000), GRACE), Standing::Reused);
    assert_eq!(lost.standing(&at(0, 10_000), GRACE), Standing::Unanswered(&[7]));
    assert_eq!(lost.answered_with(&[1; 32]).unwrap(), answered);
}

#[test]
fn login_a4_a_confirmed_session_is_good_for_one_exchange_and_for_a_moment() {
    let secs = Duration::from_secs;
    assert!(!family().is_confirmed(secs(10_000)));
    let confirmed = family().confirmed_at(secs(10_000), family().person, b"sealed".to_vec());
    for (now, is_fresh) in [(10_000, true), (10_029, true), (10_030, false), (9_971, true), (9_970, false)] {
        assert_eq!(confirmed.is_confirmed(secs(now)), is_fresh, "{now}");
    }
    assert_eq!(confirmed.bridge.as_deref(), Some(&b"sealed"[..]));
    assert!(!next(&confirmed, 2, 10_001).is_confirmed(secs(10_001)), "the next exchange asks again");
    assert!(delivered(&next(&confirmed, 2, 10_001)).confirmed.is_none());
}

#[test]
fn e29_login_b5_a_refresh_may_name_what_the_authorization_request_named() {
    let names = |family: &Family| ["a", "openid", "b", "offline_access"].map(|scope| family.may_name(&scope.into()));
    assert_eq!(names(&family()), [true, true, false, false]);
    let mut written = serde_json::to_value(family()).unwrap();
    written.as_object_mut().unwrap().remove("named");
    assert_eq!(names(&serde_json::from_value(written).unwrap()), [true, false, false, false], "of the release before");
}
