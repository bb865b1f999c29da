//! Where the IdP is: under another name inside, behind a private CA, on plain HTTP; and a place that is another issuer.

use serde_json::json;
use url::Url;

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    idp::Idp,
    world::{LoginPlan, LoginWorld},
};
use crate::e2e::world::{Ask, Plan, call, certificate};

const PUBLIC: &str = "https://login.example.com";

async fn signs_in_and_refreshes(login: &LoginWorld) {
    let client = Client::desktop();
    let tokens = client.sign_in(login, &mut Browser::of("", ""), "mcp:connect").await;
    let tokens = client.refreshed(login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(login, 0, &tokens.access, "safe").await.status, 200);
}

#[tokio::test]
async fn login_c2_an_idp_with_a_public_name_is_reached_inside() {
    let idp = Idp::start().await.named(PUBLIC);
    let inside = format!(", reach_at: \"{}\", allow_http: true", idp.url());
    let login = LoginPlan::at(idp, &inside).start().await;
    signs_in_and_refreshes(&login).await;
    let idp = login.idp.as_ref().unwrap();
    let seen = idp.server().take();
    for path in ["/.well-known/openid-configuration", "/jwks", "/token"] {
        let seen = seen.iter().find(|seen| seen.target == path).unwrap_or_else(|| panic!("{path} was not asked"));
        assert_eq!(seen.header("host"), Some("login.example.com"), "{path}");
        assert_eq!(seen.header("x-forwarded-proto"), Some("https"), "{path}");
    }
    login.close().await;

    // Browsers are sent where the metadata says, and not to the place inside.
    let idp = Idp::start().await.named(PUBLIC);
    idp.with(|idp| drop(idp.metadata.remove("authorization_endpoint")));
    let inside = format!(", reach_at: \"{}\", allow_http: true", idp.url());
    let login = LoginPlan::at(idp, &inside).start().await;
    let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    let Shown::Left(url) = shown else { panic!("{shown:?}") };
    assert_eq!(url.origin(), PUBLIC.parse::<Url>().unwrap().origin());
    login.close().await;
}

#[tokio::test]
async fn login_c2_an_http_issuer_inside_and_keys_at_another_url() {
    let idp = Idp::start().await.named("http://keycloak:8080");
    let url = idp.url();
    idp.with(|idp| drop(idp.metadata.insert("jwks_uri".to_owned(), json!("https://keys.example.invalid/jwks"))));
    let more = format!(", allow_http: true, reach_at: \"{url}\", jwks: {{url: \"{url}/jwks\"}}");
    let login = LoginPlan::at(idp, &more).start().await;
    signs_in_and_refreshes(&login).await;
    login.close().await;

    let idp = Idp::start().await.named("http://keycloak:8080");
    let refused = LoginPlan::at(idp, "").refused_start().await;
    assert!(refused.output.contains("or needs `allow_http: true` (dangerous)"), "{}", refused.output);
}

#[tokio::test]
async fn login_c2_an_idp_behind_a_private_ca() {
    let place = |idp: &Idp| idp.url().replace("127.0.0.1", "localhost");
    let idp = Idp::start_tls().await.named(PUBLIC);
    let browsers = Idp::start().await;
    // Browsers have their own trust: here they sign in over plain HTTP.
    idp.with(|idp| {
        idp.metadata.insert("authorization_endpoint".to_owned(), json!(format!("{}/authorize", browsers.url())))
    });
    let more = format!(", ca: ca.pem, reach_at: \"{}\"", place(&idp));
    let ca = |plan: Plan| plan.file("ca.pem", certificate::authority_pem());
    let login = LoginPlan::at(idp, &more).around(ca).start().await;
    let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert!(matches!(shown, Shown::Left(url) if url.as_str().starts_with(&browsers.url())), "its metadata was fetched");
    // Without the CA the same IdP is not trusted.
    login.edit(0, |text| text.replace("ca: ca.pem, ", ""));
    login.until_reloaded(0, 1).await;
    let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("temporarily_unavailable"));
    // A reload brings the CA back: the state of the server stays.
    login.edit(0, |text| text.replace("reach_at:", "ca: ca.pem, reach_at:"));
    login.until_reloaded(0, 2).await;
    let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    assert!(matches!(shown, Shown::Left(url) if url.as_str().starts_with(&browsers.url())));
    login.close().await;
}

#[tokio::test]
async fn login_c2_attack_210_a_place_that_is_another_issuer_logs_no_user_in() {
    let idp = Idp::start().await;
    let other = idp.url();
    let more = format!(", reach_at: \"{other}\", allow_http: true");
    let text = idp.login(&more).replace(&format!("issuer: \"{other}\""), &format!("issuer: \"{PUBLIC}\""));
    let login = LoginPlan::at(idp, "").key("login", &text).start().await;
    let client = Client::desktop();
    let shown = Browser::of("", "").open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("temporarily_unavailable"));
    login.process(0).line(|line| line.contains(&format!("issuer is \\\"{other}\\\"")) && line.contains(PUBLIC)).await;
    login.close().await;

    // Metadata of the right name, and an answer and an ID token of another.
    let idp = Idp::start().await;
    idp.with(|idp| {
        idp.metadata.insert("issuer".to_owned(), json!(PUBLIC));
        idp.metadata.insert("authorization_response_iss_parameter_supported".to_owned(), json!(false));
    });
    let more = format!(", reach_at: \"{}\", allow_http: true", idp.url());
    let text = idp.login(&more).replacen(&idp.url(), PUBLIC, 1);
    let login = LoginPlan::at(idp, "").key("login", &text).start().await;
    let shown = Browser::of("", "").open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 400, "the IdP says which issuer it is, and that is another");
    login.close().await;
}

#[tokio::test]
async fn login_c2_a_plain_issuer_is_reached_inside_too() {
    let idp = Idp::start().await.named(PUBLIC);
    let house = format!("  house:\n    issuer: {PUBLIC}\n    reach_at: \"{}\"\n    allow_http: true\n", idp.url());
    let world = Plan::standard().issuers(&house).start().await;
    world.until_ready().await;
    let token = world.mint().claim("iss", json!(PUBLIC)).token();
    let reply = world.send(&Ask::post("/mcp", call("safe")).token(&token)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    // The mirror shows the document as it is.
    let mirrored = world.send(&Ask::get("/.well-known/oauth-authorization-server")).await;
    assert_eq!(mirrored.json()["issuer"], PUBLIC);
    assert!(!mirrored.json()["token_endpoint"].as_str().unwrap().contains("127.0.0.1"));
    world.close().await;
}
