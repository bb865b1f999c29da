//! Does each caller see in lists what it may use, and is every other byte left alone (SPEC A-72, C-55, C-93, C-94, F-23, attacks 145, 146, 149)?

mod guard;
mod numbers;
mod stream;

use super::world::{
    Ask, Plan, Step, World, call, modern, request,
    server::{chunk, full, json, last_chunk, sse_head},
};

const BOUND: &str = "limits: {request_body: 64KiB}";
const ALL: [&str; 8] = ["safe", "danger", "both", "either", "forbidden", "engineers", "watched", "unknown"];

fn hiding(hide: &str) -> Plan {
    Plan::standard_but(BOUND, &format!("hide: {hide}\n    {BOUND}"))
}

/// Items with something of everything that must not change, joined as they would come.
fn tools(names: &[&str]) -> String {
    let item = |name: &&str| {
        format!(
            r#"{{"title":"\u00e9 \/","name":"{name}" ,"inputSchema":{{"type":"object","z":1.0,"a":[10e2,-0]}},"_meta":{{}}}}"#
        )
    };
    names.iter().map(item).collect::<Vec<_>>().join(", ")
}

/// The answer to `tools/list`, whitespace and all.
fn listed(names: &[&str], more: &str) -> String {
    format!("{{\"id\":1, \"result\":{{\"tools\":[ {} ]{more}}},\r\n\"jsonrpc\":\"2.0\"}}\n", tools(names))
}

fn list_tools(world: &World) -> Ask {
    world.post(request("tools/list", "{}"))
}

