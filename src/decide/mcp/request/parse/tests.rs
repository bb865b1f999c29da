//! The tables of SPEC C-10…C-29 and I.1 (attacks 1 to 36), and the comparison with `serde_json`.

mod differential;
mod grammar;

use super::*;
use crate::{
    base::text::Text,
    decide::mcp::request::message::{MessageKind, Params},
};

const NOT: fn(&'static str) -> Refusal = Refusal::NotAMessage;
const BAD: fn(&'static str) -> Refusal = Refusal::BadParams;
const UNREADABLE: fn(&'static str) -> Refusal = Refusal::Unreadable;

fn peek(body: impl AsRef<[u8]>) -> Result<Message, MessageFault> {
    read(&Bytes::copy_from_slice(body.as_ref()), 64)
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

/// Refused, with the code of `kind`.
#[track_caller]
fn refused(body: impl AsRef<[u8]>, kind: fn(&'static str) -> Refusal) -> MessageFault {
    let shown = String::from_utf8_lossy(body.as_ref()).chars().take(200).collect::<String>();
    let fault = peek(body).expect_err(&shown);
    assert_eq!(fault.refusal.row().code, kind("").row().code, "{shown}: {:?}", fault.refusal);
    fault
}

#[track_caller]
fn name_of(body: &str) -> String {
    peek(body).expect(body).params.name.expect(body).to_string()
}

#[test]
fn c10_requests_notifications_and_responses_are_told_apart() {
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, MessageKind::Request, Some("1"), "ping"),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            MessageKind::Notification,
            None,
            "notifications/initialized",
        ),
        (r#"{"jsonrpc":"2.0","id":"a","result":{"name":"danger"}}"#, MessageKind::Response, Some("\"a\""), ""),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, MessageKind::Response, Some("1"), ""),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#, MessageKind::Response, Some("1"), ""),
        (
            "\r\n\t {\"params\" : { } , \"method\":\"m\",\"id\": -7 ,\"jsonrpc\":\"2.0\"} \n",
            MessageKind::Request,
            Some("-7"),
            "m",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","extra":[{}]}"#, MessageKind::Request, Some("1"), "m"),
    ];
    for (body, kind, id, method) in cases {
        let message = peek(body).expect(body);
        assert_eq!((message.kind, message.id.as_deref(), message.method.as_str()), (kind, id, method), "{body}");
    }
}

#[test]
fn c10_hybrids_and_halves_are_refused() {
    let cases = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"},"error":{}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"danger"},"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#,
    ];
    for body in cases {
        refused(body, NOT);
    }
}

#[test]
fn c11_attack_025_ids_that_some_stack_takes_for_none_are_refused() {
    let wrong = [
        "null",
        "true",
        "false",
        "1.5",
        "1.0",
        "1e2",
        "1E0",
        "1e400",
        "-0",
        "{}",
        "[]",
        "{\"a\":1}",
        "[1]",
        "9223372036854775808",
        "123456789012345678901234567890",
    ];
    for id in wrong {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"danger"}}}}"#);
        let fault = refused(&body, NOT);
        assert_eq!(fault.id, None, "{id}");
    }
    refused(format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"m"}}"#, "x".repeat(2000)), NOT);
}

#[test]
fn c11_c66_attack_024_ids_are_kept_as_written() {
    for id in ["7", "\"7\"", "0", "-1", "9007199254740993", "-9223372036854775808", "\"\"", "\"a\\u0062\\n\"", "\"é\""]
    {
        let message = peek(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).expect(id);
        assert_eq!(message.id.as_deref(), Some(id));
    }
}

