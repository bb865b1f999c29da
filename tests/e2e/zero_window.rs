//! Does an answer end that its client does not read (attack 171, P7)?

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use super::{
    wire_h2::{DATA, HEADERS, PING, RST_STREAM, SETTINGS, block, common, frame},
    world::{
        Ask, Live, Plan, Step, World,
        beside::beside,
        call,
        process::PATIENCE,
        server::{chunk, full, polite, sse_head},
        token,
    },
};

/// The last of the 60 s in which nothing was taken, and time for a machine that does other things as well.
const STALL_PATIENCE: Duration = Duration::from_secs(100);

/// An HTTP/2 client that lives, answers every ping, and lets no byte of an answer through.
struct Closed {
    live: Live,
    buffer: Vec<u8>,
    next: u32,
    /// Streams that were answered, and those that were reset with this code.
    answered: BTreeSet<u32>,
    reset: BTreeMap<u32, u32>,
}

impl Closed {
    async fn connect(world: &World) -> Self {
        let mut live = world.connect_h2().await;
        live.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        // SETTINGS_INITIAL_WINDOW_SIZE = 0
        live.write(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
        live.write(&frame(SETTINGS, 1, 0, &[])).await;
        Self { live, buffer: Vec::new(), next: 1, answered: BTreeSet::new(), reset: BTreeMap::new() }
    }

    async fn ask(&mut self, fields: &[(&str, &str)], body: Option<&str>) -> u32 {
        let stream = self.next;
        self.next += 2;
        let end_of_stream = u8::from(body.is_none());
        self.live.write(&frame(HEADERS, 4 | end_of_stream, stream, &block(fields))).await;
        if let Some(body) = body {
            self.live.write(&frame(DATA, 1, stream, body.as_bytes())).await;
        }
        stream
    }

    async fn post(&mut self, world: &World, token: &str, body: &str) -> u32 {
        let bearer = format!("Bearer {token}");
        self.ask(&common(&world.authority, &bearer), Some(body)).await
    }

    async fn get(&mut self, world: &World, path: &str, token: &str) -> u32 {
        let bearer = format!("Bearer {token}");
        let fields = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", path),
            (":authority", &world.authority),
            ("authorization", &bearer),
            ("accept", "text/event-stream"),
        ];
        self.ask(&fields, None).await
    }

    /// Reads until `done`; a byte of an answer, or the end of the connection, fails.
    async fn until(&mut self, what: &str, patience: Duration, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + patience;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: answered {:?}, reset {:?}", self.answered, self.reset);
            let bytes = self.live.bytes_within(left).await;
            assert!(!bytes.is_empty(), "{what}: the connection must not end: it is the streams that are stalled");
            self.buffer.extend_from_slice(&bytes);
            self.frames().await;
        }
    }

    async fn frames(&mut self) {
        while self.buffer.len() >= 9 {
            let head = &self.buffer[..9];
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            if self.buffer.len() < 9 + length {
                break;
            }
            let all: Vec<u8> = self.buffer.drain(..9 + length).collect();
            let (head, payload) = all.split_at(9);
            let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
            match (head[3], head[4]) {
                (DATA, _) => assert!(payload.is_empty(), "there was no room for {payload:?}"),
                (HEADERS, _) => drop(self.answered.insert(stream)),
                (RST_STREAM, _) => {
                    let code = u32::from_be_bytes(payload.try_into().unwrap());
                    self.reset.insert(stream, code);
                }
                (PING, 0) => self.live.write(&frame(PING, 1, 0, payload)).await,
                _ => {}
            }
        }
    }
}

/// Answers attackers with something and then nothing, and others politely.
fn stalls(world: &World) {
    world.upstream.answer_with(|seen| {
        let body = String::from_utf8_lossy(&seen.body);
        match (seen.method.as_str(), body.contains("\"safe\"")) {
            ("GET", _) => vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang],
            (_, true) if body.contains("\"id\":7") => full(200, &[("Content-Type", "application/json")], "{\"a\":1}"),
            (_, true) => vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang],
            _ => polite(seen),
        }
    });
}

/// The audit line of a request that ended for this reason.
async fn end_line(world: &World, why: &str) -> Value {
    let line = world.gateway.line(|line| line.contains(&format!("\"ended\":\"{why}\""))).await;
    serde_json::from_str(&line).unwrap()
}

