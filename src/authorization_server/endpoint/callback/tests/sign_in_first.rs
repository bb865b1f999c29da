//! Users of the IdP sign in first, and consent to what they can get; both are remembered.

use std::time::Duration;

use super::*;
use crate::{base::digest::sha256_base64url, decide::authorization_server::client::ClientOrigin};

#[tokio::test]
async fn login_c4_consent_through_the_idp_is_remembered_and_a_trusted_client_needs_none() {
    let scene = Scene::new().await;
    let arrive = async |world: &World, client: &str, scope: &str, more: &[(&str, &str)]| {
        let mut browser = Browser::default();
        let start = browser.authorize(world, client, "https://app.example/back", scope, more).await;
        let departed = Departed::to(start.location().to_owned());
        scene.grant(&scene.claims(&departed));
        let state = departed.query.get("state").unwrap().to_owned();
        let shown = browser.get(world, IssuerEndpoint::Callback, &format!("/cb?code=c-1&state={state}")).await;
        (shown, browser, departed)
    };
    let (shown, mut browser, _) = arrive(&scene.world, "app", "a", &[]).await;
    assert!(browser.answer(&scene.world, &shown.flow(), "allow").await.parameter("code").is_some());
    let (shown, ..) = arrive(&scene.world, "app", "a", &[]).await;
    assert!(shown.parameter("code").is_some(), "remembered: {shown:?}");
    // What the user cannot get is said each time, or the client would begin again and again.
    let (shown, ..) = arrive(&scene.world, "app", "a b", &[]).await;
    assert!(shown.location().contains("/consent?"));
    let (shown, _, departed) = arrive(&scene.world, "app", "a", &[("prompt", "consent"), ("max_age", "60")]).await;
    assert!(shown.location().contains("/consent?"));
    assert_eq!((departed.query.get("prompt"), departed.query.get("max_age")), (None, Some("60")));
    let (shown, _, departed) = arrive(&scene.world, "app", "a b", &[("prompt", "none")]).await;
    assert!(shown.parameter("code").is_some(), "no page may be shown");
    assert_eq!(departed.query.get("prompt"), Some("none"));
    let (shown, ..) = arrive(&scene.world, "other", "a", &[("prompt", "none")]).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("consent_required"));

    let trusting = scene.world.reloaded(|settings| settings.clients[1].trusted = true);
    for (scope, prompt) in [("a", ""), ("a b", "consent"), ("a", "login")] {
        let (shown, _, departed) = arrive(&trusting, "other", scope, &[("prompt", prompt)]).await;
        assert!(shown.parameter("code").is_some(), "{scope} {prompt}");
        assert_eq!(departed.query.get("prompt"), Some(prompt).filter(|prompt| *prompt == "login"));
    }
    let (shown, mut browser, _) = arrive(&trusting, "other", "b", &[]).await;
    let page = browser.get(&trusting, IssuerEndpoint::Consent, shown.location()).await;
    assert!(page.text.contains("This account may not allow it"), "{}", page.text);
}

#[tokio::test]
async fn login_c4_another_account_is_chosen_at_the_idp_and_takes_the_place_of_the_first() {
    let scene = Scene::new().await;
    let mut browser = scene.browser(BROWSER);
    let departed = scene.depart().await;
    scene.grant(&with(&scene.claims(&departed), &json!({"department": "ops"})));
    let shown = scene.arrive(&departed, &mut browser).await;
    let page = browser.get(&scene.world, IssuerEndpoint::Consent, shown.location()).await;
    assert!(page.text.contains(&format!("{ISSUER}/login?flow={}\">Use another account", shown.flow())));
    let first = page.field("csrf");
    let id = shown.flow();
    let away = browser.get(&scene.world, IssuerEndpoint::Login, &format!("{ISSUER}/login?flow={id}")).await;
    let departed = Departed::to(away.location().to_owned());
    assert_eq!((departed.query.get("prompt"), departed.query.get("login_hint")), (Some("select_account"), None));
    scene.grant(&with(&scene.claims(&departed), &json!({"sub": "u-2", "preferred_username": "eve"})));
    let shown = scene.arrive(&departed, &mut browser).await;
    assert_eq!(shown.flow(), id);
    let form = [("flow", &*id), ("csrf", &*first), ("decision", "deny")];
    assert_eq!(browser.post(&scene.world, IssuerEndpoint::Consent, &form).await.status, 403, "that was ada's page");
    let code = browser.answer(&scene.world, &id, "allow").await;
    let issued = scene.world.post(IssuerEndpoint::Token, &exchange(&code.parameter("code").unwrap())).await;
    assert_eq!(scene.world.caller(issued.text("access_token")).unwrap().subject(), "u-2");
}

