//! A refresh that comes twice within `refresh_grace` (SPEC E-23, attack 162).

use std::time::Duration;

use super::with;
use crate::{
    authorization_server::{
        settings::{Login, StoreSettings},
        store::{Store, kind::EntryKind},
        testing::{ECHO, FILES, Reply, World, exchange, form_request, refresh},
    },
    base::secret::Secret,
    decide::{authorization_server::refresh_family::Family, routing::IssuerEndpoint as E},
    outbound::fetch::private_roots,
};

const DEAD: (u16, &str) = (400, "invalid_grant");
const GRACE: Duration = Duration::from_secs(30);

async fn world() -> World {
    World::with(|settings| settings.refresh_grace = GRACE).await
}

/// A login whose first refresh token was exchanged and its answer delivered: both answers.
async fn refreshed(world: &World) -> (Reply, Reply) {
    let login = world.login().await;
    let second = world.refresh(login.text("refresh_token")).await;
    (login, second)
}

#[tokio::test]
async fn login_a2_a_refresh_that_comes_twice_has_one_answer_and_a_fresh_access_token() {
    let world = world().await;
    let (login, second) = refreshed(&world).await;
    world.clock.turn(GRACE / 2);
    for _ in 0..3 {
        let again = world.refresh(login.text("refresh_token")).await;
        assert_eq!((again.status.as_u16(), again.text("refresh_token")), (200, second.text("refresh_token")));
        assert_ne!(again.text("access_token"), second.text("access_token"));
        assert!(world.caller(again.text("access_token")).is_some());
    }
    // Repeats do not prolong it.
    world.clock.turn(GRACE / 2);
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD);
    assert_eq!(world.refresh(second.text("refresh_token")).await.refusal(), DEAD);
    assert!(world.caller(second.text("access_token")).is_none());
}

