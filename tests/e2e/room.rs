//! Do idle connections make room before descriptors run out, whoever holds them (attack 174)?

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    time::timeout,
};

use super::{
    issuer::{ACCOUNTS, OWN, SECRET},
    world::{
        Ask, Live, Plan, Reply, Step, World,
        beside::{Others, beside_anew},
        call,
        process::PATIENCE,
        server,
    },
};

const IDLE: usize = 120;

/// An open connection from `from`, whatever becomes of it.
async fn idle_from(world: &World, from: &str, sent: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    let mut tcp = timeout(PATIENCE, socket.connect(world.gateway.listening_address())).await.unwrap().unwrap();
    // One that was closed in the meantime is as good.
    let _ = tcp.write_all(sent).await;
    tcp
}

/// Waits for the gateway's end of a connection; what it said before.
async fn until_closed(tcp: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, tcp.read_to_end(&mut said)).await.expect("it stays open");
    String::from_utf8_lossy(&said).into_owned()
}

/// The whole answer to what was sent, and the connection.
async fn answer(mut live: Live) -> (Reply, Live) {
    live.head(false).await;
    let reply = live.rest_of().await;
    (reply, live)
}

async fn most(world: &World) -> usize {
    world.metric("portcullis_connections_max").await.unwrap() as usize
}

/// Answers a call of `get_slow` when told, and all others at once.
fn answer_slowly(world: &World) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let given = Arc::clone(&gate);
    world.upstream.answer_with(move |seen| {
        let wait = String::from_utf8_lossy(&seen.body).contains("\"get_slow\"");
        let mut steps = server::polite(seen);
        if wait {
            steps.insert(0, Step::Await(Arc::clone(&given)));
        }
        steps
    });
    gate
}

fn slow(world: &World) -> Ask {
    world.post(call("get_slow")).set("Connection", "keep-alive")
}

/// The same, of another caller.
fn slow_of(world: &World, number: usize) -> Ask {
    slow(world).token(&token_of(world, &format!("caller-{number}")))
}

fn token_of(world: &World, subject: &str) -> String {
    world.mint().claim("sub", subject.into()).token()
}

/// So few descriptors that they run short.
fn few(plan: Plan) -> Plan {
    plan.wrapped(&["/bin/sh", "-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
}

#[tokio::test]
async fn attack_174_idle_connections_do_not_use_up_the_descriptors() {
    // Behind a balancer all share one address; elsewhere the attacker has one.
    for attacker in ["127.0.0.1", "127.0.0.9"] {
        let world = few(Plan::standard()).start().await;
        world.until_ready().await;
        let gate = answer_slowly(&world);
        let most = most(&world).await;
        assert!((8..32).contains(&most), "{most} connections at 64 descriptors");
        let active = world.connect_and_send(&slow(&world)).await;
        world.upstream.until_seen(1).await;

        let half = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\nX: ", world.authority);
        let whole = format!("GET /mcp HTTP/1.1\r\nHost: {}\r\n\r\n", world.authority);
        let mut held = Vec::new();
        for number in 0..IDLE {
            let sent = [&b""[..], half.as_bytes(), whole.as_bytes()][number % 3];
            held.push(idle_from(&world, attacker, sent).await);
            if number % 10 == 0 {
                assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "a new client, {number}");
            }
        }
        assert_eq!(world.admin("/readyz").await.status, 200);
        let path = world.config_path();
        let yaml = std::fs::read_to_string(&path).unwrap().replace("json_depth: 64", "json_depth: 63");
        std::fs::write(&path, yaml.replace("limits: {", "limits: {json_depth: 60, ")).unwrap();
        world.gateway.signal("HUP");
        world.gateway.line(|line| line.contains("the changed configuration is in force")).await;
        assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "a new client, after the reload");

        gate.add_permits(1);
        let (reply, mut active) = answer(active).await;
        assert_eq!(reply.status, 200, "the active one was not closed: {reply:?}");
        active.write(&slow(&world).bytes(&world.authority)).await;
        gate.add_permits(1);
        let (reply, active) = answer(active).await;
        assert_eq!(reply.status, 200, "nor is it when it asks again: {reply:?}");

        let open = world.metric("portcullis_connections_open").await.unwrap() as usize;
        assert!(open <= most, "{open} of {most}");
        let closed = world.metric("portcullis_connections_closed_for_room_total").await.unwrap() as usize;
        assert!(closed >= IDLE - most, "{closed} were closed");
        // The oldest went first, without a word or with the answer that it was owed.
        for tcp in &mut held[..IDLE / 2] {
            let said = until_closed(tcp).await;
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 401 "), "{said}");
        }
        assert!(!world.gateway.output().contains("could not be accepted"), "no descriptor was missing");
        drop((held, active));
        world.close().await;
    }
}

