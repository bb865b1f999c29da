//! Does the catalogue hold together, and does it know every word of the gateway?

use std::collections::BTreeSet;

use super::{
    client::{CLIENTS, LOG},
    known,
    reasons::{OUTCOMES, REASONS},
};
use crate::decide::refusal::testing::every_row;

#[test]
fn first_4_doctor_every_id_is_one_kebab_case_name_with_a_cause_and_a_fix() {
    let mut ids = BTreeSet::new();
    for known in known() {
        assert!(ids.insert(known.id), "{} comes twice", known.id);
        assert!(
            known.id.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "{}",
            known.id
        );
        assert!(known.cause.ends_with('.') && known.fix.ends_with(['.', '`']), "{}", known.id);
        assert!(!known.title.ends_with('.'), "{}", known.id);
        for (client, words) in known.seen {
            assert!(CLIENTS.contains(client) || *client == LOG, "{}: {client}", known.id);
            assert!(!words.is_empty() && !words.contains('|'), "{}", known.id);
        }
    }
    assert!(ids.len() >= 60, "{} faults", ids.len());
}

#[test]
fn first_4_doctor_every_reason_of_an_audit_line_says_what_to_do() {
    let told: BTreeSet<&str> = REASONS.iter().map(|(reason, ..)| *reason).collect();
    let known: BTreeSet<&str> = every_row().iter().map(|refusal| refusal.row().reason).collect();
    assert_eq!(told, known);
    assert_eq!(told.len(), REASONS.len(), "each once");
}

#[test]
fn first_4_doctor_what_the_tables_refer_to_is_there() {
    let ids: BTreeSet<&str> = known().map(|known| known.id).collect();
    let reasons: BTreeSet<&str> = REASONS.iter().chain(OUTCOMES).map(|(reason, ..)| *reason).collect();
    for (reason, _, of) in REASONS.iter().chain(OUTCOMES) {
        assert!(of.iter().all(|id| ids.contains(id)), "{reason}: {of:?}");
    }
    for known in known() {
        let words = known.seen.iter().filter(|(client, _)| *client == LOG);
        for (_, word) in words {
            assert!(reasons.contains(word), "{}: {word}", known.id);
        }
    }
}
