//! Messages and batches: what `serde_json` reads in whatever the gateway accepts.

use bytes::Bytes;
use portcullis::{
    base::limits::messages::BATCH_MESSAGES_MAX,
    decide::mcp::request::{
        batch,
        message::{Message, MessageKind},
        parse,
        target::{self, Target},
    },
};
use serde_json::Value;

use super::{fields, parts};

#[path = "../../differential/halves.rs"]
mod halves;

/// Whatever the strict reader accepts, `serde_json` accepts, and sees the same method, id and names in it.
pub(crate) fn peek(input: &[u8]) -> bool {
    // Below the depth at which `serde_json` gives up.
    let message = match parse::read(&Bytes::copy_from_slice(input), 100) {
        Ok(message) => message,
        Err(fault) => {
            let id = fault.id.map(|id| serde_json::from_str::<Value>(&id).expect("an id that is no JSON"));
            assert!(id.is_none_or(|id| id.is_string() || id.is_i64()), "an id of a wrong type");
            return false;
        }
    };
    if let Some(value) = value_of(input) {
        agrees(&message, &value);
    }
    true
}

/// Whatever batch is accepted, `serde_json` reads as an array of the same messages, each of which would be taken alone.
/// Input: fields, an empty line, a body.
pub(crate) fn batch(input: &[u8]) -> bool {
    let (head, body) = parts(input);
    let map = fields(head);
    let messages = match batch::read(&Bytes::copy_from_slice(body), &map, 100) {
        Ok(messages) => messages,
        Err(fault) => {
            assert!(fault.id.is_none() && fault.refusal.row().status == 400);
            return false;
        }
    };
    assert!(batch::is_batch(body) && (1..=BATCH_MESSAGES_MAX).contains(&messages.len()));
    let targets = target::of_batch(&messages);
    let Some(value) = value_of(body) else { return targets.is_ok() };
    let elements = value.as_array().expect("an array");
    assert_eq!(elements.len(), messages.len());
    for (index, (message, element)) in messages.iter().zip(elements).enumerate() {
        agrees(message, element);
        assert_eq!(message.kind == MessageKind::Response, messages[0].kind == MessageKind::Response, "a mixture");
        assert!(message.method != "initialize");
        let alone = parse::read(&Bytes::from(element.to_string()), 100).expect("a message of its own");
        let target = target::of(&alone);
        match &targets {
            Ok(Target::Several(all)) => assert_eq!(target.as_ref(), Ok(&all[index])),
            Ok(other) => panic!("a batch is {other:?}"),
            Err(_) => {}
        }
    }
    targets.is_ok()
}

/// What `serde_json` makes of an accepted body; nothing where its numbers are coarser than ours. It refuses half a surrogate pair, which
/// may be in `params.arguments` alone: a replacement there changes nothing that decides.
fn value_of(body: &[u8]) -> Option<Value> {
    match serde_json::from_slice(&halves::mended(body)) {
        Ok(value) => Some(value),
        // It computes numbers less exactly than we do, and may take the largest double for more.
        Err(error) if error.to_string().contains("number out of range") => None,
        Err(error) => panic!("accepted by us alone: {error}"),
    }
}

fn agrees(message: &Message, value: &Value) {
    let id = message.id.as_ref().map(|id| serde_json::from_str::<Value>(id).expect("id"));
    assert_eq!(id.as_ref(), value.get("id"));
    assert_eq!(message.method.as_str(), value.get("method").and_then(Value::as_str).unwrap_or_default());
    let params = &message.params;
    for (ours, path) in [
        (&params.name, "/params/name"),
        (&params.uri, "/params/uri"),
        (&params.task_id, "/params/taskId"),
        (&params.ref_type, "/params/ref/type"),
        (&params.ref_name, "/params/ref/name"),
        (&params.ref_uri, "/params/ref/uri"),
        (&params.meta_version, "/params/_meta/io.modelcontextprotocol~1protocolVersion"),
    ] {
        assert_eq!(ours.as_deref(), value.pointer(path).and_then(Value::as_str), "{path}");
    }
    for (ours, path) in [
        (&params.subscriptions, "/params/notifications/resourceSubscriptions"),
        (&params.task_ids, "/params/notifications/taskIds"),
    ] {
        let theirs = value.pointer(path).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        assert!(ours.iter().map(|text| text.as_str()).eq(theirs), "{path}");
    }
    let _ = target::of(message);
}
