//! Long answers of the IdP: users with many groups sign in, and what is too large is named.

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld},
};

/// Names as Active Directory has them, each of about 70 bytes, after `staff`.
fn groups(count: usize) -> Vec<String> {
    let of_company = |n| format!("CN=department-{n:05},OU=groups of the company,DC=corp,DC=example,DC=com");
    ["staff".to_owned()].into_iter().chain((0..count).map(of_company)).collect()
}

fn in_groups(login: &LoginWorld, count: usize) {
    let groups = groups(count);
    login
        .idp
        .as_ref()
        .unwrap()
        .with(|idp| drop(idp.people.get_mut("ada").unwrap().insert("groups".to_owned(), json!(groups))));
}

async fn page(login: &LoginWorld) -> (u16, String) {
    let shown = Browser::of("", "").open(login, &Client::desktop().request(login, "mcp:connect").url).await;
    let Shown::Page(page) = shown else { panic!("{shown:?}") };
    (page.status, page.text())
}

#[tokio::test]
async fn login_a8_a_user_with_many_groups_signs_in_and_a_token_that_is_too_large_is_named() {
    let login = LoginPlan::idp().await.start().await;
    let client = Client::desktop();
    in_groups(&login, 150);
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);

    in_groups(&login, 900);
    let (status, text) = page(&login).await;
    assert_eq!(status, 503);
    assert!(text.contains("too large") && text.contains("administrator must act"), "{text}");
    assert!(!text.contains("has a bug"), "{text}");
    let said = "sent an ID token that is too large";
    let line = login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    assert!(line.contains("at most 65536 are read"), "{line}");
    assert!(login.admin(0, "/readyz").await.text().contains(said));
    let metrics = login.admin(0, "/metrics").await.text();
    assert!(metrics.contains("portcullis_idp_exchanges_total{issuer=\"own\",result=\"refused\"} 1"), "{metrics}");
    // At a refresh, too; the login stays.
    let reply = client.refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert!(reply.text().contains("too large"), "{}", reply.text());
    in_groups(&login, 150);
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_a8_a_token_response_that_is_too_large_is_named() {
    let login = LoginPlan::idp().await.start().await;
    in_groups(&login, 4_000);
    let (status, text) = page(&login).await;
    assert_eq!(status, 503);
    assert!(text.contains("too large") && text.contains("administrator must act"), "{text}");
    let said = "token endpoint is too large";
    let line = login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    assert!(line.contains("262144"), "{line}");
    assert!(login.admin(0, "/readyz").await.text().contains(said));
    login.close().await;
}

#[tokio::test]
async fn login_c4_long_claims_of_userinfo_are_kept_and_one_that_is_too_large_is_named() {
    let login = LoginPlan::idp_with(", userinfo: true").await.start().await;
    let client = Client::desktop();
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| {
        idp.only_in_userinfo = ["groups", "roles"].map(str::to_owned).to_vec();
        // A claim that the configuration does not name is not kept beside a long one.
        drop(idp.people.get_mut("ada").unwrap().insert("roles".to_owned(), json!(groups(1_000))));
    });
    in_groups(&login, 300);
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    // Between answers that say no claims, those that were kept count.
    idp.with(|idp| {
        idp.id_token_at_refresh = false;
        idp.userinfo_answer = Some((403, json!({"error": "insufficient_scope"})));
    });
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    idp.with(|idp| (idp.id_token_at_refresh, idp.userinfo_answer) = (true, None));

    in_groups(&login, 600);
    let (status, text) = page(&login).await;
    assert_eq!(status, 500);
    assert!(text.contains("the largest is groups with") && !text.contains("Try again"), "{text}");
    let said = "a user of the company IdP cannot be logged in: the claims of this user have";
    let line = login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    assert!(line.contains("the largest is groups with"), "{line}");
    assert!(login.admin(0, "/readyz").await.text().contains("the largest is groups with"));
    let reply = client.refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert!(reply.text().contains("the largest is groups with"), "{}", reply.text());
    in_groups(&login, 300);
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}
