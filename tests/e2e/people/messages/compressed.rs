//! An upstream, or a CDN before it, that compresses although it was asked not to (C3).

use std::{
    io::{Read, Write},
    sync::Arc,
};

use flate2::{
    Compression,
    read::MultiGzDecoder,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::e2e::world::{
    Ask, Reply, Step, World, call, modern, request,
    server::{chunk, full, last_chunk, sse_head},
};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe"},{"name":"forbidden"}]}}"#;
const SHOWN: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe"}]}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"sunny"}]}}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// One stored block and the empty last one (RFC 7932 §9.2).
fn brotli(text: &str) -> Vec<u8> {
    let bits = ((u32::try_from(text.len()).unwrap() - 1) << 3 | 1 << 19) << 1;
    [&bits.to_le_bytes()[..3], text.as_bytes(), &[0b11]].concat()
}

fn in_every_coding(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(text.as_bytes()).unwrap();
    let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
    bare.write_all(text.as_bytes()).unwrap();
    let mut zstd = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
    zstd_safe::compress(&mut zstd, text.as_bytes(), 3).unwrap();
    vec![
        ("gzip", gzip(text)),
        ("X-GZIP", gzip(text)),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", bare.finish().unwrap()),
        ("br", brotli(text)),
        ("identity, zstd", zstd),
    ]
}

/// The answer to `ask` of an upstream that sends these bytes.
async fn answered(world: &World, ask: &Ask, coding: &'static str, bytes: &[u8]) -> Reply {
    let bytes = bytes.to_vec();
    world.upstream.answer_with(move |_| {
        full(200, &[JSON, ("Content-Encoding", coding), ("ETag", "\"1\""), ("Digest", "x"), ("X-Own", "1")], &bytes)
    });
    world.send(ask).await
}

fn is_decoded(reply: &Reply, text: &str, what: &str) {
    assert_eq!((reply.status, reply.text().as_str(), reply.cut), (200, text, false), "{what}: {reply:?}");
    for gone in ["content-encoding", "etag", "digest", "content-length"] {
        let own = gone == "content-length" && reply.header(gone) == Some(text.len().to_string().as_str());
        assert!(own || reply.header(gone).is_none(), "{what}: {gone}");
    }
    assert_eq!((reply.header("x-own"), reply.header("content-type")), (Some("1"), Some("application/json")), "{what}");
}

#[tokio::test]
async fn people_c3_a_call_leaves_as_it_came_or_decoded_and_a_list_is_filtered() {
    let world = World::standard().await;
    for (coding, bytes) in in_every_coding(RESULT) {
        let name = coding.trim_start_matches("identity, ");
        for accepts in [name, "*", "gzip, x-gzip, deflate, br, zstd"] {
            let ask = world.post(call("safe")).with("Accept-Encoding", accepts);
            let reply = answered(&world, &ask, coding, &bytes).await;
            assert_eq!((reply.status, &reply.body), (200, &bytes), "{coding} {accepts}: {reply:?}");
            assert_eq!((reply.header("content-encoding"), reply.header("etag")), (Some(coding), Some("\"1\"")));
            assert_eq!(world.upstream.take_one().header("accept-encoding"), Some("identity"));
        }
        for ask in [
            world.post(call("safe")),
            world.post(call("safe")).with("Accept-Encoding", "identity"),
            world.post(call("safe")).with("Accept-Encoding", format!("{name};q=0, *;q=0")),
        ] {
            is_decoded(&answered(&world, &ask, coding, &bytes).await, RESULT, coding);
            world.upstream.take();
        }
    }
    for (coding, bytes) in in_every_coding(LIST) {
        for accepts in ["gzip, deflate, br, zstd", "identity"] {
            let ask = world.post(request("tools/list", "{}")).with("Accept-Encoding", accepts);
            is_decoded(&answered(&world, &ask, coding, &bytes).await, SHOWN, coding);
        }
    }
    world.close().await;
}

#[tokio::test]
async fn people_c3_attack_285_a_list_hides_in_no_coding() {
    let world = World::standard().await;
    for (coding, bytes) in in_every_coding(LIST) {
        for accepts in [Some(coding.trim_start_matches("identity, ")), None] {
            let ask =
                accepts.iter().fold(world.post(call("safe")), |ask, accepts| ask.with("Accept-Encoding", accepts));
            let reply = answered(&world, &ask, coding, &bytes).await;
            assert!(reply.cut && !reply.text().contains("forbidden"), "{coding} {accepts:?}: {reply:?}");
            assert!(reply.body.len() < bytes.len(), "{coding}: none of the piece with the list is relayed");
        }
    }
    // The second member of one answer, and what stands above another coding.
    let two = [gzip(" "), gzip(LIST)].concat();
    let ask = || world.post(call("safe")).with("Accept-Encoding", "gzip");
    assert!(answered(&world, &ask(), "gzip", &two).await.cut);
    for coding in ["gzip, gzip", "compress", "gzip, br", "aes128gcm"] {
        for ask in [ask(), world.post(request("tools/list", "{}"))] {
            let reply = answered(&world, &ask, coding, &two).await;
            assert_eq!(reply.status, 502, "{coding}");
            assert!(reply.text().contains("its Content-Encoding is not one that the gateway reads"), "{reply:?}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn people_c3_attack_284_a_bomb_is_502_or_ends_the_answer() {
    let world = World::standard().await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let brotli = &include_bytes!("../../../fuzz/seeds/decode/bomb_br")[1..];
    for (coding, bytes) in [("gzip", bomb.as_slice()), ("br", brotli)] {
        let accepted = world.post(call("safe")).with("Accept-Encoding", coding);
        let reply = answered(&world, &accepted, coding, bytes).await;
        assert!(reply.cut && reply.body.len() < bytes.len(), "{coding}: {} bytes", reply.body.len());
        let reply = answered(&world, &world.post(call("safe")), coding, bytes).await;
        assert!(reply.cut && reply.body.len() < 32 << 20, "{coding}: {} bytes", reply.body.len());
        let list = world.post(request("tools/list", "{}"));
        assert_eq!(answered(&world, &list, coding, bytes).await.status, 502, "{coding}");
    }
    world.gateway.line(|line| line.contains("its compressed bytes decompress to too many")).await;
    // Damaged and cut short.
    let good = gzip(LIST);
    for bytes in [&good[..good.len() / 2], b"not gzip at all", &[&good, b"more".as_slice()].concat()] {
        let list = world.post(request("tools/list", "{}"));
        assert_eq!(answered(&world, &list, "gzip", bytes).await.status, 502);
    }
    world.close().await;
}

/// Each of these texts, flushed; by gzip and by Zstandard.
fn flushed(texts: impl Iterator<Item = String>) -> [(&'static str, Vec<u8>); 2] {
    use zstd_safe::zstd_sys::ZSTD_EndDirective::{ZSTD_e_end, ZSTD_e_flush};
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let (mut zstd, mut frames) = (zstd_safe::CCtx::create(), Vec::new());
    for text in texts.map(Some).chain([None]) {
        let (text, flush) = text.map_or_else(|| (String::new(), ZSTD_e_end), |text| (text, ZSTD_e_flush));
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.flush().unwrap();
        let mut frame = Vec::with_capacity(1_024 + zstd_safe::compress_bound(text.len()));
        let (mut out, mut from) =
            (zstd_safe::OutBuffer::around(&mut frame), zstd_safe::InBuffer::around(text.as_bytes()));
        zstd.compress_stream2(&mut out, &mut from, flush).unwrap();
        frames.extend(frame);
    }
    [("gzip", gzip.finish().unwrap()), ("zstd", frames)]
}

#[tokio::test]
async fn people_c3_attack_345_a_long_stream_of_events_that_repeat_is_no_bomb_and_one_endless_event_is() {
    const EVENTS: usize = 3_000;
    let world = World::standard().await;
    let status =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":"{}"}}"#, "ready ".repeat(3_500));
    let repeated = flushed((0..EVENTS).map(|_| format!("data: {status}\n\n")));
    let endless = flushed((0..EVENTS).map(|_| format!("data: {status}\n")));
    for ((coding, good), (_, bad)) in repeated.into_iter().zip(endless) {
        assert!(good.len() * 200 < EVENTS * status.len(), "{coding}: {} bytes", good.len());
        for (bytes, is_cut) in [(&good, false), (&bad, true)] {
            for accepts in [coding, "identity"] {
                let bytes = bytes.clone();
                world
                    .upstream
                    .answer_with(move |_| vec![sse_head(&[("Content-Encoding", coding)]), chunk(&bytes), last_chunk()]);
                let reply = world.send(&world.post(call("safe")).with("Accept-Encoding", accepts)).await;
                assert_eq!((reply.status, reply.cut), (200, is_cut), "{coding} {accepts}: {} bytes", reply.body.len());
                if accepts == "identity" && !is_cut {
                    assert_eq!(reply.body.len(), EVENTS * (status.len() + 8), "{coding}");
                }
            }
        }
    }
    world.gateway.line(|line| line.contains("decompress to too many") && line.contains("what compresses")).await;
    world.close().await;
}

/// A stream in gzip that is flushed after each of two events; the second comes when the gate opens.
fn two_events(world: &World, first: &str, second: &str, gate: &Arc<Semaphore>) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut flushed = |text: &str| {
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    };
    let (one, two, gate) = (flushed(first), flushed(second), Arc::clone(gate));
    let end = encoder.finish().unwrap();
    world.upstream.answer_with(move |_| {
        let head = sse_head(&[("Content-Encoding", "gzip")]);
        let wait = Step::Await(Arc::clone(&gate));
        vec![head, chunk(&one), wait, chunk(&two), chunk(&end), last_chunk()]
    });
}

#[tokio::test]
async fn people_c3_compressed_streams_pass_event_by_event() {
    let world = World::standard().await;
    let progress = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n";
    let (list, shown) = (format!("data: {LIST}\n\n"), format!("data: {SHOWN}\n\n"));
    let result = format!("data: {RESULT}\n\n");
    for (ask, last, seen) in [
        (world.post(call("safe")), &result, &result),
        (world.post(request("tools/list", "{}")), &list, &shown),
        (world.post(request("tools/list", "{}")).with("Accept-Encoding", "gzip"), &list, &shown),
    ] {
        let gate = Arc::new(Semaphore::new(0));
        two_events(&world, progress, last, &gate);
        let mut live = world.open(&ask).await;
        live.until("notifications/progress").await;
        gate.add_permits(1);
        let reply = live.rest().await;
        assert_eq!((reply.text(), reply.cut), (format!("{progress}{seen}"), false));
        assert_eq!((reply.header("content-encoding"), reply.header("content-type")), (None, Some("text/event-stream")));
    }
    // As it came, where the client accepts it.
    let gate = Arc::new(Semaphore::new(0));
    two_events(&world, progress, &result, &gate);
    let mut live = world.open(&world.post(call("safe")).with("Accept-Encoding", "gzip")).await;
    let first = live.piece().await.expect("the first event, before the second is sent");
    let mut text = vec![0; progress.len()];
    MultiGzDecoder::new(first.as_ref()).read_exact(&mut text).unwrap();
    assert_eq!(text, progress.as_bytes());
    gate.add_permits(1);
    let reply = live.rest().await;
    let (mut text, whole) = (String::new(), [&first, reply.body.as_slice()].concat());
    MultiGzDecoder::new(whole.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!((text, reply.header("content-encoding")), (format!("{progress}{result}"), Some("gzip")));
    // And broken off before the event with a list.
    two_events(&world, progress, &list, &Arc::new(Semaphore::new(1)));
    let reply = world.send(&world.post(call("safe")).with("Accept-Encoding", "gzip")).await;
    assert!(reply.cut, "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn people_c3_tasks_and_event_ids_are_read_in_compressed_answers() {
    let world = World::standard().await;
    let (alice, bob) = (world.token(), world.mint().claim("sub", json!("bob")).token());
    for (name, accepts) in [("one", "gzip"), ("two", "identity")] {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"task":{{"taskId":"{name}","status":"working"}}}}}}"#);
        let ask = Ask::post("/mcp", request("tools/call", r#"{"name":"safe","task":{"ttl":60000}}"#)).token(&alice);
        answered(&world, &ask.with("Accept-Encoding", accepts), "gzip", &gzip(&body)).await;
        world.upstream.answer_politely();
        let about =
            |token: &str| Ask::post("/mcp", request("tasks/get", &format!(r#"{{"taskId":"{name}"}}"#))).token(token);
        assert_eq!(world.send(&about(&alice)).await.status, 200, "{name}");
        assert_eq!(world.send(&about(&bob)).await.status, 403, "{name}");
    }
    // A modern call whose client never said that it knows tasks, and negotiated the coding itself.
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","taskId":"three","status":"working"}}"#;
    let ask = modern("tools/call", Some("safe"), r#""name":"safe","arguments":{}"#).token(&alice);
    let reply = answered(&world, &ask.with("Accept-Encoding", "gzip"), "gzip", &gzip(body)).await;
    assert_eq!(reply.body, gzip(body), "as it came");
    let ask = modern("tasks/get", Some("three"), r#""taskId":"three""#);
    assert_eq!(world.send(&ask.clone().token(&bob)).await.status, 403);
    assert_eq!(world.send(&ask.token(&alice)).await.status, 200);

    // An event of Alice's stream resumes nothing for Bob, although only its compressed bytes passed.
    let begin =
        |token: &str| Ask::post("/mcp", request("initialize", r#"{"protocolVersion":"2025-11-25"}"#)).token(token);
    let mut sessions = Vec::new();
    for token in [&alice, &bob] {
        world.upstream.answer_with(|_| full(200, &[JSON, ("Mcp-Session-Id", "shared")], RESULT));
        let reply = world.send(&begin(token)).await;
        sessions.push(reply.header("mcp-session-id").expect("a session").to_owned());
    }
    let events = gzip("id: evt-alice\ndata: {}\n\n");
    world.upstream.answer_with(move |_| vec![sse_head(&[("Content-Encoding", "gzip")]), chunk(&events), last_chunk()]);
    let asked = |token: &str, session: &str| {
        Ask::post("/mcp", call("safe")).token(token).with("Mcp-Session-Id", session).with("Accept-Encoding", "gzip")
    };
    let reply = world.send(&asked(&alice, &sessions[0])).await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")), "as it came");
    let resumed = |token: &str, session: &str| {
        let ask = Ask::get("/mcp").token(token).with("Accept", "text/event-stream").with("Mcp-Session-Id", session);
        ask.with("Last-Event-ID", "evt-alice")
    };
    assert_eq!(world.send(&resumed(&bob, &sessions[1])).await.status, 404);
    let reply = world.send(&resumed(&alice, &sessions[0])).await;
    // Such a stream is filtered, so it leaves decoded.
    assert_eq!((reply.status, reply.header("content-encoding")), (200, None));
    assert_eq!(reply.text(), "id: evt-alice\ndata: {}\n\n");
    world.close().await;
}
