//! Watches HTTP/2 header blocks for faults that the HTTP library hides (attack 191).
//!
//! A target must not have a fragment, and trailers must not have pseudo-header fields (RFC 9113
//! §8.1, §8.3.1). The library silently cuts off the fragment and skips the fields. It judges
//! everything else: if this watch cannot read the bytes, it stops, and the library usually ends the
//! connection.

use crate::{
    base::limits::heads::HeadBounds,
    decide::fields::framing::hpack::{BlockFault, Section, Table},
};

#[cfg(test)]
mod tests;

/// `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, which the library compares.
const PREFACE_BYTES: usize = 24;
/// RFC 9113 §4.1: length, type, flags, stream.
const HEAD_BYTES: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// The bytes that PRIORITY puts before a block.
const PRIORITY_BYTES: usize = 5;

/// Watches the incoming bytes of one HTTP/2 connection, which come in pieces of any size.
#[derive(Debug)]
pub struct Blocks {
    /// The library refuses a larger block.
    block_bytes_max: usize,
    preface: usize,
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// The bytes of the current payload that have not come yet.
    left: usize,
    frame: Frame,
    /// The current payload, if it comes in several pieces.
    payload: Vec<u8>,
    /// The part of the current block from earlier frames.
    block: Vec<u8>,
    is_in_block: bool,
    section: Section,
    last_stream: u32,
    table: Table,
    is_over: bool,
}

/// The current frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Frame {
    #[default]
    Other,
    Headers {
        flags: u8,
    },
    Continuation {
        flags: u8,
    },
}

/// A violation that cannot be made harmless by changing a byte: the connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Blocks {
    /// The watch over a new connection.
    #[must_use]
    pub fn new(bounds: HeadBounds) -> Self {
        Self {
            block_bytes_max: bounds.h2_packed_bytes(),
            preface: 0,
            head: [0; HEAD_BYTES],
            filled: 0,
            left: 0,
            frame: Frame::Other,
            payload: Vec::new(),
            block: Vec::new(),
            is_in_block: false,
            section: Section::default(),
            last_stream: 0,
            table: Table::default(),
            is_over: false,
        }
    }

    /// Watches the next piece. Replaces a `#` in `:path` by a byte that makes the library reset the
    /// stream.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn watch(&mut self, bytes: &mut [u8]) -> Result<(), Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let wanted = match (PREFACE_BYTES - self.preface, self.left) {
                (0, 0) => HEAD_BYTES - self.filled,
                (0, left) => left,
                (preface, _) => preface,
            };
            let here = wanted.min(rest.len());
            let Some((taken, after)) = rest.split_at_mut_checked(here) else { return Ok(()) };
            rest = after;
            if self.preface < PREFACE_BYTES {
                self.preface += here;
            } else if self.left > 0 {
                self.left -= here;
                self.take(taken)?;
            } else {
                if let Some(room) = self.head.get_mut(self.filled..self.filled + here) {
                    room.copy_from_slice(taken);
                }
                self.filled += here;
                if self.filled == HEAD_BYTES {
                    self.begin()?;
                }
            }
        }
        Ok(())
    }

    /// Reads a frame's head.
    fn begin(&mut self) -> Result<(), Malformed> {
        let [a, b, c, kind, flags, w, x, y, z] = self.head;
        self.filled = 0;
        self.left = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let stream = u32::from_be_bytes([w & 0x7f, x, y, z]);
        self.frame = match kind {
            HEADERS => {
                self.section = if stream > self.last_stream { Section::Head } else { Section::Trailers };
                self.last_stream = self.last_stream.max(stream);
                Frame::Headers { flags }
            }
            CONTINUATION => Frame::Continuation { flags },
            _ => Frame::Other,
        };
        // No other frame may come between the frames of a block; the library ends the connection if
        // one does (RFC 9113 §6.10).
        self.is_over = self.is_in_block != matches!(self.frame, Frame::Continuation { .. });
        if self.frame != Frame::Other && self.left + self.block.len() > self.block_bytes_max {
            return self.give_up();
        }
        if self.left == 0 { self.take(&mut []) } else { Ok(()) }
    }

    /// Takes a piece of the payload.
    fn take(&mut self, piece: &mut [u8]) -> Result<(), Malformed> {
        let (Frame::Headers { flags } | Frame::Continuation { flags }) = self.frame else { return Ok(()) };
        let is_whole = self.left == 0;
        let is_last = flags & END_HEADERS != 0;
        // Usually the block comes in one piece, and nothing is copied.
        if is_whole && self.payload.is_empty() && is_last && !self.is_in_block {
            let Some(fragment) = stripped(self.frame, piece) else { return self.give_up() };
            return match self.table.read(fragment, self.section, &mut false) {
                Ok(()) => Ok(()),
                Err(fault) => self.refuse(fault),
            };
        }
        self.payload.extend_from_slice(piece);
        if !is_whole {
            return Ok(());
        }
        let mut payload = std::mem::take(&mut self.payload);
        let Some(fragment) = stripped(self.frame, &mut payload) else { return self.give_up() };
        self.block.extend_from_slice(fragment);
        self.is_in_block = !is_last;
        if !is_last {
            return Ok(());
        }
        let mut block = std::mem::take(&mut self.block);
        let mut is_spoilt = false;
        match self.table.read(&mut block, self.section, &mut is_spoilt) {
            // The library has the earlier bytes already.
            _ if is_spoilt => Err(Malformed("a fragment in :path")),
            Ok(()) => Ok(()),
            Err(fault) => self.refuse(fault),
        }
    }

    fn refuse(&mut self, fault: BlockFault) -> Result<(), Malformed> {
        match fault {
            BlockFault::PseudoInTrailers => Err(Malformed("a pseudo-header field in trailers")),
            BlockFault::Unreadable => self.give_up(),
        }
    }

    /// Stops the watch: the library ends the connection or the stream.
    #[expect(clippy::unnecessary_wraps, reason = "it is what the caller returns")]
    fn give_up(&mut self) -> Result<(), Malformed> {
        self.is_over = true;
        (self.payload, self.block) = (Vec::new(), Vec::new());
        Ok(())
    }
}

/// A payload without padding and priority; `None` if they are longer than the payload.
fn stripped(frame: Frame, payload: &mut [u8]) -> Option<&mut [u8]> {
    let Frame::Headers { flags } = frame else { return Some(payload) };
    let (padding, payload) = match flags & PADDED {
        0 => (0, payload),
        _ => payload.split_first_mut().map(|(first, rest)| (usize::from(*first), rest))?,
    };
    let begin = if flags & PRIORITY != 0 { PRIORITY_BYTES } else { 0 };
    let end = payload.len().checked_sub(padding)?;
    payload.get_mut(begin..end)
}
