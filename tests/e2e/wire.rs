//! Is ambiguous HTTP/1.1 refused and the connection closed, byte by byte (SPEC F-03…F-26, attacks 110–121, 126)?

use tokio::time::{Duration, Instant};

use super::world::{Ask, Want, World, call, row};

const REFUSED: &[u16] = &[400, 0];

/// A POST whose fields after the first are given raw.
fn post(world: &World, fields: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{fields}\r\n{body}",
        world.authority,
        world.token()
    )
    .into_bytes()
}

#[tokio::test]
async fn f09_attack_110_111_112_lengths_that_two_readers_could_read_differently() {
    let world = World::standard().await;
    let body = call("safe");
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        (
            "110 CL and TE",
            post(&world, &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked),
            REFUSED,
        ),
        (
            "110 TE and CL",
            post(&world, &format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &chunked),
            REFUSED,
        ),
        (
            "111 two lengths",
            post(&world, &format!("Content-Length: {length}\r\nContent-Length: 3\r\n"), &body),
            REFUSED,
        ),
        (
            "111 two equal lengths",
            post(&world, &format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), &body),
            REFUSED,
        ),
        ("112 a list of lengths", post(&world, &format!("Content-Length: {length}, {length}\r\n"), &body), REFUSED),
        ("112 a sign", post(&world, &format!("Content-Length: +{length}\r\n"), &body), REFUSED),
        ("112 a minus", post(&world, "Content-Length: -1\r\n", &body), REFUSED),
        ("112 hex", post(&world, &format!("Content-Length: 0x{length:x}\r\n"), &body), REFUSED),
        ("112 a space inside", post(&world, "Content-Length: 5 5\r\n", &body), REFUSED),
        ("112 empty", post(&world, "Content-Length: \r\n", &body), REFUSED),
        ("112 overflow", post(&world, "Content-Length: 99999999999999999999999\r\n", &body), &[400, 413, 0]),
    ];
    world.refused_on_the_wire(rows).await;
    world.close().await;
}

#[tokio::test]
async fn f09_attack_045_113_114_116_transfer_codings_and_chunks() {
    let world = World::standard().await;
    let body = call("safe");
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let te = |value: &str| post(&world, &format!("Transfer-Encoding: {value}\r\n"), &chunked);
    let chunks = |chunks: &str| post(&world, "Transfer-Encoding: chunked\r\n", chunks);
    let http10 = String::from_utf8(te("chunked")).unwrap().replace("HTTP/1.1", "HTTP/1.0").into_bytes();
    let flood = format!("{:x};{}\r\n{body}\r\n0\r\n\r\n", body.len(), "x".repeat(64 * 1024));
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("113 xchunked", te("xchunked"), &[400, 501, 0]),
        ("113 gzip, chunked", te("gzip, chunked"), &[400, 501, 0]),
        ("113 chunked, identity", te("chunked, identity"), REFUSED),
        ("113 chunked, chunked", te("chunked, chunked"), REFUSED),
        ("113 identity", te("identity"), &[400, 501, 0]),
        ("113 a vertical tab", te("chunked\x0b"), REFUSED),
        ("113 a vertical tab before", te("\x0bchunked"), REFUSED),
        ("113 two lines", te("chunked\r\nTransfer-Encoding: chunked"), REFUSED),
        ("113 two lines, identity", te("chunked\r\nTransfer-Encoding: identity"), REFUSED),
        ("114 a space before the colon", post(&world, "Transfer-Encoding : chunked\r\n", &chunked), REFUSED),
        ("113 in HTTP/1.0", http10, &[400, 505, 0]),
        ("116 a negative chunk", chunks("-1\r\nx\r\n0\r\n\r\n"), REFUSED),
        ("116 an overflowing chunk", chunks("fffffffffffffffff\r\nx\r\n0\r\n\r\n"), &[400, 413, 0]),
        ("116 hex with 0x", chunks("0x5\r\n12345\r\n0\r\n\r\n"), REFUSED),
        ("116 no size", chunks("\r\n12345\r\n0\r\n\r\n"), REFUSED),
        ("116 a chunk longer than it says", chunks(&format!("3\r\n{body}\r\n0\r\n\r\n")), REFUSED),
        ("116 a flood of extension", chunks(&flood), &[400, 413, 431, 0]),
    ];
    world.refused_on_the_wire(rows).await;
    world.close().await;
}

