//! Which resources a URI can name: every reading that a real server gives it (SPEC C-04).
//!
//! The official SDKs pass a URI through a WHATWG parser before they look it up, templates hand out
//! percent-decoded parts, and handlers of `file:` make a path of it. A rule that judged the text
//! alone could be dodged by another spelling.

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

/// Every reading of a URI that a client asks for: those of [`all_readings`], and the same with
/// another parameter of the query in front or alone. Servers that take a query apart accept its
/// parameters in any order and ignore those they do not know.
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

/// The full search; for a plain URI it finds the same.
#[must_use]
pub fn all_readings(uri: &str) -> Vec<UriReading<'_>> {
    let mut all = vec![as_written(uri)];
    let is_file = scheme_is_file(uri);
    let mut texts = vec![uri.to_owned()];
    // A parser trims blanks and control characters, other readers whatever Unicode calls a blank.
    texts.extend(Some(uri.trim()).filter(|trimmed| *trimmed != uri).map(str::to_owned));
    // The delimiters count for a reader that parses first, too.
    let parsed = whatwg(uri);
    for text in [Some(uri), parsed.as_deref()].into_iter().flatten() {
        texts.extend(Some(parts::unwrapped(text)).filter(|inner| *inner != text).map(str::to_owned));
    }
    // Servers decode once; what they then hand to a file system may be decoded by it once more.
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

/// The URI that a WHATWG parser makes of `uri`, where it takes it.
#[must_use]
pub fn whatwg(uri: &str) -> Option<String> {
    Url::parse(uri).ok().map(String::from)
}

/// Whether all readers see the same in `uri`: what most clients send, told apart in one pass.
///
/// When in doubt it says no; [`readings`] then takes a longer look.
#[must_use]
pub fn is_plain(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let Some((authority, path)) = rest.split_once('/') else { return false };
    let is_lower = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if !scheme.starts_with(|first: char| first.is_ascii_lowercase()) || !scheme.as_bytes().iter().all(is_lower) {
        return false;
    }
    let is_file = scheme == "file";
    // A last label that begins with a letter is not a number, so not a part of an address.
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

/// The readings of one text that a server gets hold of.
fn spread(text: &str, all: &mut Vec<UriReading<'_>>) {
    let Some(parts) = UriParts::of(text) else { return };
    if parts.scheme.eq_ignore_ascii_case("file") {
        file::spread(text, all);
        return;
    }
    let scheme = parts.scheme.to_ascii_lowercase();
    let tails = parts.tails();
    // A server that looks a path up in a folder opens `x` for `x/`.
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
            // A server with a root of its own may take the authority for the first folder.
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
    // A server that looks at the path alone.
    if parts.authority.unwrap_or_default().is_empty() && parts.path.starts_with('/') {
        tails.iter().for_each(|tail| add(all, format!("{scheme}://{tail}"), How::Possible));
    }
}
