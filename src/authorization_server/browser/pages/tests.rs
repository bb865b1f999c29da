//! Pages: their content; no foreign markup, no scripts, no external resources.

use std::fs;

use crate::{
    authorization_server::{
        browser::pages,
        testing::{Browser, ISSUER, PASSWORD, Shown, World, client},
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth, ClientOrigin},
            error::Code,
            redirect_uri::RedirectUri,
        },
        routing::IssuerEndpoint as E,
    },
};

fn dynamic(name: &str, redirect: &str) -> Client {
    Client {
        name: Some(name.into()),
        origin: ClientOrigin::Dynamic,
        redirect_uris: vec![RedirectUri::parse(redirect).unwrap()],
        ..client("dyn_1", ClientAuth::None)
    }
}

async fn with(client: Client) -> World {
    World::with(|settings| {
        settings.clients.insert(0, client);
        settings.scope_descriptions = vec![("a".into(), "Read your notes".into())];
    })
    .await
}

/// Every page, as a browser gets it.
async fn every_page() -> Vec<Shown> {
    let world = with(dynamic("<b>Bold</b>", "http://127.0.0.1/cb")).await;
    let mut browser = Browser::default();
    let start = browser.authorize(&world, "dyn_1", "http://127.0.0.1:1/cb", "a b", &[]).await;
    let id = start.flow();
    let mut pages = vec![browser.get(&world, E::Login, start.location()).await];
    pages.push(browser.log_in(&world, &id, "ada", "wrong").await);
    browser.log_in(&world, &id, "ada", PASSWORD).await;
    pages.push(browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await);
    pages.push(browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow=x")).await);
    pages.push(browser.get(&world, E::Authorize, &format!("{ISSUER}/authorize")).await);
    pages
}

#[tokio::test]
async fn e18_every_page_has_the_headers_that_keep_others_out_of_it() {
    for page in every_page().await {
        let header = |name: &str| page.headers[name].to_str().unwrap();
        let has_form = page.text.contains("<form");
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), if has_form { "same-origin" } else { "no-referrer" });
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "style-src 'sha256-", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        // Only the consent page, which has no secret, lets a form lead to other sites (login B4).
        let is_open = !policy.contains("form-action");
        assert_eq!(page.text.contains("name=\"decision\""), is_open, "{policy}");
        assert!(is_open || policy.ends_with("; form-action 'self'"), "{policy}");
        assert!(!(is_open && page.text.contains("type=\"password\"")));
        for never in ["<script", "style=\"", " src=", "@import", "url(", "http-equiv", "onclick"] {
            assert!(!page.text.contains(never), "{never}: {}", page.text);
        }
        for always in ["<html lang=\"en\">", "<h1>", "name=\"viewport\"", "<title>"] {
            assert!(page.text.contains(always), "{always}");
        }
    }
}

#[tokio::test]
async fn d02_what_a_client_says_of_itself_is_text_and_nothing_else() {
    // SPEC D-02, attack 157.
    for (name, seen) in [
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("\"><img src=x onerror=alert(1)>", "&#34;&#62;&#60;img"),
        ("'onmouseover='alert(1)", "&#39;onmouseover=&#39;"),
        ("</bdi></h1><form action=//evil.example>", "&#60;/bdi&#62;&#60;/h1&#62;&#60;form"),
        ("{{ csrf }}{% raw %}", "{{ csrf }}{% raw %}"),
        ("&lt;b&gt;", "&#38;lt;b&#38;gt;"),
        ("over\u{202e}ride\u{2069}\u{200b}", "<bdi>override</bdi>"),
    ] {
        let world = with(dynamic(name, "https://app.example/back")).await;
        let mut browser = Browser::default();
        let start = browser.authorize(&world, "dyn_1", "https://app.example/back", "a", &[]).await;
        let login = browser.get(&world, E::Login, start.location()).await;
        let id = browser.ask_ada(&world, "dyn_1", "https://app.example/back", "a").await;
        let consent = browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await;
        for page in [login, consent] {
            assert!(page.text.contains(seen), "{seen}: {}", page.text);
            for never in ["<script", "<img", "<form action=//", "override</bdi></bdi>"] {
                assert!(!page.text.contains(never), "{never}: {}", page.text);
            }
        }
    }
}

