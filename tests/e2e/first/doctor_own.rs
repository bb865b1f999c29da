//! Does `doctor --config` find each planted fault by its id, at its line, with the YAML to write?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::world::{Seen, Step, Upstream, command::Portcullis, issuer::house_key_set, server};

mod elsewhere;
mod files;
mod healthy;
mod issuer;
mod process;
mod store;
mod upstream;

/// The files, the MCP server and the authorization server of a configuration. No gateway runs.
struct Setting {
    folder: tempfile::TempDir,
    upstream: Upstream,
    issuer: Upstream,
    yaml: String,
}

/// The configuration of [`Setting::start`].
const YAML: &str = "\
public_url: https://gw.example
listen:
  - address: \"127.0.0.1:@PORT@\"
admin:
  address: \"127.0.0.1:@ADMIN@\"
authorization_servers:
  corporate:
    issuer: @ISSUER@
servers:
  weather:
    path: /mcp
    upstream:
      url: @UPSTREAM@/mcp
    access: authenticated
";

/// One finding.
#[derive(Clone, Debug)]
struct Told {
    id: String,
    at: String,
    found: String,
    fix: String,
    line: String,
    is_fault: bool,
}

impl Setting {
    /// All healthy.
    async fn start() -> Self {
        Self::of(YAML).await
    }

    /// All healthy, with this configuration.
    async fn of(yaml: &str) -> Self {
        let (upstream, issuer) = (Upstream::start(None).await, Upstream::start(None).await);
        let base = issuer.url();
        issuer.answer_with(move |seen| authorization_server(&base, seen));
        let yaml = yaml
            .replace("@PORT@", &free_port().await.to_string())
            .replace("@ADMIN@", &free_port().await.to_string())
            .replace("@ISSUER@", &issuer.url())
            .replace("@UPSTREAM@", &upstream.url());
        Self { folder: tempfile::tempdir().unwrap(), upstream, issuer, yaml }
    }

    /// With this text in place of that.
    fn but(mut self, from: &str, to: &str) -> Self {
        assert!(self.yaml.contains(from), "{from}");
        self.yaml = self.yaml.replace(from, to);
        self
    }

    /// With this file, of this mode.
    fn file(self, name: &str, text: &str, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authorization server, with one document otherwise; `@` stands for its URL.
    fn issuer_says(&self, place: &'static str, status: u16, body: &str) {
        let base = self.issuer.url();
        let body = body.replace('@', &base);
        self.issuer.answer_with(move |seen| {
            if seen.target.split('?').next() == Some(place) {
                server::json(status, &body)
            } else {
                authorization_server(&base, seen)
            }
        });
    }

    /// What doctor finds.
    async fn found(&self) -> Vec<Told> {
        self.found_with(&[]).await
    }

    async fn found_with(&self, variables: &[(&str, &str)]) -> Vec<Told> {
        std::fs::write(self.path("gateway.yaml"), &self.yaml).unwrap();
        let run = Portcullis::at(self.folder.path()).words(&["doctor", "--json"]);
        told(variables.iter().fold(run, |run, (name, value)| run.variable(name, value))).await
    }

    /// The finding `id`, whose place is the line of the file with the text `line`, and the key that ends so.
    async fn expect(&self, id: &str, line: &str, key: &str) -> Told {
        self.expect_with(id, line, key, &[]).await
    }

    async fn expect_with(&self, id: &str, line: &str, key: &str, variables: &[(&str, &str)]) -> Told {
        self.among(id, line, key, &self.found_with(variables).await)
    }

    fn among(&self, id: &str, line: &str, key: &str, all: &[Told]) -> Told {
        let found = all.iter().find(|one| one.id == id);
        let found = found.unwrap_or_else(|| panic!("{id} is not found: {all:#?}")).clone();
        let number = self.yaml.lines().position(|text| text.contains(line)).map(|index| index + 1);
        let number = number.unwrap_or_else(|| panic!("no line {line} in\n{}", self.yaml));
        let place = format!("gateway.yaml:{number}:");
        assert!(found.at.starts_with(&place) && found.at.ends_with(key), "{id}: {} is not at {place} {key}", found.at);
        found
    }
}

async fn told(run: Portcullis) -> Vec<Told> {
    let (code, out, complained) = run.run().await;
    let all: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code:?} {out} {complained}"));
    assert_eq!(code, Some(i32::from(!all.is_empty())), "{out}{complained}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|one| {
            assert!(one["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "not in the catalogue: {one}");
            assert!(one["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "no fix: {one}");
            let (fix, is_fault) = (text(&one["fix"]), one["severity"] == "fault");
            let (id, at, found, line) = (
                text(&one["id"]),
                text(&one["at"]),
                text(&one["found"]),
                text(if one["line"].is_null() { &one["example"] } else { &one["line"] }),
            );
            Told { id, at, found, fix, line, is_fault }
        })
        .collect()
}

fn metadata(base: &str) -> Value {
    json!({
        "issuer": base, "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"), "jwks_uri": format!("{base}/keys"),
        "introspection_endpoint": format!("{base}/introspect"),
        "response_types_supported": ["code"], "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    })
}

const METADATA: &str = "/.well-known/oauth-authorization-server";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A healthy authorization server.
fn authorization_server(base: &str, seen: &Seen) -> Vec<Step> {
    let json = |status, body: &Value| {
        server::full(
            status,
            &[("Content-Type", "application/json"), ("Access-Control-Allow-Origin", "*")],
            body.to_string(),
        )
    };
    match seen.target.split('?').next().unwrap_or_default() {
        METADATA | DISCOVERY => json(200, &metadata(base)),
        "/keys" => json(200, &house_key_set()),
        "/introspect" => json(200, &json!({"active": false})),
        "/token" => json(400, &json!({"error": "invalid_grant"})),
        "/authorize" => server::full(200, &[("Content-Type", "text/html")], "<html>sign in</html>"),
        _ => json(404, &json!({"error": "not_found"})),
    }
}

async fn free_port() -> u16 {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
