//! Checks that the fields that frame and label an upstream's answer have one reading.

use std::str;

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};

#[cfg(test)]
mod tests;

/// Reduces the fields that frame and label an answer to one value each (attack 188).
///
/// If there are several, the HTTP library combines them, and clients use the first, the last, or
/// the joined value. Several equal values become one (RFC 9110 §8.6). A transfer coding besides
/// `chunked` would still be applied to the bytes, but clients would not learn of it. A 204 and a
/// 304 have no body, even if they have a length: that of a 304 is the length of another answer.
///
/// Why a field has no single value, for the log and the answer.
pub fn one_reading(status: StatusCode, headers: &mut HeaderMap) -> Result<(), &'static str> {
    // Usually each field comes once with one value, and this check is enough.
    let is_empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let is_usual = headers.len() == headers.keys_len() && !is_empty;
    if is_usual && headers.iter().all(|(name, value)| has_one_reading(name, value.as_bytes())) {
        return Ok(());
    }
    one_coding(headers)?;
    one_length(headers)?;
    if is_empty {
        headers.remove(CONTENT_LENGTH);
    }
    one_type(headers)
}

fn has_one_reading(name: &HeaderName, value: &[u8]) -> bool {
    match name.as_str().as_bytes() {
        b"content-length" => is_plain(value),
        b"content-type" => memchr::memchr(b',', value).is_none(),
        b"transfer-encoding" => value.eq_ignore_ascii_case(b"chunked"),
        _ => true,
    }
}

fn one_coding(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err("its Transfer-Encoding is not chunked alone"),
    }
}

fn one_length(headers: &mut HeaderMap) -> Result<(), &'static str> {
    const NOT_ONE: &str = "its Content-Length is not one number";
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    match (lines.next(), lines.next()) {
        (None, _) => return Ok(()),
        (Some(line), None) if is_plain(line.as_bytes()) => return Ok(()),
        _ => {}
    }
    let mut length = None;
    let values = headers.get_all(CONTENT_LENGTH).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for value in values {
        let value = number(value.trim_ascii()).ok_or(NOT_ONE)?;
        if length.is_some_and(|length| length != value) {
            return Err(NOT_ONE);
        }
        length = Some(value);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length.ok_or(NOT_ONE)?));
    Ok(())
}

/// Whether every reader reads `value` as the same number: only digits, without a leading zero,
/// which some read as octal.
fn is_plain(value: &[u8]) -> bool {
    (1..=19).contains(&value.len())
        && value.iter().all(u8::is_ascii_digit)
        && (value.len() == 1 || value.first() != Some(&b'0'))
}

fn number(value: &[u8]) -> Option<u64> {
    // `parse` would accept a sign.
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// Some clients search for `text/event-stream` anywhere in the joined lines, and would read an
/// event stream where the gateway relays JSON.
fn one_type(headers: &mut HeaderMap) -> Result<(), &'static str> {
    const NOT_ONE: &str = "it has more than one Content-Type";
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = lines.next() else { return Ok(()) };
    let is_joined = memchr::memchr(b',', first.as_bytes()).is_some();
    if lines.next().is_none() && !is_joined {
        return Ok(());
    }
    let mut kept: Option<&[u8]> = None;
    for value in headers.get_all(CONTENT_TYPE).iter().flat_map(|line| elements(line.as_bytes())) {
        if kept.is_some_and(|kept| !kept.eq_ignore_ascii_case(value)) {
            return Err(NOT_ONE);
        }
        kept = Some(value);
    }
    let one = HeaderValue::from_bytes(kept.ok_or(NOT_ONE)?).map_err(|_| NOT_ONE)?;
    headers.insert(CONTENT_TYPE, one);
    Ok(())
}

/// The elements of a list. A comma in quotes is not a separator.
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |byte| {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return false;
        }
        quoted = *byte == b'"';
        *byte == b','
    })
    .map(<[u8]>::trim_ascii)
}
