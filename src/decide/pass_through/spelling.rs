//! Refuses a path that nginx, Node, Starlette, a servlet or a file system could read as another one
//! (SPEC F-20).
//!
//! A path is judged as it came and in every other reading: percent-decoded, decoded again, and with
//! compatibility characters replaced. No reading may have a character or a segment that moves a
//! server to another path.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// Readings of one path. A path with more was written to confuse.
const READINGS_MAX: usize = 8;

/// The readings of `raw` besides itself: none for most paths.
///
/// # Errors
/// What servers read in more than one way (attack 263).
pub fn readings(raw: &str) -> Result<Vec<String>, &'static str> {
    if !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a character outside ASCII, or a space, without its escape");
    }
    if !has_whole_escapes(raw) {
        return Err("an invalid percent escape");
    }
    check(raw)?;
    let mut readings: Vec<String> = Vec::new();
    let mut current: Cow<'_, str> = Cow::Borrowed(raw);
    while let Some(next) = next_reading(&current)? {
        if next.matches('/').count() != current.matches('/').count() {
            return Err("an encoded slash");
        }
        check(&next)?;
        if readings.len() == READINGS_MAX {
            return Err("an escape inside an escape, many times");
        }
        readings.push(next.clone());
        current = Cow::Owned(next);
    }
    Ok(readings)
}

/// The path decoded once more, or with its compatibility characters replaced: both until nothing
/// changes.
fn next_reading(path: &str) -> Result<Option<String>, &'static str> {
    if path.contains('%') {
        let decoded: Vec<u8> = crate::base::percent::unescape(path).collect();
        // Old decoders read `%c0%af` as a slash, and others replace what is not UTF-8.
        let decoded = String::from_utf8(decoded).map_err(|_| "an escape that is not UTF-8")?;
        if decoded != path {
            return Ok(Some(decoded));
        }
    }
    if path.is_ascii() {
        return Ok(None);
    }
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(path);
    Ok((composed != path).then(|| composed.into_owned()))
}

/// Whether each `%` is followed by two hexadecimal digits.
fn has_whole_escapes(path: &str) -> bool {
    let is_pair = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    path.split('%').skip(1).all(is_pair)
}

/// Checks one reading.
fn check(path: &str) -> Result<(), &'static str> {
    for character in path.chars() {
        match character {
            '\\' => return Err("a backslash"),
            // Servlets cut a segment here, and resolve `..;` as `..`.
            ';' => return Err("a semicolon"),
            // A decoded one ends the path for a server that decodes before it splits.
            '?' | '#' => return Err("an encoded ? or #"),
            _ if character.is_control() => return Err("an encoded control character"),
            // Code pages turn these into a slash or a backslash.
            '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29F8}' | '\u{29F9}' | '\u{FF0F}' | '\u{FF3C}' => {
                return Err("a character that looks like a slash");
            }
            _ => {}
        }
    }
    if has_wide_escape(path) {
        return Err("an escape with %u");
    }
    let Some(segments) = path.strip_prefix('/') else { return Err("no slash at its beginning") };
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            // Servers merge the two slashes, or not.
            return Err("an empty segment");
        }
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    // Windows drops dots and spaces at the end of a name, and some servers read `+` as a space.
    let is_dropped = |character: char| matches!(character, '.' | '+') || character.is_whitespace();
    if !segment.is_empty() && segment.chars().all(is_dropped) {
        return Err(if segment.contains('.') { "a dot segment" } else { "a segment of spaces" });
    }
    if segment.ends_with(char::is_whitespace) {
        return Err("a segment that ends with a space");
    }
    // nginx joins what follows `location /files/img` and a folder: `/files/img..` is above it.
    if segment.ends_with("..") {
        return Err("a segment that ends with dots");
    }
    // Joining a folder and `c:/x` gives `c:/x` on Windows.
    let mut start = segment.chars();
    let is_drive = start.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && start.next() == Some(':');
    if is_drive { Err("a drive letter") } else { Ok(()) }
}

/// `%u002f` is a slash for IIS and some Java filters.
fn has_wide_escape(path: &str) -> bool {
    path.split('%').skip(1).any(|rest| rest.starts_with(['u', 'U']))
}

#[cfg(test)]
mod tests {
    use super::readings;

