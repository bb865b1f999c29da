//! Is ambiguous or abusive HTTP/2 refused before the upstream sees it (SPEC F-16…F-19, attacks 122–127)?

use super::world::{Live, Plan, World, call};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK literals without indexing (RFC 7541 §6.2.2), so that every byte is as written.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, value: &str| {
        let length = value.len();
        if length < 127 {
            out.push(u8::try_from(length).unwrap());
        } else {
            out.push(127);
            let mut left = length - 127;
            while left >= 128 {
                out.push(u8::try_from(left % 128 + 128).unwrap());
                left /= 128;
            }
            out.push(u8::try_from(left).unwrap());
        }
        out.extend(value.bytes());
    };
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}

async fn hello(world: &World) -> Live {
    let mut live = world.connect_h2().await;
    live.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    live.write(&frame(SETTINGS, 0, 0, &[])).await;
    live.write(&frame(SETTINGS, 1, 0, &[])).await;
    live
}

/// Reads frames until stream 1 was answered or reset, or the connection given up; what came.
async fn outcome(live: &mut Live) -> String {
    let mut buffer = Vec::new();
    loop {
        while buffer.len() >= 9 {
            let length = usize::from(buffer[0]) << 16 | usize::from(buffer[1]) << 8 | usize::from(buffer[2]);
            if buffer.len() < 9 + length {
                break;
            }
            let all: Vec<u8> = buffer.drain(..9 + length).collect();
            match all[3] {
                RST_STREAM => return "reset".to_owned(),
                GOAWAY => return "goaway".to_owned(),
                HEADERS => return status(&all[9..]),
                _ => {}
            }
        }
        let bytes = live.bytes().await;
        if bytes.is_empty() {
            return "closed".to_owned();
        }
        buffer.extend_from_slice(&bytes);
    }
}

/// The first field of an answer is `:status`: indexed for common ones, else a literal of three digits.
fn status(block: &[u8]) -> String {
    let block = if block[0] & 0xe0 == 0x20 { &block[1..] } else { block };
    match block[0] {
        0x88 => "200".to_owned(),
        0x89 => "204".to_owned(),
        0x8c => "400".to_owned(),
        0x8d => "404".to_owned(),
        0x8e => "500".to_owned(),
        _ => "another status".to_owned(),
    }
}

fn common<'a>(authority: &'a str, bearer: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "/mcp"),
        (":authority", authority),
        ("authorization", bearer),
        ("content-type", "application/json"),
    ]
}

#[tokio::test]
async fn f16_attack_122_123_124_malformed_requests() {
    let world = Plan::standard().tls().start().await;
    let bearer = format!("Bearer {}", world.token());
    let body = call("safe");
    let good = common(&world.authority, &bearer);
    let replaced = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        good.iter().map(|(key, old)| (*key, if *key == name { value } else { *old })).collect()
    };
    let added = |name: &'static str, value: &'static str| [good.clone(), vec![(name, value)]].concat();
    let late = [vec![("x-first", "1")], good.clone()].concat();
    let rows: Vec<(&str, Vec<(&str, &str)>)> = vec![
        (":path with a space", replaced(":path", "/mcp x")),
        (":path with CRLF", replaced(":path", "/mcp\r\nx: y")),
        (":path without a slash", replaced(":path", "mcp")),
        (":path empty", replaced(":path", "")),
        ("two :path", added(":path", "/mcp")),
        ("an unknown pseudo-header", added(":evil", "1")),
        ("a pseudo-header after a field", late),
        ("an upper-case name", added("X-Upper", "1")),
        ("connection", added("connection", "close")),
        ("te: gzip", added("te", "gzip")),
        ("transfer-encoding", added("transfer-encoding", "chunked")),
        ("a host that differs", added("host", "evil.example")),
        (":authority elsewhere", replaced(":authority", "evil.example")),
        ("CRLF in a value", added("x-a", "a\r\nauthorization: x")),
        ("NUL in a value", added("x-a", "a\0b")),
        ("a wrong content-length", added("content-length", "3")),
        ("a name with a colon", added("x:y", "1")),
        ("a name with a space", added("x y", "1")),
        ("two authorizations", added("authorization", "Bearer x")),
    ];
    let mut wrong = Vec::new();
    for (name, fields) in rows {
        let mut live = hello(&world).await;
        live.write(&frame(HEADERS, 4, 1, &block(&fields))).await;
        live.write(&frame(DATA, 1, 1, body.as_bytes())).await;
        let got = outcome(&mut live).await;
        let seen = world.upstream.take().len();
        if got == "200" || seen > 0 {
            wrong.push(format!("{name}: {got}, the upstream saw {seen}"));
        }
    }
    let mut live = hello(&world).await;
    live.write(&frame(HEADERS, 4, 1, &block(&good))).await;
    live.write(&frame(DATA, 1, 1, body.as_bytes())).await;
    assert_eq!(outcome(&mut live).await, "200", "a good one passes");
    assert_eq!(world.upstream.take_one().body, body.as_bytes());
    drop(live);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.close().await;
}

#[tokio::test]
async fn f17_attack_125_rapid_reset_and_continuation_floods_end_the_connection() {
    let world = Plan::standard().tls().start().await;
    let bearer = format!("Bearer {}", world.token());
    let head = block(&common(&world.authority, &bearer));

    let mut live = hello(&world).await;
    let mut flood = Vec::new();
    for number in 0..2_000u32 {
        flood.extend(frame(HEADERS, 4, number * 2 + 1, &head));
        flood.extend(frame(RST_STREAM, 0, number * 2 + 1, &8u32.to_be_bytes()));
    }
    live.write(&flood).await;
    loop {
        let got = outcome(&mut live).await;
        if matches!(got.as_str(), "goaway" | "closed") {
            break;
        }
    }
    drop(live);

    let mut live = hello(&world).await;
    live.write(&frame(HEADERS, 0, 1, &head)).await;
    let piece = frame(CONTINUATION, 0, 1, &block(&[("x-flood", &"y".repeat(1000))]));
    live.write_while_taken(&piece, 10_000).await;
    let got = outcome(&mut live).await;
    assert!(matches!(got.as_str(), "goaway" | "closed" | "reset" | "another status"), "{got}");
    drop(live);

    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "others are served");
    world.close().await;
}

#[tokio::test]
async fn f18_f19_a24_tls_speaks_both_protocols_and_no_plain_http() {
    let world = Plan::standard().tls().start().await;
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    let wrong = world.post(call("safe")).with("Host", "other.example");
    assert!(matches!(world.send(&wrong).await.status, 400 | 421), "f19");
    let mut plain = tokio::net::TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut answer);
    let _ = tokio::time::timeout(super::world::process::PATIENCE, read).await.expect("it is hung up");
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
    drop(plain);
    world.close().await;
}
