//! Does each test that a security page names exist, and does each answer say what it must?

use std::{collections::BTreeSet, fs};

use super::documents;
use crate::root;

/// The pages whose tables answer with tests.
const PAGES: [&str; 3] = ["security.md", "security-aisvs.md", "security-rfc9700.md"];
/// What a row of a standard can be answered with.
const ANSWERS: [&str; 4] = ["met", "partly met", "not met", "not applicable"];

/// One row of a table: its cells by the heading of their column.
struct SecurityRow {
    place: String,
    cells: Vec<(String, String)>,
}

impl SecurityRow {
    fn cell(&self, column: &str) -> Option<&str> {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.as_str())
    }
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of each table of a page that has the column `test`.
fn rows(page: &str, text: &str) -> Vec<SecurityRow> {
    let (mut all, mut head) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            head.clear();
        } else if head.is_empty() {
            head = cells(line);
        } else if !line.starts_with("|-") && head.iter().any(|name| name == "test") {
            let place = format!("docs/{page}:{}", number + 1);
            all.push(SecurityRow { place, cells: head.iter().cloned().zip(cells(line)).collect() });
        }
    }
    all
}

/// What stands between backticks in a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What is wrong with a row.
fn faults(row: &SecurityRow, known: &BTreeSet<String>) -> Vec<String> {
    let named = quoted(row.cell("test").unwrap_or_default());
    let mut wrong: Vec<String> = named
        .iter()
        .filter(|name| !known.contains(**name))
        .map(|name| format!("{}: no test is called {name}", row.place))
        .collect();
    let answer = row.cell("answer");
    if answer.is_some_and(|answer| !ANSWERS.contains(&answer)) {
        wrong.push(format!("{}: the answer is one of {ANSWERS:?}", row.place));
    }
    let is_claimed = match (answer, row.cell("not protected")) {
        (Some(answer), _) => answer.ends_with("met") && answer != "not met",
        (None, Some(gap)) => !gap.contains("**not protected**"),
        (None, None) => true,
    };
    if is_claimed && named.is_empty() {
        wrong.push(format!("{}: no test proves it", row.place));
    }
    let is_explained = row.cell("how, or why not").is_none_or(|why| !why.is_empty());
    if answer.is_some_and(|answer| answer != "met") && !is_explained {
        wrong.push(format!("{}: say why not", row.place));
    }
    wrong
}

#[test]
fn each_row_of_the_security_pages_names_a_test_that_exists_or_says_what_is_missing() {
    let known: BTreeSet<String> = documents::tests().into_iter().map(|test| test.name).collect();
    let mut wrong = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
        let rows = rows(page, &text);
        assert!(rows.len() > 20, "docs/{page} has {} rows", rows.len());
        wrong.extend(rows.iter().flat_map(|row| faults(row, &known)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_without_a_proof_are_found() {
    let text = "| id | answer | how, or why not | test |\n|---|---|---|---|\n| 1 | met | | `a_test` |\n| 2 | met | | |\n\
                | 3 | not met | | |\n| 4 | nearly | x | `no_test` |\n";
    let rows = rows("page.md", text);
    let known = BTreeSet::from(["a_test".to_owned()]);
    let count: Vec<usize> = rows.iter().map(|row| faults(row, &known).len()).collect();
    assert_eq!(count, [0, 1, 1, 2]);
}
