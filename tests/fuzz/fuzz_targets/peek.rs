//! Whatever the strict reader accepts, `serde_json` accepts, and sees the same method, id and names in it.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use portcullis::decide::mcp::{peek, target};
use serde_json::Value;

/// Below the depth at which `serde_json` gives up.
const DEPTH_MAX: u32 = 100;

fuzz_target!(|bytes: &[u8]| {
    let body = Bytes::copy_from_slice(bytes);
    let message = match peek::read(&body, DEPTH_MAX) {
        Ok(message) => message,
        Err(fault) => {
            if let Some(id) = fault.id {
                let id: Value = serde_json::from_str(&id).expect("an id that is no JSON");
                assert!(id.is_string() || id.is_i64(), "an id of a wrong type");
            }
            return;
        }
    };
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        // It computes numbers less exactly than we do, and may take the largest double for more.
        Err(error) if error.to_string().contains("number out of range") => return,
        Err(error) => panic!("accepted by us alone: {error}"),
    };
    let id = message.id.as_ref().map(|id| serde_json::from_str::<Value>(id).expect("id"));
    assert_eq!(id.as_ref(), value.get("id"));
    assert_eq!(message.method.as_str(), value.get("method").and_then(Value::as_str).unwrap_or_default());
    let at = |path: &str| value.pointer(path).and_then(Value::as_str);
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
        assert_eq!(ours.as_deref(), at(path), "{path}");
    }
    for (ours, path) in [
        (&params.subscriptions, "/params/notifications/resourceSubscriptions"),
        (&params.task_ids, "/params/notifications/taskIds"),
    ] {
        let theirs = value.pointer(path).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        assert!(ours.iter().map(|text| text.as_str()).eq(theirs), "{path}");
    }
    let _ = target::of(&message);
});
