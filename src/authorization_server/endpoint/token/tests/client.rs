//! `client_credentials`: for authenticated, configured clients with a grant (SPEC E-27).

use super::{with, without};
use crate::{
    authorization_server::testing::{ECHO, FILES, SECRET, World, client},
    decide::{
        authorization_server::{
            client::{ClientAuth, ClientOrigin, Grants},
            resources::Protected,
        },
        routing::IssuerEndpoint as E,
    },
};

const ROBOT: (&str, &str) = ("robot", SECRET);
const GOOD: [(&str, &str); 3] = [("grant_type", "client_credentials"), ("scope", "a"), ("resource", ECHO)];

#[tokio::test]
async fn e27_a_client_acts_for_itself_within_its_rule() {
    let world = World::new().await;
    let reply = world.basic(E::Token, ROBOT, &GOOD).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert_eq!(reply.json.get("refresh_token"), None);
    let caller = world.caller(reply.text("access_token")).unwrap();
    let claims = caller.claims();
    assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some("robot"), Some("robot")));
    assert_eq!((claims["aud"].as_str(), claims["scope"].as_str()), (Some(ECHO), Some("a")));
    assert_eq!(claims.get("groups"), None);

    for (case, pairs, verdict) in [
        ("more than its rule", with(&GOOD, "scope", "a b"), Ok("a")),
        ("the server's defaults", without(&GOOD, "scope"), Ok("a")),
        ("another's", with(&GOOD, "scope", "b"), Err("invalid_scope")),
        ("no such scope", with(&GOOD, "scope", "admin"), Err("invalid_scope")),
        ("not a scope", with(&GOOD, "scope", "a\"b"), Err("invalid_scope")),
        ("no server", without(&GOOD, "resource"), Err("invalid_target")),
        ("another's server", with(&GOOD, "resource", "https://x.example"), Err("invalid_target")),
        ("defaults that it may not have", without(&with(&GOOD, "resource", FILES), "scope"), Err("invalid_scope")),
    ] {
        let reply = world.basic(E::Token, ROBOT, &pairs).await;
        match verdict {
            Ok(scope) => assert_eq!(reply.text("scope"), scope, "{case}"),
            Err(word) => assert_eq!(reply.refusal(), (400, word), "{case}"),
        }
    }
}

#[tokio::test]
async fn e27_with_one_server_it_need_not_be_named() {
    let world = World::with(|settings| settings.resources.truncate(1)).await;
    let reply = world.basic(E::Token, ROBOT, &without(&GOOD, "resource")).await;
    assert_eq!(world.caller(reply.text("access_token")).unwrap().claims()["aud"], ECHO);
}

#[tokio::test]
async fn e27_other_clients_may_not_use_client_credentials() {
    let world = World::with(|settings| {
        let all = Grants { code: true, refresh: true, credentials: true };
        let secret = settings.clients[3].auth.clone();
        let mut open = client("open", ClientAuth::None);
        let mut registered = client("registered", secret.clone());
        let mut ada = client("ada", secret);
        for client in [&mut open, &mut registered, &mut ada] {
            client.grants = all;
        }
        registered.origin = ClientOrigin::Dynamic;
        settings.clients.extend([open, registered, ada]);
        settings.grants[1].clients.extend(["open".into(), "registered".into(), "ada".into(), "web app".into()]);
    })
    .await;
    let denied = (400, "unauthorized_client");
    assert_eq!(world.post(E::Token, &with(&GOOD, "client_id", "open")).await.refusal(), denied, "public");
    for (id, why) in [("web app", "not its grant"), ("registered", "not configured"), ("ada", "a user's name")] {
        assert_eq!(world.basic(E::Token, (id, SECRET), &GOOD).await.refusal(), denied, "{why}");
    }
    assert_eq!(world.post(E::Token, &with(&GOOD, "client_id", "robot")).await.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn login_b9_attack_219_scopes_of_one_server_open_no_other_to_a_client_that_acts_for_itself() {
    const OPEN: &str = "https://gw.example/open";
    let world = World::with(|settings| {
        let open = Protected { resource: OPEN.into(), name: "open".into(), ..settings.resources[0].clone() };
        settings.resources.push(Protected { scopes: Vec::new(), default_scopes: Vec::new(), ..open });
    })
    .await;
    // Its rule gives it `a`, which ECHO names and FILES does not.
    for (resources, scope, wanted) in [
        (&[ECHO, FILES][..], "a b c", Some((serde_json::json!(ECHO), "a"))),
        (&[FILES, ECHO], "a", Some((serde_json::json!(ECHO), "a"))),
        (&[FILES], "a", None),
        (&[FILES], "b", None),
        (&[FILES], "", None),
        // A server that names no scope: the operator has named this client.
        (&[OPEN], "", Some((serde_json::json!(OPEN), ""))),
        (&[OPEN, ECHO], "a", Some((serde_json::json!([OPEN, ECHO]), "a"))),
        (&[OPEN, FILES], "c", None),
    ] {
        let mut pairs = vec![("grant_type", "client_credentials"), ("scope", scope)];
        pairs.extend(resources.iter().map(|one| ("resource", *one)));
        let reply = world.basic(E::Token, ROBOT, &pairs).await;
        let Some((audience, scope)) = wanted else {
            assert_eq!(reply.refusal(), (400, "invalid_scope"), "{pairs:?}");
            continue;
        };
        let caller = world.caller(reply.text("access_token")).unwrap();
        assert_eq!((&caller.claims()["aud"], reply.json["scope"].as_str().unwrap_or_default()), (&audience, scope));
    }
    let unnamed = world.reloaded(|settings| drop(settings.grants.remove(1)));
    let pairs = with(&without(&GOOD, "scope"), "resource", OPEN);
    assert_eq!(unnamed.basic(E::Token, ROBOT, &pairs).await.refusal(), (400, "invalid_scope"));
}
