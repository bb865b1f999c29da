//! Finds member names that some readers read as another: by case, invisible characters, blanks.

/// A longer name is not compared.
pub(in crate::decide) const NAME_CHARS_MAX: usize = 64;

/// Whether some reader reads `name` as one of `rows`, although it differs.
pub(in crate::decide) fn resembles<'r>(mut rows: impl Iterator<Item = &'r str>, name: &str) -> bool {
    if name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return rows.any(|exact| name.eq_ignore_ascii_case(exact));
    }
    let mut rows = rows.peekable();
    rows.peek().is_some() && {
        let folded = folded(name);
        rows.any(|exact| folded.eq_ignore_ascii_case(exact))
    }
}

/// `name` as read by a reader that ignores case and trims (CVE-2026-27896, GHSA-q382-vc8q-7jhj).
///
/// To upper case first, then to lower: so ſ becomes s, the Kelvin sign k, ı and İ become i, and the
/// ligature ﬁ two letters, as in at least one of the comparisons of Go, Java and JavaScript.
fn folded(name: &str) -> String {
    let kept = name.chars().filter(|c| !is_trimmed(*c));
    let cased = kept.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    cased.filter(|c| !is_trimmed(*c)).take(NAME_CHARS_MAX).collect()
}

/// White space of any language, control characters, characters without width, and the dot that İ
/// leaves in lower case.
fn is_trimmed(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{AD}' | '\u{307}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}
