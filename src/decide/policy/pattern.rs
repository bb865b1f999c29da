//! A resource pattern of a rule: matches URIs as written, and in other spellings.

use std::fmt::Write;

use crate::decide::policy::{
    fold::{decomposed, folded},
    glob::Glob,
    query::Query,
    spelling::Spelling,
    uri::{
        self,
        reading::{How, UriReading},
    },
};

#[cfg(test)]
mod tests;

/// A compiled resource pattern. `*` and `?` stop at `/`, except in a `deny` rule; `**` does not;
/// the pattern `*` matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    written: Spelling,
    /// Other spellings of the pattern: a rule is about a resource, whatever spelling the operator
    /// used.
    alike: Box<[Spelling]>,
    /// All spellings in lower case, and folded as file systems that ignore case do.
    folded: Box<[Spelling]>,
    /// The folded spellings that name a drive, without the drive: a path without a drive is on the
    /// drive where the server runs.
    driveless: Box<[Spelling]>,
    /// All spellings with a `?`, which here also matches a slash.
    one_crosses: Box<[Glob]>,
    queries: Box<[Query]>,
}

impl Pattern {
    /// Compiles `pattern`.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let others = spellings(pattern);
        let all = || others.iter().map(String::as_str).chain([pattern]);
        let mut lower: Vec<String> = all().map(str::to_lowercase).chain(all().map(folded)).collect();
        lower.sort();
        lower.dedup();
        let mut driveless: Vec<String> = lower.iter().filter_map(|text| without_drive(text)).collect();
        driveless.dedup();
        let forms = |texts: &[String]| texts.iter().map(|text| Spelling::new(text)).collect();
        Self {
            written: Spelling::new(pattern),
            alike: forms(&others),
            folded: forms(&lower),
            driveless: forms(&driveless),
            one_crosses: all().filter(|text| text.contains('?')).map(Glob::within_but_for_one).collect(),
            queries: all().flat_map(Query::all_of).collect(),
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.written.within.as_str()
    }

    /// The pattern as written, and its other spellings.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &str> {
        [&self.written].into_iter().chain(&self.alike).map(|form| form.within.as_str())
    }

    /// Whether the pattern has no wildcard.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.written.within.is_literal()
    }

    /// Whether the pattern matches every text.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.written.within.is_everything()
    }

    /// Whether the pattern matches `text`. `deny`: whether its rule denies.
    #[must_use]
    pub fn matches(&self, text: &str, deny: bool) -> bool {
        self.written.matches(text, deny)
    }

    /// Whether another spelling of the pattern matches `reading`, or a spelling that differs only
    /// in case on a file system that ignores case.
    #[must_use]
    pub fn is_like(&self, reading: &UriReading<'_>, deny: bool) -> bool {
        if self.alike.iter().any(|form| form.matches(&reading.text, deny)) {
            return true;
        }
        if !reading.folds {
            return false;
        }
        let is_lower = !reading.text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii());
        if is_lower {
            return self.is_folded(&reading.text, deny);
        }
        reading.folded().iter().any(|text| self.is_folded(text, deny))
    }

    /// Whether a rule that refuses some callers must guard `text` as well: `text` has a slash where
    /// the pattern has a `?` (which may begin a query), or has the parameters in another order.
    #[must_use]
    pub fn guards(&self, text: &str, deny: bool) -> bool {
        (!deny && self.one_crosses.iter().any(|glob| glob.matches(text)))
            || self.queries.iter().any(|query| query.is_in(text, deny))
    }

    fn is_folded(&self, text: &str, deny: bool) -> bool {
        self.folded.iter().any(|form| form.matches(text, deny))
            || (self.driveless.iter().any(|form| form.matches(text, deny)) && !has_drive(text))
    }

    /// Whether a text that begins with `fixed` might match, in any spelling.
    #[must_use]
    pub fn is_reached_from(&self, fixed: &str) -> bool {
        let starts = [fixed.to_lowercase(), folded(fixed)];
        let prefixes = self.folded.iter().chain(&self.driveless).map(|form| decomposed(form.within.literal_prefix()));
        let meets = |prefix: &str, fixed: &str| fixed.starts_with(prefix) || prefix.starts_with(fixed);
        prefixes.into_iter().any(|prefix| starts.iter().any(|fixed| meets(&prefix, &decomposed(fixed))))
    }

    /// The pattern in the spelling of a WHATWG parser, if it differs and no URI could match both.
    #[must_use]
    pub fn canonical(&self) -> Option<String> {
        let pattern = self.as_str();
        let marks = Marks::of(pattern)?;
        let text = uri::whatwg(&marks.text)?;
        // Templates are listed with their braces, and an empty path is a slash.
        let differs = text != marks.text && text != format!("{}/", marks.text) && !pattern.contains('{');
        differs.then(|| marks.restored(&text)).flatten()
    }
}

