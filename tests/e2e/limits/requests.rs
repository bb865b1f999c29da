//! How many requests may be under way, of one caller and of all (attack 173)?

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::*;
use crate::e2e::issuer::{ACCOUNTS, OWN, SECRET};

#[tokio::test]
async fn attack_173_requests_of_one_caller_are_bounded_and_others_go_on() {
    let world = plan("request_body: 64KiB, requests_per_caller: 8", "").start().await;
    let gate = answer_late(&world, polite);
    let token = token_of(&world, "mallory");
    let ask = Ask::post("/mcp", call("safe")).token(&token);
    let attack = async |mut others: Others| {
        let lives = world.begin(&ask, 100).await;
        until_ended(&world, "too_many_requests", 92).await;
        others.are_served().await;
        // What answers something is let through: the calls under way may wait for it.
        let told =
            Ask::post("/mcp", r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
        let told = world.begin(&told.token(&token), 1).await;
        gate.add_permits(9);
        let (open, refused) = heads(lives, "too_many_requests").await;
        assert_eq!((open.len(), refused), (8, 92));
        for mut live in told {
            assert_eq!(live.head(false).await, 202);
        }
        for live in open {
            assert_eq!(live.rest().await.status, 200);
        }
        // The places are free again.
        gate.add_permits(8);
        let lives = world.begin(&ask, 8).await;
        let (open, refused) = heads(lives, "").await;
        assert_eq!((open.len(), refused), (8, 0));
    };
    beside(&world, &token_of(&world, "bob"), "attack 173: 100 calls that wait", attack).await;
    let calls =
        world.upstream.take().into_iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains("\"safe\""));
    assert_eq!(calls.count(), 16, "the upstream saw nothing of what was refused");
    world.close().await;
}

#[tokio::test]
async fn attack_173_all_requests_together_are_bounded_and_no_caller_takes_all() {
    let world = plan("request_body: 64KiB", "requests: 8, body_bytes: 64MiB").start().await;
    let gate = answer_late(&world, |seen| match seen.method.as_str() {
        "GET" => vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang],
        _ => polite(seen),
    });
    let ask = |subject: &str| Ask::post("/mcp", call("safe")).token(&token_of(&world, subject));
    // A quarter of all is the most for one caller, whatever their server allows.
    let mut waiting = world.begin(&ask("mallory"), 3).await;
    until_ended(&world, "too_many_requests", 1).await;
    for subject in ["nina", "oscar", "peggy"] {
        waiting.extend(world.begin(&ask(subject), 2).await);
    }
    world.upstream.until_seen(8).await;
    let reply = world.send(&ask("bob")).await;
    assert_eq!((reply.status, reply.reason().as_str()), (503, "overloaded_requests"), "{reply:?}");
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(world.send(&Ask::post("/mcp", call("safe"))).await.status, 401, "who shows nothing takes no place");
    gate.add_permits(8);
    let (open, refused) = heads(waiting, "too_many_requests").await;
    assert_eq!((open.len(), refused), (8, 1));
    drop(open);

    // A stream that has begun is no request under way.
    let stream = Ask::get("/mcp").token(&token_of(&world, "bob")).with("Accept", "text/event-stream");
    let mut streams = Vec::new();
    for _ in 0..10 {
        gate.add_permits(1);
        let live = world.open(&stream).await;
        assert_eq!(live.reply().status, 200);
        streams.push(live);
    }
    gate.add_permits(1);
    assert_eq!(world.send(&ask("bob")).await.status, 200);
    drop(streams);
    world.close().await;
}

/// The answer to `ask`, from this address of the client; at once where there is one, and the connection.
async fn from(world: &World, address: &str, ask: &Ask, is_slow: bool) -> (String, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    let mut tcp = timeout(PATIENCE, socket.connect(world.gateway.listening_address())).await.unwrap().unwrap();
    tcp.write_all(&ask.bytes(&world.authority)).await.unwrap();
    let mut answer = String::new();
    if !is_slow {
        timeout(PATIENCE, tcp.read_to_string(&mut answer)).await.unwrap().unwrap();
    }
    (answer, tcp)
}

#[tokio::test]
async fn attack_173_who_has_no_token_takes_no_more_than_a_share_at_the_authorization_server() {
    let issuers = format!("  house: {{issuer: \"@ISSUER@\"}}\n{OWN}");
    let world = plan("request_body: 64KiB", "requests: 16, body_bytes: 64MiB")
        .issuers(&issuers)
        .file("accounts.yaml", ACCOUNTS)
        .environment("CLIENT_SECRET", SECRET)
        .start()
        .await;
    world.secret(SECRET);
    let bob = token_of(&world, "bob");
    let form = Ask::post("/oauth/token", "grant_type=x").set("Content-Type", "application/x-www-form-urlencoded");
    let slow = form.clone().with("Content-Length", "13");
    let asks = async |address: &str, status: &str, why: &str| {
        let (answer, _) = from(&world, address, &form, false).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{why}: {answer}");
        answer
    };
    let in_flight = async |count: f64| {
        let deadline = Instant::now() + PATIENCE;
        while world.metric("portcullis_requests_in_flight").await != Some(count) {
            assert!(Instant::now() < deadline, "{count} forms should be held");
            sleep(Duration::from_millis(5)).await;
        }
    };
    // Four places are there for clients without a token, two of them for one address.
    let mut held = Vec::new();
    for number in 1..=4 {
        held.push(from(&world, "127.0.0.8", &slow, true).await.1);
        in_flight(f64::from(number.min(2))).await;
    }
    asks("127.0.0.9", "400", "another address is answered as ever").await;
    let attack = async |mut others: Others| {
        for number in 3..=4 {
            held.push(from(&world, "127.0.0.9", &slow, true).await.1);
            in_flight(f64::from(number)).await;
        }
        asks("127.0.0.10", "400", "an unfinished form gives way to a client that has none").await;
        in_flight(3.0).await;
        others.are_served().await;
        let mut refused = 0;
        for tcp in &mut held {
            let _ = tcp.write_all(b"y").await;
            let mut answer = String::new();
            timeout(PATIENCE, tcp.read_to_string(&mut answer)).await.unwrap().unwrap();
            if !answer.starts_with("HTTP/1.1 400 ") {
                assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("temporarily_unavailable"), "{answer}");
                assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
                refused += 1;
            }
        }
        assert_eq!(refused, 3, "two that had no place, and one that gave way");
        asks("127.0.0.8", "400", "and their places are free").await;
    };
    beside(&world, &bob, "attack 173: slow forms", attack).await;
    world.close().await;
}
