//! Is an error of the MCP server told as its own, with the URL that was asked, and is http told from https?

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::e2e::world::{Ask, Plan, World, call, server::full};

/// A plan whose upstream has this URL.
fn at(url: &str) -> Plan {
    Plan::standard_but("@UPSTREAM@/inner/mcp", url)
}

/// The audit line of the call of this tool.
async fn audited(world: &World, tool: &str) -> Value {
    let tool = format!("\"target\":\"{tool}\"");
    let line = world.gateway.line(|line| line.contains("\"audit\"") && line.contains(&tool)).await;
    serde_json::from_str(&line).unwrap()
}

/// The log line with these words.
async fn logged(world: &World, words: &str) -> Value {
    let line = world.gateway.line(|line| line.contains(words) && !line.contains("\"audit\"")).await;
    serde_json::from_str(&line).unwrap()
}

/// The count of requests with this outcome.
async fn counted(world: &World, outcome: &str, upstream: &str) -> Option<String> {
    let series = format!("portcullis_requests_total{{server=\"main\",outcome=\"{outcome}\",upstream=\"{upstream}\"}} ");
    let text = world.admin("/metrics").await.text();
    text.lines().find_map(|line| line.strip_prefix(&series)).map(str::to_owned)
}

#[tokio::test]
async fn first_9_an_upstreams_own_404_is_told_and_counted_as_the_upstreams() {
    let world = at("@UPSTREAM@").start().await;
    world.upstream.answer_with(|_| full(404, &[("Content-Type", "text/plain")], "Not Found"));
    for tool in ["get_a", "get_b", "get_c"] {
        assert_eq!(world.send(&world.post(call(tool))).await.status, 404);
    }
    let told = audited(&world, "get_a").await;
    for (field, wanted) in [("verdict", "allowed"), ("reason", "upstream_error"), ("upstream", "error_4xx")] {
        assert_eq!(told[field], wanted, "{field}: {told}");
    }
    assert_eq!((&told["status"], &told["upstream_status"]), (&404.into(), &404.into()), "{told}");
    let line = logged(&world, "the MCP server answered").await;
    let advice = "does upstream.url have the right path? Many servers serve MCP at /mcp (FastMCP)";
    assert_eq!(line["message"], format!("the MCP server answered 404: {advice}"), "{line}");
    assert_eq!(line["url"], format!("{}/", world.upstream.url()), "{line}");
    assert_eq!((&line["level"], &line["server"]), (&"WARN".into(), &"main".into()), "{line}");
    audited(&world, "get_c").await;
    let lines = world.gateway.output().matches("the MCP server answered").count();
    assert_eq!(lines, 1, "{}", world.gateway.output());
    assert_eq!(counted(&world, "upstream_error", "error_4xx").await.as_deref(), Some("3"));
    assert_eq!(counted(&world, "allowed", "ok").await.as_deref(), Some("0"));

    // A server without an event stream says so as MCP wants it: that is no error.
    world.upstream.answer_with(|_| full(405, &[("Allow", "POST")], ""));
    let stream = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    assert_eq!(world.send(&stream).await.status, 405);
    world.gateway.line(|line| line.contains("\"upstream_status\":405") && !line.contains("upstream_error")).await;
    assert_eq!(counted(&world, "allowed", "error_4xx").await.as_deref(), Some("1"));
    assert_eq!(world.gateway.output().matches("the MCP server answered").count(), 1);
    world.close().await;
}

#[tokio::test]
async fn first_9_the_query_of_upstream_url_is_not_in_the_log() {
    let world = at("@UPSTREAM@/inner/mcp?key=k-secret-of-the-upstream").start().await;
    world.secret("k-secret-of-the-upstream");
    world.upstream.answer_with(|_| full(500, &[("Content-Type", "text/plain")], "no"));
    assert_eq!(world.send(&world.post(call("get_a"))).await.status, 500);
    let line = logged(&world, "the MCP server answered 500: look into the log of the MCP server").await;
    assert_eq!(line["url"], format!("{}/inner/mcp", world.upstream.url()), "{line}");
    world.close().await;
}

/// Answers whatever comes as a server of plain HTTP answers what it cannot read.
async fn plain_http() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0; 64];
            let _ = stream.read(&mut first).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        }
    });
    port
}

#[tokio::test]
async fn first_9_https_to_a_port_of_http_is_told_as_that() {
    let port = plain_http().await;
    let world = at(&format!("https://127.0.0.1:{port}/mcp")).start().await;
    let reply = world.send(&world.post(call("get_a"))).await;
    assert_eq!((reply.status, reply.reason().as_str()), (502, "upstream_unreachable"));
    assert!(reply.text().contains("its port answers without TLS"), "{}", reply.text());
    let line = world.gateway.line(|line| line.contains("plain_http") && line.contains("WARN")).await;
    for words in [
        "the port answers without TLS, as one of plain HTTP does: write http://, or the port that speaks TLS",
        "write http:// in upstream.url, or name the port that speaks TLS",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    let told = audited(&world, "get_a").await;
    assert_eq!((&told["reason"], &told["upstream"]), (&"upstream_unreachable".into(), &"unreachable".into()), "{told}");
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("portcullis_upstream_failures_total{server=\"main\",what=\"plain_http\"} 1"), "{metrics}");
    world.close().await;
}

#[tokio::test]
async fn first_9_http_to_a_port_of_https_is_told_as_that() {
    let world = at("http://127.0.0.1:@UPSTREAM_PORT@/inner/mcp").upstream_tls().start().await;
    let reply = world.send(&world.post(call("get_a"))).await;
    assert_eq!((reply.status, reply.reason().as_str()), (502, "upstream_unreachable"), "{}", world.gateway.output());
    let line = logged(&world, "\"kind\":\"tls_port\"").await;
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.contains("the port speaks TLS: it answered a request of http:// with a TLS record"), "{line}");
    assert_eq!(line["advice"], "write https:// in upstream.url, or the port that speaks plain HTTP", "{line}");
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("portcullis_upstream_failures_total{server=\"main\",what=\"tls_port\"} 1"), "{metrics}");
    world.close().await;
}

#[tokio::test]
async fn first_9_attack_390_the_words_of_a_tls_port_are_told_and_other_pages_pass_whole() {
    let world = World::standard().await;
    let page = "<html><center>The plain HTTP request was sent to HTTPS port</center></html>";
    world.upstream.answer_with(move |_| full(400, &[("Content-Type", "text/html")], page));
    let reply = world.send(&world.post(call("get_a"))).await;
    assert_eq!((reply.status, reply.reason().as_str()), (502, "upstream_answer"));
    let line = logged(&world, "\"kind\":\"tls_port\"").await;
    let asked = format!("{}/inner/mcp answered 400: a request without TLS came to a port of TLS", world.upstream.url());
    assert_eq!(line["cause"], asked, "{line}");
    let told = audited(&world, "get_a").await;
    assert_eq!((&told["upstream"], &told["upstream_status"]), (&"unfit".into(), &400.into()), "{told}");

    let other = "Bad Request: Missing session ID".repeat(20);
    let sent = other.clone();
    world.upstream.answer_with(move |_| full(400, &[("Content-Type", "text/plain")], &sent));
    let reply = world.send(&world.post(call("get_b"))).await;
    assert_eq!((reply.status, reply.text()), (400, other));
    world.close().await;
}
