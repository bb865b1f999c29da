//! Is the transport of 2024-11-05 served only where the operator says so, and under the same rules (SPEC C-95…C-99, attacks 152, 153)?

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    time::{Duration, Instant},
};

use super::world::{
    Ask, Live, Plan, Seen, Step, Want, World, call, modern, request, row,
    server::{self, chunk, full, sse_head},
};

const MESSAGE: Want = Want::Error(400, -32600);
pub(super) const STRANGE: Want = Want::Error(404, 40402);

/// What the upstream's stream says first, as the TypeScript SDK writes it.
pub(super) const NAMED: &str = "event: endpoint\ndata: /up/messages?sessionId=0a-1b\n\n";

/// The standard server with the old transport beside the new.
pub(super) fn plan() -> Plan {
    Plan::standard_but(
        "    scopes:",
        "    legacy_sse: {path: /old/sse, upstream: \"@UPSTREAM@/up/sse?v=1\"}\n    scopes:",
    )
}

/// An upstream of 2024-11-05: each permit of the gate lets one answer onto the stream.
pub(super) fn upstream(world: &World, pieces: &[&str]) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let (script_gate, pieces) = (Arc::clone(&gate), pieces.iter().map(|piece| (*piece).to_owned()).collect::<Vec<_>>());
    world.upstream.answer_with(move |seen: &Seen| {
        if seen.method == "POST" {
            return full(202, &[("Content-Type", "text/plain"), ("Mcp-Session-Id", "stray")], "Accepted");
        }
        let mut steps = vec![sse_head(&[("Mcp-Session-Id", "stray")])];
        for (index, piece) in pieces.iter().enumerate() {
            if index > 0 {
                steps.push(Step::Await(Arc::clone(&script_gate)));
            }
            steps.push(chunk(piece));
        }
        steps.push(Step::Hang);
        steps
    });
    gate
}

pub(super) fn stream(token: &str) -> Ask {
    Ask::get("/old/sse").token(token).with("Accept", "text/event-stream")
}

/// Opens a stream and reads the endpoint that it names.
pub(super) async fn opened(world: &World, token: &str) -> (Live, String) {
    let mut live = world.open(&stream(token)).await;
    assert_eq!(live.reply().status, 200, "{:?}", live.reply());
    live.until("\n\n").await;
    let text = live.reply().text();
    let named = text.strip_prefix("event: endpoint\ndata: ").and_then(|rest| rest.split('\n').next());
    let endpoint = named.unwrap_or_else(|| panic!("no endpoint: {text:?}")).to_owned();
    (live, endpoint)
}