    #[test]
    fn people_b4_attack_263_a_path_that_servers_read_differently_is_refused() {
        for (path, why) in [
            ("/files/../mcp", "a dot segment"),
            ("/files/./a", "a dot segment"),
            ("/files/..", "a dot segment"),
            ("/files/%2e%2e/mcp", "a dot segment"),
            ("/files/%2E./mcp", "a dot segment"),
            ("/files/.%2e/mcp", "a dot segment"),
            ("/files/%252e%252e/mcp", "a dot segment"),
            ("/files/%25252e%25252e/mcp", "a dot segment"),
            ("/files/.../mcp", "a dot segment"),
            ("/files/..%20/mcp", "a dot segment"),
            ("/files/..+/mcp", "a dot segment"),
            ("/files/..%c2%a0/mcp", "a dot segment"),
            ("/files/%20/mcp", "a segment of spaces"),
            ("/files/p%20/a", "a segment that ends with a space"),
            ("/files/p%2520/a", "a segment that ends with a space"),
            ("/files/p%e3%80%80", "a segment that ends with a space"),
            ("/files/+/mcp", "a segment of spaces"),
            ("/files/a/%2b%c2%a0", "a segment of spaces"),
            ("/files/%e2%80%a4%e2%80%a4/mcp", "a dot segment"),
            ("/files/%e2%80%a5/mcp", "a dot segment"),
            ("/files/%ef%bc%8e%ef%bc%8e/mcp", "a dot segment"),
            ("/files/img../secret.txt", "a segment that ends with dots"),
            ("/files/img..", "a segment that ends with dots"),
            ("/files/img%2e%2e/secret.txt", "a segment that ends with dots"),
            ("/files/img.%2e/secret.txt", "a segment that ends with dots"),
            ("/files/img%e2%80%a5/secret.txt", "a segment that ends with dots"),
            ("/files/img.../secret.txt", "a segment that ends with dots"),
            ("/files/..%2fmcp", "an encoded slash"),
            ("/files/a%2fb/..%2f", "an encoded slash"),
            ("/files//mcp", "an empty segment"),
            ("//files/mcp", "an empty segment"),
            ("/files/%2fmcp", "an encoded slash"),
            ("/files/a%252fb", "an encoded slash"),
            ("/files/%c2%bd%e2%84%80", "an encoded slash"),
            ("/files/..;/mcp", "a semicolon"),
            ("/files/..%3b/mcp", "a semicolon"),
            ("/files/a;x=1", "a semicolon"),
            ("/files/a%253bx", "a semicolon"),
            ("/files/..\\mcp", "a backslash"),
            ("/files/..%5cmcp", "a backslash"),
            ("/files/..%255cmcp", "a backslash"),
            ("/files/a%00.png", "an encoded control character"),
            ("/files/a%0d%0ax", "an encoded control character"),
            ("/files/a%7f", "an encoded control character"),
            ("/files/a%c2%85", "an encoded control character"),
            ("/files/secret.txt%3f.png", "an encoded ? or #"),
            ("/files/secret.txt%23.png", "an encoded ? or #"),
            ("/files/secret.txt%253f.png", "an encoded ? or #"),
            ("/files/%c0%ae%c0%ae/mcp", "an escape that is not UTF-8"),
            ("/files/%c0%afmcp", "an escape that is not UTF-8"),
            ("/files/%ff", "an escape that is not UTF-8"),
            ("/files/%25c0%25af", "an escape that is not UTF-8"),
            ("/files/%", "an invalid percent escape"),
            ("/files/%2", "an invalid percent escape"),
            ("/files/%u002e%u002e/mcp", "an invalid percent escape"),
            ("/files/%25u002f", "an escape with %u"),
            ("/files/%ef%bc%8fmcp", "a character that looks like a slash"),
            ("/files/..%e2%88%95mcp", "a character that looks like a slash"),
            ("/files/%ef%bc%bcmcp", "a character that looks like a slash"),
            ("/files/c:/windows", "a drive letter"),
            ("/files/c%3a/windows", "a drive letter"),
            ("/files/ü", "a character outside ASCII, or a space, without its escape"),
            ("/files/%25252525252525252525252525", "an escape inside an escape, many times"),
            ("files", "no slash at its beginning"),
        ] {
            assert_eq!(readings(path), Err(why), "{path}");
        }
    }

    #[test]
    fn people_b4_an_ordinary_path_has_no_hidden_meaning() {
        for (path, expected) in [
            ("/files/a.png", &[][..]),
            ("/files/", &[]),
            ("/", &[]),
            ("/files/.hidden", &[]),
            ("/files/a..b", &[]),
            ("/files/a./b.", &[]),
            ("/files/..a", &[]),
            ("/files/c++", &[]),
            ("/files/ab:c@d,e=f!(g)'*", &[]),
            ("/files/a|b^c[d]{e}", &[]),
            ("/files/a%20b", &["/files/a b"]),
            ("/files/%C3%A9.txt", &["/files/é.txt"]),
            ("/files/100%25.txt", &["/files/100%.txt"]),
            ("/files/%e6%97%a5%e6%9c%ac", &["/files/日本"]),
            ("/files/e%cc%81", &["/files/e\u{301}", "/files/é"]),
            ("/files/%ef%bc%a1", &["/files/Ａ", "/files/A"]),
            ("/f%69les/a", &["/files/a"]),
        ] {
            assert_eq!(
                readings(path).as_deref(),
                Ok(&expected.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()[..]),
                "{path}"
            );
        }
    }
}
