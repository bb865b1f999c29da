//! Tells whether a raw URI can be judged by a pattern, or could mean another resource once somebody normalises it.

/// Checks that `uri` has one spelling, so that what a pattern matched is what the upstream will open (SPEC C-04).
///
/// The upstream may decode, resolve dot segments, fold case or read `file:` as a path. A URI that would then name
/// something else is refused rather than normalised: we cannot know which of these the upstream does.
///
/// # Errors
/// What is unsafe about it.
pub fn one_spelling(uri: &str) -> Result<(), &'static str> {
    // RFC 3986 §2: ASCII only. Full-width slashes and two-dot leaders turn into `/` and `..` under NFKC.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a space, a control character or one outside ASCII");
    }
    if uri.contains('\\') {
        return Err("a backslash");
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Err("no scheme");
    };
    if !is_plain_scheme(scheme) {
        return Err("a scheme that is not in lower case");
    }
    check_escapes(rest)?;
    // `?` and `#` end a path, and some servers cut a segment at `;`, before or after decoding, and then resolve it.
    if rest.split(['/', '?', '#', ';', '%']).any(|segment| matches!(segment, "." | "..")) {
        return Err("a dot segment");
    }
    match rest.strip_prefix("//") {
        Some(rest) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let path = rest.strip_prefix(authority).unwrap_or_default();
            check_authority(scheme, authority)?;
            if scheme == "file" && path.contains("//") {
                return Err("an empty segment in a file path");
            }
            Ok(())
        }
        // RFC 8089 App. B: `file:/x` and `file:///x` are the same file.
        None if scheme == "file" => Err("a file URI without `//`"),
        None => Ok(()),
    }
}

/// RFC 3986 §3.1: schemes have one canonical spelling, the lower-case one.
fn is_plain_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

fn check_authority(scheme: &str, authority: &str) -> Result<(), &'static str> {
    if authority.contains('@') {
        return Err("userinfo");
    }
    if scheme == "file" && authority.eq_ignore_ascii_case("localhost") {
        return Err("another spelling of the local host");
    }
    // Elsewhere (`memo://Insights`) the authority is the server's own name for a thing, and its case may count.
    let names_a_host = matches!(scheme, "http" | "https" | "ws" | "wss" | "ftp" | "file");
    if names_a_host && authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("a host that is not in lower case");
    }
    Ok(())
}

/// Lets an escape stand only where it has one reading: not one that decodes to a delimiter, to a control character, to a
/// character that needs no escape (RFC 3986 §6.2.2.2), or to another escape.
fn check_escapes(text: &str) -> Result<(), &'static str> {
    let mut parts = text.split('%');
    parts.next();
    for part in parts {
        let Some((byte, after)) = hex_pair(part) else {
            return Err("an invalid percent escape");
        };
        match byte {
            b'/' | b'\\' => return Err("an encoded slash or backslash"),
            0x00..=0x1F | 0x7F => return Err("an encoded control character"),
            b'.' => return Err("an encoded dot"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => return Err("an escape that is not needed"),
            _ => {}
        }
        // `%252e` is `%2e` to whoever decodes once, and a dot to whoever decodes twice.
        // Spelled `%25%32%65` it falls at its second escape, which none needs.
        if byte == b'%' && hex_pair(after).is_some() {
            return Err("a double percent escape");
        }
    }
    Ok(())
}

fn hex_pair(text: &str) -> Option<(u8, &str)> {
    let (pair, after) = text.split_at_checked(2)?;
    if !pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u8::from_str_radix(pair, 16).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::one_spelling;

    #[test]
    fn c04_a_plain_uri_has_one_spelling() {
        for uri in [
            "file:///pub/a.txt",
            "file:///pub/.hidden/..name/a..b",
            "file:///pub/caf%C3%A9%20menu",
            "file:///pub/100%25",
            "file://server/share/x",
            "memo://Insights",
            "demo://resource/static/document/features.md",
            "https://example.com:8443/a?b=c/d#e",
            "urn:isbn:0451450523",
            "fetch://https://example.com/x",
            "file:///pub/{+path}",
            "a+b-c.1:x",
        ] {
            assert_eq!(one_spelling(uri), Ok(()), "{uri:?}");
        }
    }

    #[test]
    fn c04_a_uri_that_could_mean_another_is_refused() {
        for (uri, why) in [
            ("file:///pub/../etc/passwd", "a dot segment"),
            ("file:///pub/./x", "a dot segment"),
            ("file:///pub/..", "a dot segment"),
            ("file:///pub/..?x", "a dot segment"),
            ("file:///pub/..;v=1/etc", "a dot segment"),
            ("file:///pub/..%3bv=1/etc", "a dot segment"),
            ("file:///pub/x?/../../etc", "a dot segment"),
            ("notes:../x", "a dot segment"),
            ("file:///pub/%2e%2e/etc/passwd", "an encoded dot"),
            ("file:///pub/.%2E/etc/passwd", "an encoded dot"),
            ("file:///pub/%2E./etc/passwd", "an encoded dot"),
            ("file:///pub%2fetc", "an encoded slash or backslash"),
            ("file:///pub%2Fetc", "an encoded slash or backslash"),
            ("file:///pub%5c..%5cetc", "an encoded slash or backslash"),
            ("file:///pub\\..\\etc", "a backslash"),
            ("file:///pub/%252e%252e/etc", "a double percent escape"),
            ("file:///pub/%25%32%65/etc", "an escape that is not needed"),
            ("file:///pub/%00", "an encoded control character"),
            ("file:///pub/a%0d%0ab", "an encoded control character"),
            ("file:///pub/%", "an invalid percent escape"),
            ("file:///pub/%4", "an invalid percent escape"),
            ("file:///pub/%zz", "an invalid percent escape"),
            ("file:///pub/%+1", "an invalid percent escape"),
            ("file:///pub/%é", "a space, a control character or one outside ASCII"),
            ("file:///%73ecret/x", "an escape that is not needed"),
            ("file:///pub/\u{0}", "a space, a control character or one outside ASCII"),
            ("file:///pub/a\tb", "a space, a control character or one outside ASCII"),
            ("file:///pub/x ", "a space, a control character or one outside ASCII"),
            ("file:///pub／etc", "a space, a control character or one outside ASCII"),
            ("FILE:///pub/x", "a scheme that is not in lower case"),
            ("File:///pub/x", "a scheme that is not in lower case"),
            ("1a:x", "a scheme that is not in lower case"),
            (":x", "a scheme that is not in lower case"),
            ("pub/x", "no scheme"),
            ("", "no scheme"),
            ("https://user@example.com/x", "userinfo"),
            ("https://example.com@evil.example/x", "userinfo"),
            ("https://user:pw@example.com?x", "userinfo"),
            ("https://EXAMPLE.com/x", "a host that is not in lower case"),
            ("file://localhost/secret", "another spelling of the local host"),
            ("file://LocalHost/secret", "another spelling of the local host"),
            ("file:/secret/x", "a file URI without `//`"),
            ("file:////secret/x", "an empty segment in a file path"),
            ("file:///pub//x", "an empty segment in a file path"),
        ] {
            assert_eq!(one_spelling(uri), Err(why), "{uri:?}");
        }
    }
}
