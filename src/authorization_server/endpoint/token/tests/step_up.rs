//! A refresh that is refused once after a 403, so that its client asks for more scope (login B8).

use std::time::Duration;

use crate::{
    authorization_server::{
        grant::step_up::note,
        store::kind::EntryKind,
        testing::{ECHO, Reply, World, exchange},
    },
    base::{clock::Clock as _, names::Scope},
    decide::routing::IssuerEndpoint as E,
};

const DEAD: (u16, &str) = (400, "invalid_grant");

fn scopes(names: &[&str]) -> Vec<Scope> {
    names.iter().map(|name| Scope::from(*name)).collect()
}

/// A login of Ada that has `a`; `grants` would give `b` as well.
async fn login(world: &World) -> Reply {
    let code = world.code("app", &["a"], &[ECHO]).await;
    world.post(E::Token, &exchange(&code)).await
}

/// A call with this token that needed these scopes.
async fn refused(world: &World, login: &Reply, needed: &[&str]) {
    let caller = world.caller(login.text("access_token")).unwrap();
    note(&world.embedded, &caller, &scopes(needed), world.clock.now()).await;
}

#[tokio::test]
async fn e48_b8_the_first_refresh_after_a_403_is_refused_and_uses_nothing_up() {
    let world = World::new().await;
    let login = login(&world).await;
    refused(&world, &login, &["a", "b"]).await;
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD);
    assert!(world.caller(login.text("access_token")).is_some());
    let next = world.refresh(login.text("refresh_token")).await;
    assert_eq!((next.status.as_u16(), next.text("scope")), (200, "a"));
    // Once for each scope.
    world.clock.turn(Duration::from_secs(10));
    refused(&world, &next, &["b"]).await;
    assert_eq!(world.refresh(next.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn e48_b8_a_client_that_calls_again_and_again_is_told_once() {
    let world = World::new().await;
    let mut login = login(&world).await;
    let mut refusals = 0;
    for _ in 0..200 {
        refused(&world, &login, &["b"]).await;
        let reply = world.refresh(login.text("refresh_token")).await;
        match reply.status.as_u16() {
            200 => login = reply,
            _ => refusals += 1,
        }
        world.clock.turn(Duration::from_secs(590));
    }
    assert_eq!(refusals, 1);
}

#[tokio::test]
async fn e48_b8_attack_224_no_other_refresh_is_refused() {
    let minute = Duration::from_secs(60);
    type Between = fn(&World);
    let cases: [(&str, &[&str], Between); 4] = [
        ("a minute later", &["b"], |world| world.clock.turn(Duration::from_secs(60))),
        ("a scope that no grant gives", &["root"], |_| ()),
        ("one of two that no grant gives", &["b", "root"], |_| ()),
        ("a scope that the token has", &["a"], |_| ()),
    ];
    for (case, needed, between) in cases {
        let world = World::new().await;
        let login = login(&world).await;
        refused(&world, &login, needed).await;
        between(&world);
        assert_eq!(world.refresh(login.text("refresh_token")).await.status, 200, "{case}");
    }
    // Another login of the same user and client.
    let world = World::new().await;
    let (one, two) = (login(&world).await, login(&world).await);
    refused(&world, &one, &["b"]).await;
    assert_eq!(world.refresh(two.text("refresh_token")).await.status, 200);
    assert_eq!(world.refresh(one.text("refresh_token")).await.refusal(), DEAD);
    // A client for itself.
    let robot = world
        .basic(
            E::Token,
            ("robot", crate::authorization_server::testing::SECRET),
            &[("grant_type", "client_credentials"), ("resource", ECHO)],
        )
        .await;
    refused(&world, &robot, &["b"]).await;
    assert_eq!(world.embedded.state.store.everything(EntryKind::StepUp).len(), 1);
    // The window is counted from the last refused call.
    let world = World::new().await;
    let login = login(&world).await;
    refused(&world, &login, &["b"]).await;
    world.clock.turn(minute - Duration::from_secs(1));
    refused(&world, &login, &["b"]).await;
    world.clock.turn(minute - Duration::from_secs(1));
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn e48_b8_the_new_login_replaces_the_old_one() {
    let world = World::new().await;
    let old = login(&world).await;
    refused(&world, &old, &["b"]).await;
    assert_eq!(world.refresh(old.text("refresh_token")).await.refusal(), DEAD);
    // An authorization for something else replaces nothing.
    let other = login(&world).await;
    assert!(world.caller(old.text("access_token")).is_some());
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    assert!(world.caller(old.text("access_token")).is_some(), "nothing ends before the code is redeemed");
    let new = world.post(E::Token, &exchange(&code)).await;
    assert_eq!((new.status.as_u16(), new.text("scope")), (200, "a b"));
    assert!(world.caller(old.text("access_token")).is_none());
    assert_eq!(world.refresh(old.text("refresh_token")).await.refusal(), DEAD);
    for kept in [&other, &new] {
        assert!(world.caller(kept.text("access_token")).is_some());
        assert_eq!(world.refresh(kept.text("refresh_token")).await.status, 200);
    }
    // A new authorization may be told again.
    let narrow = login(&world).await;
    refused(&world, &narrow, &["b"]).await;
    assert_eq!(world.refresh(narrow.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn e48_b8_a_client_that_asks_by_itself_is_never_told() {
    let world = World::new().await;
    let old = login(&world).await;
    refused(&world, &old, &["b"]).await;
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    assert_eq!(world.post(E::Token, &exchange(&code)).await.status, 200);
    assert_eq!(world.refresh(old.text("refresh_token")).await.status, 200, "its old login stays");
    world.clock.turn(Duration::from_secs(100 * 24 * 3_600));
    let narrow = login(&world).await;
    refused(&world, &narrow, &["b"]).await;
    assert_eq!(world.refresh(narrow.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn login_b8_a_login_on_another_computer_ends_none_that_was_told_long_ago() {
    let world = World::new().await;
    let laptop = login(&world).await;
    refused(&world, &laptop, &["b"]).await;
    assert_eq!(world.refresh(laptop.text("refresh_token")).await.refusal(), DEAD);
    world.clock.turn(Duration::from_secs(660));
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    let desktop = world.post(E::Token, &exchange(&code)).await;
    assert_eq!(desktop.status, 200);
    let laptop = world.refresh(laptop.text("refresh_token")).await;
    assert!(world.caller(laptop.text("access_token")).is_some());
    // It may still step up: a new login of it is told.
    let laptop = login(&world).await;
    refused(&world, &laptop, &["b"]).await;
    assert_eq!(world.refresh(laptop.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn login_b8_what_a_login_on_another_computer_taught_is_taken_back_by_a_refresh_after_a_403() {
    let world = World::new().await;
    let laptop = login(&world).await;
    refused(&world, &laptop, &["b"]).await;
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    assert_eq!(world.post(E::Token, &exchange(&code)).await.status, 200);
    // Another login of the laptop's kind: its client refreshes, it does not ask.
    let other = login(&world).await;
    refused(&world, &other, &["b"]).await;
    let other = world.refresh(other.text("refresh_token")).await;
    assert_eq!(other.status, 200);
    world.clock.turn(Duration::from_secs(6));
    refused(&world, &other, &["b"]).await;
    assert_eq!(world.refresh(other.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn login_b8_a_login_that_is_refused_again_was_not_replaced_by_that_of_another_computer() {
    let world = World::new().await;
    let laptop = login(&world).await;
    refused(&world, &laptop, &["b"]).await;
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    assert_eq!(world.post(E::Token, &exchange(&code)).await.status, 200);
    refused(&world, &laptop, &["b"]).await;
    assert_eq!(world.refresh(laptop.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn login_b8_a_client_that_authorizes_with_its_usual_scopes_is_told_once() {
    let world = World::new().await;
    let mut told = 0;
    for _ in 0..6 {
        let login = login(&world).await;
        refused(&world, &login, &["b"]).await;
        told += usize::from(world.refresh(login.text("refresh_token")).await.status != 200);
        world.clock.turn(Duration::from_secs(3_600));
    }
    assert_eq!(told, 1);
}

#[tokio::test]
async fn login_b8_attack_224_where_the_operator_says_so_no_refresh_is_refused() {
    let world = World::with(|settings| settings.step_up = false).await;
    let login = login(&world).await;
    refused(&world, &login, &["b"]).await;
    assert_eq!(world.embedded.state.store.everything(EntryKind::StepUp), []);
    assert_eq!(world.refresh(login.text("refresh_token")).await.status, 200);
    // What was noted before a reload counts no more.
    let world = World::new().await;
    let login = self::login(&world).await;
    refused(&world, &login, &["b"]).await;
    let world = world.reloaded(|settings| settings.step_up = false);
    assert_eq!(world.refresh(login.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn e48_b8_several_refreshes_at_once_are_one_refusal() {
    let world = World::with(|settings| settings.refresh_grace = Duration::from_secs(30)).await;
    let login = login(&world).await;
    refused(&world, &login, &["b"]).await;
    let token = login.text("refresh_token");
    let replies = tokio::join!(world.refresh(token), world.refresh(token), world.refresh(token));
    let refusals = [&replies.0, &replies.1, &replies.2].into_iter().filter(|reply| reply.status != 200).count();
    assert_eq!(refusals, 1);
}
