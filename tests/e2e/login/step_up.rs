//! Clients that answer a 403 by refreshing: the step-up completes, on every replica (login B8).

use serde_json::json;

use super::{
    browser::Browser,
    client::{Client, Tokens, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::Reply;

fn is_dead(reply: &Reply) -> bool {
    reply.status == 400 && reply.json()["error"] == "invalid_grant"
}

async fn two_replicas() -> LoginWorld {
    LoginPlan::accounts().redis().await.replicas(2).start().await
}

async fn signed_in(login: &LoginWorld, account: &str) -> (Client, Tokens) {
    let client = Client::register(login, json!({})).await;
    let tokens = client.sign_in(login, &mut Browser::of(account, PASSWORD), "mcp:connect").await;
    (client, tokens)
}

async fn forbidden(login: &LoginWorld, replica: usize, access: &str) {
    let reply = call_tool(login, replica, access, "danger").await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.challenge_parameter("error").as_deref(), Some("insufficient_scope"));
}

#[tokio::test]
async fn login_b8_a_client_that_only_refreshes_is_sent_to_authorize_and_its_old_login_ends() {
    let mut login = two_replicas().await;
    let (client, old) = signed_in(&login, "ada").await;
    forbidden(&login, 0, &old.access).await;
    assert!(is_dead(&client.refresh(&login, 1, old.refresh()).await), "the refresh at the other replica");
    // As the SDK does: it authorizes with the scopes of the challenge.
    login.restart(1, "KILL").await;
    login.until_readyz(1, "it is ready", |ready| ready.status == 200).await;
    let mut browser = Browser { replicas: vec![1, 0], ..Browser::of("ada", PASSWORD) };
    let (code, verifier) = client.code(&login, &mut browser, "mcp:connect mcp:danger").await;
    assert_eq!(call_tool(&login, 1, &old.access, "safe").await.status, 200, "not before the code is redeemed");
    let reply = client.exchange(&login, 1, &code, &verifier).await;
    let new = login.tokens(&reply);
    for replica in [0, 1] {
        assert_eq!(call_tool(&login, replica, &new.access, "danger").await.status, 200);
        assert!(is_dead(&client.refresh(&login, replica, old.refresh()).await));
    }
    assert_eq!(call_tool(&login, 1, &old.access, "safe").await.status, 401);
    client.refreshed(&login, 0, new.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_b8_attack_224_a_client_that_calls_a_forbidden_tool_a_thousand_times_keeps_its_login() {
    let login = two_replicas().await;
    // Bob can never get the scope, so nothing changes for his client.
    let (client, mut tokens) = signed_in(&login, "bob").await;
    for round in 0..1_000 {
        forbidden(&login, round % 2, &tokens.access).await;
        if round % 50 == 0 {
            tokens = client.refreshed(&login, (round / 50) % 2, tokens.refresh()).await;
        }
    }
    // Ada could. Her client is told once, and loses nothing if it does not listen.
    let (client, mut tokens) = signed_in(&login, "ada").await;
    let mut told = 0;
    for round in 0..1_000 {
        forbidden(&login, round % 2, &tokens.access).await;
        if round % 50 == 0 {
            let reply = client.refresh(&login, (round / 50) % 2, tokens.refresh()).await;
            if is_dead(&reply) {
                told += 1;
            } else {
                tokens = login.tokens(&reply);
            }
        }
    }
    assert_eq!(told, 1);
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn login_b8_attack_225_a_403_concerns_its_own_login_and_two_refreshes_at_once_are_one() {
    let login = two_replicas().await;
    let client = Client::register(&login, json!({})).await;
    let other = Client::register(&login, json!({})).await;
    let mut browser = Browser::of("ada", PASSWORD);
    let laptop = client.sign_in(&login, &mut browser, "mcp:connect").await;
    let desktop = client.sign_in(&login, &mut browser, "mcp:connect").await;
    let elsewhere = other.sign_in(&login, &mut browser, "mcp:connect").await;
    forbidden(&login, 0, &laptop.access).await;
    // Other logins of the same user, of the same and of another client.
    client.refreshed(&login, 1, desktop.refresh()).await;
    other.refreshed(&login, 1, elsewhere.refresh()).await;
    let (one, two) =
        tokio::join!(client.refresh(&login, 0, laptop.refresh()), client.refresh(&login, 1, laptop.refresh()));
    let (dead, alive): (Vec<Reply>, Vec<Reply>) = [one, two].into_iter().partition(is_dead);
    assert_eq!((dead.len(), alive.len()), (1, 1), "{dead:?} {alive:?}");
    client.refreshed(&login, 0, login.tokens(&alive[0]).refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_b8_a_client_that_steps_up_by_itself_is_left_alone() {
    let login = two_replicas().await;
    let (client, tokens) = signed_in(&login, "ada").await;
    forbidden(&login, 0, &tokens.access).await;
    let mut browser = Browser::of("ada", PASSWORD);
    client.sign_in(&login, &mut browser, "mcp:connect mcp:danger").await;
    let narrow = client.sign_in(&login, &mut browser, "mcp:connect").await;
    forbidden(&login, 1, &narrow.access).await;
    client.refreshed(&login, 0, narrow.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_b8_what_another_computer_of_the_user_does_is_not_taken_for_a_step_up() {
    let login = two_replicas().await;
    let (client, laptop) = signed_in(&login, "ada").await;
    forbidden(&login, 0, &laptop.access).await;
    // The same client, on a computer that begins with every scope.
    client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect mcp:danger").await;
    forbidden(&login, 1, &laptop.access).await;
    assert!(is_dead(&client.refresh(&login, 0, laptop.refresh()).await));
    client.refreshed(&login, 1, laptop.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_b8_a_refresh_after_a_403_takes_back_that_the_client_asks_by_itself() {
    let login = LoginPlan::accounts().redis().await.replicas(3).start().await;
    let (client, first) = signed_in(&login, "ada").await;
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    forbidden(&login, 0, &first.access).await;
    client.sign_in(&login, &mut browser, "mcp:connect mcp:danger").await;
    forbidden(&login, 1, &tokens.access).await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    forbidden(&login, 2, &tokens.access).await;
    assert!(is_dead(&client.refresh(&login, 1, tokens.refresh()).await));
    client.refreshed(&login, 1, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_b8_a_client_that_authorizes_with_its_usual_scopes_is_sent_to_the_browser_once() {
    let login = two_replicas().await;
    let client = Client::register(&login, json!({})).await;
    let mut browser = Browser::of("ada", PASSWORD);
    for round in 0..4 {
        let replica = round % 2;
        let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
        forbidden(&login, replica, &tokens.access).await;
        if round == 0 {
            assert!(is_dead(&client.refresh(&login, 1 - replica, tokens.refresh()).await));
        } else {
            client.refreshed(&login, 1 - replica, tokens.refresh()).await;
        }
    }
    login.close().await;
}

#[tokio::test]
async fn login_b8_attack_224_where_step_up_is_off_an_unattended_client_keeps_its_login() {
    let login = LoginPlan::accounts().key("step_up", "false").start().await;
    let (client, mut tokens) = signed_in(&login, "ada").await;
    for _ in 0..3 {
        forbidden(&login, 0, &tokens.access).await;
        tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    }
    login.close().await;
}

#[tokio::test]
async fn login_b8_a_store_that_is_away_delays_no_403() {
    let login = two_replicas().await;
    let (_, tokens) = signed_in(&login, "ada").await;
    login.redis.as_ref().unwrap().ask(&[b"CLIENT", b"PAUSE", b"3000", b"ALL"]).await;
    let start = tokio::time::Instant::now();
    forbidden(&login, 0, &tokens.access).await;
    assert!(start.elapsed() < std::time::Duration::from_millis(1_900), "{:?}", start.elapsed());
    login.close().await;
}

#[tokio::test]
async fn login_b8_people_d3_attack_320_a_refusal_that_is_a_result_leads_to_a_step_up_too() {
    let plan = LoginPlan::accounts().around(|plan| {
        let servers =
            crate::e2e::world::plan::STANDARD.replacen("    rules:", "    deny_as: tool_error\n    rules:", 1);
        plan.servers(&servers)
    });
    let login = plan.start().await;
    let (client, tokens) = signed_in(&login, "ada").await;
    let refused = call_tool(&login, 0, &tokens.access, "danger").await;
    assert_eq!((refused.status, &refused.json()["result"]["isError"]), (200, &json!(true)), "{refused:?}");
    assert!(is_dead(&client.refresh(&login, 0, tokens.refresh()).await), "the client signs in for more");
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}