#[tokio::test]
async fn e34_the_consent_page_says_who_asks_for_what_and_where_it_leads() {
    let mut far = dynamic("Notes", "https://back.example:8443/cb");
    far.id = "https://clients.example.com/a.json".into();
    far.origin = ClientOrigin::Document;
    for (client, has, has_not) in [
        (far, "<bdi>clients.example.com</bdi>", "Registered itself"),
        (dynamic("Notes", "https://back.example:8443/cb"), "Registered itself", "clients.example.com"),
        (
            Client { origin: ClientOrigin::Configured, ..dynamic("Notes", "https://back.example:8443/cb") },
            "Set up by",
            "calls itself",
        ),
    ] {
        let world = with(client.clone()).await;
        let mut browser = Browser::default();
        let id = browser.ask_ada(&world, &client.id, client.redirect_uris[0].as_str(), "a b").await;
        let page = browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await.text;
        for text in [
            has,
            "“<bdi>Notes</bdi>”",
            "<bdi>back.example</bdi>",
            "<bdi>https://back.example:8443/cb</bdi>",
            "<bdi>https://gw.example/echo</bdi>",
            "<bdi>Read your notes</bdi>",
            "<code>a</code>",
            "<code>b</code>",
            "Signed in as <bdi>ada</bdi>",
            "Use another account",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        for text in [has_not, "class=\"warning\"", "https://gw.example/files"] {
            assert!(!page.contains(text), "{text}: {page}");
        }
        assert_eq!(client.origin != ClientOrigin::Configured, page.contains("it is not verified"));
    }
}

#[test]
fn d02_what_is_shown_has_a_bound() {
    assert_eq!(pages::shown(&"x".repeat(200)), "x".repeat(200));
    assert_eq!(pages::shown(&"x".repeat(201)), format!("{}…", "x".repeat(200)));
    assert_eq!(pages::origin("https://idp.example/realms/main"), "https://idp.example");
    assert_eq!(pages::origin("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
}

#[test]
fn e10_an_error_page_says_what_happened_and_what_to_do() {
    for (code, status, heading) in [
        (Code::InvalidRequest, 400, "This request cannot be answered"),
        (Code::InvalidClient, 400, "Unknown application"),
        (Code::AccessDenied, 403, "This sign-in cannot continue"),
        (Code::SlowDown, 429, "Too many attempts"),
        (Code::TemporarilyUnavailable, 503, "Not available right now"),
        (Code::ServerError, 500, "Something went wrong"),
    ] {
        let response = pages::error(&code.because("what <happened> there")).response;
        let html = std::str::from_utf8(response.body()).unwrap();
        assert_eq!(response.status(), status);
        assert!(html.contains(&format!("<h1>{heading}</h1>")), "{html}");
        assert!(html.contains("role=\"alert\"") && html.contains("What &#60;happened&#62; there."), "{html}");
        assert!(html.contains(code.row().0) && !html.contains("<form"));
        assert_eq!(response.headers().contains_key("retry-after"), matches!(status, 429 | 503));
    }
}

/// Each page is complete and says what it is for. To look at the pages, run this test with `PAGES`:
/// the folder that it writes them into.
#[tokio::test]
async fn pages_are_written_for_the_eye() {
    #[expect(clippy::disallowed_methods, reason = "where a person wants the pages is not a setting of the product")]
    let folder = std::env::var("PAGES").ok();
    let write = |name: &str, heading: &str, html: &str| {
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{name}: {html}");
        let shown = html.split_once("<h1>").and_then(|(_, rest)| Some(rest.split_once("</h1>")?.0)).unwrap();
        assert!(shown.contains(heading), "{name}: {shown}");
        assert!(!["{{", "{%"].iter().any(|left| html.contains(left)), "{name}: {html}");
        if let Some(folder) = &folder {
            fs::write(format!("{folder}/{name}.html"), html).unwrap();
        }
    };

    let world = with(dynamic("MCP Inspector", "http://127.0.0.1:6274/oauth/callback")).await;
    let mut browser = Browser::default();
    let start = browser.authorize(&world, "dyn_1", "http://127.0.0.1:6274/oauth/callback", "a b", &[]).await;
    write("login", "Sign in", &browser.get(&world, E::Login, start.location()).await.text);
    let id = start.flow();
    write("login-wrong", "Sign in", &browser.log_in(&world, &id, "ada", "not the password").await.text);
    let next = browser.log_in(&world, &id, "ada", PASSWORD).await;
    write("consent-native", "asks for access", &browser.get(&world, E::Consent, next.location()).await.text);

    let world = World::with(|settings| {
        settings.scope_descriptions =
            vec![("a".into(), "Read your notes".into()), ("b".into(), "Write and delete your notes".into())];
        settings.clients[0].name = Some("Field notes".into());
    })
    .await;
    let mut browser = Browser::default();
    browser.consent_to(&world, "a").await;
    let next = browser.begin(&world, "a b").await;
    write("consent-step-up", "asks for access", &browser.get(&world, E::Consent, next.location()).await.text);

    let long = "W".repeat(120);
    let mut far =
        dynamic(&long, "https://a-rather-long-host-name.department.example.com/oauth/callback/of/some/length");
    far.id = "https://clients.example.com/a/document.json".into();
    far.origin = ClientOrigin::Document;
    let world = with(far.clone()).await;
    let mut browser = Browser::default();
    let id = browser.ask_ada(&world, &far.id, far.redirect_uris[0].as_str(), "a b").await;
    write(
        "consent-document",
        "asks for access",
        &browser.get(&world, E::Consent, &format!("{ISSUER}/consent?flow={id}")).await.text,
    );

    for (name, code, heading, why) in [
        (
            "error-redirect",
            Code::InvalidRequest,
            "This request cannot be answered",
            "redirect_uri is not registered for this client",
        ),
        ("error-busy", Code::SlowDown, "Too many attempts", "too many attempts"),
    ] {
        let answer = pages::error(&code.because(why));
        write(name, heading, std::str::from_utf8(answer.response.body()).unwrap());
    }
}
