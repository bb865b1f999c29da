//! The authorize endpoint: errors on a page, errors for the client, and valid requests.

use std::time::Duration;

use http::header;

use crate::{
    authorization_server::{
        settings::Dynamic,
        store::kind::EntryKind,
        testing::{Browser, ISSUER, World, client},
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth, ClientOrigin},
            redirect_uri::RedirectUri,
        },
        routing::IssuerEndpoint as E,
    },
};

const BACK: &str = "https://app.example/back";

#[tokio::test]
async fn e10_without_a_client_and_its_address_there_is_a_page_and_no_redirect() {
    let world = World::new().await;
    // SPEC E-10, E-14, D-06, D-55, attack 159.
    for (client, redirect, why) in [
        ("", BACK, "client_id is missing"),
        ("unknown", BACK, "the client is not registered here"),
        ("<script>alert(1)</script>", BACK, "the client is not registered here"),
        ("app", "https://app.example/back/", "redirect_uri is not registered"),
        ("app", "https://app.example/bac", "redirect_uri is not registered"),
        ("app", "https://app.example/Back", "redirect_uri is not registered"),
        ("app", "https://app.example/%62ack", "redirect_uri is not registered"),
        ("app", "https://app.example/back?x=1", "redirect_uri is not registered"),
        ("app", "https://app.example:8443/back", "redirect_uri is not registered"),
        ("app", "https://app.example.evil.example/back", "redirect_uri is not registered"),
        ("app", "https://evil.example/https://app.example/back", "redirect_uri is not registered"),
        ("app", "http://app.example/back", "redirect_uri is not registered"),
        ("app", "javascript:alert(1)", "redirect_uri is not registered"),
        ("robot", BACK, "this client has no redirect uri"),
    ] {
        let shown = Browser::default().authorize(&world, client, redirect, "a", &[]).await;
        assert_eq!(shown.status, 400, "{client} {redirect}");
        assert!(!shown.headers.contains_key(header::LOCATION) && !shown.headers.contains_key(header::SET_COOKIE));
        assert!(shown.text.to_lowercase().contains(why), "{redirect}: {}", shown.text);
        assert!(!shown.text.contains("<script") && !shown.text.contains("evil.example"), "{}", shown.text);
    }
    for query in ["client_id=app&client_id=other", "client_id=app&redirect_uri=%", "client_id=app&x=%00"] {
        let uri = format!("{ISSUER}/authorize?{query}");
        let shown = Browser::default().get(&world, E::Authorize, &uri).await;
        assert_eq!(shown.status, 400, "{query}");
        assert!(!shown.headers.contains_key(header::LOCATION), "{query}");
    }
}

#[tokio::test]
async fn e10_what_else_is_wrong_goes_back_by_redirect_with_state_and_iss() {
    let world = World::new().await;
    // SPEC E-11, E-12, E-13, attacks 160, 161.
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("resource", "https://gw.example/other", "invalid_target"),
        ("resource", "https://gw.example/echo#x", "invalid_target"),
        ("scope", "nothing", "invalid_scope"),
        ("scope", "a\tb", "invalid_scope"),
        ("request", "x", "request_not_supported"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
    ] {
        let shown = Browser::default().authorize(&world, "app", BACK, "a", &[(name, value)]).await;
        assert_eq!(shown.status, 303, "{name}={value}");
        assert!(shown.location().starts_with("https://app.example/back?error="), "{}", shown.location());
        assert_eq!(shown.parameter("error").as_deref(), Some(error), "{name}={value}");
        assert_eq!(shown.parameter("state").as_deref(), Some("a state & more"));
        assert_eq!(shown.parameter("iss").as_deref(), Some(ISSUER));
        assert_eq!(shown.parameter("code"), None);
    }
}

/// A client as anyone could register it.
fn registered(id: &str, origin: ClientOrigin) -> Client {
    let mut client = client(id, ClientAuth::None);
    client.origin = origin;
    client.redirect_uris.push(RedirectUri::parse("http://127.0.0.1/back").unwrap());
    client.redirect_uris.push(RedirectUri::parse("com.example.app:/back").unwrap());
    client
}

