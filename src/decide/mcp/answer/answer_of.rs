//! Finds the answer to one request of a client in a body: JSON, or an event stream.

use bytes::Bytes;
use serde_json::Value;

use crate::{
    base::{media, text::BYTE_ORDER_MARK},
    decide::mcp::answer::sse::Events,
};

/// The answer to the request `id` in `body`, whose type is `content_type`; `None` if it is not
/// there, or not yet.
#[must_use]
pub fn answer_of(content_type: &[u8], body: &[u8], id: u64) -> Option<Value> {
    if !media::is(content_type, media::EVENT_STREAM) {
        return in_message(body, id);
    }
    let mut events = Events::new(body.len());
    events.push(Bytes::copy_from_slice(body));
    events.end();
    while let Some(event) = events.next() {
        if let Ok(event) = event
            && let Some(data) = event.data()
            && let Some(answer) = in_message(&data, id)
        {
            return Some(answer);
        }
    }
    None
}

/// The answer in one message, or in an array of them.
fn in_message(text: &[u8], id: u64) -> Option<Value> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match serde_json::from_slice(text).ok()? {
        Value::Array(all) => all.into_iter().find(|one| is_answer(one, id)),
        one => Some(one).filter(|one| is_answer(one, id)),
    }
}

fn is_answer(message: &Value, id: u64) -> bool {
    let has_id = message.get("id").is_some_and(|found| found.as_u64() == Some(id) || found == id.to_string().as_str());
    has_id && (message.get("result").is_some() || message.get("error").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_an_answer_is_found_in_json_and_in_events() {
        const JSON: &[u8] = b"application/json; charset=utf-8";
        const EVENTS: &[u8] = b"text/event-stream";
        for (kind, body, is_there) in [
            (JSON, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, true),
            (JSON, r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, true),
            (JSON, r#"[{"id":2,"result":1},{"id":1,"result":1}]"#, true),
            (JSON, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#, false),
            (JSON, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, false),
            (JSON, "<html>", false),
            (EVENTS, "event: message\ndata: {\"id\":1,\ndata: \"result\":{}}\n\n", true),
            (EVENTS, ": hello\n\ndata: {\"method\":\"x\"}\n\ndata: {\"id\":\"1\",\"result\":{}}\r\n\r\n", true),
            (EVENTS, "data: {\"id\":1,\"result\":{}}\n", false),
            (EVENTS, "", false),
        ] {
            assert_eq!(answer_of(kind, body.as_bytes(), 1).is_some(), is_there, "{body}");
        }
    }
}
