//! Does each attack have a test named after it, and a row of its own where several share a test?

use std::fs;

use super::{
    documents,
    ids::{self, Id},
};
use crate::{files, functions};

/// The attacks that a function is named after: `attack_067`, `attacks_093_to_097`.
fn attacks(name: &str) -> Vec<u32> {
    ids::in_name(name)
        .into_iter()
        .filter_map(|id| if let Id::Attack(number) = id { Some(number) } else { None })
        .collect()
}

#[test]
fn every_attack_on_discovery_and_login_has_a_test() {
    let functions = functions();
    let missing: Vec<u8> =
        (155..=166).filter(|attack| !functions.keys().any(|name| name.contains(&format!("attack_{attack}")))).collect();
    assert!(missing.is_empty(), "no test is named after attacks {missing:?}");
}

#[test]
fn every_attack_on_messages_and_state_is_played() {
    let played: String =
        files("tests/attacks/attacks", "py").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let missing: Vec<u32> =
        (1..=66).chain(128..=154).filter(|n| !played.contains(&format!("def attack_{n:03}_"))).collect();
    assert!(missing.is_empty(), "tests/attacks plays no attack {missing:?}");
}

#[test]
fn every_attack_on_tokens_and_http_has_a_test_and_a_row_of_its_own() {
    let named: Vec<_> = functions().into_iter().map(|(name, text)| (attacks(&name), name, text)).collect();
    let mut wrong = Vec::new();
    for attack in 67..=127 {
        if !named.iter().any(|(attacks, ..)| attacks.contains(&attack)) {
            wrong.push(format!("no test is named after attack {attack}"));
        }
        let shared = named.iter().filter(|(attacks, ..)| attacks.len() > 1 && attacks.contains(&attack));
        wrong.extend(
            shared
                .filter(|(.., text)| !text.contains(&format!("\"{attack:03} ")))
                .map(|(_, name, _)| format!("{name} has no row that begins with \"{attack:03} ")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_attack_of_the_map_from_167_on_has_a_test() {
    let rows = documents::rows("attacks.md");
    let listed = rows.iter().filter_map(|row| if let Id::Attack(number) = row.id { Some(number) } else { None });
    let named: Vec<u32> = functions().keys().flat_map(|name| attacks(name)).collect();
    let missing: Vec<u32> = listed.filter(|attack| *attack >= 167 && !named.contains(attack)).collect();
    assert!(missing.is_empty(), "docs/attacks.md lists attacks {missing:?}, and no test is named after them");
}
