//! Consent: asked once for each scope, and answered only by the page itself.

use http::header;

use crate::{
    authorization_server::{
        grant::code::AuthorizationCode,
        settings::Login,
        store::kind::EntryKind,
        testing::{Browser, ECHO, FILES, ISSUER, PASSWORD, VERIFIER, World, client, posted},
    },
    base::digest::sha256_base64url,
    decide::{
        authorization_server::{client::ClientAuth, form, pkce::Challenge, redirect_uri::RedirectUri},
        routing::IssuerEndpoint as E,
    },
};

const BACK: &str = "https://app.example/back";

fn page(id: &str) -> String {
    format!("{ISSUER}/consent?flow={id}")
}

#[tokio::test]
async fn e15_a_consent_becomes_one_code_that_is_bound_to_all_that_was_asked() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "app", BACK, "a b").await;
    let shown = browser.answer(&world, &id, "allow").await;
    assert_eq!(shown.status, 303, "SPEC D-55");
    assert_eq!(shown.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(shown.parameter("state").as_deref(), Some("a state & more"));
    assert_eq!(shown.parameter("iss").as_deref(), Some(ISSUER));
    let name = sha256_base64url(&shown.parameter("code").unwrap());
    let code = world.embedded.state.store.get(EntryKind::Code, &name).await.unwrap().unwrap();
    let code: AuthorizationCode = serde_json::from_slice(&code).unwrap();
    assert_eq!((&*code.client, code.redirect_uri.as_deref()), ("app", Some(BACK)));
    assert_eq!((code.challenge, &*code.resources), (Challenge::of(VERIFIER), &[ECHO.into()][..]));
    assert_eq!((&*code.scopes, &*code.person.subject), (&["a".into(), "b".into()][..], "ada"));
    assert_eq!(code.spent, None);
    // The back button: the flow is finished, and the page says so.
    let back = browser.get(&world, E::Consent, &page(&id)).await;
    assert_eq!(back.status, 400);
    assert!(back.text.contains("This login is over"), "{}", back.text);
}

#[tokio::test]
async fn e16_a_step_up_shows_only_what_is_new_as_new() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let first = browser.ask_ada(&world, "app", BACK, "a").await;
    let shown = browser.get(&world, E::Consent, &page(&first)).await;
    assert!(shown.text.contains("It will be able to") && !shown.text.contains("already allowed"));
    browser.answer(&world, &first, "allow").await;
    assert!(browser.begin(&world, "a").await.parameter("code").is_some(), "nothing is left to ask");

    let second = browser.ask_ada(&world, "app", BACK, "a b").await;
    let shown = browser.get(&world, E::Consent, &page(&second)).await;
    let (new, known) = shown.text.split_once("You have already allowed it to").unwrap();
    assert!(new.contains("<code>b</code>") && new.contains("New") && !new.contains("<code>a</code>"), "{new}");
    assert!(known.contains("<code>a</code>") && !known.contains("<code>b</code>"), "{known}");
    browser.answer(&world, &second, "allow").await;
    assert!(browser.begin(&world, "b a").await.parameter("code").is_some());
    let elsewhere = browser.authorize(&world, "app", BACK, "b", &[("resource", FILES)]).await;
    assert!(elsewhere.location().starts_with(&page("")), "another server is another question");
}

#[tokio::test]
async fn d03_login_b6_consent_is_for_the_servers_that_the_page_names() {
    let world = World::new().await;
    let both = [("resource", ECHO), ("resource", FILES)];
    let mut browser = Browser::default();
    browser.consent_to(&world, "b").await;
    // FILES names no `a`, so the token is not for it.
    let id = browser.authorize(&world, "app", BACK, "a", &both).await.flow();
    let shown = browser.get(&world, E::Consent, &page(&id)).await;
    assert!(shown.text.contains(ECHO) && !shown.text.contains(FILES), "{}", shown.text);
    browser.answer(&world, &id, "allow").await;
    assert!(browser.authorize(&world, "app", BACK, "a", &both).await.parameter("code").is_some(), "asked once");
    // If FILES names no scope any more, it is another question.
    let open = world.reloaded(|settings| {
        settings.resources[1].scopes.clear();
        settings.resources[1].default_scopes.clear();
    });
    for resources in [&both[..], &both[1..]] {
        let shown = browser.authorize(&open, "app", BACK, "a", resources).await;
        assert!(shown.location().starts_with(&page("")), "{}", shown.location());
    }
    // A page that named ECHO alone answers nothing for both.
    let id = browser.authorize(&world, "app", BACK, "a", &[both[0], both[1], ("prompt", "consent")]).await.flow();
    let csrf = browser.get(&world, E::Consent, &page(&id)).await.field("csrf");
    let form = [("flow", &*id), ("csrf", &*csrf), ("decision", "allow")];
    assert_eq!(browser.post(&open, E::Consent, &form).await.status, 403);
}

