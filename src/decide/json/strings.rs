//! JSON strings, unescaped only when needed, and the check for duplicate names.

use std::{borrow::Cow, cmp::Ordering, str::Chars};

use bytes::Bytes;

use crate::base::text::Text;

/// The text between two quotes. The scan has checked that every escape is valid.
#[derive(Clone, Copy)]
pub(in crate::decide) struct Quoted<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Quoted<'a> {
    /// `escaped`: whether `raw` has a backslash.
    pub(in crate::decide) fn new(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The text as written, with its escapes.
    pub(in crate::decide) fn raw(self) -> &'a str {
        self.raw
    }

    /// The unescaped text.
    pub(in crate::decide) fn meaning(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(self.chars().collect()) } else { Cow::Borrowed(self.raw) }
    }

    /// The unescaped text. It shares the bytes of `body` if the string has no escapes.
    pub(in crate::decide) fn text(self, body: &Bytes) -> Text {
        match self.meaning() {
            Cow::Borrowed(part) => Text::part_of(body, part),
            Cow::Owned(text) => Text::from(text),
        }
    }

    fn chars(self) -> Unescaped<'a> {
        Unescaped(self.raw.chars())
    }

    #[inline]
    fn same(self, other: Self) -> bool {
        if self.escaped || other.escaped { self.chars().eq(other.chars()) } else { self.raw == other.raw }
    }

    /// Compares by code points, which is also the order of UTF-8 bytes, so both arms agree.
    fn order(self, other: Self) -> Ordering {
        if self.escaped || other.escaped { self.chars().cmp(other.chars()) } else { self.raw.cmp(other.raw) }
    }
}

struct Unescaped<'a>(Chars<'a>);

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => Some(self.escape().unwrap_or(char::REPLACEMENT_CHARACTER)),
            plain => Some(plain),
        }
    }
}

impl Unescaped<'_> {
    fn escape(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.code_point(),
            itself => itself,
        })
    }

    fn code_point(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if !(0xD800..=0xDBFF).contains(&unit) {
            return char::from_u32(unit);
        }
        self.0.nth(1)?;
        let low = self.unit()?;
        char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + low.checked_sub(0xDC00)?)
    }

    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit * 16 + self.0.next()?.to_digit(16)?))
    }
}

/// The member names of all open objects, the innermost last.
pub(in crate::decide) struct Names<'a>(Vec<Quoted<'a>>);

/// Up to this number of names, each name is compared with each; a larger object is sorted once, at
/// its end. Unlike a hash map, a sort cannot be made slow by chosen names, and needs no random
/// seed.
const COMPARED: usize = 16;

impl<'a> Names<'a> {
    /// An empty list.
    pub(in crate::decide) fn new() -> Self {
        Self(Vec::with_capacity(24))
    }

    /// The mark of an object that opens now: where its names will start.
    pub(in crate::decide) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Notes a name of the innermost object, which started at `mark`. False if the name is a known
    /// duplicate.
    #[inline]
    pub(in crate::decide) fn is_new(&mut self, mark: usize, name: Quoted<'a>) -> bool {
        let earlier = self.0.get(mark..).unwrap_or_default();
        let twice = earlier.len() < COMPARED && earlier.iter().any(|known| known.same(name));
        self.0.push(name);
        !twice
    }

    /// Ends the object that started at `mark`. False if it has a duplicate that `is_new` did not
    /// find.
    #[inline]
    pub(in crate::decide) fn end(&mut self, mark: usize) -> bool {
        let names = self.0.get_mut(mark..).unwrap_or_default();
        let differ = names.len() <= COMPARED || {
            names.sort_unstable_by(|a, b| a.order(*b));
            names.is_sorted_by(|a, b| a.order(*b) == Ordering::Less)
        };
        self.0.truncate(mark);
        differ
    }
}
