//! Field lines, of a head or of a trailer section, up to the empty line that ends them.

use super::{Fault, Step, run};
use crate::base::limits::{HEADER_BLOCK_BYTES_MAX, HEADER_FIELD_BYTES_MAX, HEADER_FIELDS_MAX};

/// A few bytes in place, for values that must be looked at whole.
#[derive(Debug)]
pub(super) struct Kept<const N: usize> {
    bytes: [u8; N],
    len: usize,
    /// More came than there is room for.
    pub(super) over: bool,
}

impl<const N: usize> Kept<N> {
    pub(super) fn new() -> Self {
        Self { bytes: [0; N], len: 0, over: false }
    }

    pub(super) fn clear(&mut self) {
        (self.len, self.over) = (0, false);
    }

    /// Adds what fits.
    pub(super) fn push(&mut self, more: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let fits = more.len().min(room.len());
        room.iter_mut().zip(more).for_each(|(place, byte)| *place = *byte);
        self.len += fits;
        self.over |= fits < more.len();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The fields whose value frames or routes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Host,
    ContentLength,
    TransferEncoding,
    Other,
}

impl Name {
    fn of(name: &Kept<20>) -> Self {
        let is = |known: &str| !name.over && name.bytes().eq_ignore_ascii_case(known.as_bytes());
        if is("host") {
            Self::Host
        } else if is("content-length") {
            Self::ContentLength
        } else if is("transfer-encoding") {
            Self::TransferEncoding
        } else {
            Self::Other
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    LineStart,
    Name,
    Value(Name),
    ValueLf(Name),
    EndLf,
}

/// What the bytes taken completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Nothing yet.
    Not,
    /// The line of this field; [`Fields::value`] has its value.
    Line(Name),
    /// The whole section.
    Section,
}

/// Follows the lines.
#[derive(Debug)]
pub(super) struct Fields {
    state: State,
    name: Kept<20>,
    value: Kept<264>,
    lines: usize,
    bytes: usize,
    value_bytes: usize,
}

impl Fields {
    pub(super) fn new() -> Self {
        Self { state: State::LineStart, name: Kept::new(), value: Kept::new(), lines: 0, bytes: 0, value_bytes: 0 }
    }

    pub(super) fn reset(&mut self) {
        (self.state, self.lines, self.bytes) = (State::LineStart, 0, 0);
    }

    /// The value of a field that is not [`Name::Other`]: without the one space behind the colon, with whatever else there is.
    /// Nothing where it is longer than any legal one.
    pub(super) fn value(&self) -> Option<&[u8]> {
        let value = self.value.bytes();
        if self.value.over { None } else { Some(value.strip_prefix(b" ").unwrap_or(value)) }
    }

    /// Takes bytes of `rest`, which has one, or moves to the state that will.
    pub(super) fn take(&mut self, rest: &[u8]) -> Step<(usize, Done)> {
        let room = HEADER_BLOCK_BYTES_MAX.saturating_sub(self.bytes).min(rest.len());
        let rest = rest.get(..room).unwrap_or_default();
        let Some(first) = rest.first() else {
            return Err((0, Fault::large("header fields over the limit")));
        };
        let (taken, done) = match (self.state, first) {
            (State::Name, _) => (self.name(rest)?, Done::Not),
            (State::Value(name), _) => (self.content(rest, name)?, Done::Not),
            (State::ValueLf(name), b'\n') => {
                self.state = State::LineStart;
                (1, Done::Line(name))
            }
            (State::EndLf, b'\n') => (1, Done::Section),
            (State::ValueLf(_) | State::EndLf, _) => return Err((0, Fault::bad("a bare carriage return"))),

            (State::LineStart, b'\r') => {
                self.state = State::EndLf;
                (1, Done::Not)
            }
            (State::LineStart, b'\n') => return Err((0, Fault::bad("a bare line feed"))),
            (State::LineStart, b' ' | b'\t') => return Err((0, Fault::bad("a folded field line"))),
            (State::LineStart, _) => {
                self.begin_line()?;
                (0, Done::Not)
            }
        };
        self.bytes += taken;
        Ok((taken, done))
    }

    fn begin_line(&mut self) -> Step<()> {
        self.lines += 1;
        if self.lines > HEADER_FIELDS_MAX {
            return Err((0, Fault::large("too many header fields")));
        }
        self.name.clear();
        self.value.clear();
        self.value_bytes = 0;
        self.state = State::Name;
        Ok(())
    }

    fn name(&mut self, rest: &[u8]) -> Step<usize> {
        let len = rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len());
        self.name.push(rest.get(..len).unwrap_or_default());
        let what = match rest.get(len) {
            None => return Ok(len),
            Some(b':') if !self.name.bytes().is_empty() => {
                self.state = State::Value(Name::of(&self.name));
                return Ok(len + 1);
            }
            Some(b':') => "a field without a name",
            Some(b' ' | b'\t') => "white space before a colon",
            Some(_) => "a field name that is no token",
        };
        Err((len, Fault::bad(what)))
    }

    fn content(&mut self, rest: &[u8], name: Name) -> Step<usize> {
        let room = HEADER_FIELD_BYTES_MAX.saturating_sub(self.value_bytes).min(rest.len());
        let len = run::until(rest.get(..room).unwrap_or_default(), |byte| !is_value(byte));
        if name != Name::Other {
            self.value.push(rest.get(..len).unwrap_or_default());
        }
        self.value_bytes += len;
        match rest.get(len) {
            None => Ok(len),
            Some(b'\r') => {
                self.state = State::ValueLf(name);
                Ok(len + 1)
            }
            Some(b'\n') => Err((len, Fault::bad("a bare line feed"))),
            Some(byte) if is_value(*byte) => Err((len, Fault::large("a field value over the limit"))),
            Some(_) => Err((len, Fault::bad("a control character in a field value"))),
        }
    }
}

/// `tchar` of RFC 9110 §5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.')
}

/// What a field value may hold (RFC 9110 §5.5): `obs-text` is opaque, a control character is an attack.
fn is_value(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7F || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_rfc_9110() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(byte), expected, "{byte:#x}");
        }
    }
}
