//! Is ambiguous or abusive HTTP/2 refused before the upstream sees it (SPEC F-16…F-19, attacks 122–127)?

use super::world::{Ask, Live, Plan, World, call};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK literals without indexing (RFC 7541 §6.2.2), so that every byte is as written.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
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
    greet(world.connect_h2().await).await
}

/// Says what begins a connection.
pub(super) async fn greet(mut live: Live) -> Live {
    live.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    live.write(&frame(SETTINGS, 0, 0, &[])).await;
    live.write(&frame(SETTINGS, 1, 0, &[])).await;
    live
}

/// Reads frames until stream 1 was answered or reset, or the connection given up; what came.
pub(super) async fn outcome(live: &mut Live) -> String {
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

/// The first field of an answer is `:status`: indexed for common ones, else a literal of three digits, by Huffman's code or not.
fn status(block: &[u8]) -> String {
    const INDEXED: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
    let block = if block[0] & 0xe0 == 0x20 { &block[1..] } else { block };
    if let Some(at) = block[0].checked_sub(0x88).filter(|at| usize::from(*at) < INDEXED.len()) {
        return INDEXED[usize::from(at)].to_owned();
    }
    assert!(matches!(block[0], 0x48 | 0x08 | 0x18), "the first field is :status: {block:?}");
    let value = &block[2..2 + usize::from(block[1] & 0x7f)];
    if block[1] & 0x80 == 0 {
        return String::from_utf8_lossy(value).into_owned();
    }
    // RFC 7541 App. B: 0 to 2 have five bits, the other digits six.
    let (mut bits, mut digits) = (value.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte)), String::new());
    bits <<= 64 - 8 * value.len();
    for _ in 0..3 {
        let (short, long) = (bits >> 59, bits >> 58);
        let (digit, length) = if short < 3 { (short, 5) } else { (long - 0b01_1001 + 3, 6) };
        digits.push_str(&digit.to_string());
        bits <<= length;
    }
    digits
}

