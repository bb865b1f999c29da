//! Does docs/ explain each id that `src/` and `tests/` name, and which tests are named after it?

use std::{collections::BTreeMap, fs};

use super::ids::{self, Id};
use crate::{files, root, shown};

/// A test: its name, the kind of test it is, and the file it is in.
pub(super) struct Test {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) place: String,
}

/// One row of a table of docs/.
pub(super) struct Row {
    pub(super) id: Id,
    /// The heading of the table.
    pub(super) section: String,
    /// The cell that says it in words.
    pub(super) what: String,
    /// The ids whose tests also cover this one.
    pub(super) with: Vec<Id>,
    /// Why it is not built yet.
    pub(super) later: Option<String>,
}

/// The rows of one document of docs/, in their order.
pub(super) fn rows(name: &str) -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs").join(name)).unwrap();
    let (mut all, mut section) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut section);
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(id) = cells.get(1).and_then(|cell| row_id(cell)) else { continue };
        let note = cells.get(4).copied().unwrap_or_default();
        let later = note.strip_prefix("later: ").map(str::to_owned);
        let with = note.strip_prefix("with ").map(ids::in_text).unwrap_or_default();
        let is_known = note.is_empty() || later.is_some() || !with.is_empty();
        assert!(is_known, "docs/{name}: the note of {id} is neither `later: …` nor `with …`: {note}");
        all.push(Row { id, section: section.clone(), what: cells[2].to_owned(), with, later });
    }
    assert!(!all.is_empty(), "docs/{name} has no rows");
    all
}

fn row_id(cell: &str) -> Option<Id> {
    let number = cell.parse().ok().map(Id::Attack);
    number.or_else(|| ids::in_text(cell).into_iter().next().filter(|id| id.to_string() == cell))
}

/// The rows of all three documents.
pub(super) fn explained() -> Vec<Row> {
    ["requirements.md", "attacks.md", "promises.md"].into_iter().flat_map(rows).collect()
}

/// The tests of the tree: functions with a `test` attribute, and the functions of tests/attacks.
pub(super) fn tests() -> Vec<Test> {
    let mut all = Vec::new();
    for path in [files("src", "rs"), files("tests", "rs")].concat() {
        let (text, place) = (fs::read_to_string(&path).unwrap(), shown(&path));
        let kind = match place.strip_prefix("tests/") {
            None => "unit".to_owned(),
            Some(rest) => rest.split(['/', '.']).next().unwrap_or_default().to_owned(),
        };
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                let name = rest.split(['(', '<']).next().unwrap_or_default().to_owned();
                all.push(Test { name, kind: kind.clone(), place: place.clone() });
                is_test = false;
            }
        }
    }
    for path in files("tests/attacks/attacks", "py") {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let def = line.strip_prefix("def ").or_else(|| line.strip_prefix("async def "));
            if let Some(name) = def.and_then(|rest| rest.split('(').next()).filter(|name| name.starts_with("attack_")) {
                all.push(Test { name: name.to_owned(), kind: "attacks".to_owned(), place: shown(&path) });
            }
        }
    }
    all
}

#[test]
fn every_id_that_the_code_and_the_tests_name_is_explained() {
    let explained: Vec<Id> = explained().iter().map(|row| row.id).collect();
    let mut unknown: BTreeMap<Id, Vec<String>> = BTreeMap::new();
    let mut note = |id: Id, place: String| {
        if !explained.contains(&id) {
            unknown.entry(id).or_default().push(place);
        }
    };
    for extension in ["rs", "py", "mjs", "md", "yaml", "in"] {
        for path in [files("src", extension), files("tests", extension)].concat() {
            // The examples in this folder are made up.
            if path.ends_with("tidy/ids.rs") {
                continue;
            }
            for id in ids::in_text(&fs::read_to_string(&path).unwrap_or_default()) {
                note(id, shown(&path));
            }
        }
    }
    for test in tests() {
        for id in ids::in_name(&test.name) {
            note(id, format!("{}: {}", test.place, test.name));
        }
    }
    let unknown: Vec<String> = unknown.iter().map(|(id, places)| format!("{id}: {}", places.join(", "))).collect();
    assert!(unknown.is_empty(), "docs/ does not explain:\n{}", unknown.join("\n"));
}

#[test]
fn every_id_is_explained_once() {
    let mut ids: Vec<Id> = explained().iter().map(|row| row.id).collect();
    ids.sort();
    let twice: Vec<String> = ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_string()).collect();
    assert!(twice.is_empty(), "docs/ explains twice: {twice:?}");
}
