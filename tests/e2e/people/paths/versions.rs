//! Answers without a body, answers of old servers, and reloads while an event stream is open.

use tokio::net::TcpStream;

use super::{echo, plan};
use crate::e2e::{
    reload,
    world::{Ask, Step, World, server},
};

#[tokio::test]
async fn people_b4_an_answer_without_a_body_may_have_a_length() {
    let world = plan().start().await;
    for (method, status, length) in
        [("GET", 304, None), ("HEAD", 304, None), ("GET", 204, None), ("HEAD", 200, Some("55")), ("DELETE", 204, None)]
    {
        world.upstream.answer_with(move |_| {
            let head = format!("HTTP/1.1 {status} Reason\r\nContent-Length: 55\r\nETag: \"e\"\r\n\r\n");
            vec![Step::Send(head.into())]
        });
        let ask = Ask::new(method, "/files/a").token(&world.token()).with("Connection", "keep-alive");
        let mut live = world.open(&ask).await;
        let reply = live.rest_of().await;
        assert_eq!((reply.status, reply.header("etag")), (status, Some("\"e\"")), "{method}");
        assert_eq!(reply.header("content-length"), length, "{method} {status}");
        world.upstream.answer_with(echo);
        live.write(&Ask::get("/icon.png").bytes(&world.authority)).await;
        assert_eq!(live.head(false).await, 200, "{method} {status}: the connection goes on");
    }
    world.close().await;
}

#[tokio::test]
async fn people_b4_over_http_2_an_answer_without_a_body_gets_no_length_of_the_gateway() {
    let world = plan().start().await;
    let socket = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let (mut sender, connection) = ::h2::client::handshake(socket).await.unwrap();
    let connection = tokio::spawn(connection);
    for (method, status, length) in
        [("HEAD", 200, None), ("HEAD", 200, Some("55")), ("HEAD", 206, None), ("GET", 304, None), ("GET", 204, None)]
    {
        let announced = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
        world.upstream.answer_with(move |_| {
            vec![Step::Send(format!("HTTP/1.1 {status} Reason\r\n{announced}ETag: \"e\"\r\n\r\n").into())]
        });
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}/files/a", world.authority))
            .header("authorization", format!("Bearer {}", world.token()))
            .body(())
            .unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let mut answer = answer.await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["etag"]), (status, &"\"e\"".parse().unwrap()));
        let found = answer.headers().get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!(found, length, "{method} {status}");
        assert!(answer.body_mut().data().await.is_none(), "{method} {status}");
    }
    connection.abort();
    world.close().await;
}

#[tokio::test]
async fn people_b4_an_upstream_of_http_1_0_is_answered_in_the_gateways_own_version() {
    let world = plan().start().await;
    world.upstream.answer_with(|_| {
        vec![Step::Send("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}".into()), Step::Cut]
    });
    let asks = [Ask::get("/icon.png"), world.post(crate::e2e::world::call("safe"))];
    for ask in asks {
        let mut live = world.connect().await;
        live.write(&ask.with("Connection", "keep-alive").bytes(&world.authority)).await;
        let bytes = live.bytes().await;
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", bytes.escape_ascii());
        assert!(!bytes.windows(5).any(|five| five.eq_ignore_ascii_case(b"close")), "{}", bytes.escape_ascii());
    }
    world.close().await;
}

fn rewrite(world: &World, change: impl FnOnce(String) -> String) {
    reload::rewrite(world, change);
    world.gateway.signal("HUP");
}

/// The public pattern of [`plan`], and what a reload makes of it.
const PUBLIC: &str = "{path: \"/files/public/**\", access: public}";

#[tokio::test]
async fn people_b4_p7_attack_337_a_reload_that_removes_or_tightens_a_public_path_ends_its_streams() {
    for (what, after) in [
        ("removed", ""),
        ("authenticated", "{path: \"/files/public/**\", access: authenticated}"),
        ("another method", "{path: \"/files/public/**\", access: public, methods: [PUT]}"),
        ("another path", "{path: \"/files/public/other/**\", access: public}"),
    ] {
        let world = plan().start().await;
        world.upstream.answer_with(|_| vec![server::sse_head(&[]), server::chunk("data: one\n\n"), Step::Hang]);
        let mut public = world.open(&Ask::get("/files/public/events")).await;
        let mut own = world.open(&Ask::get("/files/events").token(&world.token())).await;
        public.until("one").await;
        own.until("one").await;
        let line = format!("      - {PUBLIC}\n");
        let now = if after.is_empty() { String::new() } else { format!("      - {after}\n") };
        rewrite(&world, |yaml| yaml.replace(&line, &now));
        let reply = public.rest().await;
        assert_eq!(reply.text(), "data: one\n\n", "{what}");
        world.gateway.line(|line| line.contains("\"ended\":\"permit_expired\"")).await;
        rewrite(&world, |yaml| yaml.replace("      - {path: \"/files/**\"}\n", ""));
        assert_eq!(own.rest().await.text(), "data: one\n\n", "{what}: that of a caller ends with its method");
        world.close().await;
    }
}

#[tokio::test]
async fn people_b4_p7_a_reload_that_leaves_a_public_path_keeps_its_streams() {
    let world = plan().start().await;
    world.upstream.answer_with(|seen| match seen.target.as_str() {
        "/files/public/events" => vec![server::sse_head(&[]), server::chunk("data: one\n\n"), Step::Hang],
        _ => echo(seen),
    });
    let mut live = world.open(&Ask::get("/files/public/events")).await;
    live.until("one").await;
    rewrite(&world, |yaml| yaml.replace("/icon.png", "/logo.png"));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(12);
    while world.send(&Ask::get("/logo.png")).await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "{}", world.gateway.tail());
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    let still = tokio::time::timeout(std::time::Duration::from_millis(300), live.piece()).await;
    assert!(still.is_err(), "the stream ended although its path remained: {still:?}");
    drop(live);
    world.close().await;
}
