//! The token endpoint: accepted and refused requests, and codes that are used twice.

use std::sync::Arc;

use http::{Method, Request, header};

use crate::{
    authorization_server::{
        grant::code::AuthorizationCode,
        settings::{Login, OidcSettings, StoreSettings},
        store::{Store, kind::EntryKind},
        testing::{
            Browser, ECHO, FILES, ISSUER, START_SECS, VERIFIER, World, ada, company_idp, exchange, form_request,
            refresh,
        },
    },
    base::{clock::testing::HandClock, digest::sha256_base64url, secret::Secret},
    decide::{authorization_server::client::ClientAuth, routing::IssuerEndpoint as E},
};

mod client;
mod narrowed;
mod refreshed;
mod repeated;
mod step_up;

/// A client id in the form of a registered client's, but not registered.
const DYNAMIC: &str = "dyn_0123456789012345678901";

fn without<'a>(pairs: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    pairs.iter().copied().filter(|(key, _)| *key != name).collect()
}

fn with<'a>(pairs: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut pairs = without(pairs, name);
    pairs.push((name, value));
    pairs
}

#[tokio::test]
async fn e20_a_code_becomes_tokens_that_no_cache_stores() {
    let world = World::new().await;
    let reply = world.login().await;
    assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(reply.text("token_type"), "Bearer");
    assert_eq!(reply.json["expires_in"], 600);
    assert_eq!(reply.text("scope"), "a b");
    assert_eq!(reply.text("refresh_token").len(), 22 + 1 + 43);
    assert!(world.caller(reply.text("access_token")).is_some());
}

#[tokio::test]
async fn e20_only_posted_forms_are_taken() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let form = form_request(&exchange(&code), None);
    for (content_type, taken) in [
        (Some("application/json"), false),
        (Some("text/plain"), false),
        (Some("multipart/form-data; boundary=x"), false),
        (None, false),
        (Some("application/x-www-form-urlencoded; charset=\u{fc}"), false),
        (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), true),
    ] {
        let mut request = Request::builder().method(Method::POST);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let reply = world.tell(E::Token, request.body(form.body().clone()).unwrap()).await;
        let refusal = if taken { (200, "") } else { (400, "invalid_request") };
        assert_eq!(reply.refusal(), refusal, "{content_type:?}");
    }
    let get = Request::get("/oauth/token").body(Default::default()).unwrap();
    let reply = world.tell(E::Token, get).await;
    assert_eq!(reply.status, 405);
    assert_eq!(reply.headers[header::ALLOW], "POST, OPTIONS");
}

#[tokio::test]
async fn e25_an_access_token_says_what_rfc_9068_asks_for() {
    let world = World::new().await;
    let code = world.code("app", &["a", "b"], &[ECHO, FILES]).await;
    let one = with(&exchange(&code), "resource", ECHO);
    let reply = world.post(E::Token, &one).await;
    let caller = world.caller(reply.text("access_token")).unwrap();
    let claims = caller.claims();
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["aud"], ECHO, "one audience is text");
    assert_eq!(claims["client_id"], "app");
    assert_eq!(claims["iat"], START_SECS);
    assert_eq!(claims["exp"], START_SECS + 600);
    assert_eq!(claims["scope"], "a b");
    assert_eq!(claims["groups"], serde_json::json!(["staff"]), "what token_claims names");
    let jti = claims["jti"].as_str().unwrap();
    assert!(jti.len() >= 44);
    // An access token must not contain the family's id: its bearer could end the family with a
    // wrong refresh token.
    let family = reply.text("refresh_token").split('.').next().unwrap();
    assert!(!jti.contains(family));

    let two = world.refresh(reply.text("refresh_token")).await;
    let caller = world.caller(two.text("access_token")).unwrap();
    assert_eq!(caller.claims()["aud"], serde_json::json!([ECHO, FILES]));
    assert_ne!(caller.claims()["jti"], claims["jti"]);
}

