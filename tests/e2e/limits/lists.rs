//! Are lists that are held to be cut charged like bodies: whole ones, and events of a stream (attack 173)?

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::e2e::world::{Seen, request};

const MIB: usize = 1024 * 1024;
const LIST: usize = 4 * MIB;
/// The end of a list, which comes late.
const TAIL: usize = 10;

/// How an answer with a list comes.
#[derive(Clone, Copy, PartialEq)]
enum Framed {
    Length,
    Chunks,
    Events,
}

/// An answer of `LIST` bytes: the front of it, and its end.
fn list(seen: &Seen, framed: Framed) -> (Vec<u8>, Vec<u8>) {
    let (before, after) = if framed == Framed::Events { ("data: ", "\n\n") } else { ("", "") };
    let mut text = format!(
        r#"{before}{{"jsonrpc":"2.0","id":{},"result":{{"tools":[{{"name":"safe"}},{{"name":"forbidden"}},{{"name":"get_x","title":""#,
        seen.id()
    )
    .into_bytes();
    let end = format!("\"}}]}}}}{after}");
    text.resize(LIST - end.len(), b'x');
    text.extend(end.bytes());
    let tail = text.split_off(LIST - TAIL);
    (text, tail)
}

/// Lists come but for their end, which waits for a permit; those of bob come at once, as does all that is no list.
fn hold_lists(world: &World, framed: Framed) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |seen| {
        if !String::from_utf8_lossy(&seen.body).contains("tools/list") {
            return polite(seen);
        }
        let (front, tail) = list(seen, framed);
        let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        let (front, tail) = match framed {
            Framed::Length => {
                (Step::Send([format!("{json}Content-Length: {LIST}\r\n\r\n").as_bytes(), &front].concat().into()), tail)
            }
            Framed::Chunks => {
                let head = format!("{json}Transfer-Encoding: chunked\r\n\r\n");
                (Step::Send([head.as_bytes(), &chunk(&front)].concat().into()), [&*chunk(&tail), b"0\r\n\r\n"].concat())
            }
            Framed::Events => {
                let Step::Send(head) = sse_head(&[]) else { panic!("a head") };
                (Step::Send([&*head, &chunk(&front)].concat().into()), [&*chunk(&tail), b"0\r\n\r\n"].concat())
            }
        };
        let mut steps = vec![front];
        if seen.header("x-auth-subject") != Some("bob") {
            steps.push(Step::Await(Arc::clone(&script_gate)));
        }
        steps.push(Step::Send(tail.into()));
        steps
    });
    gate
}

fn ask(world: &World, subject: &str) -> Ask {
    Ask::post("/mcp", request("tools/list", "{}")).token(&token_of(world, subject))
}

fn assert_cut(text: &str) {
    assert!(text.contains("\"safe\"") && !text.contains("\"forbidden\""), "the list is cut: {}", &text[..100]);
}

#[tokio::test]
async fn attack_173_lists_that_are_read_are_charged_to_their_caller() {
    const LISTS: usize = 20;
    let limits = "request_body: 64KiB, body_bytes_per_caller: 16MiB";
    let world = plan(limits, "requests: 1024, body_bytes: 64MiB").start().await;
    let bob = token_of(&world, "bob");
    for (round, framed) in [(1, Framed::Length), (2, Framed::Chunks)] {
        let gate = hold_lists(&world, framed);
        assert_eq!(world.send(&ask(&world, "bob")).await.status, 200);
        let before = world.gateway.resident_kib();
        let attack = async |mut others: Others| {
            // If all came at once, too many might be refused: two that meet at the bound both find
            // no room.
            let mut lives = world.begin(&ask(&world, "mallory"), 4).await;
            bodies::until_held(&world, 4 * (LIST - TAIL)).await;
            lives.extend(world.begin(&ask(&world, "mallory"), LISTS - 4).await);
            until_ended(&world, "too_many_body_bytes", round * (LISTS - 4)).await;
            let after = world.gateway.resident_kib();
            println!("attack 173: {LISTS} lists of 4 MiB: memory before {before} KiB, with them {after} KiB");
            assert!(after < before + 64 * 1024, "memory grew from {before} to {after} KiB");
            others.are_served().await;
            assert_cut(&world.send(&ask(&world, "bob")).await.text());
            gate.add_permits(4);
            let (open, refused) = heads(lives, "too_many_body_bytes").await;
            assert_eq!((open.len(), refused), (4, LISTS - 4));
            for live in open {
                assert_cut(&live.rest().await.text());
            }
        };
        beside(&world, &bob, "attack 173: 20 lists of 4 MiB", attack).await;
        assert_eq!(world.metric("portcullis_request_body_bytes").await, Some(0.0));
    }
    assert_eq!(
        world.metric("portcullis_upstream_failures_total").await.unwrap_or(0.0),
        0.0,
        "the upstream did nothing wrong"
    );
    world.close().await;
}

#[tokio::test]
async fn attack_173_lists_of_all_callers_together_are_bounded() {
    let world = plan("request_body: 64KiB", "requests: 1024, body_bytes: 16MiB").start().await;
    let gate = hold_lists(&world, Framed::Chunks);
    let mut lives = Vec::new();
    for subject in ["mallory", "nina", "oscar", "peggy"] {
        lives.extend(world.begin(&ask(&world, subject), 1).await);
    }
    bodies::until_held(&world, 4 * (LIST - TAIL)).await;
    let reply = world.send(&ask(&world, "bob")).await;
    assert_eq!((reply.status, reply.reason().as_str()), (503, "overloaded_body_bytes"), "{reply:?}");
    assert_eq!(reply.header("retry-after"), Some("5"));
    gate.add_permits(4);
    let (open, _) = heads(lives, "").await;
    for live in open {
        assert_cut(&live.rest().await.text());
    }
    assert_cut(&world.send(&ask(&world, "bob")).await.text());
    world.close().await;
}

#[tokio::test]
async fn attack_173_an_event_that_is_read_is_charged_and_its_stream_ends_where_there_is_no_room() {
    const STREAMS: usize = 6;
    let world = plan("request_body: 64KiB, body_bytes_per_caller: 8MiB", "body_bytes: 64MiB").start().await;
    let gate = hold_lists(&world, Framed::Events);
    let mut lives = world.begin(&ask(&world, "mallory"), 2).await;
    bodies::until_held(&world, 2 * (LIST - TAIL)).await;
    lives.extend(world.begin(&ask(&world, "mallory"), STREAMS - 2).await);
    until_ended(&world, "too_many_body_bytes", STREAMS - 2).await;
    world.upstream.until_hung_up(STREAMS - 2).await;
    gate.add_permits(2);
    let mut whole = 0;
    for mut live in lives {
        assert_eq!(live.head(false).await, 200);
        let reply = live.rest().await;
        if !reply.cut {
            whole += 1;
            assert_cut(&reply.text());
        }
    }
    assert_eq!(whole, 2);
    assert_eq!(world.metric("portcullis_request_body_bytes").await, Some(0.0));
    let line = world.gateway.line(|line| line.contains("\"ended\":\"overloaded\"")).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["reason"], &line["upstream"]), (&"too_many_body_bytes".into(), &"ok".into()), "{line}");
    assert_eq!(
        world.metric("portcullis_upstream_failures_total").await.unwrap_or(0.0),
        0.0,
        "the upstream did nothing wrong"
    );
    world.close().await;
}
