//! Whether an answer is an event stream.

use http::{HeaderMap, header::CONTENT_TYPE};

use crate::base::media;

/// Whether an answer with these header fields is a stream of events.
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| media::is(value.as_bytes(), "text/event-stream"))
}
