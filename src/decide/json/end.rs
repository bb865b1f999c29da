//! Finds where an object or an array ends, byte by byte, without reading its content.

/// A value that is followed to its end, where its last bracket closes.
#[derive(Debug, Default)]
pub(in crate::decide) struct ValueEnd {
    open: usize,
    in_string: bool,
    is_escaped: bool,
}

impl ValueEnd {
    /// Takes the next byte, and returns whether the value ends with it.
    pub(in crate::decide) fn is_at(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_string => self.is_escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
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
