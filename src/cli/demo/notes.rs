//! The notes of the demo, and what its MCP server answers to each message.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

/// From this one on, a request says its version itself, and a result how it is to be read.
const MODERN: &str = "2026-07-28";
/// The revisions of MCP that the server speaks, the newest of `initialize` first.
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// JSON-RPC's codes.
const PARSE_ERROR: i32 = -32700;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;

/// All notes, by title, in memory.
pub(super) struct Notes(Mutex<BTreeMap<String, String>>);

impl Notes {
    /// Two notes to begin with.
    pub(super) fn some() -> Self {
        Self(Mutex::new(BTreeMap::from([
            ("Shopping".to_owned(), "Bread, butter, a new padlock".to_owned()),
            ("Portcullis".to_owned(), "A gate that falls by its own weight, and is lifted by hand.".to_owned()),
        ])))
    }

    /// The answer to one message; none to a notification.
    pub(super) fn answer(&self, message: &[u8]) -> Option<Value> {
        let Ok(message) = serde_json::from_slice::<Value>(message) else {
            return Some(error(&Value::Null, PARSE_ERROR, "the body is not JSON"));
        };
        let (Some(id), Some(method)) = (message.get("id"), message.get("method").and_then(Value::as_str)) else {
            return None;
        };
        let params = message.get("params").unwrap_or(&Value::Null);
        let is_modern = params.pointer("/_meta/io.modelcontextprotocol~1protocolVersion").is_some();
        Some(match self.result(method, params) {
            Ok(mut result) => {
                if let (true, Some(members)) = (is_modern, result.as_object_mut()) {
                    members.insert("resultType".to_owned(), json!("complete"));
                    members.insert("ttlMs".to_owned(), json!(0));
                    members.insert("cacheScope".to_owned(), json!("private"));
                }
                json!({"jsonrpc": "2.0", "id": id, "result": result})
            }
            Err((code, why)) => error(id, code, &why),
        })
    }

