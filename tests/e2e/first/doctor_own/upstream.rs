//! Faults of an MCP server behind the gateway.

use tokio_rustls::TlsAcceptor;

use super::{
    super::super::world::{Seen, Upstream, certificate, server},
    Setting,
};

const LINE: &str = "      url: ";
const KEY: &str = "servers.weather.upstream.url";

#[tokio::test]
async fn first_4_doctor_own_what_an_upstream_answers_is_told_with_the_line_to_write() {
    for (id, status, fields, body, line) in [
        ("upstream-redirects", 307, ("Location", "/mcp/"), "", "url: @/mcp/"),
        ("upstream-redirects", 301, ("Location", "http://other.example/mcp"), "", ""),
        ("upstream-not-found", 404, ("Content-Type", "text/plain"), "not found", "url: @/mcp"),
        ("upstream-not-found", 405, ("Allow", "GET"), "", "url: @/mcp"),
        ("upstream-html", 200, ("Content-Type", "text/html"), "<!DOCTYPE html><p>start</p>", ""),
        (
            "upstream-unauthorized",
            401,
            ("WWW-Authenticate", "Bearer"),
            "{}",
            "credential: {header: {name: Authorization, value: \"env:UPSTREAM_AUTHORIZATION\"}}",
        ),
        ("upstream-forbidden", 403, ("Content-Type", "text/plain"), "no", ""),
        ("upstream-host-refused", 421, ("Content-Type", "text/plain"), "Invalid Host header", ""),
        ("upstream-host-refused", 403, ("Content-Type", "text/plain"), "Host not allowed", ""),
        ("upstream-error", 500, ("Content-Type", "text/plain"), "oh", ""),
        ("upstream-not-mcp", 200, ("Content-Type", "application/json"), "{\"hello\":1}", ""),
        (
            "upstream-is-gateway",
            401,
            (
                "WWW-Authenticate",
                "Bearer resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource/mcp\"",
            ),
            "{}",
            "",
        ),
        (
            "upstream-http-on-https-port",
            400,
            ("Content-Type", "text/html"),
            "<center>The plain HTTP request was sent to HTTPS port</center>",
            "url: https",
        ),
    ] {
        let setting = Setting::start().await;
        setting.upstream.answer_with(move |_| server::full(status, &[fields], body));
        let told = setting.expect(id, LINE, KEY).await;
        let line = line.replace('@', &setting.upstream.url());
        assert!(told.line.starts_with(&line) && (told.line.is_empty() == line.is_empty()), "{id}: {}", told.line);
        assert!(told.found.contains(&status.to_string()) || id.contains("redirects"), "{id}: {}", told.found);
    }
}

#[tokio::test]
async fn first_4_doctor_own_an_upstream_that_cannot_be_reached_is_told_with_its_cause() {
    let setting = Setting::start().await;
    setting.upstream.stop();
    let told = setting.expect("upstream-refused", LINE, KEY).await;
    assert!(told.line.starts_with("url: http://127.0.0.1:PORT/mcp"), "{}", told.line);

    let setting = Setting::start().await;
    let at = setting.upstream.url();
    let setting = setting.but(&at, "http://no-such-host.invalid:8000");
    setting.expect("upstream-unresolvable", LINE, KEY).await;

    let setting = Setting::start().await;
    let at = setting.upstream.url();
    let told = setting.but(&at, &at.replace("http", "https")).expect("upstream-https-on-http-port", LINE, KEY).await;
    assert_eq!(told.line, format!("url: {at}/mcp"));
}

#[tokio::test]
async fn first_4_doctor_own_an_upstream_that_hangs_is_told() {
    let setting = Setting::start().await;
    setting.upstream.answer_with(|_| vec![super::super::super::world::Step::Hang]);
    setting.expect("upstream-timeout", LINE, KEY).await;
}

