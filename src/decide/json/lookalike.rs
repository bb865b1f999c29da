//! Member names that some readers take for another: other case, invisible characters, white space.

/// Longer than any name that is compared.
pub(in crate::decide) const NAME_CHARS_MAX: usize = 64;

/// Whether some reader takes `name` for one of `rows`, though it is not one of them.
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

/// `name` as a reader sees it that ignores case and trims (CVE-2026-27896, GHSA-q382-vc8q-7jhj).
///
/// Upper case first, then lower: that way ſ becomes s, the Kelvin sign k, ı and İ i, and the
/// ligature ﬁ two letters, as at least one of Go's, Java's and JavaScript's comparisons has it.
fn folded(name: &str) -> String {
    let kept = name.chars().filter(|c| !is_trimmed(*c));
    let cased = kept.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    cased.filter(|c| !is_trimmed(*c)).take(NAME_CHARS_MAX).collect()
}

/// White space of any language, controls, what has no width, and the dot that lower-casing İ
/// leaves.
fn is_trimmed(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{AD}' | '\u{307}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}
