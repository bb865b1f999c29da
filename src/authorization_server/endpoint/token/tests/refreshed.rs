//! Refresh tokens: rotation, second use, and the end of a family (SPEC E-23, E-41, attack 162).

use std::time::Duration;

use super::with;
use crate::{
    authorization_server::{
        grant::code::AuthorizationCode,
        person::accounts::Accounts,
        settings::Login,
        store::kind::EntryKind,
        testing::{ECHO, FILES, World, exchange, form_request, refresh},
    },
    base::digest::sha256_base64url,
    decide::routing::IssuerEndpoint as E,
};

const DEAD: (u16, &str) = (400, "invalid_grant");

#[tokio::test]
async fn e23_each_token_is_exchanged_for_the_next_and_kept_as_a_digest() {
    let world = World::new().await;
    let mut token = world.login().await.text("refresh_token").to_owned();
    let family = token.split('.').next().unwrap().to_owned();
    for _ in 0..5 {
        let reply = world.refresh(&token).await;
        let next = reply.text("refresh_token").to_owned();
        assert_ne!(next, token);
        assert!(next.starts_with(&family));
        let kept = world.embedded.state.store.get(EntryKind::Family, &family).await.unwrap().unwrap();
        let secret = next.split('.').nth(1).unwrap();
        assert!(!String::from_utf8(kept).unwrap().contains(secret), "nothing that opens anything is kept");
        token = next;
    }
}

#[tokio::test]
async fn e23_attack_162_a_token_that_comes_twice_ends_them_all() {
    let world = World::new().await;
    let login = world.login().await;
    let first = login.text("refresh_token");
    let second = world.refresh(first).await;
    let third = world.refresh(second.text("refresh_token")).await;
    assert!(world.caller(third.text("access_token")).is_some());
    assert_eq!(world.refresh(first).await.refusal(), DEAD);
    assert_eq!(world.refresh(third.text("refresh_token")).await.refusal(), DEAD, "the newest is dead as well");
    for reply in [&login, &second, &third] {
        assert!(world.caller(reply.text("access_token")).is_none());
    }
}

#[tokio::test]
async fn e23_an_older_token_is_refused_once_its_successor_was_delivered() {
    let world = World::new().await;
    let login = world.login().await;
    let second = world.refresh(login.text("refresh_token")).await;
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD);
    assert_eq!(world.refresh(second.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test(start_paused = true)]
async fn e23_a_client_that_never_got_the_answer_gets_the_same_token_again() {
    let world = World::new().await;
    let login = world.login().await;
    let lost = world.ask(E::Token, form_request(&refresh(login.text("refresh_token")), None)).await;
    let lost: serde_json::Value = serde_json::from_slice(lost.response.body()).unwrap();
    let again = world.refresh(login.text("refresh_token")).await;
    assert_eq!(again.json["refresh_token"], lost["refresh_token"], "never a second chain");
    assert!(world.caller(again.text("access_token")).is_some());
    let next = world.refresh(again.text("refresh_token")).await;
    assert_eq!(next.status, 200);
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD);
    assert_eq!(world.refresh(next.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test(start_paused = true)]
async fn e23_a_second_use_while_the_answer_is_on_its_way_is_still_a_second_use() {
    let world = World::new().await;
    let login = world.login().await;
    let pairs = refresh(login.text("refresh_token"));
    let first = world.ask(E::Token, form_request(&pairs, None)).await;
    let body: serde_json::Value = serde_json::from_slice(first.response.body()).unwrap();
    let sent = first.on_delivered.unwrap();
    let arrives = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sent();
        world.embedded.state.deliveries.record_all(&world.embedded.state.store).await;
    };
    let (second, ()) = tokio::join!(world.post(E::Token, &pairs), arrives);
    assert_eq!(second.refusal(), DEAD);
    assert!(world.caller(body["access_token"].as_str().unwrap()).is_none());
}

#[tokio::test]
async fn e23_attack_162_a_token_is_its_clients_alone() {
    let world = World::new().await;
    let login = world.login().await;
    let stolen = refresh(login.text("refresh_token"));
    let stolen = with(&stolen, "client_id", "other");
    assert_eq!(world.post(E::Token, &stolen).await.refusal(), DEAD);
    assert_eq!(world.refresh(login.text("refresh_token")).await.refusal(), DEAD, "the holder is not known");
    assert!(world.caller(login.text("access_token")).is_none());
}

#[tokio::test]
async fn e23_attack_162_scope_narrows_one_token_and_never_widens() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let login = world.post(E::Token, &exchange(&code)).await;
    let token = login.text("refresh_token");
    // RFC 6749 §5.2 has a separate error for it.
    for scope in ["a b", "b", "a\ta", "a\"b", "offline_access"] {
        let reply = world.post(E::Token, &with(&refresh(token), "scope", scope)).await;
        assert_eq!(reply.refusal(), (400, "invalid_scope"), "{scope}");
    }
    let reply = world.post(E::Token, &with(&refresh(token), "resource", FILES)).await;
    assert_eq!(reply.refusal(), (400, "invalid_target"));
    assert_eq!(world.refresh(token).await.status, 200, "what the client got wrong costs it nothing");

    let login = world.login().await;
    let narrow = world.post(E::Token, &with(&refresh(login.text("refresh_token")), "scope", "b")).await;
    assert_eq!(narrow.text("scope"), "b");
    let whole = world.refresh(narrow.text("refresh_token")).await;
    assert_eq!(whole.text("scope"), "a b", "the grant is as it was");
}

