//! What the pages show and what they never do: markup of strangers, scripts, loads from elsewhere.

use std::fs;

use crate::{
    decide::{
        grant::{
            client::{Client, ClientAuth, Origin},
            error::Code,
            redirect::RedirectUri,
        },
        route::IssuerEndpoint as E,
    },
    issuer::{
        page,
        testing::{Browser, ISSUER, PASSWORD, World, client},
    },
};

fn dynamic(name: &str, redirect: &str) -> Client {
    Client {
        name: Some(name.into()),
        origin: Origin::Dynamic,
        redirect_uris: vec![RedirectUri::parse(redirect).unwrap()],
        ..client("dyn_1", ClientAuth::None)
    }
}

async fn with(client: Client) -> World {
    World::with(|settings| {
        settings.clients.insert(0, client);
        settings.scope_descriptions = vec![("a".into(), "Read your notes".into())];
    })
    .await
}

#[tokio::test]
#[ignore = "writes the pages into the folder that PAGES names, so that they can be looked at"]
async fn pages_are_written_for_the_eye() {
    let Ok(folder) = std::env::var("PAGES") else { return };
    let write = |name: &str, html: &str| fs::write(format!("{folder}/{name}.html"), html).unwrap();

    let world = with(dynamic("MCP Inspector", "http://127.0.0.1:6274/oauth/callback")).await;
    let mut browser = Browser::default();
    let start = browser.authorize(&world, "dyn_1", "http://127.0.0.1:6274/oauth/callback", "a b", &[]).await;
    write("login", &browser.get(&world, E::Login, start.location()).await.text);
    let id = start.flow();
    write("login-wrong", &browser.log_in(&world, &id, "ada", "not the password").await.text);
    let next = browser.log_in(&world, &id, "ada", PASSWORD).await;
    write("consent-native", &browser.get(&world, E::Consent, next.location()).await.text);

    let world = World::with(|settings| {
        settings.scope_descriptions =
            vec![("a".into(), "Read your notes".into()), ("b".into(), "Write and delete your notes".into())];
        settings.clients[0].name = Some("Field notes".into());
    })
    .await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    let next = browser.begin(&world, "a b").await;
    write("consent-step-up", &browser.get(&world, E::Consent, next.location()).await.text);

    let long = "W".repeat(120);
    let mut far =
        dynamic(&long, "https://a-rather-long-host-name.department.example.com/oauth/callback/of/some/length");
    far.id = "https://clients.example.com/a/document.json".into();
    far.origin = Origin::Document;
    let world = with(far.clone()).await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, &far.id, far.redirect_uris[0].as_str(), "a b").await;
    write("consent-document", &browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await.text);

    let world = World::new().await;
    for (name, code, why) in [
        ("error-redirect", Code::InvalidRequest, "redirect_uri is none that this client has registered"),
        ("error-busy", Code::SlowDown, "too many attempts"),
    ] {
        let answer = page::error(&world.embedded, &code.because(why));
        write(name, std::str::from_utf8(answer.response.body()).unwrap());
    }
}
