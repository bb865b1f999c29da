//! Whose address counts behind proxies: PROXY headers, `Forwarded` and `X-Forwarded-For`, believed of trusted proxies alone.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    issuer::{ACCOUNTS, OWN, SECRET},
    world::{Ask, Plan, World, call, haproxy::Haproxy, nginx::Nginx, process::PATIENCE},
};

/// The only trusted proxy; other addresses of the loopback network are clients.
const PROXIES: &str = "trusted_proxies: [127.0.0.1/32]";
const CLIENT: &str = "127.0.0.9";

async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    timeout(PATIENCE, socket.connect(to)).await.unwrap().unwrap()
}

async fn tls(world: &World, stream: TcpStream) -> TlsStream<TcpStream> {
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(world.client_tls()).connect(name, stream).await.unwrap()
}

/// Sends, and reads to the end.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> String {
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

fn v2(client: [u8; 4]) -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c", &client[..], &[127, 0, 0, 1, 0x1f, 0x90, 0, 80]].concat()
}

/// The address in the audit line of the last decision, and the one that the upstream was told.
async fn counted(world: &World, decisions: usize) -> (String, String) {
    let decided = |line: &&str| line.contains("\"event\":\"decided\"");
    let deadline = Instant::now() + PATIENCE;
    let line = loop {
        let output = world.gateway.output();
        let lines: Vec<&str> = output.lines().filter(decided).collect();
        if lines.len() >= decisions {
            break lines.last().unwrap().to_string();
        }
        assert!(Instant::now() < deadline, "{output}");
        sleep(Duration::from_millis(10)).await;
    };
    let line: Value = serde_json::from_str(&line).unwrap();
    let told = world.upstream.take_one().header("x-forwarded-for").unwrap_or_default().to_owned();
    (line["peer"].as_str().unwrap().to_owned(), told)
}