pub(super) fn common<'a>(authority: &'a str, bearer: &'a str) -> Vec<(&'a str, &'a str)> {
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
    // A malformed request ends its stream or connection; one that is only ambiguous may be answered with 400.
    let rows: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("122 :path with a space", replaced(":path", "/mcp x")),
        ("122 :path with CRLF", replaced(":path", "/mcp\r\nx: y")),
        ("122 :path without a slash", replaced(":path", "mcp")),
        ("122 :path empty", replaced(":path", "")),
        ("122 two :path", added(":path", "/mcp")),
        ("122 an unknown pseudo-header", added(":evil", "1")),
        ("122 a pseudo-header after a field", late),
        ("122 an upper-case name", added("X-Upper", "1")),
        ("122 connection", added("connection", "close")),
        ("122 te: gzip", added("te", "gzip")),
        ("122 transfer-encoding", added("transfer-encoding", "chunked")),
        ("123 a host that differs", added("host", "evil.example")),
        ("123 :authority elsewhere", replaced(":authority", "evil.example")),
        ("123 CRLF in a value", added("x-a", "a\r\nauthorization: x")),
        ("123 NUL in a value", added("x-a", "a\0b")),
        ("124 a content-length too small", added("content-length", "3")),
        ("124 a content-length too large", added("content-length", "30000")),
        ("124 two content-lengths", [added("content-length", "3"), vec![("content-length", "4")]].concat()),
        ("122 a name with a colon", added("x:y", "1")),
        ("122 a name with a space", added("x y", "1")),
        ("two authorizations", added("authorization", "Bearer x")),
    ];
    let mut wrong = Vec::new();
    for (name, fields) in rows {
        let mut live = hello(&world).await;
        live.write(&frame(HEADERS, 4, 1, &block(&fields))).await;
        live.write(&frame(DATA, 1, 1, body.as_bytes())).await;
        let got = outcome(&mut live).await;
        let seen = world.upstream.take().len();
        let wanted: &[&str] = if name.contains("elsewhere") { &["421"] } else { &["reset", "goaway", "400"] };
        if !wanted.contains(&got.as_str()) || seen > 0 {
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

/// A literal of `:path`: kept or not, under its static name.
fn path_literal(first: u8, value: &[u8], is_coded: bool) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap() | if is_coded { 0x80 } else { 0 };
    [&[first, length], value].concat()
}

#[tokio::test]
async fn attack_191_a_fragment_in_the_path_and_pseudo_fields_in_trailers_are_refused() {
    let world = Plan::standard().tls().start().await;
    let bearer = format!("Bearer {}", world.token());
    let rest: Vec<(&str, &str)> =
        common(&world.authority, &bearer).into_iter().filter(|(name, _)| *name != ":path").collect();
    let (pseudo, fields): (Vec<_>, Vec<_>) = rest.iter().partition(|(name, _)| name.starts_with(':'));
    let head = |path: Vec<u8>, more: &[(&str, &str)]| [block(&pseudo), path, block(&fields), block(more)].concat();
    let body = call("safe");
    // `/mcp#f` in Huffman code.
    let coded = b"\x62\x92\x57\xff\x52\xff";
    for (what, path) in [
        ("a fragment", path_literal(0x04, b"/mcp#f", false)),
        ("an empty one", path_literal(0x04, b"/mcp#", false)),
        ("behind a query", path_literal(0x04, b"/mcp?x=1#f", false)),
        ("kept for later", path_literal(0x44, b"/mcp#f", false)),
        ("in Huffman code", path_literal(0x44, coded, true)),
    ] {
        let mut live = hello(&world).await;
        live.write(&frame(HEADERS, 4, 1, &head(path, &[]))).await;
        live.write(&frame(DATA, 1, 1, body.as_bytes())).await;
        assert_eq!(outcome(&mut live).await, "reset", "{what}");
        // The others of the connection go on.
        live.write(&frame(HEADERS, 4, 3, &head(path_literal(0x04, b"/mcp", false), &[("x-note", "a#b")]))).await;
        live.write(&frame(DATA, 1, 3, body.as_bytes())).await;
        assert_eq!(outcome(&mut live).await, "200", "{what}: the next stream");
        assert_eq!(world.upstream.take_one().header("x-note"), Some("a#b"), "{what}");
    }
    let violations = world.metric("portcullis_protocol_violations_total").await;
    assert!(violations.is_some_and(|count| count >= 5.0), "{violations:?}");

    // One whose first half has passed already.
    let mut live = hello(&world).await;
    let whole = head(path_literal(0x04, b"/mcp#f", false), &[]);
    let (first, second) = whole.split_at(whole.len() / 2);
    live.write(&frame(HEADERS, 0, 1, first)).await;
    live.write(&frame(CONTINUATION, 4, 1, second)).await;
    live.write(&frame(DATA, 1, 1, body.as_bytes())).await;
    let got = outcome(&mut live).await;
    assert!(matches!(got.as_str(), "closed" | "goaway" | "reset"), "{got}");

    for (what, trailers, fine) in [
        ("a field", block(&[("x-t", "1")]), true),
        ("a path", block(&[(":path", "/other")]), false),
        ("an index", vec![0x84], false),
        ("an unknown one", block(&[("x-t", "1"), (":evil", "1")]), false),
    ] {
        let mut live = hello(&world).await;
        live.write(&frame(HEADERS, 4, 1, &head(path_literal(0x44, b"/mcp", false), &[]))).await;
        live.write(&frame(DATA, 0, 1, body.as_bytes())).await;
        live.write(&frame(HEADERS, 5, 1, &trailers)).await;
        let got = outcome(&mut live).await;
        assert_eq!(got == "200", fine, "{what} in trailers: {got}");
        assert_eq!(world.upstream.take().len(), usize::from(fine), "{what} in trailers");
    }
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
    assert!(matches!(got.as_str(), "goaway" | "closed" | "reset" | "431"), "{got}");
    drop(live);

    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "others are served");
    world.close().await;
}

#[tokio::test]
async fn f17_attack_125_a_head_that_swells_when_it_is_unpacked_reaches_nobody() {
    let world = Plan::standard().tls().start().await;
    let bearer = format!("Bearer {}", world.token());
    let before = world.gateway.resident_kib();
    // RFC 7541 §6.2.1: a long field goes into the table once, and then comes again with every byte.
    let mut bomb = block(&common(&world.authority, &bearer));
    bomb.extend([0x40, 6]);
    bomb.extend(b"x-bomb");
    bomb.extend([0x7f, 0x80 + 0x21, 0x1e - 0x08]);
    bomb.extend([b'y'; 127 + 0x21 + 0x16 * 128]);
    let mut live = hello(&world).await;
    live.write(&frame(HEADERS, 4, 1, &[&bomb[..], &[0xbe]].concat())).await;
    live.write(&frame(DATA, 1, 1, call("safe").as_bytes())).await;
    assert_eq!(outcome(&mut live).await, "200", "twice is not too much");
    drop(live);
    world.upstream.take();
    bomb.resize(16_000, 0xbe);
    for _ in 0..20 {
        let mut live = hello(&world).await;
        live.write(&frame(HEADERS, 5, 1, &bomb)).await;
        let got = outcome(&mut live).await;
        assert!(matches!(got.as_str(), "goaway" | "closed" | "reset" | "431"), "{got}");
    }
    assert_eq!(world.upstream.count(), 0);
    let grown = world.gateway.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for heads of 16 KB");
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "others are served");
    world.close().await;
}

