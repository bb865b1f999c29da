//! Which head, bytes and end a client gets for scripted answers.

use http::{HeaderMap, Request, header::CONTENT_LENGTH};
use http_body_util::BodyExt;

use super::*;
use crate::{
    decide::{fields::header_names::X_ACCEL_BUFFERING, refusal::Refusal, token::caller::Caller},
    inbound::{
        answer::{broken::Broken, filter::plan::ListPlan, forward, outgoing::Outgoing},
        request::session::McpSession,
        testing::{PATH, TestGateway},
    },
    outbound::fetch::testing::ScriptedAnswer,
};

async fn relayed(
    world: &TestGateway,
    script: ScriptedAnswer,
    change: impl FnOnce(&mut Outgoing),
) -> Response<ReplyBody> {
    world.site.answer(PATH, script);
    let (outgoing, permit) = world.outgoing(change);
    let (head, ()) = Request::post(PATH).body(()).unwrap().into_parts();
    let mut record = world.record();
    let answered = forward::ask(&mut record, &world.arrival(), &world.server, head, outgoing, permit).await.unwrap();
    relay(&world.gateway, &world.server, answered, record, world.connection().busy())
}

async fn head_of(script: &str) -> HeaderMap {
    relayed(&TestGateway::new().await, ScriptedAnswer::raw(script), |_| ()).await.headers().clone()
}

/// The bytes of the body, and why it broke off.
async fn read(mut response: Response<ReplyBody>) -> (String, Option<Broken>) {
    let mut bytes = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap()),
            Err(broken) => return (String::from_utf8(bytes).unwrap(), Some(broken)),
        }
    }
    (String::from_utf8(bytes).unwrap(), None)
}

#[tokio::test]
async fn a70_an_answer_is_private_unless_its_upstream_says_more() {
    let private = head_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    assert_eq!(private[CACHE_CONTROL], "private");
    let own = head_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: no-store\r\n\r\n{}").await;
    assert_eq!(own[CACHE_CONTROL], "no-store");
    let stream =
        head_of("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: x\n\n").await;
    assert_eq!(
        (&stream[CACHE_CONTROL], &stream[X_ACCEL_BUFFERING]),
        (&"no-cache, no-transform".parse().unwrap(), &"no".parse().unwrap())
    );
    assert!(!stream.contains_key(CONTENT_LENGTH));
}

#[tokio::test]
async fn f24_what_came_before_an_upstream_broke_off_arrives_and_the_end_is_no_polite_one() {
    let world = TestGateway::new().await;
    let whole = relayed(&world, ScriptedAnswer::raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour"), |_| ()).await;
    assert!(matches!(read(whole).await, (body, None) if body == "four"));
    let broken = relayed(&world, ScriptedAnswer::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour"), |_| ()).await;
    assert!(matches!(read(broken).await, (body, Some(Broken::Upstream(_))) if body == "four"));
}

#[tokio::test]
async fn c55_a_list_that_was_not_asked_for_ends_the_answer() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"danger"}]}}"#;
    for (lists, passes) in [(None, true), (Some(Lists::Tasks), true), (Some(Lists::Any), false)] {
        let world = TestGateway::new().await;
        let guarded = |outgoing: &mut Outgoing| outgoing.lists = ListPlan { filtered: None, guarded: lists };
        let response = relayed(&world, ScriptedAnswer::json(body), guarded).await;
        match read(response).await {
            (bytes, None) => assert!(passes && bytes == body, "{lists:?}"),
            (bytes, Some(broken)) => {
                assert!(
                    !passes && !bytes.contains("danger") && matches!(broken, Broken::Unfit(_)),
                    "{lists:?}: {bytes}"
                );
            }
        }
    }
}

#[tokio::test]
async fn p7_a_stream_that_lives_on_ends_in_good_order_when_its_permission_is_gone() {
    let script = || {
        ScriptedAnswer::Endless(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
        )
    };
    let world = TestGateway::new().await;
    let mut response = relayed(&world, script(), |outgoing| outgoing.lives_on = true).await;
    assert!(response.body_mut().frame().await.unwrap().is_ok());
    world.reload(None);
    assert!(matches!(read(response).await, (_, None)));

    // A stream that answers one call has no lease: the call was permitted, and its answer is short.
    let world = TestGateway::new().await;
    let mut response = relayed(&world, script(), |_| ()).await;
    world.reload(None);
    for _ in 0..3 {
        assert!(response.body_mut().frame().await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn c52_the_events_of_a_session_are_noted_for_its_caller() {
    let world = TestGateway::new().await;
    let in_session = |outgoing: &mut Outgoing| {
        outgoing.session = Some(McpSession { id: "theirs".parse().unwrap(), given: "sealed".parse().unwrap() });
    };
    let script = ScriptedAnswer::typed("Content-Type: text/event-stream", "id: event-one\ndata: x\n\n");
    let response = relayed(&world, script, in_session).await;
    assert!(matches!(read(response).await, (_, None)));
    let events = &world.gateway.events;
    let check = |caller: &Caller, event: &[u8]| events.check(&world.server, caller, b"theirs", event);
    let bob = Caller::for_tests("bob", &[], serde_json::json!({}));
    let alice = crate::inbound::testing::caller(&[]);
    assert!(check(&alice, b"event-one").is_ok_and(|target| target.is_some()));
    assert!(check(&alice, b"event-two").is_ok_and(|target| target.is_none()));
    assert_eq!(check(&bob, b"event-one"), Err(Refusal::UnknownSession));
}
