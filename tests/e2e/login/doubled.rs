//! A refresh that comes twice: within `refresh_grace`, on every replica, and what ends the grace.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{
    browser::Browser,
    client::{Client, Tokens, call_tool},
    idp::Idp,
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::Reply;

async fn signed_in(login: &LoginWorld) -> (Client, Tokens) {
    let client = Client::register(login, json!({})).await;
    let tokens = client.sign_in(login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    (client, tokens)
}

fn is_dead(reply: &Reply) -> bool {
    reply.status == 400 && reply.json()["error"] == "invalid_grant"
}

#[tokio::test]
async fn login_a2_two_windows_at_two_replicas_keep_their_login() {
    let login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let (client, mut tokens) = signed_in(&login).await;
    for round in 0..8 {
        let (one, two) = tokio::join!(
            client.refresh(&login, round % 2, tokens.refresh()),
            client.refresh(&login, (round + 1) % 2, tokens.refresh())
        );
        let (one, two) = (login.tokens(&one), login.tokens(&two));
        assert_eq!(one.refresh, two.refresh, "round {round}: one chain");
        assert_ne!(one.access, two.access);
        // The retry after a lost answer, later and elsewhere.
        let again = client.refreshed(&login, round % 2, tokens.refresh()).await;
        assert_eq!(again.refresh, one.refresh);
        for (replica, access) in [(0, &one.access), (1, &two.access), (0, &again.access)] {
            assert_eq!(call_tool(&login, replica, access, "safe").await.status, 200);
        }
        tokens = again;
    }
    login.close().await;
}

#[tokio::test]
async fn login_a2_the_grace_ends_and_then_reuse_ends_the_login_everywhere() {
    let login = LoginPlan::accounts().key("refresh_grace", "1s").redis().await.replicas(2).start().await;
    let (client, first) = signed_in(&login).await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    // Repeats do not prolong it.
    for _ in 0..2 {
        sleep(Duration::from_millis(300)).await;
        assert_eq!(client.refreshed(&login, 1, first.refresh()).await.refresh, second.refresh);
    }
    sleep(Duration::from_millis(600)).await;
    assert!(is_dead(&client.refresh(&login, 1, first.refresh()).await));
    assert!(is_dead(&client.refresh(&login, 0, second.refresh()).await));
    assert_eq!(call_tool(&login, 1, &second.access, "safe").await.status, 401);
    login.close().await;
}

#[tokio::test]
async fn login_a2_attack_162_the_grace_is_for_the_same_request_and_ends_with_the_use_of_the_successor() {
    let login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    // Another scope.
    let (client, first) = signed_in(&login).await;
    client.refreshed(&login, 0, first.refresh()).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", "mcp:connect")];
    assert!(is_dead(&client.post(&login, 1, "/oauth/token", &form).await));
    // Another client.
    let (client, first) = signed_in(&login).await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    assert!(is_dead(&Client::desktop().refresh(&login, 1, first.refresh()).await));
    assert!(is_dead(&client.refresh(&login, 0, second.refresh()).await));
    // The successor was used.
    let (client, first) = signed_in(&login).await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    let third = client.refreshed(&login, 1, second.refresh()).await;
    assert!(is_dead(&client.refresh(&login, 0, first.refresh()).await));
    assert!(is_dead(&client.refresh(&login, 1, third.refresh()).await));
    // Revoked.
    let (client, first) = signed_in(&login).await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    assert_eq!(client.revoke(&login, 1, second.refresh()).await.status, 200);
    assert!(is_dead(&client.refresh(&login, 0, first.refresh()).await));
    login.close().await;
}

#[tokio::test]
async fn login_a2_without_grace_a_second_use_of_a_delivered_token_ends_the_login() {
    let login = LoginPlan::accounts().key("refresh_grace", "0s").file().start().await;
    let (client, first) = signed_in(&login).await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    assert!(is_dead(&client.refresh(&login, 0, first.refresh()).await));
    assert!(is_dead(&client.refresh(&login, 0, second.refresh()).await));
    login.close().await;
}

#[tokio::test]
async fn login_a2_a_repeat_does_not_ask_the_idp_again_and_a_session_that_ended_there_has_no_grace() {
    let login = LoginPlan::idp().await.redis().await.replicas(2).start().await;
    let client = Client::desktop();
    let first = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    let second = client.refreshed(&login, 0, first.refresh()).await;
    assert_eq!(client.refreshed(&login, 1, first.refresh()).await.refresh, second.refresh);
    let idp: &Idp = login.idp.as_ref().unwrap();
    idp.with(|idp| assert_eq!((idp.token_requests.len(), idp.reuses), (2, 0)));
    idp.with(|idp| idp.end_sessions());
    assert!(is_dead(&client.refresh(&login, 1, second.refresh()).await));
    assert!(is_dead(&client.refresh(&login, 0, second.refresh()).await), "the repeat");
    assert!(is_dead(&client.refresh(&login, 0, first.refresh()).await));
    login.close().await;
}
