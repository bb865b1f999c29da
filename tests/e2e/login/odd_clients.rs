//! Clients as they really are: names with joiners, long lists, empty lists, long documents, odd spellings.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    world::{LoginPlan, PASSWORD},
};
use crate::e2e::world::{
    Ask, Upstream,
    server::{full, json as answer},
};

const CALLBACK: &str = "http://127.0.0.1:33418/callback";

#[tokio::test]
async fn login_b7_names_lists_and_hosts_of_real_clients_are_accepted() {
    let login = LoginPlan::accounts().start().await;
    let many: Vec<String> = (0..17).map(|n| format!("https://app.example/callback/{n}")).collect();
    for (members, effective) in [
        (json!({"client_name": "👩\u{200d}💻 Coder"}), json!({"client_name": "👩\u{200d}💻 Coder"})),
        (json!({"client_name": "می\u{200c}روم"}), json!({"client_name": "می\u{200c}روم"})),
        (json!({"client_name": "App\u{200d}\u{202e}x\nTwo"}), json!({"client_name": "Appx Two"})),
        (json!({"redirect_uris": many}), json!({"redirect_uris": many})),
        (json!({"grant_types": []}), json!({"grant_types": ["authorization_code", "refresh_token"]})),
        (json!({"response_types": []}), json!({"response_types": ["code"]})),
        (json!({"scope": "mcp:connect  mcp:danger "}), json!({})),
        (
            json!({"redirect_uris": ["https://App.Example/Callback"]}),
            json!({"redirect_uris": ["https://App.Example/Callback"]}),
        ),
    ] {
        let reply = Client::try_register(&login, members.clone()).await;
        assert_eq!(reply.status, 201, "{members}: {reply:?}");
        for (name, value) in effective.as_object().unwrap() {
            assert_eq!(&reply.json()[name], value, "{members}");
        }
    }
    let long = "x".repeat(500);
    let reply = Client::try_register(&login, json!({"client_name": long})).await;
    assert_eq!(reply.json()["client_name"].as_str().map(|name| name.chars().count()), Some(120));

    let uris =
        json!({"redirect_uris": ["https://App.Example/Callback"], "grant_types": [], "client_name": "👩\u{200d}💻"});
    let client = Client::register(&login, uris).await;
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    client.refreshed(&login, 0, tokens.refresh()).await;
    // The same origin in another spelling is no new one, and another spelling of the URI is not registered.
    browser.visited.clear();
    client.sign_in(&login, &mut browser, "mcp:connect").await;
    assert!(!browser.visited.contains(&"/oauth/consent".to_owned()), "{:?}", browser.visited);
    let other = Client { redirect: "https://app.example/Callback".to_owned(), ..client };
    assert_eq!(browser.open(&login, &other.request(&login, "mcp:connect").url).await.page().status, 400);
    login.close().await;
}

#[tokio::test]
async fn login_b7_stray_spaces_and_odd_values_keep_no_client_out() {
    let login = LoginPlan::accounts().start().await;
    for (members, effective) in [
        (json!({"client_name": 5}), json!({"client_name": null})),
        (json!({"redirect_uris": CALLBACK}), json!({"redirect_uris": [CALLBACK]})),
        (json!({"grant_types": "authorization_code"}), json!({"grant_types": ["authorization_code"]})),
        (json!({"response_types": "code"}), json!({"response_types": ["code"]})),
        (
            json!({"token_endpoint_auth_method": ""}),
            json!({"token_endpoint_auth_method": "client_secret_basic", "client_secret_expires_at": 0}),
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_jwt"}),
            json!({"token_endpoint_auth_method": "client_secret_basic"}),
        ),
    ] {
        let reply = Client::try_register(&login, members.clone()).await;
        assert_eq!(reply.status, 201, "{members}: {reply:?}");
        if let Some(secret) = reply.json()["client_secret"].as_str() {
            login.world.issued(&format!(".{secret}"));
        }
        for (name, value) in effective.as_object().unwrap() {
            assert_eq!(&reply.json()[name], value, "{members}");
        }
    }
    let marked = format!("\u{feff}{}", json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}));
    let reply = login.send_to(0, &Ask::post("/oauth/register", marked)).await;
    assert_eq!(reply.status, 201, "{reply:?}");

    let client = Client::with_id(reply.json()["client_id"].as_str().unwrap());
    let mut browser = Browser::of("ada", PASSWORD);
    for scope in ["mcp:connect ", " mcp:connect", "mcp:connect  mcp:danger"] {
        let tokens = client.sign_in(&login, &mut browser, scope).await;
        assert_eq!(tokens.scope, scope.trim().replace("  ", " "), "{scope:?}");
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("scope", scope)];
        let next = login.tokens(&client.post(&login, 0, "/oauth/token", &form).await);
        assert_eq!(next.scope, tokens.scope, "{scope:?}");
        assert_eq!(call_tool(&login, 0, &next.access, "safe").await.status, 200);
    }
    login.close().await;
}

