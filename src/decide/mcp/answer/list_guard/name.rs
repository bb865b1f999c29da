//! Reads and unescapes a member name, as long as it may be a name that matters.

/// The longest name that matters: `resourceTemplates`.
const NAME_MAX: usize = 17;

/// The state of the string after a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameStep {
    /// The string goes on.
    GoesOn,
    /// The string has ended.
    Ends,
    /// The name does not matter.
    IsOther,
}

/// The part of a name that has come after its opening quote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    text: [u8; NAME_MAX],
    len: usize,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After the backslash.
    Begun,
    /// After the `u`: the number of digits so far, and their value.
    Unicode(u8, u32),
}

impl Name {
    /// The unescaped text.
    pub(super) fn text(&self) -> &str {
        self.text.get(..self.len).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Takes the next byte.
    pub(super) fn step(&mut self, byte: u8) -> NameStep {
        match (self.escape, byte) {
            (Escape::None, b'"') => NameStep::Ends,
            (Escape::None, b'\\') => self.escape(Escape::Begun),
            (Escape::None, _) => self.push(byte),
            (Escape::Begun, b'u') => self.escape(Escape::Unicode(0, 0)),
            // A short escape is never a letter.
            (Escape::Begun, _) => NameStep::IsOther,
            (Escape::Unicode(digits, value), _) => {
                // An escape without its digits is not JSON. Only the end of the string matters now.
                let Some(digit) = char::from(byte).to_digit(16) else {
                    return if byte == b'"' { NameStep::Ends } else { NameStep::IsOther };
                };
                let value = value << 4 | digit;
                if digits < 3 {
                    return self.escape(Escape::Unicode(digits + 1, value));
                }
                self.escape = Escape::None;
                u8::try_from(value).map_or(NameStep::IsOther, |byte| self.push(byte))
            }
        }
    }

    fn escape(&mut self, escape: Escape) -> NameStep {
        self.escape = escape;
        NameStep::GoesOn
    }

    fn push(&mut self, byte: u8) -> NameStep {
        match self.text.get_mut(self.len) {
            Some(place) if byte.is_ascii() => *place = byte,
            _ => return NameStep::IsOther,
        }
        self.len += 1;
        NameStep::GoesOn
    }
}
