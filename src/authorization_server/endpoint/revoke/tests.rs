//! Revocation and introspection: which client may do what (RFC 7009, RFC 7662).

use crate::{
    authorization_server::{
        store::kind::EntryKind,
        testing::{ECHO, SECRET, World, exchange},
    },
    base::{clock::Clock as _, limits::authorization_server::REVOKED_OF_FAMILY_MAX},
    decide::routing::IssuerEndpoint as E,
};

const WEB: (&str, &str) = ("web app", SECRET);

fn by<'a>(client: &'a str, token: &'a str) -> [(&'a str, &'a str); 2] {
    [("client_id", client), ("token", token)]
}

#[tokio::test]
async fn e06_a_refresh_token_is_revoked_with_all_that_came_of_it() {
    let world = World::new().await;
    let login = world.login().await;
    let next = world.refresh(login.text("refresh_token")).await;
    // An exchanged token is enough: revoking it ends the whole session.
    let reply = world.post(E::Revoke, &by("app", login.text("refresh_token"))).await;
    assert_eq!(reply.status, 200);
    for reply in [&login, &next] {
        assert!(world.caller(reply.text("access_token")).is_none());
    }
    assert_eq!(world.refresh(next.text("refresh_token")).await.refusal(), (400, "invalid_grant"));
    assert_eq!(world.post(E::Revoke, &by("app", next.text("refresh_token"))).await.status, 200, "again");
}

#[tokio::test]
async fn e06_an_access_token_is_revoked_alone() {
    let world = World::new().await;
    let login = world.login().await;
    let next = world.refresh(login.text("refresh_token")).await;
    assert_eq!(world.post(E::Revoke, &by("app", login.text("access_token"))).await.status, 200);
    assert!(world.caller(login.text("access_token")).is_none());
    assert!(world.caller(next.text("access_token")).is_some());
    assert_eq!(world.refresh(next.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn login_b9_a_family_ends_when_many_of_its_access_tokens_are_revoked() {
    let world = World::new().await;
    let (login, other) = (world.login().await, world.login().await);
    let state = &world.embedded.state;
    let mut last = world.refresh(login.text("refresh_token")).await;
    for count in 0..REVOKED_OF_FAMILY_MAX + 3 {
        if count <= REVOKED_OF_FAMILY_MAX {
            assert!(world.caller(last.text("access_token")).is_some(), "{count}");
        }
        assert_eq!(world.post(E::Revoke, &by("app", last.text("access_token"))).await.status, 200, "{count}");
        assert!(world.caller(last.text("access_token")).is_none(), "{count}");
        if count < REVOKED_OF_FAMILY_MAX {
            last = world.refresh(last.text("refresh_token")).await;
        }
    }
    let listed = state.store.list(EntryKind::Revoked).await.unwrap();
    assert_eq!(listed.len(), REVOKED_OF_FAMILY_MAX + 1, "one more, for all its tokens");
    assert!(world.caller(login.text("access_token")).is_none());
    assert_eq!(world.refresh(last.text("refresh_token")).await.refusal(), (400, "invalid_grant"));
    assert!(world.caller(other.text("access_token")).is_some(), "another login stays");
    assert_eq!(world.refresh(other.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn e06_another_clients_tokens_stay() {
    let world = World::new().await;
    let login = world.login().await;
    for token in [login.text("refresh_token"), login.text("access_token")] {
        assert_eq!(world.post(E::Revoke, &by("other", token)).await.refusal(), (400, "invalid_grant"));
    }
    assert!(world.caller(login.text("access_token")).is_some());
    assert_eq!(world.refresh(login.text("refresh_token")).await.status, 200);
    for unknown in ["x", "a.b.c", &format!("{}.{}", "A".repeat(22), "B".repeat(43))] {
        assert_eq!(world.post(E::Revoke, &by("app", unknown)).await.status, 200, "{unknown}");
    }
    assert_eq!(world.post(E::Revoke, &[("client_id", "app")]).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn e06_a_revocation_reaches_the_other_replica_and_is_forgotten_with_its_token() {
    let world = World::new().await;
    let login = world.login().await;
    let state = &world.embedded.state;
    let local: std::sync::Arc<crate::outbound::keys::LocalKeys> = Default::default();
    let replica = crate::authorization_server::grant::revocations::Revocations::new(std::sync::Arc::clone(&local));
    let jti = world.caller(login.text("access_token")).unwrap().claims()["jti"].as_str().unwrap().to_owned();
    world.post(E::Revoke, &by("app", login.text("refresh_token"))).await;
    assert!(!local.is_revoked(&jti));
    replica.refresh(&state.store, world.clock.now()).await.unwrap();
    assert!(local.is_revoked(&jti));
    // A list that was requested before this replica's own revocation does not undo it.
    state.store.delete(EntryKind::Revoked, jti.split('.').next().unwrap()).await.unwrap();
    state.revocations.refresh(&state.store, world.clock.now()).await.unwrap();
    assert!(world.local.is_revoked(&jti));
    // The token may be older than a reload that shortened the lifetime (attack 223).
    for (passed, revoked) in [(23 * 3600 + 3599, true), (301 + 1, false)] {
        world.clock.turn(std::time::Duration::from_secs(passed));
        state.revocations.refresh(&state.store, world.clock.now()).await.unwrap();
        assert_eq!(world.local.is_revoked(&jti), revoked, "{passed}");
    }
}

#[tokio::test]
async fn e06_introspection_is_for_clients_that_prove_who_they_are() {
    let world = World::with(|settings| {
        settings.resources[0].name = "echo".into();
        settings.clients[2].introspects = vec!["echo".into()];
    })
    .await;
    let login = world.login().await;
    let access = login.text("access_token");
    // A configured client that is named for no server of the token sees nothing.
    for name in [None, Some("another server")] {
        let nosy = world.reloaded(|settings| {
            settings.clients[2].introspects = name.into_iter().map(Into::into).collect();
        });
        let reply = nosy.basic(E::Introspect, WEB, &[("token", access)]).await;
        assert_eq!(reply.json, serde_json::json!({"active": false}), "{name:?}");
    }
    let reply = world.post(E::Introspect, &by("app", access)).await;
    assert_eq!(reply.refusal(), (401, "invalid_client"));

    let reply = world.basic(E::Introspect, WEB, &[("token", access)]).await;
    assert_eq!(reply.json["active"], true);
    assert_eq!((reply.text("sub"), reply.text("client_id"), reply.text("scope")), ("ada", "app", "a b"));
    let inactive = serde_json::json!({"active": false});
    for token in [login.text("refresh_token"), "x", "a.b.c", access.get(..access.len() - 2).unwrap()] {
        assert_eq!(world.basic(E::Introspect, WEB, &[("token", token)]).await.json, inactive, "another's or none");
    }
    world.post(E::Revoke, &by("app", access)).await;
    assert_eq!(world.basic(E::Introspect, WEB, &[("token", access)]).await.json, inactive);

    let code = world.code("web app", &["a"], &[ECHO]).await;
    let mut pairs = exchange(&code).to_vec();
    pairs.retain(|(name, _)| *name != "client_id");
    let own = world.basic(E::Token, WEB, &pairs).await;
    let reply = world.basic(E::Introspect, WEB, &[("token", own.text("refresh_token"))]).await;
    assert_eq!((reply.json["active"].as_bool(), reply.text("sub")), (Some(true), "ada"));
    world.clock.turn(std::time::Duration::from_secs(600));
    assert_eq!(world.basic(E::Introspect, WEB, &[("token", own.text("access_token"))]).await.json, inactive);
}
