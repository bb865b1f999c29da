//! What a client sees while its upstream restarts, moves, or cannot be reached for one reason or another (attacks 177, 178, 182).

use std::net::Ipv4Addr;

use rcgen::date_time_ymd;
use tokio::net::TcpListener;

use super::world::{
    Ask, Live, Plan, Reply, Upstream, World, call, certificate, dns::Dns, plan::STANDARD, process::PATIENCE,
};

const UPSTREAM: &str = "upstream: {url: \"@UPSTREAM@/inner/mcp\", response_timeout: 2s, connect_timeout: 2s}";

/// The standard server with another `upstream`.
fn plan(upstream: &str) -> Plan {
    Plan::standard_but(UPSTREAM, upstream).crowd()
}

fn ask(world: &World) -> Ask {
    world.post(call("safe"))
}

async fn all_answered(begun: Vec<Live>) {
    for mut live in begun {
        live.head(false).await;
        let reply = live.rest().await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

fn says(reply: &Reply, status: u16, reason: &str, phrase: &str) {
    assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{reply:?}");
    let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains(phrase), "{message:?} does not say {phrase:?}");
}

#[tokio::test]
async fn attack_177_an_upstream_that_restarts_loses_no_call_and_none_runs_twice() {
    let world = plan("upstream: {url: \"@UPSTREAM@/inner/mcp\", connect_timeout: 10s}").start().await;
    for round in 1..=3 {
        assert_eq!(world.send(&ask(&world)).await.status, 200);
        world.upstream.take();
        world.upstream.stop();
        // The kept connection closes a moment later. A call written to it meanwhile may have run, so it is not sent again (SPEC C-57).
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let begun = world.begin(&ask(&world), 25).await;
        world.gateway.line(|line| line.contains("cannot be reached")).await;
        // Some have been refused more than once by now.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        world.upstream.resume().await;
        all_answered(begun).await;
        assert_eq!(world.upstream.take().len(), 25, "round {round}");
    }
    world.close().await;
}

#[tokio::test]
async fn attack_177_an_upstream_that_stays_away_fails_calls_at_once_and_is_found_again() {
    let world = plan("upstream: {url: \"@UPSTREAM@/inner/mcp\", connect_timeout: 60s}").start().await;
    world.upstream.stop();
    // The first would wait for a minute. It is there when the upstream comes back.
    let first = world.begin(&ask(&world), 1).await;
    world.gateway.line(|line| line.contains("cannot be reached")).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for _ in 0..20 {
        // None of them waits: a minute is more than the test's patience.
        says(&world.send(&ask(&world)).await, 502, "upstream_unreachable", "it refuses connections");
    }
    let outages = world.gateway.output().matches("cannot be reached").count();
    assert_eq!(outages, 1, "an outage is told of once, not by each call:\n{}", world.gateway.tail());
    assert!(world.metrics().await["portcullis_upstream_failures_total"] >= 20.0, "but each call is counted");

    world.upstream.resume().await;
    all_answered(first).await;
    world.gateway.line(|line| line.contains("reachable again")).await;
    assert_eq!(world.send(&ask(&world)).await.status, 200);
    assert_eq!(world.upstream.take().len(), 2);
    world.close().await;
}

#[tokio::test]
async fn attack_178_a_changed_dns_record_is_followed_under_load() {
    let (old, new) = (Ipv4Addr::new(127, 78, 0, 1), Ipv4Addr::new(127, 78, 0, 2));
    let dns = Dns::start(Some(old)).await;
    // The same port at two addresses.
    let first = Upstream::start_at((old, 0).into()).await;
    let second = Upstream::start_at((new, first.address().port()).into()).await;
    let url = format!("http://mcp.example:{}/inner/mcp", first.address().port());
    let plan = plan(&format!("upstream: {{url: \"{url}\"}}")).name_server(dns.address());
    let world = plan.start().await;
    assert_eq!(world.send(&ask(&world)).await.status, 200);
    dns.answer(new);
    // A call every 100 ms never lets the connection fall idle.
    let began = tokio::time::Instant::now();
    while second.count() == 0 {
        assert_eq!(world.send(&ask(&world)).await.status, 200);
        assert!(began.elapsed().as_secs() < 100, "the changed record is never followed");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(first.connections() <= 2, "the old connection was used while it was young: {}", first.connections());
    world.close().await;
}

#[tokio::test]
async fn attack_182_a_dns_that_hangs_holds_one_thread_and_the_answer_says_so() {
    let dns = Dns::start(None).await;
    let plan = plan("upstream: {url: \"http://mcp.example:8000/mcp\", connect_timeout: 3s}").name_server(dns.address());
    let world = plan.start().await;
    let before = world.gateway.threads();
    let begun = world.begin(&ask(&world), 200).await;
    dns.until_asked().await;
    let during = world.gateway.threads();
    assert!(during <= before + 3, "{before} threads became {during}");
    for mut live in begun {
        live.head(false).await;
        says(&live.rest().await, 504, "upstream_timeout", "DNS does not answer");
    }
    assert!(world.gateway.threads() <= before + 3);
    world.close().await;
}

#[tokio::test]
async fn attack_182_a_name_without_an_address_is_told_from_a_closed_port() {
    let plan = plan("upstream: {url: \"http://no-such-host.invalid:8000/mcp\", connect_timeout: 500ms}");
    let world = plan.start().await;
    says(&world.send(&ask(&world)).await, 502, "upstream_unreachable", "its name has no address");
    world.close().await;

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let world = self::plan(&format!("upstream: {{url: \"http://{free}/mcp\", connect_timeout: 500ms}}")).start().await;
    says(&world.send(&ask(&world)).await, 502, "upstream_unreachable", "it refuses connections");
    assert!(world.admin("/metrics").await.text().contains("what=\"refused\""));
    world.close().await;
}

/// Few local ports, in a network of the test's own.
const FEW_PORTS: &str = "ip link set lo up && echo 50000 50063 > /proc/sys/net/ipv4/ip_local_port_range && exec \"$@\"";

#[tokio::test]
async fn attack_182_exhausted_local_ports_are_told() {
    let this = std::env::current_exe().unwrap();
    let may = std::process::Command::new("unshare").args(["-n", "sh", "-c", FEW_PORTS, "sh", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: needs root, for a network namespace");
        return;
    }
    let inside = "e2e::upstream::local_ports_run_out";
    let ran = tokio::process::Command::new("unshare")
        .args(["-n", "sh", "-c", FEW_PORTS, "sh"])
        .arg(this)
        .args(["--exact", inside, "--ignored", "--nocapture"])
        .output();
    let ran = ran.await.unwrap();
    let output = [ran.stdout, ran.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    assert!(ran.status.success() && output.contains("1 passed"), "{output}");
}

#[tokio::test]
#[ignore = "is run in a network namespace of its own by attack_182_exhausted_local_ports_are_told"]
async fn local_ports_run_out() {
    let world = plan("upstream: {url: \"@UPSTREAM@/inner/mcp\", connect_timeout: 3s}").start().await;
    let mut hogs = Vec::new();
    let cause = loop {
        match tokio::net::TcpStream::connect(world.upstream.address()).await {
            Ok(hog) => hogs.push(hog),
            Err(cause) => break cause,
        }
    };
    assert_eq!(cause.kind(), std::io::ErrorKind::AddrNotAvailable);
    says(&world.send(&ask(&world)).await, 502, "upstream_unreachable", "no local port left");
    world.gateway.line(|line| line.contains("no_ports") && line.contains("ip_local_port_range")).await;

    drop(hogs);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while world.send(&ask(&world)).await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "it never came back");
        // The client's own ports are few, too.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    world.close().await;
}

#[tokio::test]
async fn attack_182_what_is_wrong_with_a_certificate_is_told() {
    let expired = certificate::leaf_but(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let elsewhere = certificate::leaf_but(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("elsewhere.example".try_into().unwrap())];
    });
    let good = certificate::leaf();
    for (leaf, ca, label, phrase) in [
        (&expired, ", ca: ca.pem", "tls_expired", "its certificate has expired"),
        (&elsewhere, ", ca: ca.pem", "tls_name", "its certificate is for another host"),
        (&good, "", "tls_unknown_issuer", "its certificate's issuer is not trusted"),
    ] {
        let upstream = Upstream::start(Some(tokio_rustls::TlsAcceptor::from(leaf.server_config()))).await;
        let with = format!("upstream: {{url: \"{}/inner/mcp\"{ca}, connect_timeout: 10s}}", upstream.url());
        let world = Plan::standard().servers(&STANDARD.replace(UPSTREAM, &with)).start().await;
        says(&world.send(&ask(&world)).await, 502, "upstream_unreachable", phrase);
        assert!(world.admin("/metrics").await.text().contains(&format!("what=\"{label}\"")), "{label}");
        world.gateway.line(|line| line.contains("cannot be reached") && line.contains(label)).await;
        assert_eq!(upstream.count(), 0);
        world.close().await;
    }
}

#[tokio::test]
async fn attack_182_a_port_that_takes_connections_and_says_nothing_is_a_late_handshake() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/mcp", silent.local_addr().unwrap());
    let world = plan(&format!("upstream: {{url: \"{url}\", ca: ca.pem, connect_timeout: 500ms}}")).start().await;
    says(&world.send(&ask(&world)).await, 504, "upstream_timeout", "did not finish the handshake in time");
    world.close().await;
}