#[tokio::test]
async fn login_c4_a_sign_in_at_the_idp_that_is_older_than_max_age_gives_no_code() {
    let mut scene = Scene::new().await;
    let slow = 500;
    for (max_age, never_ask, auth_time, told) in [
        (Some(60), false, json!(START_SECS), None),
        // The time that the user takes there does not count, and clocks may differ.
        (Some(60), false, json!(START_SECS - 90), None),
        (Some(0), false, json!(START_SECS + slow), None),
        (Some(60), false, json!(START_SECS - 91), Some("access_denied")),
        (Some(0), false, json!(START_SECS - 31), Some("access_denied")),
        (Some(60), true, json!(START_SECS - 91), Some("login_required")),
        (Some(u64::MAX), false, json!(0), None),
        (Some(60), false, json!(null), None),
        (None, false, json!(0), None),
        (None, false, json!("not a time"), None),
    ] {
        scene.flow.request.max_age = max_age;
        scene.flow.request.never_ask = never_ask;
        let departed = scene.depart().await;
        let claims = with(&scene.claims(&departed), &json!({"auth_time": auth_time, "exp": START_SECS + 1000}));
        scene.grant(&claims);
        scene.world.clock.set_wall(Duration::from_secs(START_SECS + slow));
        let shown = scene.back(&departed).await;
        scene.world.clock.set_wall(Duration::from_secs(START_SECS));
        let case = format!("{max_age:?} {never_ask} {auth_time}");
        assert_eq!(shown.parameter("error").as_deref(), told, "{case}: {shown:?}");
        assert_eq!(shown.parameter("code").is_some(), told.is_none(), "{case}: {shown:?}");
        let why = shown.parameter("error_description").unwrap_or_default();
        assert_eq!(why.contains("older than max_age allows"), told.is_some(), "{why}");
    }
    for auth_time in [json!("not a time"), json!(START_SECS * 1000)] {
        scene.flow.request.max_age = Some(60);
        let departed = scene.depart().await;
        scene.grant(&with(&scene.claims(&departed), &json!({"auth_time": auth_time})));
        let shown = scene.back(&departed).await;
        assert_eq!((shown.status.as_u16(), location(&shown)), (503, ""), "{auth_time}");
        assert!(scene.world.embedded.state.trouble().unwrap().contains("whose auth_time is in the future"));
    }
}

/// The page leads on by itself: a redirect would be bound by the `form-action` of the IdP's page.
fn leads_by_a_page(shown: &Shown, heading: &str) {
    assert_eq!((shown.status, shown.headers.get(header::LOCATION)), (http::StatusCode::OK, None), "{shown:?}");
    let header = |name: &str| shown.headers[name].to_str().unwrap();
    let target = header("refresh").strip_prefix("0; url=https://app.example/back?").unwrap();
    let link = format!("<a href=\"https://app.example/back?{}\"", target.replace('&', "&#38;"));
    assert!(shown.text.contains(&link) && shown.text.contains(&format!("<h1>{heading}</h1>")), "{}", shown.text);
    assert!(!shown.text.contains("<script") && !shown.text.contains("http-equiv"), "{}", shown.text);
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && policy.ends_with("; form-action 'self'"), "{policy}");
    assert_eq!((header("x-frame-options"), header("cache-control")), ("DENY", "no-store"));
    assert_eq!((header("referrer-policy"), header("x-content-type-options")), ("no-referrer", "nosniff"));
}

#[tokio::test]
async fn login_b4_from_the_idp_a_page_leads_on_to_the_client_unless_no_page_may_be_shown() {
    let scene = Scene::new().await;
    let trusting = scene.world.reloaded(|settings| settings.clients[0].trusted = true);
    let arrive = async |answer: &str, prompt: &str| {
        let mut browser = Browser::default();
        let start = browser.authorize(&trusting, "app", "https://app.example/back", "a", &[("prompt", prompt)]).await;
        let departed = Departed::to(start.location().to_owned());
        scene.grant(&scene.claims(&departed));
        let uri = format!("/cb?{answer}&state={}", departed.query.get("state").unwrap());
        browser.get(&trusting, IssuerEndpoint::Callback, &uri).await
    };
    let refused = "error=access_denied";
    for (answer, prompt, parameter, heading) in [
        ("code=c-1", "", "code", Some("Signed in")),
        ("code=c-1", "login", "code", Some("Signed in")),
        (refused, "", "error", Some("Not signed in")),
        ("code=c-1", "none", "code", None),
        (refused, "none", "error", None),
    ] {
        let shown = arrive(answer, prompt).await;
        assert!(shown.parameter(parameter).is_some(), "{answer} {prompt}: {shown:?}");
        match heading {
            Some(heading) => leads_by_a_page(&shown, heading),
            None => assert_eq!((shown.status.as_u16(), shown.headers.get("refresh")), (303, None), "{answer}"),
        }
    }
    // If the user must be asked, they stay with this server, which the IdP's page allows.
    let departed = scene.depart().await;
    scene.grant(&scene.claims(&departed));
    let shown = scene.arrive(&departed, &mut scene.browser(BROWSER)).await;
    assert_eq!(shown.status.as_u16(), 303, "to the consent page, which has no form-action: {shown:?}");
}

