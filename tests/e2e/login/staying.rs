//! Clients that want to stay signed in: `offline_access`, repeated scopes, registrations without `grant_types`.

use serde_json::json;

use super::{
    browser::Browser,
    client::Client,
    world::{LoginPlan, PASSWORD},
};
use crate::e2e::world::Ask;

#[tokio::test]
async fn login_b5_offline_access_is_advertised_by_the_server_alone_and_echoed() {
    let login = LoginPlan::accounts().start().await;
    let ours = login.send_to(0, &Ask::get("/.well-known/oauth-authorization-server/oauth")).await.json();
    assert!(ours["scopes_supported"].as_array().unwrap().contains(&json!("offline_access")), "{ours}");
    let resource = login.send_to(0, &Ask::get("/.well-known/oauth-protected-resource/mcp")).await;
    assert!(resource.status == 200 && !resource.text().contains("offline_access"), "{}", resource.text());

    let client = Client::register(&login, json!({"grant_types": null})).await;
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect offline_access openid").await;
    assert_eq!(tokens.scope, "mcp:connect offline_access");
    assert_eq!(tokens.claim("scope"), json!("mcp:connect"), "it means nothing to a server");
    let next = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(next.scope, "mcp:connect offline_access");
    let plain = client.sign_in(&login, &mut browser, "mcp:connect").await;
    assert_eq!(plain.scope, "mcp:connect");
    plain.refresh();
    login.close().await;
}

#[tokio::test]
async fn login_b5_a_refresh_may_repeat_the_scopes_of_its_authorization_request_and_no_others() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::register(&login, json!({})).await;
    // Bob gets mcp:connect alone.
    let mut tokens =
        client.sign_in(&login, &mut Browser::of("bob", PASSWORD), "openid mcp:connect mcp:danger offline_access").await;
    assert_eq!(tokens.scope, "mcp:connect offline_access");
    let refresh = async |token: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        client.post(&login, 0, "/oauth/token", &form).await
    };
    for (scope, echoed) in [
        ("openid mcp:connect mcp:danger offline_access", "mcp:connect offline_access"),
        ("mcp:connect mcp:danger", "mcp:connect"),
        ("mcp:connect", "mcp:connect"),
    ] {
        tokens = login.tokens(&refresh(tokens.refresh(), scope).await);
        assert_eq!(tokens.scope, echoed, "{scope}");
    }
    for scope in ["mcp:connect mcp:other", "profile", "mcp:danger"] {
        let reply = refresh(tokens.refresh(), scope).await;
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("invalid_scope")), "{scope}");
    }
    let other = Client::register(&login, json!({})).await;
    let few = other.sign_in(&login, &mut Browser::of("bob", PASSWORD), "mcp:connect").await;
    for scope in ["mcp:connect mcp:danger", "mcp:connect offline_access"] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", few.refresh()), ("scope", scope)];
        let reply = other.post(&login, 0, "/oauth/token", &form).await;
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("invalid_scope")), "{scope}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_b5_a_client_that_names_no_grant_types_gets_a_refresh_token_and_one_that_excludes_it_does_not() {
    let login = LoginPlan::accounts().start().await;
    for (members, types, refreshes) in [
        (json!({"grant_types": null}), json!(["authorization_code", "refresh_token"]), true),
        (json!({"grant_types": ["authorization_code"]}), json!(["authorization_code"]), false),
    ] {
        assert_eq!(Client::try_register(&login, members.clone()).await.json()["grant_types"], types, "{members}");
        let client = Client::register(&login, members.clone()).await;
        let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect offline_access").await;
        assert_eq!(tokens.refresh.is_some(), refreshes, "{members}");
        assert_eq!(tokens.scope.contains("offline_access"), refreshes, "{members}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_b5_the_scopes_of_openid_alone_get_the_default_scopes() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::register(&login, json!({})).await;
    let mut browser = Browser::of("ada", PASSWORD);
    let default = client.sign_in(&login, &mut browser, "").await.scope;
    assert_eq!(default, "mcp:connect");
    for (scope, echoed) in [
        ("openid", "mcp:connect"),
        ("openid profile email", "mcp:connect"),
        ("offline_access", "mcp:connect offline_access"),
        ("openid offline_access", "mcp:connect offline_access"),
    ] {
        let tokens = client.sign_in(&login, &mut browser, scope).await;
        assert_eq!(tokens.scope, echoed, "{scope}");
        // Repeated alone at a refresh, they narrow nothing.
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("scope", scope)];
        let next = login.tokens(&client.post(&login, 0, "/oauth/token", &form).await);
        assert_eq!((&*next.scope, next.claim("scope")), (echoed, json!("mcp:connect")), "{scope}");
    }
    let shown = browser.open(&login, &client.request(&login, "openid other").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("invalid_scope"));
    login.close().await;
}
