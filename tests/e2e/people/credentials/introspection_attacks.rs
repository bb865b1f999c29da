//! Attacks on introspection: odd answers, poisoned memory, floods of invented tokens.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::time::Duration;

use super::introspection::{SECRET, active, plan, say, table, try_token, until, with};
use crate::e2e::world::{
    Ask, Step, World, call,
    server::{self, full},
    token::now,
};

#[tokio::test]
async fn people_a10_attack_249_an_odd_answer_never_opens_anything() {
    let trap = server::Upstream::start(None).await;
    let world = plan("1s", "").start().await;
    world.secret(SECRET);
    let good = active(&world).to_string();
    let json_type = [("Content-Type", "application/json")];
    let to_trap = format!("{}/introspect", trap.url());
    let answers: Vec<(&str, Vec<Step>)> = vec![
        ("a redirect", full(302, &[("Location", to_trap.as_str())], "")),
        ("a redirect that keeps the method", full(307, &[("Location", to_trap.as_str())], &good)),
        ("a page", full(200, &[("Content-Type", "text/html")], "<html>active</html>")),
        ("not JSON", full(200, &json_type, "active=true")),
        ("too large", full(200, &json_type, format!("{{\"x\":\"{}\",{}", "x".repeat(70_000), &good[1..]))),
        ("two meanings", full(200, &json_type, format!("{{\"active\":false,{}", &good[1..]))),
        ("active is text", full(200, &json_type, good.replace("true", "\"true\""))),
        ("active is a number", full(200, &json_type, good.replace("true", "1"))),
        ("a list", full(200, &json_type, format!("[{good}]"))),
        ("an error with a good body", full(500, &json_type, &good)),
        ("a refusal with a good body", full(400, &json_type, &good)),
        ("another success", full(201, &json_type, &good)),
        (
            "cut",
            vec![
                Step::Send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{".into()),
                Step::Cut,
            ],
        ),
        (
            "for another audience",
            full(200, &json_type, with(active(&world), "aud", json!("https://other.example")).to_string()),
        ),
    ];
    for (number, (name, answer)) in answers.into_iter().enumerate() {
        let steps = answer.clone();
        world.issuer.introspect(move |_| steps.clone());
        let reply = try_token(&world, &format!("opaque-{number}")).await;
        assert!(matches!(reply.status, 401 | 503), "{name}: {reply:?}");
        // The next case must be asked, even after failures in a row.
        let good = good.clone();
        world.issuer.introspect(move |_| server::json(200, &good));
        until(&world, &format!("opaque-good-{number}"), 200).await;
    }
    assert_eq!((trap.count(), world.upstream.take().iter().filter(|seen| seen.method == "POST").count()), (0, 14));
    world.close().await;
}

#[tokio::test]
async fn people_a10_attack_317_tokens_that_the_endpoint_dislikes_shut_no_other_out() {
    let world = plan("1s", "").start().await;
    world.secret(SECRET);
    let good = active(&world).to_string();
    for status in [200, 201, 302, 307, 400, 403, 404, 413, 414, 422, 429, 431, 500, 502, 503, 504] {
        let fields = [("Content-Type", "text/html"), ("Location", "/blocked")];
        world.issuer.introspect(move |_| full(status, &fields, "no"));
        for number in 0..5 {
            assert_eq!(try_token(&world, &format!("opaque-odd-{status}-{number}")).await.status, 503, "{status}");
        }
        let good = good.clone();
        world.issuer.introspect(move |_| server::json(200, &good));
        assert_eq!(try_token(&world, &format!("opaque-good-{status}")).await.status, 200, "after {status}");
    }
    // What stands before the endpoint closes the connection once it has seen the token.
    let begun = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{";
    for (name, steps) in [
        ("closed", vec![Step::Cut]),
        ("closed in an answer", vec![Step::Send(begun.into()), Step::Cut]),
        ("not HTTP", vec![Step::Send("blocked\r\n\r\n".into()), Step::Cut]),
    ] {
        world.issuer.introspect(move |_| steps.clone());
        for number in 0..5 {
            let odd = format!("opaque-{}-{number}", name.replace(' ', "-"));
            assert_eq!(try_token(&world, &odd).await.status, 503, "{name}");
        }
        let good = good.clone();
        world.issuer.introspect(move |_| server::json(200, &good));
        let fine = format!("opaque-after-{}", name.replace(' ', "-"));
        assert_eq!(try_token(&world, &fine).await.status, 200, "after {name}");
    }
    // If it is all tokens, the operator can see it.
    world.issuer.introspect(|_| full(503, &[], ""));
    for number in 0..10 {
        assert_eq!(try_token(&world, &format!("opaque-down-{number}")).await.status, 503);
    }
    let notes = world.admin("/readyz").await.json()["notes"].to_string();
    assert!(notes.contains("introspection fails: no usable answer to 10 questions"), "{notes}");
    // Odd answers do not hide an endpoint that refuses the gateway itself.
    world.issuer.introspect(|_| server::json(401, r#"{"error":"invalid_client"}"#));
    assert_eq!(try_token(&world, "opaque-refused").await.status, 503);
    let warned = |line: &str| line.contains("introspection fails: opaque") && line.contains("the gateway itself");
    world.gateway.line(warned).await;
    world.issuer.introspect(move |_| server::json(200, &good));
    assert_eq!(try_token(&world, "opaque-up").await.status, 200);
    assert_eq!(world.admin("/readyz").await.json()["notes"].to_string(), "[]");
    world.close().await;
}

#[tokio::test]
async fn people_a10_attack_318_clients_that_ask_and_hang_up_hold_no_outage_open() {
    let world = plan("1s", "").start().await;
    world.secret(SECRET);
    let good = active(&world).to_string();
    world.issuer.introspect(|_| server::json(401, r#"{"error":"invalid_client"}"#));
    for number in 0..3 {
        assert_eq!(try_token(&world, &format!("opaque-down-{number}")).await.status, 503);
    }
    // The endpoint answers again, but not to the attacker, who hangs up.
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    world.issuer.introspect(move |seen| match String::from_utf8_lossy(&seen.body).contains("opaque-held") {
        true => {
            counting.fetch_add(1, Ordering::SeqCst);
            vec![Step::Hang]
        }
        false => server::json(200, &good),
    });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    while asked.load(Ordering::SeqCst) == 0 {
        assert!(tokio::time::Instant::now() < deadline, "no trial");
        let mut live = world.connect().await;
        live.write(&Ask::post("/mcp", call("safe")).token("opaque-held").bytes(&world.authority)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Its trial is given back, so the next one asks long before that would have ended.
    let before = tokio::time::Instant::now();
    until(&world, "opaque-honest", 200).await;
    println!("answered again after {:?}", before.elapsed());
    world.close().await;
}

#[tokio::test]
async fn people_a10_attack_250_the_memory_of_one_token_answers_for_no_other() {
    let world = plan("2s", "").start().await;
    let said = table(&world);
    say(&said, "opaque-token-a", active(&world));
    say(&said, "opaque-short", with(active(&world), "exp", json!(now() + 2)));
    assert_eq!(try_token(&world, "opaque-token-a").await.status, 200);
    for other in
        ["opaque-token-b", "Opaque-token-a", "opaque-token-a=", "opaque-token-", "opaque-token-a.", "%6Fpaque-token-a"]
    {
        assert!(matches!(try_token(&world, other).await.status, 400 | 401), "{other}");
    }
    assert_eq!(try_token(&world, "opaque-token-a").await.status, 200, "others displace nothing");
    assert_eq!(try_token(&world, "opaque-short").await.status, 200);
    said.lock().unwrap().remove("opaque-short");
    until(&world, "opaque-short", 401).await;
    // What was refused is asked again, and what was accepted is not accepted for ever.
    say(&said, "opaque-token-b", active(&world));
    until(&world, "opaque-token-b", 200).await;
    said.lock().unwrap().remove("opaque-token-a");
    until(&world, "opaque-token-a", 401).await;
    world.close().await;
}

#[tokio::test]
async fn people_a10_attack_251_a_flood_of_invented_tokens_is_bounded() {
    const TOKENS: usize = 200;
    let world: World = plan("30s", "").start().await;
    let said = table(&world);
    say(&said, "opaque-known", active(&world));
    assert_eq!(try_token(&world, "opaque-known").await.status, 200);
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counting, highest) = (Arc::clone(&under_way), Arc::clone(&most));
    world.issuer.introspect(move |_| {
        let at_once = counting.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(at_once, Ordering::SeqCst);
        let counting = Arc::clone(&counting);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            counting.fetch_sub(1, Ordering::SeqCst);
        });
        [vec![Step::Pause(Duration::from_millis(20))], server::json(200, r#"{"active":false}"#)].concat()
    });
    let mut lives = Vec::new();
    for number in 0..TOKENS {
        let ask = Ask::post("/mcp", call("safe")).token(&format!("opaque-invented-{number}"));
        lives.extend(world.begin(&ask, 1).await);
    }
    assert_eq!(try_token(&world, "opaque-known").await.status, 200, "a remembered token does not wait");
    for mut live in lives {
        assert!(matches!(live.head(false).await, 401 | 503));
        live.rest().await;
    }
    // A little more than eight: the issuer counts a moment longer than the gateway.
    assert!(most.load(Ordering::SeqCst) <= 16, "{most:?} questions at once from one address");
    assert!(world.issuer.introspections() <= TOKENS + 1);
    world.close().await;
}

#[tokio::test]
async fn people_a10_attack_252_no_api_key_and_no_token_of_another_issuer_is_introspected() {
    let issuers = "  house: {issuer: \"@ISSUER@\", introspection: {client_id: gw, client_secret: env:INTROSPECTION}}\n  \
                   other: {issuer: \"https://other.example\", jwks: {file: other.json}}\n";
    let servers = crate::e2e::world::plan::STANDARD
        .replace("    path: /mcp\n", "    path: /mcp\n    authorization_servers: [house]\n");
    let world = plan("30s", "")
        .issuers(issuers)
        .servers(&servers)
        .file("other.json", &crate::e2e::world::issuer::house_key_set().to_string())
        .start()
        .await;
    let _ = table(&world);
    let key = super::api_keys::new_key(&["--name", "ci"]).await.0;
    world.secret(&key);
    let other = world.mint().claim("iss", json!("https://other.example")).token();
    for (name, token, reason) in [
        ("an API key", key.clone(), "api_key_unknown"),
        ("a part of one", key[..20].to_owned(), "api_key_form"),
        ("one in capitals", key.to_uppercase(), "api_key_form"),
        ("a JWT of an issuer of another server", other, "token_issuer"),
    ] {
        let reply = try_token(&world, &token).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, reason), "{name}");
    }
    assert_eq!(world.issuer.introspections(), 0);
    world.close().await;
}
