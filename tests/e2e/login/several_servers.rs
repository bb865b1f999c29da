//! Several servers of one authorization server: for which of them a token is, and for which it is not.

use serde_json::{Value, json};

use super::{
    browser::Browser,
    client::{Client, Tokens},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, call};

/// Three servers; the upstream of the last gets the caller's token.
const SERVERS: &str = r#"
  a: {path: /a/mcp, upstream: {url: "@UPSTREAM@/mcp"}, scopes: ["a:connect"], access: authenticated}
  b: {path: /b/mcp, upstream: {url: "@UPSTREAM@/mcp"}, scopes_supported: ["b:connect"], access: authenticated}
  f: {path: /f/mcp, upstream: {url: "@UPSTREAM@/mcp"}, scopes: ["f:connect"], access: authenticated, credential: {forward: {dangerous: true}}}
"#;
const ALL: &str = "a:connect b:connect f:connect";

fn plan(servers: &str) -> LoginPlan {
    LoginPlan::accounts()
        .around(|plan| plan.servers(servers))
        .key("grants", "[{groups: [staff], scopes: [\"*\"]}, {accounts: [bob], scopes: [\"a:connect\"]}]")
}

/// The client `desktop`, which names these resources.
fn naming(resources: &[&str]) -> Client {
    let none = [""];
    let resources = if resources.is_empty() { &none[..] } else { resources };
    let authorize_with = resources.iter().map(|one| ("resource".to_owned(), (*one).to_owned())).collect();
    Client { authorize_with, ..Client::desktop() }
}

async fn status(login: &LoginWorld, server: &str, tokens: &Tokens) -> u16 {
    login.send_to(0, &Ask::post(&format!("/{server}/mcp"), call("safe")).token(&tokens.access)).await.status
}

/// `aud` with these servers.
fn audience(login: &LoginWorld, servers: &[&str]) -> Value {
    let of = |server: &&str| json!(format!("{}/{server}/mcp", login.world.public));
    match servers {
        [only] => of(only),
        several => several.iter().map(of).collect(),
    }
}

async fn refreshed(login: &LoginWorld, tokens: &Tokens, resources: &[&str]) -> Result<Tokens, Value> {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    form.extend(resources.iter().map(|one| ("resource", *one)));
    let reply = Client::desktop().post(login, 0, "/oauth/token", &form).await;
    if reply.status == 200 { Ok(login.tokens(&reply)) } else { Err(reply.json()["error"].clone()) }
}

#[tokio::test]
async fn login_b6_without_a_resource_a_token_is_for_every_server_whose_scopes_fit() {
    let login = plan(SERVERS).start().await;
    let client = naming(&[]);
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "a:connect b:connect").await;
    assert_eq!(tokens.claim("aud"), audience(&login, &["a", "b"]));
    assert_eq!([status(&login, "a", &tokens).await, status(&login, "b", &tokens).await], [200, 200]);
    assert_eq!(status(&login, "f", &tokens).await, 401);
    // A refresh keeps both, and narrows this one token if it names one.
    let tokens = refreshed(&login, &tokens, &[]).await.unwrap();
    assert_eq!(tokens.claim("aud"), audience(&login, &["a", "b"]));
    let a = format!("{}/a/mcp", login.world.public);
    let one = refreshed(&login, &tokens, &[&a]).await.unwrap();
    assert_eq!(one.claim("aud"), json!(a));
    assert_eq!([status(&login, "a", &one).await, status(&login, "b", &one).await], [200, 401]);
    let both = refreshed(&login, &one, &[]).await.unwrap();
    assert_eq!(both.claim("aud"), audience(&login, &["a", "b"]));
    // The page names each server.
    let other = Client { authorize_with: client.authorize_with.clone(), ..Client::register(&login, json!({})).await };
    let mut looks = browser.clone();
    let first = looks.get(&login, &other.request(&login, "a:connect b:connect").url).await;
    let page = looks.get(&login, first.header("location").unwrap()).await.text();
    assert!(page.contains("/a/mcp</bdi>") && page.contains("/b/mcp</bdi>") && !page.contains("/f/mcp"), "{page}");
    let only = other.sign_in(&login, &mut browser, "b:connect").await;
    assert_eq!(only.claim("aud"), audience(&login, &["b"]));
    login.close().await;
}

#[tokio::test]
async fn login_b6_without_a_resource_the_root_server_comes_first() {
    let login = plan(&SERVERS.replace("path: /b/mcp", "path: /b/mcp, root: true")).start().await;
    for (scope, server) in [("", "b"), ("b:connect", "b"), ("a:connect b:connect", "b"), ("a:connect", "a")] {
        let tokens = naming(&[]).sign_in(&login, &mut Browser::of("ada", PASSWORD), scope).await;
        assert_eq!(tokens.claim("aud"), audience(&login, &[server]), "{scope}");
        assert_eq!(status(&login, server, &tokens).await, 200, "{scope}");
        let others = ["a", "b", "f"].into_iter().filter(|other| *other != server);
        for other in others {
            assert_eq!(status(&login, other, &tokens).await, 401, "{scope} at {other}");
        }
    }
    login.close().await;
}

