//! Does `explain` say what the live gateway does, and do the other commands keep their promises?

use std::path::Path;

use portcullis::decide::mcp::method::METHODS;
use serde_json::{Value, json};

use super::world::{Ask, Plan, World, call, command, issuer, token::now};

async fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (code, out, err) = command::portcullis(folder, arguments).await;
    (code, out + &err)
}

/// A small generator with a fixed seed: the same cases on every machine.
struct Dice(u64);

impl Dice {
    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all[usize::try_from(self.0 >> 33).unwrap() % all.len()]
    }
}

#[tokio::test]
async fn explain_agrees_with_the_gateway_on_two_hundred_cases() {
    const CASES: usize = 220;
    let servers = format!(
        "{}  open:\n    path: /open\n    upstream: {{url: \"@UPSTREAM@/o\"}}\n    access: authenticated\n",
        super::world::plan::STANDARD
    );
    let world = Plan::standard()
        .servers(&servers)
        .issuers("  house: {issuer: \"@ISSUER@\", jwks: {file: keys.json}}\n")
        .file("keys.json", &issuer::house_key_set().to_string())
        .start()
        .await;
    let mut dice = Dice(7);
    let mut wrong = Vec::new();
    let mut allowed = 0;
    for case in 0..CASES {
        let server = dice.one_of(&["main", "main", "main", "open"]);
        let path = if server == "main" { "/mcp" } else { "/open" };
        let tool = dice.one_of(&[
            "safe",
            "get_x",
            "danger",
            "both",
            "either",
            "forbidden",
            "engineers",
            "watched",
            "unheard_of",
            "Safe",
        ]);
        let scope = dice.one_of(&[
            "mcp:connect",
            "mcp:connect mcp:danger",
            "mcp:connect mcp:admin",
            "mcp:connect mcp:one",
            "mcp:connect mcp:one mcp:two",
            "mcp:danger",
            "",
            "mcp:connect mcp:watched",
            "mcp:connect mcp:danger mcp:one mcp:two",
        ]);
        let mut mint = world.issuer.mint(&format!("{}{path}", world.public)).scope(scope);
        if dice.one_of(&["yes", "no", "no"]) == "yes" {
            mint = mint.claim("department", json!("eng"));
        }
        let token = match dice.one_of(&["good", "good", "good", "good", "late", "elsewhere", "other", "typ", "garbage"])
        {
            "late" => mint.claim("exp", json!(now() - 3600)).token(),
            "elsewhere" => mint.claim("aud", json!("https://elsewhere.example")).token(),
            "other" => mint.by(&super::world::key::OTHER).token(),
            "typ" => mint.head("typ", json!("dpop+jwt")).token(),
            "garbage" => "garbage".to_owned(),
            _ => mint.token(),
        };
        let live = world.send(&Ask::post(path, call(tool)).token(&token)).await.status;
        let file = world.folder.path().join("token");
        std::fs::write(&file, &token).unwrap();
        let config = world.config_path();
        let arguments = [
            "explain",
            "--config",
            config.to_str().unwrap(),
            "--server",
            server,
            "--tool",
            tool,
            "--token-file",
            "token",
        ];
        let (code, text) = run(world.folder.path(), &arguments).await;
        assert!(!text.contains(&token) || token == "garbage", "explain shows the token");
        let agrees = match live {
            200 => code == Some(0),
            401 | 403 => code == Some(3),
            _ => false,
        };
        allowed += usize::from(live == 200);
        if !agrees {
            wrong.push(format!("case {case}: {server} {tool} {scope:?}: live {live}, explain {code:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {CASES} differ:\n{}", wrong.len(), wrong.join("\n"));
    println!("{CASES} cases agree; {allowed} allowed");
    assert!(allowed > 20 && allowed < CASES - 20, "the cases are one-sided: {allowed} allowed");
    world.close().await;
}

/// What a client would send to ask what `explain` is asked, once for each scope.
struct Question {
    option: &'static str,
    value: &'static str,
    body: Value,
}

/// Every method, and prompts and resources that rules permit, deny, and do not name.
fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for method in METHODS.iter().map(|method| method.name).chain(["acme/custom", "acme/unknown", "notifications/acme"])
    {
        let params = if method.starts_with("tasks/") { json!({"taskId": "unknown"}) } else { json!({}) };
        let mut body = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if !method.starts_with("notifications/") {
            body["id"] = json!(1);
        }
        all.push(Question { option: "--method", value: method, body });
    }
    for name in ["hello", "Hello", "secret", "other"] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": name}});
        all.push(Question { option: "--prompt", value: name, body });
    }
    for uri in
        ["file:///pub/a", "file:///pub/%2e%2e/etc", "file:///etc/a", "file:///pub/secret/a", "https://a.example/b"]
    {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}});
        all.push(Question { option: "--resource", value: uri, body });
    }
    all
}

