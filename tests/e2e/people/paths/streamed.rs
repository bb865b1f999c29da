//! Bodies pass in both directions as they come, within the server's limits.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::plan;
use crate::e2e::world::{Ask, Step, server};

#[tokio::test]
async fn people_b4_an_answer_streams_as_it_comes() {
    let world = plan().start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
        let rest = [server::chunk("second"), server::last_chunk()];
        [Step::Send(head.into()), server::chunk("first"), Step::Await(Arc::clone(&held))]
            .into_iter()
            .chain(rest)
            .collect()
    });
    let mut live = world.open(&Ask::get("/files/public/a")).await;
    live.until("first").await;
    gate.add_permits(1);
    assert_eq!(live.rest().await.text(), "firstsecond");
    world.close().await;
}

#[tokio::test]
async fn people_b4_a_large_file_passes_whole() {
    let world = plan().start().await;
    let piece = bytes::Bytes::from(vec![b'x'; 64 * 1024]);
    world.upstream.answer_with(move |_| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 * 1024 * 160);
        vec![Step::Send(head.into()), Step::Flood(piece.clone(), 160)]
    });
    let reply = world.send(&Ask::get("/files/a").token(&world.token())).await;
    assert_eq!((reply.body.len(), reply.cut), (10 << 20, false));
    world.close().await;
}

#[tokio::test]
async fn people_b4_an_upload_streams_within_the_limit_of_the_server() {
    let world = plan().start().await;
    world.upstream.answer_with(|seen| server::full(201, &[("Location", "/files/new")], seen.body.len().to_string()));
    let token = world.token();
    let put = |bytes: usize| {
        Ask::new("PUT", "/files/a").token(&token).with("Content-Type", "image/png").body(vec![b'x'; bytes])
    };
    let reply = world.send(&put(60_000)).await;
    assert_eq!((reply.status, reply.text().as_str(), reply.header("location")), (201, "60000", Some("/files/new")));
    let seen = world.upstream.take_one();
    assert_eq!((seen.header("content-length"), seen.header("content-type")), (Some("60000"), Some("image/png")));

    let chunked = Ask::new("POST", "/files/a").token(&token).with("Transfer-Encoding", "chunked");
    let reply = world.send(&chunked.body("5\r\nhello\r\n0\r\n\r\n")).await;
    assert_eq!(reply.status, 201);
    assert!(world.upstream.take_one().body.starts_with(b"5\r\nhello"));

    let large = world.send(&put(70_000)).await;
    assert_eq!((large.status, large.reason().as_str()), (413, "body_too_large"));
    let grows = Ask::new("POST", "/files/a").token(&token).with("Transfer-Encoding", "chunked");
    let body = [
        "8000\r\n",
        &"x".repeat(0x8000),
        "\r\n8000\r\n",
        &"x".repeat(0x8000),
        "\r\n8000\r\n",
        &"x".repeat(0x8000),
        "\r\n0\r\n\r\n",
    ];
    let grown = world.send(&grows.body(body.concat())).await;
    assert_eq!((grown.status, grown.reason().as_str()), (413, "body_too_large"));
    world.close().await;
}

#[tokio::test]
async fn people_b4_a_body_of_a_get_is_not_passed_on() {
    let world = plan().start().await;
    world.upstream.answer_with(|seen| server::full(200, &[], seen.body.len().to_string()));
    let ask =
        Ask::get("/files/a").token(&world.token()).with("Content-Type", "application/json").body("{\"method\":\"x\"}");
    assert_eq!(world.send(&ask).await.text(), "0");
    assert_eq!(world.upstream.take_one().header("content-type"), None);
    world.close().await;
}

#[tokio::test]
async fn people_b4_attack_269_slow_downloads_have_places_of_their_own() {
    let world = plan().top("limits: {requests: 64}").start().await;
    world.upstream.answer_with(|seen| match seen.target.as_str() {
        "/files/public/slow" => vec![Step::Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".into()), Step::Hang],
        _ => server::polite(seen),
    });
    let mut held = Vec::new();
    for _ in 0..8 {
        let live = world.open(&Ask::get("/files/public/slow")).await;
        assert_eq!(live.reply().status, 200);
        held.push(live);
    }
    let refused = world.send(&Ask::get("/files/public/slow")).await;
    assert_eq!((refused.status, refused.reason().as_str()), (503, "overloaded_requests"));
    assert!(refused.header("retry-after").is_some());
    let call = world.post(crate::e2e::world::call("safe"));
    assert_eq!(world.send(&call).await.status, 200, "callers with a token have places of their own");
    drop(held);
    world.close().await;
}
