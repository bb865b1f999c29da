//! A server of the old transport may name its endpoint by an alias, which is never dialled (C6).

use crate::e2e::world::{
    Ask, Plan, Step, Upstream, World, request,
    server::{chunk, full, sse_head},
};

async fn world(aliases: &str) -> World {
    let servers = format!(
        "
  main:
    path: /mcp
    upstream: {{url: \"@UPSTREAM@/mcp\", aliases: [{aliases}]}}
    legacy_sse: {{path: /old, upstream: \"@UPSTREAM@/sse\"}}
    access: authenticated
"
    );
    Plan::standard().servers(&servers).start().await
}

fn names(world: &World, endpoint: &str) {
    let event = format!("event: endpoint\ndata: {endpoint}\n\n");
    world.upstream.answer_with(move |seen| match seen.method.as_str() {
        "GET" => vec![sse_head(&[]), chunk(": hello\n\n"), chunk(&event), Step::Hang],
        _ => full(202, &[], ""),
    });
}

#[tokio::test]
async fn people_c6_an_endpoint_at_an_alias_is_used_at_the_upstream_and_nothing_is_dialled_there() {
    let elsewhere = Upstream::start(None).await;
    let alias = elsewhere.url();
    let world = world(&format!("\"{alias}\", \"https://mcp.internal\"")).await;
    let token = world.issuer.mint(&format!("{}/old", world.public)).token();
    for endpoint in [format!("{alias}/messages?id=1"), "https://MCP.internal:443/messages?id=1".to_owned()] {
        names(&world, &endpoint);
        let mut live = world.open(&Ask::get("/old").token(&token)).await;
        live.until("data: ").await;
        live.until("\n\n").await;
        let text = live.reply().text();
        let ours = text.split_once("data: ").unwrap().1.trim_end().to_owned();
        assert!(ours.starts_with("/old/messages?session="), "{ours}");
        world.upstream.take();
        assert_eq!(world.send(&Ask::post(&ours, request("ping", "{}")).token(&token)).await.status, 202);
        let seen = world.upstream.take_one();
        assert_eq!((seen.target.as_str(), seen.header("host").unwrap()), ("/messages?id=1", &*own(&world)));
        drop(live);
    }
    assert_eq!(elsewhere.connections(), 0, "an alias is never dialled");
    world.close().await;
}

fn own(world: &World) -> String {
    world.upstream.address().to_string()
}

#[tokio::test]
async fn people_c6_attack_274_an_endpoint_elsewhere_ends_the_stream_and_the_log_says_which() {
    let world = world("\"https://mcp.internal\"").await;
    world.secret("hidden-word");
    let token = world.issuer.mint(&format!("{}/old", world.public)).token();
    let own = own(&world);
    for (endpoint, shown) in [
        ("https://mcp.internal.evil.example/m?id=hidden-word", "https://mcp.internal.evil.example/m"),
        ("https://evil-mcp.internal/m", "https://evil-mcp.internal/m"),
        ("http://mcp.internal/m", "http://mcp.internal/m"),
        ("https://mcp.internal:8443/m", "https://mcp.internal:8443/m"),
        ("https://mcp.internal@evil.example/m", "https://evil.example/m"),
        ("//mcp.internal/m", "//mcp.internal/m"),
        (&format!("http://{own}@evil.example/n"), "http://evil.example/n"),
    ] {
        names(&world, endpoint);
        let reply = world.send(&Ask::get("/old").token(&token)).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ": hello\n\n"), "{endpoint}");
        let told = format!("the endpoint {shown} that it names is refused");
        let line = world.gateway.line(|line| line.contains(&told)).await;
        assert!(line.contains("write scheme, host and port into upstream.aliases"), "{line}");
    }
    world.close().await;
}
