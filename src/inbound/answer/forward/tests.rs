//! Which scripted answers may be relayed, how the others are refused, and which sessions count.

use http::{
    Request,
    header::{CONTENT_LENGTH, ETAG},
};

use super::*;
use crate::{
    decide::mcp::answer::lists::Lists,
    inbound::{
        answer::filter::plan::ListPlan,
        testing::{PATH, TestGateway},
    },
    outbound::fetch::testing::ScriptedAnswer,
};

const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe"},{"name":"danger"}]}}"#;
const CUT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe"}]}}"#;

async fn ask_as(world: &TestGateway, change: impl FnOnce(&mut Outgoing)) -> Result<Answered, Refusal> {
    let (outgoing, permit) = world.outgoing(change);
    let (head, ()) = Request::post(PATH).body(()).unwrap().into_parts();
    ask(&mut world.record(), &world.arrival(), &world.server, head, outgoing, permit).await
}

async fn asked(script: &str, change: impl FnOnce(&mut Outgoing)) -> Result<Answered, Refusal> {
    let world = TestGateway::new().await;
    world.site.answer(PATH, ScriptedAnswer::raw(script));
    ask_as(&world, change).await
}

fn lists(filtered: Option<Lists>, guarded: Option<Lists>) -> impl FnOnce(&mut Outgoing) {
    move |outgoing| outgoing.lists = ListPlan { filtered, guarded }
}

#[tokio::test]
async fn answers_that_would_send_the_client_elsewhere_are_refused() {
    let cases: &[(&str, Result<u16, &str>)] = &[
        ("200 OK\r\n", Ok(200)),
        ("202 Accepted\r\n", Ok(202)),
        ("404 Not Found\r\n", Ok(404)),
        ("500 Internal Server Error\r\n", Ok(500)),
        ("403 Forbidden\r\n", Ok(403)),
        ("403 Forbidden\r\nWWW-Authenticate: Bearer\r\n", Err("it asks the client for more scope")),
        ("401 Unauthorized\r\n", Err("it asks the client for a credential")),
        ("407 Proxy Authentication Required\r\n", Err("it asks the client for a credential")),
        ("307 Temporary Redirect\r\nLocation: https://other.example\r\n", Err("it redirects")),
        ("206 Partial Content\r\n", Err("it is a partial response")),
        (
            "200 OK\r\nMcp-Session-Id: a\r\nMcp-Session-Id: b\r\n",
            Err("its Mcp-Session-Id is not one value of visible ASCII"),
        ),
        ("200 OK\r\nMcp-Session-Id: a b\r\n", Err("its Mcp-Session-Id is not one value of visible ASCII")),
    ];
    for (head, expected) in cases {
        let answered = asked(&format!("HTTP/1.1 {head}Content-Length: 0\r\n\r\n"), |_| ()).await;
        let found = answered.map(|answered| answered.head.status.as_u16());
        assert_eq!(found, expected.map_err(Refusal::UpstreamAnswer), "{head}");
    }
    let cut_off = asked("HTTP/1.1 200", |_| ()).await.err();
    assert_eq!(cut_off, Some(Refusal::UpstreamAnswer("it broke off before an answer")));
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_refusal_of_the_callers_request() {
    let world = TestGateway::new().await;
    world.site.stop().await;
    assert!(matches!(ask_as(&world, |_| ()).await, Err(Refusal::UpstreamUnreachable(_))));
}

#[tokio::test]
async fn a_session_that_may_have_begun_stays_counted_and_no_other() {
    // (script, whether the counted session stays counted)
    for (script, stays) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nMcp-Session-Id: a\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 20", true),
    ] {
        let world = TestGateway::new().await;
        world.site.answer(PATH, ScriptedAnswer::raw(script));
        let (sessions, name, most) = (&world.gateway.sessions, &world.server.series.name, 2);
        let caller = crate::inbound::testing::caller(&[]);
        sessions.begin(name, &caller, most, world.now()).unwrap();
        let answered = ask_as(&world, |outgoing| outgoing.begins = true).await;
        let more = (0..9).filter(|_| sessions.begin(name, &caller, most, world.now()).is_ok()).count();
        assert_eq!(more, if stays { 1 } else { 2 }, "{script:?}");
        if let Ok(Answered { head, .. }) = answered {
            let given = head.headers.get(MCP_SESSION_ID);
            assert_eq!(given.is_some(), stays, "{script:?}");
            assert!(given.is_none_or(|given| given != "a"), "the upstream's id is sealed");
        }
    }
}

#[tokio::test]
async fn c55_a_list_that_was_asked_for_is_read_and_filtered() {
    let script = |fields: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: \"1\"\r\nCache-Control: public\r\n{fields}\r\n{body}"
        )
    };
    let tools = || lists(Some(Lists::Tools), Some(Lists::Tools));
    let answered = asked(&script("Content-Type: application/json\r\n", TOOLS), tools()).await.unwrap();
    let AnswerSource::Whole(Some(body)) = answered.source else { panic!("it is not read") };
    assert_eq!(body, CUT);
    assert_eq!(answered.head.headers[CACHE_CONTROL], "private");
    assert!(!answered.head.headers.contains_key(ETAG) && !answered.head.headers.contains_key(CONTENT_LENGTH));

    let answered = asked(&script("Content-Type: text/event-stream\r\n", "data: {}\n\n"), tools()).await.unwrap();
    assert!(answered.is_stream && matches!(answered.source, AnswerSource::Edited(_)));

    // An answer that cannot be read is refused.
    for (fields, body) in [
        ("Content-Encoding: gzip\r\n", TOOLS),
        ("", "{"),
        ("", r#"{"result":{"tools":[],"tools":[{"name":"danger"}]}}"#),
    ] {
        assert!(matches!(asked(&script(fields, body), tools()).await, Err(Refusal::UpstreamAnswer(_))), "{body}");
    }
}

#[tokio::test]
async fn c55_an_answer_without_a_list_passes_as_it_comes() {
    let script = |status: &str, fields: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nETag: \"1\"\r\n{fields}\r\n{{}}")
    };
    let plain = asked(&script("200 OK", ""), |_| ()).await.unwrap();
    assert!(matches!(plain.source, AnswerSource::Plain(_)) && plain.head.headers.contains_key(ETAG));
    let guarded = || lists(None, Some(Lists::Any));
    let watched = asked(&script("200 OK", ""), guarded()).await.unwrap();
    assert!(matches!(watched.source, AnswerSource::Guarded(_)) && watched.head.headers.contains_key(ETAG));
    let encoded = asked(&script("200 OK", "Content-Encoding: gzip, gzip\r\n"), guarded()).await;
    assert!(matches!(encoded, Err(Refusal::UpstreamAnswer(_))), "a list could hide in it");
    let failed = asked(&script("500 Oops", "Content-Encoding: aes128gcm\r\n"), guarded()).await.unwrap();
    assert!(matches!(failed.source, AnswerSource::Plain(_)), "the client needs the status");
    let cut = asked(&script("500 Oops", ""), lists(Some(Lists::Tools), Some(Lists::Tools))).await.unwrap();
    assert!(matches!(cut.source, AnswerSource::Guarded(_)), "a failure holds no list");
}
