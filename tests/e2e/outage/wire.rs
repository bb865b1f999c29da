//! What does a client see when the upstream refuses, stalls, breaks off or talks nonsense (SPEC F-11, F-24, C-57)?

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    time::{Duration, Instant},
};

use crate::e2e::world::{Ask, Plan, Reply, Step, World, call, server};

fn check(name: &str, reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{name}: {reply:?}");
    let json = reply.json();
    assert_eq!((json["jsonrpc"].as_str(), &json["id"]), (Some("2.0"), &"seven".into()), "{name}");
    assert_eq!(reply.code(), Some(-32603), "{name}");
    assert!(reply.header("www-authenticate").is_none(), "{name}");
}

fn ask(world: &World) -> Ask {
    world.post(call("safe").replace("\"id\":1", "\"id\":\"seven\""))
}

#[tokio::test]
async fn f24_a_closed_port_is_502_and_comes_back() {
    let world = World::standard().await;
    world.upstream.stop();
    let reply = world.send(&ask(&world)).await;
    check("refused", &reply, 502);
    let address = world.upstream.address().to_string();
    assert!(!reply.text().contains(&address), "d34: {reply:?}");
    world.upstream.resume().await;
    // An upstream that was away for 2 s is dialled once a second; other calls fail at once (attack 177).
    super::until_status(&world, &ask(&world), 200, "refused").await;
    world.close().await;
}

#[tokio::test]
async fn f24_c57_broken_answers_are_502_and_never_tried_again() {
    let world = World::standard().await;
    let endless = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "x".repeat(1024 * 1024));
    let answers: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Ty".into()),
        ("garbage", "garbage\r\n\r\n".into()),
        ("not a status", "HTTP/1.1 abc OK\r\n\r\n".into()),
        ("another protocol", "SSH-2.0-OpenSSH\r\n\r\n".into()),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx".into()),
        ("a bad length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nx".into()),
        ("an endless head", endless),
    ];
    for (name, bytes) in answers {
        let bytes: bytes::Bytes = bytes.into();
        world.upstream.answer_with(move |_| vec![Step::Send(bytes.clone()), Step::Cut]);
        let reply = world.send(&ask(&world)).await;
        check(name, &reply, 502);
        assert_eq!(world.upstream.take().len(), 1, "c57: {name} was tried again");
    }
    world.upstream.answer_politely();
    assert_eq!(world.send(&ask(&world)).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn c57_a_pooled_connection_that_died_costs_at_most_an_error_never_a_second_run() {
    let world = World::standard().await;
    for _ in 0..10 {
        // The first answer keeps the connection in the pool; the next request on it is read and then cut.
        world.upstream.answer_politely();
        assert_eq!(world.send(&ask(&world)).await.status, 200);
        world.upstream.take();
        world.upstream.answer_with(|_| vec![Step::Cut]);
        let reply = world.send(&ask(&world)).await;
        check("cut on a pooled connection", &reply, 502);
        assert_eq!(world.upstream.take().len(), 1, "the tool ran twice");
    }
    world.close().await;
}

#[tokio::test]
async fn f13_f24_a_stalled_upstream_is_504_at_the_limit() {
    let plan = Plan::standard_but("response_timeout: 2s", "response_timeout: 1s");
    let world = plan.start().await;
    world.upstream.answer_with(|_| vec![Step::Hang]);
    let started = Instant::now();
    let reply = world.send(&ask(&world)).await;
    check("stalled", &reply, 504);
    assert!(started.elapsed() >= Duration::from_millis(900), "too early");
    world.upstream.until_hung_up(1).await;
    assert_eq!(world.upstream.take().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn f24_a_body_that_breaks_off_is_cut_short_for_the_client_too() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half\":";
        vec![Step::Send(head.into()), Step::Await(Arc::clone(&script_gate)), Step::Cut]
    });
    let mut live = world.open(&ask(&world)).await;
    live.until("half").await;
    gate.add_permits(1);
    let reply = live.rest().await;
    assert!(reply.cut, "{reply:?}");
    assert_eq!(reply.text(), "{\"half\":", "nothing is made up");
    world.close().await;
}

#[tokio::test]
async fn f11_a_connection_with_left_over_bytes_is_not_used_again() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| {
        let answer =
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\"bad\"";
        vec![Step::Send(answer.into())]
    });
    for _ in 0..5 {
        let reply = world.send(&ask(&world)).await;
        assert!(!reply.text().contains("bad"), "an answer nobody asked for: {reply:?}");
    }
    let seen = world.upstream.take();
    let mut connections: Vec<_> = seen.iter().map(|seen| seen.connection).collect();
    connections.dedup();
    assert_eq!(connections.len(), seen.len(), "each on a new connection");
    world.close().await;
}

#[tokio::test]
async fn upstream_over_tls_with_a_private_authority_and_none_without() {
    let trusted = "upstream: {url: \"@UPSTREAM@/inner/mcp\", ca: ca.pem, ";
    let plan = Plan::standard_but("upstream: {url: \"@UPSTREAM@/inner/mcp\", ", trusted).upstream_tls();
    let world = plan.start().await;
    assert_eq!(world.send(&ask(&world)).await.status, 200);
    world.close().await;

    let world = Plan::standard().upstream_tls().start().await;
    check("an unknown authority", &world.send(&ask(&world)).await, 502);
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn connections_to_the_upstream_are_kept_and_used_again() {
    let world = World::standard().await;
    for _ in 0..20 {
        assert_eq!(world.send(&ask(&world)).await.status, 200);
    }
    assert_eq!(world.upstream.connections(), 1);
    world.upstream.answer_with(|_| server::full(200, &[("Connection", "close")], "{}"));
    for _ in 0..3 {
        assert_eq!(world.send(&ask(&world)).await.status, 200);
    }
    assert!(world.upstream.connections() > 1);
    world.close().await;
}