#[tokio::test]
async fn attack_171_calls_without_a_window_are_reset_and_their_upstream_legs_closed() {
    const CALLS: usize = 48;
    let world = Plan::standard().tls().start().await;
    stalls(&world);
    let (one, other) =
        (world.mint().claim("sub", "one".into()).token(), world.mint().claim("sub", "other".into()).token());
    let attack = async |_| {
        let mut closed = [Closed::connect(&world).await, Closed::connect(&world).await];
        for (client, token) in closed.iter_mut().zip([&one, &other]) {
            for _ in 0..CALLS {
                client.post(&world, token, &call("safe")).await;
            }
            // An answer that is complete, one of ours, and a page: nothing of them is read either.
            client.post(&world, token, &call("safe").replace("\"id\":1", "\"id\":7")).await;
            client.get(&world, "/nothing", token).await;
            client.get(&world, "/.well-known/oauth-protected-resource/mcp", token).await;
        }
        let [first, second] = &mut closed;
        let all = CALLS + 3;
        let answered = |client: &Closed| client.answered.len() == all;
        tokio::join!(first.until("heads", PATIENCE, answered), second.until("heads", PATIENCE, answered));
        assert_eq!(world.metric("portcullis_streams_open").await, Some(2.0 * CALLS as f64));
        let reset = |client: &Closed| client.reset.len() == all;
        tokio::join!(first.until("resets", STALL_PATIENCE, reset), second.until("resets", STALL_PATIENCE, reset));
        let codes: BTreeSet<u32> = closed.iter().flat_map(|client| client.reset.values().copied()).collect();
        assert_eq!(codes, BTreeSet::from([8]), "CANCEL");
        // The connections live on, and are of use again.
        for client in &mut closed {
            let stream = client.post(&world, &one, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
            client.until("a next answer", PATIENCE, |client| client.answered.contains(&stream)).await;
        }
    };
    beside(&world, &world.token(), "attack 171: 96 calls without a window", attack).await;
    world.upstream.until_hung_up(2 * CALLS).await;
    let line = end_line(&world, "client_stalled").await;
    assert_eq!((&line["event"], &line["status"]), (&"ended".into(), &200.into()), "{line}");
    assert_eq!(world.metric("portcullis_streams_open").await, Some(0.0));
    world.close().await;
}

/// A world in which tokens expire when they say, and one that expires in 3 s.
async fn soon(plan: Plan) -> (World, String) {
    let world = plan.issuers("  house: {issuer: \"@ISSUER@\", clock_skew: 0s}\n").start().await;
    let token = world.mint().claim("exp", (token::now() + 3).into()).token();
    (world, token)
}

#[tokio::test]
async fn attack_171_p7_without_a_window_a_stream_ends_with_its_token() {
    let (world, token) = soon(Plan::standard().tls()).await;
    stalls(&world);
    let mut client = Closed::connect(&world).await;
    let stream = client.get(&world, "/mcp", &token).await;
    client.until("a head", PATIENCE, |client| client.answered.contains(&stream)).await;
    // Far sooner than the stall deadline.
    client.until("the reset", PATIENCE, |client| client.reset.contains_key(&stream)).await;
    world.upstream.until_hung_up(1).await;
    let line = end_line(&world, "permit_expired").await;
    assert_eq!(line["streamed"], true, "{line}");
    drop(client);
    world.close().await;
}

#[tokio::test]
async fn attack_171_p7_without_a_reader_a_stream_over_http_1_ends_with_its_token() {
    let (world, token) = soon(Plan::standard()).await;
    let piece = format!("data: {}\n\n", "x".repeat(64 * 1024));
    let flood = [format!("{:x}\r\n", piece.len()).as_bytes(), piece.as_bytes(), b"\r\n"].concat();
    world.upstream.answer_with(move |_| vec![sse_head(&[]), Step::Flood(flood.clone().into(), 10_000)]);
    let mut live = world.open(&Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")).await;
    live.piece().await.unwrap();
    // From here on nothing is read, so that every buffer on the way is full long before the token expires.
    world.upstream.until_hung_up(1).await;
    end_line(&world, "permit_expired").await;
    // What was on its way may still come, and then the end.
    let rest = timeout(PATIENCE, live.rest()).await.unwrap();
    assert!(rest.cut, "a stream that could not be ended in good order does not pretend to be whole");
    world.close().await;
}

#[tokio::test]
async fn p7_a_stream_that_is_read_ends_in_good_order_and_the_line_says_why() {
    let (world, token) = soon(Plan::standard()).await;
    stalls(&world);
    let live = world.open(&Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")).await;
    let reply = live.rest().await;
    assert_eq!((reply.text().as_str(), reply.cut), ("data: one\n\n", false));
    let line = end_line(&world, "permit_expired").await;
    assert_eq!(line["streamed"], true, "{line}");
    world.close().await;
}

/// The token ends while the upstream takes its time: its stream is not kept for as long again.
#[tokio::test]
async fn p7_a_stream_whose_answer_came_late_ends_with_its_token_all_the_same() {
    let plan = Plan::standard_but("response_timeout: 2s", "response_timeout: 60s");
    let world = plan.issuers("  house: {issuer: \"@ISSUER@\", clock_skew: 0s}\n").start().await;
    let answers = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&answers);
    world.upstream.answer_with(move |seen| {
        let is_late = seen.header("X-Late").is_some();
        let late = is_late.then(|| Step::Await(Arc::clone(&held)));
        late.into_iter().chain([sse_head(&[]), chunk("data: one\n\n"), Step::Hang]).collect()
    });
    let ask = |secs: i64| {
        let token = world.mint().claim("exp", (token::now() + secs).into()).token();
        Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")
    };
    let (late, ends) = (ask(4).with("X-Late", "yes"), token::now() + 4);
    let mut late = world.connect_and_send(&late).await;
    world.upstream.until_seen(1).await;
    while token::now() < ends {
        sleep(Duration::from_millis(50)).await;
    }
    let other = world.open(&ask(2)).await;
    answers.add_permits(1);
    assert_eq!(late.head(false).await, 200);
    // Were it counted from here on, the other would end first.
    tokio::select! {
        reply = late.rest() => assert!(!reply.cut, "it ends in good order"),
        _ = other.rest() => panic!("the stream of the token that lasts longer ended first"),
    }
    world.close().await;
}
