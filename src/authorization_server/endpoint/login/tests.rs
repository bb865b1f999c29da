//! Login: successful attempts, failures and rate limits.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};

use super::attempt::LoginAttempt;
use crate::{
    authorization_server::{
        browser::known::KnownBrowser,
        embedded::Asked,
        store::kind::EntryKind,
        testing::{Browser, ISSUER, PASSWORD, Shown, World, posted},
    },
    decide::routing::IssuerEndpoint as E,
};

async fn begun(world: &World) -> (Browser, String) {
    let mut browser = Browser::default();
    let id = browser.begin(world, "a").await.flow();
    (browser, id)
}

/// The page without the parts that differ each time.
fn told(shown: &Shown, name: &str) -> (u16, String) {
    (
        shown.status.as_u16(),
        shown.text.replace(name, "NAME").replace(&shown.field("flow"), "").replace(&shown.field("csrf"), ""),
    )
}

#[tokio::test]
async fn e28_unknown_accounts_and_wrong_passwords_are_told_the_same() {
    let world = World::new().await;
    let mut all = Vec::new();
    for (name, password) in [("ada", "wrong"), ("unknown", PASSWORD), ("unknown", "wrong"), ("bob", "")] {
        let (mut browser, id) = begun(&world).await;
        let shown = browser.log_in(&world, &id, name, password).await;
        assert!(!shown.headers.contains_key(header::SET_COOKIE));
        all.push(told(&shown, name));
    }
    assert_eq!(all[0].0, 403);
    assert!(all[0].1.contains("role=\"alert\"") && all[0].1.contains("The account or the password is wrong."));
    assert!(all.iter().all(|one| *one == all[0]), "{all:#?}");
    assert!(!all[0].1.contains("wrong\""), "a password never comes back");
}

#[tokio::test]
async fn d55_a_login_is_answered_with_303_and_with_a_session_of_its_own() {
    let world = World::new().await;
    let (mut browser, id) = begun(&world).await;
    let before = browser.cookies.clone();
    let first = browser.log_in(&world, &id, "ada", PASSWORD).await;
    assert_eq!((first.status.as_u16(), first.location()), (303, &*format!("{ISSUER}/consent?flow={}", first.flow())));
    let session = |browser: &Browser| browser.cookies.iter().find(|(name, _)| name.contains("-login-")).cloned();
    let old = session(&browser).unwrap();
    assert!(!before.contains(&old));
    browser.log_in(&world, &id, "bob", PASSWORD).await;
    assert_ne!(session(&browser), Some(old), "rotated at each login");
    assert_eq!(world.embedded.state.store.everything(EntryKind::Login).len(), 1, "the one before is gone");
}

#[tokio::test]
async fn e28_too_many_attempts_wait_for_everybody_alike() {
    for name in ["ada", "unknown"] {
        let world = World::new().await;
        let (mut browser, id) = begun(&world).await;
        for _ in 0..6 {
            assert_eq!(browser.log_in(&world, &id, name, "wrong").await.status, 403);
        }
        let shown = browser.log_in(&world, &id, name, PASSWORD).await;
        assert_eq!((shown.status.as_u16(), &shown.headers[header::RETRY_AFTER]), (429, &header::HeaderValue::from(2)));
        assert!(shown.text.contains("Too many attempts. Try again in 2 seconds."), "{}", shown.text);
        world.clock.turn(Duration::from_secs(2));
        let shown = browser.log_in(&world, &id, name, PASSWORD).await;
        assert_eq!(shown.status, if name == "ada" { 303 } else { 403 });
    }
}