/// A host whose document is what the test says.
async fn host(says: &Arc<Mutex<(u16, String)>>) -> Upstream {
    let host = Upstream::start(None).await;
    let says = Arc::clone(says);
    host.answer_with(move |_| match &*says.lock().unwrap() {
        (200, body) if body.starts_with('<') => full(200, &[("content-type", "text/html")], body),
        (200, body) => answer(200, body.clone()),
        (status, body) => full(*status, &[("location", "/elsewhere.json")], body),
    });
    host
}

fn plan() -> LoginPlan {
    LoginPlan::accounts().key("registration", "{client_id_documents: {hosts: [localhost], allow_loopback: true}}")
}

#[tokio::test]
async fn login_b7_a_long_document_at_an_upper_case_host_describes_a_client() {
    let says = Arc::default();
    let host = host(&says).await;
    let login = plan().start().await;
    let id = format!("{}/client.json", host.url()).replace("127.0.0.1", "LOCALHOST");
    let long =
        json!({"client_id": id, "client_name": "Long", "redirect_uris": [CALLBACK], "x_notes": "x".repeat(6 * 1024)});
    *says.lock().unwrap() = (200, long.to_string());
    let client = Client::with_id(&id);
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    client.refreshed(&login, 0, tokens.refresh()).await;
    // Refusing it refuses every spelling of its id.
    let other = id.replace("LOCALHOST", "localhost");
    login.edit(0, |text| text.replace("registration: {", &format!("registration: {{refused_clients: [\"{other}\"], ")));
    login.until_reloaded(0, 1).await;
    let shown = Browser::of("ada", PASSWORD).open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 400);
    login.close().await;
}

#[tokio::test]
async fn login_b7_the_page_and_the_log_say_what_is_wrong_with_a_document() {
    let says = Arc::default();
    let host = host(&says).await;
    let mut login = plan().start().await;
    let id = |n: usize| format!("{}/client-{n}.json", host.url()).replace("127.0.0.1", "localhost");
    let with = |n: usize, name: &str, value: Value| {
        let mut document = json!({"client_id": id(n), "client_name": "App", "redirect_uris": [CALLBACK]});
        document[name] = value;
        document.to_string()
    };
    for (n, (status, body, said)) in [
        (200, with(0, "client_name", json!(null)), "client_name is missing"),
        (200, with(1, "client_id", json!("https://other.example/x")), "client_id is not the document&#39;s URL"),
        (200, with(2, "redirect_uris", json!(["http://app.example/cb"])), "redirect_uris has no usable URL"),
        (200, with(3, "client_secret", json!("x")), "the document has a client secret"),
        (200, with(4, "notes", json!("x".repeat(17 * 1024))), "it is too long"),
        (200, "<!doctype html>".to_owned(), "does not send it as JSON"),
        (200, "{".to_owned(), "not a JSON object"),
        (404, String::new(), "does not exist"),
    ]
    .into_iter()
    .enumerate()
    {
        if n == 5 {
            // One address may cause few requests for documents that were never seen.
            login.restart(0, "TERM").await;
        }
        *says.lock().unwrap() = (status, body);
        let request = Client::with_id(&id(n)).request(&login, "mcp:connect");
        let shown = Browser::of("ada", PASSWORD).open(&login, &request.url).await;
        let Shown::Page(page) = &shown else { panic!("{said}: {shown:?}") };
        assert_eq!(page.status, 400, "{said}");
        let text = page.text();
        assert!(text.contains(said) && text.contains("Tell the maker of the application"), "{said}: {text}");
        let said = said.replace("&#39;", "'");
        let names = format!("client-{n}.json");
        login.process(0).line(|line| line.contains("not usable") && line.contains(&names)).await;
        login.process(0).line(|line| line.contains("cannot be used: ") && line.contains(&said)).await;
    }
    // A redirect may lead to a page about maintenance: the document is not known to be wrong.
    *says.lock().unwrap() = (302, String::new());
    let request = Client::with_id(&id(8)).request(&login, "mcp:connect");
    let shown = Browser::of("ada", PASSWORD).open(&login, &request.url).await;
    assert_eq!(shown.page().status, 503);
    login.process(0).line(|line| line.contains("client-8.json") && line.contains("redirect")).await;
    *says.lock().unwrap() = (404, String::new());
    // The token endpoint answers as RFC 6749 says. One host is asked so often at once.
    let reply = Client::with_id(&id(9)).refresh(&login, 0, "x.y").await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (401, Some("invalid_client")));
    login.close().await;
}
