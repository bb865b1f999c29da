//! Whole files: the documented example, the smallest file, defaults, and the output of `explain`.

use std::{fs, path::Path, time::Duration};

use http::HeaderValue;
use jsonwebtoken::Algorithm;
use serde_json::json;
use tempfile::TempDir;

use super::{SMALLEST, read, read_in};

use crate::{
    config::{Hide, ListenTls, Provenance, Settings, explain, file},
    decide::{
        mcp::denial::DenyAs,
        policy::rule::{Access, Subject},
    },
    outbound::{credential::Credential, keys::KeySource},
};

/// The documented example with every key; of alternatives, the longer one.
pub(super) const EXAMPLE: &str = r#"
public_url: https://mcp.example.com
trusted_proxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1]
listen:
  - address: 0.0.0.0:8443
    tls: {certificate: tls/tls.crt, key: tls/tls.key}
  - address: 0.0.0.0:8080
    plaintext: true
    proxy_protocol: true
admin: {address: "127.0.0.1:9901"}
authorization_servers:
  corporate:
    issuer: https://login.example.com/realms/main
    profile: keycloak
    jwks: {discover: true}
    algorithms: [RS256, PS256, ES256, EdDSA]
    token_types: [at+jwt, JWT]
    clock_skew: 30s
    scope_claims: [scope, scp]
    subject_claims: [sub, client_id]
    refetch_floor: 30s
    allow_http: false
  partner:
    issuer: http://127.0.0.1:7000
    jwks: {file: keys.json}
servers:
  weather:
    path: /weather/mcp
    upstream:
      url: https://weather.internal:8000/mcp
      ca: tls/tls.crt
      connect_timeout: 5s
      response_timeout: 5m
      pass_headers: []
      query: [toolsets, "read only"]
      aliases: ["https://mcp.example", "http://[::1]:8080"]
    paths:
      - {path: /weather/icon.png, access: public, methods: [GET]}
      - {path: "/weather/files/**", access: authenticated, methods: [GET]}
    authorization_servers: [corporate]
    audiences: []
    scopes: [mcp:connect]
    scopes_supported: []
    challenge_scope: baseline
    scope_implies: {"mcp:admin": ["mcp:tools:*"]}
    rules:
      - {tools: ["get_*", forecast], scopes: ["mcp:tools:weather"]}
      - {tools: [add], any_scope: ["read:add", "math"], claims: {department: [eng, ops], level: 3, staff: true}}
      - {tools: ["delete_*"], deny: true}
      - {resources: ["file:///projects/**"], scopes: ["files:read"], report_only: true}
      - {prompts: ["*"]}
      - {methods: ["acme/custom"], scopes: ["acme"]}
    hide: forbidden
    advertise_scopes: true
    deny_as: challenge
    credential: {header: {name: x-api-key, value: "file:secret"}}
    identity_headers: {x-auth-subject: sub, x-auth-email: email}
    allowed_origins: ["https://app.example.com", "http://localhost:*"]
    limits: {request_body: 4MiB, json_depth: 64, streams_per_caller: 64, sessions_per_caller: 5000, upstream_connections: 2, requests_per_caller: 32, body_bytes_per_caller: 8MiB}
    batches: 2025-03-26
    stream_keep_alive: 15s
    legacy_sse: {path: /weather/sse, upstream: "https://weather.internal:8001/sse?v=1"}
limits: {requests: 512, body_bytes: 64MiB}
documents:
  /.well-known/openai-apps-challenge: {text: "abc 123"}
  /icon.svg: {file: icon.svg}
  /page: {text: "<p>", type: text/html}
session_keys: ["env:SESSION_KEY"]
log: {format: json, level: info}
drain: {timeout: 30s}
"#;

