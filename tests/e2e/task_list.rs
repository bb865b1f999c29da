//! Does a list of tasks show its caller's alone (SPEC C-89, attack 138)?

use serde_json::{Value, json};

use super::world::{
    Ask, Seen, World, request,
    server::{chunk, json as json_answer, last_chunk, sse_head},
};

/// Makes the task that its arguments name, and lists the tasks of everybody, as JSON or as a stream.
fn answer(seen: &Seen) -> Vec<super::world::Step> {
    let asked: Value = serde_json::from_slice(&seen.body).unwrap();
    if asked["method"] == "tools/call" {
        let made = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"task": {"taskId": asked["params"]["arguments"]["id"]}}});
        return json_answer(200, made.to_string());
    }
    let tasks = ["hers-1", "his", "hers-2", "unknown"].map(|id| json!({"taskId": id, "status": "working"}));
    let list = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"tasks": tasks, "nextCursor": "c"}}).to_string();
    if asked["params"]["cursor"] == "stream" {
        return vec![sse_head(&[]), chunk(format!("data: {list}\n\n")), last_chunk()];
    }
    json_answer(200, list)
}

#[tokio::test]
async fn c89_attack_138_two_callers_see_disjoint_lists() {
    let world = World::standard().await;
    world.upstream.answer_with(answer);
    let token = |subject: &str| world.mint().claim("sub", json!(subject)).token();
    for (subject, id) in [("alice", "hers-1"), ("bob", "his"), ("alice", "hers-2")] {
        let params = json!({"name": "safe", "arguments": {"id": id}, "task": {}}).to_string();
        let made = world.send(&Ask::post("/mcp", request("tools/call", &params)).token(&token(subject))).await;
        assert_eq!(made.status, 200, "{made:?}");
    }
    for cursor in ["json", "stream"] {
        for (subject, own) in [("alice", &["hers-1", "hers-2"][..]), ("bob", &["his"]), ("carol", &[])] {
            let ask = Ask::post("/mcp", request("tasks/list", &json!({"cursor": cursor}).to_string()));
            let reply = world.send(&ask.token(&token(subject))).await;
            let text = reply.text();
            let list: Value = serde_json::from_str(text.trim().trim_start_matches("data: ")).unwrap();
            let shown: Vec<&str> = list["result"]["tasks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|task| task["taskId"].as_str().unwrap())
                .collect();
            assert_eq!((reply.status, shown.as_slice()), (200, own), "{subject}, {cursor}");
            assert_eq!(list["result"]["nextCursor"], "c");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn c89_a_rule_that_does_not_permit_shows_nobody_elses_tasks() {
    let rules = "      - {methods: [\"acme/custom\"], scopes: [acme]}\n";
    for rule in ["deny: true", "scopes: [tasks]"] {
        let more = format!("{rules}      - {{methods: [\"tasks/*\"], {rule}}}\n");
        let world = super::world::Plan::standard_but(rules, &more).start().await;
        world.upstream.answer_with(answer);
        let reply = world.send(&world.post(request("tasks/list", "{}"))).await;
        assert_eq!(reply.status, 403, "{rule}");
        assert!(!reply.text().contains("\"his\""), "{rule}: {reply:?}");
        world.close().await;
    }
}
