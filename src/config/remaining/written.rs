//! Reads a file that may have mistakes: the entries that can be read, or else its words.

use std::path::Path;

use crate::config::{
    demo_account::DemoAccount,
    environment::process_environment,
    reader::{Field, Fields},
    reading::Reading,
    slips,
};

/// What a file says.
pub(super) enum Entries<T> {
    /// The entries of its list that can be read.
    Read(Vec<T>),
    /// There is no list: its words, without comments.
    Words(Vec<String>),
}

/// The entries of the list `key` in `text`; `section` and `item` name the file and an entry.
pub(super) fn written<T>(
    text: &str,
    [section, key, item]: [&'static str; 3],
    entry: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Entries<T> {
    let demo = DemoAccount::default();
    let reading = Reading::new("", Path::new("/"), &process_environment, &demo);
    let root = slips::parse(text, &reading);
    let mut list: Option<Vec<Field<'_>>> = None;
    if let Some(root) = &root {
        let _ = Field::root(&reading, root).section(section, |fields| {
            list = fields.get(key)?.list("entries");
            Some(())
        });
    }
    match list {
        Some(list) => Entries::Read(list.iter().filter_map(|one| one.section(item, |fields| entry(fields))).collect()),
        None => Entries::Words(words(text)),
    }
}

/// The texts between white space, quotes and the punctuation of YAML.
fn words(text: &str) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || "\"'[]{}".contains(c);
    let plain = |word: &str| word.trim_matches([',', ':']).to_owned();
    text.lines().map(without_comment).flat_map(|line| line.split(ends)).map(plain).collect()
}

/// A line up to its comment (YAML 1.2.2 §6.6).
fn without_comment(line: &str) -> &str {
    let begins = |at: usize| line.get(..at).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t']));
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    comment.and_then(|at| line.get(..at)).unwrap_or(line)
}
