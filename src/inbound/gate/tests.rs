//! The order of refusals, and that a refused request never gets to the upstream.

use super::*;
use crate::{
    inbound::testing::{PATH, TestGateway, request},
    outbound::fetch::testing::ScriptedAnswer,
};

fn call(tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#)
}

fn initialize() -> &'static str {
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn the_first_step_that_says_no_answers_and_the_upstream_hears_nothing() {
    let world = TestGateway::new().await;
    let bearer = format!("Authorization: Bearer {}\r\n", world.token("mcp:read"));
    let other = |fields: &str| format!("{bearer}{fields}");
    let delete = |fields: &str| request(&Method::DELETE, fields, "");
    let cases = [
        // 1: the origin, before the token.
        (world.post("Origin: https://evil.example\r\n", "not JSON"), 403, "foreign_origin"),
        // 2 and 3: the token, before the body.
        (world.post("", "not JSON"), 401, "no_credential"),
        (world.post("Authorization: Bearer x\r\n", "not JSON"), 401, ""),
        (world.post(&other("Authorization: Bearer x\r\n"), "not JSON"), 400, "two_credentials"),
        // 4: the message, before the rules.
        (world.post(&bearer, "not JSON"), 400, "unreadable"),
        (world.post(&bearer, "{}"), 400, "not_a_message"),
        (world.post(&other("Mcp-Session-Id: a b\r\n"), &call("danger")), 400, "bad_session_header"),
        (request(&Method::PUT, &bearer, &call("safe")), 405, "method_not_allowed"),
        // 5: the rules, before the session.
        (world.post(&other("Mcp-Session-Id: x\r\n"), &call("danger")), 403, "insufficient_scope"),
        (world.post(&other("Mcp-Session-Id: x\r\n"), &call("unknown")), 403, "no_rule"),
        // 6: the session.
        (world.post(&other("Mcp-Session-Id: x\r\n"), &call("safe")), 404, "unknown_session"),
        (world.post(&bearer, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), 404, "unknown_session"),
        (delete(&other("Mcp-Session-Id: x\r\n")), 404, "unknown_session"),
    ];
    for (sent, expected, reason) in cases {
        let answer = world.answer(&sent).await;
        assert_eq!(status(&answer), expected, "{sent}\n{answer}");
        assert!(answer.contains(reason), "{sent}\n{answer}");
    }
    assert_eq!(world.site.all_hits(), [""; 0]);
}

#[tokio::test]
async fn a_permitted_call_is_relayed_once_without_its_token() {
    let world = TestGateway::new().await;
    world.site.answer(PATH, ScriptedAnswer::json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    let token = world.token("danger");
    for tool in ["safe", "danger"] {
        let answer = world.answer(&world.post(&format!("Authorization: Bearer {token}\r\n"), &call(tool))).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(answer.ends_with(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), "{answer}");
    }
    let posted = world.site.posted();
    assert_eq!(posted.len(), 2);
    assert!(posted.iter().all(|request| !request.contains(&token)), "{posted:?}");
    assert!(posted[0].ends_with(&call("safe")), "the judged bytes are forwarded");
}

#[tokio::test]
async fn places_for_sessions_are_taken_before_the_upstream_is_asked() {
    let world = TestGateway::new().await;
    let script = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nMcp-Session-Id: one\r\n\r\n{}";
    world.site.answer(PATH, ScriptedAnswer::raw(script));
    let sent = world.post(&format!("Authorization: Bearer {}\r\n", world.token("")), initialize());
    for expected in [200, 200, 429] {
        let answer = world.answer(&sent).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
    assert_eq!(world.site.hits(PATH), 2);
}

#[tokio::test]
async fn an_answer_that_may_not_be_relayed_is_a_refusal_with_a_status_of_its_own() {
    let world = TestGateway::new().await;
    let sent = world.post(&format!("Authorization: Bearer {}\r\n", world.token("")), &call("safe"));
    world.site.answer(PATH, ScriptedAnswer::raw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
    let answer = world.answer(&sent).await;
    assert_eq!(status(&answer), 502, "{answer}");
    assert!(
        answer.contains("upstream_answer") && !answer.to_ascii_lowercase().contains("www-authenticate"),
        "{answer}"
    );
    world.site.stop().await;
    assert_eq!(status(&world.answer(&sent).await), 502);
}
