//! Finds hazards that make a URI too ambiguous for a pattern to judge (SPEC C-04).

use super::{
    file::drive,
    parts::{PARAMETERS_MAX, UriParts, decoded, parameters},
    reading::scheme_is_file as is_file,
};

/// A hazard of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// Refused by the first rule that does not match the URI as written.
    Always(&'static str),
    /// Refused by the first rule with a wildcard.
    Pattern(&'static str),
}

/// The hazard of `uri`, if it has one.
#[must_use]
pub fn of(uri: &str) -> Option<Hazard> {
    let decoded = decoded(uri);
    if uri.bytes().chain(decoded.bytes()).any(|byte| byte.is_ascii_control()) {
        return Some(Hazard::Always("a control character"));
    }
    if is_file(uri) && has_short_name(&decoded) {
        return Some(Hazard::Always("a short file name of Windows"));
    }
    if parameters(uri).nth(PARAMETERS_MAX).is_some() {
        return Some(Hazard::Always("more than 32 parameters in its query"));
    }
    patterned(uri, &decoded).err().map(Hazard::Pattern)
}

/// Finds what would let a URI avoid a prefix or a wildcard: an unclear end of a path, folder or
/// target.
fn patterned(uri: &str, decoded: &str) -> Result<(), &'static str> {
    // RFC 3986 §2: ASCII only. Full-width slashes and two-dot leaders turn into `/` and `..` under
    // NFKC.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a space or a character outside ASCII");
    }
    if uri.contains('\\') {
        return Err("a backslash");
    }
    UriParts::of(uri).ok_or("no scheme")?;
    let (_, rest) = uri.split_once(':').unwrap_or_default();
    for escape in rest.split('%').skip(1) {
        let pair = escape.get(..2).filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match pair.map(str::to_ascii_lowercase).as_deref() {
            None => return Err("an invalid percent escape"),
            Some("2f" | "5c") => return Err("an encoded slash or backslash"),
            Some("2e") => return Err("an encoded dot"),
            Some(_) => {}
        }
    }
    // `%252e` is `%2e` to a server that decodes once, and a dot to one that decodes twice.
    let is_escape = |part: &str| part.get(..2).is_some_and(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if decoded.split('%').skip(1).any(is_escape) {
        return Err("a double percent escape");
    }
    // `?` and `#` end a path, and some servers cut a segment at `;`, before or after decoding, and
    // then resolve it.
    if rest.split(['/', '?', '#', ';', '%']).any(|segment| matches!(segment, "." | "..")) {
        return Err("a dot segment");
    }
    Ok(())
}

/// `file:///C:/SECRET~1.TXT` names a file by a short name, which no rule can know.
fn has_short_name(uri: &str) -> bool {
    let (_, rest) = uri.split_once(':').unwrap_or_default();
    let rest = rest.replace('\\', "/");
    let is_windows = drive(rest.trim_start_matches('/')).is_some()
        || rest.strip_prefix("//").is_some_and(|rest| !rest.starts_with('/'))
        || rest.starts_with("////");
    let is_short = |segment: &str| {
        let stem = segment.split('.').next().unwrap_or_default();
        let tail = stem.rsplit_once('~').map(|(_, tail)| tail).unwrap_or_default();
        stem.len() <= 8 && !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_windows && rest.split(['/', '?', '#']).any(is_short)
}
