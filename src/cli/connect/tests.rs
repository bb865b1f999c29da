//! Tests of what `connect` prints.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::{
    cli::terminal::word,
    config::{
        Settings,
        demo_account::DemoAccount,
        file::{Surroundings, read_around},
    },
};

const TOP: &str = "listen: [{address: 127.0.0.1:8080}]\n";
const OWN: &str = "authorization_servers:\n  own:\n    embedded:\n      path: /oauth\n      login: {oidc: {issuer: \"https://login.example.com\", \
                   client_id: g, client_secret: \"env:SECRET\"}}\n      registration: {dynamic: REGISTRATION}\n      clients: [{id: desk, \
                   name: Desk, redirect_uris: [\"http://127.0.0.1/cb\"]}]\n      grants: [{scopes: [\"*\"]}]\n      store: {memory: true}\n";
const DIRECT: &str = "authorization_servers: {corporate: {issuer: \"https://login.example.com\"}}\n";
const SERVER: &str = "servers:\n  weather: {path: /weather/mcp, upstream: {url: \"http://127.0.0.1:8000/mcp\"}, scopes: [a], access: authenticated}\n";

fn settings(public_url: &str, issuers: &str) -> Settings {
    let text = format!("public_url: {public_url}\n{TOP}{issuers}{SERVER}");
    let lookup = |_: &str| Some("a secret that is long enough for it".into());
    let around = Surroundings { folder: Path::new("/"), lookup: &lookup, demo: &DemoAccount::default() };
    read_around(&text, "gateway.yaml", &around).unwrap().settings
}

fn told(name: &str, settings: &Settings) -> String {
    page(std::slice::from_ref(named(name).unwrap()), &[McpEndpoint::of(settings, &settings.servers[0])])
}

fn summary(settings: &Settings) -> String {
    page(CLIENTS, &[McpEndpoint::of(settings, &settings.servers[0])])
}

fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((language.to_owned(), body.join("\n")));
        }
    }
    blocks
}

fn registering() -> Settings {
    settings("https://mcp.example.com", &OWN.replace("REGISTRATION", "open"))
}

#[test]
fn first_3_what_is_printed_is_what_the_documents_say() {
    let document = include_str!("../../../docs/clients.md");
    let printed = summary(&registering());
    for (language, block) in blocks(&printed) {
        // Lines of this configuration alone.
        if language != "yaml" {
            assert!(document.contains(&block), "docs/clients.md has no such block:\n{block}");
        }
    }
    for client in CLIENTS {
        let name = client.names[0];
        assert!(document.contains(&format!("`{name}`")), "docs/clients.md does not name {name}");
    }
}

#[test]
fn first_3_each_block_of_json_is_json() {
    for settings in [registering(), settings("https://mcp.example.com:8443", DIRECT)] {
        let json: Vec<_> = blocks(&summary(&settings)).into_iter().filter(|(language, _)| language == "json").collect();
        assert!(json.len() >= 6);
        for (_, block) in json {
            assert!(serde_json::from_str::<Value>(&block).is_ok(), "{block}");
        }
    }
}

#[test]
fn first_3_a_client_in_a_cloud_is_told_that_it_cannot_connect() {
    for (url, works) in [
        ("https://mcp.example.com", true),
        ("https://mcp.example.com:8443", false),
        ("http://127.0.0.1:8080", false),
        ("https://10.0.0.5", false),
        ("https://203.0.113.7", false),
        ("https://9.9.9.9", true),
        ("https://gateway", false),
        ("https://mcp.acme.internal", false),
        ("https://mcp.local", false),
    ] {
        for client in ["claude", "chatgpt"] {
            let told = told(client, &settings(url, DIRECT));
            assert_eq!(told.contains("This does not work with this URL"), !works, "{client} at {url}:\n{told}");
        }
        assert!(!told("cursor", &settings(url, DIRECT)).contains("does not work"), "{url}");
    }
}

#[test]
fn first_3_a_client_id_is_needed_where_clients_cannot_register() {
    let own = |word: &str| settings("https://mcp.example.com", &OWN.replace("REGISTRATION", word));
    let open = told("claude-code", &own("open"));
    assert!(!open.contains("--client-id"), "{open}");
    let closed = told("claude-code", &own("off"));
    assert!(closed.contains("it knows desk") && closed.contains("--client-id"), "{closed}");
    let direct = told("vscode", &settings("https://mcp.example.com", DIRECT));
    assert!(direct.contains("If https://login.example.com lets no client register"), "{direct}");
    assert!(direct.contains("http://127.0.0.1:33418 and https://vscode.dev/redirect"), "{direct}");
}

#[test]
fn first_3_chatgpt_is_told_the_lines_that_are_missing() {
    let mut settings = registering();
    assert!(told("chatgpt", &settings).contains("deny_as: tool_error\nadvertise_scopes: true\n"));
    settings.servers[0].advertise_scopes = true;
    assert!(!told("chatgpt", &settings).contains("advertise_scopes"));
}

#[test]
fn first_3_names_are_found_and_near_ones_are_suggested() {
    for client in CLIENTS {
        for name in client.names {
            assert_eq!(named(&name.to_uppercase()).unwrap().title, client.title);
        }
    }
    let why = named("curser").unwrap_err();
    assert!(why.contains("did you mean \"cursor\"?") && why.contains("claude-code"), "{why}");
}

#[test]
fn first_3_a_file_is_told_from_the_name_of_a_client() {
    for (text, verdict) in
        [("t/g.yaml", true), ("g.yml", true), ("-", true), ("./cursor", true), ("cursor", false), ("curser", false)]
    {
        assert_eq!(is_file(text), verdict, "{text}");
    }
}

#[test]
fn first_3_a_url_alone_is_enough_and_a_hostile_one_is_not_printed() {
    let endpoint = McpEndpoint::at("https://mcp.example.com/mcp").unwrap();
    assert!(
        page(CLIENTS, &[endpoint]).contains("claude mcp add --transport http my-server https://mcp.example.com/mcp")
    );
    for url in ["mcp.example.com", "ftp://a/b", "https://u:p@a/b", "https://a/$(id)", "https://a/'x", "https://"] {
        assert!(McpEndpoint::at(url).is_err(), "{url}");
    }
    let told = McpEndpoint::at("https://u:hunter2@a.example/mcp").unwrap_err();
    assert!(!told.contains("hunter2"), "{told}");
    assert!(McpEndpoint::at("https://mcp.example.com/@owner/mcp").is_ok());
    assert_eq!(word("http://[::1]:8080/mcp"), "'http://[::1]:8080/mcp'");
    assert_eq!(word("https://a/b?c=d&e"), "'https://a/b?c=d&e'");
}
