//! Valid and invalid registrations (SPEC E-35…E-37, attack 157).

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};

use super::*;
use crate::{
    authorization_server::{
        store::kind::EntryKind,
        testing::{ECHO, Reply, START_SECS, World},
    },
    decide::{authorization_server::redirect_scheme::RedirectSchemes, routing::IssuerEndpoint as E},
};

async fn send(world: &World, body: impl Into<Bytes>, bearer: Option<&str>) -> Reply {
    let mut request = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, "application/json");
    if let Some(bearer) = bearer {
        request = request.header(AUTHORIZATION, bearer);
    }
    world.tell(E::Register, request.body(body.into()).unwrap()).await
}

fn good() -> Value {
    json!({
        "client_name": "Inspector", "redirect_uris": ["http://127.0.0.1/cb", "https://app.example/cb"],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
    })
}

#[tokio::test]
async fn e35_a_registration_is_answered_with_what_was_registered() {
    let world = World::new().await;
    let reply = send(&world, good().to_string(), None).await;
    assert_eq!(reply.status, 201, "{}", reply.json);
    assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(reply.json["redirect_uris"], good()["redirect_uris"]);
    assert_eq!(reply.json["grant_types"], good()["grant_types"]);
    assert_eq!(reply.json["response_types"], json!(["code"]));
    assert_eq!(reply.text("client_name"), "Inspector");
    assert_eq!(reply.text("token_endpoint_auth_method"), "none");
    assert_eq!(reply.json["client_id_issued_at"], START_SECS);
    assert_eq!(reply.json.get("client_secret"), None);

    let mut with_secret = good();
    with_secret["token_endpoint_auth_method"] = json!("client_secret_post");
    let reply = send(&world, with_secret.to_string(), None).await;
    let (id, secret) = (reply.text("client_id"), reply.text("client_secret"));
    assert_eq!(reply.json["client_secret_expires_at"], 0);
    let kept = world.embedded.state.store.get(EntryKind::Client, id).await.unwrap().unwrap();
    assert!(!String::from_utf8(kept).unwrap().contains(secret), "told once, and kept as a digest");
    assert_eq!(world.basic(E::Revoke, (id, secret), &[("token", "x")]).await.status, 200);
    assert_eq!(world.basic(E::Revoke, (id, "guess"), &[("token", "x")]).await.status, 401);
}

#[tokio::test]
async fn e35_b3_the_answer_lists_the_redirect_uris_that_are_left() {
    let world = World::new().await;
    let mut body = good();
    body["redirect_uris"] = json!([
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "javascript:alert(1)",
        "http://localhost:8787/callback"
    ]);
    body["application_type"] = json!("web");
    let reply = send(&world, body.to_string(), None).await;
    assert_eq!(reply.status, 201, "{}", reply.json);
    let left = ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"];
    assert_eq!(reply.json["redirect_uris"], json!(left));
    assert_eq!(reply.json["application_type"], "native");
    let narrow = world.reloaded(|settings| {
        settings.registration.redirect_schemes = RedirectSchemes::Listed { known: false, schemes: Vec::new() };
    });
    let reply = send(&narrow, body.to_string(), None).await;
    assert_eq!(reply.json["redirect_uris"], json!(&left[1..]));
    body["redirect_uris"] = json!(&left[..1]);
    assert_eq!(send(&narrow, body.to_string(), None).await.refusal(), (400, "invalid_redirect_uri"));
    assert_eq!(send(&world, body.to_string(), None).await.status, 201);
}

#[tokio::test]
async fn attack_157_what_is_wrong_with_a_registration_is_said() {
    let world = World::new().await;
    let change = |name: &str, value: Value| {
        let mut body = good();
        body[name] = value;
        body.to_string()
    };
    for (body, refusal) in [
        (change("redirect_uris", json!(["javascript:alert(1)"])), "invalid_redirect_uri"),
        (change("redirect_uris", json!(["http://evil.example/cb"])), "invalid_redirect_uri"),
        (change("redirect_uris", json!(["https://x.example/cb#f"])), "invalid_redirect_uri"),
        (change("redirect_uris", json!([])), "invalid_redirect_uri"),
        (change("grant_types", json!(["client_credentials"])), "invalid_client_metadata"),
        (change("client_name", json!("x".repeat(REGISTRATION_BYTES_MAX))), "invalid_client_metadata"),
        ("[]".to_owned(), "invalid_client_metadata"),
        ("{".to_owned(), "invalid_client_metadata"),
        (String::new(), "invalid_client_metadata"),
    ] {
        let reply = send(&world, body.clone(), None).await;
        assert_eq!(reply.refusal(), (400, refusal), "{body:.80}");
    }
    let form = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, "text/plain");
    let reply = world.tell(E::Register, form.body(good().to_string().into()).unwrap()).await;
    assert_eq!(reply.refusal(), (400, "invalid_client_metadata"));
}