#[tokio::test]
async fn d03_consent_for_one_client_or_person_skips_nothing_for_another() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    let other = browser.authorize(&world, "other", BACK, "a", &[]).await;
    assert!(other.location().starts_with(&page("")), "{}", other.location());
    let everybody = world.reloaded(|settings| settings.grants[0].groups.clear());
    let id = browser.authorize(&everybody, "app", BACK, "a", &[("prompt", "login")]).await.flow();
    let bob = browser.log_in(&everybody, &id, "bob", PASSWORD).await;
    assert_eq!(bob.location(), page(&bob.flow()));
    assert!(!browser.get(&everybody, E::Consent, &page(&id)).await.text.contains("already allowed"));
}

#[tokio::test]
async fn d03_consent_for_one_redirect_origin_skips_nothing_for_another() {
    const ELSEWHERE: &str = "https://elsewhere.example/back";
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    assert!(browser.begin(&world, "a").await.parameter("code").is_some());
    let moved = world.reloaded(|settings| {
        settings.clients[0].redirect_uris = [ELSEWHERE, "https://app.example/other", "https://app.example:444/back"]
            .map(|uri| RedirectUri::parse(uri).unwrap())
            .to_vec();
    });
    let ask = async |browser: &mut Browser, uri: &str| browser.authorize(&moved, "app", uri, "a", &[]).await;
    assert!(ask(&mut browser, "https://app.example/other").await.parameter("code").is_some(), "the same origin");
    for uri in [ELSEWHERE, "https://app.example:444/back"] {
        let silent = browser.authorize(&moved, "app", uri, "a", &[("prompt", "none")]).await;
        assert_eq!(silent.parameter("error").as_deref(), Some("consent_required"), "{uri}");
        let shown = ask(&mut browser, uri).await;
        assert!(shown.location().starts_with(&page("")), "{uri}: {}", shown.location());
        let text = browser.get(&moved, E::Consent, &page(&shown.flow())).await.text;
        assert!(!text.contains("already allowed"), "{uri}");
        browser.answer(&moved, &shown.flow(), "allow").await;
        assert!(ask(&mut browser, uri).await.parameter("code").is_some(), "{uri}");
    }
    assert!(browser.begin(&world, "a").await.parameter("code").is_some(), "the first is still allowed");
}

#[tokio::test]
async fn e16_scopes_that_no_rule_gives_are_not_granted() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.begin(&world, "a").await.flow();
    browser.log_in(&world, &id, "bob", PASSWORD).await;
    let shown = browser.get(&world, E::Consent, &page(&id)).await;
    assert!(shown.text.contains("This account may not allow it") && !shown.text.contains("value=\"allow\""));
    let csrf = shown.field("csrf");
    let forced = browser.post(&world, E::Consent, &[("flow", &id), ("csrf", &csrf), ("decision", "allow")]).await;
    assert_eq!(forced.status, 403);
    let narrowed = world.reloaded(|settings| settings.grants[0].scopes.truncate(1));
    let mut browser = Browser::default();
    let id = browser.ask_ada(&narrowed, "app", BACK, "a b").await;
    let shown = browser.get(&narrowed, E::Consent, &page(&id)).await;
    let (can, cannot) = shown.text.split_once("Your account cannot give it").unwrap();
    assert!(can.contains("<code>a</code>") && !can.contains("<code>b</code>"), "{can}");
    assert!(cannot.contains("<code>b</code>") && !cannot.contains("<code>a</code>"), "{cannot}");
}

