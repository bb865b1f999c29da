//! Does the admin port answer probes while others hold its connections, and only to names that are ours (attack 175)?

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use super::world::{Plan, World, call, process::PATIENCE};

const PATHS: [&str; 4] = ["/healthz", "/readyz", "/readyz/main", "/metrics"];

async fn half_sent(world: &World, bytes: &[u8]) -> TcpStream {
    let mut tcp = TcpStream::connect(world.gateway.admin_address()).await.unwrap();
    tcp.write_all(bytes).await.unwrap();
    tcp
}

/// Everything until the gateway hangs up.
async fn rest(mut tcp: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that was cut is as good as one that was closed.
    let _ = timeout(PATIENCE, tcp.read_to_end(&mut bytes)).await.expect("it stays open");
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn attack_175_probes_are_answered_while_hundreds_of_half_sent_requests_are_held() {
    let world = World::standard().await;
    world.until_ready().await;
    let mut held = Vec::new();
    for round in 0..200 {
        for bytes in ["", "GET /readyz HTTP/1.1\r\nHo", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"] {
            held.push(half_sent(&world, bytes.as_bytes()).await);
        }
        if round % 20 == 0 {
            for path in PATHS {
                // It would wait for the deadline of the half-sent ones, were it not let in before them.
                let answer = timeout(Duration::from_secs(1), world.admin(path)).await;
                assert_eq!(answer.expect("at once").status, 200, "{path} in round {round}");
            }
        }
    }
    for tcp in held {
        rest(tcp).await;
    }
    world.close().await;
}

#[tokio::test]
async fn attack_175_a_half_sent_request_ends_by_itself() {
    let world = World::standard().await;
    // A head has ten seconds at the public port, and no more than two here: the one that began later ends first.
    let mut public = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    public.write_all(b"GET /mcp HTTP/1.1\r\nHost: ").await.unwrap();
    let half = half_sent(&world, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n").await;
    let whole = half_sent(&world, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(rest(whole).await.starts_with("HTTP/1.1 200 "));
    let mut byte = [0];
    let first = tokio::select! {
        biased;
        answered = public.read(&mut byte) => Err(answered),
        said = rest(half) => Ok(said),
    };
    assert!(!first.expect("the public port gave up first").contains("200"));
    drop(public);
    world.close().await;
}

#[tokio::test]
async fn attack_175_the_admin_port_answers_to_addresses_localhost_and_our_own_name() {
    let world = World::standard().await;
    for (name, head, status) in [
        ("an address", "GET /healthz HTTP/1.1\r\nHost: 10.1.2.3:9901\r\n\r\n", "200"),
        ("an IPv6 address", "GET /healthz HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", "200"),
        ("localhost", "GET /metrics HTTP/1.1\r\nHost: localhost:9901\r\n\r\n", "200"),
        ("another name", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
        ("another name for the metrics", "GET /metrics HTTP/1.1\r\nHost: evil.example:9901\r\n\r\n", "421"),
        ("a target with another name", "GET http://evil.example/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
        ("a service's name", "GET /metrics HTTP/1.1\r\nHost: portcullis.mcp.svc.cluster.local:9901\r\n\r\n", "421"),
        ("no name", "GET /healthz HTTP/1.1\r\n\r\n", "400"),
        ("two names", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"),
        ("HTTP/1.0 without a name", "GET /healthz HTTP/1.0\r\n\r\n", "200"),
        ("HTTP/1.0 with another name", "GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n", "421"),
    ] {
        let answer = rest(half_sent(&world, head.as_bytes()).await).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{name}: {answer}");
        if status == "421" {
            assert!(
                answer.contains("127.0.0.1") && answer.contains("ask it by IP address") && !answer.contains("jwks"),
                "{name}: it says which names pass, and what to do: {answer}"
            );
        }
    }
    world.close().await;
}

#[tokio::test]
async fn attack_175_where_descriptors_are_few_the_admin_port_takes_only_its_share() {
    let world = Plan::standard().wrapped(&["/bin/sh", "-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).start().await;
    world.until_ready().await;
    let mut held = Vec::new();
    for round in 0..100 {
        held.push(half_sent(&world, [&b""[..], b"GET /metrics HTTP/1.1\r\nHo"][round % 2]).await);
        if round % 10 == 0 {
            assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "a client, in round {round}");
            assert_eq!(world.admin("/readyz").await.status, 200, "a probe, in round {round}");
        }
    }
    assert!(!world.gateway.output().contains("could not be accepted"), "no descriptor was missing");
    drop(held);
    world.close().await;
}
