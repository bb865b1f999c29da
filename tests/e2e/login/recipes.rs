//! The recipes of docs/identity-providers.md, each run as it is written, with an IdP that behaves as that provider.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::time::sleep;

use super::{
    browser::Browser,
    client::{Client, Tokens, call_tool},
    github::{Account, GitHub},
    idp::{CLIENT, Idp},
    providers::{self, Provider},
    world::{LoginPlan, LoginWorld},
};

const ALL: &str = "mcp:read mcp:write";
/// For how long the tokens of a login that has ended may go on.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// The page.
fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/identity-providers.md")).unwrap()
}

/// The YAML below a heading.
fn recipe(heading: &str) -> String {
    let document = document();
    let (_, below) = document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let (section, _) = below.split_once("\n## ").unwrap();
    let (_, yaml) = section.split_once("```yaml\n").unwrap_or_else(|| panic!("{heading} has no recipe"));
    yaml.split_once("```").unwrap().0.to_owned()
}

/// The keys at an indent, each with its value as it is written.
fn keys(yaml: &str, indent: usize) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in yaml.lines().filter(|line| !line.is_empty()) {
        let text = line.trim_start();
        match (line.len() - text.len() == indent, all.last_mut()) {
            (true, _) => {
                let (name, value) = text.split_once(':').unwrap_or_else(|| panic!("not a key: {line}"));
                all.push((name.to_owned(), format!("{value}\n")));
            }
            (false, Some((_, value))) => *value += &format!("{line}\n"),
            (false, None) => panic!("nothing to belong to: {line}"),
        }
    }
    all
}

/// The value of a key.
fn value(keys: &[(String, String)], name: &str) -> String {
    keys.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1.clone()
}

/// The login of a recipe with the place of the scripted IdP and the gateway's client id there. The issuer stays.
fn local(login: &str, place: &str) -> String {
    let mut text = String::new();
    for line in login.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        match line.trim_start().split_once(':').map_or("", |(name, _)| name) {
            "reach_at" | "allow_http" | "ca" => {}
            "client_id" => text += &format!("{indent}client_id: {CLIENT}\n"),
            "github" => text += &format!("{line}\n{indent}  url: \"{place}\"\n"),
            "issuer" => text += &format!("{line}\n{indent}reach_at: \"{place}\"\n{indent}allow_http: true\n"),
            _ => text += &format!("{line}\n"),
        }
    }
    text
}

/// The keys of a recipe: of the file, and of its authorization server.
fn parts(heading: &str) -> [Vec<(String, String)>; 2] {
    let top = keys(&recipe(heading), 0);
    let embedded = keys(&keys(&value(&top, "authorization_servers"), 2)[0].1, 4);
    let embedded = keys(&value(&embedded, "embedded"), 6);
    assert_eq!(value(&embedded, "path").trim(), "/oauth");
    assert_eq!(value(&embedded, "store").trim(), "{file: as.db}");
    [top, embedded]
}

/// The gateway of a recipe. Addresses, certificates and secrets are those of the test; all else is as it is written.
async fn begun(plan: LoginPlan, [top, embedded]: [Vec<(String, String)>; 2], place: &str) -> LoginWorld {
    let login = value(&embedded, "login");
    let mut plan = plan.file().key("clients", "[]").key("login", &local(&login, place));
    for (name, value) in embedded.iter().filter(|(name, _)| !matches!(name.as_str(), "path" | "store" | "login")) {
        plan = plan.key(name, value.trim_end());
    }
    let servers = value(&top, "servers").replace("http://127.0.0.1:8000/mcp", "@UPSTREAM@/inner/mcp");
    plan.around(|plan| plan.servers(&servers)).start().await
}

async fn started(provider: &Provider) -> LoginWorld {
    let parts = parts(provider.recipe);
    let login = value(&parts[1], "login");
    let issuer = login.lines().find_map(|line| line.trim_start().strip_prefix("issuer: ")).unwrap();
    let issuer = issuer.split(" #").next().unwrap().trim();

    let idp = Idp::start().await.named(issuer);
    let place = idp.url();
    idp.with(|mind| provider.teach(mind, &place));
    begun(LoginPlan::at(idp, ""), parts, &place).await
}

async fn calls(login: &LoginWorld, tokens: &Tokens) -> [u16; 2] {
    let read = call_tool(login, 0, &tokens.access, "get_forecast").await.status;
    [read, call_tool(login, 0, &tokens.access, "set_alarm").await.status]
}

