//! The memory of decoders of compressed answers is charged like bodies, once for each answer (attack 346).

use super::*;

const MIB: usize = 1024 * 1024;

/// A comment of this length as a stored block of Brotli, at the start of a stream with a window of 4 MiB.
fn comment(len: usize) -> Vec<u8> {
    // Window bits 22 are `1011` (RFC 7932 §9.1); then: not the last block, six nibbles, stored.
    let bits = 0b1011_u64 | (0b100 | (len as u64 - 1) << 3 | 1 << 27) << 4;
    let mut block = bits.to_le_bytes()[..4].to_vec();
    block.push(b':');
    block.resize(4 + len - 2, b'x');
    [&block, b"\n\n".as_slice()].concat()
}

/// Streams begin with such a comment; what ends them waits for a permit.
fn hold_streams(world: &World) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let block = comment(4 * MIB);
    let script = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let head = sse_head(&[("Content-Encoding", "br")]);
        vec![head, chunk(&block), Step::Await(Arc::clone(&script)), chunk([0b11]), Step::Send("0\r\n\r\n".into())]
    });
    gate
}

#[tokio::test]
async fn people_c3_attack_346_what_decoders_hold_is_charged_once_and_has_a_bound() {
    // As it came, decoded for the client, and read for the ids of its events as well.
    for (accepts, in_session) in [("br", false), ("identity", false), ("br", true)] {
        let world = plan("request_body: 64KiB", "body_bytes: 24MiB").start().await;
        let token = token_of(&world, "mallory");
        world
            .upstream
            .answer_with(|_| full(200, &[("Mcp-Session-Id", "one"), ("Content-Type", "application/json")], b"{}"));
        let session = world.send(&Ask::post("/mcp", initialize()).token(&token)).await;
        let session = session.header("mcp-session-id").expect("a session").to_owned();
        let gate = hold_streams(&world);
        let ask = Ask::post("/mcp", call("safe")).token(&token).with("Accept-Encoding", accepts);
        let ask = if in_session { ask.with("Mcp-Session-Id", &session) } else { ask };
        let mut lives = world.begin(&ask, 1).await;
        bodies::until_held(&world, 4 * MIB).await;
        let held = world.metric("portcullis_request_body_bytes").await.unwrap_or_default();
        assert!(held < 4.5 * MIB as f64, "{accepts}: {held}");
        lives.extend(world.begin(&ask, 2).await);
        until_ended(&world, "too_many_body_bytes", 2).await;
        let line = world.gateway.line(|line| line.contains("a compressed answer was cut off")).await;
        for told in [
            "\"level\":\"WARN\"",
            "\"server\":\"main\"",
            "not compress event streams",
            "\"key\":\"limits.body_bytes, of which the event streams of one caller get three sixteenths\"",
        ] {
            assert!(line.contains(told), "{told}: {line}");
        }
        gate.add_permits(3);
        let mut whole = 0;
        for mut live in lives {
            assert_eq!(live.head(false).await, 200, "{accepts}");
            whole += usize::from(!live.rest().await.cut);
        }
        assert_eq!(whole, 1, "{accepts}");
        let deadline = Instant::now() + PATIENCE;
        while world.metric("portcullis_request_body_bytes").await != Some(0.0) {
            assert!(Instant::now() < deadline, "{accepts}: what ended is still charged");
            sleep(Duration::from_millis(10)).await;
        }
        world.close().await;
    }
}

#[tokio::test]
async fn people_c3_attack_346_streams_of_one_caller_go_on_beyond_its_bound_for_bodies() {
    let world = plan("request_body: 64KiB, body_bytes_per_caller: 6MiB", "body_bytes: 256MiB").start().await;
    let token = token_of(&world, "cron");
    let gate = hold_streams(&world);
    let ask = |body| Ask::post("/mcp", body).token(&token).with("Accept-Encoding", "br");
    let mut lives = world.begin(&ask(call("safe").into()), 7).await;
    bodies::until_held(&world, 28 * MIB).await;
    lives.extend(world.begin(&ask(bodies::long_call("safe", 60 * 1024)), 1).await);
    bodies::until_held(&world, 32 * MIB).await;
    gate.add_permits(8);
    for mut live in lives {
        assert_eq!(live.head(false).await, 200);
        assert!(!live.rest().await.cut);
    }
    world.close().await;
}