#[tokio::test]
async fn first_4_doctor_own_the_certificate_of_an_upstream_is_judged() {
    let old = certificate::leaf_but(|params| {
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
    });
    let other = certificate::leaf_but(|params| params.subject_alt_names.truncate(1));
    for (id, leaf, ca, line) in [
        ("upstream-tls-expired", old, "ca: ca.pem", ""),
        ("upstream-tls-name", other, "ca: ca.pem", ""),
        ("upstream-tls-unknown-issuer", certificate::leaf(), "connect_timeout: 5s", "ca: ca.pem"),
    ] {
        let tls = Upstream::start(Some(TlsAcceptor::from(leaf.server_config()))).await;
        let setting = Setting::start().await.file("ca.pem", certificate::authority_pem(), 0o644);
        let (at, key) = (setting.upstream.url(), tls.url().replace("localhost", "127.0.0.1"));
        let setting = setting.but(&format!("url: {at}/mcp"), &format!("url: {key}/mcp\n      {ca}"));
        let told = setting.expect(id, LINE, KEY).await;
        assert_eq!(told.line, line, "{id}");
        if id == "upstream-tls-name" {
            assert!(told.found.contains("localhost"), "{}", told.found);
        }
        if id == "upstream-tls-expired" {
            let plain = key.replace("https", "http");
            let setting = setting.but("\n      ca: ca.pem", "").but(&key, &plain);
            let told = setting.expect("upstream-http-on-https-port", LINE, KEY).await;
            assert_eq!(told.line, format!("url: {key}/mcp"));
        }
    }
}

#[tokio::test]
async fn first_4_doctor_own_attack_370_an_upstream_that_repeats_the_credential_does_not_get_it_printed() {
    let setting = with_credential().await;
    setting.upstream.answer_with(|seen| {
        let credential = seen.header("authorization").unwrap_or_default();
        server::full(403, &[("Content-Type", "text/plain")], format!("you sent {credential}"))
    });
    let told = setting.expect("upstream-forbidden", LINE, KEY).await;
    assert!(told.found == "status 403", "{}", told.found);
}

/// With a credential for the upstream.
async fn with_credential() -> Setting {
    let setting = Setting::start().await.file("upstream.token", "Bearer hunter2hunter2", 0o600);
    setting.but(
        "    access: authenticated",
        "    credential: {header: {name: Authorization, value: \"file:upstream.token\"}}\n    access: authenticated",
    )
}

#[tokio::test]
async fn first_4_doctor_own_attack_430_a_redirect_shows_no_credential_and_leads_it_to_no_other_host() {
    for (location, found, line) in [
        ("https://evil.example/login?token=hunter2hunter2", "a redirect to https://evil.example/login", ""),
        ("https://u:hunter2hunter2@evil.example/mcp", "a redirect to https://evil.example/mcp", ""),
        ("//evil.example/hunter2hunter2/mcp", "a redirect to http://evil.example", ""),
        ("/login?next=x#hunter2hunter2", "a redirect to @/login", ""),
        ("/hunter2hunter2/mcp", "a redirect to @", ""),
        ("/hunter2%68unter2/mcp", "a redirect to @", ""),
        ("https://hunter2hunter2.evil.example/", "a redirect to a URL that is not shown", ""),
        ("/mcp/#top", "a redirect to @/mcp/", "url: @/mcp/"),
        ("http://[", "a redirect to something that is not a URL", ""),
    ] {
        let setting = with_credential().await;
        setting.upstream.answer_with(move |_| server::full(307, &[("Location", location)], ""));
        let told = setting.expect("upstream-redirects", LINE, KEY).await;
        let at = |text: &str| text.replace('@', &setting.upstream.url());
        assert_eq!((told.found.as_str(), told.line.as_str()), (&*at(found), &*at(line)), "{location}");
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
        assert_eq!(told.fix.contains("the operator of the upstream"), line.is_empty(), "{}", told.fix);
    }

    // A key in the query of the file stays there.
    let query = |setting: Setting| setting.but("/mcp\n    access", "/mcp?api_key=hunter2hunter2\n    access");
    let setting = query(Setting::start().await);
    setting.upstream.answer_with(|_| server::full(308, &[("Location", "/mcp/")], ""));
    let told = setting.expect("upstream-redirects", LINE, KEY).await;
    assert_eq!(told.line, format!("url: {}/mcp/?…", setting.upstream.url()));
    setting.upstream.stop();
    let told = setting.expect("upstream-refused", LINE, KEY).await;
    assert_eq!(told.line, "url: http://127.0.0.1:PORT/mcp?…");
    let setting = query(Setting::start().await);
    let at = setting.upstream.url();
    let setting = setting.but(&at, &at.replace("http", "https"));
    let told = setting.expect("upstream-https-on-http-port", LINE, KEY).await;
    assert_eq!(told.line, format!("url: {at}/mcp?…"));
    assert!(setting.upstream.take().iter().all(|seen| !seen.target.contains("hunter2")), "not in the clear either");
}

