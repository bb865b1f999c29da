//! What passes without a token, what does not, and what the challenge names (D1).

use serde_json::json;

use super::{SHOP, shop};
use crate::e2e::world::{
    Ask, Plan, Reply, Row, Want, World, call, modern, request, row,
    server::{full, json as answer},
};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;

fn post(body: impl Into<Vec<u8>>) -> Ask {
    Ask::post("/mcp", body)
}

fn notification(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"requestId":1}}}}"#)
}

fn read(uri: &str) -> String {
    request("resources/read", &json!({"uri": uri}).to_string())
}

fn prompt(name: &str) -> String {
    request("prompts/get", &json!({"name": name}).to_string())
}

#[tokio::test]
async fn people_d1_without_a_token_what_is_public_is_listed_and_called_and_nothing_else() {
    let world = shop().start().await;
    let passes = [
        request("initialize", INITIALIZE),
        request("ping", "{}"),
        notification("notifications/initialized"),
        notification("notifications/cancelled"),
        call("search"),
        call("get_time"),
        read("file:///pub/a"),
        prompt("hello"),
        format!("[{},{}]", call("search"), prompt("hello").replace("\"id\":1", "\"id\":2")),
    ];
    let mut rows: Vec<Row> = passes.iter().map(|body| row(body.clone(), post(body.as_str()), Want::Passes)).collect();
    let refused = [
        call("pay"),
        call("profile"),
        call("admin"),
        call("unknown"),
        call("Search"),
        call("search\\u0000"),
        read("file:///pub/secret/a"),
        read("file:///pub/../etc/passwd"),
        read("file:///pub/%2e%2e/etc/passwd"),
        read("file:///etc/passwd"),
        prompt("mine"),
        prompt("search"),
        request(
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"hello"},"argument":{"name":"a","value":""}}"#,
        ),
        request("logging/setLevel", r#"{"level":"debug"}"#),
        request("resources/subscribe", r#"{"uri":"file:///pub/a"}"#),
        request("resources/unsubscribe", r#"{"uri":"file:///pub/a"}"#),
        request("tasks/list", "{}"),
        request("tasks/get", r#"{"taskId":"1"}"#),
        request("tools/call", r#"{"name":"search","arguments":{},"task":{"ttl":1}}"#),
        request("tools/call", r#"{"name":"search","arguments":{},"task":true}"#),
        request("acme/custom", "{}"),
        request("notifications/initialized", "{}"),
        notification("notifications/progress"),
        notification("notifications/roots/list_changed"),
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
        // A batch with one protected element is refused as a whole.
        format!("[{},{}]", call("search"), call("pay").replace("\"id\":1", "\"id\":2")),
        format!("[{},{}]", call("search"), request("logging/setLevel", "{}").replace("\"id\":1", "\"id\":2")),
        "[]".to_owned(),
        "not JSON".to_owned(),
        "{}".to_owned(),
        String::new(),
    ];
    rows.extend(refused.iter().map(|body| row(body.clone(), post(body.as_str()), Want::Status(401))));
    let at = |method: &str| Ask::new(method, "/mcp");
    rows.extend([
        row("GET without a session", Ask::get("/mcp"), Want::Status(401)),
        row("GET with an invented session", Ask::get("/mcp").with("Mcp-Session-Id", "x"), Want::Status(404)),
        row("DELETE", at("DELETE"), Want::Status(401)),
        row("DELETE of a session", at("DELETE").with("Mcp-Session-Id", "x"), Want::Status(401)),
        row("PUT", at("PUT"), Want::Status(401)),
        row("an invented session", post(call("search")).with("Mcp-Session-Id", "x"), Want::Status(404)),
    ]);
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_d1_the_modern_protocol_is_listed_and_called_too() {
    let world = shop().start().await;
    let rows = [
        ("server/discover", None, "", Want::Passes),
        ("tools/call", Some("search"), r#""name":"search","arguments":{}"#, Want::Passes),
        ("tools/call", Some("pay"), r#""name":"pay","arguments":{}"#, Want::Status(401)),
        ("tools/call", Some("search"), r#""name":"pay","arguments":{}"#, Want::Status(401)),
        (
            "subscriptions/listen",
            None,
            r#""notifications":{"resourceSubscriptions":["file:///pub/a"]}"#,
            Want::Status(401),
        ),
        ("tasks/get", Some("1"), r#""taskId":"1""#, Want::Status(401)),
    ];
    let rows = rows.map(|(method, name, params, want)| row(params, modern(method, name, params), want));
    world.verdicts(rows.into()).await;
    world.close().await;
}

fn scope(reply: &Reply) -> String {
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.challenge_parameter("error"), None, "no credential, no error: {reply:?}");
    assert!(reply.challenge_parameter("resource_metadata").is_some(), "{reply:?}");
    reply.challenge_parameter("scope").unwrap_or_default()
}

#[tokio::test]
async fn people_d1_the_challenge_names_the_scopes_that_the_call_needs() {
    let world = shop().start().await;
    for (body, expected) in [
        (call("pay"), "mcp:connect pay"),
        (call("profile"), "mcp:connect"),
        (read("file:///pub/secret/a"), "mcp:connect secret"),
        (read("file:///b"), "mcp:connect files"),
        (call("unknown"), "mcp:connect"),
        (format!("[{},{}]", call("search"), call("pay").replace("\"id\":1", "\"id\":2")), "mcp:connect pay"),
    ] {
        assert_eq!(scope(&world.send(&post(body.clone())).await), expected, "{body}");
    }
    // Then the client signs in, and the same call passes.
    let token = world.token_with("mcp:connect pay");
    assert_eq!(world.send(&post(call("pay")).token(&token)).await.status, 200);
    // The model may read it as well: the body names tool and scopes.
    let reply = world.send(&post(call("pay"))).await;
    assert_eq!(reply.reason(), "sign_in_needed");
    assert_eq!(reply.json()["error"]["data"]["required_scopes"], json!(["mcp:connect", "pay"]));
    assert_eq!(reply.json()["id"], 1);
    world.close().await;
}

#[tokio::test]
async fn people_d1_attack_287_a_credential_that_fails_is_never_anonymous() {
    let world = shop().start().await;
    let expired = world.mint().claim("exp", json!(crate::e2e::world::token::now() - 900)).token();
    let foreign = world.issuer.mint("https://other.example/mcp").token();
    let search = || post(call("search"));
    let mut rows = vec![
        row("expired", search().token(&expired), Want::Status(401)),
        row("for another resource", search().token(&foreign), Want::Status(401)),
        row("garbage", search().token("x"), Want::Status(401)),
        row("twice", search().token(&world.token()).with("Authorization", "Bearer x"), Want::Status(400)),
        row("empty", search().with("Authorization", ""), Want::Status(400)),
        row("another scheme", search().with("Authorization", "Basic YTpi"), Want::Status(401)),
        row("DPoP alone", search().with("DPoP", "x"), Want::Status(401)),
        row("in the query", Ask::post("/mcp?access_token=x", call("search")), Want::Status(400)),
    ];
    rows.push(row("none", search(), Want::Passes));
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_d1_attack_288_an_anonymous_call_carries_no_identity() {
    let world = shop().start().await;
    let forged =
        post(call("search")).with("X-Auth-Subject", "admin").with("x_auth_subject", "admin").with("Cookie", "a=b");
    assert_eq!(world.send(&forged).await.status, 200);
    let seen = world.upstream.take().pop().unwrap();
    assert!(
        seen.headers.iter().all(|(name, value)| !name.to_lowercase().contains("auth") && value != "admin"),
        "{seen:?}"
    );
    assert!(seen.header("cookie").is_none());
    let line = world.gateway.line(|line| line.contains("\"target\":\"search\"")).await;
    assert!(line.contains("\"verdict\":\"allowed\"") && !line.contains("principal"), "{line}");
    world.close().await;
}

#[tokio::test]
async fn people_d1_attack_289_a_body_without_a_token_is_small() {
    let world = shop().start().await;
    let sized = |bytes: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"search","arguments":{{"a":"{}"}}}}}}"#,
            "x".repeat(bytes)
        )
    };
    let rows = vec![
        row("60 KiB", post(sized(60 * 1024)), Want::Passes),
        row("70 KiB", post(sized(70 * 1024)), Want::Status(401)),
        row("70 KiB with a token", world.post(sized(70 * 1024)), Want::Passes),
    ];
    world.verdicts(rows).await;
    // A client that sends everything before it reads learns why, and how large a body may be.
    for (bytes, plain) in [(70 * 1024, true), (1024 * 1024, true), (1024 * 1024, false)] {
        let body = sized(bytes);
        let ask = match plain {
            true => post(body),
            false => post(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).with("Transfer-Encoding", "chunked"),
        };
        let sent = ask.with("Connection", "keep-alive").bytes(&world.authority);
        let mut live = world.connect().await;
        assert_eq!(live.write_while_taken(&sent, 1).await, sent.len());
        assert_eq!(live.head(false).await, 401);
        let reply = live.rest().await;
        assert_eq!((reply.reason().as_str(), reply.cut), ("large_without_token", false), "{reply:?}");
        assert!(reply.challenge().contains("resource_metadata="), "{reply:?}");
        let said = "without an access token a request may have at most 65536 bytes: send less, or sign in";
        assert!(reply.text().contains(said), "{reply:?}");
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
    // Where a token would not help, it is not asked for.
    let lower = SHOP.replace("    rules:", "    limits: {request_body: 8KiB}\n    rules:");
    let world = Plan::standard().servers(&lower).start().await;
    let reply = world.send(&post(sized(9 * 1024))).await;
    assert_eq!((reply.status, reply.reason().as_str()), (413, "body_too_large"), "{reply:?}");
    assert!(reply.text().contains("8192 bytes (`limits.request_body`)"), "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn people_d1_lists_hide_as_for_a_caller_without_scopes() {
    for (hide, expected) in [
        ("never", vec!["search", "pay", "profile", "admin", "unknown"]),
        ("forbidden", vec!["search", "pay", "profile"]),
        ("unauthorized", vec!["search"]),
    ] {
        let servers = SHOP.replace("    rules:", &format!("    hide: {hide}\n    rules:"));
        let world = Plan::standard().servers(&servers).start().await;
        world.upstream.answer_with(|_| {
            let tool = |name: &str| format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}}}}"#);
            let tools = ["search", "pay", "profile", "admin", "unknown"].map(tool).join(",");
            answer(200, format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#))
        });
        let reply = world.send(&post(request("tools/list", "{}"))).await;
        let listed: Vec<String> = reply.json()["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(listed, expected, "{hide}");
        world.close().await;
    }
}

#[tokio::test]
async fn people_d1_attack_290_addresses_without_a_token_leave_the_places_of_others() {
    let plan = shop().top("limits: {requests: 64}");
    let world = plan.start().await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let waits = std::sync::Arc::clone(&gate);
    world.upstream.answer_with(move |seen| {
        let mut steps = vec![];
        if String::from_utf8_lossy(&seen.body).contains("get_slow") {
            steps.push(crate::e2e::world::Step::Await(std::sync::Arc::clone(&waits)));
        }
        steps.extend(answer(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#));
        steps
    });
    // A quarter of 64 is for all clients without a token, and half of that for one address.
    let held = world.begin(&post(call("get_slow")), 8).await;
    world.upstream.until_seen(8).await;
    // Without a place, a client is told to sign in, as on a server without public rules.
    for body in [call("search"), call("pay"), request("initialize", INITIALIZE)] {
        let full = world.send(&post(body)).await;
        assert_eq!(full.reason(), "no_room_without_token", "{full:?}");
        assert_eq!(scope(&full), "mcp:connect");
    }
    world.gateway.line(|line| line.contains("\"limits.requests\"")).await;
    assert_eq!(world.send(&world.post(call("search"))).await.status, 200, "callers have their own places");
    gate.add_permits(100);
    drop(held);
    world.close().await;
}

#[tokio::test]
async fn people_d1_attack_315_where_others_have_used_up_the_sessions_of_an_address_its_users_can_sign_in() {
    let servers = SHOP.replace("    rules:", "    limits: {sessions_per_caller: 2}\n    rules:");
    let world = Plan::standard().servers(&servers).start().await;
    world.upstream.answer_with(|_| full(200, &[("Mcp-Session-Id", "s1"), ("Content-Type", "application/json")], "{}"));
    let initialize = request("initialize", INITIALIZE);
    for _ in 0..2 {
        assert_eq!(world.send(&post(initialize.as_str())).await.status, 200);
    }
    let refused = world.send(&post(initialize.as_str())).await;
    assert_eq!(refused.reason(), "no_room_without_token", "{refused:?}");
    assert_eq!(scope(&refused), "mcp:connect");
    world.gateway.line(|line| line.contains("\"limits.sessions_per_caller\"")).await;
    // With a token, the client has sessions of its own.
    assert_eq!(world.send(&world.post(initialize)).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn people_d1_a_server_without_a_public_rule_answers_401_before_it_reads() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| full(200, &[], ""));
    let rows = ["not JSON", "[]", ""].map(|body| row(body, post(body), Want::Status(401)));
    world.verdicts(rows.into()).await;
    let rows = vec![
        row("ping", post(request("ping", "{}")), Want::Status(401)),
        row("GET with a session", Ask::get("/mcp").with("Mcp-Session-Id", "x"), Want::Status(401)),
    ];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_d1_the_transport_of_2024_11_05_always_needs_a_token() {
    let legacy = "    legacy_sse: {path: /old/sse, upstream: \"@UPSTREAM@/up/sse\"}\n    scopes:";
    let world = Plan::standard().servers(&SHOP.replace("    scopes:", legacy)).start().await;
    let rows = vec![
        row("the stream", Ask::get("/old/sse"), Want::Status(401)),
        row("a message", Ask::post("/old/sse/messages?session=x", call("search")), Want::Status(401)),
        row("the other transport", post(call("search")), Want::Passes),
    ];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_d1_a_caller_may_do_what_everyone_may_do() {
    let world = shop().start().await;
    let unconnected = world.token_with("other");
    let ask = |body: String| post(body).token(&unconnected);
    let rows = vec![
        row("ping", ask(request("ping", "{}")), Want::Passes),
        row("a public tool", ask(call("search")), Want::Passes),
        row("another tool", ask(call("profile")), Want::Status(403)),
        row("another method", ask(request("logging/setLevel", "{}")), Want::Status(403)),
        row("a stream", Ask::get("/mcp").token(&unconnected), Want::Status(403)),
    ];
    world.verdicts(rows).await;
    world.close().await;
}
