//! Reads the tokens of JSON exactly as RFC 8259 defines them.

use std::mem;

use crate::{base::limits::messages::JSON_NUMBER_BYTES_MAX, decide::json::run};

use super::strings::Quoted;

/// Why the text is not JSON with one meaning.
pub(in crate::decide) type JsonFault = &'static str;

/// The only fault that is not about the grammar: the text is JSON, but readers disagree about its
/// value.
pub(in crate::decide) const OUT_OF_RANGE: JsonFault = "a number out of range";

/// How many bytes of a string are read one by one.
const SHORT: usize = 16;

/// The bytes that end a run of ordinary bytes in a string.
#[inline]
fn ends_run(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// A place in the text.
pub(in crate::decide) struct Scan<'a> {
    text: &'a str,
    at: usize,
    met_half: bool,
}

impl<'a> Scan<'a> {
    /// A scan at the start of `text`, which is UTF-8 by its type, so that no scan checks it again.
    pub(in crate::decide) fn new(text: &'a str) -> Self {
        Self { text, at: 0, met_half: false }
    }

    /// Whether there was half a surrogate pair since the last check. Clients and servers that
    /// truncate a text write it. Readers turn it into U+FFFD, WTF-8 or an error, which makes three
    /// names out of one, so a string that decides may have none (SPEC C-29).
    #[inline]
    pub(in crate::decide) fn met_half(&mut self) -> bool {
        mem::take(&mut self.met_half)
    }

    /// The current place, for [`Self::since`].
    #[inline]
    pub(in crate::decide) fn at(&self) -> usize {
        self.at
    }

    /// The text from `start` to here.
    #[inline]
    pub(in crate::decide) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte, taken.
    #[inline]
    pub(in crate::decide) fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `wanted` if it is next.
    #[inline]
    pub(in crate::decide) fn eat(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips the four whitespace bytes of RFC 8259 §2.
    #[inline]
    pub(in crate::decide) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads the rest of `true`, `false` or `null`.
    pub(in crate::decide) fn literal(&mut self, rest: &str) -> Result<(), JsonFault> {
        if self.text.get(self.at..).is_some_and(|text| text.starts_with(rest)) {
            self.at += rest.len();
            Ok(())
        } else {
            Err("not JSON: a word that is not true, false or null")
        }
    }

    /// Reads a string whose opening quote is taken.
    #[inline]
    pub(in crate::decide) fn string(&mut self) -> Result<Quoted<'a>, JsonFault> {
        let start = self.at;
        let mut escaped = false;
        // Most strings are short names, which are faster to read byte by byte than in lanes.
        let short = self.text.as_bytes().get(start..).unwrap_or_default().iter().take(SHORT);
        self.at += short.take_while(|byte| !ends_run(**byte)).count();
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            if rest.first().is_some_and(|byte| !ends_run(*byte)) {
                self.at += run::until(rest, ends_run);
            }
            let end = self.at;
            match self.next() {
                Some(b'"') => {
                    let raw = self.text.get(start..end).unwrap_or_default();
                    return Ok(Quoted::new(raw, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err("not JSON: a control character inside a string"),
                None => return Err("not JSON: a string without an end"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonFault> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.unit()? {
                0xDC00..=0xDFFF => {
                    self.met_half = true;
                    Ok(())
                }
                0xD800..=0xDBFF => {
                    let behind = self.at;
                    if self.eat(b'\\') && self.eat(b'u') && matches!(self.unit()?, 0xDC00..=0xDFFF) {
                        return Ok(());
                    }
                    self.at = behind;
                    self.met_half = true;
                    Ok(())
                }
                _ => Ok(()),
            },
            _ => Err("not JSON: an unknown escape"),
        }
    }

    fn unit(&mut self) -> Result<u32, JsonFault> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or("not JSON: an escape without four hex digits")?;
        }
        Ok(unit)
    }

    /// Reads a number that all readers read alike. Its first byte, `first`, is taken.
    pub(in crate::decide) fn number(&mut self, first: u8) -> Result<(), JsonFault> {
        let start = self.at.saturating_sub(1);
        let exponent = self.numeral(first)?;
        let raw = self.since(start);
        if raw.len() > JSON_NUMBER_BYTES_MAX {
            return Err("a number that is too long");
        }
        // Beyond a double, some readers read infinity and some fail (SPEC I.1 attack 23). Without
        // an exponent the bound above keeps every number far smaller.
        if exponent && !raw.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(OUT_OF_RANGE);
        }
        Ok(())
    }

    /// Reads any number of RFC 8259 §6. Its first byte, `first`, is taken. Returns whether it has
    /// an exponent.
    pub(in crate::decide) fn numeral(&mut self, first: u8) -> Result<bool, JsonFault> {
        const WRONG: JsonFault = "not JSON: not a number";
        let lead = if first == b'-' { self.next().ok_or(WRONG)? } else { first };
        match lead {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return Err(WRONG),
        }
        if self.eat(b'.') {
            self.some_digits().ok_or(WRONG)?;
        }
        let exponent = self.eat(b'e') || self.eat(b'E');
        if exponent {
            let _signed = self.eat(b'+') || self.eat(b'-');
            self.some_digits().ok_or(WRONG)?;
        }
        Ok(exponent)
    }

    fn some_digits(&mut self) -> Option<()> {
        let start = self.at;
        self.digits();
        (self.at > start).then_some(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }
}
