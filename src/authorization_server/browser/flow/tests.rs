//! Flows: how they travel; each ends once, and only if it is unchanged.

use std::time::Duration;

use bytes::Bytes;
use http::Request;

use crate::{
    authorization_server::{
        browser::{
            flow::{self, Flow, FlowAt},
            named_flow,
        },
        embedded::Asked,
        store::kind::EntryKind,
        testing::{Browser, ECHO, ISSUER, PASSWORD, World, client},
    },
    base::clock::Clock,
    decide::{
        authorization_server::{
            client::{Client, ClientAuth},
            error::{Code as Word, OAuthError},
            redirect_uri::RedirectUri,
        },
        routing::IssuerEndpoint as E,
    },
};

const BACK: &str = "https://app.example/back";

/// What a browser gets for a flow that it names.
async fn resumed(world: &World, browser: &Browser, named: &str) -> Result<(Flow, FlowAt), OAuthError> {
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = Request::get(ISSUER).header("cookie", cookies.join("; ")).body(Bytes::new()).unwrap();
    let (head, body) = request.into_parts();
    let asked = Asked {
        endpoint: E::Login,
        head: &head,
        body,
        peer: [192, 0, 2, 1].into(),
        now: Clock::now(&*world.clock),
        places: 256,
    };
    named_flow::resume(&world.embedded, named, &asked).await
}

/// A flow of Ada, who has signed in, its id and where it is.
async fn signed_in(world: &World) -> (Browser, String, Flow, FlowAt) {
    let mut browser = Browser::default();
    let id = browser.ask_ada(world, "app", BACK, "a").await;
    let (flow, at) = resumed(world, &browser, &id).await.unwrap();
    (browser, id, flow, at)
}

#[tokio::test]
async fn e15_of_two_answers_to_a_flow_one_becomes_a_code() {
    let world = World::new().await;
    let (_, _, flow, at) = signed_in(&world).await;
    let finish = || flow::finish(&world.embedded, &at, flow.clone(), vec!["a".into()]);
    let (one, two) = tokio::join!(finish(), finish());
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(world.embedded.state.store.everything(EntryKind::Code).len(), 1);
}

#[tokio::test]
async fn d03_a_step_that_another_has_overtaken_is_not_taken() {
    let world = World::new().await;
    let (_, _, mut flow, at) = signed_in(&world).await;
    flow.request.scopes = vec!["b".into()];
    flow::sign_in(&world.embedded, &at, &flow).await.unwrap();
    let again = flow::sign_in(&world.embedded, &at, &flow).await;
    assert_eq!(again.unwrap_err().code, Word::InvalidRequest);
    let other = flow::finish(&world.embedded, &at, flow, vec!["a".into()]).await;
    assert_eq!(other.unwrap_err().code, Word::InvalidRequest, "not what was decided by");
    assert!(world.embedded.state.store.everything(EntryKind::Code).is_empty());
}

#[tokio::test]
async fn attack_157_a_flow_is_short_however_long_the_client_is() {
    let far = |n: usize| RedirectUri::parse(&format!("https://app.example/{n}/{}", "x".repeat(900))).unwrap();
    let long = Client {
        auth: ClientAuth::Keys("\"".repeat(8_000).into()),
        redirect_uris: (0..16).map(far).collect(),
        scopes: Some((0..500).map(|n| format!("a{n}").as_str().into()).chain(["a".into()]).collect()),
        ..client("long", ClientAuth::None)
    };
    let world = World::with(|settings| settings.clients.push(long)).await;
    let named = Browser::default().authorize(&world, "long", far(3).as_str(), "a", &[]).await.flow();
    assert!(named.len() < 2_048, "{}", named.len());
    let named = Browser::default().begin(&world, "a").await.flow();
    assert!(named.len() < 700, "a usual one has {}", named.len());
}

#[tokio::test]
async fn login_d2_a_request_for_every_scope_travels_and_a_longer_one_is_refused() {
    let scopes: Vec<_> = (0..250).map(|n| format!("tools:category-{n:03}:run")).collect();
    let world = World::with(|settings| {
        settings.resources[0].scopes = scopes.iter().map(|scope| scope.as_str().into()).collect();
    });
    let world = world.await;
    let (mut browser, all) = (Browser::default(), scopes[..200].join(" "));
    let named = browser.authorize(&world, "app", BACK, &all, &[]).await.flow();
    assert!(named.len() < 1_500, "{}", named.len());
    let (flow, _) = resumed(&world, &browser, &named).await.unwrap();
    assert!(flow.request.scopes.iter().map(|scope| scope.as_str()).eq(scopes[..200].iter().map(String::as_str)));
    let changed = world.reloaded(|settings| drop(settings.resources[0].scopes.remove(7)));
    assert_eq!(resumed(&changed, &browser, &named).await.unwrap_err().code, Word::InvalidRequest);
    let state = "s".repeat(2_048);
    let uri = format!("https://app.example/{}", "x".repeat(2_000));
    let wide = world.reloaded(|settings| settings.clients[0].redirect_uris = vec![RedirectUri::parse(&uri).unwrap()]);
    let shown = browser.authorize(&wide, "app", &uri, "tools:category-001:run", &[("state", &state)]).await;
    assert!(shown.flow().len() > 4_096);
    let named = format!("tools:category-001:run {}", "n".repeat(1_000));
    let more = [("state", &*state), ("login_hint", &*"h".repeat(320))];
    let shown = browser.authorize(&wide, "app", &uri, &named, &more).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("invalid_request"), "{shown:?}");
}