#[tokio::test]
async fn explain_agrees_with_the_gateway_on_every_method_prompt_and_resource() {
    const RULES: &str = "      - {resources: [\"file:///pub/**\"]}\n";
    let more = format!(
        "      - {{resources: [\"file:///pub/secret/**\"], scopes: [acme]}}\n{RULES}      - {{prompts: [secret], deny: true}}\n\
         \x20     - {{methods: [\"tasks/get\", \"tasks/list\"], scopes: [acme]}}\n\
         \x20     - {{methods: [\"tasks/cancel\"], deny: true}}\n"
    );
    let world = Plan::standard_but(RULES, &more).start().await;
    let config = world.config_path();
    let config = config.to_str().unwrap();
    let (mut wrong, mut allowed, mut refused) = (Vec::new(), 0, 0);
    for Question { option, value, body } in questions() {
        for scopes in ["", "mcp:connect", "mcp:connect acme"] {
            let live = world.send(&Ask::post("/mcp", body.to_string()).token(&world.token_with(scopes))).await;
            let arguments = ["explain", "--config", config, "--server", "main", option, value, "--scopes", scopes];
            let (code, text) = run(world.folder.path(), &arguments).await;
            let agrees = match live.status {
                200 | 202 => code == Some(0),
                400 | 401 | 403 => code == Some(3) && text.contains(&format!("({} ", live.status)),
                _ => false,
            };
            allowed += usize::from(code == Some(0));
            refused += usize::from(code == Some(3));
            if !agrees {
                wrong.push(format!("{option} {value} {scopes:?}: live {}, explain {code:?}\n{text}", live.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(allowed > 20 && refused > 20, "the cases are one-sided: {allowed} allowed, {refused} refused");
    world.close().await;
}

#[tokio::test]
async fn explain_names_the_rule_and_the_challenge() {
    let world = World::standard().await;
    let config = world.config_path();
    let config = config.to_str().unwrap();
    let of = |tool: &'static str, scopes: &'static str| {
        ["explain", "--config", config, "--server", "main", "--tool", tool, "--scopes", scopes]
    };
    let (code, text) = run(world.folder.path(), &of("danger", "mcp:connect")).await;
    assert_eq!(code, Some(3), "{text}");
    for word in ["insufficient_scope", "mcp:danger", "mcp:connect", "rule"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let (code, text) = run(world.folder.path(), &of("safe", "mcp:connect")).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(world.folder.path(), &["explain", "--config", config]).await;
    assert_eq!(code, Some(0), "the file as understood: {text}");
    world.close().await;
}

#[tokio::test]
async fn check_reports_seven_problems_in_one_run() {
    let yaml = r#"public_url: "ftp://gw.example"
listen:
  - address: "not an address"
authorization_servers:
  house:
    issuer: "https://as.example"
    algorithms: [HS256]
    clock_skew: 10 minutes
servers:
  main:
    path: mcp
    upstream: {url: "http://127.0.0.1:9/mcp", conect_timeout: 5s}
    limits: {request_body: lots}
    rules: [{tools: ["a"]}]
"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), yaml).unwrap();
    let (code, text) = run(folder.path(), &["check", "--config", "gateway.yaml"]).await;
    assert_eq!(code, Some(2), "{text}");
    for place in [
        "gateway.yaml:1:",
        "gateway.yaml:3:",
        "gateway.yaml:7:",
        "gateway.yaml:8:",
        "gateway.yaml:11:",
        "gateway.yaml:12:",
        "gateway.yaml:13:",
    ] {
        assert!(text.contains(place), "no problem at {place}\n{text}");
    }
    assert!(text.contains("connect_timeout"), "a suggestion: {text}");
}

#[tokio::test]
async fn schema_is_json_and_version_and_help_work() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = run(folder.path(), &["schema"]).await;
    assert_eq!(code, Some(0));
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    assert!(schema["properties"]["public_url"].is_object(), "{schema}");
    assert_eq!(run(folder.path(), &["--help"]).await.0, Some(0));
    assert_ne!(run(folder.path(), &["nonsense"]).await.0, Some(0));
}