#[tokio::test]
async fn d02_a_no_goes_back_to_the_client_once() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "app", BACK, "a").await;
    let csrf = browser.get(&world, E::Consent, &page(&id)).await.field("csrf");
    let shown = browser.answer(&world, &id, "deny").await;
    assert_eq!((shown.status.as_u16(), shown.parameter("error").as_deref()), (303, Some("access_denied")));
    assert_eq!(shown.parameter("state").as_deref(), Some("a state & more"));
    let late = browser.post(&world, E::Consent, &[("flow", &id), ("csrf", &csrf), ("decision", "allow")]).await;
    assert_eq!(late.status, 400);
    assert!(world.embedded.state.store.everything(EntryKind::Code).is_empty());
    assert!(world.embedded.state.store.everything(EntryKind::Consent).is_empty());
}

#[tokio::test]
async fn attack_163_a_consent_that_this_page_of_this_browser_did_not_send_is_refused() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "app", BACK, "a").await;
    let csrf = browser.get(&world, E::Consent, &page(&id)).await.field("csrf");
    let other = browser.ask_ada(&world, "other", BACK, "a").await;
    let of_other = browser.get(&world, E::Consent, &page(&other)).await.field("csrf");
    let of_login = browser.get(&world, E::Login, &format!("{ISSUER}/login?flow={id}")).await.field("csrf");
    for (csrf, decision, status) in [
        ("", "allow", 403),
        (&*of_other, "allow", 403),
        (&*of_login, "allow", 403),
        (&*csrf, "", 400),
        (&*csrf, "yes", 400),
    ] {
        let shown = browser.post(&world, E::Consent, &[("flow", &id), ("csrf", csrf), ("decision", decision)]).await;
        assert_eq!(shown.status, status, "{decision}: {}", shown.text);
        assert!(!shown.headers.contains_key(header::LOCATION));
    }
    let form = [("flow", &*id), ("csrf", &*csrf), ("decision", "allow")];
    let mut request = posted(&form);
    request.headers_mut().insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    assert_eq!(browser.send(&world, E::Consent, request).await.status, 403);

    // Another browser (SPEC D-05), with or without a login there.
    let mut other_browser = Browser::default();
    assert_eq!(other_browser.post(&world, E::Consent, &form).await.status, 403);
    assert_eq!(other_browser.get(&world, E::Consent, &page(&id)).await.status, 403);
    other_browser.ask_ada(&world, "app", BACK, "a").await;
    assert_eq!(other_browser.post(&world, E::Consent, &form).await.status, 403);
    assert!(world.embedded.state.store.everything(EntryKind::Code).is_empty());
}

#[tokio::test]
async fn d03_a_question_that_has_become_another_is_not_answered() {
    let world = World::new().await;
    let everybody = world.reloaded(|settings| settings.grants[0].groups.clear());
    let mut browser = Browser::default();
    let id = browser.ask_ada(&everybody, "app", BACK, "a").await;
    let csrf = browser.get(&everybody, E::Consent, &page(&id)).await.field("csrf");
    browser.log_in(&everybody, &id, "bob", PASSWORD).await;
    let form = [("flow", &*id), ("csrf", &*csrf), ("decision", "allow")];
    assert_eq!(browser.post(&everybody, E::Consent, &form).await.status, 403, "it was ada's to answer");
    let id = browser.authorize(&everybody, "app", BACK, "a b", &[]).await.flow();
    let csrf = browser.get(&everybody, E::Consent, &page(&id)).await.field("csrf");
    let narrowed = everybody.reloaded(|settings| settings.grants[0].scopes.truncate(1));
    let form = [("flow", &*id), ("csrf", &*csrf), ("decision", "allow")];
    assert_eq!(browser.post(&narrowed, E::Consent, &form).await.status, 403, "it showed other scopes");
}

#[tokio::test]
async fn e16_an_account_that_is_gone_allows_nothing() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "app", BACK, "a").await;
    let csrf = browser.get(&world, E::Consent, &page(&id)).await.field("csrf");
    let without = world.reloaded(|settings| {
        let Login::Accounts(accounts) = &mut settings.login else { panic!() };
        accounts.accounts.retain(|account| *account.name != *"ada");
    });
    let form = [("flow", &*id), ("csrf", &*csrf), ("decision", "allow")];
    assert_eq!(browser.get(&without, E::Consent, &page(&id)).await.status, 403);
    assert_eq!(browser.post(&without, E::Consent, &form).await.status, 403);
    assert!(world.embedded.state.store.everything(EntryKind::Code).is_empty());
}

