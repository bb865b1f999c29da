//! Client authentication: what is accepted and what is refused (SPEC E-24, E-26, E-28).

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};

use super::*;
use crate::{
    authorization_server::testing::{Browser, ISSUER, Reply, SECRET, START_SECS, World, client, form_request},
    base::limits::authorization_server::{DYNAMIC_CLIENT_AGE, UNUSED_CLIENT_AGE},
    decide::{
        routing::IssuerEndpoint as E,
        token::testing::{FOREIGN_KEY, P256, RSA, TestKey, with},
    },
};

/// A request that answers 200 to every authenticated client.
const ASK: [(&str, &str); 1] = [("token", "x")];
const IN: (u16, &str) = (200, "");
const OUT: (u16, &str) = (401, "invalid_client");

#[tokio::test]
async fn e26_a_secret_comes_in_the_header_or_in_the_form() {
    let world = World::new().await;
    let post = |id, secret| [("token", "x"), ("client_id", id), ("client_secret", secret)];
    for (case, reply, verdict) in [
        ("basic", world.basic(E::Revoke, ("web app", SECRET), &ASK).await, IN),
        ("post", world.post(E::Revoke, &post("web app", SECRET)).await, IN),
        ("public", world.post(E::Revoke, &[("token", "x"), ("client_id", "app")]).await, IN),
        ("wrong secret", world.post(E::Revoke, &post("web app", "guess")).await, OUT),
        ("part of the secret", world.post(E::Revoke, &post("web app", SECRET.get(..10).unwrap())).await, OUT),
        ("no secret", world.post(E::Revoke, &[("token", "x"), ("client_id", "web app")]).await, OUT),
        ("an empty secret", world.post(E::Revoke, &post("web app", "")).await, OUT),
        ("unknown client", world.post(E::Revoke, &post("unknown", SECRET)).await, OUT),
        ("a public one's secret", world.post(E::Revoke, &post("app", SECRET)).await, OUT),
        ("no client", world.post(E::Revoke, &ASK).await, OUT),
    ] {
        assert_eq!(reply.refusal(), verdict, "{case}");
        assert!(!reply.headers.contains_key(header::WWW_AUTHENTICATE), "{case}: Basic was not tried");
    }
    let reply = world.basic(E::Revoke, ("web app", "guess"), &ASK).await;
    assert_eq!(reply.refusal(), OUT);
    assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn e26_two_ways_at_once_are_none() {
    let world = World::new().await;
    let twice = [("token", "x"), ("client_id", "web app"), ("client_secret", SECRET)];
    let reply = world.basic(E::Revoke, ("web app", SECRET), &twice).await;
    assert_eq!(reply.refusal(), (400, "invalid_request"));
    let reply = world.basic(E::Revoke, ("web app", SECRET), &[("token", "x"), ("client_id", "app")]).await;
    assert_eq!(reply.refusal(), (400, "invalid_request"), "another's id");
    let reply = world.basic(E::Revoke, ("web app", SECRET), &[("token", "x"), ("client_id", "web app")]).await;
    assert_eq!(reply.refusal(), IN, "its own");
    let assertion = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", "x.y.z"), ("token", "x")];
    let reply = world.basic(E::Revoke, ("web app", SECRET), &assertion).await;
    assert_eq!(reply.refusal(), (400, "invalid_request"));
}

async fn with_header(world: &World, lines: &[&str]) -> Reply {
    let (mut head, body) = form_request(&ASK, None).into_parts();
    for line in lines {
        head.headers.append(AUTHORIZATION, line.parse().unwrap());
    }
    world.tell(E::Revoke, Request::from_parts(head, body)).await
}

#[tokio::test]
async fn e26_what_is_no_basic_credential_is_refused() {
    let world = World::new().await;
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for (line, verdict) in [
        (basic("web+app:a+secret+with+100%25+of+%2B+and+%3A"), IN),
        (basic("web%20app:a%20secret%20with%20100%25%20of%20%2b%20and%20%3a").replace("Basic", "bASIC"), IN),
        (basic("web app:a secret with 100% of + and :"), OUT),
        (basic("web+app"), OUT),
        (basic("web+app:%"), OUT),
        (basic("web+app:%zz"), OUT),
        ("Basic".to_owned(), OUT),
        ("Basic !!!".to_owned(), OUT),
        ("Bearer abc".to_owned(), OUT),
    ] {
        assert_eq!(with_header(&world, &[&line]).await.refusal(), verdict, "{line}");
    }
    let good = basic("web+app:a+secret+with+100%25+of+%2B+and+%3A");
    assert_eq!(with_header(&world, &[&good, &good]).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn e28_who_guesses_is_slowed_down() {
    let world = World::new().await;
    let mut slow = None;
    for _ in 0..100 {
        let reply = world.basic(E::Token, ("web app", "guess"), &[("grant_type", "refresh_token")]).await;
        if reply.status == 429 {
            slow = Some(reply);
            break;
        }
        assert_eq!(reply.refusal(), OUT);
    }
    let slow = slow.expect("no end of guesses");
    assert_eq!(slow.refusal(), (429, "slow_down"));
    assert!(slow.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let right = world.basic(E::Token, ("web app", SECRET), &[("grant_type", "refresh_token")]).await;
    assert_eq!(right.status, 400, "failures do not lock out the client with the right one: {}", right.json);
}

async fn keyed() -> World {
    World::with(|settings| {
        let keys = json!({"keys": [P256.jwk()]}).to_string();
        settings.clients.push(client("signer", ClientAuth::Keys(keys.into())));
    })
    .await
}

fn assertion(key: &TestKey, header: &Value, changes: &Value) -> String {
    let claims = json!({
        "iss": "signer", "sub": "signer", "aud": ISSUER, "jti": "1", "iat": START_SECS, "exp": START_SECS + 60,
    });
    key.token("ES256", &with(&json!({"typ": "JWT"}), header), &with(&claims, changes))
}

async fn assert_with(world: &World, token: &str) -> (u16, String) {
    let pairs = [("token", "x"), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", token)];
    let reply = world.post(E::Revoke, &pairs).await;
    (reply.status.as_u16(), reply.json["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn e24_private_key_jwt_proves_a_client_once() {
    let world = keyed().await;
    let none = json!({});
    let good = assertion(&P256, &none, &none);
    assert_eq!(assert_with(&world, &good).await.0, 200);
    assert_eq!(assert_with(&world, &good).await, (401, "invalid_client".to_owned()), "used before");
    let same_id = assertion(&P256, &none, &json!({"exp": START_SECS + 61}));
    assert_eq!(assert_with(&world, &same_id).await.0, 401, "the id counts");
    for (case, token) in [
        ("another's key", assertion(&FOREIGN_KEY, &json!({"kid": "p256"}), &json!({"jti": "2"}))),
        ("another audience", assertion(&P256, &none, &json!({"jti": "2", "aud": "https://as.example"}))),
        ("another client", assertion(&P256, &none, &json!({"jti": "2", "iss": "app", "sub": "app"}))),
        ("unknown", assertion(&P256, &none, &json!({"jti": "2", "iss": "unknown", "sub": "unknown"}))),
        ("expired", assertion(&P256, &none, &json!({"jti": "2", "exp": START_SECS - 31}))),
        ("too long", assertion(&P256, &none, &json!({"jti": "2", "exp": START_SECS + 900}))),
        ("an access token", assertion(&P256, &json!({"typ": "at+jwt"}), &json!({"jti": "2"}))),
        ("no JWT", "x".to_owned()),
    ] {
        assert_eq!(assert_with(&world, &token).await, (401, "invalid_client".to_owned()), "{case}");
    }
    let endpoint = assertion(&P256, &none, &json!({"jti": "2", "aud": format!("{ISSUER}/token")}));
    assert_eq!(assert_with(&world, &endpoint).await.0, 200, "what was refused has not used up the id");
    assert_eq!(assert_with(&world, &RSA.token("RS256", &none, &none)).await.0, 401);
}

#[tokio::test]
async fn e24_a_symmetric_signature_is_refused() {
    let world = keyed().await;
    let claims = json!({"iss": "signer", "sub": "signer", "aud": ISSUER, "jti": "1", "exp": START_SECS + 60});
    for algorithm in ["HS256", "none", "hs256"] {
        let token = P256.token(algorithm, &json!({}), &claims);
        assert_eq!(assert_with(&world, &token).await.0, 401, "{algorithm}");
    }
    let pairs = [("token", "x"), ("client_assertion_type", "urn:other"), ("client_assertion", "x")];
    assert_eq!(world.post(E::Revoke, &pairs).await.refusal(), (400, "invalid_request"));
    assert_eq!(world.post(E::Revoke, &pairs[..2]).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn e32_e33_ids_that_are_urls_are_only_taken_from_hosts_that_were_written() {
    let off = World::new().await;
    let asking = |id: &'static str| [("token", "x"), ("client_id", id)];
    assert_eq!(off.post(E::Revoke, &asking("https://app.example/client.json")).await.refusal(), OUT);
    let on = World::with(|settings| settings.registration.document_hosts = vec!["*.good.example".into()]).await;
    for id in [
        "https://app.example/client.json",
        "https://good.example/client.json",
        "https://evil-good.example/client.json",
        "https://a.good.example@evil.example/client.json",
        "https://a.good.example/./client.json",
        "https://a.good.example/client.json#x",
        "https://a.good.example",
        "http://a.good.example/client.json",
        "https://127.0.0.1/client.json",
    ] {
        assert_eq!(on.post(E::Revoke, &asking(id)).await.refusal(), OUT, "{id}");
    }
}

#[test]
fn e34_a_star_stands_for_whole_labels() {
    for (pattern, host, suited) in [
        ("a.example", "a.example", true),
        ("a.example", "A.Example", true),
        ("a.example", "b.a.example", false),
        ("*.a.example", "b.a.example", true),
        ("*.a.example", "c.b.A.example", true),
        ("*.a.example", "a.example", false),
        ("*.a.example", ".a.example", false),
        ("*.a.example", "evila.example", false),
        ("*a.example", "evila.example", false),
        ("*", "anything.example", true),
    ] {
        assert_eq!(crate::authorization_server::client::find::matches(pattern, host), suited, "{pattern} {host}");
    }
}

#[tokio::test]
async fn e35_attack_157_an_unused_client_is_deleted_after_a_day() {
    let world = World::new().await;
    let body = json!({"redirect_uris": ["https://x.example/cb"], "token_endpoint_auth_method": "none"}).to_string();
    let request = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, "application/json");
    let reply = world.tell(E::Register, request.body(Bytes::from(body)).unwrap()).await;
    let pairs = [("token", "x"), ("client_id", reply.text("client_id"))];
    Browser::default().ask_ada(&world, reply.text("client_id"), "https://x.example/cb", "a").await;
    world.clock.turn(UNUSED_CLIENT_AGE - std::time::Duration::from_secs(1));
    assert_eq!(world.post(E::Revoke, &pairs).await.refusal(), IN);
    world.clock.turn(std::time::Duration::from_secs(1));
    assert_eq!(world.post(E::Revoke, &pairs).await.refusal(), OUT);
}

#[tokio::test]
async fn e35_a_client_that_comes_back_is_kept_and_one_that_stays_away_forgotten() {
    let world = World::new().await;
    let body = json!({"redirect_uris": ["https://x.example/cb"], "token_endpoint_auth_method": "none"}).to_string();
    let request = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, "application/json");
    let reply = world.tell(E::Register, request.body(Bytes::from(body)).unwrap()).await;
    let id = reply.text("client_id").to_owned();
    let pairs = [("token", "x"), ("client_id", &*id)];
    let mut browser = Browser::default();
    let flow = browser.ask_ada(&world, &id, "https://x.example/cb", "a").await;
    assert!(browser.answer(&world, &flow, "allow").await.parameter("code").is_some());
    for _ in 0..3 {
        world.clock.turn(DYNAMIC_CLIENT_AGE - std::time::Duration::from_secs(1));
        assert_eq!(world.post(E::Revoke, &pairs).await.refusal(), IN);
    }
    world.clock.turn(DYNAMIC_CLIENT_AGE);
    assert_eq!(world.post(E::Revoke, &pairs).await.refusal(), OUT);
    assert_eq!(world.post(E::Revoke, &[("token", "x"), ("client_id", "dyn_short")]).await.refusal(), OUT);
}
