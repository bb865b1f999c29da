//! Is every action visible: while it runs, when it ends, by whose fault, and each member of a batch (attacks 184–186)?

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Semaphore;

use super::world::{
    Ask, Plan, Step, World, call,
    server::{chunk, full, last_chunk, sse_head},
    token::now,
};

/// The first audit line of this event with these words in it.
async fn line(world: &World, event: &str, words: &[&str]) -> Value {
    let event = format!("\"event\":\"{event}\"");
    let line = world.gateway.line(|line| line.contains(&event) && words.iter().all(|word| line.contains(word))).await;
    serde_json::from_str(&line).expect("a JSON line")
}

/// All audit lines of one request, once its end is told.
async fn whole(world: &World, request: &Value) -> Vec<Value> {
    let request_text = request.as_str().expect("an id").to_owned();
    world.gateway.line(|line| line.contains(&request_text) && line.contains("\"ended\":")).await;
    lines_of(world, request)
}

/// All audit lines of one request so far, in their order.
fn lines_of(world: &World, request: &Value) -> Vec<Value> {
    let output = world.gateway.output();
    let lines = output.lines().filter(|line| line.contains("\"audit\":"));
    lines.map(|line| serde_json::from_str(line).unwrap()).filter(|line: &Value| line["request"] == *request).collect()
}

/// One series of a metric, as it is written.
async fn series(world: &World, series: &str) -> String {
    let text = world.admin("/metrics").await.text();
    text.lines()
        .find(|line| line.starts_with(series))
        .map_or_else(String::new, |line| line[series.len()..].trim().to_owned())
}

fn listening(world: &World, token: &str) -> Ask {
    Ask::get("/mcp").token(token).with("Accept", "text/event-stream").with("Host", &world.authority)
}

#[tokio::test]
async fn attack_184_what_is_under_way_when_the_process_is_killed_is_in_the_log() {
    let world = Plan::standard_but("response_timeout: 2s", "response_timeout: 60s").start().await;
    let (hangs, trickles, streams) = ("get_hangs", "get_trickles", "get_streams");
    world.upstream.answer_with(move |seen| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        if body.contains(hangs) {
            return vec![Step::Hang];
        }
        if body.contains(trickles) {
            return vec![Step::Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".into()), Step::Hang];
        }
        vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]
    });
    let mut under_way = Vec::new();
    for tool in [hangs, trickles, streams] {
        let mut live = world.connect().await;
        live.write(&world.post(call(tool)).bytes(&world.authority)).await;
        under_way.push(live);
    }
    for tool in [hangs, trickles, streams] {
        let told = line(&world, "decided", &[&format!("\"{tool}\"")]).await;
        assert_eq!((&told["audit"], &told["verdict"]), (&2.into(), &"allowed".into()), "{told}");
        assert!(told.get("ended").is_none() && told["request"].is_string(), "{told}");
        let streamed = told.get("streamed").is_some();
        assert_eq!(streamed, tool == streams, "{told}");
    }
    assert_eq!(series(&world, "portcullis_decisions_total{server=\"main\",outcome=\"allowed\"}").await, "3");
    world.gateway.signal("KILL");
    world.close_killed().await;
}

#[tokio::test]
async fn attack_184_a_stream_that_the_drain_cuts_says_so_and_one_whose_client_left_does_not() {
    let world = Plan::standard().top("drain: {timeout: 1s}").start().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let mut left = world.open(&world.post(call("get_left"))).await;
    left.until("one").await;
    drop(left);
    let left = line(&world, "decided", &["get_left"]).await["request"].clone();
    let ended = line(&world, "ended", &[left.as_str().unwrap()]).await;
    assert_eq!(ended["ended"], "client_gone", "{ended}");

    let mut cut = world.open(&world.post(call("get_cut"))).await;
    cut.until("one").await;
    let cut_id = line(&world, "decided", &["get_cut"]).await["request"].clone();
    world.gateway.signal("TERM");
    cut.rest().await;
    let ended = line(&world, "ended", &[cut_id.as_str().unwrap()]).await;
    assert_eq!((&ended["ended"], &ended["status"], &ended["streamed"]), (&"drain".into(), &200.into(), &true.into()));
    assert_eq!(lines_of(&world, &cut_id).len(), 2, "one decision, one end");
    world.close_stopped(0).await;
}

