//! Shows text from outside, shortened, and unable to forge a line, a colour or a direction.

use std::fmt::{self, Display, Formatter};

/// A longer part of a path could be a key.
const SEGMENT_CHARS_MAX: usize = 40;
/// What is shown of it.
const SEGMENT_CHARS_SHOWN: usize = 8;
/// How JWTs begin.
const JWT_START: &str = "eyJ";

/// Text from outside: at most so many characters, and what a reader cannot see is escaped.
pub struct ShownText<'a> {
    text: &'a str,
    chars_max: usize,
}

/// `text`, of which at most `chars_max` characters are shown.
#[must_use]
pub fn shown(text: &str, chars_max: usize) -> ShownText<'_> {
    ShownText { text, chars_max }
}

impl Display for ShownText<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut chars = self.text.chars();
        for c in chars.by_ref().take(self.chars_max) {
            if is_unseen(c) {
                write!(out, "{}", c.escape_unicode())?;
            } else {
                write!(out, "{c}")?;
            }
        }
        if chars.next().is_some() { out.write_str("…") } else { Ok(()) }
    }
}

/// Controls, line ends, and marks without width or that turn the writing direction.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// A path without what could be a key: a long part is cut, as [`shown`] cuts the whole.
#[must_use]
pub fn path_shown(path: &str, chars_max: usize) -> String {
    let is_cut = |part: &str| part.len() > SEGMENT_CHARS_MAX || part.starts_with(JWT_START);
    if !path.split('/').any(is_cut) {
        return shown(path, chars_max).to_string();
    }
    let parts = path.split('/').map(|part| match is_cut(part) {
        true => format!("{}…", part.chars().take(SEGMENT_CHARS_SHOWN).collect::<String>()),
        false => part.to_owned(),
    });
    shown(&parts.collect::<Vec<_>>().join("/"), chars_max).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_391_what_a_reader_cannot_see_is_escaped_and_the_rest_is_cut() {
        for (text, seen) in [
            ("/mcp", "/mcp"),
            ("/a\r\nlevel=ERROR", "/a\\u{d}\\u{a}level=…"),
            ("\u{1b}[31m/\u{202e}x", "\\u{1b}[31m/\\u{202e}x"),
            ("äöü äöü äöü äöü äöü", "äöü äöü äöü…"),
        ] {
            assert_eq!(shown(text, if text.starts_with('/') { 10 } else { 11 }).to_string(), seen);
        }
    }
}