#[tokio::test]
async fn login_d2_attack_203_a_flow_travels_and_is_used_once_from_the_sign_in_on() {
    let world = World::new().await;
    let store = &world.embedded.state.store;
    let mut browser = Browser::default();
    let named = browser.begin(&world, "a").await.flow();
    browser.log_in(&world, &named, "ada", "wrong").await;
    assert!(store.everything(EntryKind::Flow).is_empty(), "nothing is stored before the sign-in");
    let first = browser.log_in(&world, &named, "ada", PASSWORD).await.flow();
    // The back button: the same page, and another account.
    let second = browser.log_in(&world, &named, "ada", PASSWORD).await.flow();
    assert_eq!(first, second);
    assert_eq!(store.everything(EntryKind::Flow).len(), 1);
    assert!(browser.answer(&world, &first, "allow").await.parameter("code").is_some());
    for name in [&named, &first] {
        for (endpoint, page) in [(E::Login, "login"), (E::Consent, "consent")] {
            let shown = browser.get(&world, endpoint, &format!("{ISSUER}/{page}?flow={name}")).await;
            assert!(shown.status == 400 && shown.text.contains("This login is over"), "{page}: {}", shown.text);
        }
    }
    assert_eq!(store.everything(EntryKind::Code).len(), 1);
}

#[tokio::test]
async fn login_d2_attack_204_a_sealed_flow_is_good_in_its_browser_at_its_issuer_in_its_time_and_unchanged() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let named = browser.begin(&world, "a").await.flow();
    assert!(resumed(&world, &browser, &named).await.is_ok());
    let code = async |world: &World, browser: &Browser, named: &str| {
        resumed(world, browser, named).await.map(|_| ()).map_err(|error| error.code)
    };
    let mut other = Browser::default();
    other.begin(&world, "a").await;
    assert_eq!(code(&world, &other, &named).await, Err(Word::AccessDenied), "another browser");
    assert_eq!(code(&world, &Browser::default(), &named).await, Err(Word::AccessDenied), "no cookie");
    let elsewhere = world.reloaded(|settings| settings.issuer = "https://gw.example/other".into());
    assert_eq!(code(&elsewhere, &browser, &named).await, Err(Word::InvalidRequest), "another issuer");
    assert_eq!(code(&World::new().await, &browser, &named).await, Err(Word::InvalidRequest), "other keys");
    for at in (0..named.len()).step_by(7) {
        let mut bent = named.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).unwrap();
        assert_eq!(code(&world, &browser, &bent).await, Err(Word::InvalidRequest), "byte {at}");
        assert!(code(&world, &browser, named.get(..at).unwrap()).await.is_err(), "cut at {at}");
    }
    // It says itself whose it is: no client can be put in the place of another.
    let (flow, at) = resumed(&world, &browser, &named).await.unwrap();
    assert_eq!((&*flow.client.id, &*flow.request.client, &*flow.request.resources[0]), ("app", "app", ECHO));
    assert!(flow.person.is_none() && !at.is_stored());
    world.clock.turn(Duration::from_secs(599));
    assert!(code(&world, &browser, &named).await.is_ok());
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(code(&world, &browser, &named).await, Err(Word::InvalidRequest), "expired");
}

#[tokio::test]
async fn login_d2_a_flow_that_an_earlier_release_stored_goes_on() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let named = browser.begin(&world, "a").await.flow();
    let (flow, _) = resumed(&world, &browser, &named).await.unwrap();
    let mut stored = serde_json::to_value(&flow).unwrap();
    let earlier = stored.as_object_mut().unwrap();
    for name in ["session", "holder", "until"] {
        earlier.remove(name);
    }
    earlier.insert("consented".into(), serde_json::Value::Null);
    earlier.insert("bridge".into(), serde_json::Value::Null);
    for name in ["idp_prompt", "max_age"] {
        earlier["request"].as_object_mut().unwrap().remove(name);
    }
    let id = "0123456789012345678901";
    let until = world.clock.now().wall + Duration::from_secs(300);
    let key = crate::base::digest::sha256_base64url(id);
    world.embedded.state.store.put(EntryKind::Flow, &key, stored.to_string().into_bytes(), until).await.unwrap();
    let next = browser.log_in(&world, id, "ada", PASSWORD).await;
    assert_eq!(next.flow(), id);
    assert!(browser.answer(&world, id, "allow").await.parameter("code").is_some());
    assert_eq!(browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await.status, 400);
}

#[tokio::test]
async fn d04_the_store_holds_no_name_that_a_browser_holds() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "app", "https://app.example/back", "a").await;
    let shown = browser.answer(&world, &id, "allow").await;
    let mut secrets: Vec<String> = browser.cookies.iter().map(|(_, value)| value.clone()).collect();
    let again = browser.begin(&world, "a b").await;
    assert!(again.location().contains("/consent?"), "with a session, the flow is stored at once");
    secrets.extend([shown.parameter("code").unwrap(), again.flow(), id]);
    for kind in [EntryKind::Flow, EntryKind::Login, EntryKind::Code, EntryKind::Consent] {
        let all = world.embedded.state.store.everything(kind);
        assert!(!all.is_empty(), "{kind:?}");
        for (name, value) in all {
            let value = String::from_utf8(value).unwrap();
            assert!(!secrets.iter().any(|secret| name.contains(secret) || value.contains(secret)), "{kind:?}");
        }
    }
    assert_eq!(browser.get(&world, E::Login, &format!("{ISSUER}/login")).await.status, 400);
}
