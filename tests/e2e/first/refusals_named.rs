//! Does a refusal name the method, the parameter or the limit, and propose no line that opens more than was asked for?

use serde_json::{Value, json};

use crate::e2e::world::{Ask, Plan, Step, World, call, server::full};

/// The log line with this reason, and the audit line.
async fn lines(world: &World, reason: &str) -> [Value; 2] {
    let reason = format!("\"reason\":\"{reason}\"");
    let mut both = [Value::Null, Value::Null];
    for (line, is_audit) in both.iter_mut().zip([false, true]) {
        let found = world.gateway.line(|line| line.contains("\"audit\"") == is_audit && line.contains(&reason)).await;
        *line = serde_json::from_str(&found).unwrap();
    }
    both
}

async fn named(world: &World, reason: &str, wanted: [&str; 2]) {
    for line in lines(world, reason).await {
        let facts = ["found", "expected"].map(|field| line[field].as_str().unwrap_or_default());
        assert_eq!(facts, wanted, "{reason}: {line}");
    }
}

#[tokio::test]
async fn first_9_a_refused_method_and_a_pinned_parameter_are_named() {
    let url = "@UPSTREAM@/inner/mcp?tenant=t-secret-of-the-url";
    let world = Plan::standard_but("@UPSTREAM@/inner/mcp", url).start().await;
    world.secret("t-secret-of-the-url");
    world.secret("t-secret-of-a-client");
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "foo/bar"});
    world.send(&world.post(message.to_string())).await;
    named(&world, "no_rule", ["foo/bar", ""]).await;
    world.send(&Ask::new("PATCH", "/mcp").token(&world.token())).await;
    named(&world, "method_not_allowed", ["PATCH", "POST, GET, DELETE, OPTIONS"]).await;
    let ask = Ask::post("/mcp?Tenant=t-secret-of-a-client", call("safe")).token(&world.token());
    world.send(&ask).await;
    named(&world, "pinned_query", ["the parameter tenant", "a query without it: upstream.url sets it"]).await;
    world.send(&Ask::get(&format!("/{}", "a".repeat(9000)))).await;
    named(&world, "uri_too_long", ["", "at most 8192 bytes"]).await;
    world.close().await;
}

#[tokio::test]
async fn first_9_a_limit_is_told_with_its_value_and_its_key() {
    let world = Plan::standard_but("request_body: 64KiB", "request_body: 64KiB, sessions_per_caller: 1").start().await;
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}
    }});
    world.upstream.answer_with(|_| full(200, &[("Mcp-Session-Id", "s1"), ("Content-Type", "application/json")], "{}"));
    for _ in 0..2 {
        world.send(&world.post(initialize.to_string())).await;
    }
    named(&world, "too_many_sessions", ["", "at most 1 (limits.sessions_per_caller)"]).await;
    world.close().await;

    let limits = "request_body: 64KiB, requests_per_caller: 1, streams_per_caller: 1";
    let world = Plan::standard_but("request_body: 64KiB", limits).top("limits: {requests: 64}").start().await;
    world.upstream.answer_with(|_| vec![Step::Hang]);
    let mut first = world.connect().await;
    first.write(&world.post(call("get_first")).bytes(&world.authority)).await;
    world.gateway.line(|line| line.contains("\"audit\"") && line.contains("get_first")).await;
    world.send(&world.post(call("get_second"))).await;
    let most = "at most 1 at this server (limits.requests_per_caller), and 16 in all (a quarter of limits.requests)";
    named(&world, "too_many_requests", ["", most]).await;
    drop(first);
    world.close().await;
}

#[tokio::test]
async fn first_9_public_paths_that_are_full_are_told_with_their_own_bound() {
    let paths = "path: /mcp\n    paths: [{path: \"/pub/**\", access: public}]";
    let world = Plan::standard_but("path: /mcp", paths).top("limits: {requests: 8}").start().await;
    world.upstream.answer_with(|_| vec![Step::Hang]);
    let mut first = world.connect().await;
    first.write(&Ask::get("/pub/first").bytes(&world.authority)).await;
    world.upstream.until_seen(1).await;
    assert_eq!(world.send(&Ask::get("/pub/second")).await.status, 503);
    let most = "at most 1 of one address and 2 of all without a token (a quarter of limits.requests), and 8 of all \
                callers (limits.requests)";
    named(&world, "overloaded_requests", ["", most]).await;
    let [line, _] = lines(&world, "overloaded_requests").await;
    assert_eq!(line["message"], "too many requests without a token are under way", "{line}");
    assert!(line["advice"].as_str().unwrap().contains("trusted_proxies"), "{line}");
    drop(first);
    world.close().await;
}

