//! Is each comment narrow enough to be read beside its code?

use std::fs;

use crate::{files, shown};

/// Columns of a line that holds a comment and nothing else.
const COLUMNS_MAX: usize = 100;

/// The lines of a text that are comments wider than [`COLUMNS_MAX`], counted from 1.
fn wide(text: &str) -> Vec<usize> {
    let lines = text.lines().enumerate();
    let wide = lines.filter(|(_, line)| line.trim_start().starts_with("//") && line.chars().count() > COLUMNS_MAX);
    wide.map(|(number, _)| number + 1).collect()
}

#[test]
fn no_comment_is_wider_than_100_columns() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        wrong.extend(wide(&text).into_iter().map(|line| format!("{}:{line}", shown(&path))));
    }
    assert!(wrong.is_empty(), "comments wider than {COLUMNS_MAX} columns:\n{}", wrong.join("\n"));
}

#[test]
fn a_wide_comment_is_found_and_code_may_be_wider() {
    let fits = format!("    // {}", "é".repeat(COLUMNS_MAX - 7));
    let code = format!("let text = \"{}\";", "x".repeat(COLUMNS_MAX));
    assert_eq!(wide(&format!("{fits}\n{fits}x\n{code}\n//! {code}")), [2, 4]);
}
