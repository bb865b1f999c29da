//! Flows: each ends once, and only if it is unchanged.

use crate::{
    authorization_server::{
        browser::flow,
        store::kind::EntryKind,
        testing::{Browser, ISSUER, World, ada, client},
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth},
            error::Code as Word,
            redirect_uri::RedirectUri,
        },
        routing::IssuerEndpoint as E,
    },
};

async fn kept(world: &World) -> (flow::Flow, Vec<u8>) {
    let (_, before) = world.embedded.state.store.everything(EntryKind::Flow).pop().unwrap();
    (serde_json::from_slice(&before).unwrap(), before)
}

#[tokio::test]
async fn e15_of_two_answers_to_a_flow_one_becomes_a_code() {
    let world = World::new().await;
    let id = Browser::default().begin(&world, "a").await.flow();
    let (flow, _) = kept(&world).await;
    let finish = || flow::finish(&world.embedded, &id, flow.clone(), ada(), vec!["a".into()], None);
    let (one, two) = tokio::join!(finish(), finish());
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(world.embedded.state.store.everything(EntryKind::Code).len(), 1);
}

#[tokio::test]
async fn d03_a_step_that_another_has_overtaken_is_not_taken() {
    let world = World::new().await;
    let id = Browser::default().begin(&world, "a").await.flow();
    let (mut flow, before) = kept(&world).await;
    flow.person = Some(ada());
    flow::advance(&world.embedded, &id, &before, &flow).await.unwrap();
    let again = flow::advance(&world.embedded, &id, &before, &flow).await;
    assert_eq!(again.unwrap_err().code, Word::InvalidRequest);
    flow.person = None;
    let other = flow::finish(&world.embedded, &id, flow, ada(), vec!["a".into()], None).await;
    assert_eq!(other.unwrap_err().code, Word::InvalidRequest, "not what was decided by");
    assert!(world.embedded.state.store.everything(EntryKind::Code).is_empty());
}

#[tokio::test]
async fn attack_157_a_flow_is_short_however_long_the_client_is() {
    let far = |n: usize| RedirectUri::parse(&format!("https://app.example/{n}/{}", "x".repeat(900))).unwrap();
    let long = Client {
        auth: ClientAuth::Keys("\"".repeat(8_000).into()),
        redirect_uris: (0..16).map(far).collect(),
        ..client("long", ClientAuth::None)
    };
    let world = World::with(|settings| settings.clients.push(long)).await;
    Browser::default().authorize(&world, "long", far(3).as_str(), "a", &[]).await.flow();
    let (_, kept) = kept(&world).await;
    assert!(kept.len() < 4_096, "{}", kept.len());
}

#[tokio::test]
async fn d04_the_store_holds_no_name_that_a_browser_holds() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, "app", "https://app.example/back", "a").await;
    let shown = browser.answer(&world, &id, "allow").await;
    let mut secrets: Vec<String> = browser.cookies.iter().map(|(_, value)| value.clone()).collect();
    secrets.extend([shown.parameter("code").unwrap(), browser.begin(&world, "a b").await.flow(), id]);
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