#[tokio::test]
async fn login_c5_an_error_of_the_idp_leads_to_no_site_that_anyone_could_register() {
    let scene = Scene::new().await;
    let anyone = scene.world.reloaded(|settings| settings.clients[0].origin = ClientOrigin::Dynamic);
    for (error, told) in
        [("login_required", "login_required"), ("consent_required", "interaction_required"), ("other", "access_denied")]
    {
        for world in [&scene.world, &anyone] {
            let mut browser = Browser::default();
            let start = browser.authorize(world, "app", "https://app.example/back", "a", &[("prompt", "none")]).await;
            let departed = Departed::to(start.location().to_owned());
            let uri = format!("/cb?error={error}&state={}", departed.query.get("state").unwrap());
            let shown = browser.get(world, IssuerEndpoint::Callback, &uri).await;
            if std::ptr::eq(world, &anyone) {
                assert!(location(&shown).is_empty() && shown.text.contains("Return to <bdi>app.example</bdi>"));
            } else {
                assert_eq!(shown.parameter("error").as_deref(), Some(told), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn login_c5_a_claim_of_grants_that_no_sign_in_has_provided_is_reported() {
    let scene = Scene::new().await;
    for (change, is_missing) in [
        (json!({"department": null}), true),
        (json!({"department": null, "groups": ["eng"]}), true),
        (json!({}), false),
        (json!({"department": null}), false),
    ] {
        let departed = scene.depart().await;
        scene.grant(&with(&scene.claims(&departed), &change));
        scene.back(&departed).await;
        let trouble = scene.world.embedded.state.trouble().unwrap_or_default();
        assert_eq!(trouble.contains("grants name `department`"), is_missing, "{change}: {trouble}");
    }
}

#[tokio::test]
async fn login_c5_a_flow_that_an_earlier_release_stored_goes_on_after_an_upgrade() {
    let scene = Scene::new().await;
    let (store, state) = (&scene.world.embedded.state.store, "0123456789012345678901.random");
    let mut stored = serde_json::to_value(&scene.flow).unwrap();
    let earlier = stored.as_object_mut().unwrap();
    for name in ["session", "holder", "until"] {
        earlier.remove(name);
    }
    let nonce = "a nonce of the earlier release";
    earlier.insert("consented".into(), json!(["a", "b"]));
    earlier.insert(
        "bridge".into(),
        json!({"state": sha256(state.as_bytes()), "nonce": nonce, "verifier": "v".repeat(43)}),
    );
    let key = sha256_base64url("0123456789012345678901");
    let until = scene.world.embedded.state.clock.now().wall + Duration::from_secs(300);
    store.put(EntryKind::Flow, &key, stored.to_string().into_bytes(), until).await.unwrap();
    let departed = Departed::to(format!("https://idp?state={state}&nonce=x"));
    let claims = with(&scene.claims(&departed), &json!({"nonce": nonce}));
    scene.grant(&claims);
    let other = scene.callback("code=c-1&state=0123456789012345678901.other", &mut scene.browser(BROWSER)).await;
    assert_eq!(other.status, 400);
    assert!(location(&scene.back(&departed).await).contains("code="));
    assert!(scene.idp.posted().pop().unwrap().contains(&"v".repeat(43)));
    assert_eq!(scene.back(&departed).await.status, 400, "a second time");
}

#[tokio::test]
async fn e45_a_user_whom_no_grant_names_gets_no_access_without_scopes() {
    for (department, status) in [("eng", 303), ("ops", 403)] {
        let mut scene = Scene::new().await;
        scene.flow.request.scopes = Vec::new();
        scene.world = scene.world.reloaded(|settings| settings.resources.iter_mut().for_each(|one| one.scopes.clear()));
        let departed = scene.depart().await;
        scene.grant(&with(&scene.claims(&departed), &json!({"department": department})));
        let shown = scene.back(&departed).await;
        assert_eq!((shown.status.as_u16(), location(&shown).contains("code=")), (status, status == 303));
    }
}
