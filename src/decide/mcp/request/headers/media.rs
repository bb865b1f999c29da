//! Checks that a request body is labelled as uncompressed JSON in UTF-8.

use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use crate::{base::media, decide::refusal::Refusal};

/// Checks media type, charset and content coding before the body is read (SPEC C-20, C-21).
///
/// A form, which could carry an `access_token` (RFC 6750 §2.2), is refused as any other wrong media
/// type.
///
/// # Errors
/// [`Refusal::MediaType`], [`Refusal::ContentCoding`], [`Refusal::BadRequest`] for two
/// `Content-Type` lines or values.
pub fn check_media(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (types.next(), types.next());
    let Some(value) = first.map(|value| value.as_bytes()) else {
        return Err(Refusal::MediaType);
    };
    if second.is_some() || value.contains(&b',') {
        return Err(Refusal::BadRequest("more than one Content-Type"));
    }
    if !is_json_in_utf8(value) {
        return Err(Refusal::MediaType);
    }

    // Some upstreams decompress bodies, and would execute a message that was not judged (attacks
    // 37, 38).
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity") => Ok(()),
        _ => Err(Refusal::ContentCoding),
    }
}

/// Whether `value` is `application/json` in UTF-8. A type that only starts like this is another
/// type, although some stacks accept it (attack 41). Of the other parameters none means anything
/// for JSON (RFC 8259 §11).
fn is_json_in_utf8(value: &[u8]) -> bool {
    if !media::is(value, media::JSON) {
        return false;
    }
    let mut charsets = 0;
    let parts = value.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    parts.filter(|part| !part.is_empty()).all(|part| match parameter(part) {
        Some((name, value)) if name.eq_ignore_ascii_case(b"charset") => {
            charsets += 1;
            charsets == 1 && (value.eq_ignore_ascii_case(b"utf-8") || value.eq_ignore_ascii_case(b"utf8"))
        }
        // Some stacks search the whole field for `charset=` (attack 282).
        Some(_) => !part.windows(b"charset".len()).any(|window| window.eq_ignore_ascii_case(b"charset")),
        None => false,
    })
}

/// Name and value of a parameter that all readers split alike: the value has no `;`, no `,` and no
/// escape (RFC 9110 §5.6.6).
fn parameter(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (part.get(..at)?, part.get(at + 1..)?);
    let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let is_fine = match quoted {
        Some(text) => text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')),
        None => is_token(value),
    };
    (is_token(name) && is_fine).then_some((name, quoted.unwrap_or(value)))
}

/// Whether `text` is a token of RFC 9110 §5.6.2, or a URL as some clients write it without quotes.
fn is_token(text: &[u8]) -> bool {
    let is_one =
        |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'(' | b')' | b'<' | b'>' | b'=');
    !text.is_empty() && text.iter().all(is_one)
}
