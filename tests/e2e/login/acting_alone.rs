//! Clients that register and act for themselves, without a user (`client_credentials`).

use serde_json::json;

use super::{
    browser::Browser,
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, Reply, call};

const TOKEN: &str = "the-initial-access-token-of-more-than-thirty-two-bytes";
const USERS: &str = "{groups: [staff], scopes: [\"mcp:*\"]}";

fn plan(registration: &str, registered: &str) -> LoginPlan {
    LoginPlan::accounts()
        .around(|plan| plan.environment("INITIAL", TOKEN))
        .key("registration", registration)
        .key("grants", &format!("[{USERS}, {{registered: {registered}, scopes: [\"mcp:connect\"]}}]"))
}

const OPEN: &str = "{dynamic: open, grant_types: [authorization_code, client_credentials]}";
const BY_TOKEN: &str = "{dynamic: token, token: env:INITIAL, grant_types: [authorization_code, client_credentials]}";

/// Registers as the article of a vendor says: no redirect URI, no method.
async fn register(login: &LoginWorld, bearer: Option<&str>) -> Result<Client, (u16, String)> {
    let body = json!({"client_name": "Robot", "redirect_uris": [], "grant_types": ["client_credentials"]});
    let ask = Ask::post("/oauth/register", body.to_string());
    let ask = match bearer {
        Some(token) => ask.with("Authorization", format!("Bearer {token}")),
        None => ask,
    };
    let reply = login.send_to(0, &ask).await;
    let json = reply.json();
    if reply.status != 201 {
        return Err((reply.status, json["error"].as_str().unwrap().to_owned()));
    }
    assert_eq!((&json["grant_types"], &json["redirect_uris"]), (&json!(["client_credentials"]), &json!([])), "{json}");
    let ends = json["client_secret_expires_at"].as_u64().unwrap();
    let lasts = ends.checked_sub(json["client_id_issued_at"].as_u64().unwrap());
    assert_eq!(lasts, if bearer.is_some() { None } else { Some(24 * 3600) }, "{json}");
    let secret = json["client_secret"].as_str().unwrap().to_owned();
    login.world.issued(&format!(".{secret}"));
    Ok(Client { secret: Some(secret), ..Client::with_id(json["client_id"].as_str().unwrap()) })
}

/// `a` needs a scope; `b` has a tool that needs none, and one that needs one; `c` names no scope.
const SERVERS: &str = r#"
  a: {path: /a/mcp, upstream: {url: "@UPSTREAM@/mcp"}, rules: [{tools: ["*"], scopes: ["a:read"]}]}
  b: {path: /b/mcp, upstream: {url: "@UPSTREAM@/mcp"}, rules: [{tools: [safe]}, {tools: [danger], scopes: ["b:danger"]}]}
  c: {path: /c/mcp, upstream: {url: "@UPSTREAM@/mcp"}, access: authenticated}
"#;

/// Asks for a token for these servers.
async fn token_for(login: &LoginWorld, client: &Client, servers: &[&str], scope: &str) -> Reply {
    let named: Vec<String> = servers.iter().map(|one| format!("{}/{one}/mcp", login.world.public)).collect();
    let mut form = vec![("grant_type", "client_credentials"), ("scope", scope)];
    form.extend(named.iter().map(|one| ("resource", &**one)));
    client.post(login, 0, "/oauth/token", &form).await
}