#[tokio::test]
async fn login_b5_b7_scopes_of_openid_alone_and_stray_spaces_narrow_nothing() {
    let world = World::new().await;
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    let kept = world.embedded.state.store.get(EntryKind::Code, &sha256_base64url(&code)).await.unwrap().unwrap();
    let code: AuthorizationCode = serde_json::from_slice(&kept).unwrap();
    let named = ["offline_access", "openid", "c"].map(Into::into).to_vec();
    let code = world.keep_code(&AuthorizationCode { named, ..code }).await;
    let mut reply = world.post(E::Token, &exchange(&code)).await;
    for (scope, echoed) in [
        ("offline_access", "a b offline_access"),
        ("openid offline_access", "a b offline_access"),
        ("openid", "a b"),
        (" b  offline_access ", "b offline_access"),
        ("a  b", "a b"),
        ("  ", "a b"),
    ] {
        reply = world.post(E::Token, &with(&refresh(reply.text("refresh_token")), "scope", scope)).await;
        assert_eq!(reply.json["scope"], echoed, "{scope:?}: {}", reply.json);
    }
    for scope in ["c", "c offline_access", "profile"] {
        let refused = world.post(E::Token, &with(&refresh(reply.text("refresh_token")), "scope", scope)).await;
        assert_eq!(refused.refusal(), (400, "invalid_scope"), "{scope:?}");
    }
}

#[tokio::test]
async fn e23_a_chain_ends_when_it_is_not_used_and_when_it_is_old() {
    let world = World::with(|settings| settings.refresh_token_ttl = Duration::from_secs(3_600)).await;
    let unused = world.login().await;
    world.clock.turn(Duration::from_secs(3_600));
    assert_eq!(world.refresh(unused.text("refresh_token")).await.refusal(), DEAD);

    let mut reply = world.login().await;
    for _ in 0..3 {
        world.clock.turn(Duration::from_secs(1_000));
        reply = world.refresh(reply.text("refresh_token")).await;
        assert_eq!(reply.status, 200);
    }
    world.clock.turn(Duration::from_secs(590));
    let last = world.refresh(reply.text("refresh_token")).await;
    assert_eq!(last.json["expires_in"], 10, "an access token does not outlive the grant");
    world.clock.turn(Duration::from_secs(10));
    assert_eq!(world.refresh(last.text("refresh_token")).await.refusal(), DEAD);
}

