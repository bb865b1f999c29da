//! Shows text from outside, shortened, and unable to forge a line, a colour or a direction.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
};

/// A longer part of a path could be a key, whatever it is made of.
const PART_CHARS_MAX: usize = 40;
/// A part as long as this could be a key if it has a digit or a capital: `AKIA…` has 20 characters.
const KEY_CHARS_MIN: usize = 16;
/// A part with more digits could be the number of a telephone or of an account. A date has eight.
const DIGITS_MAX: usize = 8;
/// At most so many characters of such a part are shown, and no more than a quarter of it.
const PART_CHARS_SHOWN: usize = 8;
/// A longer word of lower-case letters beside a number could be a key.
const WORD_CHARS_MAX: usize = 15;
/// Digits of the one number beside words: a year.
const WORD_DIGITS_MAX: usize = 4;
/// What stands between words.
const GAPS: [char; 3] = ['-', '_', '.'];
/// So many parts at the beginning of a path can be public: anyone can send a path of many parts.
const PUBLIC_PARTS_MAX: usize = 8;
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

/// A path without what could be a key, an id or an address, as [`shown`] cuts the whole. A host
/// before it stays, also with `…@` before it.
#[must_use]
pub fn path_shown(path: &str, chars_max: usize) -> String {
    path_shown_but(path, |_| false, chars_max)
}

/// As [`path_shown`]; the parts that `is_public` takes stay whole. It is asked about the first
/// ones.
#[must_use]
pub fn path_shown_but(path: &str, is_public: impl Fn(&str) -> bool, chars_max: usize) -> String {
    let hides = path.split('/').any(|part| is_like_key(part) || is_like_address(part));
    if !hides {
        return shown(path, chars_max).to_string();
    }
    let host = path
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next())
        .filter(|host| !host.strip_prefix("…@").unwrap_or(host).contains('@'));
    let parts = path.split('/').enumerate().map(|(index, part)| match part_shown(part) {
        _ if index == 2 && host == Some(part) => part.into(),
        Cow::Owned(_) if index < PUBLIC_PARTS_MAX && is_public(part) => part.into(),
        shown => shown,
    });
    shown(&parts.collect::<Vec<_>>().join("/"), chars_max).to_string()
}

/// A path for the audit line: as it came, without the JWTs in it. Nothing is allocated.
#[must_use]
pub fn path_kept(path: &str) -> PathKept<'_> {
    PathKept(path)
}

/// What [`path_kept`] returns.
pub struct PathKept<'a>(&'a str);

impl Display for PathKept<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.split('/').enumerate() {
            if index > 0 {
                out.write_str("/")?;
            }
            part_kept(part, out)?;
        }
        Ok(())
    }
}

/// The beginning of an id that may be a key.
#[must_use]
pub fn key_shown(key: &str) -> String {
    let chars = (key.chars().count() / 4).min(PART_CHARS_SHOWN);
    format!("{}…", key.chars().take(chars).collect::<String>())
}

/// A part of a path; owned if it was cut.
pub(super) fn part_shown(part: &str) -> Cow<'_, str> {
    match part {
        part if is_like_address(part) => Cow::Owned("…".to_owned()),
        part if is_like_key(part) => Cow::Owned(key_shown(part)),
        part => Cow::Borrowed(part),
    }
}

/// A part of a path without the JWT in it.
pub(super) fn part_kept(part: &str, out: &mut Formatter<'_>) -> fmt::Result {
    match part.find(JWT_START) {
        _ if !has_jwt(part) => out.write_str(part),
        Some(at) => write!(out, "{}{JWT_START}…", part.get(..at).unwrap_or_default()),
        None => out.write_str("…"),
    }
}

/// Whether a part of a path could have a JWT: it begins as all do that are written without blanks,
/// or has two long pieces with a dot after them.
pub(super) fn has_jwt(part: &str) -> bool {
    let is_start =
        |at: usize| !part.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_alphanumeric()));
    let long = || part.split('.').filter(|piece| piece.len() >= KEY_CHARS_MIN).count();
    part.match_indices(JWT_START).any(|(at, _)| is_start(at))
        || part.len() > PART_CHARS_MAX && part.matches('.').count() >= 2 && long() >= 2
}

/// Whether a part of a path could be a key or an id.
pub(super) fn is_like_key(part: &str) -> bool {
    let digits = digits(part);
    let has_sign = || digits > 0 || part.bytes().any(|byte| byte.is_ascii_uppercase());
    part.len() > PART_CHARS_MAX
        || part.starts_with(JWT_START)
        || digits > DIGITS_MAX
        || part.len() >= KEY_CHARS_MIN && has_sign() && !is_words(part)
}

