//! Reads the lines of a request head that decide its host and where its body ends.

use http::Uri;

use super::violation::{FramingFault, Violation};
use crate::base::limits::connections::HEADER_FIELDS_MAX;

/// The facts about a head, collected line by line.
#[derive(Debug, Default)]
pub(super) struct Head {
    is_http_10: bool,
    /// The authority of an absolute-form target.
    authority: Option<Vec<u8>>,
    host: Host,
    length: Option<u64>,
    is_chunked: bool,
    fields: usize,
}

#[derive(Debug, Default)]
enum Host {
    #[default]
    None,
    One,
    /// The same host as the authority in the target.
    Same,
}

/// The length of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// This many bytes.
    Length(u64),
    /// As the chunks say.
    Chunked,
}

impl Head {
    /// Reads a request line: method, one space, target, one space, version.
    pub(super) fn begin(line: &[u8]) -> Result<Self, FramingFault> {
        let mut parts = line.split(|b| *b == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err((Violation::RequestLine, "a request line that is not three parts with one space between them"));
        };
        if method.is_empty() || !method.iter().all(|b| is_token_byte(*b)) {
            return Err((Violation::RequestLine, "a method that is not a token"));
        }
        let is_http_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err((Violation::Version, "a version that is neither HTTP/1.1 nor HTTP/1.0")),
        };
        let authority = authority_of(target)?;
        Ok(Self { is_http_10, authority, ..Self::default() })
    }

    /// Reads one field line, and keeps its facts about the framing.
    pub(super) fn field(&mut self, line: &[u8]) -> Result<(), FramingFault> {
        let (name, value) = split_field(line)?;
        self.fields += 1;
        if self.fields > HEADER_FIELDS_MAX {
            return Err((Violation::HeadTooLarge, "too many fields"));
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.read_host(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.read_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.read_coding(value),
            _ => Ok(()),
        }
    }

    /// The length of the body, by the whole head.
    pub(super) fn body(&self) -> Result<Body, FramingFault> {
        match (&self.host, &self.authority) {
            (Host::None, _) if !self.is_http_10 => return Err((Violation::Host, "a request without Host")),
            (Host::One, Some(_)) => return Err((Violation::Target, "a target for another host than Host says")),
            _ => {}
        }
        match (self.is_chunked, self.length) {
            // RFC 9112 §6.1: two parsers may read two different requests (smuggling).
            (true, Some(_)) => Err((Violation::LengthAndCoding, "both Content-Length and Transfer-Encoding")),
            (true, None) if self.is_http_10 => Err((Violation::TransferEncoding, "Transfer-Encoding in HTTP/1.0")),
            (true, None) => Ok(Body::Chunked),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }

    fn read_host(&mut self, value: &[u8]) -> Result<(), FramingFault> {
        if !matches!(self.host, Host::None) {
            return Err((Violation::Host, "two Host fields"));
        }
        if value.is_empty() || !value.iter().all(|b| is_host_byte(*b)) {
            return Err((Violation::Host, "a Host that is not a valid host"));
        }
        let is_same = self.authority.as_deref().is_some_and(|authority| authority.eq_ignore_ascii_case(value));
        self.host = if is_same { Host::Same } else { Host::One };
        Ok(())
    }

    fn read_length(&mut self, value: &[u8]) -> Result<(), FramingFault> {
        if self.length.is_some() {
            return Err((Violation::ContentLength, "two Content-Length fields"));
        }
        // 19 digits always fit; a sign, a comma or a base prefix is not a digit.
        let is_number = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| is_number).and_then(|digits| digits.parse().ok());
        self.length = Some(number.ok_or((Violation::ContentLength, "a Content-Length that is not a number"))?);
        Ok(())
    }

    fn read_coding(&mut self, value: &[u8]) -> Result<(), FramingFault> {
        if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err((Violation::TransferEncoding, "a Transfer-Encoding that is not chunked, once"));
        }
        self.is_chunked = true;
        Ok(())
    }
}

/// Refuses bytes that cannot begin a request, most likely TLS on a plain-text port.
pub(super) fn check_first(bytes: &[u8]) -> Result<(), FramingFault> {
    match bytes.first() {
        Some(byte) if !is_token_byte(*byte) && !matches!(byte, b'\r' | b'\n') => {
            Err((Violation::RequestLine, "it does not begin like a request"))
        }
        _ => Ok(()),
    }
}

/// The authority of an absolute-form target; `None` for the origin form.
fn authority_of(target: &[u8]) -> Result<Option<Vec<u8>>, FramingFault> {
    if target.is_empty() || !target.iter().all(|b| matches!(b, 0x21..=0x7E) && *b != b'#') {
        return Err((Violation::Target, "a target with a byte that may not be in one"));
    }
    let is_origin_form = target.first() == Some(&b'/') || target == b"*";
    // For bytes that the HTTP library may refuse, it is asked, so that both decide alike.
    if (!is_origin_form || target.iter().any(|b| matches!(b, b'"' | b'<' | b'>' | b'`')))
        && Uri::try_from(target).is_err()
    {
        return Err((Violation::Target, "a target with a byte that may not be in one"));
    }
    if is_origin_form {
        return Ok(None);
    }
    let after_scheme = |scheme: &[u8]| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = after_scheme(b"http://")
        .or_else(|| after_scheme(b"https://"))
        .ok_or((Violation::Target, "a target that is neither a path nor a URL"))?;
    let authority = rest.split(|b| matches!(b, b'/' | b'?')).next().unwrap_or_default();
    if authority.is_empty() || !authority.iter().all(|b| is_host_byte(*b)) {
        return Err((Violation::Target, "a target without a valid host"));
    }
    Ok(Some(authority.to_vec()))
}

/// Splits a field line into name and trimmed value. Refuses a line that continues the previous line
/// (obs-fold), blanks before the colon, and control characters.
pub(super) fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), FramingFault> {
    let colon = line.iter().position(|b| !is_token_byte(*b)).ok_or((Violation::Field, "a field without a colon"))?;
    let (name, rest) = line.split_at_checked(colon).ok_or((Violation::Field, "a field without a colon"))?;
    let Some(value) = rest.strip_prefix(b":").filter(|_| !name.is_empty()) else {
        return Err((Violation::Field, "a field name that is not a token, or has blanks around it"));
    };
    // No early exit, so that the compiler can compare many bytes at once: tokens are long.
    if value.iter().fold(false, |found, byte| found | is_field_control(*byte)) {
        return Err((Violation::Field, "a control character in a field"));
    }
    Ok((name, trim_blanks(value)))
}

/// Trims spaces and tabs only: parsers differ in what else is white space.
fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether a field value must not contain `byte` (RFC 9110 §5.5).
const fn is_field_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 0x7F)
}

/// RFC 9110 §5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~')
}

/// Bytes of a host and port (RFC 3986 §3.2.2): no user, no list, no escapes.
const fn is_host_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']')
}
