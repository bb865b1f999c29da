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

/// Whether `value` is `application/json` with no parameter but `charset=utf-8`. A type that only
/// starts like this is another type, although some stacks accept it (attack 41).
fn is_json_in_utf8(value: &[u8]) -> bool {
    if !media::is(value, media::JSON) {
        return false;
    }
    let parts = value.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    let mut parameters = parts.filter(|part| !part.is_empty());
    parameters.next().is_none_or(is_utf8_charset) && parameters.next().is_none()
}

fn is_utf8_charset(parameter: &[u8]) -> bool {
    let Some((name, value)) = parameter.split_at_checked(b"charset=".len()) else {
        return false;
    };
    let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    name.eq_ignore_ascii_case(b"charset=") && quoted.unwrap_or(value).eq_ignore_ascii_case(b"utf-8")
}