    fn result(&self, method: &str, params: &Value) -> Result<Value, (i32, String)> {
        let capabilities = json!({"tools": {}});
        let server = json!({"name": "notes", "version": env!("CARGO_PKG_VERSION")});
        match method {
            "initialize" => {
                let asked = params.get("protocolVersion").and_then(Value::as_str);
                let version = LEGACY.into_iter().find(|version| asked == Some(version)).unwrap_or(LEGACY[0]);
                Ok(json!({"protocolVersion": version, "capabilities": capabilities, "serverInfo": server}))
            }
            "server/discover" => {
                let versions: Vec<_> = [MODERN].into_iter().chain(LEGACY).collect();
                let meta = json!({"io.modelcontextprotocol/serverInfo": server});
                Ok(json!({"supportedVersions": versions, "capabilities": capabilities, "_meta": meta}))
            }
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({"tools": tools()})),
            "tools/call" => {
                let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
                let (text, is_error) = match self.call(name, params)? {
                    Ok(text) => (text, false),
                    Err(text) => (text, true),
                };
                Ok(json!({"content": [{"type": "text", "text": text}], "isError": is_error}))
            }
            _ => Err((METHOD_NOT_FOUND, format!("the method {method} is unknown"))),
        }
    }

    /// What a tool says; the inner error is one that a model can act on.
    fn call(&self, name: &str, params: &Value) -> Result<Result<String, String>, (i32, String)> {
        let argument = |name: &str| {
            let given = params.get("arguments").and_then(|all| all.get(name)).and_then(Value::as_str);
            given.ok_or_else(|| (INVALID_PARAMS, format!("the argument {name:?} is missing, or is not a string")))
        };
        let mut notes = self.lock();
        Ok(match name {
            "list_notes" => Ok(notes.keys().map(|title| format!("- {title}\n")).collect()),
            "read_note" => {
                let title = argument("title")?;
                notes.get(title).cloned().ok_or_else(|| format!("there is no note {title:?}; list_notes names them"))
            }
            "search_notes" => {
                let text = argument("text")?.to_lowercase();
                let holds = |part: &str| part.to_lowercase().contains(&text);
                let found = notes.iter().filter(|(title, note)| holds(title) || holds(note));
                Ok(found.map(|(title, note)| format!("## {title}\n{note}\n")).collect())
            }
            "write_note" => {
                let (title, text) = (argument("title")?, argument("text")?);
                notes.insert(title.to_owned(), text.to_owned());
                Ok(format!("wrote {title:?}, {} characters", text.chars().count()))
            }
            "delete_all_notes" => {
                let count = notes.len();
                notes.clear();
                Ok(format!("deleted {count} notes"))
            }
            _ => return Err((INVALID_PARAMS, format!("the tool {name:?} is unknown"))),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // Each change is one insertion or one removal, so a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tools() -> Value {
    let reads = json!({"readOnlyHint": true});
    let tool = |name: &str, description: &str, hints: &Value, arguments: &[(&str, &str)]| {
        let names: Vec<_> = arguments.iter().map(|(name, _)| *name).collect();
        let described = arguments.iter().map(|(name, what)| {
            let schema = json!({"type": "string", "description": what});
            ((*name).to_owned(), schema)
        });
        let properties = Value::Object(described.collect());
        let schema = json!({"type": "object", "properties": properties, "required": names});
        json!({"name": name, "description": description, "inputSchema": schema, "annotations": hints})
    };
    let title = ("title", "Title of the note");
    json!([
        tool("list_notes", "Lists the titles of all notes", &reads, &[]),
        tool("read_note", "Reads one note", &reads, &[title]),
        tool(
            "search_notes",
            "Finds notes that hold a text",
            &reads,
            &[("text", "Text to search for, in upper or lower case")]
        ),
        tool(
            "write_note",
            "Writes a note",
            &json!({"destructiveHint": false}),
            &[
                ("title", "Title of the note; an existing note with this title is replaced"),
                ("text", "Text of the note")
            ]
        ),
        tool("delete_all_notes", "Deletes every note", &json!({"destructiveHint": true}), &[]),
    ])
}

fn error(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(notes: &Notes, method: &str, params: &Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        notes.answer(message.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn each_revision_gets_its_own_form() {
        let notes = Notes::some();
        for (asked_for, told) in [("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-11-25")] {
            let answer = asked(&notes, "initialize", &json!({"protocolVersion": asked_for}));
            assert_eq!(answer["result"]["protocolVersion"], told);
            assert_eq!(answer["result"].get("resultType"), None);
        }
        let meta = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}});
        let discovered = asked(&notes, "server/discover", &meta);
        assert_eq!(discovered["result"]["supportedVersions"][0], MODERN);
        let listed = asked(&notes, "tools/list", &meta);
        assert_eq!((&listed["id"], &listed["result"]["resultType"]), (&json!(7), &json!("complete")));
        assert_eq!(listed["result"]["tools"].as_array().map(Vec::len), Some(5));
        assert_eq!(notes.answer(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), None);
        assert_eq!(notes.answer(b"{").unwrap()["error"]["code"], PARSE_ERROR);
        assert_eq!(asked(&notes, "prompts/list", &json!({}))["error"]["code"], METHOD_NOT_FOUND);
    }

    #[test]
    fn each_tool_does_what_it_says() {
        let notes = Notes::some();
        for (tool, arguments, says) in [
            ("list_notes", json!({}), "- Portcullis\n- Shopping\n"),
            ("read_note", json!({"title": "Shopping"}), "Bread, butter, a new padlock"),
            ("read_note", json!({"title": "x"}), "there is no note \"x\"; list_notes names them"),
            ("search_notes", json!({"text": "PADLOCK"}), "## Shopping\nBread, butter, a new padlock\n"),
            ("write_note", json!({"title": "x", "text": "é"}), "wrote \"x\", 1 characters"),
            ("read_note", json!({"title": "x"}), "é"),
            ("delete_all_notes", json!({}), "deleted 3 notes"),
            ("list_notes", json!({}), ""),
        ] {
            let answer = asked(&notes, "tools/call", &json!({"name": tool, "arguments": arguments}));
            assert_eq!(answer["result"]["content"][0]["text"], says, "{tool}");
        }
        for (tool, arguments) in [("write_note", json!({"title": "x"})), ("nothing", json!({}))] {
            let answer = asked(&notes, "tools/call", &json!({"name": tool, "arguments": arguments}));
            assert_eq!(answer["error"]["code"], INVALID_PARAMS, "{tool}");
        }
    }
}
