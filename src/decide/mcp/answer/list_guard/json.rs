//! Follows JSON byte by byte to find where a list starts.

use memchr::memchr2;

use super::name::{Name, NameStep};
use crate::decide::mcp::answer::lists::Lists;

/// The innermost open value, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Outside of any message.
    #[default]
    Outside,
    /// An array of messages.
    Batch,
    /// A message.
    Message,
    /// The result of a message.
    Result,
}

/// The string that the next byte belongs to.
#[derive(Clone, Copy, Debug, Default)]
enum Word {
    /// No string.
    #[default]
    None,
    /// A member name that may matter.
    Name(Name),
    /// Another string.
    Skipped,
    /// Another string, after a backslash.
    Escaped,
}

/// The state after the bytes so far.
#[derive(Debug, Default)]
pub(super) struct Json {
    place: Place,
    in_batch: bool,
    /// How many open values have content that does not matter.
    deep: usize,
    word: Word,
    /// Whether the current member has a name that matters: `result` of a message, or a list in a
    /// result.
    leads_on: bool,
    /// Whether the colon of that member has come.
    in_value: bool,
}

impl Json {
    /// Takes the next bytes, and returns whether one of `lists` starts in them.
    pub(super) fn meets(&mut self, lists: Lists, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            // Skips the content of strings, and all but the brackets of deep values.
            let next = match self.word {
                Word::Skipped => memchr2(b'"', b'\\', rest),
                Word::None if self.deep > 0 => rest.iter().position(|byte| opens_or_closes(*byte)),
                _ => Some(0),
            };
            let Some((byte, behind)) = next.and_then(|at| rest.get(at..)).and_then(<[u8]>::split_first) else {
                return false;
            };
            rest = behind;
            if self.step(lists, *byte) {
                return true;
            }
        }
    }

    /// Takes one byte, and returns whether it starts a list.
    fn step(&mut self, lists: Lists, byte: u8) -> bool {
        match &mut self.word {
            Word::None => return self.between(byte),
            Word::Name(name) => match name.step(byte) {
                NameStep::GoesOn => {}
                NameStep::IsOther => self.word = Word::Skipped,
                NameStep::Ends => {
                    self.leads_on = match self.place {
                        Place::Message => name.text() == "result",
                        Place::Result => lists.kind(name.text()).is_some(),
                        Place::Outside | Place::Batch => false,
                    };
                    self.word = Word::None;
                }
            },
            Word::Skipped => self.word = if byte == b'"' { Word::None } else { Word::Escaped },
            Word::Escaped => self.word = Word::Skipped,
        }
        false
    }

    /// Takes a byte outside of strings.
    fn between(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => {
                let may_matter =
                    self.deep == 0 && !self.in_value && matches!(self.place, Place::Message | Place::Result);
                self.word = if may_matter { Word::Name(Name::default()) } else { Word::Skipped };
            }
            b'{' | b'[' => return self.open(byte),
            b'}' | b']' => self.close(),
            b':' if self.deep == 0 => self.in_value = true,
            b',' if self.deep == 0 => (self.leads_on, self.in_value) = (false, false),
            _ => {}
        }
        false
    }

    fn open(&mut self, bracket: u8) -> bool {
        if self.deep > 0 {
            self.deep = self.deep.saturating_add(1);
            return false;
        }
        let leads_on = self.leads_on && self.in_value;
        match (self.place, bracket) {
            (Place::Outside, b'[') => (self.place, self.in_batch) = (Place::Batch, true),
            (Place::Outside | Place::Batch, b'{') => self.place = Place::Message,
            (Place::Message, b'{') if leads_on => self.place = Place::Result,
            (Place::Result, b'[') if leads_on => return true,
            _ => {
                self.deep = 1;
                return false;
            }
        }
        (self.leads_on, self.in_value) = (false, false);
        false
    }

    fn close(&mut self) {
        if self.deep > 0 {
            self.deep -= 1;
            return;
        }
        self.place = match self.place {
            Place::Result => Place::Message,
            Place::Message if self.in_batch => Place::Batch,
            Place::Message | Place::Batch | Place::Outside => Place::Outside,
        };
        self.in_batch &= matches!(self.place, Place::Batch | Place::Message);
        (self.leads_on, self.in_value) = (false, false);
    }
}

fn opens_or_closes(byte: u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']')
}