#[tokio::test]
async fn e10_before_sign_in_no_error_leads_to_a_site_that_anyone_could_register() {
    const DOCUMENT: &str = "https://client.example/c.json";
    let world = World::with(|settings| {
        settings.clients = vec![
            registered("dyn", ClientOrigin::Dynamic),
            registered(DOCUMENT, ClientOrigin::Document),
            registered("app", ClientOrigin::Configured),
        ];
        settings.registration.document_hosts = vec!["*".into()];
    });
    let world = world.await;
    let token = world.reloaded(|settings| {
        settings.registration.dynamic = Dynamic::Token(crate::base::secret::Secret::new(vec![1; 32]));
        settings.registration.document_hosts = vec!["*".into(), "*.example".into(), "client.example".into()];
    });
    for (name, value) in [("response_type", "token"), ("scope", "nothing"), ("prompt", "none"), ("resource", "x")] {
        for id in ["dyn", DOCUMENT] {
            let shown = Browser::default().authorize(&world, id, BACK, "a", &[(name, value)]).await;
            assert_eq!(shown.status, 400, "{id} {name}: {shown:?}");
            assert!(!shown.headers.contains_key(header::LOCATION), "{id} {name}");
            assert!(shown.text.contains("Return to <bdi>app.example</bdi>"), "{}", shown.text);
            assert!(shown.text.contains("href=\"https://app.example/back?error="), "{}", shown.text);
            assert!(shown.text.contains("rel=\"noreferrer noopener\""), "{}", shown.text);
        }
        for (world, id, uri) in [
            (&world, "dyn", "http://127.0.0.1:4711/back"),
            (&world, "dyn", "com.example.app:/back"),
            (&world, "app", BACK),
            (&token, "dyn", BACK),
            (&token, DOCUMENT, BACK),
        ] {
            let shown = Browser::default().authorize(world, id, uri, "a", &[(name, value)]).await;
            assert_eq!(shown.status, 303, "{id} {uri} {name}");
            assert!(shown.parameter("error").is_some() && shown.parameter("iss").is_some(), "{id} {uri} {name}");
        }
    }
}

