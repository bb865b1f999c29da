//! Does `doctor URL` find each planted fault of a server by its id and place, and say nothing of a healthy one?

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::super::world::{Seen, Step, Upstream, command::portcullis, server};

mod healthy;
mod issuer;
mod own_file;
mod pages;
mod reach;
mod resource;
mod session;

/// An MCP server and its authorization server, healthy until something is planted.
struct Pretend {
    server: Upstream,
    planted: Arc<Mutex<BTreeMap<String, Script>>>,
}

type Script = Arc<dyn Fn(&Seen) -> Vec<Step> + Send + Sync>;

impl Pretend {
    async fn start() -> Self {
        Self::over(Upstream::start(None).await)
    }

    fn over(server: Upstream) -> Self {
        let planted: Arc<Mutex<BTreeMap<String, Script>>> = Arc::default();
        let (base, found) = (server.url(), Arc::clone(&planted));
        server.answer_with(move |seen| {
            let place = format!("{} {}", seen.method, seen.target);
            let script = found.lock().unwrap().get(&place).cloned();
            script.map_or_else(|| healthy_answer(&base, seen), |script| script(seen))
        });
        Self { server, planted }
    }

    /// Its MCP endpoint.
    fn url(&self) -> String {
        format!("{}/mcp", self.server.url())
    }

    /// Answers so at this place, a method and a path.
    fn plant(&self, place: &str, script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) {
        self.planted.lock().unwrap().insert(place.to_owned(), Arc::new(script));
    }

    /// Answers JSON at `GET path`.
    fn document(&self, path: &str, status: u16, body: &Value) {
        let body = body.to_string();
        self.plant(&format!("GET {path}"), move |_| with_cors(status, &[("Content-Type", "application/json")], &body));
    }

    /// The healthy document at `path` with a member changed, or removed with `null`.
    fn member(&self, path: &str, name: &str, value: Value) {
        let mut document = if path == RESOURCE { resource(&self.server.url()) } else { metadata(&self.server.url()) };
        if value.is_null() {
            document.as_object_mut().unwrap().remove(name);
        } else {
            document[name] = value;
        }
        self.document(path, 200, &document);
    }

    /// What `doctor` finds at its endpoint.
    async fn found(&self) -> Vec<(String, String)> {
        examined(&[&self.url()]).await
    }

    /// Exactly one finding: its id, and a part of its place.
    async fn expect(&self, id: &str, place: &str) {
        let found = self.found().await;
        assert!(found.len() == 1 && found[0].0 == id && found[0].1.contains(place), "{id} at {place}: {found:?}");
    }
}

const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";
const METADATA: &str = "/.well-known/oauth-authorization-server";
const KEYS: &str = "/keys";
const TOKEN: &str = "opaque-token-of-a-test";

fn resource(base: &str) -> Value {
    json!({"resource": format!("{base}/mcp"), "authorization_servers": [base], "scopes_supported": ["mcp:use"]})
}

fn metadata(base: &str) -> Value {
    json!({
        "issuer": base, "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"), "jwks_uri": format!("{base}{KEYS}"),
        "response_types_supported": ["code"], "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["none"],
    })
}

/// An answer that pages of any origin may read.
fn with_cors(status: u16, fields: &[(&str, &str)], body: &str) -> Vec<Step> {
    let mut all = fields.to_vec();
    all.push(("Access-Control-Allow-Origin", "*"));
    all.push(("Access-Control-Expose-Headers", "WWW-Authenticate, Mcp-Session-Id"));
    server::full(status, &all, body)
}

/// A 401 with this challenge.
fn challenged(challenge: &str) -> Vec<Step> {
    with_cors(401, &[("WWW-Authenticate", challenge), ("Content-Type", "application/json")], "{}")
}

fn good_challenge(base: &str) -> Vec<Step> {
    challenged(&format!("Bearer resource_metadata=\"{base}{RESOURCE}\", scope=\"mcp:use\""))
}

