//! Splits an event stream into events, and reads them (WHATWG HTML §9.2.5).

mod boundary;
pub(super) mod field;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use self::boundary::EventBoundary;

/// Splits a stream into events, in whatever pieces it comes.
///
/// After each [`push`](Self::push), call [`next`](Self::next) until it returns `None`. The raw
/// bytes of all events and [`rest`](Self::rest) are the stream, byte for byte.
#[derive(Debug)]
pub struct Events {
    event_bytes_max: usize,
    boundary: EventBoundary,
    /// The bytes of the unfinished event from earlier pieces.
    held: BytesMut,
    /// Pushed bytes that were not read yet.
    piece: Bytes,
    /// Whether the unfinished event is over the bound and is being skipped.
    skipping: bool,
    ended: bool,
}

/// An event is longer than the bound. It is skipped; the next event is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Events {
    /// A reader at the start of a stream. Events may have `event_bytes_max` bytes.
    #[must_use]
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            event_bytes_max,
            boundary: EventBoundary::default(),
            held: BytesMut::new(),
            piece: Bytes::new(),
            skipping: false,
            ended: false,
        }
    }

    /// Adds the next piece of the stream.
    pub fn push(&mut self, piece: Bytes) {
        if self.piece.is_empty() {
            self.piece = piece;
        } else if !piece.is_empty() {
            let mut both = BytesMut::with_capacity(self.piece.len() + piece.len());
            both.extend_from_slice(&self.piece);
            both.extend_from_slice(&piece);
            self.piece = both.freeze();
        }
    }

    /// Ends the stream. An event that only waited for the LF of a CRLF is complete now.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next complete event. An event is complete when its last byte has come, unless that byte
    /// may be the first half of a CRLF.
    #[expect(clippy::should_implement_trait, reason = "nothing now is not the end: more comes with the next piece")]
    pub fn next(&mut self) -> Option<Result<Event, TooLong>> {
        loop {
            let end = match self.boundary.next(&self.piece) {
                Some(end) => end,
                None if self.ended && self.boundary.waits() => self.piece.len(),
                None => return self.hold().map(Err),
            };
            let tail = self.piece.split_to(end);
            let lead = self.boundary.begin();
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.held.len() + tail.len() > self.event_bytes_max {
                self.held = BytesMut::new();
                return Some(Err(TooLong));
            }
            if self.held.is_empty() {
                return Some(Ok(Event { raw: tail, lead }));
            }
            self.held.extend_from_slice(&tail);
            return Some(Ok(Event { raw: std::mem::take(&mut self.held).freeze(), lead }));
        }
    }

    /// Keeps the bytes of the unfinished event, up to the bound.
    fn hold(&mut self) -> Option<TooLong> {
        let tail = std::mem::take(&mut self.piece);
        if self.skipping {
            return None;
        }
        if self.held.len() + tail.len() > self.event_bytes_max {
            self.held = BytesMut::new();
            self.skipping = true;
            return Some(TooLong);
        }
        self.held.extend_from_slice(&tail);
        None
    }

    /// The number of bytes that are kept here.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len() + self.piece.len()
    }

    /// The bytes of the unfinished event.
    #[must_use]
    pub fn rest(mut self) -> Bytes {
        if self.held.is_empty() {
            return self.piece;
        }
        self.held.extend_from_slice(&self.piece);
        self.held.freeze()
    }
}

/// One event, or lines that do not make an event: a comment before its fields, an `id` or a `retry`
/// without data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    raw: Bytes,
    /// The number of bytes before its first line: a byte order mark, or the LF of the previous line
    /// end.
    lead: usize,
}