#[tokio::test]
async fn e25_no_claim_of_a_person_takes_the_place_of_ours() {
    let world = World::with(|settings| {
        settings.token_claims = ["sub", "aud", "scope", "cnf", "exp", "email"].map(Box::from).to_vec();
    })
    .await;
    let mut person = ada();
    person.account = None;
    for name in ["sub", "aud", "scope", "cnf", "email"] {
        person.claims.insert(name.to_owned(), "evil".into());
    }
    person.claims.insert("email_verified".to_owned(), true.into());
    let code = world.code("app", &["a"], &[ECHO]).await;
    let kept = world.embedded.state.store.get(EntryKind::Code, &sha256_base64url(&code)).await.unwrap().unwrap();
    let code: AuthorizationCode = serde_json::from_slice(&kept).unwrap();
    let code = world.keep_code(&AuthorizationCode { person, ..code }).await;
    // Whether users log in with accounts or at the IdP decides which claims count.
    let world = world.reloaded(|settings| {
        settings.login = Login::Oidc(Box::new(OidcSettings {
            scopes: Vec::new(),
            ..company_idp("https://idp.example", "us", b"secret")
        }));
        settings.grants[0].groups.clear();
    });
    let reply = world.post(E::Token, &exchange(&code)).await;
    let caller = world.caller(reply.text("access_token")).unwrap();
    let claims = caller.claims();
    assert_eq!((claims["sub"].as_str(), claims["aud"].as_str()), (Some("ada"), Some(ECHO)));
    assert_eq!((claims["scope"].as_str(), claims.get("cnf")), (Some("a"), None));
    assert_eq!(claims["email"], "evil");
    assert!(!claims.contains_key("email_verified"), "not among token_claims");
}

#[tokio::test]
async fn e21_attack_160_a_code_is_good_with_its_verifier_and_its_redirect_alone() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let good = exchange(&code);
    let long = "x".repeat(129);
    let wrong = [
        ("wrong verifier", with(&good, "code_verifier", "1123456789-0123456789-0123456789-0123456789")),
        ("no verifier", without(&good, "code_verifier")),
        ("the challenge as verifier", with(&good, "code_verifier", "")),
        ("short verifier", with(&good, "code_verifier", "x")),
        ("long verifier", with(&good, "code_verifier", &long)),
        ("another redirect", with(&good, "redirect_uri", "https://app.example/back2")),
        ("a longer redirect", with(&good, "redirect_uri", "https://app.example/back/")),
        ("another code", with(&good, "code", VERIFIER)),
    ];
    for (case, pairs) in wrong {
        assert_eq!(world.post(E::Token, &pairs).await.refusal(), (400, "invalid_grant"), "{case}");
    }
    assert_eq!(world.post(E::Token, &without(&good, "code")).await.refusal(), (400, "invalid_request"));
    assert_eq!(world.post(E::Token, &good).await.status, 200, "the mistakes of others do not use it up");
    // OAuth 2.1 clients do not send redirect_uri here.
    let code = world.code("app", &["a"], &[ECHO]).await;
    assert_eq!(world.post(E::Token, &without(&exchange(&code), "redirect_uri")).await.status, 200);
}

#[tokio::test]
async fn e15_attack_160_a_code_that_comes_twice_ends_what_came_of_it() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let first = world.post(E::Token, &exchange(&code)).await;
    let second = world.refresh(first.text("refresh_token")).await;
    assert!(world.caller(second.text("access_token")).is_some());
    assert_eq!(world.post(E::Token, &exchange(&code)).await.refusal(), (400, "invalid_grant"));
    for reply in [&first, &second] {
        assert!(world.caller(reply.text("access_token")).is_none(), "revoked");
    }
    assert_eq!(world.refresh(second.text("refresh_token")).await.refusal(), (400, "invalid_grant"));

    let other = world.login().await;
    assert!(world.caller(other.text("access_token")).is_some(), "another login of the same person goes on");
}

#[tokio::test]
async fn e15_a_replay_is_recognised_for_as_long_as_its_tokens_live() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let reply = world.post(E::Token, &exchange(&code)).await;
    world.clock.turn(std::time::Duration::from_secs(599));
    assert!(world.caller(reply.text("access_token")).is_some());
    world.post(E::Token, &exchange(&code)).await;
    assert!(world.caller(reply.text("access_token")).is_none());
}

