//! The way back to clients whose callback redirects on: which pages let a form lead elsewhere (login B4).

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    client::Client,
    world::{LoginPlan, PASSWORD},
};
use crate::e2e::world::Reply;

fn policy(page: &Reply) -> &str {
    page.header("content-security-policy").unwrap()
}

/// A client at a site, for which consent is remembered.
fn web() -> serde_json::Value {
    json!({"redirect_uris": ["https://client.example/callback?of=1&two='2'"]})
}

#[tokio::test]
async fn login_b4_only_the_consent_page_lets_a_form_lead_to_other_sites() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::register(&login, web()).await;
    let mut browser = Browser::of("ada", PASSWORD);
    let begun = browser.get(&login, &client.request(&login, "mcp:connect").url).await;
    let sign_in = browser.get(&login, begun.header("location").unwrap()).await;
    assert!(sign_in.text().contains("name=\"password\""));
    assert!(policy(&sign_in).ends_with("; form-action 'self'"), "{}", policy(&sign_in));
    let wrong = browser.submit(&login, &sign_in, &[("account", "ada"), ("password", "wrong")]).await;
    assert!(policy(&wrong).ends_with("; form-action 'self'"), "{}", policy(&wrong));
    let admitted = browser.submit(&login, &wrong, &[("account", "ada"), ("password", PASSWORD)]).await;
    let consent = browser.get(&login, admitted.header("location").unwrap()).await;
    assert!(consent.text().contains("name=\"decision\"") && !consent.text().contains("type=\"password\""));
    assert!(!policy(&consent).contains("form-action"), "{}", policy(&consent));
    let allowed = browser.submit(&login, &consent, &[("decision", "allow")]).await;
    assert!(allowed.header("location").unwrap().starts_with("https://client.example/callback?of=1&two='2'&code="));
    login.close().await;
}

#[tokio::test]
async fn login_b4_attack_226_a_sign_in_that_needs_no_consent_leads_on_by_a_page_of_its_own() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::register(&login, web()).await;
    client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;

    // Another browser of the same user.
    let state = "\"><script>alert(1)</script>'; url=https://evil.example/";
    let client = Client { authorize_with: vec![("state".to_owned(), state.to_owned())], ..client };
    let request = client.request(&login, "mcp:connect");
    let mut browser = Browser::of("ada", PASSWORD);
    let begun = browser.get(&login, &request.url).await;
    let sign_in = browser.get(&login, begun.header("location").unwrap()).await;
    let page = browser.submit(&login, &sign_in, &[("account", "ada"), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.header("location")), (200, None));
    let refresh = page.header("refresh").unwrap();
    let onward = refresh.strip_prefix("0; url=").unwrap();
    assert!(onward.starts_with("https://client.example/callback?of=1&two='2'&code="), "{onward}");
    let state_sent = url::Url::parse(onward).unwrap();
    assert!(state_sent.query_pairs().any(|(name, value)| name == "state" && value == state), "{onward}");
    let text = page.text();
    assert!(!text.contains("<script") && !text.contains("http-equiv"), "{text}");
    assert!(text.contains("<a href=\"https://client.example/callback?of=1&#38;two=&#39;2&#39;&#38;code="), "{text}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(policy(&page).starts_with("default-src 'none';"), "{}", policy(&page));
    login.close().await;
}

#[tokio::test]
async fn login_b4_after_the_form_of_an_idp_that_allows_only_the_gateway_every_way_leads_on() {
    let login = LoginPlan::idp().await.start().await;
    let client = Client::register(&login, web()).await;
    let idp = login.idp.as_ref().unwrap();
    let mut browser = Browser::of("", "");
    // This browser fails at a redirect that the `form-action` of the IdP's page forbids.
    client.code(&login, &mut browser, "mcp:connect").await;
    client.code(&login, &mut browser, "mcp:connect").await;
    assert_eq!(browser.visited.last().map(String::as_str), Some("/oauth/callback"), "consent is remembered");
    // A program on the user's machine is sent on with an error; any other site gets a link.
    idp.with(|idp| idp.sign_in_error = Some("access_denied".to_owned()));
    let shown = browser.open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("access_denied"));
    let shown = browser.open(&login, &client.request(&login, "mcp:connect").url).await;
    assert!(shown.page().text().contains("Return to <bdi>client.example</bdi>"), "{shown:?}");
    // Without a page, by redirects alone: there is no form either.
    idp.with(|idp| idp.sign_in_error = None);
    let silent = Client { authorize_with: vec![("prompt".to_owned(), "none".to_owned())], ..client };
    let asked = silent.request(&login, "mcp:connect");
    let shown = browser.open(&login, &asked.url).await;
    assert!(matches!(shown, Shown::Left(_)) && shown.parameter("code").is_some(), "{shown:?}");
    login.close().await;
}