fn healthy_answer(base: &str, seen: &Seen) -> Vec<Step> {
    let json = |value: &Value| with_cors(200, &[("Content-Type", "application/json")], &value.to_string());
    match (seen.method.as_str(), seen.target.as_str()) {
        ("OPTIONS", _) => server::full(
            204,
            &[
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version, Mcp-Session-Id"),
            ],
            "",
        ),
        (_, "/mcp") if seen.header("authorization") == Some(&format!("Bearer {TOKEN}")) => signed_in(seen),
        (_, "/mcp") => good_challenge(base),
        ("GET", RESOURCE) => json(&resource(base)),
        ("GET", METADATA) => json(&metadata(base)),
        ("GET", KEYS) => json(&super::super::world::issuer::house_key_set()),
        _ => with_cors(404, &[], ""),
    }
}

/// What a session answers.
fn signed_in(seen: &Seen) -> Vec<Step> {
    let message: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let answer = |result: Value| {
        let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
        server::full(200, &[("Content-Type", "application/json"), ("Mcp-Session-Id", "s1")], body)
    };
    match message["method"].as_str() {
        Some("initialize") => answer(json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "pretend", "version": "1"},
        })),
        Some("tools/list") => answer(json!({"tools": [{"name": "safe", "inputSchema": {"type": "object"}}]})),
        Some(_) => server::full(202, &[], ""),
        None if seen.method == "GET" => server::full(405, &[], ""),
        None => server::full(200, &[], ""),
    }
}

/// The id and the place of each finding. The exit code agrees with their number.
async fn examined(words: &[&str]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    examined_in(folder.path(), words).await
}

async fn examined_in(folder: &Path, words: &[&str]) -> Vec<(String, String)> {
    let mut all = vec!["doctor", "--json"];
    all.extend(words);
    let (code, out, err) = portcullis(folder, &all).await;
    assert!(code == Some(0) || code == Some(1), "{code:?} {err}");
    assert_eq!(err, "");
    let findings: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|fault| panic!("{fault}: {out}"));
    assert_eq!(code, Some(i32::from(!findings.is_empty())));
    for finding in &findings {
        for member in ["id", "severity", "title", "at", "found", "expected", "cause", "fix"] {
            assert!(finding[member].is_string(), "{member}: {finding}");
        }
        assert!(finding["seen"].is_array());
        for member in ["place", "line", "example"] {
            assert!(finding[member].is_null() || finding[member].is_string(), "{member}: {finding}");
            assert!(finding.get(member).is_some(), "{member}: {finding}");
        }
        assert!(
            !finding["title"].as_str().unwrap().is_empty() && !finding["found"].as_str().unwrap().is_empty(),
            "{finding}"
        );
    }
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    findings.iter().map(|finding| (text(finding, "id"), text(finding, "at"))).collect()
}

#[tokio::test]
async fn first_4_doctor_is_silent_about_a_healthy_server_and_says_what_it_wants_as_arguments() {
    let pretend = Pretend::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = portcullis(folder.path(), &["doctor", &pretend.url()]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let (code, out, err) = portcullis(folder.path(), &["doctor", &pretend.url(), "-v"]).await;
    assert!(code == Some(0) && out.is_empty() && err.ends_with("nothing is wrong\n"), "{err}");
    let (code, out, _) = portcullis(folder.path(), &["doctor", &pretend.url(), "--json"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "[]\n"));

    for (words, told) in [
        (&["doctor", "mcp.example.com"][..], "neither a URL nor a file"),
        (&["doctor"], "gateway.yaml"),
        (&["doctor", "http://"], "cannot be asked"),
        (&["doctor", "http://127.0.0.1:1/mcp", "--token-file", "none"], "--token-file"),
        (&["doctor", "http://127.0.0.1:1/mcp", "--reach-at", "nowhere/path"], "--reach-at"),
        (&["doctor", "http://127.0.0.1:1/mcp", "--ca", "none"], "--ca"),
    ] {
        let (code, out, err) = portcullis(folder.path(), words).await;
        assert!(code == Some(2) && out.is_empty() && err.contains(told), "{words:?}: {code:?} {out} {err}");
    }

    pretend.plant("POST /mcp", |_| with_cors(401, &[], ""));
    let (code, out, err) = portcullis(folder.path(), &["doctor", &pretend.url()]).await;
    assert!(code == Some(1) && err.is_empty(), "{code:?} {err}");
    for part in
        ["fault challenge-missing: ", "  at        POST http://", "  found     401 without", "  expected  WWW-Auth"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, ..) = portcullis(folder.path(), &["doctor", &pretend.url(), "--ignore", "challenge-missing"]).await;
    assert_eq!(code, Some(0), "what is known and meant is left out");
}
