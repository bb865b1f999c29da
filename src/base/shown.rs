//! Shows text from outside, shortened, and unable to forge a line, a colour or a direction.

use std::fmt::{self, Display, Formatter};

/// A longer part of a path could be a key, whatever it is made of.
const PART_CHARS_MAX: usize = 40;
/// A part as long as this could be a key if it has a digit or a capital: `AKIA…` has 20 characters.
const KEY_CHARS_MIN: usize = 16;
/// A part with more digits could be the number of a telephone or of an account. A date has eight.
const DIGITS_MAX: usize = 8;
/// At most so many characters of such a part are shown, and no more than a quarter of it.
const PART_CHARS_SHOWN: usize = 8;
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
/// before it stays.
#[must_use]
pub fn path_shown(path: &str, chars_max: usize) -> String {
    let hides = path.split('/').any(|part| is_like_key(part) || is_like_address(part));
    if !hides {
        return shown(path, chars_max).to_string();
    }
    let host = path.split_once("://").and_then(|(_, rest)| rest.split('/').next()).filter(|host| !host.contains('@'));
    let parts = path.split('/').enumerate().map(|(index, part)| match part {
        part if index == 2 && host == Some(part) => part.to_owned(),
        part if is_like_address(part) => "…".to_owned(),
        part if is_like_key(part) => {
            let chars = (part.chars().count() / 4).min(PART_CHARS_SHOWN);
            format!("{}…", part.chars().take(chars).collect::<String>())
        }
        part => part.to_owned(),
    });
    shown(&parts.collect::<Vec<_>>().join("/"), chars_max).to_string()
}

/// Whether a part of a path could be a key or an id.
fn is_like_key(part: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let has = |is: fn(u8) -> bool| part.bytes().any(is);
    part.len() > PART_CHARS_MAX
        || part.starts_with(JWT_START)
        || part.len() >= KEY_CHARS_MIN && (has(|byte| byte.is_ascii_digit()) || has(|byte| byte.is_ascii_uppercase()))
        || part.as_bytes().iter().filter(|byte| is_digit(byte)).count() > DIGITS_MAX
}

/// Whether a part of a path could be the e-mail address of a person.
fn is_like_address(part: &str) -> bool {
    part.contains('@') || part.contains("%40")
}

/// A URI that says which resource is meant, and not with which key it is read.
pub struct UriShown<'a>(&'a str);

/// `uri` without its user, the values of its query, and its fragment. Nothing is allocated.
///
/// `{?…}` of a URI template has names alone, and stays.
#[must_use]
pub fn uri_shown(uri: &str) -> UriShown<'_> {
    UriShown(uri)
}

impl Display for UriShown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(uri) = *self;
        let ends = |(at, _): &(usize, &str)| !uri.get(..*at).is_some_and(|before| before.ends_with('{'));
        let end = uri.match_indices(['?', '#']).find(ends).map_or(uri.len(), |(at, _)| at);
        let (before, rest) = uri.split_at_checked(end).unwrap_or((uri, ""));
        let authority = before.split_once("://").map(|(scheme, rest)| (scheme, rest.split('/').next().unwrap_or(rest)));
        match authority.and_then(|(scheme, authority)| Some((scheme, authority.rsplit_once('@')?.0))) {
            Some((scheme, user)) => {
                let after = before.get(scheme.len() + "://".len() + user.len()..).unwrap_or_default();
                write!(out, "{scheme}://…{after}")?;
            }
            None => out.write_str(before)?,
        }
        let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, rest)| (query, Some(rest)));
        if let Some(query) = query.strip_prefix('?') {
            for (index, parameter) in query.split('&').enumerate() {
                out.write_str(if index == 0 { "?" } else { "&" })?;
                match parameter.split_once('=').filter(|(name, _)| !is_like_key(name)) {
                    Some((name, _)) => write!(out, "{name}=…")?,
                    None if parameter.is_empty() => {}
                    None => out.write_str("…")?,
                }
            }
        }
        if fragment.is_some() { out.write_str("#…") } else { Ok(()) }
    }
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
            ("/a\r\u{202e}/b", "/a\\u{d}\\u{202e}/b"),
        ] {
            assert_eq!(path_shown(path, 200), seen, "{path}");
        }
    }

    #[test]
    fn attack_435_a_uri_names_its_resource_and_shows_no_value_of_its_query() {
        for (uri, seen) in [
            ("file:///reports/2026.pdf", "file:///reports/2026.pdf"),
            ("https://drive.example/x?token=SECRET&sig=abcd", "https://drive.example/x?token=…&sig=…"),
            ("https://drive.example/x?SECRET", "https://drive.example/x?…"),
            ("https://drive.example/x?U0VDUkVUU0VDUkVU==", "https://drive.example/x?…"),
            ("https://drive.example/x?a=1&&b#token=SECRET", "https://drive.example/x?a=…&&…#…"),
            ("https://ada:SECRET@drive.example/x@y?z=1", "https://…@drive.example/x@y?z=…"),
            ("db://rows/a@b", "db://rows/a@b"),
            ("weather://{city}{?units,days}", "weather://{city}{?units,days}"),
            ("weather://{city}{?units}?token=SECRET", "weather://{city}{?units}?token=…"),
            ("note:1#SECRET", "note:1#…"),
            ("", ""),
        ] {
            assert_eq!(uri_shown(uri).to_string(), seen);
        }
    }
}