#[tokio::test]
async fn e16_a_user_whom_no_grant_names_gets_no_access_without_scopes() {
    let world = World::with(|settings| {
        for server in &mut settings.resources {
            (server.scopes, server.default_scopes) = (Vec::new(), Vec::new());
        }
    })
    .await;
    let mut browser = Browser::default();
    let id = browser.authorize(&world, "app", BACK, "", &[]).await.flow();
    browser.log_in(&world, &id, "ada", PASSWORD).await;
    assert!(browser.answer(&world, &id, "allow").await.parameter("code").is_some(), "the staff have an entry");
    let mut browser = Browser::default();
    let id = browser.authorize(&world, "app", BACK, "", &[]).await.flow();
    browser.log_in(&world, &id, "bob", PASSWORD).await;
    assert!(browser.get(&world, E::Consent, &page(&id)).await.text.contains("This account may not allow it"));
    assert_eq!(browser.answer(&world, &id, "allow").await.status, 403);
}

#[tokio::test]
async fn e34_clients_of_ones_own_machine_are_asked_about_each_time() {
    let mut native = client("native", ClientAuth::None);
    native.redirect_uris = vec![RedirectUri::parse("http://127.0.0.1/back").unwrap()];
    let world = World::with(|settings| settings.clients.push(native)).await;
    let mut browser = Browser::default();
    for _ in 0..2 {
        let id = browser.ask_ada(&world, "native", "http://127.0.0.1:4711/back", "a").await;
        let shown = browser.get(&world, E::Consent, &page(&id)).await;
        assert!(shown.text.contains("Continue only if you have just started this yourself"), "{}", shown.text);
        assert!(shown.text.contains("<bdi>127.0.0.1</bdi>"));
        let shown = browser.answer(&world, &id, "allow").await;
        assert!(shown.location().starts_with("http://127.0.0.1:4711/back?code="));
    }
    let silent = [("prompt", "none")];
    let shown = browser.authorize(&world, "native", "http://127.0.0.1:4711/back", "a", &silent).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn attack_216_no_consent_to_a_scheme_that_any_program_may_claim_is_remembered() {
    const HERE: &str = "cursor://anysphere.cursor-mcp/oauth/callback";
    let mut native = client("native", ClientAuth::None);
    native.redirect_uris.push(RedirectUri::parse(HERE).unwrap());
    let world = World::with(|settings| settings.clients.push(native)).await;
    let mut browser = Browser::default();
    for _ in 0..2 {
        let id = browser.ask_ada(&world, "native", HERE, "a").await;
        let shown = browser.get(&world, E::Consent, &page(&id)).await;
        assert!(shown.text.contains("claim addresses that begin with <bdi>cursor:</bdi>"), "{}", shown.text);
        assert!(!shown.text.contains("already allowed"), "{}", shown.text);
        let shown = browser.answer(&world, &id, "allow").await;
        assert!(shown.location().starts_with(&format!("{HERE}?code=")), "{}", shown.location());
        assert_eq!(world.embedded.state.store.everything(EntryKind::Consent).len(), 0);
    }
    // Nor does an answer without a page go there, although the operator set up the client.
    let silent = browser.authorize(&world, "native", HERE, "a", &[("prompt", "none")]).await;
    assert_eq!(silent.status, 400, "{}", silent.text);
    assert!(silent.text.contains("Return to <bdi>cursor</bdi>"), "{}", silent.text);
    assert!(silent.text.contains("any program there can claim this name"), "{}", silent.text);
    assert!(silent.text.contains(&format!("href=\"{HERE}?error=consent_required")), "{}", silent.text);
}

#[tokio::test]
async fn d04_a_flow_has_its_time_and_its_login() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.begin(&world, "a").await.flow();
    let early = browser.get(&world, E::Consent, &page(&id)).await;
    assert_eq!(early.location(), format!("{ISSUER}/login?{}", form::encode(&[("flow", &id)])), "no user has logged in");
    world.clock.turn(std::time::Duration::from_secs(600));
    for id in [&*id, "", "x", &"x".repeat(22)] {
        let shown = browser.get(&world, E::Consent, &page(id)).await;
        assert_eq!(shown.status, 400, "{id}");
        assert!(shown.text.contains("This login is over"));
    }
}
