//! The standing of each token of a family at each time.

use serde_json::Map;

use super::{Family, Previous, Standing};
use crate::decide::authorization_server::people::Person;

const IDLE_MAX: u64 = 1_000;

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
        resources: vec!["https://gw.example/mcp".into()],
        current: [1; 32],
        previous: None,
        count: 1,
        renewed: 10_000,
        ends: 20_000,
        bridge: None,
    }
}

#[test]
fn e23_attack_162_only_the_newest_is_exchanged() {
    let first = family();
    let second = first.exchanged([2; 32], b"sealed 2".to_vec(), 10_100);
    let answered = second.answered();
    let third = answered.exchanged([3; 32], b"sealed 3".to_vec(), 10_200);
    let unanswered_twice = second.exchanged([3; 32], b"sealed 3".to_vec(), 10_200);
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
        assert_eq!(family.standing(&digest, 10_200, IDLE_MAX), standing, "{case}");
    }
}

#[test]
fn e23_a_family_ends_unused_and_altogether() {
    let family =
        Family { previous: Some(Previous { digest: [0; 32], successor: Some(b"sealed 1".to_vec()) }), ..family() };
    for (now, current, previous) in [
        (10_000, Standing::Newest, Standing::Unanswered(b"sealed 1")),
        (10_999, Standing::Newest, Standing::Unanswered(b"sealed 1")),
        (11_000, Standing::Expired, Standing::Expired),
        (9_000, Standing::Newest, Standing::Unanswered(b"sealed 1")),
        (u64::MAX, Standing::Expired, Standing::Expired),
    ] {
        assert_eq!(family.standing(&[1; 32], now, IDLE_MAX), current, "{now}");
        assert_eq!(family.standing(&[0; 32], now, IDLE_MAX), previous, "{now}");
        assert_eq!(family.standing(&[7; 32], now, IDLE_MAX), Standing::Reused, "{now}: reuse is told as such");
    }
    assert_eq!(family.standing(&[1; 32], 19_999, u64::MAX), Standing::Newest);
    assert_eq!(family.standing(&[1; 32], 20_000, u64::MAX), Standing::Expired);
}

#[test]
fn e23_an_exchange_keeps_what_was_granted_and_its_end() {
    let first = family();
    let second = first.exchanged([2; 32], b"sealed 2".to_vec(), 10_100);
    let expected = Family {
        current: [2; 32],
        previous: Some(Previous { digest: [1; 32], successor: Some(b"sealed 2".to_vec()) }),
        count: 2,
        renewed: 10_100,
        ..first
    };
    assert_eq!(second, expected);
    assert_eq!(second.exchanged([3; 32], Vec::new(), 9_000).renewed, 10_100, "a clock that went back");
    assert_eq!(family().answered(), family(), "nothing to answer");
}

#[test]
fn e23_a_late_word_about_one_answer_does_not_count_for_the_next() {
    let second = family().exchanged([2; 32], b"sealed 2".to_vec(), 10_100);
    let third = second.exchanged([3; 32], b"sealed 3".to_vec(), 10_200);
    assert_eq!(second.answered_with(&[2; 32]), Some(second.answered()));
    assert_eq!(third.answered_with(&[2; 32]), None);
    assert_eq!(third.answered_with(&[3; 32]), Some(third.answered()));
    assert_eq!(third.answered().answered_with(&[3; 32]), None, "already");
    assert_eq!(family().answered_with(&[1; 32]), None, "never exchanged");
}
