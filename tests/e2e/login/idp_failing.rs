//! Sign-ins that all fail at the IdP: what user, client and operator are told, and what no browser can make up.

use serde_json::{Value, json};

use super::{
    browser::{Browser, Shown},
    client::Client,
    world::{LoginPlan, LoginWorld},
};

const UP: &str = "portcullis_idp_up{issuer=\"own\"} ";
const REFUSED: &str = "portcullis_idp_exchanges_total{issuer=\"own\",result=\"refused\"} ";
const GRANTED: &str = "portcullis_idp_exchanges_total{issuer=\"own\",result=\"granted\"} ";

/// Behind a proxy that says the address of each browser.
async fn started() -> LoginWorld {
    let proxied = |plan: crate::e2e::world::Plan| plan.top("trusted_proxies: [127.0.0.1/32]");
    LoginPlan::idp().await.around(proxied).start().await
}

async fn sign_in(login: &LoginWorld, from: &str) -> Shown {
    let mut browser = Browser { from: Some(from.to_owned()), ..Browser::of("", "") };
    browser.open(login, &Client::desktop().request(login, "mcp:connect").url).await
}

/// The page for what only the administrator can change.
async fn told_whom_to_tell(login: &LoginWorld, from: &str) {
    let shown = sign_in(login, from).await;
    let page = shown.page();
    assert_eq!(page.status, 503);
    let text = page.text();
    assert!(text.contains("administrator must act"), "{text}");
    assert!(!text.contains("Try again") && !text.contains("has a bug"), "{text}");
}

async fn metric(login: &LoginWorld, name: &str) -> f64 {
    let text = login.admin(0, "/metrics").await.text();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}\n{text}")).parse().unwrap()
}

async fn notes(login: &LoginWorld) -> String {
    login.admin(0, "/readyz").await.json()["notes"].to_string()
}

/// A sign-in succeeds, and nothing is noted from then on.
async fn succeeds(login: &LoginWorld) {
    Client::desktop().sign_in(login, &mut Browser::of("", ""), "mcp:connect").await;
    assert!(!notes(login).await.contains("login.oidc"), "{}", notes(login).await);
    assert_eq!(metric(login, UP).await, 1.0);
}

#[tokio::test]
async fn login_c9_an_error_about_the_gateway_is_the_administrators_and_noted_at_once() {
    let login = started().await;
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| idp.sign_in_error = Some("invalid_scope".to_owned()));
    let said = "the authorization endpoint of the company IdP answers invalid_scope";
    told_whom_to_tell(&login, "203.0.113.7").await;
    assert_eq!(metric(&login, REFUSED).await, 1.0);
    assert!(notes(&login).await.contains(said) && notes(&login).await.contains("login.oidc.scopes"));
    assert_eq!(metric(&login, UP).await, 0.0);
    login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    idp.with(|idp| idp.sign_in_error = None);
    succeeds(&login).await;
    login.close().await;
}

/// A browser begins a sign-in, and comes back with an error that the IdP did not send.
async fn forged(login: &LoginWorld, from: &str) {
    let mut browser = Browser { from: Some(from.to_owned()), ..Browser::of("", "") };
    let reply = browser.get(login, &Client::desktop().request(login, "mcp:connect").url).await;
    let to: url::Url = reply.header("location").unwrap().parse().unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let issuer = login.idp.as_ref().unwrap().url();
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("error", "invalid_scope"), ("state", &*state), ("iss", &*issuer)])
        .finish();
    let page = browser.get(login, &format!("/oauth/callback?{query}")).await;
    assert_eq!(page.status, 503, "{}", page.text());
}

#[tokio::test]
async fn login_c9_no_browser_alone_can_make_the_operator_believe_that_sign_ins_fail() {
    let login = started().await;
    let said = "the authorization endpoint of the company IdP answers invalid_scope";
    for _ in 0..6 {
        forged(&login, "203.0.113.7").await;
    }
    assert!(!notes(&login).await.contains(said), "{}", notes(&login).await);
    assert_eq!(metric(&login, UP).await, 1.0);
    let asked = login.idp.as_ref().unwrap().with(|idp| idp.authorizations.len());
    assert!(asked < 6, "the gateway does not ask each time: {asked}");
    // Nor can two: the gateway has just seen that the IdP does not answer so.
    for _ in 0..3 {
        forged(&login, "198.51.100.7").await;
    }
    assert!(!notes(&login).await.contains(said), "{}", notes(&login).await);
    succeeds(&login).await;
    login.close().await;
}