#[tokio::test]
async fn attack_157_a_client_id_of_its_own_choice_is_ignored_and_none_looks_like_a_url() {
    let world = World::new().await;
    let mut body = good();
    body["client_id"] = json!("app");
    body["software_statement"] = json!("x.y.z");
    let reply = send(&world, body.to_string(), None).await;
    assert!(reply.text("client_id").starts_with("dyn_"));
    assert_eq!(reply.json.get("software_statement"), None);
    // E-37
    let ids: std::collections::HashSet<_> =
        (0..1_000).map(|_| registered::new_id(RegisteredBy::Anyone).unwrap()).collect();
    assert_eq!(ids.len(), 1_000);
    assert!(ids.iter().all(|id| id.starts_with("dyn_") && id.len() == 26));
}

#[tokio::test]
async fn e35_registration_may_be_off_or_take_a_token() {
    let off = World::with(|settings| settings.registration.dynamic = Dynamic::Off).await;
    assert_eq!(send(&off, good().to_string(), None).await.status, 404);

    let token = Dynamic::Token(Secret::new(b"initial".to_vec()));
    let world = World::with(|settings| settings.registration.dynamic = token).await;
    for bearer in [None, Some("Bearer wrong"), Some("Bearer"), Some("Basic initial"), Some("Bearer initial2")] {
        let reply = send(&world, good().to_string(), bearer).await;
        assert_eq!(reply.refusal(), (401, "invalid_token"), "{bearer:?}");
        assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
    }
    assert_eq!(send(&world, good().to_string(), Some("bearer initial")).await.status, 201);
}

#[tokio::test]
async fn e35_one_address_registers_only_so_often() {
    let world = World::new().await;
    let mut last = 0;
    for _ in 0..31 {
        last = send(&world, good().to_string(), None).await.status.as_u16();
        if last == 429 {
            break;
        }
        assert_eq!(last, 201);
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn login_b9_e35_a_client_that_acts_for_itself_is_told_when_it_ends() {
    let alone = json!({"redirect_uris": [], "grant_types": ["client_credentials"]});
    let both = json!({"redirect_uris": ["https://app.example/cb"], "grant_types": ["authorization_code", "client_credentials"]});
    let day = UNUSED_CLIENT_AGE;
    let token = || Dynamic::Token(Secret::new(b"initial".to_vec()));
    for (dynamic, body, ends) in [
        (Dynamic::Open, &alone, START_SECS + day.as_secs()),
        (Dynamic::Open, &both, 0),
        (token(), &alone, 0),
        (token(), &both, 0),
    ] {
        let world = World::with(|settings| {
            settings.registration.dynamic = dynamic;
            settings.registration.may_act_alone = true;
            settings.grants[1].clients.clear();
            settings.grants[1].registered = Some(RegisteredBy::Anyone);
        })
        .await;
        let reply = send(&world, body.to_string(), Some("Bearer initial")).await;
        assert_eq!(reply.status, 201, "{}", reply.json);
        assert_eq!(reply.json["redirect_uris"], body["redirect_uris"], "SDKs require the member");
        assert_eq!(reply.json["client_secret_expires_at"], ends, "{body}");
        // What it says is so, although the client is used.
        let (id, secret) = (reply.text("client_id").to_owned(), reply.text("client_secret").to_owned());
        let uses = async || {
            let pairs = [("grant_type", "client_credentials"), ("resource", ECHO), ("scope", "a")];
            world.basic(E::Token, (&id, &secret), &pairs).await.status.as_u16()
        };
        assert_eq!(uses().await, 200);
        world.clock.turn(day - Duration::from_secs(1));
        assert_eq!(uses().await, 200);
        if ends != 0 {
            world.clock.turn(Duration::from_secs(1));
            assert_eq!(uses().await, 401);
        }
    }
}
