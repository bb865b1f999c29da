//! Text that shares the buffer from which it was read.

use std::{borrow::Borrow, fmt, ops::Deref};

use bytes::Bytes;

/// The UTF-8 byte order mark. It may precede a text or a stream, and has no meaning.
pub const BYTE_ORDER_MARK: &[u8; 3] = b"\xEF\xBB\xBF";

/// UTF-8 text in a shared buffer: a clone or a part copies no bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text(Bytes);

impl Text {
    /// Text that shares the bytes of `body`. `part` should be a part of `body`; any other text is
    /// copied.
    #[must_use]
    pub fn part_of(body: &Bytes, part: &str) -> Self {
        let (whole, wanted) = (body.as_ptr_range(), part.as_bytes().as_ptr_range());
        if whole.start <= wanted.start && wanted.end <= whole.end {
            Self(body.slice_ref(part.as_bytes()))
        } else {
            Self::from(part)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor takes a `str`, so the bytes are always UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), out)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_shares_the_buffer_and_other_text_is_copied() {
        let body = Bytes::from_static(b"{\"name\":\"add\"}");
        let inside = std::str::from_utf8(&body[9..12]).unwrap();
        let part = Text::part_of(&body, inside);
        assert_eq!(part, "add");
        assert_eq!(part.0.as_ptr(), body[9..].as_ptr());
        assert_eq!(Text::part_of(&body, "else"), "else");
    }
}
