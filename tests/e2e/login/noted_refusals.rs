//! Who guesses passwords, and at which account: the log and a metric say so, and stay short.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    browser::{Browser, Shown},
    client::Client,
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, process::PATIENCE};

const ATTACKER: &str = "203.0.113.66";

async fn try_as(login: &LoginWorld, account: &str, password: &str, from: &str) -> u16 {
    let mut browser = Browser { from: Some(from.to_owned()), ..Browser::of(account, password) };
    match browser.open(login, &Client::desktop().request(login, "mcp:connect").url).await {
        Shown::Page(page) => page.status,
        Shown::Left(_) => 303,
    }
}

/// The lines of the log with this outcome, once there are so many.
async fn lines(login: &LoginWorld, event: &str, outcome: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = login.world.gateway.output();
        let all = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<Value> = all.filter(|line| line["event"] == event && line["outcome"] == outcome).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} lines of {event}: {outcome}", found.len());
        sleep(Duration::from_millis(20)).await;
    }
}

async fn refusals(login: &LoginWorld, event: &str, why: &str) -> f64 {
    let wanted = [format!("event=\"{event}\""), format!("why=\"{why}\"")];
    let metrics = login.admin(0, "/metrics").await.text();
    let mut found = metrics.lines().filter(|line| line.starts_with("portcullis_authorization_refusals_total"));
    let line = found.find(|line| wanted.iter().all(|one| line.contains(one))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn login_d1_the_log_says_who_guesses_at_which_account_and_a_metric_counts() {
    let login = LoginPlan::accounts().around(|plan| plan.top("trusted_proxies: [127.0.0.1/32]")).start().await;
    assert_eq!(try_as(&login, "ada", PASSWORD, "198.51.100.7").await, 303);
    assert_eq!(try_as(&login, "ada", "wrong", ATTACKER).await, 403);
    assert_eq!(try_as(&login, "no-such-account", "wrong", ATTACKER).await, 403);
    let succeeded = login.world.gateway.line(|line| line.contains("\"outcome\":\"logged in\"")).await;
    let ada = serde_json::from_str::<Value>(&succeeded).unwrap()["subject"].clone();
    assert!(ada.is_string(), "{succeeded}");
    let wrong = lines(&login, "login", "refused: account or password", 2).await;
    assert_eq!(wrong.len(), 2);
    assert!(wrong.iter().all(|line| line["peer"] == ATTACKER && line["client"] == "desktop"), "{wrong:?}");
    assert_eq!((&wrong[0]["subject"], wrong[1].get("subject")), (&ada, None), "only of an account that exists");
    for _ in 0..8 {
        try_as(&login, "ada", "wrong", ATTACKER).await;
    }
    let throttled = lines(&login, "login", "refused: too many attempts", 3).await;
    assert!(throttled.iter().all(|line| line["peer"] == ATTACKER && line["subject"] == ada), "{throttled:?}");
    assert_eq!((refusals(&login, "login", "wrong").await, refusals(&login, "login", "throttled").await), (7.0, 3.0));

    // A flood has a few lines a second, which say how many were left out.
    let target = Client::desktop().request(&login, "mcp:connect").url.replace(&login.world.public, "");
    let ask = Ask::get(&target).with("X-Forwarded-For", ATTACKER);
    let mut refused = 0;
    while refused < 300 {
        refused += usize::from(login.world.send(&ask).await.status == 429);
    }
    let told = lines(&login, "authorize", "too many attempts", 1).await;
    assert!(!told.is_empty() && told.len() < 150 && told.iter().all(|line| line["peer"] == ATTACKER), "{}", told.len());
    assert_eq!(refusals(&login, "authorize", "throttled").await, 300.0);
    let bad = Ask::post("/oauth/register", "{}").with("X-Forwarded-For", ATTACKER);
    assert_eq!(login.world.send(&bad).await.status, 400);
    let registrations = lines(&login, "registration", "invalid_redirect_uri", 1).await;
    assert!(registrations.len() == 1 && registrations[0]["peer"] == ATTACKER, "{registrations:?}");
    // The last ones of a flood are told, too.
    let is_told = |line: &str| line.contains("more refused requests have no line") && line.contains("\"authorize\"");
    login.world.gateway.line(is_told).await;
    login.close().await;
}

#[tokio::test]
async fn login_a2_a_token_that_may_be_stolen_is_a_warning_and_has_a_count_of_its_own() {
    let login = LoginPlan::accounts().key("refresh_grace", "0s").start().await;
    let client = Client::desktop();
    let first = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    client.refreshed(&login, 0, second.refresh()).await;
    assert_eq!(refusals(&login, "token", "reused").await, 0.0);
    assert_eq!(client.refresh(&login, 0, first.refresh()).await.status, 400);
    let lines = lines(&login, "token", "refresh token used twice: revoked", 1).await;
    assert!(
        lines[0]["level"] == "WARN" && lines[0]["subject"].is_string() && lines[0]["peer"] == "127.0.0.1",
        "{lines:?}"
    );
    assert_eq!(refusals(&login, "token", "reused").await, 1.0);
    login.close().await;
}

#[tokio::test]
async fn first_9_attack_437_a_refused_authorization_names_client_and_places_without_their_queries() {
    let login = LoginPlan::accounts().start().await;
    login.world.secret("q-secret-of-a-place");
    let to = |client: &str, back: &str| {
        Ask::get(&format!("/oauth/authorize?response_type=code&client_id={client}&redirect_uri={back}"))
    };
    let back = "https%3A%2F%2Fada%3Aq-secret-of-a-place%40app.example%2Fcallback%E2%80%AEx%3Fkey%3Dq-secret-of-a-place";
    for ask in [to("desktop", back), to("dyn_gone::error::%E2%80%AE", "https%3A%2F%2Fapp.example%2Fcallback")] {
        assert_eq!(login.world.send(&ask).await.status, 400);
    }
    let redirect = &lines(&login, "authorize", "redirect_uri is not registered for this client", 1).await[0];
    let words = ["client", "found", "expected"].map(|field| redirect[field].as_str().unwrap_or_default());
    let wanted = ["desktop", "https://…@app.example/callback\\u{202e}x?key=…", "http://127.0.0.1:33418/callback"];
    assert_eq!(words, wanted, "{redirect}");
    assert!(redirect["advice"].as_str().unwrap().contains("redirect_uris"), "{redirect}");
    let unknown = &lines(&login, "authorize", "the client is not registered here", 1).await[0];
    assert_eq!(unknown["client"], "dyn_gone::error::\\u{202e}", "{unknown}");
    assert!(unknown["advice"].as_str().unwrap().contains("register again"), "{unknown}");
    login.close().await;
}

#[tokio::test]
async fn first_9_a_redirect_uri_that_differs_in_what_is_not_shown_is_told_as_that() {
    let login = LoginPlan::accounts().start().await;
    let uris =
        ["https://app.example/cb?tenant=t-secret-of-a-tenant", "https://n8n.example/rest/oauth2-credential/callback"];
    let body = serde_json::json!({"redirect_uris": uris, "client_name": "x"});
    let answer = login.world.send(&Ask::post("/oauth/register", body.to_string())).await;
    let client = answer.json()["client_id"].as_str().unwrap().to_owned();
    let shown = "https://app.example/cb?tenant=… or https://n8n.example/rest/oauth2-credential/callback";
    let hidden = "; they differ in what is not shown: a value of the query, or a part of the path";
    let cases = [
        ("https%3A%2F%2Fapp.example%2Fcb%3Ftenant%3Dt-secret-of-a-tenant2", "https://app.example/cb?tenant=…", hidden),
        ("https%3A%2F%2Fapp.example%2Fcb", "https://app.example/cb", ""),
        (
            "https%3A%2F%2Fn8n.example%2Frest%2Foauth2-credentials%2Fcallback",
            "https://n8n.example/rest/oauth2-credentials/callback",
            "",
        ),
    ];
    for (index, (back, found, more)) in cases.into_iter().enumerate() {
        let ask = format!("/oauth/authorize?response_type=code&client_id={client}&redirect_uri={back}");
        assert_eq!(login.world.send(&Ask::get(&ask)).await.status, 400);
        let lines = lines(&login, "authorize", "redirect_uri is not registered for this client", index + 1).await;
        let line = lines.iter().find(|line| line["found"] == found).unwrap_or_else(|| panic!("{found}: {lines:?}"));
        assert_eq!(line["expected"], format!("{shown}{more}"), "{line}");
    }
    assert!(!login.world.gateway.output().contains("t-secret-of-a-tenant"));
    login.close().await;
}

#[tokio::test]
async fn first_9_a_refusal_of_the_token_endpoint_tells_why_and_what_to_do() {
    let login = LoginPlan::accounts().start().await;
    login.world.secret("wrong-secret-of-a-client");
    let post = |body: &str| Ask::post("/oauth/token", body).set("Content-Type", "application/x-www-form-urlencoded");
    let gone = format!("dyn_{}", "A".repeat(43));
    let secret = "client_secret=wrong-secret-of-a-client";
    for (body, event, found, advice) in [
        (
            format!("grant_type=refresh_token&refresh_token=x&client_id={gone}"),
            "client",
            "the client is not registered here",
            "register again",
        ),
        (
            format!("grant_type=refresh_token&refresh_token=x&client_id=desktop&{secret}"),
            "client",
            "a client secret",
            "authenticate as it registered",
        ),
        ("grant_type=refresh_token&refresh_token=x".into(), "client", "client_id are both missing", "in one way"),
        (
            "grant_type=refresh_token&refresh_token=x&client_id=desktop".into(),
            "token",
            "refresh token",
            "sign in again",
        ),
        ("grant_type=password&client_id=desktop".into(), "token", "grant_type password", "authorization code"),
        ("client_id=desktop".into(), "token", "grant_type is missing", "authorization code"),
    ] {
        assert!(matches!(login.world.send(&post(&body)).await.status, 400 | 401), "{body}");
        let fits = |line: &Value| {
            let has = |field: &str, word: &str| line[field].as_str().is_some_and(|text| text.contains(word));
            line["event"] == event && has("found", found) && has("advice", advice)
        };
        let told = |line: &str| serde_json::from_str(line).is_ok_and(|line: Value| fits(&line));
        login.world.gateway.line(told).await;
    }
    login.close().await;
}
