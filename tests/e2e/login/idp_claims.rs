//! Claims of the IdP at a refresh: fresh ones from userinfo, or an end of the login; never old ones for long.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{
    browser::{Browser, Shown},
    client::{Client, Tokens, call_tool},
    idp::Idp,
    world::{LoginPlan, LoginWorld},
};

const BOTH: &str = "mcp:connect mcp:danger";

/// `staff` may connect, `admins` may do more. The IdP sends no ID token at a refresh, as Canaille.
async fn canaille(more: &str) -> LoginWorld {
    let grants = "[{claims: {groups: [staff]}, scopes: [\"mcp:connect\"]}, {claims: {groups: [admins]}, scopes: [\"mcp:danger\"]}]";
    let login = LoginPlan::idp_with(more).await.key("grants", grants).start().await;
    login.idp.as_ref().unwrap().with(|idp| idp.id_token_at_refresh = false);
    login
}

async fn signed_in(login: &LoginWorld) -> Tokens {
    Client::desktop().sign_in(login, &mut Browser::of("", ""), BOTH).await
}

async fn refreshed(login: &LoginWorld, tokens: &Tokens) -> Result<Tokens, (u16, String)> {
    let reply = Client::desktop().refresh(login, 0, tokens.refresh()).await;
    match reply.status {
        200 => Ok(login.tokens(&reply)),
        status => Err((status, reply.json()["error"].as_str().unwrap_or_default().to_owned())),
    }
}

fn ended() -> Result<Tokens, (u16, String)> {
    Err((400, "invalid_grant".to_owned()))
}

#[tokio::test]
async fn login_c6_a_user_removed_from_a_group_loses_the_scope_at_the_next_refresh() {
    let login = canaille("").await;
    let tokens = signed_in(&login).await;
    let tokens = refreshed(&login, &tokens).await.unwrap();
    assert_eq!(tokens.scope, BOTH);
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| {
        assert_eq!(idp.userinfo_requests, 1, "asked, because no ID token came");
        idp.groups("ada", &["staff"]);
    });
    let tokens = refreshed(&login, &tokens).await.unwrap();
    assert_eq!(tokens.scope, "mcp:connect");
    // A claim that is gone altogether is not the one of before.
    idp.with(|idp| drop(idp.people.get_mut("ada").unwrap().remove("groups")));
    assert_eq!(refreshed(&login, &tokens).await, ended());
    login.close().await;
}

#[tokio::test]
async fn login_c6_without_userinfo_old_claims_end_the_login_and_the_log_says_which() {
    for (answer, says) in [
        (None, "has no userinfo endpoint"),
        (Some((403, json!({"error": "insufficient_scope"}))), "userinfo endpoint cannot be used"),
        (Some((200, json!(["ada"]))), "does not answer with one JSON object"),
    ] {
        let idp = Idp::start().await;
        idp.with(|idp| {
            idp.id_token_at_refresh = false;
            if answer.is_none() {
                idp.metadata.insert("userinfo_endpoint".to_owned(), json!(null));
            }
            idp.userinfo_answer = answer;
        });
        let login = LoginPlan::at(idp, ", claims_max_age: 2s").start().await;
        let tokens = refreshed(&login, &signed_in(&login).await).await.unwrap();
        assert_eq!(tokens.scope, BOTH, "within the bound the claims count");
        sleep(Duration::from_millis(3_200)).await;
        assert_eq!(refreshed(&login, &tokens).await, ended(), "{says}");
        login.process(0).line(|line| line.contains(says) && line.contains("claims_max_age")).await;
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 401);
        login.close().await;
    }
}

#[tokio::test]
async fn login_c6_userinfo_is_found_beside_a_document_of_rfc_8414_without_it() {
    let idp = Idp::start().await;
    idp.with(|idp| (idp.has_oauth_metadata, idp.id_token_at_refresh) = (true, false));
    let login = LoginPlan::at(idp, ", userinfo: true").start().await;
    let tokens = signed_in(&login).await;
    refreshed(&login, &tokens).await.unwrap();
    let asked = login.idp.as_ref().unwrap().server().count_of("/.well-known/oauth-authorization-server");
    assert_eq!(asked, 0);
    login.close().await;
}

