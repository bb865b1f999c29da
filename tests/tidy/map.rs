//! Is the map in tests/README.md fresh and whole, as docs/ and the names of the tests have it?

use std::{collections::BTreeMap, fs};

use super::{
    documents::{self, Row, Test},
    ids::{self, Id},
};
use crate::{functions, root};

/// Requirements that the map of tests must know: every MUST of these parts of the specification.
const MUSTS: [(&str, &[u8]); 6] = [
    (
        "A",
        &[
            1, 2, 3, 4, 5, 7, 8, 11, 13, 14, 15, 16, 17, 19, 20, 24, 30, 31, 34, 35, 36, 38, 53, 54, 55, 56, 58, 59,
            60, 61, 62, 63, 64, 66, 67, 70, 71, 72,
        ],
    ),
    (
        "B",
        &[
            1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17, 20, 22, 30, 31, 32, 33, 34, 35, 37, 38, 39, 40, 41, 42,
            43, 50, 51, 52, 53, 60,
        ],
    ),
    (
        "C",
        &[
            1, 2, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31, 32, 33, 34, 40,
            41, 42, 43, 44, 45, 47, 50, 51, 52, 53, 55, 56, 57, 60, 61, 62, 63, 64, 65, 66, 67, 70, 71, 72, 73, 74, 75,
            76, 78, 79, 80, 81, 84, 85, 87, 88, 89, 90, 91, 94, 95, 96, 97, 99,
        ],
    ),
    ("D", &[1, 2, 3, 4, 5, 6, 30, 31, 32, 34, 40, 41, 42, 44, 54, 55, 56]),
    (
        "E",
        &[
            1, 2, 3, 4, 7, 8, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22, 23, 24, 25, 26, 28, 30, 31, 32, 33, 34, 37,
            38, 40, 41, 42, 43, 45,
        ],
    ),
    ("F", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 22, 23, 24, 25, 26, 27, 30, 32]),
];

/// Between these lines of tests/README.md the map is written, and nothing else.
const BEGIN: &str = "<!-- The map: generated, do not edit. -->\n";
const END: &str = "<!-- The end of the map. -->\n";

/// The tests that cover each id, with those of the ids that its row refers to.
struct Proofs {
    tests: Vec<(Vec<Id>, Test)>,
}

impl Proofs {
    fn read() -> Self {
        Self { tests: documents::tests().into_iter().map(|test| (ids::in_name(&test.name), test)).collect() }
    }

    /// `unit: …; e2e: …`, or the reason why there is none.
    fn of(&self, row: &Row) -> String {
        let mut kinds: BTreeMap<(bool, &str), Vec<String>> = BTreeMap::new();
        for (ids, test) in &self.tests {
            if ids.contains(&row.id) || row.with.iter().any(|id| ids.contains(id)) {
                let name = format!("`{}`", test.name);
                kinds.entry((test.kind != "unit", &test.kind)).or_default().push(name);
            }
        }
        for names in kinds.values_mut() {
            names.sort();
            names.dedup();
        }
        let tests = kinds.iter().map(|((_, kind), names)| format!("{kind}: {}", names.join(", ")));
        let later = row.later.iter().map(|reason| format!("later: {reason}"));
        tests.chain(later).collect::<Vec<_>>().join("; ")
    }
}

fn map() -> String {
    let proofs = Proofs::read();
    let mut text = String::new();
    for (document, title) in
        [("requirements.md", "Requirements"), ("attacks.md", "Attacks"), ("promises.md", "Promises")]
    {
        text += &format!("\n## {title}\n\nIn words: [`docs/{document}`](../docs/{document}).\n");
        let mut section = None;
        for row in documents::rows(document) {
            if section.as_ref() != Some(&row.section) {
                if !row.section.is_empty() {
                    text += &format!("\n### {}\n", row.section);
                }
                text += "\n| id | what | tests |\n|---|---|---|\n";
                section = Some(row.section.clone());
            }
            let id = if let Id::Attack(number) = row.id { number.to_string() } else { row.id.to_string() };
            // Of a promise, its title.
            let what = row.what.strip_prefix("**").and_then(|rest| rest.split("**").next()).unwrap_or(&row.what);
            text += &format!("| {id} | {what} | {} |\n", proofs.of(&row));
        }
    }
    text + "\n"
}

fn readme() -> String {
    fs::read_to_string(root().join("tests/README.md")).unwrap()
}

#[test]
fn the_map_is_the_one_that_the_names_of_the_tests_give() {
    let (now, map) = (readme(), map());
    let (before, rest) = now.split_once(BEGIN).expect("the line before the map");
    let (written, after) = rest.split_once(END).expect("the line after the map");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join("tests/README.md"), [before, BEGIN, &map, END, after].concat()).unwrap();
        return;
    }
    let lines = map.lines().zip(written.lines()).find(|(wanted, found)| wanted != found);
    let command = "UPDATE_DOCS=1 cargo test --locked --test tidy map";
    assert!(written == map, "the map in tests/README.md is stale: run `{command}`\n{lines:#?}");
}

#[test]
fn the_map_of_tests_is_whole_and_true() {
    let (rows, proofs) = (documents::explained(), Proofs::read());
    let mut wrong = Vec::new();
    for (section, numbers) in MUSTS {
        for number in numbers {
            let id = Id::Requirement(section.chars().next().unwrap(), u32::from(*number));
            if !rows.iter().any(|row| row.id == id) {
                wrong.push(format!("docs/requirements.md has no row {id}"));
            }
        }
    }
    for row in &rows {
        // A promise may also hold by construction, or be measured (P12).
        let must = !matches!(row.id, Id::Promise(_));
        if must && proofs.of(row).is_empty() {
            wrong.push(format!("{} has no test, and its row in docs/ says no reason (`later: …`)", row.id));
        }
        for id in row.with.iter().filter(|id| !rows.iter().any(|row| row.id == **id)) {
            wrong.push(format!("{} refers to {id}, which docs/ does not explain", row.id));
        }
    }
    let (functions, played) = (functions(), documents::tests());
    let text = readme();
    let outside = text.split_once(BEGIN).map_or("", |(before, _)| before);
    for name in outside.split('`').skip(1).step_by(2) {
        let is_name =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && name.contains('_');
        if is_name && !functions.contains_key(name) && !played.iter().any(|test| test.name == name) {
            wrong.push(format!("tests/README.md: no test is called {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
