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