#[tokio::test]
async fn first_9_attack_436_no_line_is_proposed_that_the_configuration_would_not_take() {
    let world = World::standard().await;
    for origin in ["https://evil\", \"*", "file://", "https://a.example.", "https://a:080", "javascript:x", "https://*"]
    {
        let answer = world.send(&world.post(call("safe")).with("Origin", origin)).await;
        assert!(answer.status == 403 && !answer.text().contains("allowed_origins"), "{origin}: {}", answer.text());
    }
    let [line, _] = lines(&world, "foreign_origin").await;
    assert_eq!(line["advice"], "such an origin cannot be allowed: look at the client", "{line}");
    for host in ["x]", "a\", \"b"] {
        world.send(&world.post(call("safe")).set("Host", host)).await;
    }
    let [line, _] = lines(&world, "misdirected").await;
    assert_eq!((&line["level"], &line["advice"]), (&"INFO".into(), &"it is no host name: look at the client".into()));
    assert!(!world.gateway.output().contains("hosts: ["), "{}", world.gateway.output());
    let dotted = World::standard().await;
    dotted.send(&dotted.post(call("safe")).set("Host", "own.internal.")).await;
    let [line, _] = lines(&dotted, "misdirected").await;
    assert_eq!(line["advice"], "have the client leave out the dot at the end", "{line}");
    dotted.close().await;
    // They have not used up the lines that an operator needs.
    world.send(&world.post(call("safe")).with("Origin", "https://own.example")).await;
    world
        .gateway
        .line(|line| line.contains("WARN") && line.contains("allowed_origins: [\\\"https://own.example"))
        .await;
    world.send(&world.post(call("safe")).set("Host", "own.internal")).await;
    world.gateway.line(|line| line.contains("WARN") && line.contains("hosts: [\\\"own.internal")).await;
    world.close().await;
}

/// The count of requests with this outcome and this end at the upstream.
async fn counted(world: &World, outcome: &str, upstream: &str) -> f64 {
    let series = format!("portcullis_requests_total{{server=\"main\",outcome=\"{outcome}\",upstream=\"{upstream}\"}} ");
    let text = world.admin("/metrics").await.text();
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0.0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn first_9_a_session_that_ended_and_a_path_that_is_not_there_are_no_errors_of_the_upstream() {
    let paths = "path: /mcp\n    paths: [{path: \"/files/**\", access: public}]";
    let world = Plan::standard_but("path: /mcp", paths).start().await;
    world.upstream.answer_with(|_| full(200, &[("Mcp-Session-Id", "s1"), ("Content-Type", "application/json")], "{}"));
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}
    }});
    let session = world.send(&world.post(initialize.to_string())).await.header("mcp-session-id").unwrap().to_owned();
    world.upstream.answer_with(|_| full(404, &[("Content-Type", "text/plain")], "no"));
    for ask in [world.post(call("safe")), Ask::new("DELETE", "/mcp").token(&world.token())] {
        assert_eq!(world.send(&ask.with("Mcp-Session-Id", &session)).await.status, 404);
    }
    assert_eq!(world.send(&Ask::get("/files/favicon.ico")).await.status, 404);
    world.gateway.line(|line| line.contains("\"audit\"") && line.contains("/files/favicon.ico")).await;
    assert_eq!(counted(&world, "upstream_error", "error_4xx").await, 0.0);
    assert_eq!(counted(&world, "allowed", "error_4xx").await, 3.0);
    // Without a session it may be the path of upstream.url, and an error beside the endpoint may be a failure.
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 404);
    world.upstream.answer_with(|_| full(500, &[("Content-Type", "text/plain")], "no"));
    assert_eq!(world.send(&Ask::get("/files/a")).await.status, 500);
    world.gateway.line(|line| line.contains("\"audit\"") && line.contains("/files/a\"")).await;
    assert_eq!(counted(&world, "upstream_error", "error_4xx").await, 1.0);
    assert_eq!(counted(&world, "upstream_error", "error_5xx").await, 1.0);
    world.close().await;
}

#[tokio::test]
async fn first_9_a_406_blames_the_client_that_does_not_accept_what_mcp_answers_with() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| full(406, &[("Content-Type", "text/plain")], "no"));
    assert_eq!(world.send(&world.post(call("safe")).set("Accept", "*/*")).await.status, 406);
    let line = world.gateway.line(|line| line.contains("the MCP server answered 406")).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    let words = ["level", "found", "advice"].map(|field| line[field].as_str().unwrap_or_default());
    let advice = "have the client send Accept: application/json, text/event-stream";
    assert_eq!(words, ["INFO", "Accept: */*", advice], "{line}");
    assert!(!world.gateway.output().contains("upstream.url"), "{}", world.gateway.output());
    let two = world.post(call("safe")).set("Accept", "text/html").with("Accept", "*/*");
    assert_eq!(world.send(&two).await.status, 406);
    assert!(!world.gateway.output().contains("upstream.url"), "{}", world.gateway.output());
    // A client that accepts both shows that it is the server.
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 406);
    world.gateway.line(|line| line.contains("WARN") && line.contains("does upstream.url have the right path?")).await;
    world.close().await;
}
