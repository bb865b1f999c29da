//! Users sign in at GitHub: what they get, and what they lose.

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    client::{Client, Tokens, call_tool},
    github::GitHub,
    idp::Idp,
    world::{LoginPlan, LoginWorld},
};

pub(super) const TEAM: &str = ", teams: [acme/platform]";

pub(super) async fn started(more: &str) -> LoginWorld {
    LoginPlan::github(GitHub::start().await, more).start().await
}

pub(super) fn github(login: &LoginWorld) -> &GitHub {
    login.github.as_ref().unwrap()
}

pub(super) async fn signed_in(login: &LoginWorld) -> Tokens {
    Client::desktop().sign_in(login, &mut Browser::of("", ""), "mcp:connect mcp:danger").await
}

pub(super) async fn shown(login: &LoginWorld) -> Shown {
    Browser::of("", "").open(login, &Client::desktop().request(login, "mcp:connect").url).await
}

/// A refresh that ends the login; `line` is in the log then.
pub(super) async fn ends(login: &LoginWorld, tokens: &Tokens, outcome: &str) {
    let reply = Client::desktop().refresh(login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_grant")), "{outcome}");
    login.process(0).line(|line| line.contains("\"refresh\"") && line.contains(outcome)).await;
    let reply = Client::desktop().refresh(login, 0, tokens.refresh()).await;
    assert_eq!(reply.status, 400, "{outcome}: it stays over");
}

#[tokio::test]
async fn login_c3_a_member_of_a_team_signs_in_with_an_oauth_app_and_gets_what_the_team_gets() {
    let plan = LoginPlan::github(GitHub::start().await, &format!("{TEAM}, trust_email: true")).file();
    let login = plan.key("token_claims", "[login, email, teams]").start().await;
    login.process(0).line(|line| line.contains("GitHub was found")).await;
    let tokens = signed_in(&login).await;
    let subject = format!("42@{}", github(&login).server().address());
    assert_eq!((tokens.claim("sub"), &*tokens.scope), (json!(subject), "mcp:connect mcp:danger"));
    login.process(0).line(|line| line.contains("\"acme/platform#9\"")).await;
    assert_eq!((tokens.claim("login"), tokens.claim("email")), (json!("ada"), json!("ada@corp.example")));
    assert_eq!(tokens.claim("teams"), json!(["acme/platform"]), "of her teams, what the configuration names");
    assert_eq!(call_tool(&login, 0, &tokens.access, "danger").await.status, 200);
    github(&login).with(|github| {
        let asked = github.authorizations.last().unwrap();
        assert_eq!((&*asked["scope"], &*asked["allow_signup"]), ("user:email read:org", "false"));
        assert!(!asked.contains_key("nonce") && !asked.contains_key("response_type"), "{asked:?}");
    });
    let mut next = Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    for _ in 0..2 {
        next = Client::desktop().refreshed(&login, 0, next.refresh()).await;
        assert_eq!(next.scope, "mcp:connect mcp:danger");
    }
    // Each refresh asks who the user is now, as the sign-in did, and the look at the start.
    github(&login).with(|github| assert_eq!(github.api_requests.iter().filter(|path| *path == "/user").count(), 5));

    // Out of the team: nothing is left.
    github(&login).with(|github| github.account("ada").teams.clear());
    ends(&login, &next, "no longer admitted at the IdP").await;
    assert_eq!(call_tool(&login, 0, &next.access, "danger").await.status, 401);
    login.close().await;
}

#[tokio::test]
async fn login_c3_a_github_app_rotates_its_refresh_tokens_across_a_restart() {
    let server = GitHub::start().await;
    server.with(|github| github.is_app = true);
    let mut login = LoginPlan::github(server, TEAM).file().start().await;
    let tokens = signed_in(&login).await;
    let mut next = Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    for _ in 0..3 {
        next = Client::desktop().refreshed(&login, 0, next.refresh()).await;
    }
    github(&login).with(|github| {
        assert_eq!(github.reuses, 0, "GitHub has seen a refresh token twice");
        assert_eq!(github.token_requests.iter().filter(|form| form.contains_key("refresh_token")).count(), 4);
        github.revoke("ada");
    });
    ends(&login, &next, "session over").await;

    // Expiry was switched off: the access token is the session from then on.
    let tokens = signed_in(&login).await;
    github(&login).with(|github| github.expires = false);
    let next = Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    let asked = github(&login).with(|github| github.token_requests.len());
    let next = Client::desktop().refreshed(&login, 0, next.refresh()).await;
    github(&login).with(|github| {
        assert_eq!(github.token_requests.len(), asked);
        github.revoke("ada");
    });
    ends(&login, &next, "session over").await;
    login.close().await;
}

#[tokio::test]
async fn login_c3_who_is_in_no_team_and_no_organization_sees_why() {
    for (more, account, is_in) in [
        (TEAM, "bob", false),
        (", organizations: [acme]", "bob", false),
        (", organizations: [Acme]", "ada", true),
        (", organizations: [other], teams: [ACME/Platform]", "ada", true),
        (", teams: [acme/platform-x]", "ada", false),
        ("", "bob", true),
    ] {
        let login =
            LoginPlan::github(GitHub::start().await, more).key("grants", "[{scopes: [\"mcp:*\"]}]").start().await;
        github(&login).with(|github| account.clone_into(&mut github.signs_in));
        let shown = shown(&login).await;
        if is_in {
            assert!(shown.parameter("code").is_some(), "{more}");
        } else {
            let page = shown.page();
            assert_eq!(page.status, 403, "{more}");
            assert!(
                page.text().contains(&format!("GitHub shows {account} in none of the organizations and teams")),
                "{}",
                page.text()
            );
            login.process(0).line(|line| line.contains("approved the app")).await;
        }
        login.close().await;
    }
}

#[tokio::test]
async fn login_c3_an_invitation_and_a_billing_manager_are_no_membership() {
    for (state, role, is_in) in
        [("pending", "member", false), ("active", "billing_manager", false), ("active", "admin", true)]
    {
        let login = started(", organizations: [acme]").await;
        github(&login).with(|github| github.account("ada").organizations = vec![("acme".to_owned(), state, role)]);
        match (shown(&login).await, is_in) {
            (shown @ Shown::Left(_), true) => assert!(shown.parameter("code").is_some()),
            (Shown::Page(page), false) => assert_eq!(page.status, 403),
            (shown, _) => panic!("{state} {role}: {shown:?}"),
        }
        login.close().await;
    }
}

#[tokio::test]
async fn login_c3_the_hundred_and_first_team_counts_as_well() {
    let login = started(TEAM).await;
    github(&login).with(|github| {
        let mut teams: Vec<String> = (0..250).map(|number| format!("acme/team-{number}")).collect();
        teams.insert(220, "acme/platform".to_owned());
        github.account("ada").teams = teams;
    });
    let tokens = signed_in(&login).await;
    Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
    github(&login)
        .with(|github| assert_eq!(github.api_requests.iter().filter(|path| *path == "/user/teams").count(), 6));
    login.close().await;
}

#[tokio::test]
async fn login_c3_only_a_verified_primary_address_counts() {
    const TRUSTED: &str = ", trust_email: true";
    for (more, emails, counts) in [
        (TRUSTED, vec![("ada@corp.example", true), ("ada@home.example", true)], true),
        (TRUSTED, vec![("ada@home.example", true), ("ada@corp.example", true)], false),
        (TRUSTED, vec![("ada@corp.example", false), ("ada@home.example", true)], false),
        // A server of one's own verifies no address, whatever it says.
        ("", vec![("ada@corp.example", true)], false),
    ] {
        let plan = LoginPlan::github(GitHub::start().await, more);
        let login = plan.key("grants", "[{claims: {email: [ada@corp.example]}, scopes: [\"mcp:*\"]}]").start().await;
        github(&login).with(|github| {
            github.account("ada").emails =
                emails.iter().map(|(email, verified)| ((*email).to_owned(), *verified)).collect();
        });
        match (shown(&login).await, counts) {
            (shown @ Shown::Left(_), true) => assert!(shown.parameter("code").is_some()),
            (Shown::Page(page), false) => assert_eq!(page.status, 403),
            (shown, _) => panic!("{emails:?}: {shown:?}"),
        }
        // Nothing but the address is needed.
        github(&login).with(|github| assert_eq!(github.authorizations[0]["scope"], "user:email"));
        login.close().await;
    }
    let login = started("").await;
    github(&login).with(|github| github.account("ada").emails = vec![("ada@corp.example".to_owned(), false)]);
    assert!(shown(&login).await.page().text().contains("verify the primary address at GitHub"));
    let ready = login.admin(0, "/readyz").await;
    assert!(!ready.text().contains("login.github"), "the user must act, not the operator: {}", ready.text());
    login.close().await;
}

#[tokio::test]
async fn login_c9_what_a_browser_alone_says_of_github_is_on_its_page_and_in_no_note() {
    let login = started(TEAM).await;
    github(&login).with(|github| github.sign_in_error = Some("application_suspended".to_owned()));
    for _ in 0..4 {
        let denied = shown(&login).await;
        let text = denied.page().text();
        assert!(denied.page().status == 503 && text.contains("administrator must act"), "{text}");
        assert!(!text.contains("Try again"), "{text}");
    }
    let said = "the app is suspended there";
    login.process(0).line(|line| line.contains("\"WARN\"") && line.contains(said)).await;
    let ready = login.admin(0, "/readyz").await;
    assert!(!ready.text().contains("login.github"), "one network may have made it up: {}", ready.text());
    login.close().await;
}

#[tokio::test]
async fn login_c3_attack_163_an_answer_of_another_place_and_an_edited_scope_bring_nothing() {
    let login = started(TEAM).await;
    github(&login).with(|github| github.says_iss = Some("https://evil.example/login/oauth".to_owned()));
    assert_eq!(shown(&login).await.page().status, 400);
    github(&login).with(|github| assert!(github.token_requests.iter().all(|form| form["code"] == "is-this-app-known")));
    // Anyone can write such an error into an address: it is no proof.
    for error in ["application_suspended", "redirect_uri_mismatch"] {
        github(&login).with(|github| (github.sign_in_error, github.says_iss) = (Some(error.to_owned()), None));
        assert_eq!(shown(&login).await.page().status, 503, "{error}");
        let ready = login.admin(0, "/readyz").await;
        assert!(!ready.text().contains("github") && !ready.text().contains("refuses"), "{}", ready.text());
    }
    github(&login).with(|github| github.sign_in_error = None);
    // An Enterprise Server of before sends no `iss`.
    github(&login).with(|github| github.says_iss = Some(String::new()));
    assert!(shown(&login).await.parameter("code").is_some());

    github(&login).with(|github| github.edited_scope = Some("user:email".to_owned()));
    let denied = shown(&login).await;
    assert_eq!(denied.parameter("error").as_deref(), Some("access_denied"));
    let ready = login.admin(0, "/readyz").await;
    assert!(!ready.text().contains("login.github"), "the user did it, not the operator: {}", ready.text());
    login.close().await;
}

#[tokio::test]
async fn login_c3_a_request_that_may_show_no_page_is_answered_at_once() {
    let login = started(TEAM).await;
    let ask = |name: &str, value: &str| Client {
        authorize_with: vec![(name.to_owned(), value.to_owned())],
        ..Client::desktop()
    };
    let shown = Browser::of("", "").open(&login, &ask("prompt", "none").request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("login_required"));
    github(&login).with(|github| assert!(github.authorizations.is_empty()));
    for (name, value, prompt, hint) in [
        ("prompt", "select_account", Some("select_account"), None),
        ("prompt", "login", Some("select_account"), None),
        ("max_age", "60", Some("select_account"), None),
        ("login_hint", "ada", None, Some("ada")),
        ("prompt", "consent", None, None),
    ] {
        Browser::of("", "").open(&login, &ask(name, value).request(&login, "mcp:connect").url).await;
        github(&login).with(|github| {
            let asked = github.authorizations.last().unwrap();
            assert_eq!(
                (asked.get("prompt").map(String::as_str), asked.get("login").map(String::as_str)),
                (prompt, hint),
                "{name}={value}"
            );
        });
    }
    login.close().await;
}

#[tokio::test]
async fn login_c3_a_name_that_another_took_is_no_membership_where_the_number_is_written() {
    for (more, admitted_after) in [(", organizations: [\"acme#7\"]", false), (", organizations: [acme]", true)] {
        let plan = LoginPlan::github(GitHub::start().await, more);
        let login = plan.key("grants", "[{scopes: [\"mcp:*\"]}]").start().await;
        let tokens = signed_in(&login).await;
        github(&login).with(|github| github.organization_id = 8);
        if admitted_after {
            Client::desktop().refreshed(&login, 0, tokens.refresh()).await;
        } else {
            ends(&login, &tokens, "no longer admitted at the IdP").await;
            assert_eq!(shown(&login).await.page().status, 403);
        }
        login.close().await;
    }
}

#[tokio::test]
async fn login_c3_tokens_of_one_place_are_never_sent_to_another() {
    // The same store serves GitHub, then an OpenID Connect provider.
    let mut login = LoginPlan::github(GitHub::start().await, TEAM).file().start().await;
    let tokens = signed_in(&login).await;
    let idp = Idp::start().await;
    let (before, after) = (github(&login).login(TEAM), idp.login(""));
    login.edit(0, |text| {
        assert!(text.contains(&before));
        text.replace(&before, &after).replace("{teams: [acme/platform]}", "{groups: [staff]}")
    });
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    ends(&login, &tokens, "session over").await;
    idp.with(|idp| assert!(idp.token_requests.is_empty(), "the provider saw GitHub's token"));
    login.close().await;
}
