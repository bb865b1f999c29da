//! Stops HTTP/1.1 framing that two parsers could read differently (SPEC F-03, F-09).

use crate::base::limits::{connections::CHUNK_EXTENSION_BYTES_MAX, heads::HeadBounds};

pub mod blocks;
pub mod frames;
mod head;
mod hpack;
#[cfg(test)]
mod tests;
pub mod violation;

use head::Head;
use violation::{FramingFault, Violation};

/// How many empty lines before a request line are ignored (RFC 9112 §2.2).
const EMPTY_LINES_MAX: u8 = 2;
/// A chunk of 2^60 bytes is an attempt at an overflow.
const CHUNK_SIZE_DIGITS_MAX: u8 = 15;

/// Watches the incoming bytes of one connection, which come in pieces of any size.
#[derive(Debug)]
pub struct Framing {
    /// Request line and fields together. The request path refuses a head that is only large, with a
    /// better answer. This bound limits the bytes that are held here, below the bound of the HTTP
    /// library.
    head_bytes_max: usize,
    state: State,
    head: Head,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    line_bytes: usize,
}

/// Where a connection must stop, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halt {
    /// How many bytes of the watched piece may pass. No byte of a faulty head passes.
    pub at: usize,
    /// Whether the fault is in a body, whose request has passed already.
    pub in_body: bool,
    /// The violation.
    pub violation: Violation,
    /// The violation in words.
    pub what: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a request line, after this many empty lines.
    Between(u8),
    /// In a head, after its request line.
    Fields,
    /// In a body of known length: bytes left, never 0.
    Body(u64),
    /// In a chunk's size: value and digits so far.
    Size(u64, u8),
    /// In a chunk's extension: size, and bytes of the extension so far.
    Extension(u64, usize),
    /// Before the line feed that ends a chunk's size.
    SizeEnd(u64),
    /// In a chunk's data: bytes left, never 0.
    Data(u64),
    /// Before the carriage return that ends a chunk's data.
    DataEnd,
    /// Before the line feed that ends a chunk's data.
    DataEnded,
    /// In the trailer section.
    Trailers,
}

impl Default for State {
    fn default() -> Self {
        Self::Between(0)
    }
}

impl Framing {
    /// The watch over a new connection.
    #[must_use]
    pub fn new(bounds: HeadBounds) -> Self {
        Self {
            head_bytes_max: bounds.held_bytes(),
            state: State::default(),
            head: Head::default(),
            partial: Vec::new(),
            line_bytes: 0,
        }
    }

    /// Whether a head has begun and not ended. Its timeout runs meanwhile.
    #[must_use]
    pub fn is_in_head(&self) -> bool {
        match self.state {
            State::Between(empty_lines) => empty_lines > 0 || !self.partial.is_empty(),
            State::Fields => true,
            _ => false,
        }
    }

