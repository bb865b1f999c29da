//! Sessions that begin without a token, on two replicas that share a Redis (D1).

use serde_json::json;

use super::SHOP;
use crate::e2e::{
    login::{
        browser::Browser,
        client::{Client, Tokens},
        world::{LoginPlan, LoginWorld, PASSWORD},
    },
    world::{
        Ask, Reply, call, request,
        server::{full, json as answer},
    },
};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;

async fn shops() -> LoginWorld {
    let plan = LoginPlan::accounts().around(|plan| plan.servers(SHOP));
    let login = plan.redis().await.replicas(2).start().await;
    for replica in [0, 1] {
        // Each replica has seen which store it is.
        login.until_readyz(replica, "it is well", |ready| ready.json()["notes"] == json!([])).await;
    }
    let count = std::sync::atomic::AtomicUsize::new(0);
    login.world.upstream.answer_with(move |seen| {
        if !String::from_utf8_lossy(&seen.body).contains("initialize\"") {
            return answer(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
        }
        let id = format!("session-{}", count.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        let fields = [("Content-Type", "application/json"), ("Mcp-Session-Id", &*id)];
        full(200, &fields, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
    });
    login
}

/// Begins a session whose id opens at both replicas: one that began before its replica had looked
/// at the store opens nowhere.
async fn begin(login: &LoginWorld, replica: usize) -> String {
    for _ in 0..200 {
        let reply = login.send_to(replica, &Ask::post("/mcp", request("initialize", INITIALIZE))).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let session = reply.header("mcp-session-id").unwrap().to_owned();
        let found = ask(login, 1 - replica, &session, "search", None).await;
        if found.status == 200 {
            return session;
        }
        assert_eq!(found.status, 404, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no session opens at the other replica\n{}", login.process(replica).tail());
}

async fn ask(login: &LoginWorld, replica: usize, session: &str, tool: &str, token: Option<&Tokens>) -> Reply {
    let ask = Ask::post("/mcp", call(tool)).with("Mcp-Session-Id", session);
    let ask = match token {
        Some(token) => ask.token(&token.access),
        None => ask,
    };
    login.send_to(replica, &ask).await
}

#[tokio::test]
async fn people_d1_b02_attack_291_replicas_with_one_redis_agree_about_the_owner_of_a_session() {
    let login = shops().await;
    let client = Client::desktop();
    let ada = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect pay").await;
    let bob = client.sign_in(&login, &mut Browser::of("bob", PASSWORD), "mcp:connect").await;
    let session = begin(&login, 0).await;
    assert_eq!(ask(&login, 1, &session, "profile", None).await.status, 401, "sign in");
    // She signs in, and goes on in the session that began without a token.
    let taken = ask(&login, 0, &session, "profile", Some(&ada)).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let seen = login.world.upstream.take().pop().unwrap();
    assert!(seen.header("mcp-session-id").is_some_and(|id| id.starts_with("session-")), "{seen:?}");
    assert_eq!(login.redis.as_ref().unwrap().keys("portcullis:*session_owner*").await.len(), 1);
    for replica in [1, 0] {
        for token in [None, Some(&bob)] {
            assert_eq!(ask(&login, replica, &session, "search", token).await.status, 404, "at {replica}");
        }
    }
    assert_eq!(login.world.upstream.count(), 0, "none of these reached the upstream");
    for replica in [1, 0] {
        assert_eq!(ask(&login, replica, &session, "profile", Some(&ada)).await.status, 200, "at {replica}");
    }
    // A restart changes nothing.
    let mut login = login;
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    assert_eq!(ask(&login, 0, &session, "search", Some(&bob)).await.status, 404);
    assert_eq!(ask(&login, 0, &session, "search", None).await.status, 404);
    assert_eq!(ask(&login, 0, &session, "profile", Some(&ada)).await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn people_d1_attack_319_a_store_that_was_emptied_frees_no_session() {
    let login = shops().await;
    let client = Client::desktop();
    let bob = client.sign_in(&login, &mut Browser::of("bob", PASSWORD), "mcp:connect").await;
    let (owned, free) = (begin(&login, 0).await, begin(&login, 0).await);
    assert_eq!(ask(&login, 0, &owned, "profile", Some(&bob)).await.status, 200);
    login.redis.as_ref().unwrap().ask(&[b"FLUSHALL"]).await;
    login.world.upstream.take();
    let refused = async || {
        // The second replica never saw the owner.
        for session in [&owned, &free] {
            assert_eq!(ask(&login, 1, session, "search", None).await.status, 404);
        }
        assert_eq!(ask(&login, 0, &owned, "search", None).await.status, 404);
    };
    refused().await;
    for replica in [0, 1] {
        login.until_readyz(replica, "the loss", |ready| ready.text().contains("was emptied or replaced")).await;
    }
    refused().await;
    assert_eq!(login.world.upstream.count(), 0);
    // New sessions begin, and work.
    let session = begin(&login, 1).await;
    let ada = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    assert_eq!(ask(&login, 0, &session, "profile", Some(&ada)).await.status, 200);
    assert_eq!(ask(&login, 1, &session, "search", None).await.status, 404);
    login.close().await;
}
