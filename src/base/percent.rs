//! Percent-encoding (RFC 3986 §2.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentDecode, PercentEncode, percent_decode, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text`, percent-encoded except for unreserved characters.
#[must_use]
pub fn escape(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// The percent-decoded bytes of `text`. A `%` without two hexadecimal digits stays.
#[must_use]
pub fn unescape(text: &str) -> PercentDecode<'_> {
    percent_decode(text.as_bytes())
}

/// The decoded bytes of a name or value in a form: percent-decoded, and each `+` is a space. `None`
/// if a `%` is not followed by two hexadecimal digits.
#[must_use]
pub fn form_unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.iter().copied();
    let mut unescaped = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        unescaped.push(match byte {
            b'+' => b' ',
            b'%' => escaped_byte(bytes.next(), bytes.next())?,
            byte => byte,
        });
    }
    Some(unescaped)
}

/// `text` for a header field as in RFC 8187 §3.2.1: `UTF-8''`, and percent-encoded except for
/// `attr-char`.
#[must_use]
pub fn extended_value(text: &str) -> String {
    const NOT_ATTR_CHAR: &AsciiSet = &RESERVED
        .remove(b'!')
        .remove(b'#')
        .remove(b'$')
        .remove(b'&')
        .remove(b'+')
        .remove(b'^')
        .remove(b'`')
        .remove(b'|');
    format!("UTF-8''{}", utf8_percent_encode(text, NOT_ATTR_CHAR))
}

/// The byte of an escape with these two digits.
#[must_use]
pub fn escaped_byte(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_unescaped_to_the_same() {
        let all: String = ('\0'..='\u{FF}').collect();
        let escaped = escape(&all).to_string();
        assert!(escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
        assert!(unescape(&escaped).eq(all.bytes()));
        assert_eq!(escape("a b/\u{e9}").to_string(), "a%20b%2F%C3%A9");
        assert_eq!(String::from_utf8(unescape("a%2Fb%2%zz%").collect()).unwrap(), "a/b%2%zz%");
        assert_eq!(escape("a:b c%+é~").to_string(), "a%3Ab%20c%25%2B%C3%A9~");
        assert_eq!(form_unescape(b"a+b%2b%C3%A9;").as_deref(), Some("a b+é;".as_bytes()));
        assert!([&b"%"[..], b"a%4", b"%zz", b"%+1"].iter().all(|text| form_unescape(text).is_none()));
        assert_eq!((escaped_byte(Some(b'2'), Some(b'f')), escaped_byte(Some(b'g'), Some(b'0'))), (Some(b'/'), None));
    }
}