#[tokio::test]
async fn e23_what_was_never_a_token_ends_nothing() {
    let world = World::new().await;
    let login = world.login().await;
    let token = login.text("refresh_token").to_owned();
    let (family, secret) = token.split_once('.').unwrap();
    let jti = world.caller(login.text("access_token")).unwrap().claims()["jti"].as_str().unwrap().to_owned();
    let stem = jti.split('.').next().unwrap();
    for forged in [
        ".".to_owned(),
        family.to_owned(),
        format!("{family}."),
        format!("{family}.{secret}x"),
        format!("{family}.{}", "/".repeat(43)),
        // What an attacker who sees an access token can derive from it.
        format!("{stem}.{secret}"),
        format!("{}.{secret}", "A".repeat(22)),
        login.text("access_token").to_owned(),
    ] {
        assert_eq!(world.refresh(&forged).await.refusal(), DEAD, "{forged}");
    }
    assert_eq!(world.refresh("").await.refusal(), (400, "invalid_request"));
    assert_eq!(world.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn e23_a_wrong_half_to_a_right_one_is_a_second_use() {
    let world = World::new().await;
    let login = world.login().await;
    let token = login.text("refresh_token").to_owned();
    let forged = format!("{}.{}", token.split('.').next().unwrap(), sha256_base64url("guess"));
    assert_eq!(world.refresh(&forged).await.refusal(), DEAD);
    assert_eq!(world.refresh(&token).await.refusal(), DEAD);
}

#[tokio::test]
async fn e16_a_grant_that_was_taken_away_ends_at_the_next_refresh() {
    let world = World::new().await;
    let login = world.login().await;
    let less = world.reloaded(|settings| {
        settings.grants[0].scopes.pop();
    });
    let reply = less.refresh(login.text("refresh_token")).await;
    assert_eq!(reply.text("scope"), "a", "what is left");
    let token = reply.text("refresh_token");
    assert_eq!(less.post(E::Token, &with(&refresh(token), "scope", "b")).await.refusal(), (400, "invalid_scope"));

    let nothing = world.reloaded(|settings| settings.grants.clear());
    assert_eq!(nothing.refresh(token).await.refusal(), DEAD);
    assert!(world.caller(reply.text("access_token")).is_none());
    assert_eq!(world.refresh(token).await.refusal(), DEAD, "for good");
}

#[tokio::test]
async fn e23_an_account_that_is_gone_ends_its_families_and_groups_are_read_anew() {
    type Change = fn(&mut Accounts);
    let cases: [(&str, Change); 3] = [
        ("gone", |accounts| drop(accounts.accounts.remove(0))),
        ("another person of that name", |accounts| accounts.accounts[0].subject = Some("other".into())),
        ("out of the group", |accounts| accounts.accounts[0].groups.clear()),
    ];
    for (case, change) in cases {
        let world = World::new().await;
        let login = world.login().await;
        let after = world.reloaded(|settings| match &mut settings.login {
            Login::Accounts(accounts) => change(accounts),
            Login::Oidc(_) | Login::GitHub(_) => unreachable!(),
        });
        assert_eq!(after.refresh(login.text("refresh_token")).await.refusal(), DEAD, "{case}");
        assert!(after.caller(login.text("access_token")).is_none(), "{case}");
    }
}

#[tokio::test]
async fn e15_a_code_of_a_removed_account_is_refused() {
    let world = World::new().await;
    let code = world.code("app", &["a"], &[ECHO]).await;
    let after = world.reloaded(|settings| match &mut settings.login {
        Login::Accounts(accounts) => drop(accounts.accounts.remove(0)),
        Login::Oidc(_) | Login::GitHub(_) => unreachable!(),
    });
    assert_eq!(after.post(E::Token, &exchange(&code)).await.refusal(), DEAD);
    assert_eq!(world.post(E::Token, &exchange(&code)).await.status, 200);
}

#[tokio::test]
async fn attack_316_while_a_reload_is_refused_no_login_of_a_withdrawn_account_ends() {
    type Change = fn(&mut Accounts);
    let withdrawn: Change = |accounts| drop(accounts.accounts.remove(0));
    let narrowed: Change = |accounts| accounts.accounts[0].groups.clear();
    for change in [withdrawn, narrowed] {
        let world = World::new().await;
        let login = world.login().await;
        let code = world.code("app", &["a"], &[ECHO]).await;
        let refused = world.reloaded(|settings| match &mut settings.login {
            Login::Accounts(accounts) => {
                accounts.unsettled.push(accounts.accounts[0].name.clone());
                change(accounts);
            }
            Login::Oidc(_) | Login::GitHub(_) => unreachable!(),
        });
        let later = (503, "temporarily_unavailable");
        assert_eq!(refused.refresh(login.text("refresh_token")).await.refusal(), later);
        assert_eq!(refused.post(E::Token, &exchange(&code)).await.refusal(), later);
        assert_eq!(world.refresh(login.text("refresh_token")).await.status, 200, "its family is alive");
        assert_eq!(world.post(E::Token, &exchange(&code)).await.status, 200, "the code is not used up");
    }
}

#[tokio::test]
async fn e22_a_server_that_is_gone_takes_no_new_tokens() {
    let world = World::new().await;
    let login = world.login().await;
    let after = world.reloaded(|settings| settings.resources.truncate(1));
    let reply = after.refresh(login.text("refresh_token")).await;
    let caller = after.caller(reply.text("access_token")).unwrap();
    assert_eq!(caller.claims()["aud"], ECHO);
    let none = world.reloaded(|settings| settings.resources.clear());
    assert_eq!(none.refresh(reply.text("refresh_token")).await.refusal(), DEAD);
}