fn has_drive(text: &str) -> bool {
    let mut path = text.strip_prefix("file:///").unwrap_or_default().chars();
    path.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && matches!(path.next(), Some(':' | '|'))
}

/// `file:///secret` for `file:///c:/secret`.
fn without_drive(text: &str) -> Option<String> {
    let path = text.strip_prefix("file:///")?;
    let rest = path.strip_prefix(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '*' | '?'))?;
    Some(format!("file:///{}", rest.strip_prefix(":/")?))
}

fn is_every_file(pattern: &str) -> bool {
    pattern.strip_prefix("file:///").is_some_and(|rest| rest.starts_with('*') && rest.trim_matches('*').is_empty())
}

/// All readings of a pattern, with its wildcards.
fn spellings(pattern: &str) -> Vec<String> {
    let Some(marks) = Marks::of(pattern) else { return Vec::new() };
    let mut all: Vec<String> = Vec::new();
    for reading in uri::readings(&marks.text) {
        let restored = marks.restored(&reading.text).filter(|text| *text != pattern && !all.contains(text));
        // Some servers drop the host of `file://host/**`, but the pattern is not about every file.
        let is_parsed = matches!(reading.how, How::Written | How::Whatwg | How::Decoded);
        all.extend(restored.filter(|text| is_parsed || !is_every_file(text)));
    }
    all
}

/// A pattern whose wildcards are replaced by words that no parser changes.
struct Marks<'p> {
    text: String,
    wildcards: Vec<&'p str>,
}

const MARK: &str = "wqz";

impl<'p> Marks<'p> {
    fn of(pattern: &'p str) -> Option<Self> {
        if pattern.to_ascii_lowercase().contains(MARK) {
            return None;
        }
        let (mut text, mut wildcards) = (String::new(), Vec::new());
        let mut rest = pattern;
        while let Some((fixed, wildcard, after)) = next_wildcard(rest) {
            text.push_str(fixed);
            text.push_str(&mark(wildcards.len())?);
            wildcards.push(wildcard);
            rest = after;
        }
        text.push_str(rest);
        Some(Self { text, wildcards })
    }

    /// A reading of the text with its wildcards restored; `None` if the reading has lost a
    /// wildcard.
    fn restored(&self, reading: &str) -> Option<String> {
        // An escaped star is a character; `?` is the narrowest wildcard that matches it.
        let mut restored = String::new();
        let mut rest = reading;
        for (index, wildcard) in self.wildcards.iter().enumerate() {
            let (fixed, after) = rest.split_once(&mark(index)?)?;
            let _ = write!(restored, "{}{wildcard}", fixed.replace('*', "?"));
            rest = after;
        }
        restored.push_str(&rest.replace('*', "?"));
        (!restored.contains(MARK)).then_some(restored)
    }
}

fn mark(index: usize) -> Option<String> {
    let letter = |number: usize| char::from_digit(u32::try_from(number).ok()? + 10, 36);
    Some(format!("{MARK}{}{}x", letter(index / 26)?, letter(index % 26)?))
}

/// Splits `text` into the part before the first wildcard, the wildcard, and the rest.
fn next_wildcard(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find(['*', '?'])?;
    let (fixed, rest) = text.split_at_checked(at)?;
    let after = match rest.strip_prefix('?') {
        Some(after) => after,
        None => rest.trim_start_matches('*'),
    };
    let (wildcard, after) = rest.split_at_checked(rest.len() - after.len())?;
    Some((fixed, wildcard, after))
}
