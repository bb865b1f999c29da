//! Planted faults that only a client with a token meets.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{super::super::world::token::now, Pretend, TOKEN, examined_in, portcullis, server, signed_in, with_cors};

/// What `doctor` finds with this token, whose text it never prints.
async fn with_token(pretend: &Pretend, token: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), token).unwrap();
    let words = [&pretend.url(), "--token-file", "token"];
    let found = examined_in(folder.path(), &words).await;
    let (_, out, err) = portcullis(folder.path(), &["doctor", &pretend.url(), "--token-file", "token", "-v"]).await;
    let said = token.trim();
    assert!(said.len() < 12 || !(out + &err).contains(said), "the token is printed");
    found.into_iter().map(|(id, _)| id).collect()
}

fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256"})), part(claims))
}

#[tokio::test]
async fn first_4_doctor_reads_the_token_before_it_is_sent_and_says_what_it_says_of_itself() {
    let pretend = Pretend::start().await;
    let (base, url) = (pretend.server.url(), pretend.url());
    let good = json!({"iss": base, "aud": url, "exp": now() + 600, "iat": now()});
    let but = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        jwt(&claims)
    };
    assert_eq!(with_token(&pretend, TOKEN).await, Vec::<String>::new());
    for (token, ids) in [
        (String::new(), &["token-empty"][..]),
        (format!("Bearer {TOKEN}"), &["token-empty"]),
        ("{\"access_token\":\"opaque-token-of-a-test\"}".to_owned(), &["token-empty"]),
        ("two tokens-of-the-user".to_owned(), &["token-empty"]),
        ("another-opaque-token".to_owned(), &["token-opaque"]),
        (jwt(&good), &["token-signature"]),
        (but("exp", json!(now() - 3_600)), &["token-expired"]),
        (but("nbf", json!(now() + 3_600)), &["token-not-yet-valid"]),
        (but("aud", json!(["account"])), &["token-audience"]),
        (but("aud", Value::Null), &["token-audience"]),
        (but("iss", json!("https://other.example")), &["token-issuer"]),
        (but("nonce", json!("n")), &["token-is-id-token"]),
    ] {
        assert_eq!(with_token(&pretend, &token).await, ids, "{token}");
    }
}

#[tokio::test]
async fn first_4_doctor_uses_a_session_as_a_client_does() {
    type Answer = fn(&super::Seen) -> Vec<super::Step>;
    let cases: [(&str, Answer); 6] = [
        ("initialize-failed", |seen| answer_to("initialize", seen, || error(seen))),
        ("tools-list-failed", |seen| answer_to("tools/list", seen, || error(seen))),
        ("session-lost", |seen| answer_to("tools/list", seen, || server::full(404, &[], ""))),
        ("not-mcp", |seen| answer_to("initialize", seen, || server::json(200, "{}"))),
        ("token-scope", |seen| {
            answer_to("tools/list", seen, || {
                let challenge = "Bearer error=\"insufficient_scope\", scope=\"mcp:tools\"";
                server::full(403, &[("WWW-Authenticate", challenge)], "")
            })
        }),
        ("mcp-bad-gateway", |seen| answer_to("initialize", seen, || server::full(502, &[], ""))),
    ];
    for (id, script) in cases {
        let pretend = Pretend::start().await;
        let base = pretend.server.url();
        pretend.plant("POST /mcp", move |seen| match seen.header("authorization") {
            Some(value) if value.ends_with(TOKEN) => script(seen),
            _ => super::good_challenge(&base),
        });
        assert_eq!(with_token(&pretend, TOKEN).await, [id]);
    }
}

#[tokio::test]
async fn first_4_doctor_names_a_proxy_that_holds_back_the_stream() {
    let pretend = Pretend::start().await;
    pretend.plant("GET /mcp", |seen| match seen.header("authorization") {
        Some(_) => vec![super::Step::Hang],
        None => with_cors(405, &[], ""),
    });
    assert_eq!(with_token(&pretend, TOKEN).await, ["stream-buffered"]);
}

fn answer_to(method: &str, seen: &super::Seen, answer: impl Fn() -> Vec<super::Step>) -> Vec<super::Step> {
    let message: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    if message["method"] == method { answer() } else { signed_in(seen) }
}

fn error(seen: &super::Seen) -> Vec<super::Step> {
    server::json(200, format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32000,"message":"no"}}}}"#, seen.id()))
}

#[tokio::test]
async fn first_4_attack_425_an_error_message_forges_no_line_and_no_workflow_command() {
    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    let message = "bad\\n::error::INJECTED\\r\\n  fix       run me \u{202E} ##[add-mask]x";
    pretend.plant("POST /mcp", move |seen| match seen.header("authorization") {
        Some(_) => answer_to("initialize", seen, || {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-1,"message":"{message}"}}}}"#, seen.id());
            server::json(200, body)
        }),
        None => super::good_challenge(&base),
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), TOKEN).unwrap();
    for form in [&[][..], &["--json"]] {
        let mut words = vec!["doctor", "--token-file", "token"];
        let url = pretend.url();
        words.push(&url);
        words.extend(form);
        let (code, out, _) = portcullis(folder.path(), &words).await;
        assert!(code == Some(1) && out.contains("INJECTED"), "{out}");
        for line in out.lines().map(str::trim_start) {
            assert!(!line.starts_with("::") && !line.contains("##[") && !line.starts_with("fix       run"), "{out}");
            assert!(!line.contains('\u{202E}'), "{out}");
        }
    }
}

#[tokio::test]
async fn first_4_doctor_takes_a_url_with_an_at_sign_in_its_path_and_a_scheme_in_capitals() {
    let pretend = Pretend::start().await;
    let folder = tempfile::tempdir().unwrap();
    let shouted = pretend.url().replace("http://", "HTTP://");
    let (code, out, err) = portcullis(folder.path(), &["doctor", &shouted]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let owner = format!("{}/@owner/server/mcp", pretend.server.url());
    let found = examined_in(folder.path(), &[&owner]).await;
    assert!(
        found.len() == 1 && found[0].0 == "mcp-not-found" && found[0].1.ends_with("/@owner/server/mcp"),
        "{found:?}"
    );
}