async fn token(login: &LoginWorld, client: &Client, scope: &str) -> Reply {
    client.post(login, 0, "/oauth/token", &[("grant_type", "client_credentials"), ("scope", scope)]).await
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[tokio::test]
async fn login_b9_a_registered_client_acts_for_itself_where_the_operator_has_opted_in() {
    for (registration, registered, bearer) in [(BY_TOKEN, "token", Some(TOKEN)), (OPEN, "anyone", None)] {
        let login = plan(registration, registered).start().await;
        let metadata = login.send_to(0, &Ask::get("/.well-known/oauth-authorization-server/oauth")).await;
        assert!(metadata.json()["grant_types_supported"].to_string().contains("client_credentials"));
        let client = register(&login, bearer).await.unwrap();
        let reply = token(&login, &client, "mcp:connect mcp:danger").await;
        let tokens = login.tokens(&reply);
        assert_eq!((&*tokens.scope, tokens.refresh.as_deref()), ("mcp:connect", None));
        assert_eq!(tokens.claim("sub"), json!(client.id));
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
        let denied = call_tool(&login, 0, &tokens.access, "danger").await;
        assert_eq!((denied.status, &denied.json()["result"]["isError"]), (200, &json!(true)), "a machine reads why");
        assert_eq!(refusal(&token(&login, &client, "mcp:danger").await), refused(400, "invalid_scope"));
        let wrong = Client { secret: Some("guess".to_owned()), ..client.clone() };
        assert_eq!(refusal(&token(&login, &wrong, "mcp:connect").await), refused(401, "invalid_client"));
        // It has no user, and signs none in.
        let request = client.request(&login, "mcp:connect").url.replace(&login.world.public, "");
        assert_eq!(login.send_to(0, &Ask::get(&request)).await.status, 400);
        login.close().await;
    }
}

#[tokio::test]
async fn login_b9_attack_220_without_the_operators_word_there_is_no_token_and_the_error_says_why() {
    let login = LoginPlan::accounts().start().await;
    assert_eq!(register(&login, None).await.unwrap_err(), refused(400, "invalid_client_metadata"));
    login.close().await;
    // A client without a secret would need its id alone.
    let login = plan(OPEN, "anyone").start().await;
    let public = json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"});
    let reply = Client::try_register(&login, public).await;
    assert_eq!(refusal(&reply), refused(400, "invalid_client_metadata"));
    // A client that did not register the grant.
    let secret = json!({"token_endpoint_auth_method": "client_secret_basic"});
    let client = Client::register(&login, secret).await;
    assert_eq!(refusal(&token(&login, &client, "mcp:connect").await), refused(400, "unauthorized_client"));
    login.close().await;
    for (registration, grants, said) in [
        (OPEN, format!("[{USERS}]"), "registered: anyone"),
        (OPEN, format!("[{USERS}, {{registered: token, scopes: [\"*\"]}}]"), "anyone: with `dynamic: open`"),
        ("{dynamic: open}", format!("[{USERS}, {{registered: anyone, scopes: [\"*\"]}}]"), "no such entry"),
        (
            BY_TOKEN,
            format!("[{USERS}, {{registered: token, groups: [staff], scopes: [\"*\"]}}]"),
            "an entry of its own",
        ),
        ("{grant_types: [authorization_code, client_credentials]}", format!("[{USERS}]"), "no client can register"),
        ("{dynamic: open, grant_types: [client_credentials]}", format!("[{USERS}]"), "authorization_code among them"),
    ] {
        let plan = LoginPlan::accounts().around(|plan| plan.environment("INITIAL", TOKEN));
        let ended = plan.key("registration", registration).key("grants", &grants).refused_start().await;
        assert!(ended.output.contains(said), "{said}: {}", ended.output);
    }
}

#[tokio::test]
async fn login_b9_attack_221_a_client_of_anyone_gets_nothing_once_the_operator_asks_for_the_token() {
    let login = plan(OPEN, "anyone").start().await;
    let client = register(&login, None).await.unwrap();
    login.tokens(&token(&login, &client, "mcp:connect").await);
    login.edit(0, |text| {
        text.replace("dynamic: open", "dynamic: token, token: env:INITIAL")
            .replace("registered: anyone", "registered: token")
    });
    login.until_reloaded(0, 1).await;
    assert_eq!(refusal(&token(&login, &client, "mcp:connect").await), refused(401, "invalid_client"));
    assert_eq!(register(&login, None).await.unwrap_err(), refused(401, "invalid_token"));
    let chosen = register(&login, Some(TOKEN)).await.unwrap();
    login.tokens(&token(&login, &chosen, "mcp:connect").await);
    // Withdrawn, it ends for all at once.
    login.edit(0, |text| {
        text.replace(", grant_types: [authorization_code, client_credentials]", "")
            .replace(", {registered: token, scopes: [\"mcp:connect\"]}", "")
    });
    login.until_reloaded(0, 2).await;
    for client in [&client, &chosen] {
        assert_eq!(refusal(&token(&login, client, "mcp:connect").await), refused(400, "unauthorized_client"));
    }
    login.close().await;
}

#[tokio::test]
async fn login_b9_attack_222_one_address_gets_only_so_many_tokens_whatever_it_registers() {
    let login = plan(OPEN, "anyone").start().await;
    let clients = [register(&login, None).await.unwrap(), register(&login, None).await.unwrap()];
    let (mut issued, mut slowed) = (0, 0);
    for attempt in 0..80 {
        let reply = token(&login, &clients[attempt % 2], "mcp:connect").await;
        match reply.status {
            200 => issued += usize::from(login.tokens(&reply).refresh.is_none()),
            429 => slowed += usize::from(reply.header("retry-after").is_some()),
            other => panic!("{other}: {reply:?}"),
        }
    }
    assert!((30..60).contains(&issued) && slowed >= 20, "{issued} issued, {slowed} slowed down");
    login.close().await;
}

#[tokio::test]
async fn login_b9_attack_219_a_client_gets_in_only_at_servers_of_which_it_has_a_scope() {
    let robot = "[{id: robot, secret: env:ROBOT, grant_types: [client_credentials]}]";
    let secret = "the-secret-of-the-robot-of-more-than-thirty-two-bytes";
    let grants =
        format!("[{USERS}, {{registered: anyone, scopes: [\"a:read\"]}}, {{clients: [robot], scopes: [\"a:read\"]}}]");
    let login = plan(OPEN, "anyone")
        .around(|plan| plan.servers(SERVERS).environment("ROBOT", secret))
        .key("clients", robot)
        .key("grants", &grants)
        .start()
        .await;
    let registered = register(&login, None).await.unwrap();
    let robot = Client { secret: Some(secret.to_owned()), ..Client::with_id("robot") };
    for client in [&registered, &robot] {
        for (servers, scope) in [
            (&["b"][..], "a:read"),
            (&["b"], "b:danger"),
            (&["b"], ""),
            (&["a", "b"], "b:danger"),
            (&["c", "b"], "b:danger"),
        ] {
            let reply = token_for(&login, client, servers, scope).await;
            assert_eq!(refusal(&reply), refused(400, "invalid_scope"), "{} {servers:?} {scope}", client.id);
        }
        for (servers, scope) in
            [(&["a"][..], "a:read"), (&["a"], ""), (&["a", "b"], "a:read b:danger"), (&["b", "a"], "")]
        {
            let tokens = login.tokens(&token_for(&login, client, servers, scope).await);
            assert_eq!(tokens.claim("aud"), json!(format!("{}/a/mcp", login.world.public)), "{servers:?} {scope}");
            assert_eq!(&*tokens.scope, "a:read");
            for (server, status) in [("a", 200), ("b", 401), ("c", 401)] {
                let ask = Ask::post(&format!("/{server}/mcp"), call("safe")).token(&tokens.access);
                assert_eq!(login.send_to(0, &ask).await.status, status, "{server}");
            }
        }
    }
    // The operator has named the robot, not those that register, at a server without scopes.
    assert_eq!(refusal(&token_for(&login, &registered, &["c"], "").await), refused(400, "invalid_scope"));
    let both = login.tokens(&token_for(&login, &registered, &["a", "c"], "a:read").await);
    assert_eq!(both.claim("aud"), json!(format!("{}/a/mcp", login.world.public)));
    let tokens = login.tokens(&token_for(&login, &robot, &["c"], "").await);
    assert_eq!(login.send_to(0, &Ask::post("/c/mcp", call("danger")).token(&tokens.access)).await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn login_b9_attack_221_tokens_of_clients_for_themselves_end_with_the_operators_word() {
    let opted_in = "grant_types: [authorization_code, client_credentials]";
    let registered = ", {registered: anyone, scopes: [\"mcp:connect\"]}";
    for (case, from, to) in [
        ("no longer for themselves", ", grant_types: [authorization_code, client_credentials]", ""),
        ("with the token", "dynamic: open", "dynamic: token, token: env:INITIAL"),
        ("off", "dynamic: open, grant_types: [authorization_code, client_credentials]", "dynamic: off"),
    ] {
        let login = plan(OPEN, "anyone").start().await;
        let client = register(&login, None).await.unwrap();
        let tokens = login.tokens(&token(&login, &client, "mcp:connect").await);
        let user = Client::register(&login, json!({})).await;
        let of_user = user.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200, "{case}");
        login.edit(0, |text| {
            assert!(text.contains(opted_in) && text.contains(registered));
            text.replace(from, to).replace(registered, "")
        });
        login.until_reloaded(0, 1).await;
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 401, "{case}");
        // Tokens of users are another matter.
        assert_eq!(call_tool(&login, 0, &of_user.access, "safe").await.status, 200, "{case}");
        login.close().await;
    }
    // A client with the token keeps its own.
    let login = plan(BY_TOKEN, "token").start().await;
    let client = register(&login, Some(TOKEN)).await.unwrap();
    assert!(client.id.starts_with("dyn_token_"), "{}", client.id);
    let tokens = login.tokens(&token(&login, &client, "mcp:connect").await);
    login.edit(0, |text| text.replace("path: /oauth", "access_token_ttl: 30m\n      path: /oauth"));
    login.until_reloaded(0, 1).await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn login_b9_attack_222_one_address_ends_only_so_many_tokens_of_clients_that_anyone_can_register() {
    let login = plan(OPEN, "anyone").around(|plan| plan.top("trusted_proxies: [127.0.0.1/32]")).start().await;
    let client = register(&login, None).await.unwrap();
    // Its tokens come from many addresses, and are revoked from one.
    let (mut ended, mut slowed) = (Vec::new(), 0);
    for attempt in 0..80 {
        let form = [("grant_type", "client_credentials"), ("scope", "mcp:connect")];
        let from = format!("203.0.113.{attempt}");
        let reply = login.world.send(&client.form("/oauth/token", &form).with("X-Forwarded-For", from)).await;
        let access = login.tokens(&reply).access;
        let ask = client.form("/oauth/revoke", &[("token", &access)]).with("X-Forwarded-For", "198.51.100.66");
        match login.world.send(&ask).await.status {
            200 => ended.push(access),
            429 => slowed += 1,
            other => panic!("{other}"),
        }
    }
    assert!(ended.len() >= 30 && slowed >= 1, "{} ended, {slowed} slowed down", ended.len());
    for access in [&ended[0], ended.last().unwrap()] {
        assert_eq!(call_tool(&login, 0, access, "safe").await.status, 401);
    }
    // A user's revocation from the same address is not limited.
    let from = Some("198.51.100.66".to_owned());
    let mut ada = Browser { from: from.clone(), ..Browser::of("ada", PASSWORD) };
    for _ in 0..2 {
        let desktop = Client::desktop();
        let tokens = desktop.sign_in(&login, &mut ada, "mcp:connect").await;
        for token in [&tokens.access, tokens.refresh()] {
            let ask =
                desktop.form("/oauth/revoke", &[("token", token)]).with("X-Forwarded-For", from.as_ref().unwrap());
            assert_eq!(login.world.send(&ask).await.status, 200);
        }
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 401);
    }
    login.close().await;
}
