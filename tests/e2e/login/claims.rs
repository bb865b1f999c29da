//! What the claims of users do: addresses that count, tokens that grow too large, another secret.

use serde_json::json;

use super::{
    browser::Browser,
    client::{Client, call_tool},
    world::{LoginPlan, PASSWORD},
};

/// What `portcullis check` prints of a world's configuration.
pub async fn checked(login: &super::world::LoginWorld) -> String {
    let (_, told, complained) = login.check(0).await;
    told + &complained
}

#[tokio::test]
async fn login_a8_a_token_that_the_gateway_would_refuse_is_not_issued_and_its_claim_is_named() {
    let groups: Vec<String> = (0..1_200).map(|n| format!("department-of-the-house-{n:03}")).collect();
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A";
    let groups = [&["staff".to_owned()], &*groups].concat();
    let accounts = json!({"accounts": [
        {"name": "ada", "groups": groups, "password": hash},
        {"name": "bob", "password": hash},
    ]});
    let plan = LoginPlan::accounts().around(|plan| plan.file("accounts.yaml", &accounts.to_string()));
    let login = plan.key("token_claims", "[groups]").file().start().await;
    let shown = Browser::of("ada", PASSWORD).open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
    let page = shown.page();
    assert_eq!(page.status, 500);
    assert!(page.text().contains("its largest claim is groups with"), "{}", page.text());
    login.process(0).line(|line| line.contains("too large") && line.contains("groups")).await;
    let said = checked(&login).await;
    assert!(said.contains("\"ada\"") && said.contains("of them in `groups`"), "{said}");
    assert!(!said.contains("the account \"bob\""), "{said}");

    let tokens = Client::desktop().sign_in(&login, &mut Browser::of("bob", PASSWORD), "mcp:connect").await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn login_a9_a_rotated_secret_and_other_scopes_are_taken_and_keep_all_logins() {
    let plan = LoginPlan::idp().await.around(|plan| plan.environment("OTHER_SECRET", "another-secret-at-the-idp"));
    let login = plan.file().start().await;
    let client = Client::desktop();
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    login.edit(0, |text| text.replace("env:IDP_SECRET}", "env:OTHER_SECRET, scopes: [openid, groups]}"));
    login.until_reloaded(0, 1).await;
    // The new secret is the one that is sent: this IdP still knows the old one alone.
    assert_eq!(client.refresh(&login, 0, tokens.refresh()).await.status, 503);
    let mut browser = Browser::of("", "");
    browser.open(&login, &client.request(&login, "mcp:connect").url).await;
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| assert_eq!(idp.authorizations.last().unwrap()["scope"], "openid groups"));
    login.edit(0, |text| text.replace("env:OTHER_SECRET", "env:IDP_SECRET"));
    login.until_reloaded(0, 2).await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn login_a10_only_a_verified_address_gets_what_is_granted_to_it() {
    for (more, verified, counts, said) in [
        ("", Some(json!(true)), true, "only if the provider says `email_verified: true`"),
        ("", Some(json!("true")), true, ""),
        ("", Some(json!(false)), false, ""),
        ("", None, false, ""),
        (", trust_email: true", None, true, "unless the provider says `email_verified: false`"),
        (", trust_email: true", Some(json!(false)), false, ""),
    ] {
        let plan = LoginPlan::idp_with(more).await;
        let login = plan.key("grants", "[{claims: {email: [ada@corp.example]}, scopes: [\"mcp:*\"]}]");
        let login = login.key("token_claims", "[email]").start().await;
        login.idp.as_ref().unwrap().with(|idp| {
            let ada = idp.people.get_mut("ada").unwrap();
            ada.remove("email_verified");
            ada.extend(verified.clone().map(|value| ("email_verified".to_owned(), value)));
        });
        let client = Client::desktop();
        if counts {
            let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
            assert_eq!(tokens.claim("email"), "ada@corp.example");
        } else {
            let shown = Browser::of("", "").open(&login, &client.request(&login, "mcp:connect").url).await;
            assert_eq!(shown.page().status, 403, "{more} {verified:?}");
        }
        if !said.is_empty() {
            let check = checked(&login).await;
            assert!(check.contains(&format!("authorization_servers.own: an `email` counts {said}")), "{check}");
        }
        login.close().await;
    }
}
