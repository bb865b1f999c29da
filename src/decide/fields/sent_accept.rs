//! Tells whether a client accepts the media types that MCP answers with.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method, header::ACCEPT};

use crate::base::media;

/// `Accept` as the client sent it. It shares the bytes of the request's head.
#[derive(Clone, Debug)]
pub struct SentAccept {
    first: Option<HeaderValue>,
    /// The other lines. They are rare.
    others: Box<[HeaderValue]>,
}

impl SentAccept {
    /// Of these fields.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(ACCEPT).iter();
        Self { first: lines.next().cloned(), others: lines.cloned().collect() }
    }

    /// Whether it names what MCP tells clients to accept: JSON and event streams for a POST, event
    /// streams for a GET. Servers of the official SDKs answer 406 to any other, also to `*/*`.
    #[must_use]
    pub fn is_enough(&self, method: &Method) -> bool {
        let text = self.text().to_ascii_lowercase();
        let names = |kind: &str| text.contains(kind);
        names(media::EVENT_STREAM) && (*method != Method::POST || names(media::JSON))
    }

    /// All lines as one; empty without any, and without those that are not ASCII.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let first = self.first.as_ref().and_then(|line| line.to_str().ok()).unwrap_or_default();
        if self.others.is_empty() {
            return first.into();
        }
        let others = self.others.iter().filter_map(|line| line.to_str().ok());
        std::iter::once(first).chain(others).collect::<Vec<_>>().join(", ").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_9_a_post_needs_json_and_event_streams_and_a_get_event_streams() {
        const BOTH: &str = "Application/JSON, text/event-stream;q=0.5";
        for (lines, post, get) in [
            (&[][..], false, false),
            (&["*/*"], false, false),
            (&["application/json"], false, false),
            (&["text/event-stream"], false, true),
            (&[BOTH], true, true),
            (&["application/json", "text/event-stream"], true, true),
            (&["text/html", "*/*"], false, false),
        ] {
            let headers = lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line))).collect();
            let accept = SentAccept::of(&headers);
            assert_eq!((accept.is_enough(&Method::POST), accept.is_enough(&Method::GET)), (post, get), "{lines:?}");
        }
    }
}
