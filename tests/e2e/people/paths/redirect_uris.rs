//! No client has its redirect URI or document at a path that the gateway answers or passes on.

use serde_json::json;
use url::Url;

use super::{echo, servers};
use crate::e2e::{
    login::{
        browser::{Browser, Shown},
        client::Client,
        documents::DocumentHost,
        world::{LoginPlan, LoginWorld, PASSWORD},
    },
    world::Ask,
};

/// A gateway that is also called `mcp.internal`, with public paths.
async fn start(plan: LoginPlan) -> LoginWorld {
    let login = plan.around(|plan| plan.servers(&servers()).top("hosts: [mcp.internal]")).start().await;
    login.world.upstream.answer_with(echo);
    login
}

/// What the page at `authorize` says.
async fn page(login: &LoginWorld, client: &Client) -> String {
    let url = client.request(login, "mcp:connect").url;
    match Browser::of("ada", PASSWORD).open(login, &url).await {
        Shown::Page(page) => format!("{} {}", page.status, page.text()),
        Shown::Left(url) => panic!("sent to {url}"),
    }
}

#[tokio::test]
async fn people_b4_e39_attack_335_no_client_registers_a_path_of_the_gateway_as_its_redirect_uri() {
    let clients = "[{id: inside, redirect_uris: [\"http://127.0.0.1/files/public/back\"]}]";
    let login = start(LoginPlan::accounts().key("clients", clients)).await;
    let port = login.world.public.parse::<Url>().unwrap().port().unwrap();
    let own = [
        format!("{}/files/public/collect", login.world.public),
        format!("http://localhost:{port}/files/public/collect"),
        format!("http://[::1]:{port}/mcp"),
        format!("https://127.0.0.1:{port}/f%69les/public/collect"),
        format!("https://127.0.0.1:{port}//files/public/collect"),
        format!("https://127.0.0.1:{port}/oauth/callback"),
        "https://mcp.internal/files/public/collect".to_owned(),
        "https://MCP.internal:8443/files/public/collect".to_owned(),
    ];
    for uri in &own {
        let reply = Client::try_register(&login, json!({"redirect_uris": [uri]})).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_redirect_uri")), "{uri}");
        let said = reply.json()["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains("at the gateway's own address"), "{uri}: {said}");
    }
    let all: Vec<&str> = own.iter().map(String::as_str).chain(["https://app.example/back"]).collect();
    let reply = Client::try_register(&login, json!({"redirect_uris": all})).await;
    assert_eq!((reply.status, &reply.json()["redirect_uris"]), (201, &json!(["https://app.example/back"])));

    // On this machine the request may name any port, but not that of the gateway.
    let native = Client::register(&login, json!({"redirect_uris": ["http://127.0.0.1/files/public/collect"]})).await;
    let elsewhere = Client { redirect: "http://127.0.0.1:9/files/public/collect".to_owned(), ..native.clone() };
    elsewhere.code(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    let here = Client { redirect: own[0].clone(), ..native };
    let said = page(&login, &here).await;
    assert!(said.starts_with("400") && said.contains("own address"), "{said}");

    // A name that the gateway does not know may lead there all the same.
    let iss = format!("iss=http%3A%2F%2F127.0.0.1%3A{port}%2Foauth");
    for query in [format!("code=abc&state=s&{iss}"), format!("x=1&code=abc&{iss}")] {
        let reply = login.world.send(&Ask::get(&format!("/files/public/collect?{query}"))).await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "bad_request"), "{query}");
    }
    assert_eq!(login.world.upstream.count(), 0);
    // The answers of other servers pass, and so do ours where the operator has said so.
    for target in ["/files/public/collect?code=abc&state=s", &format!("/files/public/back?code=abc&{iss}")] {
        assert_eq!(login.world.send(&Ask::get(target)).await.status, 200, "{target}");
    }
    let inside = Client { redirect: format!("{}/files/public/back", login.world.public), ..Client::with_id("inside") };
    let shown = Browser::of("ada", PASSWORD).open(&login, &inside.request(&login, "mcp:connect").url).await;
    assert!(
        matches!(&shown, Shown::Page(page) if page.text().starts_with("GET /files/public/back?code=")),
        "{shown:?}"
    );
    let told = "at a path that the gateway answers or passes to an MCP server (`paths`)";
    let output = login.world.gateway.output();
    assert_eq!(output.matches(told).count(), 1, "one line says what to do: {output}");
    login.close().await;
}

/// An ingress sends the other paths of the gateway's host to the application.
#[tokio::test]
async fn people_b4_e39_attack_335_an_application_at_the_gateways_host_registers_until_paths_take_its_uri() {
    let login = start(LoginPlan::accounts()).await;
    let uri = "https://mcp.internal/api/mcp/notes/oauth/callback";
    let also = format!("{}/api/mcp/notes/oauth/callback", login.world.public);
    let reply = Client::try_register(&login, json!({"redirect_uris": [also, uri]})).await;
    assert_eq!((reply.status, &reply.json()["redirect_uris"]), (201, &json!([also, uri])));
    let app = Client::register(&login, json!({"redirect_uris": [uri]})).await;
    app.code(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;

    login.edit(0, |text| text.replace("/files/public/**", "/api/**"));
    login.until_reloaded(0, 1).await;
    let said = page(&login, &app).await;
    assert!(said.starts_with("400") && said.contains("own address"), "{said}");
    let reply = Client::try_register(&login, json!({"redirect_uris": [uri]})).await;
    assert_eq!(reply.status, 400);
    login.close().await;
}

#[tokio::test]
async fn people_b4_e39_attack_336_no_document_of_a_client_is_or_leads_to_the_gateway() {
    let host = DocumentHost::start(&["https://mcp.internal/files/public/collect"]).await;
    let login = start(host.plan()).await;
    let said = page(&login, &host.client("https://mcp.internal/files/public/collect")).await;
    assert!(said.starts_with("400") && said.contains("own address"), "{said}");
    let uploaded = format!("{}/files/public/client.json", login.world.public);
    let said = page(&login, &Client::with_id(&uploaded)).await;
    assert!(said.contains("own address"), "{said}");
    assert_eq!(login.world.upstream.count(), 0, "it is not fetched");
    login.close().await;
}
