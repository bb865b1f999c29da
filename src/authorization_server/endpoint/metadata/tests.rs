//! Metadata: what it contains and what it leaves out (SPEC E-01…E-06).

use http::{Request, header};

use super::*;
use crate::{
    authorization_server::{
        settings::EmbeddedSettings,
        testing::{ECHO, FILES, ISSUER, Reply, World, client},
    },
    decide::{authorization_server::client::Client, routing::IssuerEndpoint as E},
};

async fn get(world: &World, endpoint: E, etag: Option<&str>) -> Reply {
    let mut request = Request::get("/x");
    if let Some(etag) = etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    world.tell(endpoint, request.body(Bytes::new()).unwrap()).await
}

async fn said(change: impl FnOnce(&mut EmbeddedSettings)) -> Value {
    get(&World::with(change).await, E::Metadata, None).await.json
}

#[tokio::test]
async fn e02_e03_e04_the_document_has_what_clients_look_for() {
    let all = said(|_| ()).await;
    assert_eq!(all["issuer"], ISSUER);
    for (name, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("jwks_uri", "/jwks"),
        ("registration_endpoint", "/register"),
        ("revocation_endpoint", "/revoke"),
        ("introspection_endpoint", "/introspect"),
    ] {
        assert_eq!(all[name], format!("{ISSUER}{path}"));
    }
    assert_eq!(all["response_types_supported"], json!(["code"]));
    assert_eq!(all["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(all["authorization_response_iss_parameter_supported"], true);
    assert_eq!(all["scopes_supported"], json!(["a", "b", "c", "offline_access"]));
    assert_eq!(all["protected_resources"], json!([ECHO, FILES]));
    assert_eq!(all["grant_types_supported"], json!(["authorization_code", "refresh_token", "client_credentials"]));
    assert_eq!(
        all["token_endpoint_auth_methods_supported"],
        json!(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])
    );
    assert_eq!(
        all["introspection_endpoint_auth_methods_supported"],
        json!(["client_secret_basic", "client_secret_post", "private_key_jwt"])
    );
    let algorithms = all["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.iter().all(|name| crate::decide::token::jwk::asymmetric(name.as_str().unwrap()).is_some()));
}

#[tokio::test]
async fn e05_e06_nothing_is_said_of_what_is_off() {
    let only = |settings: &mut EmbeddedSettings, one: Vec<Client>| {
        settings.registration.dynamic = Dynamic::Off;
        settings.clients = one;
    };
    let quiet = said(|settings| only(settings, vec![client("app", ClientAuth::None)])).await;
    for name in ["registration_endpoint", "client_id_metadata_document_supported", "introspection_endpoint"] {
        assert_eq!(quiet.get(name), None, "{name}");
    }
    assert_eq!(quiet["token_endpoint_auth_methods_supported"], json!(["none"]));
    assert_eq!(quiet.get("token_endpoint_auth_signing_alg_values_supported"), None);
    assert_eq!(quiet["grant_types_supported"], json!(["authorization_code", "refresh_token"]));

    let documents = said(|settings| {
        only(settings, Vec::new());
        settings.registration.document_hosts = vec!["*".into()];
    })
    .await;
    assert_eq!(documents["client_id_metadata_document_supported"], true);
    assert_eq!(documents["token_endpoint_auth_methods_supported"], json!(["none", "private_key_jwt"]), "E-24");
}

#[tokio::test]
async fn e01_documents_are_public_and_asked_for_again_only_when_they_change() {
    let world = World::new().await;
    for endpoint in [E::Metadata, E::Jwks] {
        let reply = get(&world, endpoint, None).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
        assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(reply.headers[CACHE_CONTROL], "public, max-age=300");
        let etag = reply.headers[ETAG].to_str().unwrap().to_owned();
        for (wanted, status) in [(&*etag, 304), ("*", 304), ("\"x\"", 200), (&*format!("\"x\", {etag}"), 304)] {
            assert_eq!(get(&world, endpoint, Some(wanted)).await.status, status, "{wanted}");
        }
    }
    let keys = get(&world, E::Jwks, None).await.json;
    assert_eq!(keys["keys"][0]["alg"], "ES256");
    assert_eq!(keys["keys"][0].get("d"), None);
}
