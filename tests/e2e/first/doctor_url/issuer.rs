//! Planted faults of the authorization server that an MCP server names.

use serde_json::json;

use super::{KEYS, METADATA, Pretend, RESOURCE, metadata, with_cors};

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_an_issuer() {
    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    for (value, id) in [
        (json!(["not a url"]), "issuer-not-url"),
        (json!([format!("{base}/?tenant=1")]), "issuer-not-url"),
        (json!([format!("{base}/.well-known/openid-configuration")]), "issuer-is-document"),
        (json!(["http://login.example.com"]), "issuer-http"),
    ] {
        pretend.member(RESOURCE, "authorization_servers", value);
        pretend.expect(id, RESOURCE).await;
    }
    pretend.member(RESOURCE, "authorization_servers", json!([format!("{base}/realm")]));
    pretend.expect("issuer-metadata-missing", "/realm").await;
    pretend.member(RESOURCE, "authorization_servers", json!(["http://127.0.0.1:1"]));
    pretend.expect("issuer-unreachable", "http://127.0.0.1:1").await;

    // Keycloak's form: a path, and the document below it.
    let mut document = metadata(&base);
    document["issuer"] = json!(format!("{base}/realm"));
    pretend.document("/realm/.well-known/openid-configuration", 200, &document);
    pretend.member(RESOURCE, "authorization_servers", json!([format!("{base}/realm")]));
    assert_eq!(pretend.found().await, []);
}

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_an_issuers_metadata() {
    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    for (name, value, id) in [
        ("issuer", json!(format!("{base}/")), "issuer-slash"),
        ("issuer", json!("https://login.example.com"), "issuer-differs"),
        ("issuer", json!(null), "issuer-differs"),
        ("token_endpoint", json!(null), "issuer-endpoint-missing"),
        ("authorization_endpoint", json!("http://login.example.com/authorize"), "issuer-endpoint-http"),
        ("code_challenge_methods_supported", json!(null), "pkce-missing"),
        ("code_challenge_methods_supported", json!(["plain"]), "pkce-without-s256"),
        ("response_types_supported", json!(["token"]), "code-flow-missing"),
        ("grant_types_supported", json!(["client_credentials"]), "code-flow-missing"),
        ("registration_endpoint", json!(null), "registration-missing"),
        ("token_endpoint_auth_methods_supported", json!(["client_secret_basic"]), "public-clients-refused"),
    ] {
        pretend.member(METADATA, name, value);
        pretend.expect(id, METADATA).await;
    }
    let mut document = metadata(&base);
    document.as_object_mut().unwrap().remove("registration_endpoint");
    document["client_id_metadata_document_supported"] = json!(true);
    pretend.document(METADATA, 200, &document);
    assert_eq!(pretend.found().await, [], "clients name their own documents");

    for body in ["{\"issuer\"", "[]"] {
        pretend
            .plant(&format!("GET {METADATA}"), move |_| with_cors(200, &[("Content-Type", "application/json")], body));
        pretend.expect("issuer-metadata-unreadable", METADATA).await;
    }
    pretend.plant(&format!("GET {METADATA}"), |_| with_cors(302, &[("Location", "/login")], ""));
    pretend.expect("issuer-metadata-unreadable", METADATA).await;
}

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_an_issuers_keys() {
    let pretend = Pretend::start().await;
    pretend.document(KEYS, 200, &json!({"keys": []}));
    pretend.expect("jwks-empty", KEYS).await;
    pretend.document(KEYS, 200, &json!({"keys": "none"}));
    pretend.expect("jwks-unreadable", KEYS).await;
    pretend.document(KEYS, 404, &json!({}));
    pretend.expect("jwks-unreachable", KEYS).await;
    pretend.document(KEYS, 503, &json!({}));
    pretend.expect("jwks-unreachable", KEYS).await;
    pretend.plant(&format!("GET {KEYS}"), |_| {
        with_cors(200, &[("Content-Type", "text/plain")], "-----BEGIN PUBLIC KEY-----")
    });
    pretend.expect("jwks-unreadable", KEYS).await;
}