#[tokio::test]
async fn login_c9_a_moment_of_the_idp_reaches_the_client_as_such() {
    let login = started().await;
    for error in ["server_error", "temporarily_unavailable", "access_denied"] {
        login.idp.as_ref().unwrap().with(|idp| idp.sign_in_error = Some(error.to_owned()));
        let shown = sign_in(&login, "203.0.113.7").await;
        assert_eq!(shown.parameter("error").as_deref(), Some(error), "{shown:?}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_c9_a_token_endpoint_that_fails_three_times_in_a_row_is_noted() {
    let login = started().await;
    let idp = login.idp.as_ref().unwrap();
    let said = "token endpoint does not answer as it should";
    for (from, status, body) in [
        ("203.0.113.7", 404, json!({"message": "no route"})),
        ("203.0.113.7", 200, json!({})),
        ("203.0.113.7", 403, json!("<html>")),
        ("203.0.113.7", 429, json!({"error": "slow_down"})),
        // A code that a browser made up may cause any of these, so a second network must see it.
        ("198.51.100.7", 404, json!("<html>")),
    ] {
        assert!(!notes(&login).await.contains(said), "{status}");
        idp.with(|idp| idp.next_answers.push_back(Some((status, body))));
        let shown = sign_in(&login, from).await;
        assert_eq!(shown.parameter("error").as_deref(), Some("temporarily_unavailable"), "{shown:?}");
    }
    assert!(notes(&login).await.contains(said), "{}", notes(&login).await);
    assert_eq!(metric(&login, UP).await, 0.0);
    succeeds(&login).await;
    login.close().await;
}

#[tokio::test]
async fn login_c9_codes_that_are_all_refused_are_noted_if_two_networks_bring_them() {
    let login = started().await;
    let idp = login.idp.as_ref().unwrap();
    let said = "refuses the codes that it has just issued (invalid_grant)";
    for from in ["203.0.113.7", "203.0.113.7", "203.0.113.7", "198.51.100.7"] {
        assert!(!notes(&login).await.contains(said));
        idp.with(|idp| idp.next_answers.push_back(Some((400, json!({"error": "invalid_grant"})))));
        let shown = sign_in(&login, from).await;
        assert_eq!(shown.parameter("error").as_deref(), Some("access_denied"), "{shown:?}");
    }
    assert!(notes(&login).await.contains(said), "{}", notes(&login).await);
    succeeds(&login).await;
    login.close().await;
}

#[tokio::test]
async fn login_c9_id_tokens_that_cannot_be_used_are_said_in_words_and_counted() {
    let login = started().await;
    let idp = login.idp.as_ref().unwrap();
    let past = crate::e2e::world::token::now() - 3_600;
    let mut count = 0.0;
    let cases: [(&str, Value); 5] = [
        ("its sub is absent", json!({"sub": null})),
        ("does not name login.oidc.client_id, which is gateway", json!({"aud": "another"})),
        ("its exp is in the past by the clock of the gateway", json!({"exp": past})),
        ("is in the future by the clock of the gateway", json!({"iat": past + 7_200})),
        ("its iss is not login.oidc.issuer", json!({"iss": "https://another.example"})),
    ];
    for (said, wrong) in cases {
        idp.with(|idp| idp.wrong_claims = wrong.as_object().unwrap().clone());
        told_whom_to_tell(&login, "203.0.113.7").await;
        let line = login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
        assert!(!line.contains("another"), "no content of the token: {line}");
        assert!(notes(&login).await.contains(said));
        count += 1.0;
        assert_eq!((metric(&login, REFUSED).await, metric(&login, GRANTED).await), (count, 0.0), "{said}");
        // An odd `sub` may be that of one user.
        assert_eq!(metric(&login, UP).await, if said.contains("sub") { 1.0 } else { 0.0 });
    }
    idp.with(|idp| {
        idp.wrong_claims.clear();
        idp.next_answers.push_back(Some((200, json!({"access_token": "theirs"}))));
    });
    told_whom_to_tell(&login, "203.0.113.7").await;
    login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains("sent no ID token")).await;
    assert!(notes(&login).await.contains("sent no ID token"));
    Client::desktop().sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    assert_eq!((metric(&login, UP).await, metric(&login, GRANTED).await), (1.0, 1.0));
    login.close().await;
}
