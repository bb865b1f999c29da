//! Do 401, 403 and 400 say what clients act on, byte for byte the same each time (SPEC A-30…A-59, A-70)?

use super::world::{Ask, Live, Plan, Row, Want, World, call, request, row, server};

const PRM: &str = "/.well-known/oauth-protected-resource/mcp";

#[tokio::test]
async fn a30_every_request_without_a_credential_gets_401_before_anything_else() {
    let world = World::standard().await;
    let bodies = [
        request("initialize", "{}"),
        request("ping", "{}"),
        request("server/discover", "{}"),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        call("danger"),
        "not json".to_owned(),
    ];
    let mut rows: Vec<Row> =
        bodies.iter().map(|body| row(body, Ask::post("/mcp", body.as_str()), Want::Status(401))).collect();
    rows.push(row("GET", Ask::get("/mcp"), Want::Status(401)));
    rows.push(row("DELETE", Ask::new("DELETE", "/mcp"), Want::Status(401)));
    rows.push(row("not before 415", Ask::post("/mcp", "x").set("Content-Type", "text/plain"), Want::Status(401)));
    rows.push(row("not before 405", Ask::new("PUT", "/mcp").body("x"), Want::Status(401)));
    rows.push(row("too long a body", Ask::post("/mcp", vec![b'x'; 70_000]), Want::OneOf(&[401])));
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn a20_a31_a32_a33_a34_a35_a70_the_first_challenge() {
    let world = World::standard().await;
    let expected = format!("Bearer resource_metadata=\"{}{PRM}\", scope=\"mcp:connect\"", world.public);
    for ask in [Ask::get("/mcp"), Ask::post("/mcp", call("danger")), Ask::new("DELETE", "/mcp")] {
        let reply = world.send(&ask).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.header("www-authenticate"), Some(expected.as_str()));
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")), "a70: {reply:?}");
    }
    let url = world.send(&Ask::get("/mcp")).await.challenge_parameter("resource_metadata").unwrap();
    let path = url.strip_prefix(&world.public).expect("a20: on the endpoint's own origin");
    assert_eq!(world.send(&Ask::get(path)).await.status, 200, "fetchable");
    world.close().await;

    for (setting, scope) in [("omit", None), ("all", Some("mcp:danger"))] {
        let plan = Plan::standard_but(
            "    scopes: [\"mcp:connect\"]",
            &format!("    scopes: [\"mcp:connect\"]\n    challenge_scope: {setting}"),
        );
        let world = plan.start().await;
        let challenge = world.send(&Ask::get("/mcp")).await;
        match scope {
            None => assert!(!challenge.challenge().contains("scope="), "{setting}"),
            Some(scope) => assert!(challenge.challenge_parameter("scope").unwrap().contains(scope), "{setting}"),
        }
        world.close().await;
    }
}

