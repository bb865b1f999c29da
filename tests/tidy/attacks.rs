//! Does every attack of the catalogue have a test that is named after it, and a row of its own where several share one?

use std::fs;

use crate::{files, functions, root};

/// The attacks that a function is named after: `attack_067`, `attack_110_111_112`, `attacks_093_to_097`.
fn attacks(name: &str) -> Vec<u32> {
    let (mut all, mut words, mut is_list): (Vec<u32>, _, _) = (Vec::new(), name.split('_'), false);
    while let Some(word) = words.next() {
        let number = word.parse().ok().filter(|_| word.len() == 3);
        match (word, number) {
            ("attack" | "attacks", _) => is_list = true,
            ("to", _) if is_list => {
                let last = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
                all.extend(all.last().map_or(0, |first| first + 1)..=last);
            }
            (_, Some(number)) if is_list => all.push(number),
            _ => is_list = false,
        }
    }
    all
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

/// 90 is a matter of introspection, which is not there yet.
#[test]
fn every_attack_on_tokens_and_http_has_a_test_and_a_row_of_its_own() {
    let named: Vec<_> = functions().into_iter().map(|(name, text)| (attacks(&name), name, text)).collect();
    let mut wrong = Vec::new();
    for attack in (67..=127).filter(|attack| *attack != 90) {
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
    let map = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let cells = map.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next()?.trim().parse::<u32>().ok());
    let named: Vec<u32> = functions().keys().flat_map(|name| attacks(name)).collect();
    let missing: Vec<u32> = cells.filter(|attack| *attack >= 167 && !named.contains(attack)).collect();
    assert!(missing.is_empty(), "tests/README.md names attacks {missing:?}, and no test is named after them");
}