async fn violations(world: &World, violation: &str) -> f64 {
    let text = world.admin("/metrics").await.text();
    let word = format!("violation=\"{violation}\"");
    let lines =
        text.lines().filter(|line| line.starts_with("portcullis_protocol_violations_total") && line.contains(&word));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

fn both(address: &str) -> (String, String) {
    (address.to_owned(), address.to_owned())
}

#[tokio::test]
async fn login_d1_haproxy_names_the_client_in_either_version_before_tls() {
    for (is_tls, options) in [
        (false, "send-proxy check inter 50ms"),
        (true, "send-proxy-v2 check inter 50ms"),
        (true, "send-proxy check check-send-proxy inter 50ms"),
        (false, "send-proxy-v2 check check-send-proxy inter 50ms"),
    ] {
        let plan = Plan::standard().top(PROXIES).listener("proxy_protocol: true");
        let world = if is_tls { plan.tls() } else { plan }.start().await;
        world.until_ready().await;
        let Some(haproxy) = Haproxy::start(world.gateway.listening_address(), options).await else {
            return world.close().await;
        };
        for round in 1..=3 {
            let stream = connect(CLIENT, haproxy.address()).await;
            let bytes = world.post(call("safe")).bytes(&world.authority);
            let answer = match is_tls {
                true => exchange(tls(&world, stream).await, &bytes).await,
                false => exchange(stream, &bytes).await,
            };
            assert!(answer.starts_with("HTTP/1.1 200 "), "{options}: {answer}");
            assert_eq!(counted(&world, round).await, both(CLIENT), "{options}");
        }
        // Some health checks.
        sleep(Duration::from_millis(300)).await;
        drop(haproxy);
        for violation in ["proxy_header", "proxy_untrusted", "silent"] {
            assert_eq!(violations(&world, violation).await, 0.0, "{options}: {violation}");
        }
        world.close().await;
    }
}

#[tokio::test]
async fn login_d1_attack_199_a_proxy_header_counts_from_trusted_proxies_alone() {
    let world = Plan::standard().top(PROXIES).listener("proxy_protocol: true").start().await;
    world.until_ready().await;
    let (gateway, request) = (world.gateway.listening_address(), world.post(call("safe")).bytes(&world.authority));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00".to_vec();
    let v1 = |line: &str| format!("PROXY {line}\r\n").into_bytes();
    let mut decisions = 0;
    for (header, client) in [
        (v2([127, 0, 0, 77]), "127.0.0.77"),
        (v1("TCP4 127.0.0.77 127.0.0.1 1 2"), "127.0.0.77"),
        (v1("TCP6 2001:db8::9 ::1 1 2"), "2001:db8::9"),
        (v1("UNKNOWN"), "127.0.0.1"),
        (local, "127.0.0.1"),
    ] {
        let answer = exchange(connect("127.0.0.1", gateway).await, &[header, request.clone()].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        decisions += 1;
        assert_eq!(counted(&world, decisions).await, both(client));
    }
    // In pieces, and the request is not touched.
    let mut stream = connect("127.0.0.1", gateway).await;
    stream.set_nodelay(true).unwrap();
    for byte in v2([127, 0, 0, 77]) {
        stream.write_all(&[byte]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    assert!(exchange(stream, &request).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(counted(&world, decisions + 1).await, both("127.0.0.77"));

    for (count, header) in [(1.0, v2([127, 0, 0, 1])), (2.0, v1("TCP4 127.0.0.1 127.0.0.1 1 2")), (3.0, Vec::new())] {
        let answer = exchange(connect(CLIENT, gateway).await, &[header, request.clone()].concat()).await;
        assert_eq!((answer.as_str(), violations(&world, "proxy_untrusted").await), ("", count));
    }
    for (count, header) in
        [(1.0, b"".to_vec()), (2.0, v1("TCP4 127.0.0.1 nowhere 1 2")), (3.0, v2([1, 2, 3, 4])[..20].to_vec())]
    {
        let bytes = if count == 3.0 { header } else { [header, request.clone()].concat() };
        let mut stream = connect("127.0.0.1", gateway).await;
        stream.write_all(&bytes).await.unwrap();
        if count == 3.0 {
            // Half a header, and no more for as long as that may take.
            let began = Instant::now();
            assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
            assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        }
        assert_eq!((exchange(stream, b"").await.as_str(), violations(&world, "proxy_header").await), ("", count));
    }
    for (reason, peer) in [("proxy_untrusted", CLIENT), ("proxy_header", "127.0.0.1")] {
        let words =
            ["\"event\":\"violation\"".to_owned(), format!("\"reason\":\"{reason}\""), format!("\"peer\":\"{peer}\"")];
        world.gateway.line(|line| words.iter().all(|word| line.contains(word))).await;
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn login_d1_attack_199_no_listener_but_its_own_reads_a_proxy_header() {
    let world = Plan::standard().top(PROXIES).start().await;
    let request = world.post(call("safe")).bytes(&world.authority);
    for header in [v2([127, 0, 0, 77]), b"PROXY TCP4 127.0.0.77 127.0.0.1 1 2\r\n".to_vec()] {
        let bytes = [header, request.clone()].concat();
        let answer = exchange(connect("127.0.0.1", world.gateway.listening_address()).await, &bytes).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn login_d1_attack_198_attack_200_attack_201_forwarding_headers_name_the_client_from_trusted_proxies_alone() {
    let world = Plan::standard().top("trusted_proxies: [127.0.0.1/32, 10.0.0.0/8]").start().await;
    world.until_ready().await;
    let gateway = world.gateway.listening_address();
    let mut decisions = 0;
    for (peer, fields, client) in [
        (CLIENT, &[("X-Forwarded-For", "192.0.2.1")][..], CLIENT),
        (CLIENT, &[("Forwarded", "for=192.0.2.1")], CLIENT),
        (CLIENT, &[("X-Forwarded-For", "127.0.0.1, 10.0.0.1")], CLIENT),
        ("127.0.0.1", &[], "127.0.0.1"),
        ("127.0.0.1", &[("X-Forwarded-For", "192.0.2.1, 203.0.113.9, 10.0.0.7")], "203.0.113.9"),
        ("127.0.0.1", &[("Forwarded", "for=192.0.2.1, for=\"[2001:db8::9]:1\", for=10.0.0.7")], "2001:db8::9"),
        ("127.0.0.1", &[("X-Forwarded-For", "203.0.113.9, nonsense")], "127.0.0.1"),
        // nginx writes one of the two, and passes the other as it came.
        ("127.0.0.1", &[("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "203.0.113.9")], "127.0.0.1"),
        ("127.0.0.1", &[("Forwarded", "for=192.0.2.1;by=\", for=203.0.113.9")], "127.0.0.1"),
        // Other names are nothing.
        ("127.0.0.1", &[("X-Real-IP", "203.0.113.9"), ("X_Forwarded_For", "203.0.113.9")], "127.0.0.1"),
    ] {
        let ask = fields.iter().fold(world.post(call("safe")), |ask, (name, value)| ask.with(name, value));
        let answer = exchange(connect(peer, gateway).await, &ask.bytes(&world.authority)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        decisions += 1;
        assert_eq!(counted(&world, decisions).await, both(client), "{peer} {fields:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn login_d1_attack_198_nginx_names_the_client_whatever_the_client_claims() {
    let world = Plan::standard().top(PROXIES).start().await;
    world.until_ready().await;
    let directives = format!(
        "location / {{ proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header Host {};
           proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }}",
        world.gateway.listening_address(),
        world.authority
    );
    let Some(nginx) = Nginx::start(&directives).await else { return world.close().await };
    let address = nginx.url().strip_prefix("https://").unwrap().parse().unwrap();
    for (decisions, (claim, client)) in (1..).zip([
        (None, CLIENT),
        (Some(("X-Forwarded-For", "192.0.2.1")), CLIENT),
        (Some(("X-Forwarded-For", "127.0.0.1, \"")), CLIENT),
        (Some(("Forwarded", "for=192.0.2.1")), "127.0.0.1"),
    ]) {
        let ask = world.post(call("safe"));
        let ask = claim.map_or(ask.clone(), |(name, value)| ask.with(name, value));
        let stream = tls(&world, connect(CLIENT, address).await).await;
        let answer = exchange(stream, &ask.bytes(&world.authority)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(counted(&world, decisions).await, both(client), "{claim:?}");
    }
    drop(nginx);
    world.close().await;
}

#[tokio::test]
async fn login_d1_limits_count_the_address_that_a_trusted_proxy_names() {
    let plan = Plan::standard().issuers(OWN).file("accounts.yaml", ACCOUNTS).environment("CLIENT_SECRET", SECRET);
    let world = plan.top(PROXIES).start().await;
    world.secret(SECRET);
    world.until_ready().await;
    let register = async |from: &str| {
        let body = r#"{"redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none"}"#;
        let ask = Ask::post("/oauth/register", body).with("X-Forwarded-For", from);
        world.send(&ask).await.status
    };
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(register("203.0.113.9").await);
    }
    assert_eq!((answers[0], answers[39]), (201, 429), "{answers:?}");
    assert_eq!(register("203.0.113.10").await, 201, "another client of the same proxy");
    assert_eq!(register("203.0.113.10, 203.0.113.9").await, 429, "the claim in front changes nothing");
    world.close().await;
}