/// Whether a part is made of lower-case words, of which one may have a number after it or be one:
/// `weather-service-v1`.
fn is_words(part: &str) -> bool {
    let is_word = |word: &str| {
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        name.len() <= WORD_CHARS_MAX && name.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let numbers = part.split(GAPS).map(digits).filter(|digits| *digits > 0).collect::<Vec<_>>();
    part.contains(GAPS) && part.split(GAPS).all(is_word) && matches!(numbers[..], [] | [..=WORD_DIGITS_MAX])
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether a part of a path could be the e-mail address of a person.
pub(super) fn is_like_address(part: &str) -> bool {
    part.contains('@') || part.contains("%40")
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

    #[test]
    fn first_9_a_part_that_is_public_is_shown_whole() {
        let is_public = |part: &str| part == "0123456789abcdef";
        assert_eq!(path_shown_but("/0123456789abcdef/0123456789abcdee", is_public, 200), "/0123456789abcdef/0123…");
        assert_eq!(path_shown_but("/1/2/3/4/5/6/7/0123456789abcdef", is_public, 200), "/1/2/3/4/5/6/7/0123…");
    }

    #[test]
    fn attack_440_a_jwt_is_not_whole_in_a_path_that_is_kept() {
        const HEAD: &str = "ewogImFsZyI6ICJFUzI1NiJ9";
        for (path, kept) in [
            ("/pub/reset/eyJhbGciOiJFUzI1NiJ9.eyJpc3MifQ.c2ln", "/pub/reset/eyJ…"),
            ("/pub/a=eyJhbGciOiJFUzI1NiJ9.eyJpc3MifQ.c2ln/x", "/pub/a=eyJ…/x"),
            (&format!("/pub/{HEAD}.{HEAD}.{HEAD}"), "/pub/…"),
            ("/pub/%65yJhbGciOiJFUzI1NiJ9.eyJpc3MifQ.c2ln", "/pub/%65yJhbGciOiJFUzI1NiJ9.eyJ…"),
            (
                "/pub/the-report-of-a-long-quarter-for-the-department-of-weather.final.pdf",
                "/pub/the-report-of-a-long-quarter-for-the-department-of-weather.final.pdf",
            ),
            ("/pub/HeyJoe.mp3", "/pub/HeyJoe.mp3"),
        ] {
            assert_eq!(path_kept(path).to_string(), kept);
        }
    }

    #[test]
    fn attack_391_a_part_of_a_path_that_could_be_a_key_an_id_or_an_address_is_not_shown() {
        for (path, seen) in [
            ("/weather/mcp", "/weather/mcp"),
            ("/.well-known/oauth-protected-resource/v1", "/.well-known/oauth-protected-resource/v1"),
            ("/2025-06-18/mcp", "/2025-06-18/mcp"),
            ("/mcp/eyJhbGciOi.J9", "/mcp/eyJ…"),
            ("/ghp_0123456789abcdefghijklmnopqrstuvwxyz", "/ghp_0123…"),
            ("/hook/0123456789abcdef0123456789abcdef", "/hook/01234567…"),
            ("/reset/123e4567-e89b-12d3-a456-426614174000/x", "/reset/123e4567…/x"),
            ("/AKIAIOSFODNNAEXAMPLE", "/AKIAI…"),
            ("/u/ada@corp.example/mcp", "/u/…/mcp"),
            ("/u/ada%40corp.example", "/u/…"),
            ("/tel/+49-171-1234567", "/tel/+49…"),
            ("https://ec2-10-0-0-1.aws.example/x/0123456789abcdef", "https://ec2-10-0-0-1.aws.example/x/0123…"),
            ("https://ada:secret@ec2-10.example/x", "https://…/x"),
            ("https://…@a.example/ada@x", "https://…@a.example/…"),
            ("https://…@ada@a.example/x", "https://…/x"),
            ("/a\r\u{202e}/b", "/a\\u{d}\\u{202e}/b"),
            ("/weather-service-v1/mpc", "/weather-service-v1/mpc"),
            ("/my-weather-v2-prod/mcp", "/my-weather-v2-prod/mcp"),
            ("/rest/oauth2-credentials/callback", "/rest/oauth2-credentials/callback"),
            ("/reports-of-2026.pdf", "/reports-of-2026.pdf"),
            ("/ab12-cd34-efgh-ijkl", "/ab12…"),
            ("/abcdefghijklmnop-1", "/abcd…"),
            ("/weather-service-12345", "/weath…"),
        ] {
            assert_eq!(path_shown(path, 200), seen, "{path}");
        }
    }
}
