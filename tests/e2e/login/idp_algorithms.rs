//! How the IdP signs ID tokens: what is allowed, and what operator and user are told if it is not.

use super::{
    browser::Browser,
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld},
};
use crate::e2e::world::{Reply, key::Alg};

async fn page(login: &LoginWorld) -> Reply {
    let shown = Browser::of("", "").open(login, &Client::desktop().request(login, "mcp:connect").url).await;
    shown.page().clone()
}

async fn notes(login: &LoginWorld) -> String {
    login.admin(0, "/readyz").await.json()["notes"].to_string()
}

#[tokio::test]
async fn login_c7_an_algorithm_that_is_not_allowed_is_named_and_can_be_allowed() {
    let login = LoginPlan::idp().await.start().await;
    let client = Client::desktop();
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    login.idp.as_ref().unwrap().with(|idp| idp.alg = Alg::Es384);
    let shown = page(&login).await;
    assert_eq!(shown.status, 503);
    assert!(shown.text().contains("the administrator must act"), "{}", shown.text());
    assert!(!shown.text().contains("ES384"), "what the IdP does is for the log");
    let said = "signs ID tokens with ES384; allowed are RS256, PS256, ES256, EdDSA: add ES384 to login.oidc.algorithms";
    login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    assert!(notes(&login).await.contains(said));
    let metrics = login.admin(0, "/metrics").await.text();
    assert!(metrics.contains("portcullis_idp_exchanges_total{issuer=\"own\",result=\"refused\"} 1"), "{metrics}");
    // A refresh is not the user's fault either: the login stays.
    let reply = client.refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (503, Some("temporarily_unavailable")));

    login.edit(0, |text| text.replace("env:IDP_SECRET}", "env:IDP_SECRET, algorithms: [ES384, ES256]}"));
    login.until_reloaded(0, 1).await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    assert!(!notes(&login).await.contains("ES384"));
    login.close().await;
}

#[tokio::test]
async fn login_c7_attack_211_a_shared_secret_or_no_signature_is_never_allowed() {
    for algorithms in ["[HS256]", "[RS256, none]", "[hs512]", "[]", "[RS257]"] {
        let refused = LoginPlan::idp_with(&format!(", algorithms: {algorithms}")).await.refused_start().await;
        assert!(refused.output.contains("login.oidc.algorithms"), "{algorithms}: {}", refused.output);
        assert!(refused.output.contains("asymmetric algorithm"), "{algorithms}: {}", refused.output);
    }
    let login = LoginPlan::idp().await.start().await;
    for name in ["HS512", "HS256", "none", "NONE"] {
        login.idp.as_ref().unwrap().with(|idp| idp.says_alg = Some(name.to_owned()));
        assert_eq!(page(&login).await.status, 503, "{name}");
        let said = format!("signs ID tokens with {name}; allowed are RS256, PS256, ES256, EdDSA: choose one of these");
        login.process(0).line(|line| line.contains(&said)).await;
        assert!(notes(&login).await.contains(&said), "{name}");
    }
    // A token that says another allowed algorithm than that of its key is no valid token.
    login.idp.as_ref().unwrap().with(|idp| idp.says_alg = Some("RS256".to_owned()));
    assert_eq!(page(&login).await.status, 503);
    login.process(0).line(|line| line.contains("the key that it names is not for this algorithm")).await;
    login.close().await;
}