#[tokio::test]
async fn attack_163_a_login_form_of_another_page_or_browser_is_refused() {
    let world = World::new().await;
    let (mut browser, id) = begun(&world).await;
    let page = browser.get(&world, E::Login, &format!("{ISSUER}/login?flow={id}")).await;
    let csrf = page.field("csrf");
    let (mut other, theirs) = begun(&world).await;
    let foreign = other.get(&world, E::Login, &format!("{ISSUER}/login?flow={theirs}")).await.field("csrf");
    let form = |csrf: &str| posted(&[("flow", &id), ("csrf", csrf), ("account", "ada"), ("password", PASSWORD)]);
    let headed = |name: &'static str, value: &'static str| {
        let mut request: Request<Bytes> = form(&csrf);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (request, status) in [
        (form(""), 403),
        (form(&foreign), 403),
        (form(csrf.trim_end_matches(char::is_alphanumeric)), 403),
        (headed("origin", "https://evil.example"), 403),
        (headed("origin", "null"), 403),
        (headed("origin", "https://gw.example.evil.example"), 403),
        (headed("sec-fetch-site", "cross-site"), 403),
        (headed("sec-fetch-site", "same-site"), 403),
        (headed("content-type", "text/plain"), 400),
    ] {
        let shown = browser.send(&world, E::Login, request).await;
        assert_eq!(shown.status, status, "{}", shown.text);
        assert!(!shown.headers.contains_key(header::SET_COOKIE) && !shown.headers.contains_key(header::LOCATION));
    }
    assert_eq!(other.send(&world, E::Login, form(&csrf)).await.status, 403, "the other browser");
    assert_eq!(Browser::default().send(&world, E::Login, form(&csrf)).await.status, 403, "no cookie");
    assert_eq!(browser.send(&world, E::Login, form(&csrf)).await.status, 303, "and the very page itself");
}

#[tokio::test]
async fn e17_a_hint_stands_in_the_form_and_nowhere_else() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let hint = [("login_hint", "\"><script>alert(1)</script>")];
    let start = browser.authorize(&world, "app", "https://app.example/back", "a", &hint).await;
    let page = browser.get(&world, E::Login, start.location()).await;
    assert!(page.text.contains("value=\"&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;\""), "{}", page.text);
    assert!(!page.text.contains("<script"));
}

#[tokio::test]
async fn login_d1_many_people_at_one_address_sign_in_at_the_same_moment() {
    let world = World::new().await;
    let (head, body) = Request::builder().uri("/").body(Bytes::new()).unwrap().into_parts();
    let now = world.embedded.state.clock.now();
    let asked = Asked { endpoint: E::Login, head: &head, body, peer: [192, 0, 2, 1].into(), now, places: 256 };
    let names: Vec<String> = (0..200).map(|count| format!("person-{count}")).collect();
    let all = || -> Vec<LoginAttempt<'_>> {
        names.iter().filter_map(|name| LoginAttempt::begin(&world.embedded, &asked, name, None).ok()).collect()
    };
    for round in 0..3 {
        let begun = all();
        assert_eq!(begun.len(), 120, "{round}");
        begun.into_iter().for_each(LoginAttempt::succeeded);
    }
    // Those that were not checked are no guesses either.
    all().into_iter().for_each(LoginAttempt::was_not_checked);
    let begun = all();
    assert_eq!(begun.len(), 120);
    begun.into_iter().for_each(LoginAttempt::was_not_checked);
    world.clock.turn(Duration::from_secs(120));
    let asked = Asked { now: world.embedded.state.clock.now(), ..asked };
    let all = || -> Vec<LoginAttempt<'_>> {
        names.iter().filter_map(|name| LoginAttempt::begin(&world.embedded, &asked, name, None).ok()).collect()
    };
    // After a typo, all but a few still may: it counts itself, and takes three more.
    drop(LoginAttempt::begin(&world.embedded, &asked, "ada", None).unwrap());
    let begun = all();
    assert_eq!(begun.len(), 116);
    begun.into_iter().for_each(LoginAttempt::succeeded);
    drop(all());
    assert_eq!(all().len(), 0, "all of them have failed");
    world.clock.turn(Duration::from_secs(3 * 3_600));
    let asked = Asked { now: world.embedded.state.clock.now(), ..asked };
    // Guesses at many accounts at the same moment count in full once they fail.
    let begun: Vec<_> =
        names.iter().filter_map(|name| LoginAttempt::begin(&world.embedded, &asked, name, None).ok()).collect();
    assert_eq!(begun.len(), 120);
    drop(begun);
    assert!(LoginAttempt::begin(&world.embedded, &asked, "bob", None).is_err());
}

#[tokio::test]
async fn login_d1_e28_an_attempt_that_was_not_checked_is_taken_back_and_no_failure_before_it() {
    let world = World::new().await;
    let (head, body) = Request::builder().uri("/").body(Bytes::new()).unwrap().into_parts();
    let now = world.embedded.state.clock.now();
    let asked = Asked { endpoint: E::Login, head: &head, body, peer: [192, 0, 2, 1].into(), now, places: 256 };
    for (known, free) in [(None, 5), (Some(KnownBrowser { account: [0; 32], id: [7; 16] }), 10)] {
        let begin = || LoginAttempt::begin(&world.embedded, &asked, "ada", known);
        let busy = || (0..50).for_each(|_| begin().unwrap().was_not_checked());
        for _ in 0..=free {
            busy();
            drop(begin().unwrap());
        }
        assert!(begin().is_err(), "each failure counts");
    }
}