impl Event {
    /// The raw bytes, up to and including the blank line; of a comment, up to the end of its line.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The data, with lines joined by LF; `None` for an event without data, which clients ignore.
    #[must_use]
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut pieces = self.values(b"data");
        let first = pieces.next()?;
        let Some(second) = pieces.next() else { return Some(Cow::Borrowed(first)) };
        let mut joined = Vec::with_capacity(self.raw.len());
        joined.extend_from_slice(first);
        for piece in std::iter::once(second).chain(pieces) {
            joined.push(b'\n');
            joined.extend_from_slice(piece);
        }
        Some(Cow::Owned(joined))
    }

    /// The event type; `None` for the default, `message`.
    #[must_use]
    pub fn kind(&self) -> Option<&[u8]> {
        self.values(b"event").last().filter(|kind| !kind.is_empty())
    }

    /// Whether a line has `{` or `[` where a field name is expected: a message outside of an event.
    #[must_use]
    pub fn holds_bare_message(&self) -> bool {
        self.lines().any(|line| memchr2(b'{', b'[', line.name()).is_some())
    }

    /// The id that a client sends as `Last-Event-ID` from now on; an empty id resets it.
    #[must_use]
    pub fn id(&self) -> Option<&[u8]> {
        self.values(b"id").filter(|id| memchr::memchr(0, id).is_none()).last()
    }

    /// The event with other `data`, at the place where its data began. All other lines and comments
    /// stay unchanged.
    #[must_use]
    pub fn with_data(&self, data: &[u8]) -> Bytes {
        let mut edited = Vec::with_capacity(self.raw.len() + data.len());
        edited.extend_from_slice(self.raw.get(..self.lead).unwrap_or_default());
        let (mut end_before, mut is_written) = (None, false);
        for line in self.lines() {
            let (is_data, is_blank) = (line.name() == b"data", line.text.is_empty());
            if (is_data || is_blank) && !is_written {
                write_data(&mut edited, data, &line, end_before.unwrap_or(line.end));
                is_written = true;
            }
            if is_blank && line.end == b"\n" && edited.ends_with(b"\r") {
                // The lines between were removed. Without this LF, CR and LF would become one line
                // end, and the event would lose its blank line.
                edited.push(b'\n');
            }
            if !is_data {
                edited.extend_from_slice(line.text);
                edited.extend_from_slice(line.end);
            }
            end_before = Some(line.end);
        }
        Bytes::from(edited)
    }

    fn values<'a>(&'a self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.lines().filter(move |line| line.name() == name).map(|line| line.value())
    }

    fn lines(&self) -> Lines<'_> {
        Lines(self.raw.get(self.lead..).unwrap_or_default())
    }
}

/// Writes `data` as one line for each of its lines, because a line break would end the field. The
/// lines are formatted as `model`, if that is a data line.
fn write_data(out: &mut Vec<u8>, data: &[u8], model: &Line<'_>, end_before: &[u8]) {
    let (name, end): (&[u8], _) = match model.text.strip_prefix(b"data:") {
        Some(value) if value.first() != Some(&b' ') => (b"data:", model.end),
        Some(_) => (b"data: ", model.end),
        None => (b"data: ", if model.text.is_empty() { end_before } else { model.end }),
    };
    let mut rest = Some(data);
    while let Some(text) = rest {
        let line = memchr2(b'\r', b'\n', text).and_then(|at| text.get(..at)).unwrap_or(text);
        rest = text.get(line.len()..).and_then(behind_end);
        out.extend_from_slice(name);
        if name.ends_with(b":") && line.first() == Some(&b' ') {
            out.push(b' ');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(end);
    }
}

/// `text` after the line end that it begins with; `None` if it does not begin with a line end.
fn behind_end(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\r\n").or_else(|| text.strip_prefix(b"\r")).or_else(|| text.strip_prefix(b"\n"))
}

/// One line and its line end.
struct Line<'a> {
    text: &'a [u8],
    end: &'a [u8],
}

impl<'a> Line<'a> {
    /// The field name; empty for a comment.
    fn name(&self) -> &'a [u8] {
        let end = memchr::memchr(b':', self.text).unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or_default()
    }

    fn value(&self) -> &'a [u8] {
        let value = self.text.get(self.name().len() + 1..).unwrap_or_default();
        value.strip_prefix(b" ").unwrap_or(value)
    }
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let at = memchr2(b'\r', b'\n', self.0)?;
        let (text, rest) = self.0.split_at_checked(at)?;
        let after = behind_end(rest)?;
        let end = rest.get(..rest.len() - after.len())?;
        self.0 = after;
        Some(Line { text, end })
    }
}
