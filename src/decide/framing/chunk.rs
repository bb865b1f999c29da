//! A chunked body, up to the end of its trailer section (RFC 9112 §7.1).

use super::{
    Fault, Step,
    field::{Done, Fields},
    run,
};
use crate::base::limits::CHUNK_EXTENSION_BYTES_MAX;

/// Fifteen digits cannot overflow 64 bits, whatever adds a line end's length to them.
const SIZE_DIGITS_MAX: u8 = 15;

#[derive(Debug)]
enum State {
    Size,
    Extension,
    SizeLf,
    /// Bytes of this chunk that are still to come; never none.
    Data(u64),
    DataCr,
    DataLf,
    Trailers,
}

/// Follows the chunks.
#[derive(Debug)]
pub(super) struct Chunk {
    state: State,
    size: u64,
    digits: u8,
    extension_bytes: usize,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self { state: State::Size, size: 0, digits: 0, extension_bytes: 0 }
    }

    /// Takes bytes of `rest`, which has one; whether the body ends with it. `trailers` follows no lines now.
    pub(super) fn take(&mut self, rest: &[u8], trailers: &mut Fields) -> Step<(usize, bool)> {
        match self.state {
            State::Trailers => {
                // Nothing in a trailer section is believed; it may only not end in two ways.
                let (taken, done) = trailers.take(rest)?;
                Ok((taken, done == Done::Section))
            }
            State::Data(left) => {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let left = left.saturating_sub(taken as u64);
                self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                Ok((taken, false))
            }
            State::Extension => self.extension(rest).map(|taken| (taken, false)),
            _ => {
                let Some(byte) = rest.first() else {
                    return Ok((0, false));
                };
                self.state = self.line(*byte).map_err(|what| (0, Fault::bad(what)))?;
                Ok((1, false))
            }
        }
    }

    fn line(&mut self, byte: u8) -> Result<State, &'static str> {
        match (&self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeLf),
            (State::Size, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size, byte) => {
                let digit = char::from(byte).to_digit(16).ok_or("a chunk size that is no hex number")?;
                if self.digits == SIZE_DIGITS_MAX {
                    return Err("a chunk size that is too long");
                }
                self.digits += 1;
                self.size = self.size * 16 + u64::from(digit);
                Ok(State::Size)
            }
            (State::SizeLf, b'\n') => {
                let size = self.size;
                (self.size, self.digits, self.extension_bytes) = (0, 0, 0);
                Ok(if size == 0 { State::Trailers } else { State::Data(size) })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::DataCr | State::DataLf, _) => Err("a chunk that does not end where it says"),
            (State::SizeLf | State::Extension | State::Data(_) | State::Trailers, _) => Err("a bare carriage return"),
        }
    }

    /// Extensions carry nothing for us. A bare line feed in one is where parsers part (CVE-2025-55315).
    fn extension(&mut self, rest: &[u8]) -> Step<usize> {
        let room = CHUNK_EXTENSION_BYTES_MAX.saturating_sub(self.extension_bytes).min(rest.len());
        let len = run::until(rest.get(..room).unwrap_or_default(), |byte| !is_extension(byte));
        self.extension_bytes += len;
        match rest.get(len) {
            None => Ok(len),
            Some(b'\r') => {
                self.state = State::SizeLf;
                Ok(len + 1)
            }
            Some(byte) if is_extension(*byte) => Err((len, Fault::bad("a chunk extension over the limit"))),
            Some(_) => Err((len, Fault::bad("a control character in a chunk extension"))),
        }
    }
}

fn is_extension(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}