/// What comes of a `tools/list` that is answered so.
async fn shown(world: &World, answer: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> String {
    world.upstream.answer_with(move |_| answer());
    let reply = world.send(&list_tools(world)).await;
    assert_eq!((reply.status, reply.cut), (200, false), "{reply:?}");
    reply.text()
}

async fn is_not_shown(world: &World, name: &str, answer: impl Fn() -> Vec<Step> + Send + Sync + 'static) {
    world.upstream.answer_with(move |_| answer());
    let reply = world.send(&list_tools(world)).await;
    assert_eq!((reply.status, reply.code()), (502, Some(-32603)), "{name}: {reply:?}");
    assert!(!reply.text().contains("inputSchema"), "{name}: {reply:?}");
}

#[tokio::test]
async fn c55_c94_each_hide_shows_its_own_and_changes_nothing_else() {
    let cases: [(&str, &[&str]); 3] = [
        ("forbidden", &["safe", "danger", "both", "either", "watched"]),
        ("unauthorized", &["safe", "watched"]),
        ("never", &ALL),
    ];
    for (hide, expected) in cases {
        let world = hiding(hide).start().await;
        let more = r#" , "nextCursor" : "c\u0032","_meta":{"a":[1.0]}"#;
        let text = shown(&world, move || json(200, listed(&ALL, more))).await;
        assert_eq!(text, listed(expected, more), "{hide}");
        assert_eq!(world.upstream.take_one().header("accept-encoding"), Some("identity"), "{hide}");
        world.close().await;
    }
}

#[tokio::test]
async fn c55_f23_prompts_resources_and_templates_are_cut_too() {
    let world = World::standard().await;
    let cases = [
        (
            "prompts/list",
            r#"{"prompts":[{"name":"secret"},{"name":"hello","arguments":[{"name":"secret"}]},{"name":"Hello"}]}"#,
            r#"{"prompts":[{"name":"hello","arguments":[{"name":"secret"}]}]}"#,
        ),
        (
            "resources/list",
            r#"{"resources":[{"uri":"file:///pub/a","name":"a"},{"uri":"file:///etc/b","name":"file:///pub/b"},{"name":"c","uri":"file:///pub/../etc/c"}]}"#,
            r#"{"resources":[{"uri":"file:///pub/a","name":"a"}]}"#,
        ),
        (
            "resources/templates/list",
            r#"{"resourceTemplates":[{"uriTemplate":"file:///{+path}","name":"x"},{"uriTemplate":"file:///pub/{name}","name":"y"}]}"#,
            r#"{"resourceTemplates":[{"uriTemplate":"file:///pub/{name}","name":"y"}]}"#,
        ),
    ];
    for (method, given, expected) in cases {
        let message = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let fields = [("ETag", "\"1\""), ("Content-Digest", "sha-256=:AA==:"), ("Content-Type", "application/json")];
        world.upstream.answer_with(move |_| full(200, &fields, message(given)));
        let reply = world.send(&world.post(request(method, "{}"))).await;
        assert_eq!((reply.header("etag"), reply.header("content-digest")), (None, None), "they were of other bytes");
        assert_eq!((reply.status, reply.text()), (200, message(expected)), "{method}");
        assert_eq!(reply.header("content-length"), Some(message(expected).len().to_string().as_str()), "{method}");
    }
    world.close().await;
}

#[tokio::test]
async fn c94_an_empty_page_keeps_its_cursor() {
    let world = World::standard().await;
    let more = r#","nextCursor":"page 2""#;
    let text = shown(&world, move || json(200, listed(&["forbidden", "unknown"], more))).await;
    assert_eq!(text, listed(&[], more));
    let text = shown(&world, move || json(200, listed(&["unknown", "safe", "forbidden", "get_a"], ""))).await;
    assert_eq!(text, listed(&["safe", "get_a"], ""), "the order stays");
    world.close().await;
}

#[tokio::test]
async fn attack_146_no_label_saves_a_list_from_being_cut() {
    let world = World::standard().await;
    for (status, label) in [
        (200, "Application/JSON ;charset=utf-8"),
        (201, "Application/JSON ;charset=utf-8"),
        (202, "application/json"),
        (203, "text/plain"),
        (200, "application/octet-stream"),
        (200, "application/vnd.acme+json"),
        (299, "text/html; charset=iso-8859-1"),
        (200, ""),
    ] {
        let fields = if label.is_empty() { ("X-None", "") } else { ("Content-Type", label) };
        world.upstream.answer_with(move |_| full(status, &[fields], listed(&["safe", "forbidden"], "")));
        let reply = world.send(&list_tools(&world)).await;
        assert_eq!((reply.status, reply.text()), (status, listed(&["safe"], "")), "{label}");
    }
    // As text an event stream has no list, and some clients look at the bytes.
    let event = format!("data: {}\n\n", listed(&["forbidden"], "").replace("\r\n", "").trim_end());
    for label in ["application/json", "text/plain", "text/event-stream-x"] {
        let event = event.clone();
        is_not_shown(&world, label, move || full(200, &[("Content-Type", label)], &event)).await;
    }
    let label = [("Content-Type", "TEXT/Event-Stream ; charset=utf-8")];
    let text = shown(&world, move || full(200, &label, event.replace("[ ", "[ {\"name\":\"safe\"}, "))).await;
    assert!(text.contains(r#"[ {"name":"safe"} ]"#), "{text}");
    world.close().await;
}

#[tokio::test]
async fn attack_146_what_is_encoded_or_has_two_meanings_is_not_shown() {
    let world = World::standard().await;
    for coding in ["br", "gzip", "Deflate", "zstd", "identity, gzip", "aes128gcm"] {
        let fields = [("Content-Type", "application/json"), ("Content-Encoding", coding)];
        is_not_shown(&world, coding, move || full(200, &fields, listed(&["safe"], ""))).await;
        // A stream has begun before its bytes turn out to be something else than they say.
        world
            .upstream
            .answer_with(move |_| vec![sse_head(&[("Content-Encoding", coding)]), chunk("data: x\n\n"), last_chunk()]);
        let reply = world.send(&list_tools(&world)).await;
        assert!(reply.status == 502 || reply.cut && reply.body.is_empty(), "{coding}: {reply:?}");
    }
    let identity = [("Content-Type", "application/json"), ("Content-Encoding", "identity")];
    let text = shown(&world, move || full(200, &identity, listed(&["safe", "forbidden"], ""))).await;
    assert_eq!(text, listed(&["safe"], ""));

    let list = listed(&["forbidden"], "");
    for (name, body) in [
        ("a byte order mark", format!("\u{FEFF}{list}").into_bytes()),
        ("UTF-16", list.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("not UTF-8", [&list.as_bytes()[..30], b"\xff", &list.as_bytes()[30..]].concat()),
        ("two messages", format!("{list}{list}").into_bytes()),
        ("cut short", list.as_bytes()[..list.len() - 9].to_vec()),
        ("two lists", list.replace(r#""tools":["#, r#""tools":[],"tools":["#).into_bytes()),
        ("a look-alike", list.replace(r#""tools":["#, r#""tools":[],"Tools":["#).into_bytes()),
        ("a list of names", list.replace(r#"{"title""#, r#""forbidden",{"title""#).into_bytes()),
        ("no JSON", b"<html>inputSchema</html>".to_vec()),
        ("no response", format!("{{\"tools\":[{}]}}", tools(&["safe"])).into_bytes()),
        ("a list beside the result", list.replace("\"id\":1", "\"tools\":[]").into_bytes()),
        ("a request", br#"{"jsonrpc":"2.0","id":1,"method":"inputSchema"}"#.to_vec()),
    ] {
        is_not_shown(&world, name, move || json(200, &body)).await;
    }
    is_not_shown(&world, "an answer that breaks off", || {
        vec![
            Step::Send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{".into()),
            Step::Cut,
        ]
    })
    .await;
    world.close().await;
}

#[tokio::test]
async fn a72_attack_149_every_page_of_a_filtered_list_is_private() {
    let world = World::standard().await;
    let page = |cursor: &str, names: &[&str], scope: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"resultType":"complete",{scope}"ttlMs":60000,"tools":[{}]{cursor}}}}}"#,
            tools(names)
        )
    };
    let next = r#","nextCursor":"2""#;
    // The first page loses a tool, the second loses none; a missing scope is a public one to clients.
    for (cursor, given, expected) in
        [(next, vec!["safe", "forbidden"], vec!["safe"]), ("", vec!["get_a"], vec!["get_a"])]
    {
        for scope in [r#""cacheScope":"public","#, r#""cacheScope" :  "public" ,"#, r#""cacheScope":null,"#] {
            let private = scope.replace(r#""public""#, r#""private""#).replace("null", r#""private""#);
            let body = page(cursor, &given, scope);
            world.upstream.answer_with(move |_| json(200, &body));
            let reply = world.send(&modern("tools/list", None, "").token(&world.token())).await;
            assert_eq!((reply.status, reply.text()), (200, page(cursor, &expected, &private)));
        }
        let body = page(cursor, &given, "");
        world.upstream.answer_with(move |_| json(200, &body));
        let reply = world.send(&modern("tools/list", None, "").token(&world.token())).await;
        assert_eq!(reply.json()["result"]["cacheScope"], "private", "{reply:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn c55_where_everybody_sees_everything_nothing_is_touched() {
    let plan = Plan::standard().servers(
        "\n  main:\n    path: /mcp\n    upstream: {url: \"@UPSTREAM@/inner/mcp\"}\n    access: authenticated\n",
    );
    let world = plan.start().await;
    let more = r#","cacheScope":"public","tools":7"#;
    // In the legacy era somebody's tasks might come.
    for (ask, coding, codings) in [
        (modern("tools/list", None, "").token(&world.token()), "gzip", "gzip, br"),
        (list_tools(&world), "identity", "identity"),
    ] {
        let fields = [("Content-Type", "application/json"), ("Content-Encoding", coding), ("ETag", "\"1\"")];
        world.upstream.answer_with(move |_| full(200, &fields, listed(&ALL, more)));
        let reply = world.send(&ask.with("Accept-Encoding", "gzip, br")).await;
        assert_eq!((reply.status, reply.text()), (200, listed(&ALL, more)));
        assert_eq!((reply.header("content-encoding"), reply.header("etag")), (Some(coding), Some("\"1\"")));
        assert_eq!(world.upstream.take_one().header("accept-encoding"), Some(codings));
    }
    world.close().await;
}

#[tokio::test]
async fn attack_145_c94_what_is_hidden_is_refused_all_the_same() {
    let world = hiding("unauthorized").start().await;
    let text = shown(&world, || json(200, listed(&ALL, ""))).await;
    assert!(!text.contains("danger") && !text.contains("forbidden"), "{text}");
    world.upstream.take();
    for (tool, scope) in [("danger", Some("mcp:connect mcp:danger")), ("forbidden", None), ("unknown", None)] {
        let reply = world.send(&world.post(call(tool))).await;
        assert_eq!(reply.status, 403, "{tool}");
        // Hidden for want of a scope is not beyond reach: whoever knows of it may still step up.
        assert_eq!(reply.challenge_parameter("scope").as_deref(), scope, "{tool}");
    }
    assert_eq!(world.upstream.count(), 0);
    world.upstream.answer_with(|_| json(200, listed(&ALL, "")));
    let stepped = Ask::post("/mcp", request("tools/list", "{}")).token(&world.token_with("mcp:connect mcp:danger"));
    assert_eq!(world.send(&stepped).await.text(), listed(&["safe", "danger", "watched"], ""));
    world.close().await;
}

#[tokio::test]
async fn c93_a_list_depends_on_the_caller_and_on_nothing_else() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| json(200, listed(&ALL, "")));
    let engineer = world.mint().claim("sub", "eve".into()).claim("department", "eng".into()).token();
    let ask = |token: &str| Ask::post("/mcp", request("tools/list", "{}")).token(token);
    let (plain, known) =
        (["safe", "danger", "both", "either", "watched"], ["safe", "danger", "both", "either", "engineers", "watched"]);
    for _ in 0..2 {
        assert_eq!(world.send(&ask(&world.token())).await.text(), listed(&plain, ""));
        assert_eq!(world.send(&ask(&engineer)).await.text(), listed(&known, ""));
    }
    world.close().await;
}

#[tokio::test]
async fn c55_answers_that_hold_no_list_pass_untouched() {
    let world = World::standard().await;
    let error =
        r#"{"jsonrpc":"2.0", "id":1,"error":{"code":-32603,"message":"m","data":{"tools":[{"name":"forbidden"}]}}}"#;
    assert_eq!(shown(&world, move || json(200, error)).await, error);
    for (status, body) in [(500, "Traceback: forbidden"), (404, error), (503, "")] {
        world.upstream.answer_with(move |_| full(status, &[("Content-Encoding", "x")], body));
        let reply = world.send(&list_tools(&world)).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, body));
    }
    assert_eq!(shown(&world, || full(200, &[], "")).await, "");
    // Without sessions an answer is the request's own: others are not looked at.
    world.upstream.answer_with(|_| json(200, listed(&ALL, ",")));
    let ask = modern("tools/call", Some("safe"), r#""name":"safe","arguments":{}"#);
    let reply = world.send(&ask.token(&world.token())).await;
    assert_eq!(reply.text(), listed(&ALL, ","));
    world.close().await;
}
