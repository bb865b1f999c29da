//! Methods and preflight (SPEC E-07).

use http::Request;

use super::*;
use crate::{authorization_server::testing::World, decide::routing::IssuerEndpoint as E};

fn header<'a>(answer: &'a EndpointAnswer, name: &str) -> &'a str {
    answer.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn e07_pages_of_other_origins_reach_the_endpoints_and_not_the_pages() {
    let world = World::new().await;
    for (endpoint, method, allowed) in [
        (E::Metadata, "GET", "GET, HEAD, OPTIONS"),
        (E::Jwks, "GET", "GET, HEAD, OPTIONS"),
        (E::Token, "POST", "POST, OPTIONS"),
        (E::Register, "POST", "POST, OPTIONS"),
        (E::Revoke, "POST", "POST, OPTIONS"),
        (E::Introspect, "POST", "POST, OPTIONS"),
        (E::Token, "GET", ""),
        (E::Authorize, "GET", ""),
        (E::Login, "POST", ""),
        (E::Consent, "POST", ""),
        (E::Callback, "GET", ""),
    ] {
        let request = Request::options("/x").header("origin", "https://page.example");
        let request = request.header("access-control-request-method", method).body(Bytes::new()).unwrap();
        let answer = world.ask(endpoint, request).await;
        assert_eq!(answer.response.status(), 204);
        assert_eq!(header(&answer, "access-control-allow-methods"), allowed, "{endpoint:?} {method}");
        let origin = if allowed.is_empty() { "" } else { "*" };
        assert_eq!(header(&answer, "access-control-allow-origin"), origin, "{endpoint:?} {method}");
        assert_eq!(header(&answer, "access-control-allow-credentials"), "");
    }
    for (endpoint, status) in
        [(E::Authorize, 400), (E::Login, 400), (E::Consent, 400), (E::Callback, 200), (E::Token, 405)]
    {
        let answer = world.ask(endpoint, Request::head("/x").body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.response.status(), status, "HEAD {endpoint:?}");
    }
    for endpoint in [E::Authorize, E::Token, E::Metadata, E::Login] {
        let answer = world.ask(endpoint, Request::delete("/x").body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.response.status(), 405);
        assert!(!header(&answer, ALLOW.as_str()).is_empty());
    }
}

#[tokio::test]
async fn e07_pages_over_tls_are_for_tls_alone() {
    let world = World::new().await;
    let hsts = async |world: &World, endpoint| {
        let answer = world.ask(endpoint, Request::get("/x").body(Bytes::new()).unwrap()).await;
        header(&answer, "strict-transport-security").to_owned()
    };
    for endpoint in [E::Authorize, E::Login, E::Consent, E::Callback] {
        assert_eq!(hsts(&world, endpoint).await, "max-age=31536000", "{endpoint:?}");
        for issuer in ["http://gw.example/oauth", "https://localhost:8443/oauth", "https://127.0.0.1/oauth"] {
            let other = world.reloaded(|settings| settings.issuer = issuer.into());
            assert_eq!(hsts(&other, endpoint).await, "", "{issuer}");
        }
    }
    assert_eq!(hsts(&world, E::Metadata).await, "");
    let refused = super::super::refuse(&world.embedded, E::Login, StatusCode::PAYLOAD_TOO_LARGE, "long".into());
    assert_eq!(
        (refused.response.status().as_u16(), header(&refused, "strict-transport-security")),
        (413, "max-age=31536000")
    );
}