#[tokio::test]
async fn attack_174_idle_connections_cost_other_callers_nothing() {
    let world = few(Plan::standard()).start().await;
    world.until_ready().await;
    let attack = async |mut others: Others| {
        let mut held = Vec::new();
        for number in 0..IDLE {
            let half = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\nX: ", world.authority);
            held.push(idle_from(&world, "127.0.0.9", [&b""[..], half.as_bytes()][number % 2]).await);
        }
        others.are_served().await;
    };
    beside_anew(&world, &world.token(), "attack 174: 120 idle connections at 64 descriptors", attack).await;
    world.close().await;
}

#[tokio::test]
async fn attack_174_handshakes_and_silent_tls_connections_make_room_too() {
    let world = few(Plan::standard().tls()).start().await;
    world.until_ready().await;
    let mut held = Vec::new();
    for number in 0..IDLE {
        // The beginning of a ClientHello.
        held.push(idle_from(&world, "127.0.0.1", [&b""[..], b"\x16\x03\x01\x02\x00"][number % 2]).await);
    }
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "a new client");
    assert_eq!(world.admin("/readyz").await.status, 200);
    until_closed(&mut held[0]).await;
    drop(held);
    world.close().await;
}

#[tokio::test]
async fn attack_174_where_all_are_active_the_next_waits_and_is_served() {
    let world = few(Plan::standard()).start().await;
    world.until_ready().await;
    let gate = answer_slowly(&world);
    let most = most(&world).await;
    let mut active = Vec::new();
    for number in 0..most {
        active.push(world.connect_and_send(&slow_of(&world, number)).await);
    }
    world.upstream.until_seen(most).await;
    let late = world.connect_and_send(&world.post(call("safe"))).await;
    assert_eq!(world.admin("/readyz").await.status, 200);
    assert_eq!(world.metric("portcullis_connections_open").await, Some(most as f64), "it has no place yet");
    assert_eq!(world.upstream.count(), most);
    assert_eq!(world.metric("portcullis_connections_closed_for_room_total").await, Some(0.0));
    // One answer ends; its connection is idle then, and makes room.
    gate.add_permits(1);
    let (reply, _) = answer(late).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    gate.add_permits(most);
    for one in active {
        let (reply, _) = answer(one).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn attack_174_the_soft_limit_is_raised_to_the_hard_one() {
    let world = Plan::standard().wrapped(&["/bin/sh", "-c", "ulimit -S -n 64 && exec \"$0\" \"$@\""]).start().await;
    let (soft, hard) = world.gateway.open_files_limits();
    assert_eq!(soft, hard);
    assert!(most(&world).await > 64);
    world.gateway.line(|line| line.contains("raised the limit on open files")).await;
    world.close().await;
}

#[tokio::test]
async fn attack_174_half_sent_bodies_of_clients_that_prove_nothing_make_room() {
    let issuers = format!("  house: {{issuer: \"@ISSUER@\"}}\n{OWN}");
    let plan = few(Plan::standard().tls().issuers(&issuers).file("accounts.yaml", ACCOUNTS));
    let world = plan.environment("CLIENT_SECRET", SECRET).start().await;
    world.secret(SECRET);
    world.until_ready().await;
    let gate = answer_slowly(&world);
    let active = world.connect_and_send(&slow(&world)).await;
    world.upstream.until_seen(1).await;
    let most = most(&world).await;
    let mallory = token_of(&world, "mallory");
    let form = "application/x-www-form-urlencoded";
    let mut closed_before = 0;
    for (what, ask) in [
        ("an unknown path", Ask::post("/nowhere", "x").with("Content-Length", "500")),
        ("without a token", Ask::post("/mcp", "x").with("Content-Length", "500")),
        ("the token endpoint", Ask::post("/oauth/token", "x").set("Content-Type", form).with("Content-Length", "500")),
        ("registration", Ask::post("/oauth/register", "x").with("Content-Length", "500")),
        ("a refused upload", Ask::post("/mcp", "x").token(&mallory).with("Content-Length", "100000")),
    ] {
        let bytes = ask.set("Connection", "keep-alive").bytes(&world.authority);
        let mut held = Vec::new();
        for number in 0..4 * most {
            let mut half = world.connect().await;
            // One that was closed in the meantime is as good.
            half.write_while_taken(&bytes, 1).await;
            held.push(half);
            if number % most == 0 {
                assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "{what}: a new client, {number}");
            }
        }
        let closed = world.metric("portcullis_connections_closed_for_room_total").await.unwrap() as usize;
        assert!(closed - closed_before >= 2 * most, "{what}: {} made room", closed - closed_before);
        closed_before = closed;
        drop(held);
    }
    gate.add_permits(1);
    let (reply, _) = answer(active).await;
    assert_eq!(reply.status, 200, "the call under way was not closed: {reply:?}");
    world.close().await;
}

#[tokio::test]
async fn attack_174_streams_of_one_caller_leave_descriptors_for_others() {
    let world = few(Plan::standard()).start().await;
    world.until_ready().await;
    world.upstream.answer_with(|seen| match seen.method.as_str() {
        "GET" => vec![server::sse_head(&[]), server::chunk("data: one\n\n"), Step::Hang],
        _ => server::polite(seen),
    });
    let ask = Ask::get("/mcp").token(&token_of(&world, "mallory")).with("Accept", "text/event-stream");
    let mut streams = Vec::new();
    let refused = loop {
        let live = world.open(&ask).await;
        if live.reply().status != 200 {
            break live.rest().await;
        }
        streams.push(live);
    };
    assert_eq!((refused.status, refused.reason().as_str()), (429, "too_many_streams"), "{refused:?}");
    let most = most(&world).await;
    assert!((1..=most / 4 + 1).contains(&streams.len()), "{} streams, {most} connections", streams.len());
    for number in 0..most {
        let other = world.post(call("safe")).token(&token_of(&world, &format!("caller-{number}")));
        assert_eq!(world.send(&other).await.status, 200);
    }
    drop(streams);
    world.close().await;
}

#[tokio::test]
async fn attack_174_connections_kept_for_the_next_call_make_room_for_another_server() {
    let servers = ["one", "two", "three"].map(|name| {
        format!("  {name}: {{path: /{name}, upstream: {{url: \"@UPSTREAM@/{name}\"}}, access: authenticated}}\n")
    });
    let world = few(Plan::standard().servers(&format!("\n{}", servers.concat()))).start().await;
    let gate = answer_slowly(&world);
    let most = most(&world).await;
    for name in ["one", "two", "three", "one", "two"] {
        let mut calls = Vec::new();
        for number in 0..most {
            let resource = format!("{}/{name}", world.resource().trim_end_matches("/mcp"));
            let token =
                world.mint().claim("sub", format!("caller-{number}").into()).claim("aud", resource.into()).token();
            let ask = Ask::post(&format!("/{name}"), call("get_slow")).token(&token);
            calls.push(world.connect_and_send(&ask).await);
        }
        world.upstream.until_seen(most).await;
        gate.add_permits(most);
        for call in calls {
            let (reply, _) = answer(call).await;
            assert_eq!(reply.status, 200, "{name}: {reply:?}");
        }
        world.upstream.take();
    }
    assert!(!world.gateway.output().contains("descriptor left"), "none was missing");
    assert!(!world.gateway.output().contains("could not be accepted"), "none was missing");
    world.close().await;
}
