//! Clients by their documents while the host of a document fails, moves, or withdraws it.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{
    Reply, Upstream,
    server::{full, json as answer},
};

const WEB: &str = "https://client.example/cb";
const ELSEWHERE: &str = "https://elsewhere.example/cb";

/// The host of one client's document.
pub struct DocumentHost {
    server: Upstream,
    says: Arc<Mutex<(u16, Vec<String>)>>,
}

impl DocumentHost {
    pub async fn start(redirects: &[&str]) -> Self {
        let server = Upstream::start(None).await;
        let host = Self { says: Arc::new(Mutex::new((200, Vec::new()))), server };
        host.redirects(redirects);
        let (says, id) = (Arc::clone(&host.says), host.id());
        host.server.answer_with(move |_| {
            let (status, redirects) = says.lock().unwrap().clone();
            let document = json!({"client_id": id, "client_name": "Documented", "redirect_uris": redirects,
                "grant_types": ["authorization_code", "refresh_token"]});
            match status {
                200 => answer(200, document.to_string()),
                status => full(status, &[], ""),
            }
        });
        host
    }

    pub fn id(&self) -> String {
        format!("{}/client.json", self.server.url())
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        self.server.count()
    }

    fn status(&self, status: u16) {
        self.says.lock().unwrap().0 = status;
    }

    fn redirects(&self, redirects: &[&str]) {
        self.says.lock().unwrap().1 = redirects.iter().map(|uri| (*uri).to_owned()).collect();
    }

    pub fn client(&self, redirect: &str) -> Client {
        Client { redirect: redirect.to_owned(), ..Client::with_id(&self.id()) }
    }

