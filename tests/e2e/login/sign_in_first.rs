//! Users of a company IdP sign in first, and consent to what they can get.

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::Reply;

const WEB: &str = "https://web.example/callback";

/// `clients:` with a public client at [`WEB`].
fn with_web(more: &str) -> String {
    format!(
        "[{{id: desktop, redirect_uris: [\"http://127.0.0.1:33418/callback\"]}}, \
         {{id: web, redirect_uris: [\"{WEB}\"]{more}}}]"
    )
}

fn web() -> Client {
    Client { redirect: WEB.to_owned(), ..Client::with_id("web") }
}

/// As far as the consent page.
async fn to_consent(login: &LoginWorld, browser: &mut Browser, client: &Client, scope: &str) -> Reply {
    browser.stops_at_consent = true;
    let shown = browser.open(login, &client.request(login, scope).url).await;
    browser.stops_at_consent = false;
    match shown {
        Shown::Page(page) => page,
        Shown::Left(url) => panic!("the browser was sent on to {url}"),
    }
}

#[tokio::test]
async fn login_c5_sign_in_comes_first_and_consent_shows_what_this_user_can_get() {
    let plan = LoginPlan::idp().await.redis().await.replicas(2);
    let grants =
        "[{claims: {groups: [staff]}, scopes: [\"mcp:connect\"]}, {claims: {department: [eng]}, scopes: [\"mcp:*\"]}]";
    let login = plan.key("grants", grants).start().await;
    let client = Client::desktop();
    let mut browser = Browser { replicas: vec![0, 1], ..Browser::of("", "") };
    let page = to_consent(&login, &mut browser, &client, "mcp:connect mcp:danger").await;
    assert_eq!(browser.visited, ["/oauth/authorize", "idp", "/oauth/callback", "/oauth/consent"]);
    let text = page.text();
    let (can, cannot) = text.split_once("Your account cannot give it").unwrap();
    assert!(can.contains("mcp:connect") && !can.contains("mcp:danger"), "{can}");
    assert!(cannot.contains("mcp:danger") && !cannot.contains("mcp:connect"), "{cannot}");
    assert!(text.contains("Signed in as <bdi>ada</bdi>"), "{text}");

    let answer = browser.submit(&login, &page, &[("decision", "allow")]).await;
    assert!(answer.header("location").unwrap().contains("code="), "{answer:?}");
    // The second replica got the callback and the answer.
    let process = login.process(1);
    process.line(|line| line.contains("allowed; grants do not give this user: mcp:danger")).await;
    process.line(|line| line.contains("\"audit\":2") && line.contains("\"ungranted_scopes\":[\"mcp:danger\"]")).await;
    // A claim of `grants` that the IdP never sends.
    process.line(|line| line.contains("grants name a claim that no sign-in") && line.contains("department")).await;
    let ready = login.admin(1, "/readyz").await.text();
    assert!(ready.contains("grants name `department`, which none of 1 sign-ins"), "{ready}");
    let again = browser.submit(&login, &page, &[("decision", "allow")]).await;
    assert_eq!(again.status, 400, "a flow becomes one code");
    login.close().await;
}

#[tokio::test]
async fn login_c5_a_user_who_can_get_nothing_is_told_so_and_the_client_too() {
    let login = LoginPlan::idp().await.start().await;
    login.idp.as_ref().unwrap().with(|idp| idp.signs_in = "bob".to_owned());
    let mut browser = Browser { decision: "deny".to_owned(), ..Browser::of("", "") };
    let client = Client::desktop();
    let page = to_consent(&login, &mut browser, &client, "mcp:connect").await.text();
    assert!(page.contains("This account may not allow it") && page.contains("mcp:connect"), "{page}");
    let shown = browser.open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("access_denied"));
    // Another account, chosen at the IdP.
    to_consent(&login, &mut browser, &client, "mcp:connect").await;
    let idp = login.idp.as_ref().unwrap();
    idp.with(|idp| idp.signs_in = "ada".to_owned());
    let other = page.split_once("<a href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let mut same = Browser { decision: "allow".to_owned(), ..browser.clone() };
    let shown = same.open(&login, &other.replace("&#38;", "&")).await;
    idp.with(|idp| assert_eq!(idp.authorizations.last().unwrap()["prompt"], "select_account"));
    assert!(shown.parameter("code").is_some(), "{shown:?}");
    login.close().await;
}

