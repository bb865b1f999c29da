//! Finds the task in the answer to a call while it is relayed, in pieces of any size.

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    base::limits::messages::{TASK_ANSWER_BYTES_MAX, TASK_STREAM_BYTES_MAX},
    decide::{
        json::end::ValueEnd,
        mcp::answer::{
            event_stream::is_event_stream,
            sse::Events,
            task::{Task, made_by},
        },
    },
};

/// Searches an answer for the task that it creates.
#[derive(Debug)]
pub struct TaskSearch {
    reading: Reading,
    /// How many bytes are still searched: the answer names its task early.
    left: usize,
}

/// The part of the answer that has been read.
#[derive(Debug)]
enum Reading {
    Json(Whole),
    Events(Box<Events>),
    /// The search is over: one call creates one task.
    Nothing,
}

impl TaskSearch {
    /// A search at the start of an answer with these header fields.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { reading: Reading::of(headers), left: TASK_STREAM_BYTES_MAX }
    }

    /// Whether the search is over, with a task or without.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.reading, Reading::Nothing)
    }

    /// Takes the next piece, and returns the task that is complete with it.
    pub fn see(&mut self, piece: &Bytes) -> Option<Task> {
        match self.left.checked_sub(piece.len()) {
            Some(left) => self.left = left,
            None => self.reading = Reading::Nothing,
        }
        self.reading.take_in(piece)
    }

    /// Ends the answer, and returns the task that is complete with its end.
    pub fn end(&mut self) -> Option<Task> {
        let Reading::Events(events) = &mut self.reading else { return None };
        events.end();
        self.see(&Bytes::new())
    }
}

impl Reading {
    fn of(headers: &HeaderMap) -> Self {
        if is_event_stream(headers) {
            Self::Events(Box::new(Events::new(TASK_ANSWER_BYTES_MAX)))
        } else {
            Self::Json(Whole::default())
        }
    }

    /// The task that is complete with this piece.
    fn take_in(&mut self, piece: &Bytes) -> Option<Task> {
        let found = match self {
            Self::Nothing => return None,
            Self::Events(events) => {
                events.push(piece.clone());
                Some(first_task(events)?)
            }
            Self::Json(whole) => match whole.grow(piece) {
                Growth::More => return None,
                Growth::Complete => made_by(&whole.bytes),
                Growth::TooLong => None,
            },
        };
        *self = Self::Nothing;
        found
    }
}

fn first_task(events: &mut Events) -> Option<Task> {
    while let Some(event) = events.next() {
        // An event that is too long is skipped; the next event may have the task.
        let Ok(event) = event else { continue };
        if let Some(task) = event.data().and_then(|data| made_by(&data)) {
            return Some(task);
        }
    }
    None
}

/// The bytes of a JSON answer so far. Its end is found by its brackets, because hyper does not poll
/// a body of known length after its last byte, and a client may read a body of unknown length
/// before it ends.
#[derive(Debug, Default)]
struct Whole {
    bytes: Vec<u8>,
    end: ValueEnd,
}

#[derive(Debug, PartialEq)]
enum Growth {
    More,
    Complete,
    TooLong,
}

impl Whole {
    fn grow(&mut self, piece: &[u8]) -> Growth {
        if self.bytes.len() + piece.len() > TASK_ANSWER_BYTES_MAX {
            return Growth::TooLong;
        }
        for &byte in piece {
            self.bytes.push(byte);
            if self.end.is_at(byte) {
                return Growth::Complete;
            }
        }
        Growth::More
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const JSON: &str = r#" {"id":"}\"","result":{"task":{"taskId":"t]\\"}},"x":[{}]} "#;

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    /// The ids found in pieces of `size`, each with the number of bytes read so far.
    fn found(headers: &HeaderMap, body: &str, size: usize) -> Vec<(String, usize)> {
        let mut search = TaskSearch::of(headers);
        let mut seen = 0;
        let mut found = Vec::new();
        for piece in body.as_bytes().chunks(size) {
            seen += piece.len();
            found.extend(search.see(&Bytes::copy_from_slice(piece)).map(|task| (task.id, seen)));
        }
        found
    }

    #[test]
    fn c87_json_is_read_when_its_last_bracket_has_come_however_it_is_cut() {
        let json = headers("application/json");
        for size in 1..=JSON.len() {
            let whole = (JSON.len() - 1).next_multiple_of(size).min(JSON.len());
            assert_eq!(found(&json, JSON, size), [("t]\\".to_owned(), whole)], "in pieces of {size}");
        }
        let broken_off = JSON.trim_end().strip_suffix('}').unwrap();
        for body in [&format!("[{JSON}]"), "}{", r#""{}""#, &format!("{{}}{JSON}"), broken_off] {
            assert_eq!(found(&json, body, 3), [], "{body}");
        }
    }

    #[test]
    fn c87_events_are_read_one_by_one_however_they_are_cut() {
        let stream = headers("Text/Event-Stream; charset=utf-8");
        let long = format!("data: {JSON}{}\n\n", " ".repeat(TASK_ANSWER_BYTES_MAX));
        let event = format!(": c\nid: 1\ndata:\n\ndata: {{\"method\":\"x\"}}\n\ndata:{JSON}\n\n");
        for size in [1, 2, 3, 7, 64, 1_000] {
            let whole = event.len().next_multiple_of(size).min(event.len());
            assert_eq!(found(&stream, &event, size), [("t]\\".to_owned(), whole)], "in pieces of {size}");
        }
        assert_eq!(found(&stream, &long, 4_096), [], "an event over the bound");
        assert_eq!(found(&stream, &format!("{long}{event}"), 4_096).len(), 1, "and a good one behind it");
        assert_eq!(found(&stream, &format!("{event}{event}"), 50).len(), 1, "one call makes one task");
        assert_eq!(found(&stream, &format!("data: {JSON}\n"), 4_096), [], "not dispatched");
    }

    #[test]
    fn c87_what_is_too_long_is_not_read() {
        let json = headers("application/json");
        let fits = |length: usize| format!("{}{JSON}", " ".repeat(length - JSON.len()));
        assert_eq!(found(&json, &fits(TASK_ANSWER_BYTES_MAX), 4_096).len(), 1);
        assert_eq!(found(&json, &fits(TASK_ANSWER_BYTES_MAX + 4_096), 4_096), []);
    }
}
