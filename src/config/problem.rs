//! Describes a mistake in a configuration file: where it is, and what is expected.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

/// Longest excerpt of the file that a problem shows.
const SHOWN_CHARS_MAX: usize = 64;

/// One mistake, or one warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as named on the command line.
    pub file: String,
    /// Line, counted from 1; 0 if `file` is not a file, but a flag or a variable.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// `servers.weather.rules[1].scopes[0]`; empty for the file as a whole.
    pub key: String,
    /// What the file says, ready to print.
    pub found: String,
    /// What is expected instead; in a warning, also what follows from the value.
    pub expected: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
    /// The other place, if two places contradict each other.
    pub see: Option<OtherPlace>,
}

/// The second of two places that contradict each other, in the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherPlace {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The path of its key.
    pub key: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: ", self.file)?,
            line => write!(out, "{}:{line}:{} ", self.file, self.column)?,
        }
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        write!(out, "found {}; expected {}", self.found, self.expected)?;
        if let Some(word) = &self.suggestion {
            write!(out, "; did you mean \"{word}\"?")?;
        }
        if let Some(OtherPlace { line, column, key }) = &self.see {
            write!(out, "; see {}:{line}:{column} {key}", self.file)?;
        }
        Ok(())
    }
}

/// All mistakes of one file, in the file's order; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    files: Vec<PathBuf>,
    entries: EntryFiles,
}

/// The files of API keys and accounts that a configuration names, and its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFiles {
    /// The file of `keys`.
    pub api_keys: Option<PathBuf>,
    /// The file of `login.accounts` of each authorization server that has one.
    pub accounts: Vec<(Box<str>, PathBuf)>,
    /// The names under `servers`, valid or not; empty if they are not known.
    pub servers: Vec<Box<str>>,
}

impl Problems {
    /// Sorts `problems` by position.
    #[must_use]
    pub fn new(mut problems: Vec<Problem>) -> Self {
        sort(&mut problems);
        Self { list: problems, files: Vec::new(), entries: EntryFiles::default() }
    }

    /// The same, of a run that read these files, or tried to.
    #[must_use]
    pub(super) fn in_files(self, files: Vec<PathBuf>, entries: EntryFiles) -> Self {
        Self { files, entries, ..self }
    }

    /// The same problems, each as `change` tells it.
    #[must_use]
    pub(super) fn map(self, change: impl Fn(Problem) -> Problem) -> Self {
        Self { list: self.list.into_iter().map(change).collect(), ..self }
    }

    /// The problems, in the file's order.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The files that were read, and those that could not be read: mending one of them may mend the
    /// configuration.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The files of API keys and accounts that the refused configuration names, as far as it could
    /// be read.
    #[must_use]
    pub fn entry_files(&self) -> &EntryFiles {
        &self.entries
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                out.write_char('\n')?;
            }
            fmt::Display::fmt(problem, out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Sorts problems into the file's order and removes duplicates. Mistakes that two aliases of one
/// value report under two keys both stay.
pub(super) fn sort(problems: &mut Vec<Problem>) {
    problems.sort_by(|a, b| {
        (&a.file, a.line, a.column, &a.key, &a.found).cmp(&(&b.file, b.line, b.column, &b.key, &b.found))
    });
    problems.dedup();
}

/// A key in the path of a place.
pub(super) fn key_word(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if key.bytes().all(plain) && !key.is_empty() { key.to_owned() } else { quoted(key) }
}

/// `text` in quotes: escaped, shortened, and hidden if it could contain a secret.
pub(super) fn quoted(text: &str) -> String {
    if text.contains("$argon2") {
        return "a password hash (not shown)".to_owned();
    }
    // `http:/user:password@host`, where a slash was lost.
    if text.contains(":/") && text.contains(['@', '?']) {
        return "a URL that is not shown, since it may hold a secret".to_owned();
    }
    // URLs hold secrets as `https://user:password@host` or `?token=…` (P10).
    if text.contains("://") && text.contains(['@', '?']) {
        return "a URL that is not shown, since it may hold a secret".to_owned();
    }
    let mut shown = String::from('"');
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        match character {
            '"' | '\\' => shown.extend(['\\', character]),
            _ if character.is_control() || is_invisible(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown.push('"');
    shown
}

/// Characters that make a line of a terminal look like another (Trojan Source).
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// The word among `words` that `text` probably misspells.
pub fn nearest<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Option<String> {
    let slips_max = (text.chars().count() / 3).clamp(1, 3);
    words
        .into_iter()
        .filter(|word| word.len().abs_diff(text.len()) <= 4 * slips_max)
        .map(|word| (slips(text, word), word))
        .filter(|(count, word)| *count <= slips_max && *count < word.chars().count())
        .min()
        .map(|(_, word)| word.to_owned())
}

/// The edit distance: insertions, deletions, replacements and swaps of neighbouring letters.
pub(super) fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.to_lowercase().chars().take(65).collect(), b.to_lowercase().chars().take(65).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, left) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, column) + usize::from(left != right))
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = row > 0 && column > 0 && a.get(row - 1) == Some(right) && b.get(column - 1) == Some(left);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = above;
        above = current;
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_gets_a_suggestion_and_an_unknown_word_does_not() {
        let words = ["issuer", "profile", "algorithms", "jwks"];
        for (text, verdict) in [
            ("isuer", Some("issuer")),
            ("Issuer", Some("issuer")),
            ("issure", Some("issuer")),
            ("jkws", Some("jwks")),
            ("algorithm", Some("algorithms")),
            ("x", None),
            ("", None),
            ("completely_different", None),
        ] {
            assert_eq!(nearest(text, words).as_deref(), verdict, "{text}");
        }
    }

    #[test]
    fn p10_what_is_shown_is_short_printable_and_no_secret() {
        assert_eq!(quoted("a\"b\n\u{202E}"), "\"a\\\"b\\u{a}\\u{202e}\"");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), SHOWN_CHARS_MAX + 3);
        for url in ["https://u:hunter2@host/", "https://host/?key=hunter2", "p: $argon2id$v=19$hunter2"] {
            assert!(!quoted(url).contains("hunter2"));
        }
    }
}