#[tokio::test]
async fn login_c4_consent_is_remembered_and_prompt_and_max_age_reach_the_idp() {
    let login = LoginPlan::idp().await.key("clients", &with_web("")).file().start().await;
    let mut browser = Browser::of("", "");
    let asks = |browser: &Browser| browser.visited.iter().filter(|path| *path == "/oauth/consent").count();
    for (times, more) in [(2, None), (2, None), (4, Some(("prompt", "consent"))), (4, Some(("max_age", "60")))] {
        let more = more.map(|(name, value): (&str, &str)| (name.to_owned(), value.to_owned()));
        let client = Client { authorize_with: more.into_iter().collect(), ..web() };
        client.code(&login, &mut browser, "mcp:connect").await;
        assert_eq!(asks(&browser), times, "a page and its answer: {:?}", browser.visited);
    }
    let idp = login.idp.as_ref().unwrap();
    let sent = |name: &str| idp.with(|idp| idp.authorizations.last().unwrap().get(name).cloned());
    assert_eq!((sent("max_age").as_deref(), sent("prompt")), (Some("60"), None));
    for prompt in ["login", "select_account", "none"] {
        let client = Client { authorize_with: vec![("prompt".into(), prompt.into())], ..web() };
        client.code(&login, &mut browser, "mcp:connect").await;
        assert_eq!(sent("prompt").as_deref(), Some(prompt));
    }
    idp.with(|idp| idp.sign_in_error = Some("login_required".to_owned()));
    let silent = Client { authorize_with: vec![("prompt".into(), "none".into())], ..web() };
    let shown = browser.open(&login, &silent.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.parameter("error").as_deref(), Some("login_required"));
    login.close().await;
}

#[tokio::test]
async fn login_c4_max_age_is_checked_against_the_auth_time_of_the_idp() {
    let login = LoginPlan::idp().await.key("clients", &with_web("")).start().await;
    let idp = login.idp.as_ref().unwrap();
    let mut browser = Browser::of("", "");
    for (ago, max_age, error) in [
        (Some(0), "60", None),
        (Some(7200), "", None),
        (Some(7200), "86400", None),
        (Some(7200), "60", Some("access_denied")),
        (Some(7200), "0", Some("access_denied")),
        (None, "60", None),
        (None, "60", None),
    ] {
        idp.with(|idp| idp.signed_in_ago = ago);
        let client = Client { authorize_with: vec![("max_age".into(), max_age.into())], ..web() };
        let asked = idp.with(|idp| idp.authorizations.len());
        let shown = browser.open(&login, &client.request(&login, "mcp:connect").url).await;
        assert_eq!(shown.parameter("error").as_deref(), error, "{ago:?} {max_age}");
        assert_eq!(shown.parameter("code").is_some(), error.is_none(), "{ago:?} {max_age}");
        assert_eq!(idp.with(|idp| idp.authorizations.len()), asked + 1, "the IdP is asked once");
    }
    let process = login.process(0);
    process.line(|line| line.contains("refused: ") && line.contains("older than max_age allows")).await;
    process.line(|line| line.contains("sends no auth_time")).await;
    assert_eq!(process.output().matches("sends no auth_time").count(), 1);
    login.close().await;
}

#[tokio::test]
async fn login_c4_a_trusted_client_shows_no_page_and_must_be_one_that_can_be_trusted() {
    let login = LoginPlan::idp().await.key("clients", &with_web(", trusted: true")).start().await;
    let mut browser = Browser::of("", "");
    let tokens = web().sign_in(&login, &mut browser, "mcp:connect mcp:danger").await;
    assert!(!browser.visited.contains(&"/oauth/consent".to_owned()), "{:?}", browser.visited);
    assert_eq!(call_tool(&login, 0, &tokens.access, "danger").await.status, 200);
    login.close().await;

    let login = LoginPlan::accounts().key("clients", &with_web(", trusted: true")).start().await;
    let mut browser = Browser::of("ada", PASSWORD);
    web().sign_in(&login, &mut browser, "mcp:connect").await;
    assert!(!browser.visited.contains(&"/oauth/consent".to_owned()), "{:?}", browser.visited);
    login.close().await;

    let local = "[{id: desktop, redirect_uris: [\"http://127.0.0.1:33418/callback\"], trusted: true}]";
    let refused = LoginPlan::accounts().key("clients", local).refused_start().await;
    assert!(refused.output.contains("a trusted public client with the redirect URI"), "{}", refused.output);
}
