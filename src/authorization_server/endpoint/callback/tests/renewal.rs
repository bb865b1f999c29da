//! A refresh family ends with the session at the IdP.

use std::time::Duration;

use super::*;
use crate::authorization_server::person::bridge::session::{IdpSession, Renewed};

#[tokio::test]
async fn e41_a_session_that_the_idp_cannot_confirm_ends() {
    let scene = Scene::new().await;
    let departed = scene.depart().await;
    let bridge = scene.world.embedded.state.bridge.as_ref().unwrap();
    let sealer = &scene.world.embedded.state.sealer;
    let person = crate::authorization_server::testing::ada();
    let kept = |refresh_token: &str| {
        let session = IdpSession { person: person.clone(), refresh_token: refresh_token.into() };
        session.seal(&scene.world.embedded.state.sealer).unwrap()
    };
    let renewed = bridge.renew(sealer, b"not ours").await.unwrap();
    assert!(matches!(renewed, Renewed::Ended));
    let of_another = with(&scene.claims(&departed), &json!({"nonce": null, "sub": "u-2"}));
    scene.grant(&of_another);
    let renewed = bridge.renew(sealer, &kept("t")).await.unwrap();
    assert!(matches!(renewed, Renewed::Ended), "a refresh never changes who it is");
    scene.grant(&with(&of_another, &json!({"sub": "ada", "department": "ops"})));
    let Renewed::Alive(person, _) = bridge.renew(sealer, &kept("t")).await.unwrap() else {
        panic!("it lives");
    };
    assert_eq!(person.claims["department"], "ops", "claims are those of now");
    scene.idp.stop().await;
    tokio::time::timeout(Duration::from_secs(20), async {
        let away = bridge.renew(sealer, &kept("t")).await.unwrap_err();
        assert_eq!(away.code, crate::decide::authorization_server::error::Code::TemporarilyUnavailable);
    })
    .await
    .unwrap();
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
    assert_eq!(&*scene.world.embedded.state.bridge.as_ref().unwrap().settings().client_id, US);
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