#[tokio::test]
async fn c98_it_is_off_unless_the_operator_wants_it() {
    let world = World::standard().await;
    let token = world.token();
    let mut rows = Vec::new();
    for path in ["/sse", "/old/sse", "/messages", "/mcp/sse", "/mcp/messages", "/old/sse/messages", "/up/sse"] {
        rows.push(row(format!("GET {path}"), Ask::get(path).token(&token), Want::Error(404, 40401)));
        rows.push(row(format!("POST {path}"), Ask::post(path, call("safe")).token(&token), Want::Error(404, 40401)));
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c95_c96_messages_go_in_and_their_answers_come_on_the_stream() {
    let world = plan().start().await;
    let answer = "id: 7\r\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\r\ndata:\"result\":{}}\r\n\r\n";
    let gate = upstream(&world, &[NAMED, answer, ": still here\n\n"]);

    let unasked = world.send(&Ask::get("/old/sse")).await;
    let document = format!("{}/.well-known/oauth-protected-resource/old/sse", world.public);
    assert_eq!((unasked.status, unasked.challenge_parameter("resource_metadata")), (401, Some(document)));
    let document = world.send(&Ask::get("/.well-known/oauth-protected-resource/old/sse")).await.json();
    let resource = format!("{}/old/sse", world.public);
    assert_eq!(document["resource"], resource);
    let root = world.send(&Ask::get("/.well-known/oauth-protected-resource")).await.json();
    assert_eq!(root["resource"], world.resource(), "the documents at the root stay the server's");

    let token = world.issuer.mint(&resource).token();
    let (mut live, endpoint) = opened(&world, &token).await;
    let seen = world.upstream.take_one();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/up/sse?v=1"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"), "what must be read must come as it is");
    assert_eq!(seen.header("accept"), Some("text/event-stream"));
    assert!(live.reply().header("mcp-session-id").is_none());
    assert_eq!(live.reply().header("x-accel-buffering"), Some("no"));
    assert!(endpoint.starts_with("/old/sse/messages?session=") && endpoint.len() < 1024, "{endpoint}");
    assert!(!endpoint.contains("0a-1b"), "{endpoint}");

    let post =
        Ask::post(&endpoint, call("safe")).token(&token).with("Mcp-Session-Id", "mine").with("Last-Event-ID", "3");
    let accepted = world.send(&post).await;
    assert_eq!((accepted.status, accepted.text().as_str()), (202, "Accepted"));
    assert!(accepted.header("mcp-session-id").is_none());
    let seen = world.upstream.take_one();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/up/messages?sessionId=0a-1b"));
    assert_eq!(seen.body, call("safe").as_bytes());
    assert_eq!(seen.header("host").map(str::to_owned), Some(world.upstream.address().to_string()));
    for absent in ["mcp-session-id", "last-event-id", "authorization"] {
        assert!(seen.header(absent).is_none(), "{absent}");
    }
    assert_eq!(seen.header("x-auth-subject"), Some("alice"));

    gate.add_permits(1);
    live.until("result").await;
    gate.add_permits(1);
    live.until("still here\n\n").await;
    let text = live.reply().text();
    assert_eq!(text, format!("event: endpoint\ndata: {endpoint}\n\n{answer}: still here\n\n"), "byte for byte");
    drop(live);
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn c95_rules_hold_for_messages_and_refused_ones_reach_nobody() {
    let world = plan().start().await;
    upstream(&world, &[NAMED]);
    let token = world.token();
    let (live, endpoint) = opened(&world, &token).await;
    world.upstream.take();
    let post = |body: String| Ask::post(&endpoint, body).token(&token);
    let is_modern = |name: &str, value: &str| post(call("safe")).with(name, value);
    let meta = r#"{"name":"safe","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
    world
        .verdicts(vec![
            row("allowed", post(call("safe")), Want::Passes),
            row(
                "a notification",
                post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.into()),
                Want::Passes,
            ),
            row("a response", post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into()), Want::Passes),
            row("initialize", post(request("initialize", "{}")), Want::Passes),
            row("a list", post(request("tools/list", "{}")), Want::Passes),
            row("the version that was agreed on", is_modern("MCP-Protocol-Version", "2025-11-25"), Want::Passes),
            row("no token", post(call("safe")).without("Authorization"), Want::Status(401)),
            row("denied", post(call("forbidden")), Want::Error(403, 40302)),
            row("without scope", post(call("danger")), Want::Error(403, 40301)),
            row("without rule", post(call("other")), Want::Error(403, 40304)),
            row("an unknown method", post(request("vendor/exec", "{}")), Want::Error(403, 40304)),
            row("the tasks of others", post(request("tasks/list", "{}")), Want::Error(403, 40304)),
            row("a task", post(request("tools/call", r#"{"name":"safe","task":{}}"#)), Want::Error(400, -32602)),
            row("two names", post(call("safe").replace("\"id\"", "\"id\":2,\"id\"")), MESSAGE),
            row("a batch", post(format!("[{}]", call("safe"))), MESSAGE),
            row("no JSON", post("{".into()), Want::Error(400, -32700)),
            row("a modern header", is_modern("MCP-Protocol-Version", "2026-07-28"), Want::Status(400)),
            row("a modern body", post(request("tools/call", meta)), Want::Error(400, -32020)),
            row(
                "two versions",
                is_modern("MCP-Protocol-Version", "2025-03-26").with("MCP-Protocol-Version", "2025-03-26"),
                Want::Status(400),
            ),
            row("a foreign page", post(call("safe")).with("Origin", "https://evil.example"), Want::Status(403)),
            row(
                "a token in the query",
                Ask::post(&format!("{endpoint}&access_token={token}"), call("safe")).token(&token),
                Want::Status(400),
            ),
        ])
        .await;
    let whole = modern("tools/call", Some("safe"), r#""name":"safe""#).token(&token);
    assert_eq!(world.send(&whole).await.status, 202, "the other door takes it");
    let whole = String::from_utf8(whole.bytes(&world.authority)).unwrap().replacen("/mcp", &endpoint, 1);
    world.upstream.take();
    let refused = world.raw(whole.as_bytes()).await;
    assert_eq!((refused.status, refused.code(), world.upstream.count()), (400, Some(-32600), 0), "{refused:?}");
    let scope = world.send(&Ask::post(&endpoint, call("danger")).token(&token)).await;
    assert!(scope.challenge_parameter("resource_metadata").unwrap().ends_with("/oauth-protected-resource/old/sse"));
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn c95_a_refused_message_is_never_answered_with_a_result() {
    let keys =
        "    deny_as: tool_error\n    legacy_sse: {path: /old/sse, upstream: \"@UPSTREAM@/up/sse\"}\n    scopes:";
    let world = Plan::standard_but("    scopes:", keys).start().await;
    upstream(&world, &[NAMED]);
    let (live, endpoint) = opened(&world, &world.token()).await;
    assert_eq!(world.send(&world.post(call("forbidden"))).await.status, 200, "at the other door");
    let denied = Ask::post(&endpoint, call("forbidden")).token(&world.token());
    world.verdicts(vec![row("nobody would read it", denied, Want::Error(403, 40302))]).await;
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn c30_c95_batches_are_the_servers_choice_at_both_doors() {
    let batches =
        "    batches: 2025-03-26\n    legacy_sse: {path: /old/sse, upstream: \"@UPSTREAM@/up/sse\"}\n    scopes:";
    let world = Plan::standard_but("    scopes:", batches).start().await;
    upstream(&world, &[NAMED]);
    let (live, endpoint) = opened(&world, &world.token()).await;
    let post = |body: String| Ask::post(&endpoint, body).token(&world.token());
    world
        .verdicts(vec![
            row("allowed", post(format!("[{}]", call("safe"))), Want::Passes),
            row("denied", post(format!("[{}]", call("forbidden"))), Want::Error(403, 40302)),
        ])
        .await;
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn c95_each_path_takes_its_method_alone() {
    let world = plan().start().await;
    upstream(&world, &[NAMED]);
    let token = world.token();
    for (method, path, allowed) in [
        // This is how clients of both transports find out which is served.
        ("POST", "/old/sse", "GET, OPTIONS"),
        ("DELETE", "/old/sse", "GET, OPTIONS"),
        ("HEAD", "/old/sse", "GET, OPTIONS"),
        ("GET", "/old/sse/messages?session=x", "POST, OPTIONS"),
        ("DELETE", "/old/sse/messages", "POST, OPTIONS"),
    ] {
        let ask = Ask::new(method, path).with("Content-Type", "application/json").body(call("safe"));
        assert_eq!(world.send(&ask).await.status, 401, "{method} {path}: nobody is told more");
        let reply = world.send(&ask.token(&token)).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allowed)), "{method} {path}");
    }
    let asked = |path| {
        Ask::new("OPTIONS", path).with("Origin", "https://app.example").with("Access-Control-Request-Method", "POST")
    };
    for (path, allowed) in [("/old/sse", "GET, OPTIONS"), ("/old/sse/messages?session=x", "POST, OPTIONS")] {
        let reply = world.send(&asked(path)).await;
        assert_eq!((reply.status, reply.header("allow")), (204, Some(allowed)), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"), "{path}");
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn c95_what_is_no_event_stream_is_not_relayed_as_one() {
    let world = plan().start().await;
    world.upstream.answer_with(|_| full(200, &[("Content-Type", "text/plain")], NAMED));
    let reply = world.send(&stream(&world.token())).await;
    assert_eq!((reply.status, reply.code()), (502, Some(-32603)), "{reply:?}");
    assert!(!reply.text().contains("/up/messages"));
    world.upstream.answer_with(|_| full(503, &[("Content-Type", "text/plain")], "full"));
    let reply = world.send(&stream(&world.token())).await;
    assert_eq!((reply.status, reply.text().as_str()), (503, "full"), "what failed says so itself");
    world.close().await;
}

#[tokio::test]
async fn c55_c95_a_list_on_the_stream_is_cut_and_what_hides_one_ends_it() {
    let world = plan().start().await;
    let list =
        |tools: &str| format!("id: 1\ndata: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"tools\":[{tools}]}}}}\n\n");
    let whole = list(r#"{"name":"safe"},{"name":"forbidden"},{"name":"danger"}"#);
    let gate = upstream(&world, &[NAMED, &whole, "data: {\"result\":\n\n", ": never seen\n\n"]);
    let (mut live, endpoint) = opened(&world, &world.token()).await;
    let asked = world.send(&Ask::post(&endpoint, request("tools/list", "{}")).token(&world.token())).await;
    assert_eq!(asked.status, 202);
    gate.add_permits(1);
    live.until("danger").await;
    let cut = list(r#"{"name":"safe"},{"name":"danger"}"#);
    assert_eq!(live.reply().text(), format!("event: endpoint\ndata: {endpoint}\n\n{cut}"));
    gate.add_permits(2);
    let text = live.rest().await.text();
    assert!(text.ends_with(&cut), "what cannot be read is not shown: {text:?}");
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn c93_c95_an_answer_to_a_list_in_the_wrong_place_is_not_shown() {
    let world = plan().start().await;
    upstream(&world, &[NAMED]);
    let (live, endpoint) = opened(&world, &world.token()).await;
    world
        .upstream
        .answer_with(|_| server::json(200, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"forbidden"}]}}"#));
    let reply = world.send(&Ask::post(&endpoint, request("tools/list", "{}")).token(&world.token())).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn b24_p07_the_stream_ends_with_its_token() {
    let world = plan().issuers("  house: {issuer: \"@ISSUER@\", clock_skew: 0s}\n").start().await;
    upstream(&world, &[NAMED]);
    let token = world.mint().claim("exp", (super::world::token::now() + 3).into()).token();
    let started = Instant::now();
    let (live, endpoint) = opened(&world, &token).await;
    live.rest().await;
    assert!(started.elapsed() < Duration::from_secs(8), "the stream outlived its token");
    world.upstream.until_hung_up(1).await;
    world.upstream.take();
    let late = world.send(&Ask::post(&endpoint, call("safe")).token(&token)).await;
    assert_eq!((late.status, world.upstream.count()), (401, 0));
    world.close().await;
}

#[tokio::test]
async fn p07_a_reload_that_takes_the_transport_away_ends_its_streams() {
    let world = plan().start().await;
    upstream(&world, &[NAMED]);
    let (live, endpoint) = opened(&world, &world.token()).await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    let without = yaml.lines().filter(|line| !line.contains("legacy_sse")).collect::<Vec<_>>().join("\n");
    std::fs::write(world.config_path(), without).unwrap();
    world.gateway.signal("HUP");
    assert!(!live.rest().await.cut);
    world.upstream.until_hung_up(1).await;
    world.upstream.take();
    let gone = world.send(&Ask::post(&endpoint, call("safe")).token(&world.token())).await;
    assert_eq!((gone.status, world.upstream.count()), (404, 0));
    world.close().await;
}

#[tokio::test]
async fn attack_154_open_streams_are_bounded_and_messages_to_them_are_not() {
    let limits = "    limits: {request_body: 64KiB, streams_per_caller: 1}\n    legacy_sse: {path: /old/sse, upstream: \"@UPSTREAM@/up/sse\"}";
    let world = Plan::standard_but("    limits: {request_body: 64KiB}", limits).start().await;
    upstream(&world, &[NAMED]);
    let (live, endpoint) = opened(&world, &world.token()).await;
    let second = world.send(&stream(&world.token())).await;
    assert_eq!((second.status, second.code()), (429, Some(42901)));
    assert_eq!(world.send(&Ask::post(&endpoint, call("safe")).token(&world.token())).await.status, 202);
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn p07_a_reload_that_hides_more_ends_the_streams_that_show_it() {
    let world = plan().start().await;
    upstream(&world, &[NAMED]);
    let (live, _) = opened(&world, &world.token()).await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    let more = yaml.replacen("    rules:", "    hide: unauthorized\n    rules:", 1);
    assert_ne!(more, yaml);
    std::fs::write(world.config_path(), more).unwrap();
    world.gateway.signal("HUP");
    assert!(!live.rest().await.cut, "the client opens it again, under the new rules");
    world.upstream.until_hung_up(1).await;
    world.close().await;
}
