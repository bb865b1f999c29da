//! What clients register: types, redirect URIs of programs, and who may answer to such a URI.

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    world::{LoginPlan, PASSWORD},
};

const CURSOR: &str = "cursor://anysphere.cursor-mcp/oauth/callback";
const LOOPBACK: &str = "http://localhost:8787/callback";

#[tokio::test]
async fn login_b2_the_type_of_an_application_keeps_no_client_out() {
    let login = LoginPlan::accounts().start().await;
    for (kind, uri, effective) in [
        (json!("web"), LOOPBACK, json!("native")),
        (json!("web"), CURSOR, json!("native")),
        (json!("web"), "com.example.app:/cb", json!("native")),
        (json!("web"), "https://app.example/cb", json!("web")),
        (json!("native"), "https://app.example/cb", json!("native")),
        (json!("spa"), LOOPBACK, json!(null)),
        (json!("browser"), "https://app.example/cb", json!(null)),
        (json!(["web"]), LOOPBACK, json!(null)),
    ] {
        let members = json!({"application_type": kind, "redirect_uris": [uri]});
        let reply = Client::try_register(&login, members.clone()).await;
        assert_eq!(reply.status, 201, "{members}: {reply:?}");
        assert_eq!((&reply.json()["application_type"], &reply.json()["redirect_uris"][0]), (&effective, &json!(uri)));
    }
    let client = Client::register(&login, json!({"application_type": "web", "redirect_uris": [LOOPBACK]})).await;
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn login_b3_a_program_with_a_scheme_of_its_own_signs_in_and_is_asked_about_each_time() {
    let login = LoginPlan::accounts().start().await;
    // What Cursor and Cline register.
    let uris = json!([CURSOR, "https://www.cursor.com/agents/mcp/oauth/callback", LOOPBACK]);
    let cursor = Client::register(&login, json!({"redirect_uris": uris})).await;
    let cline = "vscode://saoudrizwan.claude-dev/mcp-auth/callback";
    let cline = Client::register(&login, json!({"redirect_uris": [cline], "application_type": "web"})).await;
    let mut browser = Browser::of("ada", PASSWORD);
    for client in [&cursor, &cursor, &cline] {
        browser.visited.clear();
        let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
        assert!(browser.visited.contains(&"/oauth/consent".to_owned()), "{:?}", browser.visited);
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
        client.refreshed(&login, 0, tokens.refresh()).await;
    }
    // With its https address it is another matter.
    let web = Client { redirect: uris[1].as_str().unwrap().to_owned(), ..cursor.clone() };
    web.sign_in(&login, &mut browser, "mcp:connect").await;
    browser.visited.clear();
    web.sign_in(&login, &mut browser, "mcp:connect").await;
    assert!(!browser.visited.contains(&"/oauth/consent".to_owned()), "{:?}", browser.visited);
    // The page names the scheme.
    let mut looks = Browser { decision: "deny".to_owned(), ..browser.clone() };
    let first = looks.get(&login, &cursor.request(&login, "mcp:connect").url).await;
    let page = looks.get(&login, first.header("location").unwrap()).await.text();
    assert!(page.contains("claim addresses that begin with <bdi>cursor:</bdi>"), "{page}");
    let shown = looks.open(&login, &cursor.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("access_denied"), "after a page the answer goes there");
    login.close().await;
}

#[tokio::test]
async fn login_b3_a_redirect_uri_that_cannot_be_used_is_left_out() {
    let login = LoginPlan::accounts().start().await;
    let uris = json!(["javascript:alert(1)", "myapp://cb", LOOPBACK, "http://app.example/cb", CURSOR, LOOPBACK]);
    let reply = Client::try_register(&login, json!({"redirect_uris": uris})).await;
    assert_eq!((reply.status, &reply.json()["redirect_uris"]), (201, &json!([LOOPBACK, CURSOR])));
    login.process(0).line(|line| line.contains("left out of a registration")).await;
    let id = reply.json()["client_id"].as_str().unwrap().to_owned();
    for left_out in ["javascript:alert(1)", "myapp://cb", "http://app.example/cb"] {
        let client = Client { redirect: left_out.to_owned(), ..Client::with_id(&id) };
        let shown = Browser::of("ada", PASSWORD).open(&login, &client.request(&login, "mcp:connect").url).await;
        assert_eq!(shown.page().status, 400, "{left_out}");
        assert!(!shown.page().text().contains("href=\"javascript"), "{left_out}");
    }
    let reply = Client::try_register(&login, json!({"redirect_uris": ["myapp://cb"]})).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_redirect_uri")));
    login.close().await;
}

#[tokio::test]
async fn login_b3_attack_217_schemes_that_the_system_executes_are_refused_by_default_and_with_any() {
    for schemes in ["known", "any"] {
        let registration = format!("{{dynamic: open, redirect_schemes: {schemes}}}");
        let login = LoginPlan::accounts().key("registration", &registration).start().await;
        for scheme in ["vnd.libreoffice.command", "vnd.sun.star.script", "jnlp", "cifs", "appstream", "opera-https"] {
            let reply = Client::try_register(&login, json!({"redirect_uris": [format!("{scheme}:x")]})).await;
            assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_redirect_uri")), "{scheme}");
        }
        login.close().await;
    }
}

#[tokio::test]
async fn login_b3_any_in_a_list_of_schemes_stops_the_start() {
    let plan = LoginPlan::accounts().key("registration", "{dynamic: open, redirect_schemes: [known, any]}");
    let ended = plan.refused_start().await;
    assert!(ended.output.contains("redirect_schemes[1]: found \"any\""), "{}", ended.output);
}

#[tokio::test]
async fn login_b3_the_operator_widens_and_narrows_the_schemes() {
    let registration = |schemes: &str| format!("{{dynamic: open, redirect_schemes: {schemes}}}");
    let login = LoginPlan::accounts().key("registration", &registration("[known, myapp]")).start().await;
    let register = async |uri: &str| Client::try_register(&login, json!({"redirect_uris": [uri]})).await.status;
    for (uri, status) in [("myapp://cb", 201), (CURSOR, 201), ("yourapp://cb", 400), ("intent://x", 400)] {
        assert_eq!(register(uri).await, status, "{uri}");
    }
    let client = Client::register(&login, json!({"redirect_uris": [CURSOR, "myapp://cb"]})).await;
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    login.edit(0, |text| text.replace("[known, myapp]", "[myapp]"));
    login.until_reloaded(0, 1).await;
    for (uri, status) in [("myapp://cb", 201), (CURSOR, 400), ("com.example.app:/cb", 400), (LOOPBACK, 201)] {
        assert_eq!(register(uri).await, status, "{uri}");
    }
    // Narrower at once for clients that registered before; what they have goes on.
    let shown = Browser::of("ada", PASSWORD).open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 400);
    let moved = Client { redirect: "myapp://cb".to_owned(), ..client.clone() };
    moved.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.edit(0, |text| text.replace("[myapp]", "any"));
    login.until_reloaded(0, 2).await;
    for (uri, status) in [("yourapp://cb", 201), (CURSOR, 201), ("javascript:alert(1)", 400), ("ms-word:/x", 400)] {
        assert_eq!(register(uri).await, status, "{uri}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_b3_attack_215_a_program_that_takes_over_a_scheme_gets_a_code_that_is_worth_nothing() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::register(&login, json!({"redirect_uris": [CURSOR]})).await;
    // Without PKCE there is no code at all, and the browser is not sent to the program with the error.
    for (name, value) in [("code_challenge", ""), ("code_challenge_method", "plain")] {
        let authorize_with = vec![(name.to_owned(), value.to_owned())];
        let without = Client { authorize_with, ..client.clone() };
        let shown = Browser::of("ada", PASSWORD).open(&login, &without.request(&login, "mcp:connect").url).await;
        assert_eq!(shown.page().status, 400, "{name}");
    }
    // With PKCE the code goes to the program, which does not know the verifier.
    let (code, verifier) = client.code(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    for guess in ["", "a-verifier-of-more-than-forty-three-characters-of-the-hijacker"] {
        let reply = client.exchange(&login, 0, &code, guess).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_grant")), "{guess}");
    }
    let other = Client::register(&login, json!({"redirect_uris": [CURSOR]})).await;
    assert_eq!(other.exchange(&login, 0, &code, &verifier).await.status, 400, "nor as another client");
    login.close().await;
}

#[tokio::test]
async fn login_b3_attack_216_a_program_that_poses_as_a_client_never_gets_an_answer_without_a_page() {
    let login =
        LoginPlan::accounts().key("clients", &format!("[{{id: editor, redirect_uris: [\"{CURSOR}\"]}}]")).start().await;
    let mut browser = Browser::of("ada", PASSWORD);
    for client in [
        Client { redirect: CURSOR.to_owned(), ..Client::with_id("editor") },
        Client::register(&login, json!({"redirect_uris": [CURSOR]})).await,
    ] {
        // The user signs in with the genuine program, twice.
        client.sign_in(&login, &mut browser, "mcp:connect").await;
        client.sign_in(&login, &mut browser, "mcp:connect").await;
        // The other program begins by itself, with a challenge of its own.
        let authorize_with = vec![("prompt".to_owned(), "none".to_owned())];
        let silent = Client { authorize_with, ..client.clone() };
        let shown = browser.open(&login, &silent.request(&login, "mcp:connect").url).await;
        assert_eq!(shown.page().status, 400, "{shown:?}");
        assert!(shown.page().text().contains("any program there can claim this name"), "{}", shown.page().text());
        browser.visited.clear();
        let mut denies = Browser { decision: "deny".to_owned(), ..browser.clone() };
        let shown = denies.open(&login, &client.request(&login, "mcp:connect").url).await;
        assert!(matches!(shown, Shown::Left(_)));
        assert_eq!((shown.parameter("code"), shown.parameter("error").as_deref()), (None, Some("access_denied")));
        assert!(denies.visited.contains(&"/oauth/consent".to_owned()));
    }
    login.close().await;
}

#[tokio::test]
async fn login_b3_attack_217_no_spelling_of_a_dangerous_scheme_is_registered() {
    let login = LoginPlan::accounts().key("registration", "{dynamic: open, redirect_schemes: any}").start().await;
    for uri in [
        "javascript:alert(1)",
        "JAVASCRIPT://app.example/%0aalert(1)",
        "java\tscript:/x",
        " javascript:/x",
        "\u{1}javascript:/x",
        "javascript\u{200b}:/x",
        "javascript&#58;/x",
        "data:text/html,x",
        "data:/text/html",
        "vbscript:/x",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "blob:https://app.example/x",
        "ws://app.example/cb",
        "intent://x#Intent;scheme=http;end",
        "intent://x",
        "ms-msdt:/id",
        "MS-Settings:/x",
        "search-ms:/query",
        "shell:/startup",
        "itms-services://?action=download-manifest",
        "x-apple.systempreferences:/x",
        "view-source:https://app.example",
        "web+app://cb",
        "ssh://-oProxyCommand=x",
        "http://app.example/cb",
    ] {
        let reply = Client::try_register(&login, json!({"redirect_uris": [uri]})).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_redirect_uri")), "{uri:?}");
    }
    login.close().await;
    let plan = LoginPlan::accounts().key("registration", "{dynamic: open, redirect_schemes: [javascript]}");
    let ended = plan.refused_start().await;
    assert!(ended.output.contains("redirect_schemes[0]: found \"javascript\""), "{}", ended.output);
    let uris = "[{id: editor, redirect_uris: [\"ms-word:/x\"]}]";
    let ended = LoginPlan::accounts().key("clients", uris).refused_start().await;
    assert!(ended.output.contains("never accepted"), "{}", ended.output);
}
