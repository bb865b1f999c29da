//! Steps through the members and elements that matter, and skips all other values.

use crate::{
    base::limits::messages::{JSON_VALUES_MAX, LIST_JSON_DEPTH_MAX},
    decide::json::{
        scan::{JsonFault, Scan},
        strings::Quoted,
    },
};

/// A reader of a text, with its place and depth.
pub(in crate::decide) struct Walk<'a> {
    scan: Scan<'a>,
    depth: u32,
    values: usize,
}

/// A string, which may have no single meaning.
#[derive(Clone, Copy)]
pub(in crate::decide) struct Word<'a> {
    text: Quoted<'a>,
    /// Whether it has half of a surrogate pair, which readers read differently.
    broken: bool,
}

impl<'a> Word<'a> {
    /// The string, if it has one meaning.
    pub(in crate::decide) fn one_meaning(self) -> Result<Quoted<'a>, JsonFault> {
        if self.broken { Err("a lone surrogate in a string that decides") } else { Ok(self.text) }
    }
}

impl<'a> Walk<'a> {
    /// A reader at the start of `text`.
    pub(in crate::decide) fn new(text: &'a str) -> Self {
        Self { scan: Scan::new(text), depth: 0, values: 0 }
    }

    /// The current place.
    pub(in crate::decide) fn at(&self) -> usize {
        self.scan.at()
    }

    /// Goes to the next value and takes its first byte. Returns its start and that byte.
    pub(in crate::decide) fn value(&mut self) -> Result<(usize, u8), JsonFault> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return Err("too many values");
        }
        self.scan.space();
        let start = self.scan.at();
        self.scan.next().map(|first| (start, first)).ok_or("not JSON: broken off")
    }

    /// Reads a string whose opening quote is taken.
    pub(in crate::decide) fn word(&mut self) -> Result<Word<'a>, JsonFault> {
        let text = self.scan.string()?;
        Ok(Word { text, broken: self.scan.met_half() })
    }

    /// Reads an object whose `{` is taken. `each` must take every member's value.
    pub(in crate::decide) fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, Word<'a>) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        self.deeper()?;
        self.scan.space();
        if !self.scan.eat(b'}') {
            loop {
                let name = self.name()?;
                each(self, name)?;
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array whose `[` is taken. `each` must take every element.
    pub(in crate::decide) fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        self.deeper()?;
        self.scan.space();
        if !self.scan.eat(b']') {
            loop {
                each(self)?;
                if self.ends(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Checks that only white space is left.
    pub(in crate::decide) fn end(&mut self) -> Result<(), JsonFault> {
        self.scan.space();
        self.scan.next().map_or(Ok(()), |_| Err("not JSON: something after the message"))
    }

    /// Skips a value whose first byte is taken. Nesting costs a bit, but no native stack.
    pub(in crate::decide) fn skip(&mut self, first: u8) -> Result<(), JsonFault> {
        let (base, mut first) = (self.depth, first);
        let mut objects = Kinds::default();
        loop {
            let opened = matches!(first, b'{' | b'[');
            if opened {
                self.deeper()?;
                objects.set(self.depth, first == b'{');
                self.scan.space();
            } else {
                self.scalar(first)?;
            }
            let empty = opened && self.scan.eat(if first == b'{' { b'}' } else { b']' });
            self.depth -= u32::from(empty);
            let mut at_start = opened && !empty;
            while !at_start {
                if self.depth == base {
                    return Ok(());
                }
                let end = if objects.has(self.depth) { b'}' } else { b']' };
                at_start = !self.ends(end)?;
                self.depth -= u32::from(!at_start);
            }
            if objects.has(self.depth) {
                self.name()?;
            }
            first = self.value()?.1;
        }
    }

    fn scalar(&mut self, first: u8) -> Result<(), JsonFault> {
        match first {
            b'"' => self.word().map(drop),
            // No item is named by a number. Readers read 1e400 as infinity, as a large number or as
            // an error, but all agree where it ends, so any reader sees the items that were judged
            // (SPEC I.1 attack 23).
            b'-' | b'0'..=b'9' => self.scan.numeral(first).map(drop),
            b't' => self.scan.literal("rue"),
            b'f' => self.scan.literal("alse"),
            b'n' => self.scan.literal("ull"),
            _ => Err("not JSON: no value where one must be"),
        }
    }

    /// Reads a member's name and its colon.
    fn name(&mut self) -> Result<Word<'a>, JsonFault> {
        self.scan.space();
        if !self.scan.eat(b'"') {
            return Err("not JSON: no member name where one must be");
        }
        let name = self.word()?;
        self.scan.space();
        if self.scan.eat(b':') { Ok(name) } else { Err("not JSON: no colon after a member name") }
    }

    /// After a value: whether its object or array ends, which the byte `end` closes.
    fn ends(&mut self, end: u8) -> Result<bool, JsonFault> {
        self.scan.space();
        match self.scan.next() {
            Some(b',') => Ok(false),
            Some(byte) if byte == end => Ok(true),
            Some(_) => Err("not JSON: neither a comma nor an end after a value"),
            None => Err("not JSON: broken off"),
        }
    }

    fn deeper(&mut self) -> Result<(), JsonFault> {
        self.depth += 1;
        if self.depth > LIST_JSON_DEPTH_MAX { Err("nested too deep") } else { Ok(()) }
    }
}

/// Which of the open values are objects: a bit for each depth.
#[derive(Default)]
struct Kinds([u64; Self::WORDS]);

impl Kinds {
    const WORDS: usize = LIST_JSON_DEPTH_MAX as usize / 64 + 1;

    fn has(&self, depth: u32) -> bool {
        self.0.get(depth as usize / 64).is_some_and(|bits| bits >> (depth % 64) & 1 == 1)
    }

    fn set(&mut self, depth: u32, is_object: bool) {
        if let Some(bits) = self.0.get_mut(depth as usize / 64) {
            *bits = *bits & !(1 << (depth % 64)) | u64::from(is_object) << (depth % 64);
        }
    }
}
