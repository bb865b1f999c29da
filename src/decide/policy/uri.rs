//! Finds every reading that a real server may give a URI (SPEC C-04).
//!
//! The official SDKs pass a URI through a WHATWG parser before they look it up, templates return
//! percent-decoded parts, and handlers of `file:` turn it into a path. If a rule judged only the
//! text, another spelling would avoid it.

use url::Url;

use self::{
    parts::UriParts,
    reading::{How, UriReading, add, as_written, scheme_is_file},
};

mod file;
pub mod hazard;
pub(super) mod parts;
pub mod reading;
#[cfg(test)]
mod tests;

/// Every reading of a URI that a client asks for: those of [`all_readings`], and those with another
/// parameter of the query first or alone. Servers that parse a query accept its parameters in any
/// order and ignore unknown parameters.
#[must_use]
pub fn asked(uri: &str) -> Vec<UriReading<'_>> {
    let mut all = all_readings(uri);
    let whole: Vec<String> = (all.iter().filter(|reading| !matches!(reading.how, How::Possible | How::Rfc3986)))
        .map(|reading| reading.text.to_string())
        .collect();
    for text in whole {
        for order in parts::parameter_orders(&text) {
            add(&mut all, order, How::Possible);
        }
    }
    all
}

/// Every reading of `uri`, each once; the first is the text as written.
#[must_use]
pub fn readings(uri: &str) -> Vec<UriReading<'_>> {
    if is_plain(uri) { vec![as_written(uri)] } else { all_readings(uri) }
}

/// The full search. For a plain URI it finds the same as [`readings`].
#[must_use]
pub fn all_readings(uri: &str) -> Vec<UriReading<'_>> {
    let mut all = vec![as_written(uri)];
    let is_file = scheme_is_file(uri);
    let mut texts = vec![uri.to_owned()];
    // A WHATWG parser trims ASCII blanks and control characters; other readers trim all Unicode
    // white space.
    texts.extend(Some(uri.trim()).filter(|trimmed| *trimmed != uri).map(str::to_owned));
    // A reader that parses first also removes the delimiters.
    let parsed = whatwg(uri);
    for text in [Some(uri), parsed.as_deref()].into_iter().flatten() {
        texts.extend(Some(parts::unwrapped(text)).filter(|inner| *inner != text).map(str::to_owned));
    }
    // Servers decode once. For a file, a second decoding may follow.
    for level in 0..if is_file { 3 } else { 2 } {
        let how = if level == 0 { How::Whatwg } else { How::Decoded };
        let parsed: Vec<String> = texts.iter().filter_map(|text| whatwg(text)).collect();
        for text in parsed {
            add(&mut all, text.clone(), how);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        for text in &texts {
            if level > 0 {
                add(&mut all, text.clone(), How::Decoded);
            }
            spread(text, &mut all);
        }
        let decoded: Vec<String> = texts.iter().map(|text| parts::decoded(text)).collect();
        texts =
            decoded.into_iter().zip(&texts).filter(|(decoded, text)| decoded != *text).map(|(new, _)| new).collect();
        texts.sort();
        texts.dedup();
    }
    all
}

/// The URI that a WHATWG parser makes of `uri`; `None` if it refuses `uri`.
#[must_use]
pub fn whatwg(uri: &str) -> Option<String> {
    Url::parse(uri).ok().map(String::from)
}

/// Whether all readers read `uri` alike, as they do most URIs. Found in one pass.
///
/// False in doubt; then [`readings`] makes the full search.
#[must_use]
pub fn is_plain(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let Some((authority, path)) = rest.split_once('/') else { return false };
    let is_lower = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if !scheme.starts_with(|first: char| first.is_ascii_lowercase()) || !scheme.as_bytes().iter().all(is_lower) {
        return false;
    }
    let is_file = scheme == "file";
    // If the last label begins with a letter, the host is not an address.
    let last = authority.rsplit('.').next().unwrap_or_default();
    let is_plain_host = authority.as_bytes().iter().all(is_lower)
        && last.starts_with(|first: char| first.is_ascii_lowercase())
        && !authority.contains("--");
    if is_file != authority.is_empty() || !(is_file || is_plain_host) {
        return false;
    }
    let mut before = b'/';
    for byte in path.bytes() {
        let is_allowed = match byte {
            b'/' => before != b'/' && !(is_file && before == b'.'),
            b'.' => before != b'/',
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'+' | b',' | b'=' | b'@' => true,
            b':' | b'~' => !is_file,
            _ => false,
        };
        if !is_allowed {
            return false;
        }
        before = byte;
    }
    if path.is_empty() { is_file } else { before != b'/' && !(is_file && before == b'.') }
}

/// Adds the readings of one text.
fn spread(text: &str, all: &mut Vec<UriReading<'_>>) {
    let Some(parts) = UriParts::of(text) else { return };
    if parts.scheme.eq_ignore_ascii_case("file") {
        file::spread(text, all);
        return;
    }
    let scheme = parts.scheme.to_ascii_lowercase();
    let tails = parts.tails();
    // A server that looks up a path in a folder opens `x` for `x/`.
    let bare: Vec<String> = tails.iter().filter_map(|tail| parts::bare(tail)).collect();
    match parts.authority {
        Some(authority) => {
            for host in parts::authorities(&scheme, authority) {
                for tail in &tails {
                    add(all, format!("{scheme}://{host}{tail}"), How::Rfc3986);
                }
                for tail in &bare {
                    add(all, format!("{scheme}://{host}{tail}"), How::Possible);
                }
            }
            if let Some(host) = parts::dialled(authority) {
                for tail in &tails {
                    add(all, format!("{scheme}://{host}{tail}"), How::Possible);
                }
            }
            // A server with its own root folder may treat the authority as the first folder.
            let (climbed, whole) = (parts.climbed(), parts.whole());
            if climbed != whole {
                add(all, format!("{scheme}://{climbed}"), How::Rfc3986);
            }
        }
        None => {
            tails.iter().for_each(|tail| add(all, format!("{scheme}:{tail}"), How::Rfc3986));
            bare.iter().for_each(|tail| add(all, format!("{scheme}:{tail}"), How::Possible));
        }
    }
    // Some servers read only the path.
    if parts.authority.unwrap_or_default().is_empty() && parts.path.starts_with('/') {
        tails.iter().for_each(|tail| add(all, format!("{scheme}://{tail}"), How::Possible));
    }
}