#[tokio::test]
async fn e10_after_sign_in_errors_lead_back_even_to_such_a_site() {
    let world = World::with(|settings| settings.clients = vec![registered("dyn", ClientOrigin::Dynamic)]).await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "dyn", BACK, "a").await;
    let denied = browser.answer(&world, &id, "deny").await;
    assert_eq!(denied.parameter("error").as_deref(), Some("access_denied"));
    // Signed in, but the user does not know this client.
    let silent = browser.authorize(&world, "dyn", BACK, "a", &[("prompt", "none")]).await;
    assert_eq!(silent.status, 400);
    let id = browser.ask_ada(&world, "dyn", BACK, "a").await;
    browser.answer(&world, &id, "allow").await;
    let silent = browser.authorize(&world, "dyn", BACK, "a", &[("prompt", "none")]).await;
    assert!(silent.parameter("code").is_some());
    let more = browser.authorize(&world, "dyn", BACK, "a b", &[("prompt", "none")]).await;
    assert_eq!(more.parameter("error").as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn e17_prompt_none_shows_nothing_and_other_prompts_skip_nothing() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    let ask = async |browser: &mut Browser, scope: &str, prompt: &str| {
        browser.authorize(&world, "app", BACK, scope, &[("prompt", prompt)]).await
    };
    assert!(ask(&mut browser, "a", "none").await.parameter("code").is_some(), "all of it was allowed before");
    let more = ask(&mut browser, "a b", "none").await;
    assert_eq!(more.parameter("error").as_deref(), Some("consent_required"));
    assert!(ask(&mut browser, "a", "").await.parameter("code").is_some());
    // `consent` asks for no password of a user who is signed in.
    for (prompt, page) in [("login", "login"), ("consent", "consent"), ("select_account", "login")] {
        let shown = ask(&mut browser, "a", prompt).await;
        assert!(shown.location().starts_with(&format!("https://gw.example/oauth/{page}?flow=")), "{prompt}");
    }
    let mut other = Browser::default();
    assert_eq!(ask(&mut other, "a", "none").await.parameter("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn e17_login_c4_max_age_asks_for_a_login_that_is_recent_enough() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    for (later, max_age, is_enough) in
        [(0, "60", true), (0, "0", false), (60, "60", true), (1, "60", false), (0, "3600", true), (0, "", true)]
    {
        world.clock.turn(Duration::from_secs(later));
        let shown = browser.authorize(&world, "app", BACK, "a", &[("max_age", max_age)]).await;
        assert_eq!(shown.parameter("code").is_some(), is_enough, "{max_age}: {shown:?}");
        assert_eq!(shown.location().contains("/login?flow="), !is_enough, "{max_age}: {shown:?}");
    }
    let silent = [("max_age", "60"), ("prompt", "none")];
    let shown = browser.authorize(&world, "app", BACK, "a", &silent).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn e18_redirects_and_cookies_of_the_authorize_endpoint_are_not_kept() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let shown = browser.begin(&world, "a").await;
    assert_eq!(shown.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(shown.headers[header::REFERRER_POLICY], "no-referrer");
    let before = browser.cookies.clone();
    browser.begin(&world, "a").await;
    assert_eq!(browser.cookies, before, "a browser stays the same, or a login in another window would be lost");
}

#[tokio::test]
async fn e28_one_address_begins_only_so_many_logins() {
    let world = World::new().await;
    for _ in 0..300 {
        assert_eq!(Browser::default().authorize(&world, "unknown", BACK, "a", &[]).await.status, 400);
    }
    let shown = Browser::default().begin(&world, "a").await;
    assert_eq!((shown.status.as_u16(), &shown.headers[header::RETRY_AFTER]), (429, &header::HeaderValue::from(1)));
    assert!(shown.text.contains("Too many attempts"));
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(Browser::default().begin(&world, "a").await.status, 303);
}

#[tokio::test]
async fn d03_a_session_ends_with_its_time_its_password_and_its_account() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    let is_known = async |world: &World| browser.clone().begin(world, "a").await.parameter("code").is_some();
    assert!(is_known(&world).await);
    let accounts = |change: fn(&mut crate::authorization_server::person::accounts::Account)| {
        world.reloaded(|settings| {
            let crate::authorization_server::settings::Login::Accounts(accounts) = &mut settings.login else {
                panic!("accounts")
            };
            change(&mut accounts.accounts[0]);
        })
    };
    assert!(!is_known(&accounts(|ada| ada.hash = "$argon2id$another".into())).await);
    assert!(!is_known(&accounts(|ada| ada.name = "eve".into())).await);
    world.clock.turn(Duration::from_secs(8 * 3600 - 1));
    assert!(is_known(&world).await);
    world.clock.turn(Duration::from_secs(1));
    assert!(!is_known(&world).await);
}

#[tokio::test]
async fn e34_a_native_way_back_is_always_asked_about() {
    let mut both = client("both", ClientAuth::None);
    let loopback = RedirectUri::parse("http://127.0.0.1/back").unwrap();
    both.redirect_uris.push(loopback);
    let world = World::with(|settings| settings.clients.push(both)).await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "both", BACK, "a").await;
    assert!(browser.answer(&world, &id, "allow").await.parameter("code").is_some());
    assert!(browser.authorize(&world, "both", BACK, "a", &[]).await.parameter("code").is_some());
    let shown = browser.authorize(&world, "both", "http://127.0.0.1:4711/back", "a", &[]).await;
    assert!(shown.location().starts_with("https://gw.example/oauth/consent?flow="), "{}", shown.location());
    let page = browser.get(&world, E::Consent, shown.location()).await;
    assert!(page.text.contains("Continue only if you have just started this yourself"));
    assert!(world.embedded.state.store.everything(EntryKind::Code).len() == 2);
}
