//! A real nginx as an HTTP/2 upstream: 128 streams a connection, and a GOAWAY every 1,000 requests (attacks 179, 180).

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::world::{Ask, Plan, Step, World, call, nginx::Nginx, plan::STANDARD, server};

const UPSTREAM: &str = "upstream: {url: \"@UPSTREAM@/inner/mcp\", response_timeout: 2s, connect_timeout: 2s}";

async fn world(nginx: &Nginx, world_upstream: bool) -> World {
    let path = if world_upstream { "/held" } else { "/" };
    let with = format!("upstream: {{url: \"{}{path}\", ca: ca.pem}}", nginx.url());
    Plan::standard().servers(&STANDARD.replace(UPSTREAM, &with)).crowd().start().await
}

fn ask(world: &World) -> Ask {
    world.post(call("safe"))
}

/// What answers every call from nginx itself.
const ANSWERING: &str = r#"location / { return 200 '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'; }"#;

#[tokio::test]
async fn attack_179_three_hundred_calls_at_once_through_nginx() {
    // What holds the calls stands behind nginx.
    let holder = server::Upstream::start(None).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    holder.answer_with(move |seen| {
        let mut steps = vec![Step::Await(Arc::clone(&held))];
        steps.extend(server::polite(seen));
        steps
    });
    let Some(nginx) = Nginx::start(&format!("location / {{ proxy_pass {}; }}", holder.url())).await else { return };
    let world = world(&nginx, true).await;
    let begun = world.begin(&ask(&world), 300).await;
    holder.until_seen(300).await;
    let metrics = world.metrics().await;
    assert_eq!(metrics["portcullis_upstream_connections"], 3.0, "128 streams on each");
    assert_eq!(metrics["portcullis_upstream_streams"], 300.0);
    gate.add_permits(300);
    for mut live in begun {
        assert_eq!(live.head(false).await, 200, "{:?}", live.reply());
        live.rest().await;
    }
    world.close().await;
}

/// Calls of 32 clients at once, 60 times. Before the rounds of `reloads`, nginx reads its configuration again.
async fn rounds(directives: &str, reloads: &[usize]) {
    let Some(nginx) = Nginx::start(&format!("{directives} {ANSWERING}")).await else { return };
    let world = world(&nginx, false).await;
    let bytes = ask(&world).set("Connection", "keep-alive").bytes(&world.authority);
    let mut clients = Vec::new();
    for _ in 0..32 {
        clients.push(world.connect().await);
    }
    for round in 0..60 {
        if reloads.contains(&round) {
            nginx.reload();
        }
        for client in &mut clients {
            client.write(&bytes).await;
        }
        for client in &mut clients {
            let status = client.head(false).await;
            assert_eq!(status, 200, "round {round}: {:?}\n{}", client.reply(), world.gateway.tail());
            client.rest_of().await;
        }
    }
    drop(clients);
    world.close().await;
}

#[tokio::test]
async fn attack_180_no_call_is_lost_to_nginx_closing_its_connections() {
    // 32 at once, so that each GOAWAY finds streams above its last.
    rounds("keepalive_requests 100;", &[]).await;
}

/// Not beside the limit above: a worker that ends while it closes a connection drops the GOAWAY that it has not sent.
#[tokio::test]
async fn attack_180_no_call_is_lost_to_nginx_reading_its_configuration_again() {
    rounds("keepalive_requests 100000;", &[10, 30, 50]).await;
}
