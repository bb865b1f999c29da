//! Where metadata is found, which issuer it must name, and which URLs it may lead to.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::{place::key_place, *};
use crate::outbound::fetch::testing::{ScriptedAnswer, Site, fetch_trusting, ring_timers};

const OAUTH: &str = "/.well-known/oauth-authorization-server/tenant";
const OPENID: &str = "/.well-known/openid-configuration/tenant";
const APPENDED: &str = "/tenant/.well-known/openid-configuration";

fn discovery(site: &Site, start: Start) -> (Arc<Discovery>, JoinSet<()>) {
    let issuer = site.url("/tenant").as_str().into();
    let discovery = Arc::new(Discovery::new(issuer, Plaintext::Loopback, start, fetch_trusting(&[])));
    let mut owner = JoinSet::new();
    let kept = Arc::clone(&discovery);
    owner.spawn(async move { kept.keep_fresh().await });
    (discovery, owner)
}

fn metadata(issuer: &str) -> String {
    // The mirror must keep the issuer's spaces and order.
    format!("{{ \"jwks_uri\":\"{issuer}/jwks\",\n  \"issuer\": \"{issuer}\", \"x\": 1.0 }}")
}

#[tokio::test]
async fn a08_the_document_is_taken_from_the_first_place_that_has_the_issuers_own() {
    for (place, hits) in [(OAUTH, 1), (OPENID, 2), (APPENDED, 3)] {
        let site = Site::plain().await;
        let own = metadata(&site.url("/tenant"));
        site.answer(OPENID, ScriptedAnswer::json(metadata(&site.url(""))));
        site.answer(place, ScriptedAnswer::json(&own));
        let (discovery, _owner) = discovery(&site, Start::AtOnce);
        assert_eq!(discovery.document().await.unwrap(), own, "{place}");
        assert_eq!(site.all_hits(), [OAUTH, OPENID, APPENDED][..hits], "{place}");
        let url = site.url("/tenant/jwks");
        let expected = KeyPlace { url, rule: AddressRule::Configured, plaintext: Plaintext::Loopback };
        assert_eq!(discovery.key_place().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn login_c6_a_client_takes_the_next_document_if_its_own_is_absent_and_waits_if_it_is_late() {
    for (appended, hits) in [
        (ScriptedAnswer::raw("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), 3),
        (ScriptedAnswer::typed("Content-Type: text/html", "<html>"), 3),
        (ScriptedAnswer::raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), 1),
    ] {
        let site = Site::plain().await;
        site.answer(APPENDED, appended);
        site.answer(OAUTH, ScriptedAnswer::json(metadata(&site.url("/tenant"))));
        let issuer = site.url("/tenant").as_str().into();
        let discovery = Discovery::new(issuer, Plaintext::Loopback, Start::AtOnce, fetch_trusting(&[]));
        let discovery = Arc::new(discovery.asked_as(AskedAs::OpenIdClient));
        let (mut owner, kept) = (JoinSet::new(), Arc::clone(&discovery));
        owner.spawn(async move { kept.keep_fresh().await });
        assert_eq!(discovery.document().await.is_ok(), hits == 3);
        assert_eq!(site.all_hits(), [APPENDED, OPENID, OAUTH][..hits]);
    }
}

#[tokio::test]
async fn a08_another_issuers_document_is_refused_and_both_names_are_told() {
    for (case, found) in [
        ("a slash more", "/tenant/"),
        ("a slash less", "/tenan"),
        ("another tenant", "/other"),
        ("the root", ""),
        ("another case", "/TENANT"),
    ] {
        let site = Site::plain().await;
        site.answer(OPENID, ScriptedAnswer::json(metadata(&site.url(found))));
        let (discovery, _owner) = discovery(&site, Start::AtOnce);
        let fault = discovery.document().await.unwrap_err();
        assert_eq!(fault.kind.label(), "issuer", "{case}");
        assert!(fault.cause.contains(&format!("issuer is {:?}", site.url(found))), "{case}: {fault}");
        assert!(fault.cause.contains(&format!("expected {:?}", site.url("/tenant"))), "{case}: {fault}");
        assert_eq!(discovery.key_place().await.unwrap_err().kind.label(), "issuer");
    }
}

#[tokio::test]
async fn the_fault_tells_of_every_place_and_an_absent_host_is_dialled_once() {
    let site = Site::plain().await;
    site.answer(OAUTH, ScriptedAnswer::typed("Content-Type: text/html", "<html>"));
    site.answer(APPENDED, ScriptedAnswer::json("[]"));
    let (first, _owner) = discovery(&site, Start::AtOnce);
    let fault = first.document().await.unwrap_err();
    assert_eq!(fault.kind.label(), "media_type");
    for part in ["text/html", "404 Not Found", "is not one JSON object"] {
        assert!(fault.cause.contains(part), "{fault}");
    }

    site.stop().await;
    let (second, _owner) = discovery(&site, Start::AtOnce);
    let fault = second.document().await.unwrap_err();
    assert_eq!((fault.kind.label(), fault.cause.matches("well-known").count()), ("refused", 1));
}

#[tokio::test]
async fn a_good_document_stays_while_the_issuer_is_away_and_requests_never_fetch() {
    let site = Site::plain().await;
    let first = metadata(&site.url("/tenant"));
    site.answer(OAUTH, ScriptedAnswer::json(&first));
    let (discovery, _owner) = discovery(&site, Start::AtOnce);
    for _ in 0..1_000 {
        assert_eq!(discovery.document().await.unwrap(), first);
    }
    assert_eq!(site.all_hits(), [OAUTH]);

    site.answer(OAUTH, ScriptedAnswer::raw("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"));
    attempt_after(&discovery, METADATA_AGE).await;
    assert_eq!(discovery.document().await.unwrap(), first);

    let second = first.replace("1.0", "2.0");
    site.answer(OAUTH, ScriptedAnswer::json(&second));
    attempt_after(&discovery, Duration::from_secs(1)).await;
    assert_eq!(discovery.document().await.unwrap(), second);
}

async fn attempt_after(discovery: &Discovery, wait: Duration) {
    let mut state = discovery.state.subscribe();
    ring_timers(wait).await;
    state.changed().await.unwrap();
}

#[tokio::test]
async fn a_document_that_no_server_needs_is_not_fetched() {
    let site = Site::plain().await;
    let own = metadata(&site.url("/tenant"));
    site.answer(OAUTH, ScriptedAnswer::json(&own));
    let (discovery, _owner) = discovery(&site, Start::WhenAsked);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((site.all_hits().len(), discovery.state.borrow().good.is_none()), (0, true));
    assert_eq!(discovery.document().await.unwrap(), own);
    assert!(discovery.state.borrow().good.is_some());
}

#[test]
fn b41_d30_a_document_cannot_lead_into_the_network_or_off_tls() {
    use AddressRule::{Configured, PublicOnly};
    use Plaintext::{Loopback, Permitted, Refused};
    for (issuer, plaintext, url, expected) in [
        ("https://login.example", Loopback, "https://login.example/jwks", Some((Configured, Refused))),
        ("https://login.example", Loopback, "https://LOGIN.example:8443/jwks", Some((Configured, Refused))),
        ("https://accounts.example", Loopback, "https://keys.cdn.example/jwks", Some((PublicOnly, Refused))),
        ("https://login.example", Loopback, "https://169.254.169.254/jwks", Some((PublicOnly, Refused))),
        ("https://login.example", Loopback, "https://evil.login.example/jwks", Some((PublicOnly, Refused))),
        ("https://login.example", Loopback, "https://keycloak/jwks", Some((PublicOnly, Refused))),
        (
            "https://keycloak.auth.svc.cluster.local/r",
            Loopback,
            "https://keys.auth.svc/jwks",
            Some((Configured, Refused)),
        ),
        ("https://keycloak", Loopback, "https://keys.example/jwks", Some((Configured, Refused))),
        ("https://10.0.0.7", Loopback, "https://10.0.0.8/jwks", Some((Configured, Refused))),
        ("https://8.8.8.8", Loopback, "https://10.0.0.8/jwks", Some((PublicOnly, Refused))),
        ("https://login.corp.internal", Loopback, "https://x.example/jwks", Some((Configured, Refused))),
        ("https://internal.example", Loopback, "https://x.internal/jwks", Some((PublicOnly, Refused))),
        ("http://127.0.0.1:8080", Loopback, "http://127.0.0.1:8080/jwks", Some((Configured, Loopback))),
        ("http://[::1]:8080", Loopback, "https://[::1]/jwks", Some((Configured, Loopback))),
        ("http://idp.lab", Permitted, "http://idp.lab/jwks", Some((Configured, Permitted))),
        ("https://login.example", Permitted, "http://login.example/jwks", None),
        ("https://login.example", Loopback, "http://127.0.0.1/jwks", None),
        ("https://login.example", Loopback, "file:///etc/passwd", None),
        ("https://login.example", Loopback, "/jwks", None),
        ("https://login.example", Loopback, "", None),
    ] {
        let place = key_place(issuer, plaintext, "jwks_uri", url).ok().map(|place| (place.rule, place.plaintext));
        assert_eq!(place, expected, "{issuer} {url}");
    }
}

#[tokio::test]
async fn a_document_without_keys_says_so() {
    let site = Site::plain().await;
    site.answer(OAUTH, ScriptedAnswer::json(json!({"issuer": site.url("/tenant")}).to_string()));
    let (discovery, _owner) = discovery(&site, Start::AtOnce);
    assert!(discovery.key_place().await.unwrap_err().cause.contains("no jwks_uri"));
}

#[test]
fn c2_an_issuer_that_is_reached_inside_may_have_endpoints_inside() {
    use crate::outbound::{
        dial::Peer,
        reach::{IssuerReach, ReachAt},
    };
    let place = |inside: &str, url: &str| {
        let peer = |host: &str, port, tls| Peer { host: host.into(), port, tls };
        let at = ReachAt { public: peer("login.example.com", 443, true), peer: peer(inside, 8080, false) };
        let fetch = fetch_trusting(&[]).reaching(&IssuerReach { at: Some(at), ..IssuerReach::default() });
        let issuer = "https://login.example.com/realms/main".into();
        let place = Discovery::new(issuer, Plaintext::Permitted, Start::WhenAsked, fetch).place("token_endpoint", url);
        place.map(|place| (place.rule, place.plaintext)).ok()
    };
    let (inside, outside) = (AddressRule::Configured, AddressRule::PublicOnly);
    for (at, url, expected) in [
        ("keycloak", "https://login.example.com/token", Some((inside, Plaintext::Refused))),
        ("keycloak", "https://sts.example.com/token", Some((inside, Plaintext::Refused))),
        ("keycloak", "http://keycloak:8080/token", Some((inside, Plaintext::Permitted))),
        ("keycloak", "http://keycloak:8081/token", None),
        ("keycloak", "http://login.example.com/token", None),
        ("idp.example.net", "https://sts.example.com/token", Some((outside, Plaintext::Refused))),
        ("idp.example.net", "http://idp.example.net:8080/token", Some((inside, Plaintext::Permitted))),
    ] {
        assert_eq!(place(at, url), expected, "{at} {url}");
    }
}
