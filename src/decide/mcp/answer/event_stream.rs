//! Tells whether an answer is an event stream, and announces streams to proxies.

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

use crate::{base::media, decide::fields::header_names::X_ACCEL_BUFFERING};

/// Whether these are the header fields of an event stream.
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| media::is(value.as_bytes(), media::EVENT_STREAM))
}

/// Tells proxies between the gateway and the client to pass each event on at once (SPEC C-59).
pub fn announce(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    }
    if !headers.contains_key(X_ACCEL_BUFFERING) {
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    headers.remove(CONTENT_LENGTH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_alone_makes_an_event_stream() {
        for (kind, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream ; charset=utf-8", true),
            (" text/event-stream", true),
            ("text/event-streams", false),
            ("application/json; x=text/event-stream", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert_eq!(is_event_stream(&headers), expected, "{kind:?}");
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }

    #[test]
    fn c59_a_stream_is_announced_unless_the_upstream_did_so() {
        let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("7"))]);
        announce(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-cache, no-transform");
        assert_eq!(headers[X_ACCEL_BUFFERING], "no");
        assert!(!headers.contains_key(CONTENT_LENGTH), "a stream has no length");
        let own = [(CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "yes")];
        let mut headers =
            HeaderMap::from_iter(own.clone().map(|(name, value)| (name, HeaderValue::from_static(value))));
        announce(&mut headers);
        for (name, value) in own {
            assert_eq!(headers[name], value);
        }
    }
}
