//! What the troubles of GitHub, of its app and of a user come to.

use serde_json::json;

use super::{
    client::Client,
    github::GitHub,
    github_sign_in::{TEAM, ends, github, shown, signed_in, started},
    world::LoginPlan,
};

#[tokio::test]
async fn login_c3_a_wrong_secret_or_app_is_said_at_the_start_and_the_sessions_stay() {
    let login = started(TEAM).await;
    let tokens = signed_in(&login).await;
    login.close().await;
    drop(tokens);

    let server = GitHub::start().await;
    server.with(|github| github.token_answer = Some((200, json!({"error": "incorrect_client_credentials"}))));
    let login = LoginPlan::github(server, TEAM).start().await;
    let said = "check login.github.client_id and login.github.client_secret";
    login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    let ready = login.until_readyz(0, said, |ready| ready.text().contains(said)).await;
    assert_eq!(ready.status, 200);
    assert_eq!(shown(&login).await.page().status, 503);
    github(&login).with(|github| github.token_answer = None);
    let tokens = signed_in(&login).await;
    login.until_readyz(0, "it is right", |ready| !ready.text().contains("login.github")).await;
    assert!(tokens.refresh.is_some());

    github(&login).with(|github| github.token_answer = Some((404, json!({"error": "Not Found"}))));
    assert_eq!(shown(&login).await.page().status, 503);
    github(&login).with(|github| github.callback = "https://mcp.other.example/callback".to_owned());
    login.close().await;
}

#[tokio::test]
async fn login_c3_what_ails_github_keeps_sessions_and_what_ails_the_user_ends_them() {
    let login = started(TEAM).await;
    let client = Client::desktop();
    let tokens = signed_in(&login).await;
    for (status, fields, body) in [
        (503, vec![], json!({"message": "unavailable"})),
        (
            403,
            vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1900000000")],
            json!({"message": "API rate limit exceeded"}),
        ),
        (429, vec![("Retry-After", "60")], json!({"message": "secondary rate limit"})),
        (403, vec![], json!({"message": "Resource not accessible by integration"})),
        (404, vec![], json!({"message": "Not Found"})),
        (200, vec![], json!([])),
    ] {
        github(&login).with(|github| github.api_answer = Some((status, fields.clone(), body.clone())));
        let reply = client.refresh(&login, 0, tokens.refresh()).await;
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (503, Some("temporarily_unavailable")),
            "{status} {body}"
        );
    }
    github(&login).with(|github| {
        let secondary = json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes."});
        github.api_answer = Some((403, vec![], secondary));
    });
    assert_eq!(client.refresh(&login, 0, tokens.refresh()).await.status, 503);
    for how_long in ["for a minute or more", "until 1900000000", "for 60 s"] {
        let said = format!("GitHub limits the requests of this user and app {how_long}");
        login.process(0).line(|line| line.contains(&said)).await;
    }
    github(&login).with(|github| github.api_answer = None);
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    github(&login).with(|github| github.account("ada").is_suspended = true);
    ends(&login, &tokens, "session over").await;
    login.close().await;

    // The app has lost its permission: the operator must act, and no session ends.
    let server = GitHub::start().await;
    server.with(|github| github.is_app = true);
    let login = LoginPlan::github(server, TEAM).start().await;
    let tokens = signed_in(&login).await;
    github(&login).with(|github| github.may_read_members = false);
    let reply = client.refresh(&login, 0, tokens.refresh()).await;
    assert_eq!(reply.status, 503);
    let said = "organization permission Members (read)";
    login.process(0).line(|line| line.contains("WARN") && line.contains(said)).await;
    // It may be about this user alone. A second one shows that it is not.
    assert!(!login.admin(0, "/readyz").await.text().contains(said));
    github(&login).with(|github| "bob".clone_into(&mut github.signs_in));
    let page = shown(&login).await;
    assert!(page.page().status == 403 && page.page().text().contains("single sign-on"), "{page:?}");
    login.until_readyz(0, said, |ready| ready.text().contains(said)).await;
    github(&login).with(|github| github.may_read_members = true);
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.until_readyz(0, "it is right", |ready| !ready.text().contains("login.github")).await;
    login.close().await;
}

#[tokio::test]
async fn login_c3_a_new_token_that_github_does_not_know_yet_is_tried_again() {
    let server = GitHub::start().await;
    server.with(|github| github.is_app = true);
    let login = LoginPlan::github(server, TEAM).start().await;
    login.process(0).line(|line| line.contains("GitHub was found")).await;
    github(&login).with(|github| github.refusals_of_new_tokens = 2);
    let tokens = signed_in(&login).await;
    github(&login).with(|github| github.refusals_of_new_tokens = 1);
    let tokens = Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    // For longer it is GitHub's trouble, and the login stays.
    github(&login).with(|github| github.refusals_of_new_tokens = 3);
    let reply = Client::desktop().refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_c3_a_login_from_before_the_first_team_signs_in_again() {
    let plan = LoginPlan::github(GitHub::start().await, ", trust_email: true").file();
    let login = plan.key("grants", "[{claims: {email: [ada@corp.example]}, scopes: [\"mcp:*\"]}]").start().await;
    let tokens = signed_in(&login).await;
    login.edit(0, |text| text.replace("trust_email: true}", "trust_email: true, organizations: [acme]}"));
    login.until_reloaded(0, 1).await;
    // Her token cannot say where she is a member. Another sign-in helps.
    ends(&login, &tokens, "session over").await;
    assert!(!login.admin(0, "/readyz").await.text().contains("login.github"));
    let tokens = signed_in(&login).await;
    Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_c9_a_github_that_is_not_there_is_noted_until_it_is() {
    let server = GitHub::start().await;
    server.server().stop();
    let login = LoginPlan::github(server, TEAM).start().await;
    let said = "login.github: no user can sign in";
    let line = login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
    assert!(line.contains("look whether url is right"), "{line}");
    let ready = login.until_readyz(0, said, |ready| ready.text().contains(said)).await;
    assert_eq!(ready.status, 200, "issued tokens stay valid");
    assert!(login.admin(0, "/metrics").await.text().contains("portcullis_idp_up{issuer=\"own\"} 0"));
    login.close().await;

    // A proxy that has the pages, and not the REST API.
    let server = GitHub::start().await;
    server.with(|github| github.api_answer = Some((404, vec![], json!("no"))));
    let login = LoginPlan::github(server, TEAM).start().await;
    let ready = login.until_readyz(0, said, |ready| ready.text().contains(said)).await;
    assert!(ready.text().contains("/api/v3/user answers 404"), "{}", ready.text());
    github(&login).with(|github| github.api_answer = None);
    login.until_readyz(0, "the API is there", |ready| !ready.text().contains(said)).await;
    signed_in(&login).await;
    login.close().await;
}
