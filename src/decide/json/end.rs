//! Finds where an object or an array ends, byte by byte, without reading its content.

/// Tells which bytes of a JSON text stand in strings.
#[derive(Debug, Default)]
pub(in crate::decide) struct Quotes {
    in_string: bool,
    is_escaped: bool,
}

impl Quotes {
    /// Takes the next byte, and returns whether it belongs to a string or is one of its quotes.
    pub(in crate::decide) fn holds(&mut self, byte: u8) -> bool {
        if !self.in_string {
            self.in_string = byte == b'"';
            return self.in_string;
        }
        self.in_string = self.is_escaped || byte != b'"';
        self.is_escaped = !self.is_escaped && byte == b'\\';
        true
    }
}

/// A value that is followed to its end, where its last bracket closes.
#[derive(Debug, Default)]
pub(in crate::decide) struct ValueEnd {
    open: usize,
    quotes: Quotes,
}

impl ValueEnd {
    /// Takes the next byte, and returns whether the value ends with it.
    pub(in crate::decide) fn is_at(&mut self, byte: u8) -> bool {
        if self.quotes.holds(byte) {
            return false;
        }
        match byte {
            b'{' | b'[' => self.open += 1,
            b'}' | b']' => {
                self.open = self.open.saturating_sub(1);
                return self.open == 0;
            }
            _ => {}
        }
        false
    }
}