#[tokio::test]
async fn attack_184_a_stream_whose_token_expires_says_so() {
    let issuers = "  house: {issuer: \"@ISSUER@\", token_types: [at+jwt, JWT], clock_skew: 0s}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let token = world.mint().claim("exp", (now() + 3).into()).token();
    let mut live = world.open(&listening(&world, &token)).await;
    live.until("one").await;
    live.rest().await;
    let request = line(&world, "decided", &["\"target_kind\":\"stream\""]).await["request"].clone();
    let ended = line(&world, "ended", &[request.as_str().unwrap()]).await;
    assert_eq!(ended["ended"], "permit_expired", "{ended}");
    world.close().await;
}

#[tokio::test]
async fn attack_184_a_plain_call_is_one_line_and_a_slow_one_is_two() {
    let world = World::standard().await;
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    let whole = line(&world, "decided", &["\"safe\""]).await;
    assert_eq!(
        (&whole["ended"], &whole["status"], &whole["upstream"]),
        (&"finished".into(), &200.into(), &"ok".into())
    );
    assert_eq!(lines_of(&world, &whole["request"]).len(), 1);

    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let mut steps = vec![Step::Await(Arc::clone(&script_gate))];
        steps.extend(full(200, &[("Content-Type", "application/json")], "{}"));
        steps
    });
    let slow = world.post(call("get_slow"));
    let (reply, request) = tokio::join!(world.send(&slow), async {
        let told = line(&world, "decided", &["get_slow"]).await;
        gate.add_permits(1);
        told["request"].clone()
    });
    assert_eq!(reply.status, 200);
    let ended = line(&world, "ended", &[request.as_str().unwrap()]).await;
    assert_eq!(
        (&ended["ended"], &ended["status"], &ended["upstream"]),
        (&"finished".into(), &200.into(), &"ok".into())
    );
    assert!(ended.get("verdict").is_none() && ended["duration_ms"].as_f64() >= Some(500.0), "{ended}");
    world.close().await;
}

