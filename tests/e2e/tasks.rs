//! Is a task touched only by whoever made it, and only with the right to the tool that it runs (SPEC C-84…C-92, attacks 136…139)?

use serde_json::{Value, json};

use super::world::{
    Ask, Plan, Reply, Seen, Step, Want, World, modern, request, row,
    server::{chunk, full, json as json_answer, last_chunk, polite, sse_head},
};

const TASK: Want = Want::Error(403, 40306);
const SCOPE: Want = Want::Status(403);
const NO_RULE: Want = Want::Error(403, 40304);

/// How an answer tells of its task.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Json25,
    Sse25,
    Json28,
    Sse28,
}

const SHAPES: [Shape; 4] = [Shape::Json25, Shape::Sse25, Shape::Json28, Shape::Sse28];

impl Shape {
    fn is_modern(self) -> bool {
        matches!(self, Self::Json28 | Self::Sse28)
    }

    fn answer(self, id: &str, task: &str, ttl: &Value) -> Vec<Step> {
        let result = if self.is_modern() {
            json!({"resultType": "task", "taskId": task, "status": "working", "ttlMs": ttl, "pollIntervalMs": 5})
        } else {
            json!({"task": {"taskId": task, "status": "working", "ttl": ttl, "pollInterval": 5}})
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        match self {
            Self::Json25 | Self::Json28 => json_answer(200, body),
            Self::Sse25 | Self::Sse28 => {
                let (first, second) = body.split_at(body.len() / 2);
                let progress = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n";
                vec![
                    sse_head(&[]),
                    chunk(format!(": hello\n\n{progress}data: {first}")),
                    chunk(format!("{second}\n\n")),
                    last_chunk(),
                ]
            }
        }
    }

    /// A call of `tool` that is to become a task.
    fn call(self, tool: &str) -> Ask {
        if !self.is_modern() {
            let params = format!(r#"{{"name":"{tool}","arguments":{{}},"task":{{"ttl":60000}}}}"#);
            return Ask::post("/mcp", request("tools/call", &params)).with("MCP-Protocol-Version", "2025-11-25");
        }
        knows_tasks(modern("tools/call", Some(tool), &format!(r#""name":"{tool}""#)))
    }

    /// What may be done with a task of this version.
    fn methods(self) -> &'static [&'static str] {
        if self.is_modern() {
            &["tasks/get", "tasks/update", "tasks/cancel"]
        } else {
            &["tasks/get", "tasks/result", "tasks/cancel"]
        }
    }

    fn about(self, method: &str, task: &str) -> Ask {
        if self.is_modern() {
            modern(method, Some(task), &format!(r#""taskId":"{task}""#))
        } else {
            Ask::post("/mcp", request(method, &format!(r#"{{"taskId":"{task}"}}"#)))
                .with("MCP-Protocol-Version", "2025-11-25")
        }
    }
}

/// The same request from a client that declares the tasks extension.
fn knows_tasks(ask: Ask) -> Ask {
    let capabilities = r#""io.modelcontextprotocol/clientCapabilities":{"#;
    let body = String::from_utf8(ask.sent_body().to_vec()).unwrap();
    assert!(body.contains(capabilities));
    let declared = format!(r#"{capabilities}"extensions":{{"io.modelcontextprotocol/tasks":{{}}}}"#);
    ask.body(body.replace(capabilities, &declared))
}

/// Answers each call with a task, and everything else politely.
fn answer_with_tasks(world: &World, shape: Shape, task: &'static str, ttl: Value) {
    world.upstream.answer_with(move |seen: &Seen| match String::from_utf8_lossy(&seen.body).contains("tools/call") {
        true => shape.answer(&seen.id(), task, &ttl),
        false => polite(seen),
    });
}

/// A token of somebody who may do everything.
fn token_of(world: &World, subject: &str) -> String {
    world.mint().claim("sub", json!(subject)).scope("mcp:connect mcp:danger").token()
}

async fn make(world: &World, shape: Shape, token: &str, tool: &str, task: &'static str, ttl: Value) -> Reply {
    answer_with_tasks(world, shape, task, ttl);
    let reply = world.send(&shape.call(tool).token(token)).await;
    assert!(reply.status == 200 && reply.text().contains(task), "{shape:?}: {reply:?}");
    assert_eq!(world.upstream.take_one().header("accept-encoding"), Some("identity"), "it must be readable");
    reply
}

#[tokio::test]
async fn c87_c88_attack_136_attack_137_a_task_is_its_makers_while_they_may_use_its_tool() {
    let world = World::standard().await;
    let (alice, bob) = (token_of(&world, "alice"), token_of(&world, "bob"));
    let (narrow, refreshed) = (world.token(), world.mint().scope("mcp:connect mcp:admin").token());
    for (shape, task) in SHAPES.into_iter().zip(["task-1", "task-2", "task-3", "task-4"]) {
        make(&world, shape, &alice, "danger", task, json!(60_000)).await;
        let mut rows = Vec::new();
        for method in shape.methods() {
            let ask = |token: &str| shape.about(method, task).token(token);
            rows.push(row(format!("{shape:?} {method} its maker"), ask(&alice), Want::Passes));
            rows.push(row(format!("{shape:?} {method} another token of theirs"), ask(&refreshed), Want::Passes));
            rows.push(row(format!("{shape:?} {method} another"), ask(&bob), TASK));
            rows.push(row(format!("{shape:?} {method} a narrower token"), ask(&narrow), SCOPE));
            rows.push(row(format!("{shape:?} {method} unknown"), shape.about(method, "task-9").token(&alice), TASK));
        }
        world.verdicts(rows).await;
        let reply = world.send(&shape.about("tasks/get", task).token(&narrow)).await;
        assert_eq!(reply.challenge_parameter("error").as_deref(), Some("insufficient_scope"), "{reply:?}");
        assert_eq!(reply.challenge_parameter("scope").as_deref(), Some("mcp:connect mcp:danger"), "{reply:?}");
    }
    // Another's and nobody's look the same.
    let strip = |reply: &Reply, task: &str| reply.text().replace(task, "TASK");
    let other = world.send(&Shape::Json25.about("tasks/get", "task-1").token(&bob)).await;
    let nobodys = world.send(&Shape::Json25.about("tasks/get", "task-9").token(&bob)).await;
    assert_eq!((other.reason().as_str(), strip(&other, "task-1")), ("unknown_task", strip(&nobodys, "task-9")));
    world.close().await;
}

#[tokio::test]
async fn c91_a_task_does_not_change_what_a_tool_needs() {
    let world = World::standard().await;
    answer_with_tasks(&world, Shape::Json25, "t", Value::Null);
    let call = |tool: &str| Shape::Json25.call(tool).token(&world.token());
    world
        .verdicts(vec![
            row("denied", call("forbidden"), Want::Error(403, 40302)),
            row("no rule", call("other"), NO_RULE),
            row("a scope", call("danger"), SCOPE),
            row("allowed", call("safe"), Want::Passes),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn c87_a_task_is_known_in_every_session_of_its_maker_and_to_nobody_after_its_time() {
    let world = World::standard().await;
    let (alice, bob) = (token_of(&world, "alice"), token_of(&world, "bob"));
    world.upstream.answer_with(|seen| match String::from_utf8_lossy(&seen.body).contains("initialize") {
        true => full(200, &[("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")], "{}"),
        false => Shape::Json25.answer(&seen.id(), "in-session", &Value::Null),
    });
    let begun = world.send(&Ask::post("/mcp", request("initialize", "{}")).token(&alice)).await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let made = world.send(&Shape::Json25.call("safe").token(&alice).with("Mcp-Session-Id", &session)).await;
    assert_eq!(made.status, 200, "{made:?}");
    world.upstream.answer_politely();
    let ask = |token: &str| Shape::Json25.about("tasks/result", "in-session").token(token);
    world
        .verdicts(vec![
            row("outside of it", ask(&alice), Want::Passes),
            row("within", ask(&alice).with("Mcp-Session-Id", &session), Want::Passes),
            row("another", ask(&bob), TASK),
            row("another within", ask(&bob).with("Mcp-Session-Id", &session), TASK),
        ])
        .await;
    world.upstream.take();
    make(&world, Shape::Json28, &alice, "safe", "over", json!(0)).await;
    world.upstream.answer_politely();
    world.verdicts(vec![row("its time is over", Shape::Json28.about("tasks/get", "over").token(&alice), TASK)]).await;
    world.close().await;
}

#[tokio::test]
async fn c87_what_is_not_understood_is_nobodys_task() {
    let world = World::standard().await;
    let alice = token_of(&world, "alice");
    let twice = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t","taskId":"t"}}}"#;
    let plain = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t"}}}"#;
    let large = format!(r#"{{"x":"{}",{}"#, "x".repeat(70_000), &plain[1..]);
    let coded = full(200, &[("Content-Type", "application/json"), ("Content-Encoding", "dcb")], plain);
    let bytes = |steps: Vec<Step>| match steps.into_iter().next() {
        Some(Step::Send(bytes)) => bytes,
        _ => unreachable!("a whole answer is one step"),
    };
    for (name, answer, status) in [
        ("twice", bytes(json_answer(200, twice)), 200),
        ("too large", bytes(json_answer(200, &large)), 200),
        // It could be a list.
        ("coded", bytes(coded), 502),
    ] {
        world.upstream.answer_with(move |_| vec![Step::Send(answer.clone())]);
        let reply = world.send(&Shape::Json25.call("safe").token(&alice)).await;
        assert_eq!(reply.status, status, "{name}: it is relayed all the same where it can be read");
        world.verdicts(vec![row(name, Shape::Json25.about("tasks/get", "t").token(&alice), TASK)]).await;
    }
    // A body of unknown length, whose client asks before the upstream has ended it.
    world.upstream.answer_with(move |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        vec![Step::Send(head.into()), chunk(plain), Step::Hang]
    });
    let mut live = world.open(&Shape::Json25.call("safe").token(&alice)).await;
    live.until("taskId").await;
    world.upstream.answer_politely();
    world.verdicts(vec![row("at once", Shape::Json25.about("tasks/get", "t").token(&alice), Want::Passes)]).await;
    drop(live);
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn c88_attack_139_a_task_that_was_not_made_here_needs_a_rule_for_its_method() {
    let open = r#"
  main: {path: /mcp, upstream: {url: "@UPSTREAM@/inner/mcp"}, scopes: ["mcp:connect"], access: authenticated}
"#;
    let world = Plan::standard().servers(open).start().await;
    let (alice, bob) = (token_of(&world, "alice"), token_of(&world, "bob"));
    make(&world, Shape::Json25, &alice, "anything", "known", Value::Null).await;
    let about = |token: &str, task: &str| Shape::Json25.about("tasks/result", task).token(token);
    let rows = || {
        vec![
            row("its maker", about(&alice, "known"), Want::Passes),
            row("another", about(&bob, "known"), TASK),
            row("unknown", about(&alice, "task-9"), TASK),
        ]
    };
    world.verdicts(rows()).await;
    world.close().await;

    let rules = "      - {methods: [\"acme/custom\"], scopes: [acme]}\n";
    let more = format!("{rules}      - {{methods: [\"tasks/*\"], scopes: [tasks]}}\n");
    let world = Plan::standard_but(rules, &more).start().await;
    let (alice, bob) = (token_of(&world, "alice"), token_of(&world, "bob"));
    let any = world.token_with("mcp:connect tasks");
    let bobs_any = world.mint().claim("sub", json!("bob")).scope("mcp:connect tasks").token();
    make(&world, Shape::Json28, &alice, "safe", "known", Value::Null).await;
    let about = |token: &str, task: &str| Shape::Json28.about("tasks/get", task).token(token);
    let listen = |tasks: &str| {
        modern("subscriptions/listen", None, &format!(r#""notifications":{{"taskIds":[{tasks}]}}"#)).token(&any)
    };
    world
        .verdicts(vec![
            row("unknown", about(&any, "task-9"), Want::Passes),
            row("unknown, without the rule's scope", about(&alice, "task-9"), SCOPE),
            row("known, without the rule's scope", about(&alice, "known"), SCOPE),
            row("another's", about(&bob, "known"), TASK),
            row("another's, with the rule's scope", about(&bobs_any, "known"), TASK),
            row("unknown ones", listen(r#""task-8","task-9","known""#), Want::Passes),
            row("unknown ones, without it", listen(r#""task-8""#).token(&alice), SCOPE),
            row("one is another's", listen(r#""task-8","known""#).token(&bobs_any), TASK),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn c84_attack_136_every_task_and_resource_of_a_subscription_is_judged() {
    let world = World::standard().await;
    let (alice, bob, narrow) = (token_of(&world, "alice"), token_of(&world, "bob"), world.token());
    make(&world, Shape::Json28, &alice, "danger", "a-danger", Value::Null).await;
    make(&world, Shape::Sse28, &alice, "safe", "a-safe", Value::Null).await;
    make(&world, Shape::Json28, &bob, "safe", "b-safe", Value::Null).await;
    world.upstream.answer_politely();
    let listen = |token: &str, tasks: &str, resources: &str| {
        let filter = format!(r#""notifications":{{"taskIds":[{tasks}],"resourceSubscriptions":[{resources}]}}"#);
        modern("subscriptions/listen", None, &filter).token(token)
    };
    world
        .verdicts(vec![
            row("own", listen(&alice, r#""a-danger""#, ""), Want::Passes),
            row("own two and a resource", listen(&alice, r#""a-danger","a-safe""#, r#""file:///pub/x""#), Want::Passes),
            row("own and a bad resource", listen(&alice, r#""a-safe""#, r#""file:///etc/x""#), NO_RULE),
            row("one is another's", listen(&alice, r#""a-safe","b-safe""#, ""), TASK),
            row("one is unknown", listen(&alice, r#""a-safe","task-9""#, r#""file:///pub/x""#), TASK),
            row("another's", listen(&bob, r#""a-safe""#, ""), TASK),
            row("one needs a scope", listen(&narrow, r#""a-safe","a-danger""#, ""), SCOPE),
            row("none needs one", listen(&narrow, r#""a-safe""#, ""), Want::Passes),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn c88_an_id_that_an_upstream_gives_to_two_callers_is_nobodys() {
    let world = World::standard().await;
    let (alice, bob) = (token_of(&world, "alice"), token_of(&world, "bob"));
    make(&world, Shape::Json25, &alice, "safe", "1", Value::Null).await;
    make(&world, Shape::Json25, &bob, "danger", "1", Value::Null).await;
    let about = |token: &str| Shape::Json25.about("tasks/result", "1").token(token);
    world.verdicts(vec![row("the first", about(&alice), TASK), row("the second", about(&bob), TASK)]).await;
    world.close().await;
}

#[tokio::test]
async fn attack_154_one_callers_tasks_are_bounded_and_push_out_nobody_elses() {
    let world = World::standard().await;
    let (alice, bob) = (token_of(&world, "alice"), token_of(&world, "bob"));
    make(&world, Shape::Json25, &bob, "safe", "bobs", Value::Null).await;
    world.upstream.answer_with(|seen| {
        let number: Value = serde_json::from_slice(&seen.body).unwrap();
        Shape::Json25.answer("1", &format!("t{}", number["params"]["arguments"]["n"]), &Value::Null)
    });
    let call = |number: usize| {
        let params = format!(r#"{{"name":"safe","arguments":{{"n":{number}}},"task":{{}}}}"#);
        Ask::post("/mcp", request("tools/call", &params)).token(&alice)
    };
    for number in 0..1_024 {
        assert_eq!(world.send(&call(number)).await.status, 200, "{number}");
    }
    let refused = world.send(&call(1_024)).await;
    assert_eq!((refused.status, refused.code()), (429, Some(42903)), "{refused:?}");
    world.upstream.answer_politely();
    world
        .verdicts(vec![
            row("her first", Shape::Json25.about("tasks/get", "t0").token(&alice), Want::Passes),
            row("her last", Shape::Json25.about("tasks/get", "t1023").token(&alice), Want::Passes),
            row("his", Shape::Json25.about("tasks/get", "bobs").token(&bob), Want::Passes),
        ])
        .await;
    let plain = request("tools/call", r#"{"name":"safe"}"#);
    world.verdicts(vec![row("a call without a task", Ask::post("/mcp", plain).token(&alice), Want::Passes)]).await;
    world.close().await;
}
