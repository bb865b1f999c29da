//! Planted faults of the first answer, its challenge, and the protected resource metadata.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{super::super::world::Step, Pretend, RESOURCE, challenged, good_challenge, resource, server, with_cors};

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_the_first_answer() {
    for (status, fields, body, id) in [
        (404, &[][..], "", "mcp-not-found"),
        (405, &[("Allow", "GET")][..], "", "mcp-method-refused"),
        (421, &[], "Invalid Host header", "mcp-host-refused"),
        (403, &[], "Invalid Host header: a.example", "mcp-host-refused"),
        (403, &[], "forbidden", "mcp-forbidden"),
        (429, &[], "", "mcp-forbidden"),
        (403, &[("Server", "cloudflare"), ("Content-Type", "text/html")], "<html>Just a moment", "proxy-answers"),
        (503, &[("cf-mitigated", "challenge")], "", "proxy-answers"),
        (500, &[], "", "mcp-server-error"),
        (502, &[("Content-Type", "text/html")], "<html>bad gateway</html>", "mcp-bad-gateway"),
        (504, &[], "", "mcp-bad-gateway"),
        (418, &[], "", "mcp-unexpected-status"),
        (200, &[("Content-Type", "text/html")], "<html>welcome</html>", "not-mcp"),
        (302, &[("Location", "https://login.example.com/login?next=mcp")], "", "mcp-sign-in-page"),
        (307, &[("Location", "/other/mcp")], "", "redirect-from-endpoint"),
        (307, &[("Location", "/mcp/")], "", "redirect-from-endpoint"),
        (301, &[("Location", "https://127.0.0.1/mcp")], "", "redirect-to-https"),
    ] {
        let pretend = Pretend::start().await;
        pretend.plant("POST /mcp", move |_| server::full(status, fields, body));
        pretend.expect(id, &format!("POST {}", pretend.url())).await;
    }
}

#[tokio::test]
async fn first_4_doctor_finds_the_server_at_its_usual_path() {
    let pretend = Pretend::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/", pretend.server.url());
    let (code, out, _) = super::portcullis(folder.path(), &["doctor", &url]).await;
    let fix = format!("enter {}: an MCP server answers there", pretend.url());
    assert!(code == Some(1) && out.contains("mcp-not-found") && out.contains(&fix), "{out}");
}

#[tokio::test]
async fn first_4_doctor_names_a_server_that_asks_for_no_token() {
    let pretend = Pretend::start().await;
    pretend.plant("POST /mcp", |seen| {
        if seen.header("origin").is_some() { server::full(403, &[], "") } else { super::signed_in(seen) }
    });
    pretend.expect("no-authorization", "POST ").await;
    pretend.plant("POST /mcp", super::signed_in);
    let ids: Vec<String> = pretend.found().await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["no-authorization", "origin-not-checked"]);
}

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_the_challenge() {
    let base = "@BASE@";
    for (challenge, id) in [
        ("", "challenge-missing"),
        ("html", "challenge-html"),
        ("Bearer resource_metadata=\"http://a", "challenge-unreadable"),
        ("resource_metadata=\"http://a\"", "challenge-unreadable"),
        ("Bearer resource_metadata=@BASE@/.well-known/oauth-protected-resource/mcp", "challenge-unreadable"),
        ("Basic realm=\"mcp\"", "challenge-not-bearer"),
        ("Bearer realm=\"mcp\"", "challenge-without-metadata"),
        ("Bearer resource_metadata=\"/.well-known/oauth-protected-resource/mcp\"", "challenge-metadata-relative"),
        (
            "Bearer resource_metadata=\"http://mcp.example.com/.well-known/oauth-protected-resource\"",
            "challenge-metadata-http",
        ),
        (
            "Bearer resource_metadata=\"http://localhost:8000/.well-known/oauth-protected-resource\"",
            "challenge-metadata-host",
        ),
    ] {
        let pretend = Pretend::start().await;
        let challenge = challenge.replace(base, &pretend.server.url());
        pretend.plant("POST /mcp", move |_| match challenge.as_str() {
            "" => with_cors(401, &[], ""),
            "html" => with_cors(401, &[("Content-Type", "text/html")], "<html>sign in</html>"),
            challenge => challenged(challenge),
        });
        pretend.expect(id, &format!("POST {}", pretend.url())).await;
    }
}

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_the_metadata() {
    let html = &[("Content-Type", "text/html")][..];
    let json_type = &[("Content-Type", "application/json")][..];
    for (status, fields, body, id) in [
        (404, &[][..], "", "metadata-not-found"),
        (200, html, "<html>", "metadata-not-found"),
        (401, &[], "", "metadata-needs-token"),
        (307, &[("Location", "/login")][..], "", "metadata-redirected"),
        (500, &[], "", "metadata-server-error"),
        (200, json_type, "{\"resource\"", "metadata-unreadable"),
        (200, json_type, "[]", "metadata-unreadable"),
    ] {
        let pretend = Pretend::start().await;
        pretend.plant(&format!("GET {RESOURCE}"), move |_| with_cors(status, fields, body));
        pretend.expect(id, RESOURCE).await;
    }

    let pretend = Pretend::start().await;
    let body = resource(&pretend.server.url()).to_string();
    pretend.plant(&format!("GET {RESOURCE}"), move |_| with_cors(200, &[("Content-Type", "text/plain")], &body));
    pretend.expect("metadata-content-type", RESOURCE).await;

    // Neither the challenge nor a guess leads anywhere: one finding, whose cause the missing challenge shares.
    let pretend = Pretend::start().await;
    pretend.plant("POST /mcp", |_| with_cors(401, &[], ""));
    pretend.plant(&format!("GET {RESOURCE}"), |_| with_cors(404, &[], ""));
    pretend.expect("metadata-missing", "/mcp").await;

    // Named elsewhere, and not where other clients guess.
    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    pretend.document("/meta", 200, &resource(&base));
    pretend.plant("POST /mcp", move |_| challenged(&format!("Bearer resource_metadata=\"{base}/meta\"")));
    pretend.plant(&format!("GET {RESOURCE}"), |_| with_cors(404, &[], ""));
    pretend.expect("metadata-path-form-missing", RESOURCE).await;
    pretend.document(
        RESOURCE,
        200,
        &json!({"resource": pretend.url(), "authorization_servers": ["https://other.example"]}),
    );
    pretend.expect("metadata-forms-differ", RESOURCE).await;
}