#[tokio::test]
async fn login_c6_userinfo_that_does_not_answer_costs_no_login() {
    let login = canaille("").await;
    let tokens = signed_in(&login).await;
    let idp = login.idp.as_ref().unwrap();
    for status in [500, 503, 429] {
        idp.with(|idp| idp.userinfo_answer = Some((status, json!({}))));
        assert_eq!(refreshed(&login, &tokens).await, Err((503, "temporarily_unavailable".to_owned())), "{status}");
    }
    idp.with(|idp| {
        assert_eq!(idp.reuses, 0, "the rotated token was kept");
        idp.userinfo_answer = None;
    });
    assert_eq!(refreshed(&login, &tokens).await.unwrap().scope, BOTH);
    login.close().await;
}

#[tokio::test]
async fn login_c6_attack_213_userinfo_about_another_user_ends_the_login() {
    let login = canaille("").await;
    let tokens = signed_in(&login).await;
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| idp.userinfo_answer = Some((200, json!({"sub": "eve", "groups": ["staff", "admins"]}))));
    assert_eq!(refreshed(&login, &tokens).await, ended());
    login.close().await;
    // At a sign-in, such an answer logs no user in.
    let login = canaille(", userinfo: true").await;
    let idp = login.idp.as_ref().unwrap();
    for sub in [json!("eve"), json!(null), json!(["ada"])] {
        idp.with(|idp| idp.userinfo_answer = Some((200, json!({"sub": sub, "groups": ["staff", "admins"]}))));
        let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, BOTH).url).await;
        assert_eq!(shown.page().status, 400, "{sub}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_c6_the_id_token_of_a_refresh_counts_also_if_userinfo_refuses() {
    for answer in [(403, json!({"error": "insufficient_scope"})), (200, json!("eyJhbGciOiJSUzI1NiJ9.e30.c2ln"))] {
        let login = canaille(", userinfo: true").await;
        let idp = login.idp.as_ref().unwrap();
        idp.with(|idp| idp.id_token_at_refresh = true);
        let tokens = signed_in(&login).await;
        assert_eq!(tokens.scope, BOTH);
        idp.with(|idp| {
            idp.groups("ada", &["staff"]);
            idp.userinfo_answer = Some(answer.clone());
        });
        let tokens = refreshed(&login, &tokens).await.unwrap();
        assert_eq!(tokens.scope, "mcp:connect", "{answer:?}");
        let said = "login.oidc.userinfo: the IdP's userinfo endpoint";
        login.process(0).line(|line| line.contains("\"ERROR\"") && line.contains(said)).await;
        assert!(login.admin(0, "/readyz").await.text().contains(said));
        idp.with(|idp| idp.groups("ada", &[]));
        assert_eq!(refreshed(&login, &tokens).await, ended(), "{answer:?}");
        // What userinfo says again ends the note.
        idp.with(|idp| {
            idp.groups("ada", &["staff"]);
            idp.userinfo_answer = None;
        });
        let tokens = signed_in(&login).await;
        refreshed(&login, &tokens).await.unwrap();
        assert!(!login.admin(0, "/readyz").await.text().contains(said));
        login.close().await;
    }
}

#[tokio::test]
async fn login_a10_the_word_of_an_entra_id_token_does_not_count_for_the_address_of_userinfo() {
    let grants = "[{claims: {email: [ceo@corp.example]}, scopes: [\"mcp:*\"]}]";
    for (from_userinfo, counts) in [("ceo@corp.example", false), ("eve@corp.example", false)] {
        let login = LoginPlan::idp_with(", profile: entra, userinfo: true").await.key("grants", grants).start().await;
        login.idp.as_ref().unwrap().with(|idp| {
            let claims = json!({"email": "eve@corp.example", "xms_edov": true});
            idp.people.insert("ada".to_owned(), claims.as_object().unwrap().clone());
            idp.userinfo_answer = Some((200, json!({"sub": "ada", "email": from_userinfo})));
        });
        let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, BOTH).url).await;
        assert_eq!(matches!(shown, Shown::Left(_)), counts, "{from_userinfo}: {shown:?}");
        // The address of the ID token counts, also if userinfo repeats it.
        let idp = login.idp.as_ref().unwrap();
        idp.with(|idp| {
            let claims = json!({"email": "ceo@corp.example", "xms_edov": true});
            idp.people.insert("ada".to_owned(), claims.as_object().unwrap().clone());
            idp.userinfo_answer = Some((200, json!({"sub": "ada", "email": "ceo@corp.example"})));
        });
        assert_eq!(signed_in(&login).await.scope, BOTH);
        login.close().await;
    }
}

