//! Every text that the parser accepts, `serde_json` accepts and reads alike.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::decide::json::scan::OUT_OF_RANGE;

use super::*;

/// JSON texts that are similar to a message: its members in any order, often twice, often of a
/// wrong type, seldom broken.
fn texts() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        Just("safe".to_owned()),
        Just(r"d\u0061nger".to_owned()),
        Just(r"\ud83d\ude00".to_owned()),
        Just(r"\ud83d".to_owned()),
        Just("2.0".to_owned()),
        Just("tools\\/call".to_owned()),
        "[ -~é]{0,20}".prop_map(|text| text.replace(['"', '\\'], "")),
    ];
    let leaf = prop_oneof![
        string.prop_map(|text| format!("\"{text}\"")),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        prop::sample::select(vec!["true", "false", "null", "\"2.0\"", "1", "{}", "[]", "", "nul"])
            .prop_map(str::to_owned),
    ];
    let value = leaf.prop_recursive(4, 24, 6, |inner| {
        let name = prop::sample::select(vec![
            "name",
            "uri",
            "taskId",
            "ref",
            "_meta",
            "type",
            "arguments",
            "task",
            "notifications",
            "id",
            "Name",
            "n\\u0061me",
            "x",
            "y",
        ]);
        let object = prop::collection::vec((name, inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            object.prop_map(|members| object_of(&members)),
        ]
    });
    let id = prop::sample::select(vec!["\"id\":1,", "\"id\":\"x\",", "", "\"id\":null,", "\"id\":1.0,"]);
    let tail =
        prop::sample::select(vec!["\"method\":\"tools/call\"", "\"result\":{}", "\"method\":\"a\",\"error\":{}"]);
    (id, value.clone(), tail, prop::option::weighted(0.2, value)).prop_map(|(id, params, tail, extra)| {
        let extra = extra.map(|extra| format!(",\"extra\":{extra}")).unwrap_or_default();
        format!("{{\"jsonrpc\":\"2.0\",{id}\"params\":{params},{tail}{extra}}}")
    })
}

fn object_of(members: &[(&str, String)]) -> String {
    let members = members.iter().map(|(name, value)| format!("\"{name}\" : {value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The text as `serde_json` can read it: a lone surrogate that [`texts`] makes is another
/// character. No name that decides has one.
fn mended(text: &str) -> String {
    text.replace(r#"\ud83d""#, r#"\ufffd""#)
}

fn agrees(message: &Message, value: &Value) {
    let id = message.id.as_ref().map(|id| serde_json::from_str::<Value>(id).expect("id"));
    assert_eq!(id.as_ref(), value.get("id"));
    assert_eq!(message.method.as_str(), value.get("method").and_then(Value::as_str).unwrap_or_default());
    let none = json!({});
    let params = value.get("params").unwrap_or(&none);
    let text = |path: &str| params.pointer(path).and_then(Value::as_str).map(Text::from);
    let texts = |path: &str| -> Vec<Text> {
        let items = params.pointer(path).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(Text::from).collect()
    };
    let seen = Params {
        bare: value.get("params").is_some_and(|params| params.is_null() || *params == json!([])),
        name: text("/name"),
        uri: text("/uri"),
        task: params.get("task").is_some_and(|task| !task.is_null()),
        task_id: text("/taskId"),
        ref_type: text("/ref/type"),
        ref_name: text("/ref/name"),
        ref_uri: text("/ref/uri"),
        meta_version: text("/_meta/io.modelcontextprotocol~1protocolVersion"),
        meta_capabilities: params.pointer("/_meta/io.modelcontextprotocol~1clientCapabilities").is_some(),
        subscriptions: texts("/notifications/resourceSubscriptions"),
        task_ids: texts("/notifications/taskIds"),
    };
    assert_eq!(message.params, seen);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_we_accept_serde_json_reads_the_same(text in texts()) {
        if let Ok(message) = peek(&text) {
            agrees(&message, &serde_json::from_str(&mended(&text)).expect(&text));
        }
    }

    #[test]
    fn what_serde_json_calls_broken_we_call_unreadable(text in texts()) {
        if serde_json::from_str::<Value>(&mended(&text)).is_err() {
            // A number beyond a double is valid JSON, but readers disagree about it, so it is
            // refused for another reason than its grammar.
            let fault = peek(&text).expect_err(&text);
            if fault.refusal != NOT(OUT_OF_RANGE) {
                refused(&text, UNREADABLE);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = peek(&bytes);
    }

    #[test]
    fn one_wrong_byte_never_makes_it_panic(text in texts(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        *at.get_mut(&mut bytes) = byte;
        if let Ok(message) = peek(&bytes) {
            let text = String::from_utf8(bytes).expect("UTF-8");
            match serde_json::from_str(&mended(&text)) {
                Ok(value) => agrees(&message, &value),
                // The wrong byte has made another half.
                Err(_) => assert!(text.contains(r"\ud"), "read by us alone: {text}"),
            }
        }
    }
}