#[tokio::test]
async fn login_b6_unknown_resources_and_other_spellings_do_not_fail_the_request() {
    let login = plan(SERVERS).start().await;
    let public = login.world.public.clone();
    let a = format!("{public}/a/mcp");
    let (slash, upper, query) = (format!("{a}/"), a.replace("http://", "HTTP://"), format!("{a}?x"));
    for resources in [
        vec![&*a, &public],
        vec![&public, &a],
        vec![&slash],
        vec![&upper],
        vec![&query],
        vec![&slash, &upper, &a, "https://elsewhere.example/mcp"],
    ] {
        let client = naming(&resources);
        let (code, verifier) = client.code(&login, &mut Browser::of("ada", PASSWORD), "a:connect").await;
        let mut form = vec![("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", &*verifier)];
        form.extend(resources.iter().map(|one| ("resource", *one)));
        let tokens = login.tokens(&client.post(&login, 0, "/oauth/token", &form).await);
        assert_eq!(tokens.claim("aud"), json!(a), "the identifier as it is published: {resources:?}");
        assert_eq!(status(&login, "a", &tokens).await, 200);
        assert_eq!(refreshed(&login, &tokens, &resources).await.unwrap().claim("aud"), json!(a));
    }
    for resource in ["https://elsewhere.example/mcp", &public, &format!("{a}//")] {
        let mut browser = Browser::of("ada", PASSWORD);
        let shown = browser.open(&login, &naming(&[resource]).request(&login, "a:connect").url).await;
        assert_eq!(shown.parameter("error").as_deref(), Some("invalid_target"), "{resource}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_b6_attack_218_an_upstream_that_gets_tokens_gets_none_for_other_servers() {
    let login = plan(SERVERS).start().await;
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = naming(&[]).sign_in(&login, &mut browser, ALL).await;
    assert_eq!(tokens.claim("aud"), audience(&login, &["a", "b"]));
    assert_eq!(status(&login, "f", &tokens).await, 401);
    // Of two servers of which it is one, nothing is assumed.
    let shown = browser.open(&login, &naming(&[]).request(&login, "f:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("invalid_target"));
    // Named, it gets a token for itself.
    let f = format!("{}/f/mcp", login.world.public);
    let tokens = naming(&[&f]).sign_in(&login, &mut browser, "f:connect").await;
    assert_eq!(tokens.claim("aud"), json!(f));
    assert_eq!([status(&login, "a", &tokens).await, status(&login, "b", &tokens).await], [401, 401]);
    // Named beside another, it is refused, and so it is at the token endpoint.
    let a = format!("{}/a/mcp", login.world.public);
    for resources in [[&*a, &*f], [&*f, &*a]] {
        let shown = browser.open(&login, &naming(&resources).request(&login, ALL).url).await;
        assert_eq!(shown.parameter("error").as_deref(), Some("invalid_target"), "{resources:?}");
        let why = shown.parameter("error_description").unwrap();
        assert!(why.starts_with(&format!("{f} must be requested alone")), "{why}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_b6_attack_218_what_was_granted_before_an_upstream_got_tokens_is_told_apart() {
    let login = plan(SERVERS).start().await;
    let [a, b] = ["a", "b"].map(|server| format!("{}/{server}/mcp", login.world.public));
    let ada = &mut Browser::of("ada", PASSWORD);
    let tokens = naming(&[&a, &b]).sign_in(&login, ada, "a:connect b:connect").await;
    assert_eq!(tokens.claim("aud"), audience(&login, &["a", "b"]));
    let forward = "scopes_supported: [\"b:connect\"], credential: {forward: {dangerous: true}}";
    login.edit(0, |text| text.replace("scopes_supported: [\"b:connect\"]", forward));
    login.until_reloaded(0, 1).await;
    assert_eq!(refreshed(&login, &tokens, &[&a, &b]).await, Err(json!("invalid_target")));
    let tokens = refreshed(&login, &tokens, &[]).await.unwrap();
    assert_eq!(tokens.claim("aud"), json!(a));
    let tokens = refreshed(&login, &tokens, &[&b]).await.unwrap();
    assert_eq!(tokens.claim("aud"), json!(b));
    login.close().await;
}

#[tokio::test]
async fn login_b6_attack_219_the_scopes_of_one_server_open_no_other() {
    let login = plan(SERVERS).start().await;
    // Bob may get nothing at b, which lets every token in that is for it.
    let client = naming(&[]);
    let mut bob = Browser::of("bob", PASSWORD);
    let tokens = client.sign_in(&login, &mut bob, "a:connect b:connect").await;
    assert_eq!((&*tokens.scope, tokens.claim("aud")), ("a:connect", audience(&login, &["a"])));
    assert_eq!([status(&login, "a", &tokens).await, status(&login, "b", &tokens).await], [200, 401]);
    let b = format!("{}/b/mcp", login.world.public);
    assert_eq!(refreshed(&login, &tokens, &[&b]).await, Err(json!("invalid_target")));
    // Ada loses her scope at b: her next token is for a alone, and b is not to be had.
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "a:connect b:connect").await;
    login.edit(0, |text| text.replace("scopes: [\"*\"]", "scopes: [\"a:*\"]"));
    login.until_reloaded(0, 1).await;
    assert_eq!(refreshed(&login, &tokens, &[&b]).await, Err(json!("invalid_target")));
    let tokens = refreshed(&login, &tokens, &[]).await.unwrap();
    assert_eq!((&*tokens.scope, tokens.claim("aud")), ("a:connect", audience(&login, &["a"])));
    assert_eq!([status(&login, "a", &tokens).await, status(&login, "b", &tokens).await], [200, 401]);
    login.close().await;
}

/// `a` needs a scope; `b` has a tool that needs none, and one that needs one; `c` names no scope.
const PARTLY_FREE: &str = r#"
  a: {path: /a/mcp, upstream: {url: "@UPSTREAM@/mcp"}, rules: [{tools: ["*"], scopes: ["a:read"]}]}
  b: {path: /b/mcp, upstream: {url: "@UPSTREAM@/mcp"}, rules: [{tools: [safe]}, {tools: [danger], scopes: ["b:danger"]}]}
  c: {path: /c/mcp, upstream: {url: "@UPSTREAM@/mcp"}, access: authenticated}
"#;

#[tokio::test]
async fn login_b6_attack_219_who_asks_for_no_scope_of_a_server_does_not_get_in_with_those_of_another() {
    let grants = "[{groups: [staff], scopes: [\"*\"]}, {accounts: [bob], scopes: [\"a:read\"]}]";
    let login = plan(PARTLY_FREE).key("grants", grants).start().await;
    let [a, b, c] = ["a", "b", "c"].map(|server| format!("{}/{server}/mcp", login.world.public));
    // Bob may get nothing that b names, so b is closed to him, whatever he asks for.
    for resources in [&[&*a, &*b][..], &[&b, &a]] {
        for scope in ["a:read", "a:read b:danger", ""] {
            let tokens = naming(resources).sign_in(&login, &mut Browser::of("bob", PASSWORD), scope).await;
            assert_eq!((&*tokens.scope, tokens.claim("aud")), ("a:read", audience(&login, &["a"])), "{scope}");
            assert_eq!([status(&login, "a", &tokens).await, status(&login, "b", &tokens).await], [200, 401]);
            assert_eq!(refreshed(&login, &tokens, &[&b]).await, Err(json!("invalid_target")));
            let tokens = refreshed(&login, &tokens, &[]).await.unwrap();
            assert_eq!(tokens.claim("aud"), audience(&login, &["a"]));
        }
    }
    // A server that names no scope is open to each user to whom an entry of grants applies.
    let tokens = naming(&[&a, &b, &c]).sign_in(&login, &mut Browser::of("bob", PASSWORD), "a:read").await;
    assert_eq!(tokens.claim("aud"), audience(&login, &["a", "c"]));
    assert_eq!(status(&login, "c", &tokens).await, 200);
    // Ada may have b:danger. The token is for b only if it has that scope, also after a refresh.
    let ada = &mut Browser::of("ada", PASSWORD);
    let tokens = naming(&[&a, &b]).sign_in(&login, ada, "a:read b:danger").await;
    assert_eq!(tokens.claim("aud"), audience(&login, &["a", "b"]));
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("scope", "a:read")];
    let narrow = login.tokens(&Client::desktop().post(&login, 0, "/oauth/token", &form).await);
    assert_eq!(narrow.claim("aud"), audience(&login, &["a"]));
    form[1].1 = narrow.refresh();
    form.push(("resource", &*b));
    let reply = Client::desktop().post(&login, 0, "/oauth/token", &form).await;
    assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("invalid_target")));
    let whole = refreshed(&login, &narrow, &[&b]).await.unwrap();
    assert_eq!(whole.claim("aud"), audience(&login, &["b"]));
    // The page names the servers that the token will be for.
    let other =
        Client { authorize_with: naming(&[&a, &b]).authorize_with, ..Client::register(&login, json!({})).await };
    let first = ada.get(&login, &other.request(&login, "a:read").url).await;
    let page = ada.get(&login, first.header("location").unwrap()).await.text();
    assert!(page.contains("/a/mcp</bdi>") && !page.contains("/b/mcp"), "{page}");
    login.close().await;
}