#[tokio::test]
async fn login_a2_reuse_after_the_successor_was_used_ends_the_family_within_the_grace_too() {
    let world = world().await;
    let (login, second) = refreshed(&world).await;
    let third = world.refresh(second.text("refresh_token")).await;
    assert_eq!(world.refresh(second.text("refresh_token")).await.text("refresh_token"), third.text("refresh_token"));
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD);
    assert_eq!(world.refresh(third.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn login_a2_a_request_for_something_else_is_no_repeat() {
    for (name, value) in [("scope", "a"), ("resource", ECHO), ("scope", "a b")] {
        let world = world().await;
        let (login, second) = refreshed(&world).await;
        let other = with(&refresh(login.text("refresh_token")), name, value);
        assert_eq!(world.post(E::Token, &other).await.refusal(), DEAD, "{name}={value}");
        assert_eq!(world.refresh(second.text("refresh_token")).await.refusal(), DEAD, "{name}={value}");
    }
    let world = world().await;
    let login = world.login().await;
    let narrow = with(&refresh(login.text("refresh_token")), "resource", FILES);
    let narrow = with(&narrow, "scope", "b");
    let first = world.post(E::Token, &narrow).await;
    let again = world.post(E::Token, &narrow).await;
    assert_eq!(again.text("refresh_token"), first.text("refresh_token"));
    assert_eq!(again.text("scope"), "b");
}

#[tokio::test]
async fn login_a2_attack_162_there_is_no_grace_for_another_client() {
    let world = world().await;
    let (login, second) = refreshed(&world).await;
    let stolen = with(&refresh(login.text("refresh_token")), "client_id", "other");
    assert_eq!(world.post(E::Token, &stolen).await.refusal(), DEAD);
    assert_eq!(world.refresh(second.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn login_a2_there_is_no_grace_after_a_revocation_a_replayed_code_or_a_removed_account() {
    let world = world().await;
    let (login, second) = refreshed(&world).await;
    let revoke = [("token", second.text("refresh_token")), ("client_id", "app")];
    assert_eq!(world.post(E::Revoke, &revoke).await.status, 200);
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD, "revoked");

    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    let login = world.post(E::Token, &exchange(&code)).await;
    world.refresh(login.text("refresh_token")).await;
    assert_eq!(world.post(E::Token, &exchange(&code)).await.refusal(), DEAD);
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD, "the code came twice");

    let (login, second) = refreshed(&world).await;
    let after = world.reloaded(|settings| match &mut settings.login {
        Login::Accounts(accounts) => drop(accounts.accounts.remove(0)),
        Login::Oidc(_) | Login::GitHub(_) => unreachable!(),
    });
    assert_eq!(after.refresh(login.text("refresh_token")).await.refusal(), DEAD, "removed");
    assert_eq!(world.refresh(second.text("refresh_token")).await.refusal(), DEAD, "for good");
}

#[tokio::test]
async fn login_a2_two_at_once_get_the_same_token_without_a_wait_for_the_answer() {
    let world = world().await;
    let login = world.login().await;
    let pairs = refresh(login.text("refresh_token"));
    let one = world.ask(E::Token, form_request(&pairs, None)).await;
    let began = tokio::time::Instant::now();
    let two = world.ask(E::Token, form_request(&pairs, None)).await;
    let token = |answer: &crate::authorization_server::reply::EndpointAnswer| {
        let body: serde_json::Value = serde_json::from_slice(answer.response.body()).unwrap();
        body["refresh_token"].as_str().unwrap().to_owned()
    };
    assert_eq!(token(&one), token(&two));
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn login_a2_the_sealed_successor_is_deleted_when_the_grace_is_over() {
    let world = world().await;
    let (_, second) = refreshed(&world).await;
    let id = second.text("refresh_token").split('.').next().unwrap().to_owned();
    let state = &world.embedded.state;
    let is_kept = async || {
        let kept = state.store.get(EntryKind::Family, &id).await.unwrap().unwrap();
        serde_json::from_slice::<Family>(&kept).unwrap().previous.unwrap().successor.is_some()
    };
    assert!(is_kept().await);
    let began = tokio::time::Instant::now();
    state.deliveries.record_next(&state.store).await.unwrap();
    assert!(!is_kept().await);
    assert!(began.elapsed() >= GRACE && began.elapsed() < GRACE * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn login_a2_a_delivery_is_recorded_after_the_store_was_away() {
    let world = World::new().await;
    let login = world.login().await;
    let answer = world.ask(E::Token, form_request(&refresh(login.text("refresh_token")), None)).await;
    answer.on_delivered.unwrap()();
    let (state, url) = (&world.embedded.state, Secret::new(b"redis://127.0.0.1:1".to_vec()));
    let away = Store::open(&StoreSettings::Redis(url), private_roots(&[]).unwrap(), world.clock.clone()).unwrap();
    for _ in 0..3 {
        state.deliveries.record_next(&away).await.unwrap_err();
    }
    state.deliveries.record_next(&state.store).await.unwrap();
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD, "reuse");
}

#[tokio::test(start_paused = true)]
async fn login_a2_a_delivery_that_cannot_be_recorded_does_not_hold_up_the_next() {
    let world = World::new().await;
    let (state, url) = (&world.embedded.state, Secret::new(b"redis://127.0.0.1:1".to_vec()));
    let away = Store::open(&StoreSettings::Redis(url), private_roots(&[]).unwrap(), world.clock.clone()).unwrap();
    let (one, two) = (world.login().await, world.login().await);
    let ask = async |login: &Reply| {
        let answer = world.ask(E::Token, form_request(&refresh(login.text("refresh_token")), None)).await;
        answer.on_delivered.unwrap()
    };
    let (first, second) = (ask(&one).await, ask(&two).await);
    first();
    state.deliveries.record_next(&away).await.unwrap_err();
    second();
    state.deliveries.record_next(&state.store).await.unwrap();
    assert_eq!(world.refresh(two.text("refresh_token")).await.refusal(), DEAD, "recorded, so used twice");
    state.deliveries.record_next(&state.store).await.unwrap();
    assert_eq!(world.refresh(one.text("refresh_token")).await.refusal(), DEAD, "recorded later");
}
