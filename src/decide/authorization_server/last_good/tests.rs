//! Ages, origins and withdrawals of stale documents.

use super::*;
use crate::decide::authorization_server::client::{ClientOrigin, Grants};

const SEEN: u64 = 1_800_000_000;
const HOUR: u64 = 3_600;

fn client(auth: ClientAuth, uris: &[&str]) -> Client {
    Client {
        id: "https://client.example/c.json".into(),
        name: Some("Client".into()),
        origin: ClientOrigin::Document,
        redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(),
        auth,
        grants: Grants { code: true, refresh: true, credentials: false },
        scopes: None,
        introspects: Vec::new(),
        trusted: false,
        with_token: false,
    }
}

fn kept(auth: ClientAuth) -> LastGood {
    let client = client(auth, &["https://client.example/cb", "http://127.0.0.1/cb"]);
    LastGood { client: Some(client), seen: SEEN, used: false, origins: vec!["https://client.example".into()] }
}

#[test]
fn a_stale_document_serves_for_a_time_that_depends_on_the_purpose() {
    let web = Some("https://client.example/other");
    for (purpose, after, serves) in [
        (Purpose::Token, 0, true),
        (Purpose::Token, 24 * HOUR, true),
        (Purpose::Token, 24 * HOUR + 1, false),
        (Purpose::Authorize(web), 0, true),
        (Purpose::Authorize(web), HOUR, true),
        (Purpose::Authorize(web), HOUR + 1, false),
        // An origin of the document that no user has allowed anything with.
        (Purpose::Authorize(Some("http://127.0.0.1:5000/cb")), 0, false),
        (Purpose::Authorize(Some("https://client.example:8443/cb")), 0, false),
        (Purpose::Authorize(Some("javascript:alert(1)")), 0, false),
        // The document has several redirect URIs.
        (Purpose::Authorize(None), 0, false),
    ] {
        assert_eq!(
            kept(ClientAuth::None).serves(purpose, SEEN + after).is_some(),
            serves,
            "{purpose:?} after {after} s"
        );
    }
}

#[test]
fn keys_in_a_stale_document_and_beside_it_serve_for_an_hour() {
    let keys = kept(ClientAuth::Keys("{}".into()));
    assert!(keys.serves(Purpose::Token, SEEN + HOUR).is_some());
    assert!(keys.serves(Purpose::Token, SEEN + HOUR + 1).is_none());
    let beside = kept(ClientAuth::KeysAt("https://client.example/keys".into()));
    assert!(beside.serves(Purpose::Token, SEEN + 24 * HOUR).is_some());
    let keys = LastGoodKeys { keys: serde_json::json!({}), seen: SEEN };
    assert!(keys.serve(SEEN + HOUR));
    assert!(!keys.serve(SEEN + HOUR + 1));
}

#[test]
fn a_document_from_a_later_time_has_no_known_age() {
    assert!(kept(ClientAuth::None).serves(Purpose::Token, SEEN - 300).is_some());
    assert!(kept(ClientAuth::None).serves(Purpose::Token, SEEN - 301).is_none());
}

#[test]
fn a_withdrawn_document_serves_for_nothing_and_no_older_fetch_brings_it_back() {
    let kept = kept(ClientAuth::None);
    let gone = kept.with_fetched(None, SEEN + 10).unwrap();
    assert_eq!(gone.serves(Purpose::Token, SEEN + 10), None);
    assert_eq!(gone.with_fetched(kept.client.clone(), SEEN + 9), None, "a slow replica");
    let back = gone.with_fetched(kept.client, SEEN + 11).unwrap();
    assert!(back.serves(Purpose::Token, SEEN + 11).is_some(), "the host has it again");
}

#[test]
fn origins_are_few_and_the_oldest_makes_room() {
    let mut kept = kept(ClientAuth::None);
    assert_eq!(kept.with_origin("https://client.example"), None, "known already");
    for port in 0..40 {
        kept = kept.with_origin(&format!("https://client.example:{}", 9_000 + port)).unwrap();
    }
    assert_eq!(kept.origins.len(), STALE_DOCUMENT_ORIGINS_MAX);
    assert_eq!(kept.origins.last().map(|last| &**last), Some("https://client.example:9039"));
    let again = kept.with_origin(&kept.origins[0].clone()).unwrap();
    assert_eq!((again.origins.len(), again.origins.last()), (STALE_DOCUMENT_ORIGINS_MAX, kept.origins.first()));
}
