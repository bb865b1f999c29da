//! Messages of every method of the five versions, filled with whatever may stand in them.

use serde_json::{Map, Value, json};

use super::rng::Rng;

const NAMES: [&str; 12] = [
    "safe",
    "danger",
    "get_weather",
    "ns/tool.v2-x",
    "caf\u{e9}",
    "\u{1f600}",
    "a b",
    "\u{3b1}\u{301}",
    "quote\"back\\slash/",
    "tab\there",
    "del\u{7f}\u{2028}",
    "\u{ff44}anger",
];
const URIS: [&str; 7] = [
    "file:///pub/a",
    "file:///secret/../pub/%2e%2e",
    "https://example.com/a?b=c&d#e",
    "weather://stations/n\u{f6}rd",
    "urn:x:\u{1f4a9}",
    "file:///{+path}",
    "test://template/{id}/data",
];
const TASKS: [&str; 3] = ["786512e2-9e0d-44bd-8f29-789f320fe840", "t", "\u{e4}/1"];

/// The methods that a client may send as a request, and the notifications (SPEC C.0).
const REQUESTS: [&str; 23] = [
    "initialize",
    "server/discover",
    "ping",
    "logging/setLevel",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "subscriptions/listen",
    "tasks/get",
    "tasks/cancel",
    "tasks/result",
    "tasks/list",
    "tasks/update",
    "skills/list",
    "vendor/exec",
    "x",
];
const NOTIFICATIONS: [&str; 5] = [
    "notifications/initialized",
    "notifications/roots/list_changed",
    "notifications/progress",
    "notifications/cancelled",
    "notifications/tasks/status",
];

/// How many different heads [`message`] makes.
pub const KINDS: usize = REQUESTS.len() + NOTIFICATIONS.len() + 3;

/// One message as it should be; `kind` is less than [`KINDS`].
pub fn message(rng: &mut Rng, kind: usize) -> Value {
    let mut said = Map::new();
    said.insert("jsonrpc".to_owned(), json!("2.0"));
    if let Some(method) = REQUESTS.get(kind) {
        said.insert("id".to_owned(), id(rng));
        said.insert("method".to_owned(), json!(method));
        if let Some(params) = params(rng, method) {
            said.insert("params".to_owned(), params);
        }
    } else if let Some(method) = NOTIFICATIONS.get(kind - REQUESTS.len()) {
        said.insert("method".to_owned(), json!(method));
        if let Some(params) = params(rng, method) {
            said.insert("params".to_owned(), params);
        }
    } else {
        said.insert("id".to_owned(), id(rng));
        let (name, value) = match kind - REQUESTS.len() - NOTIFICATIONS.len() {
            0 => ("result", json!({"action": "accept", "content": {"which": text(rng)}})),
            1 => ("result", json!({"roots": [{"uri": "file:///home", "name": text(rng)}]})),
            _ => ("error", json!({"code": -32603, "message": text(rng)})),
        };
        said.insert(name.to_owned(), value);
    }
    Value::Object(said)
}

fn id(rng: &mut Rng) -> Value {
    match rng.below(8) {
        0 => json!("x"),
        1 => json!(text(rng)),
        2 => json!(0),
        3 => json!(-5),
        4 => json!(9_007_199_254_740_993_i64),
        5 => json!(i64::MIN),
        _ => json!(rng.below(1000)),
    }
}

fn text(rng: &mut Rng) -> String {
    rng.pick(&NAMES).to_owned()
}

fn params(rng: &mut Rng, method: &str) -> Option<Value> {
    let name = json!(text(rng));
    let uri = json!(rng.pick(&URIS));
    let task = json!(rng.pick(&TASKS));
    let mut params = match method {
        "initialize" => json!({
            "protocolVersion": rng.pick(&["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]),
            "capabilities": {"sampling": {}, "elicitation": {}, "roots": {"listChanged": true}},
            "clientInfo": {"name": name, "version": "1.0"},
        }),
        "logging/setLevel" => json!({"level": "debug"}),
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" | "tasks/list" => {
            if rng.once_in(2) { json!({"cursor": text(rng)}) } else { json!({}) }
        }
        "tools/call" => {
            let mut call = json!({"name": name, "arguments": arguments(rng, 3)});
            if rng.once_in(4) {
                call["task"] = json!({"ttl": 60_000});
            }
            if rng.once_in(4) {
                call["requestState"] = json!(text(rng));
                call["inputResponses"] = json!({"a": {"action": "accept", "content": arguments(rng, 1)}});
            }
            call
        }
        "prompts/get" => json!({"name": name, "arguments": {"who": text(rng)}}),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => json!({"uri": uri}),
        "completion/complete" => {
            let of = if rng.once_in(2) {
                json!({"type": "ref/prompt", "name": name})
            } else {
                json!({"type": "ref/resource", "uri": uri})
            };
            json!({"ref": of, "argument": {"name": "who", "value": text(rng)}})
        }
        "subscriptions/listen" => {
            let uris: Vec<_> = (0..=rng.below(3)).map(|_| rng.pick(&URIS)).collect();
            let of = match rng.below(4) {
                0 => json!({"toolsListChanged": true}),
                1 => json!({"resourceSubscriptions": uris, "promptsListChanged": false}),
                2 => json!({"resourceSubscriptions": uris, "taskIds": [task, "t2"]}),
                _ => json!({"taskIds": [task]}),
            };
            json!({"notifications": of})
        }
        "tasks/get" | "tasks/cancel" | "tasks/result" => json!({"taskId": task}),
        "tasks/update" => json!({"taskId": task, "inputResponses": {"k": {"roots": []}}}),
        "notifications/progress" => {
            json!({"progressToken": id(rng), "progress": 0.5, "total": 1, "message": text(rng)})
        }
        "notifications/cancelled" => json!({"requestId": id(rng), "reason": text(rng)}),
        "notifications/tasks/status" => json!({
            "taskId": task, "status": "working", "ttl": null, "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z",
        }),
        "vendor/exec" => json!({"command": text(rng), "with": arguments(rng, 2)}),
        _ if rng.once_in(2) => return None,
        _ => json!({}),
    };
    if rng.once_in(3) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            "io.modelcontextprotocol/clientInfo": {"name": text(rng), "version": "1"},
            "progressToken": id(rng),
        });
    } else if rng.once_in(4) {
        params["_meta"] = json!({"progressToken": id(rng), "com.example/name": text(rng)});
    }
    Some(params)
}

/// Whatever a tool may take. Names here mean nothing, so they may look like the protocol's.
fn arguments(rng: &mut Rng, deep: usize) -> Value {
    let mut members = Map::new();
    for _ in 0..rng.below(4) {
        let name = rng.pick(&["name", "Name", "uri", "method", "id", "a", "\u{e9}", "_meta", "paramſ", ""]);
        let value = match rng.below(if deep == 0 { 6 } else { 8 }) {
            0 => json!(text(rng)),
            1 => json!(1.5e-7),
            2 => json!(i64::MAX),
            3 => json!(null),
            4 => json!(rng.once_in(2)),
            5 => json!(-0.0),
            6 => json!([arguments(rng, deep - 1), text(rng)]),
            _ => arguments(rng, deep - 1),
        };
        members.insert(name.to_owned(), value);
    }
    Value::Object(members)
}