#[tokio::test]
async fn f17_attack_125_what_a_flood_wants_answered_is_not_kept() {
    let world = Plan::standard().tls().start().await;
    let before = world.gateway.resident_kib();
    for (what, flood) in [("SETTINGS", frame(SETTINGS, 0, 0, &[])), ("PING", frame(PING, 0, 0, &[7; 8]))] {
        let mut live = hello(&world).await;
        // Nothing is read: answers to these can only wait, and whoever waits must stop reading more of them.
        let flood = flood.repeat(2_000);
        let taken = live.write_while_room(&flood, 4_000).await;
        assert!(taken < 4_000 * flood.len(), "{what}: {taken} bytes were taken and none of their answers");
        drop(live);
    }
    let grown = world.gateway.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB");
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

#[tokio::test]
async fn attack_174_an_idle_http2_connection_is_told_before_it_makes_room() {
    let world = Plan::standard().tls().wrapped(&["/bin/sh", "-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).start().await;
    world.until_ready().await;
    let bearer = format!("Bearer {}", world.token());
    let mut idle = hello(&world).await;
    idle.write(&frame(HEADERS, 4, 1, &block(&common(&world.authority, &bearer)))).await;
    idle.write(&frame(DATA, 1, 1, call("safe").as_bytes())).await;
    assert_eq!(outcome(&mut idle).await, "200");
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(world.connect().await);
    }
    assert_eq!(outcome(&mut idle).await, "goaway");
    drop((idle, held));
    world.close().await;
}

#[tokio::test]
async fn attack_174_requests_on_few_connections_leave_descriptors_for_others() {
    // By default one caller is bounded before descriptors run short; callers together, where more is written, are not.
    for (top, callers, status) in [("", 1, "429"), ("limits: {requests: 1000}", 20, "503")] {
        let plan = Plan::standard().tls().top(top);
        let world = plan.wrapped(&["/bin/sh", "-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).start().await;
        world.until_ready().await;
        world.upstream.answer_with(|seen| match String::from_utf8_lossy(&seen.body).contains("\"get_slow\"") {
            true => vec![super::world::Step::Hang],
            false => super::world::server::polite(seen),
        });
        let heads: Vec<Vec<u8>> = (0..callers)
            .map(|number| world.mint().claim("sub", format!("caller-{number}").into()).token())
            .map(|token| block(&common(&world.authority, &format!("Bearer {token}"))))
            .collect();
        let mut busy = hello(&world).await;
        for number in 0..60 {
            let stream = number * 2 + 1;
            busy.write(&frame(HEADERS, 4, stream, &heads[number as usize % callers])).await;
            busy.write(&frame(DATA, 1, stream, call("get_slow").as_bytes())).await;
        }
        // Those for which no connection to the upstream may be opened are refused, and the port that the probes use still answers.
        assert_eq!(outcome(&mut busy).await, status);
        // While a verified request still looks for room, it may take the connection of a new client that has sent no token.
        while world.metric("portcullis_decisions_total").await != Some(60.0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(world.admin("/readyz").await.status, 200);
        let document = Ask::get("/.well-known/oauth-protected-resource/mcp");
        assert_eq!(world.send(&document).await.status, 200, "a new client");
        if top.is_empty() {
            let other = world.mint().claim("sub", "bob".into()).token();
            assert_eq!(world.send(&world.post(call("safe")).token(&other)).await.status, 200, "another caller");
        } else {
            world.gateway.line(|line| line.contains("limits.requests exceeds the number of file descriptors")).await;
        }
        assert!(!world.gateway.output().contains("Too many open files"));
        drop(busy);
        world.close().await;
    }
}