#[test]
fn c12_attack_029_the_version_of_json_rpc_is_2_0() {
    for member in [
        "",
        "\"jsonrpc\":\"1.0\",",
        "\"jsonrpc\":2.0,",
        "\"jsonrpc\":\"2.0 \",",
        "\"jsonrpc\":null,",
        "\"jsonrpc\":[\"2.0\"],",
    ] {
        let fault = refused(format!(r#"{{{member}"id":1,"method":"tools/call","params":{{"name":"safe"}}}}"#), NOT);
        assert_eq!(fault.id.as_deref(), Some("1"));
    }
    assert!(peek(r#"{"jsonrpc":"2\u002e0","id":1,"method":"ping"}"#).is_ok());
}

#[test]
fn c13_attack_030_params_of_a_wrong_type_are_refused() {
    for params in ["[\"danger\"]", "[null]", "[{}]", "[[]]", "\"danger\"", "7", "true"] {
        assert_eq!(refused(call(params), BAD).id.as_deref(), Some("1"));
    }
    for value in ["[\"danger\"]", "{}", "null", "7", "true"] {
        for member in ["name", "uri", "taskId", "_meta"] {
            if (member, value) != ("_meta", "{}") {
                refused(call(&format!(r#"{{"{member}":{value}}}"#)), BAD);
            }
        }
        for member in ["type", "name", "uri"] {
            refused(call(&format!(r#"{{"ref":{{"{member}":{value}}}}}"#)), BAD);
        }
        for member in ["resourceSubscriptions", "taskIds"] {
            refused(call(&format!(r#"{{"notifications":{{"{member}":[{value}]}}}}"#)), BAD);
            if !value.starts_with('[') {
                refused(call(&format!(r#"{{"notifications":{{"{member}":{value}}}}}"#)), BAD);
            }
        }
    }
    refused(call(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":20260728}}"#), BAD);
    refused(call(r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":null}}"#), BAD);
}

#[test]
fn people_c5_null_and_an_empty_array_are_noted_and_name_nothing() {
    let bare = Params { bare: true, ..Params::default() };
    for params in ["null", "[]", " [ ] "] {
        assert_eq!(peek(call(params)).expect(params).params, bare, "{params}");
    }
    assert_eq!(peek(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).unwrap().params, Params::default());
    refused(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null,"params":null}"#, NOT);
    refused(r#"{"jsonrpc":"2.0","id":1,"result":{},"params":null}"#, NOT);
}

#[test]
fn attacks_001_to_004_duplicate_members_are_refused() {
    let cases = [
        call(r#"{"name":"safe","name":"danger"}"#),
        call(r#"{"name":"danger","name":"safe"}"#),
        call(r#"{"name":"safe","n\u0061me":"danger"}"#),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"params":{"name":"danger"}}"#.into(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"danger"}}"#.into(),
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#.into(),
    ];
    for body in cases {
        assert_eq!(refused(body, NOT).id.as_deref(), Some("1"));
    }
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, NOT).id, None);
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":null,"id":2,"method":"ping"}"#, NOT).id, None);
}

#[test]
fn attacks_005_to_008_look_alike_members_are_refused() {
    let cases = [
        call(r#"{"name":"safe","Name":"danger"}"#),
        call(r#"{"Name":"danger"}"#),
        call(r#"{"name":"safe","name\u0000":"danger"}"#),
        call(r#"{"name":"safe","\u006eAme":"danger"}"#),
        call(r#"{"ref":{"Type":"ref/prompt"}}"#),
        call(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion ":"2026-07-28"}}"#),
        call(r#"{"notifications":{"ResourceSubscriptions":[]}}"#),
        call(r#"{"task":{"Ttl":1}}"#),
        r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"danger"}}"#.into(),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"param\u{17f}\":{\"name\":\"danger\"}}".into(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"danger"}}"#.into(),
    ];
    for body in cases {
        refused(body, NOT);
    }
    assert_eq!(name_of(&call(r#"{"name":"safe","arguments":{"Name":"x","NAME":1,"name":2,"Ref":[]}}"#)), "safe");
    assert_eq!(name_of(&call(r#"{"name":"safe","_meta":{"progressToken":1,"traceparent":"x","Name":"y"}}"#)), "safe");
}

#[test]
fn attacks_009_to_011_escapes_are_judged_by_what_they_mean() {
    assert_eq!(name_of(&call(r#"{"n\u0061me":"danger"}"#)), "danger");
    assert_eq!(name_of(&call(r#"{"name":"d\u0061nger"}"#)), "danger");
    assert_eq!(name_of(&call(r#"{"name":"\ud83d\ude00\"\\\/\b\f\n\r\t"}"#)), "😀\"\\/\u{8}\u{c}\n\r\t");
    let message = peek(r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"danger"}}"#).unwrap();
    assert_eq!(message.method, "tools/call");
}

#[test]
fn attack_026_a_call_without_id_is_still_that_call() {
    let message = peek(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"danger"}}"#).unwrap();
    assert_eq!((message.kind, message.method.as_str()), (MessageKind::Notification, "tools/call"));
    assert_eq!(message.params.name.as_deref(), Some("danger"));
}

#[test]
fn c02_attack_031_names_are_kept_code_point_for_code_point() {
    for name in ["danger ", "Danger", "ｄanger", "dan\u{200d}ger", "dаnger", "e\u{301}", " ", ""] {
        assert_eq!(name_of(&call(&format!(r#"{{"name":"{name}"}}"#))), name);
    }
}

#[test]
fn c28_c30_attack_034_what_holds_no_message_is_refused() {
    for (body, kind) in [
        ("", UNREADABLE),
        (" \n", UNREADABLE),
        ("null", NOT),
        ("\"x\"", NOT),
        ("7", NOT),
        ("{}", NOT),
        ("[]", NOT),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, NOT),
        ("x", UNREADABLE),
    ] {
        assert_eq!(refused(body, kind).id, None, "{body}");
    }
}

#[test]
fn attack_036_only_the_members_of_the_protocol_count() {
    let body = r#"{"name":"decoy","jsonrpc":"2.0","id":1,"method":"tools/call","uri":"u","params":{"_meta":{"name":"a"},
        "arguments":{"name":"b","uri":"c"},"name":"safe","ref":{"name":"d"},"task":{"ttl":1,"name":"e"}},"taskId":"f"}"#;
    let params = peek(body).unwrap().params;
    assert_eq!((params.name.as_deref(), params.uri, params.task_id), (Some("safe"), None, None));
    assert_eq!(params.ref_name.as_deref(), Some("d"));
}

#[test]
fn c66_the_id_is_known_even_where_it_comes_last() {
    assert_eq!(refused(r#"{"jsonrpc":"2.0","params":[1],"method":"m","id":"z"}"#, BAD).id.as_deref(), Some("\"z\""));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","a":1,"a":1,"method":"m","id":5}"#, NOT).id.as_deref(), Some("5"));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":5,"method":"m","params":{"#, UNREADABLE).id.as_deref(), Some("5"));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","method":"m","params":{"id":5},"a":"#, UNREADABLE).id, None);
}

#[test]
fn every_member_that_a_decision_needs_is_kept() {
    let body = call(
        r#"{"uri":"file:///a\u0020b","taskId":"t","task":{"ttl":1},"ref":{"type":"ref/resource","uri":"file:///{x}"},
        "notifications":{"resourceSubscriptions":["a:1","a:2"],"taskIds":["t1"],"toolsListChanged":true},
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}"#,
    );
    let expected = Params {
        bare: false,
        name: None,
        uri: Some("file:///a b".into()),
        task: true,
        task_id: Some("t".into()),
        ref_type: Some("ref/resource".into()),
        ref_name: None,
        ref_uri: Some("file:///{x}".into()),
        meta_version: Some("2026-07-28".into()),
        meta_capabilities: true,
        subscriptions: vec!["a:1".into(), "a:2".into()],
        task_ids: vec!["t1".into()],
    };
    assert_eq!(peek(body).unwrap().params, expected);
}
