//! A refresh family ends with the session at the IdP.

use std::time::Duration;

use super::*;

/// Ada's login at the IdP: its tokens here. The IdP's refresh token is `theirs-1`.
async fn logged_in(scene: &Scene) -> Reply {
    let departed = scene.depart().await;
    scene.grant(&scene.claims(&departed));
    let reply = scene.back(&departed).await;
    let query = Form::read(location(&reply).split_once('?').unwrap().1.as_bytes()).unwrap();
    let issued = scene.world.post(IssuerEndpoint::Token, &exchange(query.get("code").unwrap())).await;
    assert_eq!(issued.status, 200, "{}", issued.json);
    issued
}

/// The claims of an ID token at a refresh.
fn claims(scene: &Scene, change: &Value) -> String {
    let claims = json!({
        "iss": scene.idp.url(""), "sub": "u-1", "aud": US, "iat": START_SECS, "exp": START_SECS + 300,
        "preferred_username": "ada", "department": "eng",
    });
    P256.token("ES256", &json!({"typ": "JWT"}), &with(&claims, change))
}

fn refuses(scene: &Scene, status: u16, error: &Value) {
    let body = json!({"error": error, "error_description": "Unknown or invalid refresh token."}).to_string();
    let head = format!("HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    scene.idp.answer("/token", ScriptedAnswer::raw(format!("{head}\r\n\r\n{body}")));
}

/// The IdP's refresh tokens that were presented, in order.
fn presented(scene: &Scene) -> Vec<String> {
    let posted = scene.idp.posted();
    let tokens = posted.iter().filter_map(|one| Some(one.split_once("&refresh_token=")?.1.to_owned()));
    tokens.collect()
}

#[tokio::test]
async fn e41_claims_are_those_of_the_last_answer_and_a_refresh_never_changes_the_user() {
    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    scene.grants(&json!({"id_token": claims(&scene, &json!({"department": "ops"}))}));
    assert_eq!(scene.world.refresh(login.text("refresh_token")).await.refusal(), (400, "invalid_grant"));
    assert!(scene.world.caller(login.text("access_token")).is_none(), "out of the department");

    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    scene.grants(&json!({"id_token": claims(&scene, &json!({"sub": "u-2"}))}));
    assert_eq!(scene.world.refresh(login.text("refresh_token")).await.refusal(), (400, "invalid_grant"));
    assert!(scene.world.caller(login.text("access_token")).is_none(), "another user");
}

#[tokio::test]
async fn e41_a_session_that_cannot_be_opened_ends() {
    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    let store = &scene.world.embedded.state.store;
    let (name, before) = store.everything(EntryKind::Family).pop().unwrap();
    let mut family: Value = serde_json::from_slice(&before).unwrap();
    family["bridge"] = json!([1, 2, 3]);
    store.replace(EntryKind::Family, &name, &before, family.to_string().into_bytes(), None).await.unwrap();
    assert_eq!(scene.world.refresh(login.text("refresh_token")).await.refusal(), (400, "invalid_grant"));
    assert!(presented(&scene).is_empty());
}

#[tokio::test]
async fn login_a4_an_idp_that_is_away_costs_no_login() {
    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    scene.idp.stop().await;
    tokio::time::timeout(Duration::from_secs(20), async {
        let away = scene.world.refresh(login.text("refresh_token")).await;
        assert_eq!(away.refusal(), (503, "temporarily_unavailable"));
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn login_a4_a_client_that_disconnects_leaves_the_exchange_to_its_task() {
    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    let pairs = crate::authorization_server::testing::refresh(login.text("refresh_token"));
    let world = scene.world.reloaded(|settings| settings.refresh_grace = Duration::from_secs(30));
    scene.grants(&json!({"refresh_token": "theirs-2"}));
    let gate = scene.idp.hold("/token");
    {
        let gone = world.post(IssuerEndpoint::Token, &pairs);
        tokio::select! {
            reply = gone => panic!("{reply:?}"),
            () = gate.reached() => {}
        }
    }
    // Its retry, and a second window, join the exchange.
    let (one, two, ()) =
        tokio::join!(world.post(IssuerEndpoint::Token, &pairs), world.post(IssuerEndpoint::Token, &pairs), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            gate.open();
        });
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200), "{} {}", one.json, two.json);
    assert_eq!(one.text("refresh_token"), two.text("refresh_token"), "one chain");
    assert_eq!(presented(&scene), ["theirs-1"]);
    scene.grants(&json!({"refresh_token": "theirs-3"}));
    assert_eq!(scene.world.refresh(one.text("refresh_token")).await.status, 200);
    assert_eq!(presented(&scene), ["theirs-1", "theirs-2"]);
}

#[tokio::test]
async fn login_a4_the_idps_new_token_is_kept_even_if_the_rest_of_its_answer_is_useless() {
    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    let expired = claims(&scene, &json!({"exp": START_SECS - 300}));
    scene.grants(&json!({"refresh_token": "theirs-2", "id_token": expired}));
    let reply = scene.world.refresh(login.text("refresh_token")).await;
    assert_eq!(reply.refusal(), (503, "temporarily_unavailable"));
    scene.grants(&json!({"refresh_token": "theirs-3", "id_token": claims(&scene, &json!({}))}));
    assert_eq!(scene.world.refresh(login.text("refresh_token")).await.status, 200);
    assert_eq!(presented(&scene), ["theirs-1", "theirs-2"]);
}

#[tokio::test]
async fn login_a4_a_family_that_is_revoked_while_the_idp_is_asked_stays_revoked() {
    let scene = Scene::new().await;
    let login = logged_in(&scene).await;
    let pairs = crate::authorization_server::testing::refresh(login.text("refresh_token"));
    scene.grants(&json!({"refresh_token": "theirs-2"}));
    let gate = scene.idp.hold("/token");
    let (reply, ()) = tokio::join!(scene.world.post(IssuerEndpoint::Token, &pairs), async {
        gate.reached().await;
        let revoke = [("token", login.text("refresh_token")), ("client_id", "app")];
        assert_eq!(scene.world.post(IssuerEndpoint::Revoke, &revoke).await.status, 200);
        gate.open();
    });
    assert_eq!(reply.refusal(), (400, "invalid_grant"));
    assert!(scene.world.embedded.state.store.everything(EntryKind::Family).is_empty());
}

#[tokio::test]
async fn login_a5_what_the_idp_says_about_the_session_ends_it_and_about_the_gateway_does_not() {
    for (status, error, answer) in [
        (400, json!("invalid_grant"), (400, "invalid_grant")),
        (403, json!("invalid_grant"), (400, "invalid_grant")),
        (400, json!("login_required"), (400, "invalid_grant")),
        (400, json!("invalid_request"), (400, "invalid_grant")),
        (401, json!("invalid_client"), (503, "temporarily_unavailable")),
        (400, json!("unauthorized_client"), (503, "temporarily_unavailable")),
        (400, json!("unsupported_grant_type"), (503, "temporarily_unavailable")),
        (400, json!(null), (503, "temporarily_unavailable")),
        (429, json!("slow_down"), (503, "temporarily_unavailable")),
        (500, json!("invalid_grant"), (503, "temporarily_unavailable")),
    ] {
        let scene = Scene::new().await;
        let login = logged_in(&scene).await;
        refuses(&scene, status, &error);
        let reply = scene.world.refresh(login.text("refresh_token")).await;
        assert_eq!(reply.refusal(), answer, "{status} {error}");
        let state = &scene.world.embedded.state;
        let is_ours =
            ["invalid_client", "unauthorized_client", "unsupported_grant_type"].map(Value::from).contains(&error);
        let trouble = state.trouble().unwrap_or_default();
        assert_eq!(trouble.contains("refuses the gateway"), is_ours, "{status} {error}: {trouble}");
        scene.grants(&json!({"refresh_token": "theirs-2"}));
        let after = scene.world.refresh(login.text("refresh_token")).await;
        assert_eq!(after.status.as_u16(), if answer.0 == 503 { 200 } else { 400 }, "{status} {error}");
        assert_eq!(state.trouble(), None, "it is over");
    }
}

#[tokio::test]
async fn login_a5_an_answer_without_an_access_token_is_no_grant() {
    for (answer, refusal) in [
        (json!({}), (503, "temporarily_unavailable")),
        (json!({"access_token": null}), (503, "temporarily_unavailable")),
        (json!({"access_token": ""}), (503, "temporarily_unavailable")),
        (json!({"error": ""}), (503, "temporarily_unavailable")),
        (json!({"error": "temporarily_unavailable"}), (503, "temporarily_unavailable")),
        (json!({"error": "invalid_client"}), (503, "temporarily_unavailable")),
        (json!({"error": "invalid_grant"}), (400, "invalid_grant")),
        (json!({"error": "bad_refresh_token"}), (400, "invalid_grant")),
    ] {
        let scene = Scene::new().await;
        let login = logged_in(&scene).await;
        let granted = scene.figures().granted;
        scene.idp.answer("/token", ScriptedAnswer::json(answer.to_string()));
        let reply = scene.world.refresh(login.text("refresh_token")).await;
        assert_eq!(reply.refusal(), refusal, "{answer}");
        assert_eq!(scene.figures().granted, granted, "{answer}");
    }
}

#[tokio::test]
async fn login_a5_a_refusal_is_read_with_any_4xx_and_any_label() {
    let (over, later) = ((400, "invalid_grant"), (503, "temporarily_unavailable"));
    for (status, label, body, refusal) in [
        (404, "application/json", r#"{"error":"invalid_grant"}"#, over),
        (422, "application/json", r#"{"error":"invalid_grant"}"#, over),
        (400, "text/html", r#"{"error":"invalid_grant"}"#, over),
        (400, "application/json", r#"{"error":"invalid_grant "}"#, over),
        (400, "application/json", r#"{"error":"invalid_grant","error":"invalid_client"}"#, later),
        (400, "application/json", r#"{"error":{"code":"invalid_grant"}}"#, later),
        (400, "text/html", "<html>invalid_grant</html>", later),
        (401, "text/html", "<html>Sign in</html>", later),
        (404, "text/html", "<html>Not found</html>", later),
        (408, "application/json", r#"{"error":"invalid_grant"}"#, later),
        (425, "application/json", r#"{"error":"invalid_grant"}"#, later),
        (429, "application/json", r#"{"error":"invalid_grant"}"#, later),
        (500, "application/json", r#"{"error":"invalid_grant"}"#, later),
    ] {
        let scene = Scene::new().await;
        let login = logged_in(&scene).await;
        let head = format!("HTTP/1.1 {status} No\r\nContent-Type: {label}\r\nContent-Length: {}", body.len());
        scene.idp.answer("/token", ScriptedAnswer::raw(format!("{head}\r\n\r\n{body}")));
        let reply = scene.world.refresh(login.text("refresh_token")).await;
        assert_eq!(reply.refusal(), refusal, "{status} {label} {body}");
    }
}

#[tokio::test]
async fn login_a5_at_the_callback_a_page_says_that_the_operator_must_act() {
    for (status, error, is_page) in [
        (401, "invalid_client", true),
        (400, "unauthorized_client", true),
        (400, "invalid_request", true),
        (400, "invalid_grant", false),
        (500, "server_error", false),
    ] {
        let scene = Scene::new().await;
        let departed = scene.depart().await;
        refuses(&scene, status, &json!(error));
        let reply = scene.back(&departed).await;
        assert_eq!(reply.status == 503 && location(&reply).is_empty(), is_page, "{status} {error}: {reply:?}");
        assert_eq!(location(&reply).contains("error="), !is_page, "{status} {error}");
        // The browser may have made up the code, but not what is about the client.
        let trouble = scene.world.embedded.state.trouble();
        assert_eq!(trouble.is_some(), error.ends_with("_client"), "{status} {error}: {trouble:?}");
    }
}

#[tokio::test]
async fn e41_without_an_idp_refresh_token_no_refresh_token_is_issued() {
    let scene = Scene::new().await;
    let departed = scene.depart().await;
    let token = P256.token("ES256", &json!({"typ": "JWT"}), &scene.claims(&departed));
    scene.grants(&json!({"id_token": token}));
    let reply = scene.back(&departed).await;
    let query = Form::read(location(&reply).split_once('?').unwrap().1.as_bytes()).unwrap();
    let issued = scene.world.post(IssuerEndpoint::Token, &exchange(query.get("code").unwrap())).await;
    assert_eq!((issued.status.as_u16(), issued.json.get("refresh_token")), (200, None), "{}", issued.json);
}

#[tokio::test]
async fn a9_after_a_reload_the_idp_is_asked_with_the_new_secret_and_scopes() {
    let scene = Scene::new().await;
    scene.depart().await;
    let reloaded = scene.world.reloaded(|settings| {
        let Login::Oidc(oidc) = &mut settings.login else { panic!("oidc") };
        oidc.client_secret = Secret::new(b"two".to_vec());
        oidc.scopes = vec!["email".into()];
    });
    scene.world.embedded.state.follow(&reloaded.embedded.settings);
    let departed = scene.depart().await;
    assert_eq!(departed.query.get("scope"), Some("openid email"));
    scene.grant(&scene.claims(&departed));
    assert_eq!(scene.back(&departed).await.status, 303);
    let asked = scene.idp.posted().pop().unwrap();
    assert!(asked.contains("authorization: Basic Z2F0ZXdheTp0d28="), "{asked}");
    // Another IdP does not take the place of this one.
    let elsewhere = scene.world.reloaded(|settings| {
        let Login::Oidc(oidc) = &mut settings.login else { panic!("oidc") };
        oidc.client_id = "other".into();
    });
    scene.world.embedded.state.follow(&elsewhere.embedded.settings);
    assert_eq!(&*scene.world.embedded.state.bridge.as_ref().unwrap().client_id(), US);
}

#[tokio::test]
async fn e45_an_address_that_is_not_verified_is_no_claim_of_a_token() {
    for (said, trust, is_in_token) in [
        (json!({"email_verified": true}), false, true),
        (json!({"email_verified": false}), false, false),
        (json!({"email_verified": false}), true, false),
        (json!({}), false, false),
        (json!({}), true, true),
    ] {
        let scene = Scene::new().await;
        let departed = scene.depart().await;
        let claims = with(&scene.claims(&departed), &with(&json!({"email": "ada@example.com"}), &said));
        scene.grant(&claims);
        let reply = scene.back(&departed).await;
        let query = Form::read(location(&reply).split_once('?').unwrap().1.as_bytes()).unwrap();
        let world = scene.world.reloaded(|settings| {
            settings.token_claims = vec!["email".into()];
            let Login::Oidc(oidc) = &mut settings.login else { panic!("oidc") };
            oidc.trust_email = trust;
        });
        let issued = world.post(IssuerEndpoint::Token, &exchange(query.get("code").unwrap())).await;
        let caller = world.caller(issued.text("access_token")).unwrap();
        assert_eq!(caller.claims().contains_key("email"), is_in_token, "{said} {trust}");
    }
}
