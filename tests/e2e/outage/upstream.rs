//! The outage table: the MCP server behind the gateway. Whoever asks, a call gets the same, and none runs twice.

use std::sync::Arc;

use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    time::{Duration, Instant, timeout},
};

use super::{ask, counted, halves, is_well, until_status};
use crate::e2e::world::{Plan, Reply, Step, World, server};

/// What the upstream does with a call, and what the client gets.
struct Row {
    failure: &'static str,
    answer: fn() -> Vec<Step>,
    /// 200 is an answer that is cut where it broke off.
    status: u16,
}

const TABLE: &[Row] = &[
    Row { failure: "refuses: hangs up", answer: || vec![Step::Cut], status: 502 },
    Row { failure: "hangs", answer: || vec![Step::Hang], status: 504 },
    Row { failure: "hangs in the head", answer: || vec![Step::Send("HTTP/1.1 200 O".into()), Step::Hang], status: 504 },
    Row {
        failure: "truncates the head",
        answer: || vec![Step::Send("HTTP/1.1 200 OK\r\nA: ".into()), Step::Cut],
        status: 502,
    },
    Row { failure: "truncates the body", answer: || vec![Step::Send(halves(&result()).0), Step::Cut], status: 200 },
    Row {
        failure: "lies: another protocol",
        answer: || vec![Step::Send("SSH-2.0-x\r\n\r\n".into()), Step::Cut],
        status: 502,
    },
    Row { failure: "lies: two lengths", answer: || server::full(200, &[("Content-Length", "7")], "{}"), status: 502 },
    Row { failure: "lies: wants a credential", answer: || server::full(401, &[], ""), status: 502 },
    Row { failure: "lies: elsewhere", answer: || server::full(307, &[("Location", "http://a/")], ""), status: 502 },
    Row { failure: "lies: a part", answer: || server::full(206, &[], "{}"), status: 502 },
    // Its own errors are the client's to read.
    Row { failure: "fails: 500", answer: || server::json(500, "{}"), status: 500 },
];

fn result() -> Vec<Step> {
    server::json(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)
}

/// A failure of the gateway's is a JSON-RPC error that sends nobody to log in and names no address.
fn check(world: &World, row: &str, reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{row}: {reply:?}");
    if matches!(status, 502 | 504) {
        assert_eq!(reply.code(), Some(-32603), "{row}: {reply:?}");
        assert!(reply.header("www-authenticate").is_none(), "{row}: {reply:?}");
        assert!(!reply.text().contains(&world.upstream.address().to_string()), "d34, {row}: {reply:?}");
    }
}

#[tokio::test]
async fn outage_upstream_fails() {
    let plan = Plan::standard_but("response_timeout: 2s", "response_timeout: 500ms");
    let world = plan.start().await;
    let known = ask(&world.token());
    assert_eq!(world.send(&known).await.status, 200);
    for Row { failure, answer, status } in TABLE {
        world.upstream.take();
        let failed = counted(&world, "portcullis_upstream_failures_total", "main").await;
        let answer = *answer;
        world.upstream.answer_with(move |_| answer());
        let new = ask(&world.mint().claim("jti", (*failure).into()).token());
        for call in [&known, &new] {
            let reply = world.send(call).await;
            check(&world, failure, &reply, *status);
            assert_eq!(reply.cut, *failure == "truncates the body", "{failure}: {reply:?}");
        }
        assert_eq!(world.upstream.take().len(), 2, "c57: {failure} was tried again");
        if *status != 500 {
            assert!(counted(&world, "portcullis_upstream_failures_total", "main").await > failed, "{failure}");
        }
        assert!(is_well(&world.admin("/readyz").await), "{failure}");
        world.upstream.answer_politely();
        assert_eq!(world.send(&known).await.status, 200, "{failure}: over");
    }
    world.close().await;
}

#[tokio::test]
async fn outage_upstream_refuses_and_hangs_when_it_is_dialled() {
    let world = Plan::standard_but("connect_timeout: 2s", "connect_timeout: 1s").start().await;
    let call = ask(&world.token());
    world.upstream.stop();
    for _ in 0..2 {
        check(&world, "refuses", &world.send(&call).await, 502);
    }
    assert!(counted(&world, "portcullis_upstream_failures_total", "main").await > 0.0);
    assert_eq!(world.admin("/readyz").await.status, 200);
    world.upstream.resume().await;
    until_status(&world, &call, 200, "refuses").await;
    world.upstream.stop();

    // A queue of connections that is full: the kernel answers nothing to the next.
    let full = loop {
        // The one before is closed as soon as its task has ended.
        tokio::task::yield_now().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        let bound = socket.bind(world.upstream.address()).and_then(|()| socket.listen(1));
        if let Ok(full) = bound {
            break full;
        }
    };
    let mut queued = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(world.upstream.address())).await {
        queued.push(connected.unwrap());
        assert!(queued.len() < 64, "the queue is never full");
    }
    let began = Instant::now();
    check(&world, "hangs when it is dialled", &world.send(&call).await, 504);
    assert!(began.elapsed() < Duration::from_secs(10), "bounded by connect_timeout");
    drop((queued, full));
    world.upstream.resume().await;
    until_status(&world, &call, 200, "hangs when it is dialled").await;
    world.close().await;
}

#[tokio::test]
async fn outage_upstream_is_slow_and_waited_for() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let [Step::Send(bytes)] = &result()[..] else { unreachable!() };
        // The head is in time; its body comes byte by byte.
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut steps = vec![Step::Send(bytes.slice(..head))];
        for at in head..bytes.len() {
            steps.extend([Step::Await(Arc::clone(&script_gate)), Step::Send(bytes.slice(at..=at))]);
        }
        steps
    });
    let mut live = world.open(&ask(&world.token())).await;
    assert_eq!(live.reply().status, 200);
    gate.add_permits(1);
    live.until("{").await;
    gate.add_permits(1_000);
    let reply = live.rest().await;
    assert!(!reply.cut && reply.text().ends_with("}}"), "{reply:?}");
    assert_eq!(world.upstream.take().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn outage_upstream_flaps() {
    const EACH: usize = 4;
    let world = World::standard().await;
    // No connection is kept: one that dies as it is written to would be 502, and this is about dialling.
    world.upstream.answer_with(|seen| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, seen.id());
        server::full(200, &[("Connection", "close"), ("Content-Type", "application/json")], body)
    });
    let call = ask(&world.token());
    assert_eq!(world.send(&call).await.status, 200);
    for cycle in 0..10 {
        world.upstream.take();
        world.upstream.stop();
        let mut lives = Vec::new();
        for _ in 0..EACH {
            let mut live = world.connect().await;
            live.write(&call.bytes(&world.authority)).await;
            lives.push(live);
        }
        world.upstream.resume().await;
        for mut live in lives {
            assert_eq!(live.head(false).await, 200, "cycle {cycle}: {:?}", live.reply());
            live.rest().await;
        }
        assert_eq!(world.upstream.take().len(), EACH, "cycle {cycle}: each runs once");
    }
    world.close().await;
}