const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A folder with all files that the example names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["mcp.example.com".to_owned()]).unwrap();
    fs::create_dir(folder.path().join("tls")).unwrap();
    for (name, text) in [
        ("tls/tls.crt", made.cert.pem()),
        ("tls/tls.key", made.signing_key.serialize_pem()),
        ("keys.json", KEYS.to_owned()),
        ("secret", "hunter2\n".to_owned()),
        ("icon.svg", "<svg/>".to_owned()),
        ("gateway.yaml", EXAMPLE.to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn example(folder: &Path) -> Settings {
    let loaded = read_in(EXAMPLE, folder).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    loaded.settings
}

#[test]
fn the_documented_example_means_what_it_says() {
    let folder = folder();
    let settings = example(folder.path());
    let Some(ListenTls::Files(files)) = &settings.listen[0].tls else { panic!("no files") };
    assert_eq!(files.key, folder.path().join("tls/tls.key"));
    assert_eq!(
        settings.files,
        [folder.path().join("tls/tls.crt"), folder.path().join("secret"), folder.path().join("icon.svg")]
    );
    assert_eq!(settings.authorization_servers[1].keys, KeySource::File(folder.path().join("keys.json")));
    assert_eq!(settings.session_keys[0].expose().len(), 32);

    assert_eq!((settings.limits.requests, settings.limits.body_bytes), (512, 64 << 20));
    let server = &settings.servers[0];
    assert_eq!((server.limits.requests_per_caller, server.limits.body_bytes_per_caller), (32, 8 << 20));
    assert_eq!(
        (&*server.upstream.peer.host, server.upstream.peer.port, server.upstream.peer.tls),
        ("weather.internal", 8000, true)
    );
    assert_eq!((&*server.upstream.authority, &*server.upstream.path_and_query), ("weather.internal:8000", "/mcp"));
    assert_eq!(server.upstream.ca.as_ref().unwrap().len(), 1);
    let legacy = server.legacy_sse.as_ref().unwrap();
    let (path, target) = (&*legacy.path, &*legacy.upstream.path_and_query);
    assert_eq!((path, target, legacy.upstream.peer.port), ("/weather/sse", "/sse?v=1", 8001));
    assert_eq!(legacy.upstream.ca, server.upstream.ca, "one operator, one CA");
    assert_eq!(server.authorization_servers, [0]);
    let known: Vec<&str> = server.known_scopes.iter().map(|scope| scope.as_str()).collect();
    assert_eq!(known, ["acme", "files:read", "math", "mcp:connect", "mcp:tools:weather", "read:add"]);
    assert_eq!(server.scopes_supported, server.known_scopes);
    assert_eq!(server.first_challenge.as_deref().unwrap()[0].as_str(), "mcp:connect");
    let Access::Rules(rules) = &server.policy.access else { panic!("rules") };
    assert!(matches!(&rules[1].subject, Subject::Tools(globs) if globs[0].as_str() == "add"));
    let claims = [
        ("department".into(), vec!["eng".into(), "ops".into()]),
        ("level".into(), vec![json!(3).into()]),
        ("staff".into(), vec![json!(true).into()]),
    ];
    assert_eq!(rules[1].claims, claims);
    assert!(rules[2].deny && rules[3].report_only && !rules[3].deny);
    let Credential::Header(name, value) = &server.credential else { panic!("a header") };
    assert_eq!((name.as_str(), value.as_bytes(), value.is_sensitive()), ("x-api-key", &b"hunter2"[..], true));
    assert_eq!((server.batches, server.stream_keep_alive), (true, Some(Duration::from_secs(15))));
    assert_eq!(server.allowed_origins, ["https://app.example.com", "http://localhost:*"].map(HeaderValue::from_static));
}

#[test]
fn the_smallest_file_has_every_default() {
    let loaded = read(SMALLEST).unwrap();
    assert_eq!(loaded.warnings, []);
    let settings = loaded.settings;
    assert_eq!(settings.admin.to_string(), "127.0.0.1:9901");
    assert_eq!((settings.log.json, settings.log.level), (true, tracing::Level::INFO));
    assert_eq!(settings.drain_timeout, Duration::from_secs(30));
    assert!(settings.session_keys.is_empty() && settings.files.is_empty());

    let issuer = &settings.authorization_servers[0];
    assert_eq!(issuer.keys, KeySource::Discover);
    assert_eq!((issuer.refetch_floor, issuer.reach.allow_http), (Duration::from_secs(30), false));
    let rules = &issuer.rules;
    assert_eq!(rules.algorithms, [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA]);
    assert_eq!(rules.token_types, ["at+jwt", "jwt"].map(Box::from));
    assert_eq!(rules.clock_skew, Duration::from_secs(30));
    assert_eq!(rules.scope_claims, ["scope", "scp"].map(Box::from));
    assert_eq!(rules.subject_claims, ["sub"].map(Box::from));
    assert_eq!(rules.client_claims, ["client_id", "azp", "cid"]);
    assert!(rules.scope_prefixes.is_empty());

    let server = &settings.servers[0];
    assert_eq!(server.policy.access, Access::Authenticated);
    assert_eq!((server.hide, server.deny_as, server.root), (Hide::Forbidden, DenyAs::Auto, false));
    assert_eq!((server.batches, server.stream_keep_alive), (false, None));
    assert_eq!(server.credential, Credential::Strip);
    assert_eq!(server.authorization_servers, [0]);
    assert_eq!(server.first_challenge, None);
    let limits = server.limits;
    assert_eq!((limits.request_body, limits.json_depth), (4 << 20, 64));
    assert_eq!((limits.streams_per_caller, limits.sessions_per_caller), (64, 1024));
    assert_eq!(limits.upstream_connections, 8);
    assert_eq!((limits.requests_per_caller, limits.body_bytes_per_caller), (64, 32 << 20));
    assert_eq!(server.upstream.connect_timeout, Duration::from_secs(5));
    assert_eq!(server.upstream.response_timeout, Duration::from_secs(300));
}

#[test]
fn what_explain_prints_is_a_file_that_means_the_same() {
    let folder = folder();
    let forward = SMALLEST
        .replace("access: authenticated", "access: authenticated\n    credential: {forward: {dangerous: true}}");
    let challenge = SMALLEST
        .replace("access: authenticated", "rules: [{tools: ['\"x: #'], scopes: [b, a]}]\n    challenge_scope: omit");
    for text in [EXAMPLE, SMALLEST, &forward, &challenge, include_str!("../../../gateway.yaml")] {
        let before = read_in(text, folder.path()).unwrap().settings;
        let printed = explain::print(&before);
        // Attack 190: `explain` lists the headers that are removed from requests.
        assert!(
            [" proxy", " x-auth-request-*", " x-auth-token", " x-forwarded*"].iter().all(|name| printed.contains(name))
        );
        assert!(!printed.contains("hunter2") && !printed.contains("0123456789abcdef"), "{printed}");
        let after =
            read_in(&printed, Path::new("/elsewhere")).unwrap_or_else(|problems| panic!("{problems}\n{printed}"));
        assert_eq!(Settings { files: before.files.clone(), ..after.settings.clone() }, before, "{printed}");
        assert_eq!(explain::print(&after.settings), printed);
    }
}

#[test]
fn p10_settings_and_problems_print_no_secret() {
    let folder = folder();
    let settings = example(folder.path());
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("0123456789abcdef"));
    let stripped = Settings { provenance: Provenance::default(), ..settings };
    assert!(!explain::print(&stripped).contains("hunter2"));
}

#[test]
fn a_file_is_loaded_with_what_lies_beside_it() {
    let folder = folder();
    fs::write(folder.path().join("gateway.yaml"), SMALLEST).unwrap();
    let loaded = file::load(&folder.path().join("gateway.yaml")).unwrap();
    assert_eq!(loaded.settings.files, [folder.path().join("gateway.yaml")]);

    for (bytes, verdict) in [
        (b"a: b\nc\xFF".to_vec(), ":2:2 found bytes that are not UTF-8; expected UTF-8 text"),
        (vec![b'#'; (1 << 20) + 1], ":1:1 found a larger file; expected a file of at most 1024 KiB"),
    ] {
        fs::write(folder.path().join("bad.yaml"), bytes).unwrap();
        let refused = file::load(&folder.path().join("bad.yaml")).unwrap_err().to_string();
        assert!(refused.ends_with(verdict), "{refused}");
    }
    assert!(file::load(folder.path()).unwrap_err().to_string().contains("found a folder; expected a file, such as"));
    assert!(file::load(&folder.path().join("nothing.yaml")).is_err());
}

#[test]
fn the_starter_passes() {
    let loaded = read(include_str!("../../../gateway.yaml")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_profile_fills_what_is_not_written() {
    let with = |more: &str| SMALLEST.replace("login.example.com\n", &format!("login.example.com\n{more}"));
    let filled = read(&with("    profile: okta\n")).unwrap().settings;
    let rules = &filled.authorization_servers[0].rules;
    assert_eq!((&*rules.scope_claims[0], rules.client_claims[0]), ("scp", "cid"));
    let written = read(&with("    profile: okta\n    scope_claims: [roles]\n")).unwrap().settings;
    assert_eq!(written.authorization_servers[0].rules.scope_claims, ["roles"].map(Box::from));
}
