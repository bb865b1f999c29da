//! Which cookies make a browser known, and for which account.

use std::time::Duration;

use crate::{
    authorization_server::testing::{Browser, PASSWORD, World},
    base::limits::authorization_server::KNOWN_BROWSER_AGE,
    decide::routing::IssuerEndpoint as E,
};

/// A browser that has signed in to `account`, without its session.
async fn known(world: &World, account: &str) -> Browser {
    let mut browser = Browser::default();
    let id = browser.begin(world, "a").await.flow();
    assert_eq!(browser.log_in(world, &id, account, PASSWORD).await.status, 303);
    browser.cookies.retain(|(name, _)| name.contains("-known-"));
    assert_eq!(browser.cookies.len(), 1);
    browser
}

/// The status of a login.
async fn try_as(world: &World, browser: &mut Browser, account: &str, password: &str) -> u16 {
    let id = browser.begin(world, "a").await.flow();
    browser.log_in(world, &id, account, password).await.status.as_u16()
}

/// Guesses until the account has to wait.
async fn hammer(world: &World, account: &str) {
    let mut attacker = Browser::default();
    while try_as(world, &mut attacker, account, "wrong").await == 403 {}
}

#[tokio::test]
async fn login_d1_attack_202_a_browser_that_has_signed_in_has_a_limit_of_its_own() {
    let world = World::new().await;
    let mut browser = known(&world, "ada").await;
    hammer(&world, "ada").await;
    let mut other = Browser::default();
    assert_eq!(try_as(&world, &mut other, "ada", PASSWORD).await, 429, "a new browser");
    for _ in 0..20 {
        assert_eq!(try_as(&world, &mut browser, "ada", PASSWORD).await, 303);
        browser.cookies.retain(|(name, _)| name.contains("-known-"));
    }
    assert_eq!(try_as(&world, &mut other, "ada", PASSWORD).await, 429, "its success forgives no attacker");
    // A stolen cookie does not guess without end, and delays no other browser.
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(try_as(&world, &mut browser, "ada", "wrong").await);
    }
    assert_eq!((statuses[10], statuses[11]), (403, 429), "{statuses:?}");
    world.clock.turn(Duration::from_secs(3600));
    assert_eq!(try_as(&world, &mut browser, "ada", PASSWORD).await, 303);
}

#[tokio::test]
async fn login_d1_attack_202_a_cookie_counts_for_its_account_its_server_and_its_time() {
    let world = World::new().await;
    let (mut ada, mut bob) = (known(&world, "ada").await, known(&world, "bob").await);
    assert_ne!(ada.cookies[0].0, bob.cookies[0].0, "each account has a cookie of its own");
    hammer(&world, "ada").await;
    assert_eq!(try_as(&world, &mut bob, "ada", PASSWORD).await, 429, "the attacker's own account");
    // The value under the other name, an altered value, and garbage in front.
    let (name, value) = ada.cookies[0].clone();
    let mut forged = bob.cookies[0].clone();
    forged.0.clone_from(&name);
    for cookies in
        [vec![forged], vec![(name.clone(), value.chars().skip(1).collect())], vec![(name.clone(), "x".into())]]
    {
        let mut browser = Browser { cookies };
        assert_eq!(try_as(&world, &mut browser, "ada", PASSWORD).await, 429);
    }
    let other = world.reloaded(|settings| settings.issuer = "https://gw.example/other".into());
    let now = world.embedded.state.clock.now();
    assert!(super::read(&world.embedded, &value, now).is_some());
    assert_eq!(super::read(&other.embedded, &value, now), None, "the key is the same, the server is not");
    assert_eq!(try_as(&world, &mut ada, "ada", PASSWORD).await, 303);
    world.clock.turn(KNOWN_BROWSER_AGE + Duration::from_secs(1));
    hammer(&world, "ada").await;
    let mut old = Browser { cookies: vec![(name, value)] };
    assert_eq!(try_as(&world, &mut old, "ada", PASSWORD).await, 429);
}

#[tokio::test]
async fn login_d1_a_cookie_of_a_known_browser_is_no_session_and_tells_nothing() {
    let world = World::new().await;
    let mut browser = known(&world, "ada").await;
    let start = browser.begin(&world, "a").await;
    assert!(start.location().contains("/login?"), "{start:?}");
    let shown = browser.get(&world, E::Login, start.location()).await;
    assert!(!shown.text.contains("ada") && shown.text.contains("name=\"password\""), "{}", shown.text);
    let again = known(&world, "ada").await;
    assert_ne!(browser.cookies[0].1, again.cookies[0].1, "another browser has another value");
}

#[tokio::test]
async fn login_d1_attack_202_a_flood_at_its_address_keeps_no_known_browser_from_beginning() {
    let world = World::new().await;
    let mut browser = known(&world, "ada").await;
    let mut attacker = Browser::default();
    while attacker.begin(&world, "a").await.status == 303 {}
    assert_eq!(Browser::default().begin(&world, "a").await.status, 429);
    assert_eq!(browser.begin(&world, "a").await.status, 303);
}