#[tokio::test]
async fn e15_a_code_lives_a_minute() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    world.clock.turn(std::time::Duration::from_secs(60));
    assert_eq!(world.post(E::Token, &exchange(&code)).await.refusal(), (400, "invalid_grant"));
}

#[tokio::test]
async fn e15_attack_160_a_code_in_another_clients_hands_is_burnt() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let stolen = with(&exchange(&code), "client_id", "other");
    assert_eq!(world.post(E::Token, &stolen).await.refusal(), (400, "invalid_grant"));
    assert_eq!(world.post(E::Token, &exchange(&code)).await.refusal(), (400, "invalid_grant"));
}

#[tokio::test]
async fn e15_of_two_requests_with_one_code_at_most_one_gets_tokens_and_both_end() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let pairs = exchange(&code);
    let (one, two) = tokio::join!(world.post(E::Token, &pairs), world.post(E::Token, &pairs));
    let good: Vec<_> = [&one, &two].into_iter().filter(|reply| reply.status == 200).collect();
    assert!(good.len() <= 1);
    for reply in good {
        assert!(world.caller(reply.text("access_token")).is_none(), "the second use has revoked it");
        assert_eq!(world.refresh(reply.text("refresh_token")).await.refusal(), (400, "invalid_grant"));
    }
}

#[tokio::test]
async fn e22_attack_161_resource_narrows_and_never_widens() {
    let world = World::new().await;
    let cases: [(&[&str], &[&str], Option<serde_json::Value>); 7] = [
        (&[ECHO, FILES], &[], Some(serde_json::json!([ECHO, FILES]))),
        (&[ECHO, FILES], &[FILES], Some(serde_json::json!(FILES))),
        (&[ECHO], &[ECHO], Some(serde_json::json!(ECHO))),
        (&[ECHO], &[FILES], None),
        (&[ECHO], &[ECHO, FILES], None),
        (&[ECHO], &["https://other.example/mcp"], None),
        (&[ECHO], &["https://gw.example/echo#x"], None),
    ];
    for (granted, asked, audience) in cases {
        let code = world.code("app", &["b"], granted).await;
        let mut pairs = exchange(&code).to_vec();
        pairs.extend(asked.iter().map(|resource| ("resource", *resource)));
        let reply = world.post(E::Token, &pairs).await;
        match audience {
            Some(audience) => {
                let caller = world.caller(reply.text("access_token")).unwrap();
                assert_eq!(caller.claims()["aud"], audience, "{granted:?} {asked:?}");
            }
            None => assert_eq!(reply.refusal(), (400, "invalid_target"), "{granted:?} {asked:?}"),
        }
    }
}

#[tokio::test]
async fn e26_attack_166_what_is_no_grant_of_ours_is_refused_by_name() {
    let world = World::new().await;
    for (grant, refusal) in [
        (Some("password"), (400, "unsupported_grant_type")),
        (Some("implicit"), (400, "unsupported_grant_type")),
        // Attack 166: an assertion of another authorization server is not a grant.
        (Some("urn:ietf:params:oauth:grant-type:jwt-bearer"), (400, "unsupported_grant_type")),
        (Some("Authorization_Code"), (400, "unsupported_grant_type")),
        (Some(""), (400, "invalid_request")),
        (None, (400, "invalid_request")),
    ] {
        let pairs: Vec<_> =
            grant.map(|grant| ("grant_type", grant)).into_iter().chain([("client_id", "app")]).collect();
        assert_eq!(world.post(E::Token, &pairs).await.refusal(), refusal, "{grant:?}");
    }
    let twice = [("grant_type", "refresh_token"), ("grant_type", "refresh_token"), ("client_id", "app")];
    assert_eq!(world.post(E::Token, &twice).await.refusal(), (400, "invalid_request"), "E-14");
}

