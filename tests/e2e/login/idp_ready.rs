//! An IdP that cannot log anyone in is named at the start, by `/readyz` and by metrics.

use serde_json::json;

use super::{
    browser::Browser,
    client::Client,
    idp::Idp,
    world::{LoginPlan, LoginWorld},
};

async fn metric(login: &LoginWorld, name: &str) -> f64 {
    let text = login.admin(0, "/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}\n{text}")).trim().parse().unwrap()
}

const UP: &str = "portcullis_idp_up{issuer=\"own\"}";
const FAILED: &str = "portcullis_idp_metadata_fetches_total{issuer=\"own\",result=\"failed\"}";
const OK: &str = "portcullis_idp_metadata_fetches_total{issuer=\"own\",result=\"ok\"}";

#[tokio::test]
async fn login_c9_a_wrong_issuer_is_said_at_the_start_and_noted_until_it_is_right() {
    let idp = Idp::start().await;
    idp.with(|idp| drop(idp.metadata.insert("issuer".to_owned(), json!("https://login.example.com/"))));
    let login = LoginPlan::at(idp, "").start().await;
    let said = "login.oidc: no user can sign in: the metadata of the IdP cannot be fetched";
    let line = login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    assert!(line.contains("https://login.example.com/"), "what was found: {line}");
    let ready = login.until_readyz(0, "it is noted", |ready| ready.text().contains(said)).await;
    assert_eq!(ready.status, 200, "issued tokens stay valid");
    assert!(metric(&login, FAILED).await >= 1.0);
    assert_eq!(metric(&login, UP).await, 0.0);

    login.idp.as_ref().unwrap().with(|idp| drop(idp.metadata.remove("issuer")));
    login.until_readyz(0, "it is right", |ready| !ready.text().contains("login.oidc")).await;
    assert_eq!(metric(&login, UP).await, 1.0);
    assert!(metric(&login, OK).await >= 1.0);
    Client::desktop().sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    login.close().await;
}

#[tokio::test]
async fn login_c9_what_the_metadata_lacks_is_named() {
    for (metadata, says) in [
        (json!({"token_endpoint": null}), "has no token_endpoint"),
        (json!({"authorization_endpoint": null}), "has no authorization_endpoint"),
        (json!({"authorization_endpoint": "http://idp.example/authorize"}), "not an https URL that a browser can open"),
        (
            json!({"authorization_endpoint": "https://idp.example/authorize#top"}),
            "not an https URL that a browser can open",
        ),
        (json!({"authorization_endpoint": "/authorize"}), "not an https URL that a browser can open"),
        (json!({"jwks_uri": null}), "jwks_uri"),
        (
            json!({"id_token_signing_alg_values_supported": ["HS256", "RS512"]}),
            "it signs ID tokens with HS256, RS512, and login.oidc.algorithms allows RS256, PS256, ES256, EdDSA",
        ),
    ] {
        let idp = Idp::start().await;
        idp.with(|idp| idp.metadata.extend(metadata.as_object().unwrap().clone()));
        let login = LoginPlan::at(idp, "").start().await;
        login.until_readyz(0, says, |ready| ready.text().contains(says)).await;
        assert_eq!(metric(&login, UP).await, 0.0, "{says}");
        login.close().await;
    }
}

#[tokio::test]
async fn login_c9_an_idp_that_is_away_and_a_wrong_secret_are_noted() {
    let login = LoginPlan::idp().await.start().await;
    assert_eq!(metric(&login, UP).await, 1.0);
    login.process(0).line(|line| line.contains("the company IdP was found")).await;
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| idp.next_answers.push_back(Some((401, json!({"error": "invalid_client"})))));
    let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 503);
    let ready = login.admin(0, "/readyz").await;
    assert!(ready.status == 200 && ready.text().contains("client_secret"), "{}", ready.text());
    assert_eq!(metric(&login, UP).await, 0.0);
    login.close().await;

    let idp = Idp::start().await;
    idp.server().stop();
    let login = LoginPlan::at(idp, "").start().await;
    let says = "login.oidc: no user can sign in: the metadata of the IdP cannot be fetched";
    login.until_readyz(0, says, |ready| ready.text().contains(says)).await;
    login.idp.as_ref().unwrap().server().resume().await;
    login.until_readyz(0, "the IdP is back", |ready| !ready.text().contains("login.oidc")).await;
    login.close().await;
}