    /// Watches the next piece, and returns how many of its bytes may pass. A head passes when it is
    /// whole; until then its beginning is kept. After a violation the connection must end, because
    /// the next bytes have no meaning.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn watch(&mut self, bytes: &[u8]) -> Result<usize, Halt> {
        let (mut rest, mut passes) = (bytes, 0);
        while !rest.is_empty() {
            if !self.is_in_head() {
                passes = bytes.len() - rest.len();
            }
            let in_body = !matches!(self.state, State::Between(_) | State::Fields);
            rest = self.step(rest).map_err(|(violation, what)| Halt { at: passes, in_body, violation, what })?;
        }
        Ok(if self.is_in_head() { passes } else { bytes.len() })
    }

    /// Reads one line, one run of data or one byte.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], FramingFault> {
        match self.state {
            State::Between(_) | State::Fields | State::Trailers => self.gather_line(bytes),
            State::Body(left) => Ok(self.skip(bytes, left, State::Body, State::Between(0))),
            State::Data(left) => Ok(self.skip(bytes, left, State::Data, State::DataEnd)),
            _ => {
                let (byte, rest) = bytes.split_first().ok_or((Violation::Chunk, "no byte"))?;
                self.state = self.chunk_byte(*byte)?;
                Ok(rest)
            }
        }
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, more: fn(u64) -> State, done: State) -> &'a [u8] {
        let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let left = left - here as u64;
        self.state = if left == 0 { done } else { more(left) };
        bytes.get(here..).unwrap_or_default()
    }

    fn chunk_byte(&self, byte: u8) -> Result<State, FramingFault> {
        match (self.state, byte) {
            (State::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                if digits == CHUNK_SIZE_DIGITS_MAX {
                    return Err((Violation::Chunk, "a chunk size that is too long"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Ok(State::Size(size * 16 + u64::from(digit), digits + 1))
            }
            (State::Size(_, 0), _) => Err((Violation::Chunk, "a chunk without a size")),
            (State::Size(size, _), b';') => Ok(State::Extension(size, 0)),
            (State::Size(size, _) | State::Extension(size, _), b'\r') => Ok(State::SizeEnd(size)),
            (State::Extension(_, bytes), _) if bytes == CHUNK_EXTENSION_BYTES_MAX => {
                Err((Violation::Chunk, "a chunk extension that is too long"))
            }
            (State::Extension(size, bytes), b'\t' | 0x20..=0x7E) => Ok(State::Extension(size, bytes + 1)),
            (State::SizeEnd(0), b'\n') => Ok(State::Trailers),
            (State::SizeEnd(size), b'\n') => Ok(State::Data(size)),
            (State::DataEnd, b'\r') => Ok(State::DataEnded),
            (State::DataEnded, b'\n') => Ok(State::Size(0, 0)),
            _ => Err((Violation::Chunk, "a chunk that is not framed as RFC 9112 §7.1 says")),
        }
    }

    /// Reads to the end of a line. A line that comes in pieces is joined first.
    fn gather_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], FramingFault> {
        if self.state == State::Between(0) && self.partial.is_empty() {
            head::check_first(bytes)?;
        }
        let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
        let (line, rest) =
            bytes.split_at_checked(end.unwrap_or(bytes.len())).ok_or((Violation::RequestLine, "no line"))?;
        self.line_bytes += line.len();
        if self.line_bytes > self.head_bytes_max {
            return Err(match self.state {
                State::Between(_) => (Violation::TargetTooLong, "a request line that is too long"),
                _ => (Violation::HeadTooLarge, "a head that is too long"),
            });
        }
        if end.is_none() {
            self.partial.extend_from_slice(line);
            return Ok(rest);
        }
        if self.partial.is_empty() {
            self.line(line)?;
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(line);
            self.line(&whole)?;
        }
        Ok(rest)
    }

    /// Judges one whole line, including its end.
    fn line(&mut self, line: &[u8]) -> Result<(), FramingFault> {
        let line = line
            .strip_suffix(b"\r\n")
            .ok_or((Violation::BareLineFeed, "a line that ends without a carriage return"))?;
        self.state = match self.state {
            State::Between(EMPTY_LINES_MAX) if line.is_empty() => {
                return Err((Violation::EmptyLines, "too many empty lines before a request"));
            }
            State::Between(empty) if line.is_empty() => State::Between(empty + 1),
            State::Between(_) => {
                self.head = Head::begin(line)?;
                State::Fields
            }
            State::Fields if line.is_empty() => {
                self.line_bytes = 0;
                match self.head.body()? {
                    head::Body::Chunked => State::Size(0, 0),
                    head::Body::Length(0) => State::Between(0),
                    head::Body::Length(bytes) => State::Body(bytes),
                }
            }
            State::Fields => {
                self.head.field(line)?;
                State::Fields
            }
            // Trailers are dropped later. Here they must only be lines whose end all readers agree
            // about.
            _ if line.is_empty() => {
                self.line_bytes = 0;
                State::Between(0)
            }
            _ => {
                head::split_field(line)?;
                State::Trailers
            }
        };
        Ok(())
    }
}
