//! Faults of an authorization server and of a company's identity provider.

use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::{
    super::super::world::{Upstream, certificate, server},
    DISCOVERY, METADATA, Setting, authorization_server, metadata,
};

const LINE: &str = "    issuer: ";
const KEY: &str = "authorization_servers.corporate.issuer";

/// The metadata of `@`, with a member changed, or removed by "".
fn but(member: &str, value: &str) -> String {
    let mut document = metadata("@");
    if value.is_empty() {
        document.as_object_mut().unwrap().remove(member);
    } else {
        document[member] = value.into();
    }
    document.to_string()
}

#[tokio::test]
async fn first_4_doctor_own_what_an_authorization_server_says_is_told_with_the_line_to_write() {
    for (id, place, status, body, line) in [
        ("issuer-differs", METADATA, 200, but("issuer", "https://other.example"), ""),
        ("issuer-slash", METADATA, 200, but("issuer", "@/"), "issuer: @/"),
        ("issuer-metadata-unreadable", METADATA, 200, "<html>".to_owned(), ""),
        ("jwks-missing", METADATA, 200, but("jwks_uri", ""), "jwks: {url: "),
        ("jwks-unreachable", "/keys", 500, "{}".to_owned(), ""),
        ("jwks-unreadable", "/keys", 200, "[]".to_owned(), ""),
        ("jwks-empty", "/keys", 200, r#"{"keys":[]}"#.to_owned(), ""),
        ("jwks-empty", "/keys", 200, r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}"#.to_owned(), ""),
    ] {
        let setting = Setting::start().await;
        // Only the first form answers.
        let (base, body) = (setting.issuer.url(), body.replace('@', &setting.issuer.url()));
        setting.issuer.answer_with(move |seen| match seen.target.as_str() {
            target if target == place => server::json(status, &body),
            DISCOVERY => server::json(404, "{}"),
            _ => authorization_server(&base, seen),
        });
        let told = setting.expect(id, LINE, KEY).await;
        let line = line.replace('@', &setting.issuer.url());
        let is_right = if line.is_empty() { told.line.is_empty() } else { told.line.starts_with(&line) };
        assert!(is_right, "{id}: {}", told.line);
    }
}

#[tokio::test]
async fn first_8_check_an_issuer_that_lets_no_client_ask_for_refresh_tokens_is_told() {
    const ID: &str = "refresh-tokens-missing";
    for (profile, member, value, told) in [
        ("okta", "scopes_supported", json!(["openid", "mcp:read"]), "lacks offline_access"),
        ("okta", "scopes_supported", json!(["openid", "offline_access"]), ""),
        ("keycloak", "scopes_supported", json!(["openid"]), ""),
        ("generic", "scopes_supported", json!(["openid"]), ""),
        ("generic", "grant_types_supported", json!(["authorization_code"]), "lacks refresh_token"),
    ] {
        let setting = Setting::start().await.but("    issuer: ", &format!("    profile: {profile}\n    issuer: "));
        let base = setting.issuer.url();
        let mut document = metadata(&base);
        document[member] = value;
        let body = document.to_string();
        setting.issuer.answer_with(move |seen| match seen.target.as_str() {
            METADATA | DISCOVERY => server::json(200, &body),
            _ => authorization_server(&base, seen),
        });
        let all = setting.found().await;
        match told {
            "" => assert!(all.iter().all(|one| one.id != ID), "{profile}: {all:#?}"),
            words => assert!(setting.among(ID, LINE, KEY, &all).found.ends_with(words), "{profile}: {all:#?}"),
        }
    }
}

#[tokio::test]
async fn first_4_doctor_own_an_authorization_server_that_is_not_there_is_told() {
    let setting = Setting::start().await;
    setting.issuer.answer_with(|_| server::json(404, "{}"));
    let told = setting.expect("issuer-metadata-missing", LINE, KEY).await;
    assert!(told.found.contains(METADATA) && told.found.contains(DISCOVERY), "{}", told.found);

    setting.issuer.stop();
    let told = setting.expect("issuer-unreachable", LINE, KEY).await;
    assert!(told.line.starts_with("reach_at: "), "{}", told.line);

    let tls = Upstream::start(Some(TlsAcceptor::from(certificate::leaf().server_config()))).await;
    let at = setting.issuer.url();
    let told = setting.but(&at, &tls.url()).expect("issuer-tls", LINE, KEY).await;
    assert_eq!(told.line, "ca: ca.pem");
}

#[tokio::test]
async fn first_4_doctor_own_a_clock_that_is_wrong_is_told_with_its_distance() {
    let setting = Setting::start().await;
    let body = metadata(&setting.issuer.url()).to_string();
    setting.issuer.answer_with(move |seen| match seen.target.as_str() {
        "/keys" => authorization_server("", seen),
        _ => {
            server::full(200, &[("Content-Type", "application/json"), ("Date", "Fri, 01 Jan 2021 00:00:00 GMT")], &body)
        }
    });
    let told = setting.expect("clock-skew", LINE, KEY).await;
    assert!(told.found.contains("behind this host's") && told.line == "clock_skew: 2m", "{told:?}");
}

#[tokio::test]
async fn first_4_doctor_own_attack_371_introspection_is_tried_with_the_gateways_own_client() {
    let with = async |more: &str| {
        let setting = Setting::start().await;
        let at = format!("    issuer: {}\n", setting.issuer.url());
        setting.but(
            &at,
            &format!("{at}    introspection:\n      client_id: gw\n      client_secret: \"env:SECRET\"{more}\n"),
        )
    };
    let secret: &[(&str, &str)] = &[("SECRET", "hunter2hunter2")];
    let key = "authorization_servers.corporate.introspection";

    let setting = with("").await;
    setting.issuer_says("/introspect", 401, r#"{"error":"invalid_client"}"#);
    let told =
        setting.expect_with("introspection-refused", "      client_id", &format!("{key}.client_id"), secret).await;
    assert!(told.line.starts_with("introspection: {client_id") && !told.found.contains("hunter2"), "{told:?}");

    let setting = with("").await;
    setting.issuer_says(METADATA, 200, &but("introspection_endpoint", ""));
    setting.expect_with("introspection-missing", "    introspection:", key, secret).await;

    let setting = with("\n      url: http://127.0.0.1:1/introspect").await;
    setting
        .expect_with("introspection-unreachable", "      url: http://127.0.0.1:1", &format!("{key}.url"), secret)
        .await;
}

const EMBEDDED: &str = "\
public_url: https://gw.example
listen:
  - address: \"127.0.0.1:@PORT@\"
admin:
  address: \"127.0.0.1:@ADMIN@\"
authorization_servers:
  own:
    embedded:
      path: /oauth
      store: {memory: true}
      grants: [{scopes: [mcp:read]}]
      login:
        oidc:
          issuer: @ISSUER@
          client_id: gateway
          client_secret: \"env:SECRET\"
servers:
  weather:
    path: /mcp
    upstream: {url: \"@UPSTREAM@/mcp\"}
    access: authenticated
";

#[tokio::test]
async fn first_4_doctor_own_the_companys_provider_is_asked_about_the_gateways_client() {
    let secret: &[(&str, &str)] = &[("SECRET", "hunter2hunter2")];
    let key = "authorization_servers.own.embedded.login.oidc";
    for (id, place, status, body, line, name) in [
        (
            "idp-client-refused",
            "/token",
            401,
            r#"{"error":"invalid_client"}"#.to_owned(),
            "client_id: gateway",
            "client_id",
        ),
        (
            "idp-redirect-uri",
            "/authorize",
            400,
            "Invalid parameter: redirect_uri".to_owned(),
            "client_id: gateway",
            "client_id",
        ),
        ("idp-unreachable", DISCOVERY, 200, but("token_endpoint", ""), "issuer: http", "issuer"),
        ("issuer-slash", DISCOVERY, 200, but("issuer", "@/"), "issuer: http", "issuer"),
    ] {
        let setting = Setting::of(EMBEDDED).await;
        setting.issuer_says(place, status, &body);
        if place == DISCOVERY {
            let (base, body) = (setting.issuer.url(), body.replace('@', &setting.issuer.url()));
            setting.issuer.answer_with(move |seen| match seen.target.as_str() {
                DISCOVERY => server::json(200, &body),
                METADATA => server::json(404, "{}"),
                _ => authorization_server(&base, seen),
            });
        }
        let told = setting.expect_with(id, line, &format!("{key}.{name}"), secret).await;
        assert!(!told.found.contains("hunter2"), "{}", told.found);
    }
}