#[tokio::test]
async fn f03_f09_attack_060_065_115_heads_that_break_the_grammar() {
    let world = World::standard().await;
    let body = call("safe");
    let length = format!("Content-Length: {}\r\n", body.len());
    let with = |field: &str| post(&world, &format!("{length}{field}"), &body);
    let text = String::from_utf8(with("")).unwrap();
    let host = format!("Host: {}\r\n", world.authority);
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("115 obs-fold", with("X-Fold: a\r\n b\r\n"), REFUSED),
        ("115 obs-fold with a tab", with("X-Fold: a\r\n\tb\r\n"), REFUSED),
        ("115 a bare CR in a value", with("X-A: a\rb\r\n"), REFUSED),
        ("115 a bare LF ends a line", with("X-A: a\nX-B: b\r\n"), REFUSED),
        ("115 only bare LFs", text.replace("\r\n", "\n").into_bytes(), REFUSED),
        ("115 NUL in a value", with("X-A: a\0b\r\n"), REFUSED),
        ("060 NUL in Mcp-Name", with("Mcp-Name: safe\0\r\n"), REFUSED),
        ("065 a space before the colon", with("Mcp-Name : safe\r\n"), REFUSED),
        ("115 a field without a name", with(": x\r\n"), REFUSED),
        ("115 a line without a colon", with("nonsense\r\n"), REFUSED),
        ("115 white space before the first field", text.replacen("\r\n", "\r\n ", 1).into_bytes(), REFUSED),
        ("no Host", text.replacen(&host, "", 1).into_bytes(), REFUSED),
        ("two Hosts", text.replacen(&host, &format!("{host}{host}"), 1).into_bytes(), REFUSED),
        (
            "two Hosts, one evil",
            text.replacen(&host, &format!("{host}Host: evil.example\r\n"), 1).into_bytes(),
            REFUSED,
        ),
        ("HTTP/1.2", text.replacen("HTTP/1.1", "HTTP/1.2", 1).into_bytes(), &[400, 505, 0]),
        ("HTTP/0.9", b"GET /mcp\r\n\r\n".to_vec(), REFUSED),
        ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20), REFUSED),
        ("a space in the target", text.replacen("/mcp", "/mcp x", 1).into_bytes(), REFUSED),
        ("a NUL in the target", text.replacen("/mcp", "/mcp\0", 1).into_bytes(), REFUSED),
        ("a tab in the request line", text.replacen("POST ", "POST\t", 1).into_bytes(), REFUSED),
        ("a PROXY preamble", [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", text.as_bytes()].concat(), REFUSED),
    ];
    world.refused_on_the_wire(rows).await;
    world.close().await;
}