#[tokio::test]
async fn first_4_doctor_own_a_401_is_right_where_the_callers_token_is_passed_on() {
    let unauthorized = |setting: &Setting| {
        setting.upstream.answer_with(|_| server::full(401, &[("WWW-Authenticate", "Bearer")], "{}"));
    };
    let setting = Setting::start()
        .await
        .but("    access: authenticated", "    credential: {forward: {dangerous: true}}\n    access: authenticated");
    unauthorized(&setting);
    assert!(setting.found().await.iter().all(|one| !one.id.starts_with("upstream-")));

    let setting = with_credential().await;
    unauthorized(&setting);
    let told = setting.expect("upstream-unauthorized", LINE, KEY).await;
    assert!(told.line.is_empty() && told.fix.contains("the value of `credential.header`"), "{told:?}");
}

#[tokio::test]
async fn first_4_doctor_own_attack_373_a_port_without_tls_is_not_sent_the_credential() {
    let setting = Setting::start().await.file("upstream.token", "Bearer hunter2hunter2", 0o600);
    let at = setting.upstream.url();
    let setting = setting.but(&at, &at.replace("http", "https")).but(
        "    access: authenticated",
        "    credential: {header: {name: Authorization, value: \"file:upstream.token\"}}\n    access: authenticated",
    );
    setting.expect("upstream-https-on-http-port", LINE, KEY).await;
    let seen = setting.upstream.take();
    assert!(!seen.is_empty() && seen.iter().all(|one| one.header("authorization").is_none()), "{seen:?}");
}

#[tokio::test]
async fn first_4_doctor_own_a_session_that_was_begun_at_the_upstream_is_ended() {
    let setting = Setting::start().await;
    setting.upstream.answer_with(|seen| match seen.method.as_str() {
        "POST" => server::full(
            200,
            &[("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")],
            r#"{"jsonrpc":"2.0","id":0,"result":{}}"#,
        ),
        _ => server::full(200, &[], ""),
    });
    assert!(setting.found().await.iter().all(|one| !one.id.starts_with("upstream-")));
    let seen = setting.upstream.take();
    assert!(seen.iter().any(|one| one.method == "DELETE" && one.header("mcp-session-id") == Some("s-1")));
}

#[tokio::test]
async fn first_4_doctor_own_attack_373_no_forward_proxy_sees_what_an_upstream_is_sent() {
    let setting = Setting::start().await.file("upstream.token", "Bearer hunter2hunter2", 0o600);
    let at = setting.upstream.url();
    let setting = setting.but(&at, "http://mcp.invalid").but(
        "    access: authenticated",
        "    credential: {header: {name: Authorization, value: \"file:upstream.token\"}}\n    access: authenticated",
    );
    // The forward proxy.
    let proxy = setting.upstream.url();
    let variables = [("HTTP_PROXY", proxy.as_str()), ("HTTPS_PROXY", proxy.as_str())];
    setting.expect_with("upstream-unresolvable", "http://mcp.invalid", KEY, &variables).await;
    let seen = setting.upstream.take();
    let about_it = |one: &Seen| one.header("authorization").is_some() || one.header("host") == Some("mcp.invalid");
    assert!(!seen.iter().any(about_it), "{seen:?}");
}
