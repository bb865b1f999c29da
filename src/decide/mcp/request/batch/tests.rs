//! Which arrays are batches, and what each of their messages is (SPEC C-30).

use http::HeaderValue;

use super::*;
use crate::decide::mcp::request::target::{self, Target};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

fn headers(versions: &[&'static str]) -> HeaderMap {
    versions
        .iter()
        .map(|version| (headers::PROTOCOL_VERSION.parse().unwrap(), HeaderValue::from_static(version)))
        .collect()
}

fn read_with(body: &str, versions: &[&'static str]) -> Result<Vec<Message>, Refusal> {
    read(&Bytes::from(body.to_owned()), &headers(versions), 64).map_err(|fault| {
        assert_eq!(fault.id, None, "no id is told: {body}");
        fault.refusal
    })
}

fn refused(body: &str) -> Refusal {
    read_with(body, &[]).expect_err(body)
}

fn with(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

#[test]
fn c30_each_message_is_read_where_it_stands() {
    let tricky = with("\"],[{\\\"\"", "tools/call", r#"{"name":"b","arguments":{"x":"\\","y":["]","}",[{}]]}}"#);
    let body = format!(" \r\n[\t{CALL} ,{NOTE}\n,\n {tricky}\t] \n");
    let messages = read_with(&body, &[]).unwrap();
    let seen: Vec<_> = messages.iter().map(|message| (message.kind, message.method.as_str())).collect();
    let expected = [
        (MessageKind::Request, "tools/call"),
        (MessageKind::Notification, "notifications/initialized"),
        (MessageKind::Request, "tools/call"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(messages[2].id.as_deref(), Some(r#""],[{\"""#));
    let targets = vec![Target::Tool("a".into()), Target::Open, Target::Tool("b".into())];
    assert_eq!(target::of_batch(&messages), Ok(Target::Several(targets)));
    assert_eq!(read_with(&format!("[{RESULT}]"), &[]).unwrap()[0].kind, MessageKind::Response);
}

#[test]
fn c30_texts_of_the_messages_share_the_body() {
    let body = Bytes::from(format!("[{CALL}]"));
    let messages = read(&body, &headers(&[]), 64).unwrap();
    let name = messages[0].params.name.as_deref().unwrap();
    assert!(body.as_ptr_range().contains(&name.as_ptr()));
}

#[test]
fn c30_attack_048_what_is_no_batch_is_refused() {
    let twice = |id: &str, other: &str| format!("[{},{}]", with(id, "ping", "{}"), with(other, "ping", "{}"));
    let modern = r#"{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
    let cases = [
        ("[]".to_owned(), "an empty batch"),
        (" [ \n ] ".to_owned(), "an empty batch"),
        (format!("[[{CALL}]]"), "a batch"),
        (format!("[{CALL},[]]"), "a batch"),
        ("[1]".to_owned(), "not an object"),
        ("[null]".to_owned(), "not an object"),
        (r#"["2.0","tools/call",1,{"name":"a"}]"#.to_owned(), "not an object"),
        ("[{}]".to_owned(), "jsonrpc is not \"2.0\""),
        (format!("[{CALL},{RESULT}]"), "a batch of responses and other messages"),
        (format!("[{RESULT},{NOTE}]"), "a batch of responses and other messages"),
        (format!("[{}]", with("1", "initialize", "{}")), "initialize in a batch"),
        (format!("[{CALL},{}]", NOTE.replace("notifications/initialized", "initialize")), "initialize in a batch"),
        (format!("[{}]", with("1", "tools/call", modern)), "a batch with a message of a version without batches"),
        (
            format!("[{}]", with("1", "subscriptions/listen", "{}")),
            "a batch with a message of a version without batches",
        ),
        (
            format!("[{}]", with("1", "tools/call", r#"{"name":"a","task":{}}"#)),
            "a batch with a task, which the version of batches does not know",
        ),
        (
            format!("[{}]", with("1", "tools/call", r#"{"name":"a","task":true}"#)),
            "a batch with a task, which the version of batches does not know",
        ),
        (
            format!("[{}]", with("1", "tasks/list", "{}")),
            "a batch with a task, which the version of batches does not know",
        ),
        (
            format!("[{}]", with("1", "tasks/result", r#"{"taskId":"t"}"#)),
            "a batch with a task, which the version of batches does not know",
        ),
        (twice("1", "1"), "a batch in which an id comes twice"),
        (twice("\"a\"", "\"\\u0061\""), "a batch in which an id comes twice"),
        (format!("[{RESULT},{RESULT}]"), "a batch in which an id comes twice"),
        (format!("[{CALL},{}]", CALL.replace("\"id\":1", "\"id\":2,\"id\":3")), "a member name that comes twice"),
    ];
    for (body, why) in cases {
        assert_eq!(refused(&body), Refusal::NotAMessage(why), "{body}");
    }
    assert!(read_with(&twice("1", "\"1\""), &[]).is_ok(), "a number is no string");
}

#[test]
fn c30_attack_048_more_than_fifty_are_too_many() {
    let of = |count: usize| {
        let all: Vec<String> = (0..count).map(|id| with(&id.to_string(), "ping", "{}")).collect();
        format!("[{}]", all.join(","))
    };
    assert_eq!(read_with(&of(BATCH_MESSAGES_MAX), &[]).map(|all| all.len()), Ok(BATCH_MESSAGES_MAX));
    for count in [BATCH_MESSAGES_MAX + 1, 1000] {
        assert_eq!(refused(&of(count)), Refusal::NotAMessage("a batch of too many messages"));
    }
    let values = format!("[{}]", with("1", "ping", &format!("{{\"x\":[{}1]}}", "1,".repeat(JSON_VALUES_MAX))));
    assert_eq!(refused(&values), Refusal::Unreadable("too many values"));
}

#[test]
fn c30_attack_047_a_version_without_batches_has_none() {
    let body = format!("[{CALL}]");
    for (versions, is_taken) in [
        (&[][..], true),
        (&["2025-03-26"], true),
        (&[" 2025-03-26 "], true),
        (&["2024-11-05"], false),
        (&["2025-06-18"], false),
        (&["2025-11-25"], false),
        (&["2026-07-28"], false),
        (&["2025-03-27"], false),
        (&["latest"], false),
        (&[""], false),
    ] {
        let expected = Refusal::NotAMessage("a batch, in a version without batches");
        assert_eq!(read_with(&body, versions).err(), (!is_taken).then_some(expected), "{versions:?}");
    }
    for versions in [&["2025-03-26", "2025-03-26"][..], &["2025-03-26", "2025-11-25"], &["a,b"]] {
        assert!(matches!(read_with(&body, versions), Err(Refusal::BadRequest(_))), "{versions:?}");
    }
}

#[test]
fn c23_what_is_no_json_is_called_that_whatever_else_is_wrong() {
    let body = |pattern: &str| pattern.replace('C', CALL).replace('N', NOTE);
    for pattern in [
        "[",
        "[C",
        "[C,",
        "[C,]",
        "[,C]",
        "[,]",
        "[C,,N]",
        "[C N]",
        "[C;N]",
        "[C]]",
        "[C],",
        "[C]{}",
        "[C]\0",
        "[C}",
        "{C]",
        "[C,\u{b}N]",
        "\u{c}[C]",
        "\u{feff}[C]",
        "[\u{feff}C]",
        "[C,\"]",
        "[C,{\"a\":\"\\\"]",
        "[1,{]",
        "[C,{\"a\":1}}]",
        "[C,{\"a\":]}]",
        "[C,(N)]",
        "[C,/**/N]",
        "[C,'N']",
        "[{},C,]",
    ] {
        let refusal = refused(&body(pattern));
        assert!(matches!(refusal, Refusal::Unreadable(_)), "{pattern:?}: {refusal:?}");
    }
    for bytes in [&b"[\"\xff\"]"[..], b"[\xff]", b"\xff[]"] {
        let fault = read(&Bytes::copy_from_slice(bytes), &headers(&[]), 64).unwrap_err();
        assert!(matches!(fault.refusal, Refusal::Unreadable(_)), "{bytes:?}");
    }
}

#[test]
fn c26_the_array_counts_as_a_level() {
    let deep = Bytes::from(format!("[{}]", with("1", "ping", r#"{"x":[]}"#)));
    for (depth_max, is_taken) in [(0, false), (1, false), (3, false), (4, true)] {
        assert_eq!(read(&deep, &headers(&[]), depth_max).is_ok(), is_taken, "{depth_max}");
    }
}

#[test]
fn attack_030_a_message_with_wrong_params_spoils_the_batch() {
    let body = format!("[{CALL},{}]", with("2", "tools/call", r#"{"name":1}"#));
    assert_eq!(refused(&body), Refusal::BadParams("params.name is not a string"));
}