#[tokio::test]
async fn e15_a_client_without_the_grant_gets_nothing() {
    let world = World::with(|settings| {
        let mut plain = crate::authorization_server::testing::client("plain", ClientAuth::None);
        plain.grants.refresh = false;
        let mut none = crate::authorization_server::testing::client("none", ClientAuth::None);
        none.grants.code = false;
        settings.clients.extend([plain, none]);
    })
    .await;
    let code = world.code("plain", &["a"], &[ECHO]).await;
    let reply = world.post(E::Token, &with(&exchange(&code), "client_id", "plain")).await;
    assert_eq!((reply.status.as_u16(), reply.json.get("refresh_token")), (200, None));
    assert!(world.caller(reply.text("access_token")).is_some());
    world.post(E::Token, &with(&exchange(&code), "client_id", "plain")).await;
    assert!(world.caller(reply.text("access_token")).is_none(), "a replay ends it without a refresh token, too");

    let code = world.code("none", &["a"], &[ECHO]).await;
    let reply = world.post(E::Token, &with(&exchange(&code), "client_id", "none")).await;
    assert_eq!(reply.refusal(), (400, "unauthorized_client"));
    let reply = world.post(E::Token, &with(&refresh("x"), "refresh_token", "x")).await;
    assert_eq!(reply.refusal(), (400, "invalid_grant"));
}

#[tokio::test]
async fn e20_with_the_store_away_nothing_is_issued_and_what_was_issued_is_good() {
    let mut world = World::new().await;
    let login = world.login().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let state = Arc::get_mut(&mut world.embedded.state).unwrap();
    let absent = StoreSettings::Redis(Secret::new(b"redis://127.0.0.1:1".to_vec()));
    state.store = Store::open(
        &absent,
        crate::outbound::fetch::private_roots(&[]).unwrap(),
        Arc::<HandClock>::clone(&world.clock),
    )
    .unwrap();
    for (case, reply) in [
        ("refresh", world.refresh(login.text("refresh_token")).await),
        ("code", world.post(E::Token, &exchange(&code)).await),
        ("revoke", world.post(E::Revoke, &[("client_id", "app"), ("token", login.text("refresh_token"))]).await),
        (
            "client_credentials",
            world
                .basic(
                    E::Token,
                    ("robot", crate::authorization_server::testing::SECRET),
                    &[("grant_type", "client_credentials"), ("resource", ECHO)],
                )
                .await,
        ),
        ("a client of its own", world.post(E::Token, &with(&exchange(&code), "client_id", DYNAMIC)).await),
    ] {
        assert_eq!(reply.refusal(), (503, "temporarily_unavailable"), "{case}");
        assert_eq!(reply.headers[header::RETRY_AFTER], "5", "{case}");
        assert!(!reply.json.to_string().contains("127.0.0.1"), "{case}");
    }
    assert!(world.caller(login.text("access_token")).is_some());
    let reply = world.post(E::Revoke, &[("client_id", "app"), ("token", login.text("access_token"))]).await;
    assert_eq!(reply.status, 503, "the other replicas have not heard of it");
    assert!(world.caller(login.text("access_token")).is_none(), "but this one has");
}

#[tokio::test]
async fn a8_a_token_that_its_servers_would_refuse_is_not_issued_and_its_claim_is_named() {
    let world = World::new().await;
    let refreshed = world.login().await.text("refresh_token").to_owned();
    let many: Vec<Box<str>> = (0..1_600).map(|n| format!("department-of-many-things-{n}").into()).collect();
    let grown = world.reloaded(|settings| {
        let Login::Accounts(accounts) = &mut settings.login else { panic!("accounts") };
        accounts.accounts[0].groups.extend(many.clone());
    });
    // The user sees it before there is a code.
    let mut browser = Browser::default();
    let id = browser.ask_ada(&grown, "app", "https://app.example/back", "a").await;
    let shown = browser.answer(&grown, &id, "allow").await;
    assert_eq!(shown.status, 500);
    assert!(shown.text.contains("its largest claim is groups with"), "{}", shown.text);
    let codes = grown.embedded.state.store.everything(EntryKind::Code);
    assert!(codes.iter().all(|(_, code)| serde_json::from_slice::<AuthorizationCode>(code).unwrap().spent.is_some()));
    // A refresh is refused without using up the token.
    let reply = grown.refresh(&refreshed).await;
    assert_eq!(reply.refusal(), (500, "server_error"));
    assert!(reply.text("error_description").contains("groups"), "{}", reply.json);
    let without = grown.reloaded(|settings| settings.token_claims.clear());
    let reply = without.refresh(&refreshed).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert!(world.caller(reply.text("access_token")).is_some());
}
