//! Tells whether a client accepts the media types that MCP answers with.

use http::{HeaderMap, HeaderValue, Method, header::ACCEPT};

use crate::base::media;

/// `Accept` as the client sent it. It shares the bytes of the request's head.
#[derive(Clone, Debug)]
pub struct SentAccept {
    first: Option<HeaderValue>,
    /// Whether there are more lines. They are rare, and not read.
    has_more: bool,
}

impl SentAccept {
    /// Of these fields.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(ACCEPT).iter();
        Self { first: lines.next().cloned(), has_more: lines.next().is_some() }
    }

    /// Whether it names what MCP tells clients to accept: JSON and event streams for a POST, event
    /// streams for a GET. Servers of the official SDKs answer 406 to any other, also to `*/*`.
    #[must_use]
    pub fn is_enough(&self, method: &Method) -> bool {
        let text = self.as_str().to_ascii_lowercase();
        let names = |kind: &str| text.contains(kind);
        self.has_more || names(media::EVENT_STREAM) && (*method != Method::POST || names(media::JSON))
    }

    /// The first line; empty without one, or if it is not ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.first.as_ref().and_then(|line| line.to_str().ok()).unwrap_or_default()
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
        ] {
            let headers = lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line))).collect();
            let accept = SentAccept::of(&headers);
            assert_eq!((accept.is_enough(&Method::POST), accept.is_enough(&Method::GET)), (post, get), "{lines:?}");
        }
    }
}
