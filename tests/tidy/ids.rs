//! Which ids does a text (`SPEC A-51`, `attack 82`, `P7`) or the name of a test (`a51_…`) hold?

use std::fmt;

/// What a comment or the name of a test points at: a row of a table in docs/.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Id {
    Requirement(char, u32),
    Attack(u32),
    Promise(u32),
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requirement(section, number) => write!(out, "{section}-{number:02}"),
            Self::Attack(number) => write!(out, "attack {number}"),
            Self::Promise(number) => write!(out, "P{number}"),
        }
    }
}

/// From here on, three digits after an attack are not an attack: `attack_179_500_calls_at_once`.
const ATTACKS_END: u32 = 500;

/// The ids at the beginning of a test's name: `a30_a36_…`, `c15_attacks_050_to_053_…`, `p07_…`.
/// Attacks are also found further on.
pub(super) fn in_name(name: &str) -> Vec<Id> {
    let (mut all, mut words, mut is_list, mut leads) = (Vec::new(), name.split('_'), false, true);
    while let Some(word) = words.next() {
        let number = word.parse().ok().filter(|number| word.len() == 3 && *number < ATTACKS_END);
        match (word, number) {
            ("attack" | "attacks", _) => is_list = true,
            ("to", _) if is_list => {
                let last = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
                let next = all.last().map_or(0, |id| if let Id::Attack(first) = id { first + 1 } else { 0 });
                all.extend((next..=last).map(Id::Attack));
            }
            (_, Some(number)) if is_list => all.push(Id::Attack(number)),
            _ => {
                is_list = false;
                leads = leads && word_id(word).map(|id| all.push(id)).is_some();
            }
        }
    }
    all
}

/// `a51`, `p7` or `p07`.
fn word_id(word: &str) -> Option<Id> {
    let letter = word.chars().next().filter(char::is_ascii_lowercase)?;
    let digits = word.get(1..).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number = digits.parse().ok()?;
    match (letter, digits.len()) {
        ('a'..='f', 2) => Some(Id::Requirement(letter.to_ascii_uppercase(), number)),
        ('p', 1 | 2) => Some(Id::Promise(number)),
        _ => None,
    }
}

/// The ids that a text names, lines of a comment joined: `A-51`, `P7`, `attacks 25–30 and 46`.
pub(super) fn in_text(text: &str) -> Vec<Id> {
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '/', '!', '#', '*']));
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut all = Vec::new();
    for (at, _) in text.match_indices("ttack") {
        let rest = &text[at + "ttack".len()..];
        attacks(rest.strip_prefix('s').unwrap_or(rest), &mut all);
    }
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
        all.extend(written(word));
    }
    all
}

/// The numbers that follow the word "attack": single ones and ranges.
fn attacks(rest: &str, all: &mut Vec<Id>) {
    let Some(mut rest) = rest.strip_prefix(' ') else { return };
    let mut first = None;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(number) = rest[..digits].parse().ok().filter(|_| digits <= 3) else { return };
        all.extend((first.map_or(number, |first| first + 1)..=number).map(Id::Attack));
        rest = &rest[digits..];
        let range = ["–", "…", " to ", "-"].iter().find_map(|word| rest.strip_prefix(word));
        let Some(next) = range.or_else(|| [", ", " and "].iter().find_map(|word| rest.strip_prefix(word))) else {
            return;
        };
        (first, rest) = (range.is_some().then_some(number), next);
    }
}

/// `A-51` or `P7`, alone or as the ends of a range.
fn written(word: &str) -> Option<Id> {
    let letter = word.chars().next()?;
    let rest = word.get(1..)?;
    let digits = rest.strip_prefix('-').unwrap_or(rest);
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    match (letter, rest.starts_with('-'), digits.len()) {
        ('A'..='F', true, 2) => Some(Id::Requirement(letter, number)),
        ('P', false, 1 | 2) => Some(Id::Promise(number)),
        _ => None,
    }
}

#[test]
fn ids_are_found_in_names_and_in_texts() {
    use Id::{Attack, Promise, Requirement};
    for (name, ids) in [
        ("a51_granting_what_is_asked", vec![Requirement('A', 51)]),
        ("f25_attack_191_a_page", vec![Requirement('F', 25), Attack(191)]),
        (
            "c72_attacks_056_to_058_060_the_names",
            [72].map(|n| Requirement('C', n)).into_iter().chain([56, 57, 58, 60].map(Attack)).collect(),
        ),
        ("attack_179_500_calls_at_once", vec![Attack(179)]),
        ("attack_171_p7_b24_a_stream", vec![Attack(171), Promise(7), Requirement('B', 24)]),
        ("what_a51_says_in_passing", vec![]),
        ("an_e2e_test", vec![]),
    ] {
        assert_eq!(in_name(name), ids, "{name}");
    }
    for (text, mut ids) in [
        (
            "// see SPEC A-51, B-02…B-04 (P7) and ES-256",
            vec![Requirement('A', 51), Requirement('B', 2), Requirement('B', 4), Promise(7)],
        ),
        ("//! Attacks 25–27, 46 and\n//! 142 to 143.", [25, 26, 27, 46, 142, 143].map(Attack).into()),
        ("\"attack 050 in an unknown version\", attack 1000, P-256, P384", vec![Attack(50)]),
    ] {
        let mut found = in_text(text);
        found.sort();
        ids.sort();
        assert_eq!(found, ids, "{text}");
    }
}