#[tokio::test]
async fn login_c6_what_only_userinfo_says_stays_for_a_while_when_it_refuses() {
    for (max_age, outcome) in [("1h", Some(BOTH)), ("0s", None)] {
        let login = canaille(&format!(", userinfo: true, claims_max_age: {max_age}")).await;
        let idp = login.idp.as_ref().unwrap();
        idp.with(|idp| {
            idp.id_token_at_refresh = true;
            idp.only_in_userinfo = vec!["groups".to_owned()];
        });
        let tokens = signed_in(&login).await;
        // Older than no time at all.
        sleep(Duration::from_secs(if outcome.is_some() { 0 } else { 2 })).await;
        idp.with(|idp| idp.userinfo_answer = Some((403, json!({"error": "insufficient_scope"}))));
        match (refreshed(&login, &tokens).await, outcome) {
            (Ok(tokens), Some(scope)) => {
                assert_eq!(tokens.scope, scope);
                // It answers again, and says less.
                idp.with(|idp| {
                    idp.userinfo_answer = None;
                    idp.groups("ada", &["staff"]);
                });
                assert_eq!(refreshed(&login, &tokens).await.unwrap().scope, "mcp:connect");
            }
            (over, None) => assert_eq!(over, ended()),
            (over, _) => panic!("{over:?}"),
        }
        login.close().await;
    }
}

#[tokio::test]
async fn login_c5_a_claim_that_no_grant_can_match_is_named() {
    for (groups, how) in [
        (json!("staff,other"), "several values in one text"),
        (json!([["staff"]]), "a list of lists or objects"),
        (json!({"staff": true}), "an object"),
    ] {
        let login = LoginPlan::idp().await.start().await;
        let idp = login.idp.as_ref().unwrap();
        idp.with(|idp| drop(idp.people.get_mut("ada").unwrap().insert("groups".to_owned(), groups.clone())));
        let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, BOTH).url).await;
        assert_eq!(shown.page().status, 403, "{groups}");
        let line = login.process(0).line(|line| line.contains("they cannot match") && line.contains(how)).await;
        assert!(line.contains("groups"), "{line}");
        let said = format!("grants cannot match the claim `groups` of the company IdP: it is {how}");
        assert!(login.admin(0, "/readyz").await.text().contains(&said));
        idp.with(|idp| idp.groups("ada", &["staff"]));
        signed_in(&login).await;
        assert!(!login.admin(0, "/readyz").await.text().contains("cannot match"));
        login.close().await;
    }
}

#[tokio::test]
async fn login_c6_a_claim_that_userinfo_lacks_at_a_refresh_is_named() {
    let login = canaille("").await;
    let tokens = signed_in(&login).await;
    login
        .idp
        .as_ref()
        .unwrap()
        .with(|idp| idp.userinfo_answer = Some((200, json!({"sub": "ada", "email": "ada@corp.example"}))));
    assert_eq!(refreshed(&login, &tokens).await, ended());
    let said = "its userinfo endpoint does not say a claim that it said before";
    let line = login.process(0).line(|line| line.contains("\"WARN\"") && line.contains(said)).await;
    assert!(line.contains("groups"), "{line}");
    assert!(login.admin(0, "/readyz").await.text().contains("does not say the claim `groups` at a refresh"));
    login.close().await;
}

#[tokio::test]
async fn login_c4_groups_that_only_userinfo_has_count_where_it_is_configured() {
    for (more, counts) in [("", false), (", userinfo: true", true)] {
        let login = canaille(more).await;
        let idp = login.idp.as_ref().unwrap();
        idp.with(|idp| {
            idp.id_token_at_refresh = true;
            idp.only_in_userinfo = vec!["groups".to_owned()];
        });
        let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, BOTH).url).await;
        if let Shown::Page(page) = &shown {
            assert_eq!((page.status, counts), (403, false), "{more}");
        } else {
            assert!(counts && shown.parameter("code").is_some(), "{more}: {shown:?}");
            let tokens = refreshed(&login, &signed_in(&login).await).await.unwrap();
            assert_eq!(tokens.scope, BOTH);
            idp.with(|idp| idp.groups("ada", &["staff"]));
            assert_eq!(refreshed(&login, &tokens).await.unwrap().scope, "mcp:connect");
        }
        login.close().await;
    }
}
