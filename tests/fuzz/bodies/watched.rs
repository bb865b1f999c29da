//! What must hold for the guard: it meets a list exactly where `serde_json` reads one.

use bytes::Bytes;
use portcullis::decide::mcp::answer::{list_guard::Guard, lists::Lists, sse::Events};
use serde_json::Value;

const LISTS: [&str; 5] = ["tools", "prompts", "resources", "resourceTemplates", "tasks"];

fn holds_list(message: &Value) -> bool {
    let messages = message.as_array().map_or(std::slice::from_ref(message), Vec::as_slice);
    let mut results = messages.iter().filter_map(|message| message.get("result"));
    results.any(|result| LISTS.iter().any(|list| result.get(list).is_some_and(Value::is_array)))
}

/// Whether no member of `text` got lost because another has its name: as many as there are colons outside of strings.
fn is_whole(text: &[u8], value: &Value) -> bool {
    let (mut colons, mut in_string, mut is_escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b':' if !in_string => colons += 1,
            _ => {}
        }
    }
    colons == members(value)
}

fn members(value: &Value) -> usize {
    match value {
        Value::Object(all) => all.len() + all.values().map(members).sum::<usize>(),
        Value::Array(all) => all.iter().map(members).sum(),
        _ => 0,
    }
}

/// Whether a list is met, and that this does not depend on how the answer was cut.
fn meets(input: &[u8], is_stream: bool) -> bool {
    let met = Guard::new(Lists::Any, is_stream).meets(input);
    for len in [1, 2, 3, 7, input.first().map_or(1, |first| usize::from(*first) + 1)] {
        let mut guard = Guard::new(Lists::Any, is_stream);
        assert_eq!(input.chunks(len).any(|piece| guard.meets(piece)), met, "in pieces of {len}");
    }
    met
}

/// A list that nobody asked for is met, in a message and in a stream of them, and nothing else is taken for one.
pub(crate) fn guard(input: &[u8]) -> bool {
    let (as_text, as_stream) = (meets(input, false), meets(input, true));
    if let Ok(value) = serde_json::from_slice::<Value>(input) {
        let holds = holds_list(&value);
        assert!(as_text || !holds, "a list passes");
        assert!(holds || !as_text || !is_whole(input, &value), "what is no list does not pass");
    }
    let mut events = Events::new(usize::MAX);
    events.push(Bytes::copy_from_slice(input));
    events.end();
    let (mut holds, mut is_read) = (false, true);
    while let Some(event) = events.next() {
        let event = event.expect("no bound");
        let Some(data) = event.data() else { continue };
        match serde_json::from_slice::<Value>(&data) {
            Ok(value) => {
                holds |= holds_list(&value);
                is_read &= is_whole(&data, &value);
            }
            Err(_) => is_read = false,
        }
    }
    assert!(as_stream || !holds, "an event with a list passes");
    // What has no end is looked at too, and a stream that begins like a message.
    let first = input.iter().find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte));
    if is_read && events.rest().is_empty() && !matches!(first, Some(b'{' | b'[')) {
        assert_eq!(as_stream, holds, "an event without a list does not pass");
    }
    as_text || as_stream
}