/// Users get what the recipe promises, keep it, and lose it.
async fn keeps_its_promise(provider: Provider) {
    let login = started(&provider).await;
    let idp = login.idp.as_ref().unwrap();
    let client = Client::register(&login, json!({})).await;
    let as_user = |name: &str| idp.with(|idp| name.clone_into(&mut idp.signs_in));

    as_user("other");
    let shown = Browser::of("", "").open(&login, &client.request(&login, ALL).url).await;
    assert_eq!(shown.page().status, 403, "there is nothing to allow");

    as_user("reader");
    let reader = client.sign_in(&login, &mut Browser::of("", ""), ALL).await;
    assert_eq!((&*reader.scope, calls(&login, &reader).await), ("mcp:read", [200, 403]));

    as_user("writer");
    let mut tokens = client.sign_in(&login, &mut Browser::of("", ""), ALL).await;
    assert_eq!((&*tokens.scope, calls(&login, &tokens).await), (ALL, [200, 200]));
    for _ in 0..2 {
        tokens = client.refreshed(&login, 0, tokens.refresh()).await;
        assert_eq!((&*tokens.scope, calls(&login, &tokens).await), (ALL, [200, 200]));
    }
    if let Some(left) = &provider.left {
        idp.with(|idp| idp.people.insert("writer".to_owned(), left.as_object().unwrap().clone()));
        tokens = client.refreshed(&login, 0, tokens.refresh()).await;
        assert_eq!((&*tokens.scope, calls(&login, &tokens).await), ("mcp:read", [200, 403]));
    }
    idp.with(|idp| {
        assert_eq!(idp.reuses, 0, "the IdP has seen a refresh token twice");
        idp.end_sessions();
    });
    let ended = client.refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((ended.status, &ended.json()["error"]), (400, &json!("invalid_grant")));
    let since = Instant::now();
    while calls(&login, &tokens).await != [401, 401] {
        assert!(since.elapsed() < ENDED_WITHIN, "its tokens go on");
        sleep(Duration::from_millis(100)).await;
    }
    login.close().await;
}

#[tokio::test]
async fn login_recipes_google() {
    keeps_its_promise(providers::google()).await;
}

#[tokio::test]
async fn login_recipes_entra() {
    keeps_its_promise(providers::entra()).await;
}

#[tokio::test]
async fn login_recipes_okta() {
    keeps_its_promise(providers::okta()).await;
}

#[tokio::test]
async fn login_recipes_auth0() {
    keeps_its_promise(providers::auth0()).await;
}

#[tokio::test]
async fn login_recipes_keycloak() {
    keeps_its_promise(providers::keycloak()).await;
}

#[tokio::test]
async fn login_recipes_cognito() {
    keeps_its_promise(providers::cognito()).await;
}

#[tokio::test]
async fn login_recipes_scalekit() {
    keeps_its_promise(providers::scalekit()).await;
}

#[tokio::test]
async fn login_recipes_wso2() {
    keeps_its_promise(providers::wso2()).await;
}

/// GitHub has no claims of a test's choice: the recipe is about organizations and teams.
#[tokio::test]
async fn login_recipes_github() {
    let github = GitHub::start().await;
    let place = github.url();
    github.with(|github| {
        github.is_app = true;
        github.account("bob").organizations = vec![("acme".to_owned(), "active", "member")];
        let other = Account { id: 44, emails: vec![("other@home.example".to_owned(), true)], ..Account::default() };
        github.accounts.insert("other".to_owned(), other);
    });
    let login = begun(LoginPlan::github(github, ""), parts("GitHub"), &place).await;
    let github = login.github.as_ref().unwrap();
    let client = Client::register(&login, json!({})).await;
    let as_user = |name: &str| github.with(|github| name.clone_into(&mut github.signs_in));

    as_user("other");
    let shown = Browser::of("", "").open(&login, &client.request(&login, ALL).url).await;
    assert_eq!(shown.page().status, 403, "a user of no organization");
    as_user("bob");
    let reader = client.sign_in(&login, &mut Browser::of("", ""), ALL).await;
    assert_eq!((&*reader.scope, calls(&login, &reader).await), ("mcp:read", [200, 403]));
    as_user("ada");
    let writer = client.sign_in(&login, &mut Browser::of("", ""), ALL).await;
    assert_eq!((&*writer.scope, calls(&login, &writer).await), (ALL, [200, 200]));
    let writer = client.refreshed(&login, 0, writer.refresh()).await;
    assert_eq!(writer.scope, ALL);
    github.with(|github| github.account("ada").teams.clear());
    let left = client.refreshed(&login, 0, writer.refresh()).await;
    assert_eq!((&*left.scope, calls(&login, &left).await), ("mcp:read", [200, 403]));
    github.with(|github| github.account("ada").organizations.clear());
    assert_eq!(client.refresh(&login, 0, left.refresh()).await.json()["error"], "invalid_grant");
    assert_eq!(calls(&login, &left).await, [401, 401]);
    login.close().await;
}

#[tokio::test]
async fn login_recipes_canaille() {
    keeps_its_promise(providers::canaille()).await;
}

#[tokio::test]
async fn login_recipes_lemonldap() {
    keeps_its_promise(providers::lemonldap()).await;
}

#[test]
fn login_recipes_of_the_page_are_all_tested() {
    let tested = [
        providers::google(),
        providers::entra(),
        providers::okta(),
        providers::auth0(),
        providers::keycloak(),
        providers::cognito(),
        providers::scalekit(),
        providers::wso2(),
        providers::canaille(),
        providers::lemonldap(),
    ];
    let document = document();
    let sections = document.split("\n## ").skip(1).filter(|section| section.contains("```yaml\npublic_url"));
    let written: Vec<&str> = sections.map(|section| section.lines().next().unwrap()).collect();
    let tested: Vec<&str> = tested.iter().map(|provider| provider.recipe).chain(["GitHub"]).collect();
    assert_eq!(written.len(), tested.len(), "{written:?}");
    for recipe in tested {
        assert!(written.contains(&recipe), "{recipe} is not among {written:?}");
    }
}
