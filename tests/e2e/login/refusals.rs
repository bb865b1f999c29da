//! What an IdP says at a refresh: about the session, which ends, or about the gateway, which must not cost a login.

use serde_json::{Value, json};

use super::{
    browser::Browser,
    client::{Client, Tokens},
    world::{LoginPlan, LoginWorld},
};

async fn signed_in(login: &LoginWorld, subject: &str) -> Tokens {
    login.idp.as_ref().unwrap().with(|idp| {
        let claims = json!({"preferred_username": subject, "groups": ["staff"]});
        idp.people.insert(subject.to_owned(), claims.as_object().unwrap().clone());
        idp.signs_in = subject.to_owned();
    });
    Client::desktop().sign_in(login, &mut Browser::of("", ""), "mcp:connect").await
}

fn answers(login: &LoginWorld, answer: Option<(u16, Value)>) {
    login.idp.as_ref().unwrap().with(|idp| idp.refresh_answer = answer);
}

async fn refreshed(login: &LoginWorld, tokens: &Tokens) -> (u16, String) {
    let reply = Client::desktop().refresh(login, 0, tokens.refresh()).await;
    if reply.status == 200 {
        login.tokens(&reply);
    }
    (reply.status, reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn ended() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

fn later() -> (u16, String) {
    (503, "temporarily_unavailable".to_owned())
}

#[tokio::test]
async fn login_a5_the_session_ends_in_the_words_of_every_idp() {
    let login = LoginPlan::idp().await.start().await;
    for (idp, status, error) in [
        ("RFC 6749", 400, "invalid_grant"),
        ("Auth0", 403, "invalid_grant"),
        ("some", 401, "invalid_grant"),
        ("Entra ID", 400, "interaction_required"),
        ("Entra ID", 400, "login_required"),
        ("Entra ID", 400, "consent_required"),
        ("Canaille, LemonLDAP::NG", 400, "invalid_request"),
        ("some", 404, "invalid_grant"),
        ("some", 422, "invalid_grant "),
    ] {
        let tokens = signed_in(&login, "ada").await;
        answers(&login, Some((status, json!({"error": error, "error_description": "Session is over."}))));
        assert_eq!(refreshed(&login, &tokens).await, ended(), "{idp}: {status} {error}");
        answers(&login, None);
        assert_eq!(refreshed(&login, &tokens).await, ended(), "{idp}: for good");
    }
    login.close().await;
}

#[tokio::test]
async fn login_a5_a_refusal_without_a_code_is_logged_in_words() {
    let login = LoginPlan::idp().await.start().await;
    let tokens = signed_in(&login, "ada").await;
    answers(&login, Some((404, json!({"error": {"code": "invalid_grant"}}))));
    assert_eq!(refreshed(&login, &tokens).await, later());
    let said = "the token endpoint refused the request: 404 without an error code";
    login.process(0).line(|line| line.contains(said)).await;
    login.close().await;
}

#[tokio::test]
async fn login_a5_an_answer_without_an_access_token_is_no_sign_of_life() {
    let login = LoginPlan::idp().await.start().await;
    let tokens = signed_in(&login, "ada").await;
    for answer in [json!({}), json!({"access_token": null})] {
        answers(&login, Some((200, answer.clone())));
        assert_eq!(refreshed(&login, &tokens).await, later(), "{answer}");
    }
    login.process(0).line(|line| line.contains("the token endpoint answers 200 without access_token")).await;
    answers(&login, Some((200, json!({"error": "invalid_grant"}))));
    assert_eq!(refreshed(&login, &tokens).await, ended());
    login.close().await;
}

#[tokio::test]
async fn login_a5_a_refusal_of_the_gateway_costs_no_login_and_is_reported() {
    let login = LoginPlan::idp().await.start().await;
    let tokens = signed_in(&login, "ada").await;
    for (status, error, advice) in [
        (401, "invalid_client", "login.oidc.client_secret"),
        (400, "unauthorized_client", "refresh_token"),
        (400, "unsupported_grant_type", "refresh_token"),
    ] {
        answers(&login, Some((status, json!({"error": error}))));
        for _ in 0..2 {
            assert_eq!(refreshed(&login, &tokens).await, later(), "{status} {error}");
        }
        let ready = login.admin(0, "/readyz").await;
        assert_eq!(ready.status, 200, "issued tokens stay valid");
        let notes = ready.json()["notes"].to_string();
        assert!(notes.contains(error) && notes.contains(advice), "{notes}");
        login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(error) && line.contains(advice)).await;
    }
    let metrics = login.admin(0, "/metrics").await.text();
    let count = |result: &str| format!("portcullis_idp_exchanges_total{{issuer=\"own\",result=\"{result}\"}}");
    assert!(metrics.contains(&format!("{} 6", count("refused"))), "{metrics}");
    for (status, body) in [(500, json!({})), (503, json!({"error": "invalid_grant"})), (429, json!({}))] {
        answers(&login, Some((status, body.clone())));
        assert_eq!(refreshed(&login, &tokens).await, later(), "{status} {body}");
    }
    answers(&login, None);
    assert_eq!(refreshed(&login, &tokens).await, (200, String::new()));
    let notes = login.admin(0, "/readyz").await.json()["notes"].to_string();
    assert!(!notes.contains("refuses the gateway"), "{notes}");
    login.close().await;
}

#[tokio::test]
async fn login_a5_the_same_unclear_answer_for_every_user_is_held_to_be_the_gateways_fault() {
    let login = LoginPlan::idp().await.start().await;
    let mut users = Vec::new();
    for name in ["ada", "bob", "eve", "dan"] {
        users.push(signed_in(&login, name).await);
    }
    answers(&login, Some((400, json!({"error": "invalid_request"}))));
    assert_eq!([refreshed(&login, &users[0]).await, refreshed(&login, &users[1]).await], [ended(), ended()]);
    for user in &users[2..] {
        assert_eq!(refreshed(&login, user).await, later());
    }
    let notes = login.admin(0, "/readyz").await.json()["notes"].to_string();
    assert!(notes.contains("every session alike"), "{notes}");
    // A sign-in succeeds: the IdP does not mean the gateway.
    signed_in(&login, "ann").await;
    assert_eq!(refreshed(&login, &users[2]).await, ended());
    answers(&login, None);
    assert_eq!(refreshed(&login, &users[3]).await, (200, String::new()));
    login.close().await;
}

#[tokio::test]
async fn login_a5_a_sign_in_that_the_idp_refuses_the_gateway_ends_on_a_page_that_says_who_must_act() {
    let login = LoginPlan::idp().await.start().await;
    for (status, error) in [(401, "invalid_client"), (400, "unauthorized_client"), (400, "invalid_request")] {
        login.idp.as_ref().unwrap().with(|idp| idp.next_answers.push_back(Some((status, json!({"error": error})))));
        let request = Client::desktop().request(&login, "mcp:connect");
        let shown = Browser::of("", "").open(&login, &request.url).await;
        let page = shown.page();
        assert_eq!(page.status, 503, "{page:?}");
        assert!(page.text().contains("administrator"), "{}", page.text());
        assert!(!page.text().contains(error), "what the IdP says is for the log");
    }
    login.close().await;
}