#[tokio::test]
async fn attack_185_what_the_upstream_did_is_told_apart_from_the_decision() {
    let world = World::standard().await;
    let status = |status: u16| move |_: &_| full(status, &[("Content-Type", "application/json")], "{}");
    world.upstream.answer_with(status(500));
    assert_eq!(world.send(&world.post(call("get_500"))).await.status, 500);
    world.upstream.answer_with(status(422));
    assert_eq!(world.send(&world.post(call("get_422"))).await.status, 422);
    world.upstream.answer_with(|_| {
        vec![
            Step::Send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{".into()),
            Step::Cut,
        ]
    });
    for _ in 0..3 {
        assert!(world.send(&world.post(call("get_broken"))).await.cut);
    }
    world.upstream.answer_with(|_| vec![Step::Cut]);
    assert_eq!(world.send(&world.post(call("get_nothing"))).await.status, 502);
    world.upstream.answer_with(|_| vec![Step::Hang]);
    assert_eq!(world.send(&world.post(call("get_late"))).await.status, 504);
    // Without a connection that the next call could use while the upstream stops.
    world
        .upstream
        .answer_with(|_| full(302, &[("Location", "https://elsewhere.example/"), ("Connection", "close")], ""));
    assert_eq!(world.send(&world.post(call("get_moved"))).await.status, 502);
    world.upstream.stop();
    assert_eq!(world.send(&world.post(call("get_down"))).await.status, 502);

    for (tool, upstream, end, reason) in [
        ("get_500", "error_5xx", "finished", Some("upstream_error")),
        ("get_422", "error_4xx", "finished", Some("upstream_error")),
        ("get_broken", "broke_off", "upstream_failed", None),
        ("get_nothing", "broke_off", "upstream_failed", Some("upstream_answer")),
        ("get_late", "timeout", "upstream_failed", Some("upstream_timeout")),
        ("get_moved", "unfit", "upstream_failed", Some("upstream_answer")),
        ("get_down", "unreachable", "upstream_failed", Some("upstream_unreachable")),
    ] {
        let told = line(&world, "decided", &[&format!("\"{tool}\"")]).await;
        assert_eq!(told["verdict"], "allowed", "{told}");
        // A slow one is told in two lines.
        let lines = whole(&world, &told["request"]).await;
        let last = lines.last().unwrap();
        assert_eq!((&last["upstream"], &last["ended"]), (&upstream.into(), &end.into()), "{tool}: {last}");
        assert_eq!(last.get("reason").and_then(Value::as_str), reason, "{tool}: {last}");
        let counted =
            format!("portcullis_requests_total{{server=\"main\",outcome=\"upstream_error\",upstream=\"{upstream}\"}}");
        let count = match upstream {
            "broke_off" => "4",
            _ => "1",
        };
        assert_eq!(series(&world, &counted).await, count, "{tool}");
    }
    // One warning for each kind, however often it happens, with what to do.
    for kind in ["broke_off", "broken", "timeout", "redirect"] {
        let is_it = |line: &str| line.contains("the upstream failed") && line.contains(&format!("\"kind\":\"{kind}\""));
        world.gateway.line(is_it).await;
        let output = world.gateway.output();
        let warnings: Vec<_> = output.lines().filter(|line| is_it(line)).collect();
        assert_eq!(warnings.len(), 1, "{kind}: {warnings:?}");
        for word in ["\"server\":\"main\"", "\"cause\":", "\"advice\":", "\"request\":"] {
            assert!(warnings[0].contains(word), "{word} is not in {}", warnings[0]);
        }
    }
    world.close().await;
}

#[tokio::test]
async fn attack_186_every_tool_of_a_batch_is_in_the_log() {
    let world = Plan::standard_but("    scopes:", "    batches: 2025-03-26\n    scopes:").start().await;
    world.upstream.answer_with(|_| full(200, &[("Content-Type", "application/json")], "[]"));
    let member = |tool: &str, id: u32| call(tool).replace("\"id\":1", &format!("\"id\":{id}"));
    let batch = |tools: &[&str]| {
        let members: Vec<_> = tools.iter().zip(1..).map(|(tool, id)| member(tool, id)).collect();
        format!("[{}]", members.join(","))
    };
    assert_eq!(world.send(&world.post(batch(&["get_a", "get_b", "safe"]))).await.status, 200);
    let first = line(&world, "decided", &["get_a"]).await;
    let lines = whole(&world, &first["request"]).await;
    let told: Vec<_> =
        lines.iter().map(|line| (line["index"].as_u64(), line["target"].as_str(), line["verdict"].as_str())).collect();
    let allowed = |index, tool| (Some(index), Some(tool), Some("allowed"));
    assert_eq!(told, [allowed(0, "get_a"), allowed(1, "get_b"), allowed(2, "safe"), (None, None, None)]);
    assert_eq!(lines[3]["ended"], "finished");
    assert_eq!(series(&world, "portcullis_decisions_total{server=\"main\",outcome=\"allowed\"}").await, "3");
    assert_eq!(
        series(&world, "portcullis_requests_total{server=\"main\",outcome=\"allowed\",upstream=\"ok\"}").await,
        "1"
    );

    assert_eq!(world.send(&world.post(batch(&["get_c", "forbidden", "danger"]))).await.status, 403);
    let first = line(&world, "decided", &["get_c"]).await;
    let lines = whole(&world, &first["request"]).await;
    let told: Vec<_> =
        lines.iter().map(|line| (line["target"].as_str(), line["reason"].as_str(), line["rule"].as_u64())).collect();
    let wanted = [
        (Some("get_c"), Some("batch_refused"), Some(0)),
        (Some("forbidden"), Some("forbidden"), Some(4)),
        (Some("danger"), Some("insufficient_scope"), Some(1)),
        (None, None, None),
    ];
    assert_eq!(told, wanted);
    assert!(lines[2]["required_scopes"].to_string().contains("mcp:danger"), "{}", lines[2]);
    world.close().await;
}

#[tokio::test]
async fn attack_184_a_line_reaches_its_reader_without_another_one() {
    // One line, and nothing behind it that could push it out.
    let world = World::standard().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), last_chunk()]);
    let reply = world.send(&world.post(call("get_only"))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(line(&world, "ended", &[]).await["ended"], "finished");
    world.close().await;
}