#[tokio::test]
async fn first_4_doctor_compares_what_the_metadata_says_with_what_the_user_entered() {
    let pretend = Pretend::start().await;
    let (url, base) = (pretend.url(), pretend.server.url());
    let port = pretend.server.address().port();
    for (value, id) in [
        (json!(null), "resource-missing"),
        (json!(format!("{url}/")), "resource-slash"),
        (json!(format!("http://mcp:{port}/mcp")), "resource-host"),
        (json!("https://mcp.example.com/mcp"), "resource-host"),
        (json!(format!("{base}/other")), "resource-differs"),
        (json!(base), "resource-above"),
    ] {
        pretend.member(RESOURCE, "resource", value);
        pretend.expect(id, RESOURCE).await;
    }
    for value in [json!(null), json!([]), json!("x")] {
        pretend.member(RESOURCE, "authorization_servers", value);
        pretend.expect("issuers-missing", RESOURCE).await;
    }
}

#[tokio::test]
async fn first_4_doctor_asks_as_careless_clients_do() {
    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    let good = base.clone();
    pretend.plant("POST /mcp", move |seen| match seen.header("user-agent") {
        None => with_cors(403, &[], ""),
        Some(_) => good_challenge(&good),
    });
    pretend.expect("user-agent-required", "POST ").await;
    let good = base.clone();
    pretend.plant("POST /mcp", move |seen| match seen.header("user-agent") {
        None => vec![Step::Cut],
        Some(_) => good_challenge(&good),
    });
    pretend.expect("user-agent-required", "POST ").await;
    // A limit or a restart between two requests is no rule about User-Agent.
    for bad in [with_cors(429, &[], ""), vec![Step::Cut]] {
        let (good, is_first) = (base.clone(), AtomicBool::new(true));
        pretend.plant("POST /mcp", move |seen| match seen.header("user-agent") {
            None if is_first.swap(false, Ordering::SeqCst) => bad.clone(),
            _ => good_challenge(&good),
        });
        assert_eq!(pretend.found().await, []);
    }

    let good = base.clone();
    pretend.plant("POST /mcp", move |seen| match seen.header("authorization") {
        Some(_) => with_cors(500, &[], ""),
        None => good_challenge(&good),
    });
    pretend.expect("bad-token-not-401", "POST ").await;

    let pretend = Pretend::start().await;
    pretend.plant("GET /mcp", |_| with_cors(404, &[], ""));
    pretend.expect("get-not-challenged", "GET ").await;
    pretend.plant("GET /mcp", |_| with_cors(405, &[], ""));
    assert_eq!(pretend.found().await, [], "a server without streams");

    let pretend = Pretend::start().await;
    pretend.plant("POST /mcp/", |_| with_cors(307, &[("Location", "http://internal/mcp")], ""));
    pretend.expect("slash-redirected", "/mcp/").await;
    pretend.plant("POST /mcp/", super::signed_in);
    pretend.expect("slash-differs", "/mcp/").await;

    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    pretend.plant("POST /mcp", move |_| {
        let challenge = format!("Bearer resource_metadata=\"{base}{RESOURCE}\"");
        with_cors(401, &[("WWW-Authenticate", &challenge), ("Date", "Sun, 01 Mar 2020 12:00:00 GMT")], "")
    });
    pretend.expect("clock-skew", "POST ").await;
}