    /// A gateway that accepts this host.
    pub fn plan(&self) -> LoginPlan {
        LoginPlan::accounts().key(
            "registration",
            "{dynamic: open, client_id_documents: {hosts: [127.0.0.1], allow_loopback: true}, refused_clients: [nobody]}",
        )
    }
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn unavailable() -> (u16, String) {
    (503, "temporarily_unavailable".to_owned())
}

fn ended() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[tokio::test]
async fn login_a3_a_client_in_use_outlives_its_documents_host_on_every_replica_and_after_a_restart() {
    let host = DocumentHost::start(&[WEB, ELSEWHERE]).await;
    let mut login = host.plan().redis().await.replicas(2).start().await;
    let client = host.client(WEB);
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;

    // The second replica has never seen the document, and the first forgets it.
    host.status(503);
    let tokens = client.refreshed(&login, 1, tokens.refresh()).await;
    login.restart(0, "KILL").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    assert_eq!(call_tool(&login, 1, &tokens.access, "safe").await.status, 200);
    host.server.stop();
    let tokens = client.refreshed(&login, 1, tokens.refresh()).await;
    host.server.resume().await;

    // A new authorization goes only where a user has let the client go.
    let again = client.sign_in(&login, &mut browser, "mcp:connect").await;
    assert!(again.refresh.is_some());
    let shown = browser.open(&login, &host.client(ELSEWHERE).request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 503);
    assert!(shown.page().header("retry-after").is_some());

    // A document that no one uses has no last good one, and its client keeps its registration.
    let unused = DocumentHost::start(&[WEB]).await;
    unused.status(503);
    let reply = unused.client(WEB).refresh(&login, 0, tokens.refresh()).await;
    assert_eq!(refusal(&reply), unavailable());

    // The host withdraws the document: it ends at once, and for the other replica as well.
    host.status(404);
    login.restart(1, "TERM").await;
    login.until_readyz(1, "it is ready", |ready| ready.status == 200).await;
    assert_eq!(refusal(&client.refresh(&login, 1, tokens.refresh()).await), ended());
    host.status(503);
    for replica in [0, 1] {
        let reply = client.refresh(&login, replica, tokens.refresh()).await;
        assert_eq!(refusal(&reply), unavailable(), "replica {replica}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_a3_a_document_is_kept_although_another_replica_fetched_it_for_the_consent_page() {
    let host = DocumentHost::start(&[WEB]).await;
    let login = host.plan().redis().await.replicas(2).start().await;
    let client = host.client(WEB);
    // A balancer sends the authorization request to one replica and the consent to the other.
    let mut browser = Browser { replicas: vec![0, 1, 1, 1, 1, 1, 1, 1], ..Browser::of("ada", PASSWORD) };
    let (code, verifier) = client.code(&login, &mut browser, "mcp:connect").await;
    host.status(503);
    let tokens = login.tokens(&client.exchange(&login, 0, &code, &verifier).await);
    let tokens = client.refreshed(&login, 1, tokens.refresh()).await;
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_a3_the_operator_ends_a_client_whatever_is_kept_of_its_document() {
    let host = DocumentHost::start(&[WEB]).await;
    let mut login = host.plan().file().start().await;
    let client = host.client(WEB);
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    host.status(503);
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    reload(&login, |text| text.replace("refused_clients: [nobody]", &format!("refused_clients: [\"{}\"]", host.id())))
        .await;
    assert_eq!(refusal(&client.refresh(&login, 0, tokens.refresh()).await), ended());
    let shown = browser.open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 400);
    login.close().await;
}

#[tokio::test]
async fn login_a6_a_client_that_moves_its_redirect_uri_is_asked_about_again() {
    let host = DocumentHost::start(&[WEB]).await;
    let mut login = host.plan().file().start().await;
    let mut browser = Browser::of("ada", PASSWORD);
    let ask = async |login: &LoginWorld, browser: &mut Browser, redirect: &str| {
        browser.visited.clear();
        let shown = browser.open(login, &host.client(redirect).request(login, "mcp:connect").url).await;
        assert!(shown.parameter("code").is_some(), "{shown:?}");
        browser.visited.contains(&"/oauth/consent".to_owned())
    };
    assert!(ask(&login, &mut browser, WEB).await);
    assert!(!ask(&login, &mut browser, WEB).await, "remembered");

    host.redirects(&[ELSEWHERE, "https://client.example/other", "https://client.example:8443/cb"]);
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    assert!(!ask(&login, &mut browser, "https://client.example/other").await, "the same origin");
    assert!(ask(&login, &mut browser, ELSEWHERE).await, "another host");
    assert!(ask(&login, &mut browser, "https://client.example:8443/cb").await, "another port");
    assert!(!ask(&login, &mut browser, ELSEWHERE).await, "remembered, too");
    login.close().await;
}

#[tokio::test]
async fn login_a7_no_error_before_sign_in_leads_to_a_site_that_anyone_could_register() {
    let host = DocumentHost::start(&[WEB]).await;
    let login = host.plan().start().await;
    let broken = |client: Client| Client { authorize_with: vec![("response_type".into(), "token".into())], ..client };
    let registered = Client::register(&login, json!({"redirect_uris": [WEB, "http://127.0.0.1:33418/callback"]})).await;
    let shown = open(&login, &broken(registered.clone())).await;
    let page = shown.page();
    assert_eq!((page.status, page.header("location")), (400, None));
    let text = page.text();
    assert!(text.contains(&format!("href=\"{WEB}?error=unsupported_response_type")), "{text}");
    assert!(text.contains("Return to <bdi>client.example</bdi>"), "{text}");
    let silent = Client { authorize_with: vec![("prompt".into(), "none".into())], ..registered.clone() };
    assert_eq!(open(&login, &silent).await.page().status, 400);

    // To a program on the user's machine, to chosen clients, and after sign-in.
    let loopback = Client { redirect: "http://127.0.0.1:4711/callback".into(), ..registered.clone() };
    for client in [loopback, Client::desktop(), host.client(WEB)] {
        let shown = open(&login, &broken(client)).await;
        assert_eq!(shown.parameter("error").as_deref(), Some("unsupported_response_type"));
    }
    let mut denies = Browser { decision: "deny".to_owned(), ..Browser::of("ada", PASSWORD) };
    let shown = denies.open(&login, &registered.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("access_denied"));
    let mut browser = Browser::of("ada", PASSWORD);
    registered.sign_in(&login, &mut browser, "mcp:connect").await;
    let shown = browser.open(&login, &silent.request(&login, "mcp:connect").url).await;
    assert!(shown.parameter("code").is_some(), "prompt=none of a client that the user allowed");
    let shown = browser.open(&login, &silent.request(&login, "mcp:connect mcp:danger").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("consent_required"));
    login.close().await;
}

async fn open(login: &LoginWorld, client: &Client) -> Shown {
    Browser::of("", "").open(login, &client.request(login, "mcp:connect").url).await
}

/// Changes the configuration and waits until it is in force.
async fn reload(login: &LoginWorld, change: impl FnOnce(String) -> String) {
    login.edit(0, change);
    login.until_reloaded(0, 1).await;
}

#[tokio::test]
async fn login_a3_a_flood_of_its_address_stops_no_refresh_and_no_known_browser_of_a_documented_client() {
    let host = DocumentHost::start(&[WEB]).await;
    let mut login = host.plan().file().start().await;
    let client = host.client(WEB);
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    let tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    for uses in ["refresh", "sign in"] {
        // The gateway forgets the document, as after its max-age.
        login.restart(0, "TERM").await;
        login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
        let flood = Client::desktop().request(&login, "mcp:connect").url;
        while Browser::of("", "").get(&login, &flood).await.status == 303 {}
        let before = host.requests();
        match uses {
            "refresh" => drop(client.refreshed(&login, 0, tokens.refresh()).await),
            _ => drop(client.sign_in(&login, &mut browser, "mcp:connect").await),
        }
        assert_eq!(host.requests(), before + 1, "{uses}");
    }
    login.close().await;
}

#[tokio::test]
async fn login_a3_a_redirect_of_its_documents_host_ends_no_client() {
    let host = DocumentHost::start(&[WEB]).await;
    let mut login = host.plan().file().start().await;
    let client = host.client(WEB);
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    let mut tokens = client.refreshed(&login, 0, tokens.refresh()).await;
    for status in [302, 304, 308] {
        host.status(status);
        login.restart(0, "TERM").await;
        login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
        let before = host.requests();
        client.refreshed(&login, 0, tokens.refresh()).await;
        tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
        tokens = client.refreshed(&login, 0, tokens.refresh()).await;
        assert_eq!(host.requests(), before + 1, "{status}: asked, and then left alone for a moment");
    }
    // A client without a last good document is told what to wait for.
    let unused = DocumentHost::start(&[WEB]).await;
    unused.status(302);
    let reply = unused.client(WEB).refresh(&login, 0, tokens.refresh()).await;
    assert_eq!(refusal(&reply), unavailable());
    let shown = browser.open(&login, &unused.client(WEB).request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 503);
    assert!(shown.page().text().contains("redirect, which is not followed"), "{}", shown.page().text());
    host.status(404);
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    assert_eq!(refusal(&client.refresh(&login, 0, tokens.refresh()).await), ended());
    login.close().await;
}
