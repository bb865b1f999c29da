//! A browser that has signed in at the IdP is known, and has a limit of its own.

use super::*;

/// From the authorize endpoint to the answer of the callback, for the user `subject`.
async fn sign_in(scene: &Scene, browser: &mut Browser, subject: &str) -> (u16, Option<Shown>) {
    let start = browser.authorize(&scene.world, "app", "https://app.example/back", "a", &[]).await;
    if start.status != 303 {
        return (start.status.as_u16(), None);
    }
    let departed = Departed::to(start.location().to_owned());
    scene.grant(&with(&scene.claims(&departed), &json!({"sub": subject})));
    let state = departed.query.get("state").unwrap();
    let uri = format!("/oauth/callback?code=c-1&state={state}");
    let shown = browser.get(&scene.world, IssuerEndpoint::Callback, &uri).await;
    (shown.status.as_u16(), Some(shown))
}

fn known(browser: &Browser) -> Vec<&(String, String)> {
    browser.cookies.iter().filter(|(name, _)| name.contains("-known-")).collect()
}

#[tokio::test]
async fn login_d1_attack_202_a_flood_keeps_no_browser_out_that_has_signed_in_at_the_idp() {
    let scene = Scene::new().await;
    let mut browser = Browser::default();
    assert_eq!(sign_in(&scene, &mut browser, "u-1").await.0, 303);
    assert_eq!(known(&browser).len(), 1, "{:?}", browser.cookies);
    let mut attacker = Browser::default();
    while attacker.begin(&scene.world, "a").await.status == 303 {}
    for _ in 0..20 {
        let (status, shown) = sign_in(&scene, &mut browser, "u-1").await;
        assert_eq!(status, 303, "also the callback: {shown:?}");
    }
    assert_eq!(sign_in(&scene, &mut Browser::default(), "u-1").await.0, 429, "another browser");
    // Each account of a browser has a cookie of its own.
    sign_in(&scene, &mut browser, "u-2").await;
    assert_eq!(known(&browser).len(), 2);
    // A sign-in that fails makes no browser known.
    scene.world.clock.turn(std::time::Duration::from_secs(3_600));
    let mut other = Browser::default();
    let departed = other.authorize(&scene.world, "app", "https://app.example/back", "a", &[]).await;
    let departed = Departed::to(departed.location().to_owned());
    let state = departed.query.get("state").unwrap();
    let uri = format!("/oauth/callback?error=access_denied&state={state}");
    other.get(&scene.world, IssuerEndpoint::Callback, &uri).await;
    assert!(known(&other).is_empty());
}
