//! What the gate learns from a message, and which messages each transport accepts.

use http::Request;

use super::*;
use crate::inbound::testing::{PATH, TestGateway};

const CLIENT_VERSION: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;

/// Header fields of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// `answers`, `may_stream`, `asks_for_task` and `task` of an [`McpRequest`].
type Facts = (bool, bool, bool, TaskAnswer);

async fn read_as(endpoint: Endpoint, fields: Fields<'_>, body: &str) -> (Result<McpRequest, Refusal>, RequestContext) {
    let world = TestGateway::with(|server| server.batches = true).await;
    let request = fields.iter().fold(Request::post(PATH), |request, (name, value)| request.header(*name, *value));
    let (head, ()) = request.body(()).unwrap().into_parts();
    let mut context = RequestContext::default();
    let asked = understand(&world.server, endpoint, &head, Bytes::from(body.to_owned()), &mut context);
    (asked, context)
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"safe"{params}}}}}"#)
}

#[tokio::test]
async fn what_later_steps_need_is_learnt_of_each_message() {
    let modern = &[("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "safe")][..];
    let capable = |capabilities: &str| {
        call(&format!(
            r#","_meta":{{{CLIENT_VERSION},"io.modelcontextprotocol/clientCapabilities":{{{capabilities}}}}}"#
        ))
    };
    let extension = r#""extensions":{"io.modelcontextprotocol/tasks":{}}"#;
    let cases: Vec<(Fields<'_>, String, Facts)> = vec![
        (&[], call(""), (false, true, false, TaskAnswer::None)),
        (&[], call(r#","task":{}"#), (false, true, true, TaskAnswer::Expected)),
        (modern, capable(""), (false, true, false, TaskAnswer::Perhaps)),
        (modern, capable(extension), (false, true, false, TaskAnswer::Expected)),
        (&[], r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.into(), (false, true, false, TaskAnswer::None)),
        (&[], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into(), (true, false, false, TaskAnswer::None)),
        (
            &[],
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.into(),
            (false, false, false, TaskAnswer::None),
        ),
    ];
    for (fields, body, expected) in cases {
        let (asked, _) = read_as(Endpoint::Streamable, fields, &body).await;
        let found = asked.map(|asked| (asked.answers, asked.may_stream, asked.asks_for_task, asked.task));
        assert_eq!(found, Ok(expected), "{body}");
    }
}

#[tokio::test]
async fn a_refusal_can_name_the_request_that_it_answers() {
    let (asked, context) = read_as(Endpoint::Streamable, &[], &call("")).await;
    assert_eq!(asked.map(|asked| asked.target), Ok(Target::Tool("safe".into())));
    assert_eq!((context.id.as_deref(), context.method.as_deref()), (Some("7"), Some("tools/call")));
    let batch = format!("[{},{}]", call(""), r#"{"jsonrpc":"2.0","id":8,"method":"tools/list"}"#);
    let (asked, context) = read_as(Endpoint::Streamable, &[], &batch).await;
    let asked = asked.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!((asked.lists, asked.parts.len(), context.method.as_deref()), (Some(Lists::Any), 2, Some("batch")));
}

#[tokio::test]
async fn c95_the_transport_of_2024_11_05_has_no_tasks_and_no_modern_messages() {
    let (asked, _) = read_as(Endpoint::Messages, &[], &call(r#","task":{}"#)).await;
    assert_eq!(asked.err(), Some(Refusal::BadParams("this transport has no tasks")));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tasks/list"}"#;
    let (asked, _) = read_as(Endpoint::Messages, &[], list).await;
    assert_eq!(asked.map(|asked| asked.target), Ok(Target::Method("tasks/list".into())), "a rule must permit it");
    let (asked, _) = read_as(Endpoint::Streamable, &[], list).await;
    assert_eq!(asked.map(|asked| asked.target), Ok(Target::TaskList));
}
