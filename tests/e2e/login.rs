//! The embedded authorization server in everyday operation, by the real binary: one file a topic.
//!
//! [`world::LoginPlan`] starts a gateway: local accounts, a scripted IdP ([`idp::Idp`]) or GitHub; memory, a
//! file or a real Redis; one or several replicas; keys `A` to `D`. [`browser::Browser`] fills in the
//! pages, [`client::Client`] gets, refreshes and revokes tokens. A test ends with `close`.

#![allow(dead_code, reason = "the harness knows more than the tests so far ask")]

mod acting_alone;
pub mod browser;
mod claims;
pub mod client;
mod crowds;
pub mod documents;
mod doubled;
mod floods;
pub mod github;
mod github_sign_in;
mod github_troubles;
pub mod idp;
mod idp_algorithms;
mod idp_claims;
mod idp_failing;
mod idp_place;
mod idp_profiles;
mod idp_ready;
mod idp_sizes;
mod lasting;
mod noted_refusals;
mod odd_clients;
mod onward;
mod protocol;
mod providers;
mod recipes;
mod refusals;
mod registering;
mod seals;
mod several_servers;
mod sign_in_first;
mod slow_idp;
mod slow_uploads;
mod staying;
mod step_up;
mod store_lost;
pub mod world;

use browser::{Browser, Shown};
use client::{Client, call_tool};
use serde_json::json;
use world::{LoginPlan, PASSWORD};

#[tokio::test]
async fn login_a_local_account_signs_in_refreshes_and_calls() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::register(&login, json!({"client_name": "Any"})).await;
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect mcp:danger").await;
    assert!(browser.visited.contains(&"/oauth/login".to_owned()), "{:?}", browser.visited);
    assert_eq!(call_tool(&login, 0, &tokens.access, "danger").await.status, 200);
    let next = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_ne!(next.refresh, tokens.refresh);
    assert_eq!(call_tool(&login, 0, &next.access, "danger").await.status, 200);
    assert_eq!(client.revoke(&login, 0, next.refresh()).await.status, 200);
    assert_eq!(client.refresh(&login, 0, next.refresh()).await.json()["error"], "invalid_grant");
    assert_eq!(call_tool(&login, 0, &next.access, "danger").await.status, 401);

    let mut wrong = Browser::of("ada", "not the password");
    let shown = wrong.open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 403);
    let mut denies = Browser { decision: "deny".to_owned(), ..Browser::of("bob", PASSWORD) };
    let shown = denies.open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert!(matches!(shown, Shown::Left(_)));
    assert_eq!(shown.parameter("error").as_deref(), Some("access_denied"));
    login.close().await;
}

#[tokio::test]
async fn login_a_user_of_the_idp_signs_in_and_loses_a_group() {
    let login = LoginPlan::idp().await.start().await;
    let client = Client::desktop();
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect mcp:danger").await;
    assert_eq!((tokens.claim("sub"), &*tokens.scope), (json!("ada"), "mcp:connect mcp:danger"));
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| {
        assert_eq!((idp.reuses, idp.sessions(), idp.token_requests.len()), (0, 1, 2));
        idp.groups("ada", &["guests"]);
    });
    let reply = client.refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_grant")));
    login.close().await;
}

#[tokio::test]
async fn login_replicas_share_a_sign_in_that_outlives_a_restart() {
    let mut login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let client = Client::register(&login, json!({})).await;
    let mut browser = Browser { replicas: vec![0, 1], ..Browser::of("ada", PASSWORD) };
    let (code, verifier) = client.code(&login, &mut browser, "mcp:connect").await;
    let reply = client.exchange(&login, 1, &code, &verifier).await;
    let tokens = login.tokens(&reply);
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.restart(0, "KILL").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    login.restart(1, "TERM").await;
    login.until_readyz(1, "it is ready", |ready| ready.status == 200).await;
    let next = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(&login, 1, &next.access, "safe").await.status, 200);
    login.close().await;
}