#[tokio::test]
async fn a36_a37_a_bad_token_is_told_so_and_no_more() {
    let world = World::standard().await;
    let late = world.mint().claim("exp", (super::world::token::now() - 3600).into()).token();
    let elsewhere = world.issuer.mint("https://secret-internal.example/mcp").token();
    for (name, token) in [("expired", late), ("another audience", elsewhere), ("garbage", "abc".to_owned())] {
        let reply = world.send(&Ask::post("/mcp", call("safe")).token(&token)).await;
        assert_eq!(reply.status, 401, "{name}: {reply:?}");
        let challenge = reply.challenge();
        let start = format!("Bearer resource_metadata=\"{}{PRM}\"", world.public);
        assert!(challenge.starts_with(&start), "{name}: {challenge}");
        assert_eq!(reply.challenge_parameter("error").as_deref(), Some("invalid_token"), "{name}");
        assert_eq!(reply.challenge_parameter("scope").as_deref(), Some("mcp:connect"), "{name}");
        let description = reply.challenge_parameter("error_description").expect(name);
        assert!(challenge.ends_with(&format!("error_description=\"{description}\"")), "a35: it goes last");
        for telling in ["secret-internal", "alice", "client-1"] {
            assert!(!reply.text().contains(telling) && !challenge.contains(telling), "{name}: {telling}");
        }
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn a38_attack_148_the_upstreams_own_challenge_never_reaches_the_client() {
    let world = World::standard().await;
    for status in [401, 403] {
        world.upstream.answer_with(move |_| {
            let challenge = "Bearer resource_metadata=\"https://evil.example/prm\"";
            server::full(status, &[("WWW-Authenticate", challenge), ("X-Evil", "evil.example")], "evil.example")
        });
        let reply = world.send(&world.post(call("safe"))).await;
        if status == 401 {
            assert_eq!(reply.status, 502, "{reply:?}");
        }
        assert!(!reply.challenge().contains("evil.example"), "{status}: {reply:?}");
        assert!(reply.header("www-authenticate").is_none(), "{status}");
    }
    world.close().await;
}

#[tokio::test]
async fn a50_a51_a52_a53_a70_a_missing_scope_is_named_whole_and_always_alike() {
    let world = World::standard().await;
    let prm = format!("{}{PRM}", world.public);
    let table = [
        ("mcp:connect", "danger", "mcp:connect mcp:danger"),
        ("mcp:connect", "both", "mcp:connect mcp:one mcp:two"),
        ("mcp:connect mcp:two", "danger", "mcp:connect mcp:danger mcp:two"),
        ("mcp:connect unrelated", "danger", "mcp:connect mcp:danger"),
    ];
    for (granted, tool, needed) in table {
        let token = world.token_with(granted);
        let ask = Ask::post("/mcp", call(tool)).token(&token);
        let reply = world.send(&ask).await;
        assert_eq!((reply.status, reply.code()), (403, Some(40301)), "{tool}: {reply:?}");
        assert_eq!(reply.challenge_parameter("error").as_deref(), Some("insufficient_scope"));
        assert_eq!(reply.challenge_parameter("resource_metadata").as_deref(), Some(prm.as_str()));
        assert_eq!(sorted(&reply.challenge_parameter("scope").unwrap()), needed, "{granted} / {tool}");
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")));
        assert_eq!(reply.json()["id"], 1);
        let again = world.send(&ask).await;
        assert_eq!(again.header("www-authenticate"), reply.header("www-authenticate"), "a53");
    }
    let other = world.mint().scope("mcp:connect").claim("jti", "another".into()).token();
    let one = world.send(&Ask::post("/mcp", call("danger")).token(&world.token())).await.challenge();
    let two = world.send(&Ask::post("/mcp", call("danger")).token(&other)).await.challenge();
    assert_eq!(one, two, "a53: the same operation, the same bytes");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn a50_the_refusal_is_a_sentence_to_act_on() {
    let world = World::standard().await;
    let reply = world.send(&world.post(call("danger"))).await;
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    for part in ["tools/call", "danger", "mcp:danger", "mcp:connect"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(reply.reason(), "insufficient_scope");
    assert!(reply.json()["error"]["data"]["required_scopes"].is_array());
    world.close().await;
}

#[tokio::test]
async fn a54_a55_a56_implied_downscoped_and_hopeless() {
    let world = World::standard().await;
    let ask = |scope: &str, tool: &str| Ask::post("/mcp", call(tool)).token(&world.token_with(scope));
    world
        .verdicts(vec![
            row("a54: admin stands for danger", ask("mcp:connect mcp:admin", "danger"), Want::Passes),
            row("a54: but not for two", ask("mcp:connect mcp:admin", "both"), Want::Error(403, 40301)),
            row("a54: any of them", ask("mcp:connect mcp:admin", "either"), Want::Passes),
            row("a55: just enough", ask("mcp:connect", "safe"), Want::Passes),
            row("the baseline is missing", ask("mcp:danger", "danger"), Want::Error(403, 40301)),
            row("a56: denied whatever the scope", ask("mcp:connect mcp:admin", "forbidden"), Want::Error(403, 40302)),
            row("b53: no rule", ask("mcp:connect mcp:admin", "unheard_of"), Want::Error(403, 40304)),
            row("a56: not of the department", ask("mcp:connect", "engineers"), Want::Error(403, 40302)),
            row("report_only lets pass", ask("mcp:connect", "watched"), Want::Passes),
        ])
        .await;
    for tool in ["forbidden", "unheard_of", "engineers"] {
        let reply = world.send(&ask("mcp:connect", tool)).await;
        assert!(!reply.challenge().contains("error="), "a56: {tool}: {reply:?}");
    }
    let engineer = world.mint().claim("department", "eng".into()).token();
    let rows = vec![row("an engineer", Ask::post("/mcp", call("engineers")).token(&engineer), Want::Passes)];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn a57_b72_d57_every_decision_leaves_one_audit_line_without_names_and_arguments() {
    let world = World::standard().await;
    let body = |tool: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"a":"argument-text"}}}}}}"#
        )
    };
    assert_eq!(world.send(&world.post(body("danger"))).await.status, 403);
    assert_eq!(world.send(&world.post(body("safe"))).await.status, 200);
    let digest = |parts: [&str; 2]| {
        let whole = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parts.join("\0").as_bytes());
        whole.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let issuer = world.issuer.url();
    let (alice, token) = (digest([&issuer, "alice"]), digest([&issuer, "id-1"]));
    for (tool, words) in [
        ("danger", ["mcp:danger", "insufficient_scope", &alice, &token]),
        ("safe", ["main", "allowed", &alice, &token]),
    ] {
        let line = world.gateway.line(|line| line.starts_with('{') && line.contains(&format!("\"{tool}\""))).await;
        let _: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
        for word in words {
            assert!(line.contains(word), "{word} is not in {line}");
        }
    }
    let output = world.gateway.output();
    assert!(!output.contains("argument-text") && !output.contains("alice") && !output.contains("id-1"));
    world.close().await;
}

#[tokio::test]
async fn a58_a59_malformed_presentation_is_400_and_nothing_is_refused_with_200() {
    let world = World::standard().await;
    let token = world.token();
    let ask = Ask::post("/mcp", call("safe")).token(&token).with("Authorization", format!("Bearer {token}"));
    let reply = world.send(&ask).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(reply.challenge_parameter("error").as_deref(), Some("invalid_request"));
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn deny_as_tool_error_answers_what_a_model_can_read() {
    let plan = Plan::standard_but("    rules:", "    deny_as: tool_error\n    rules:");
    let world = plan.start().await;
    let reply = world.send(&world.post(call("danger"))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    assert_eq!((&json["id"], &json["result"]["isError"]), (&1.into(), &true.into()));
    assert!(json["result"]["content"][0]["text"].as_str().unwrap().contains("mcp:danger"));
    assert_eq!(world.send(&world.post(request("acme/custom", "{}"))).await.status, 403, "only for tools/call");
    assert_eq!(world.send(&Ask::post("/mcp", call("danger"))).await.status, 401, "a59: never for the token itself");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn a34_the_challenge_is_one_line_that_starts_with_bearer() {
    let world = World::standard().await;
    let mut live: Live = world.connect().await;
    live.write(&Ask::get("/mcp").bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 401);
    let lines = live.reply().all("www-authenticate").len();
    assert_eq!(lines, 1);
    assert!(live.reply().challenge().starts_with("Bearer "));
    drop(live);
    world.close().await;
}

fn sorted(scopes: &str) -> String {
    let mut all: Vec<_> = scopes.split(' ').collect();
    all.sort_unstable();
    all.join(" ")
}