#[tokio::test]
async fn f15_f26_attack_109_126_upgrades_and_odd_methods() {
    let world = World::standard().await;
    let authority = &world.authority;
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        (
            "126 CONNECT",
            format!("CONNECT x:1 HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").into_bytes(),
            &[400, 405, 421, 501],
        ),
        ("126 h2 preface", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), REFUSED),
    ];
    world.refused_on_the_wire(rows).await;
    // With the best token: what stands in the way is the method.
    let odd = ["109 post", "109 PUT", "109 PATCH", "109 PROPFIND", "109 TRACE", "109 POSTX", "109 Get"];
    let rows = odd.map(|name| {
        let ask = Ask::new(&name[4..], "/mcp").token(&world.token()).with("Content-Type", "application/json");
        row(name, ask.body(call("safe")), Want::OneOf(&[400, 405, 501]))
    });
    world.verdicts(rows.into()).await;
    for upgrade in ["126 websocket", "126 h2c"] {
        let ask = world
            .post(call("safe"))
            .with("Connection", "close, Upgrade, HTTP2-Settings")
            .with("Upgrade", &upgrade[4..])
            .with("HTTP2-Settings", "AAMAAABkAAQAAP__");
        let reply = world.send(&ask).await;
        assert!(reply.interim.is_empty() && reply.status != 101, "{upgrade}: {reply:?}");
        for seen in world.upstream.take() {
            assert_eq!((seen.header("upgrade"), seen.header("http2-settings")), (None, None), "{upgrade}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn f09_attack_118_nothing_behind_a_refused_request_is_read() {
    let world = World::standard().await;
    let bad = post(&world, "Content-Length: 1\r\nContent-Length: 1\r\n", "x");
    let good = world.post(call("safe")).with("Connection", "keep-alive").bytes(&world.authority);
    let reply = world.raw(&[bad, good.clone()].concat()).await;
    assert!(matches!(reply.status, 0 | 400) && reply.closed, "{reply:?}");
    assert_eq!(world.upstream.count(), 0);

    // A refusal that leaves no doubt about framing may keep the connection, or not; it never mixes up what follows.
    let denied = world.post(call("danger")).with("Connection", "keep-alive").bytes(&world.authority);
    let mut live = world.connect().await;
    live.write(&[denied, good].concat()).await;
    assert_eq!(live.head(false).await, 403);
    live.rest_of().await;
    assert!(matches!(live.head(false).await, 0 | 200));
    drop(live);
    assert!(world.upstream.count() <= 1);
    world.close().await;
}

#[tokio::test]
async fn f25_attack_119_of_a_refused_upload_only_so_much_is_drained() {
    let world = World::standard().await;
    let ask = Ask::post("/mcp", "").token("bad").with("Content-Length", "1000000000");
    let mut live = world.connect().await;
    live.write(&ask.bytes(&world.authority)).await;
    let started = Instant::now();
    assert_eq!(live.head(false).await, 401);
    assert!(started.elapsed() < Duration::from_secs(2));
    let taken = live.write_while_taken(&[b' '; 64 * 1024], 1_000).await;
    assert!(taken < 60_000_000, "{taken} bytes of a refused body were read");
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn f13_attack_120_slow_heads_are_cut_off() {
    let world = World::standard().await;
    let mut live = world.connect().await;
    live.write(b"POST /mcp HTTP/1.1\r\nHost: ").await;
    let status = live.head(false).await;
    assert!(matches!(status, 0 | 408), "{status}");
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn attack_116_a_body_that_breaks_off_reaches_nobody() {
    let world = World::standard().await;
    let body = call("safe");
    let half = &body[..body.len() / 2];
    for fields in [format!("Content-Length: {}\r\n", body.len()), "Transfer-Encoding: chunked\r\n".to_owned()] {
        let mut live = world.connect().await;
        let sent = if fields.starts_with('T') { format!("{:x}\r\n{half}", body.len()) } else { half.to_owned() };
        live.write(&post(&world, &fields, &sent)).await;
        drop(live);
    }
    // Another request makes sure that both were dealt with.
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    assert_eq!(world.upstream.take().len(), 1);

    // What comes behind the last chunk is another request, and this one has no head.
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n{body}", body.len());
    let reply = world.raw(&post(&world, "Transfer-Encoding: chunked\r\n", &chunks)).await;
    assert!(matches!(reply.status, 200 | 400 | 0) && reply.closed, "{reply:?}");
    for seen in world.upstream.take() {
        assert_eq!(seen.body, body.as_bytes(), "nothing is added to the first");
    }
    world.close().await;
}

/// A request whose body comes after its head, by the two writes of most HTTP clients.
async fn head_then_body(live: &mut super::world::Live, ask: &Ask, authority: &str) {
    let bytes = ask.clone().with("Connection", "keep-alive").bytes(authority);
    let (head, body) = bytes.split_at(bytes.len() - ask.sent_body().len());
    live.write(head).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    live.write(body).await;
}

#[tokio::test]
async fn f11_a_refusal_before_the_body_keeps_the_connection_or_says_that_it_closes() {
    let world = World::standard().await;
    let call = || Ask::post("/mcp", call("safe"));
    let cases = [
        ("no token", call(), 401),
        ("a bad token", call().token("a.b.c"), 401),
        ("an unknown path", Ask::post("/register", "{}"), 404),
        ("a foreign page", call().token(&world.token()).with("Origin", "https://evil.example"), 403),
        ("a wrong type", call().token(&world.token()).set("Content-Type", "text/plain"), 415),
        ("chunks", Ask::post("/mcp", "2\r\n{}\r\n0\r\n\r\n").with("Transfer-Encoding", "chunked"), 401),
    ];
    for (what, ask, status) in cases {
        let mut live = world.connect().await;
        for _ in 0..2 {
            head_then_body(&mut live, &ask, &world.authority).await;
            assert_eq!(live.head(false).await, status, "{what}");
            assert_eq!(live.reply().header("connection"), None, "{what}");
            live.rest_of().await;
        }
        live.write(&Ask::get("/.well-known/oauth-protected-resource/mcp").bytes(&world.authority)).await;
        assert_eq!(live.head(false).await, 200, "{what}: the next request on the connection is answered");
    }
    // What is too much to read, or is not sent without permission, ends the connection, and the answer says so.
    let large = Ask::post("/mcp", "").set("Content-Length", "9000000").with("Connection", "keep-alive");
    let waits = call().with("Expect", "100-continue").with("Connection", "keep-alive");
    let waits = waits.bytes(&world.authority);
    let waits = &waits[..waits.len() - call().sent_body().len()];
    for (what, head) in [("a large body", large.bytes(&world.authority).as_slice()), ("a waiting client", waits)] {
        let mut live = world.connect().await;
        live.write(head).await;
        assert_eq!(live.head(false).await, 401, "{what}");
        assert_eq!(
            (live.reply().header("connection"), live.reply().interim.as_slice()),
            (Some("close"), &[][..]),
            "{what}"
        );
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}
