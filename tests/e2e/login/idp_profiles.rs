//! What is asked of each provider, so that it keeps users signed in, and what the log advises if it does not.

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    client::{Client, Tokens},
    world::{LoginPlan, LoginWorld},
};

/// A provider that gives a refresh token as OpenID Connect Core §11 says, and in no other case.
async fn strict(more: &str) -> LoginWorld {
    let login = LoginPlan::idp_with(more).await.start().await;
    login.idp.as_ref().unwrap().with(|idp| idp.gives_refresh_token = false);
    login
}

async fn signed_in(login: &LoginWorld) -> Tokens {
    Client::desktop().sign_in(login, &mut Browser::of("", ""), "mcp:connect").await
}

fn asked(login: &LoginWorld, name: &str) -> Option<String> {
    login.idp.as_ref().unwrap().with(|idp| idp.authorizations.last().unwrap().get(name).cloned())
}

#[tokio::test]
async fn login_c1_google_is_asked_in_its_own_way_and_never_for_a_scope_that_it_refuses() {
    let login = LoginPlan::idp_with(", profile: google").await.start().await;
    login.idp.as_ref().unwrap().with(|idp| idp.refused_scopes = vec!["offline_access".to_owned()]);
    let tokens = signed_in(&login).await;
    assert!(tokens.refresh.is_some());
    assert_eq!(asked(&login, "access_type").as_deref(), Some("offline"));
    assert_eq!(asked(&login, "prompt").as_deref(), Some("consent"));
    assert_eq!(asked(&login, "scope").as_deref(), Some("openid profile email"));
    // Without a refresh token the log does not advise what would end every sign-in.
    login.idp.as_ref().unwrap().with(|idp| idp.gives_refresh_token = false);
    assert!(signed_in(&login).await.refresh.is_none());
    let line = login.process(0).line(|line| line.contains("sent no refresh token")).await;
    assert!(line.contains("access_type: offline") && !line.contains("offline_access"), "{line}");
    login.close().await;

    let refused =
        LoginPlan::idp_with(", profile: google, scopes: [openid, offline_access]").await.refused_start().await;
    assert!(refused.output.contains("this provider refuses it"), "{}", refused.output);
}

#[tokio::test]
async fn login_c1_each_profile_asks_for_what_its_provider_needs() {
    for (profile, scope, prompt) in [
        ("entra", "openid profile email offline_access", None),
        ("okta", "openid profile email offline_access", None),
        ("auth0", "openid profile email offline_access", None),
        ("scalekit", "openid profile email offline_access", None),
        ("keycloak", "openid profile email", None),
        ("cognito", "openid profile email", None),
        ("wso2", "openid profile email", None),
        ("canaille", "openid profile email", None),
        ("lemonldap", "openid profile email", None),
        ("lemonldap, scopes: [groups, offline_access]", "openid groups offline_access", Some("consent")),
        (
            "google, authorize_parameters: {hd: corp.example, prompt: select_account}",
            "openid profile email",
            Some("select_account"),
        ),
    ] {
        let login = LoginPlan::idp_with(&format!(", profile: {profile}")).await.start().await;
        signed_in(&login).await;
        assert_eq!(asked(&login, "scope").as_deref(), Some(scope), "{profile}");
        assert_eq!(asked(&login, "prompt").as_deref(), prompt, "{profile}");
        assert_eq!(asked(&login, "hd").is_some(), profile.contains("hd:"), "{profile}");
        login.close().await;
    }
}

#[tokio::test]
async fn login_c8_offline_access_comes_with_the_prompt_that_it_needs() {
    for (more, is_given, advice) in [
        (", scopes: [openid, offline_access]", false, "authorize_parameters: {prompt: consent}"),
        (", scopes: [openid, offline_access], authorize_parameters: {prompt: consent}", true, ""),
        (", profile: lemonldap, scopes: [openid, offline_access]", true, ""),
        (", profile: lemonldap", false, "Use refresh tokens"),
        ("", false, "add offline_access to login.oidc.scopes"),
    ] {
        let login = strict(more).await;
        let tokens = signed_in(&login).await;
        assert_eq!(tokens.refresh.is_some(), is_given, "{more}");
        if is_given {
            Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
        } else {
            let line = login.process(0).line(|line| line.contains("sent no refresh token")).await;
            assert!(line.contains(advice), "{more}: {line}");
        }
        login.close().await;
    }
}

#[tokio::test]
async fn login_c1_attack_212_a_parameter_that_protects_the_answer_stops_the_start() {
    for parameter in [
        "state: x",
        "nonce: x",
        "redirect_uri: \"https://evil.example/\"",
        "code_challenge: x",
        "State: x",
        "request: x",
        "prompt: none",
    ] {
        let refused =
            LoginPlan::idp_with(&format!(", authorize_parameters: {{{parameter}}}")).await.refused_start().await;
        assert!(refused.output.contains("login.oidc.authorize_parameters."), "{parameter}: {}", refused.output);
    }
    // With `response_mode` the answer would not come in the query.
    let refused = LoginPlan::idp_with(", authorize_parameters: {response_mode: form_post}").await.refused_start().await;
    assert!(refused.output.contains("expected a parameter that the gateway does not set itself"), "{}", refused.output);
}

#[tokio::test]
async fn login_a10_the_profile_says_whether_an_address_counts_of_which_nothing_is_said() {
    for (profile, claims, counts) in [
        ("entra", json!({}), false),
        ("entra", json!({"xms_edov": "1"}), true),
        ("entra, trust_email: true", json!({}), true),
        ("entra, trust_email: true", json!({"xms_edov": false}), false),
        ("entra, trust_email: true", json!({"email_verified": false}), false),
        ("okta", json!({}), false),
    ] {
        let plan = LoginPlan::idp_with(&format!(", profile: {profile}")).await;
        let login = plan.key("grants", "[{claims: {email: [ada@corp.example]}, scopes: [\"mcp:*\"]}]").start().await;
        login.idp.as_ref().unwrap().with(|idp| {
            let ada = idp.people.get_mut("ada").unwrap();
            ada.remove("email_verified");
            ada.extend(claims.as_object().unwrap().clone());
        });
        let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
        match (&shown, counts) {
            (Shown::Left(_), true) => assert!(shown.parameter("code").is_some(), "{profile} {claims}"),
            (Shown::Page(page), false) => assert_eq!(page.status, 403, "{profile} {claims}"),
            _ => panic!("{profile} {claims}: {shown:?}"),
        }
        login.close().await;
    }
}
