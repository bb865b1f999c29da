//! Findings from outside about one's own file: the line and column, and lines to write that are right there.

use serde_json::{Value, json};

use super::{
    super::super::world::{Plan, World, token::now},
    portcullis,
};

/// One finding.
#[derive(Debug)]
struct Placed {
    id: String,
    place: String,
    line: Value,
    fix: String,
    expected: String,
}

/// What `doctor` finds at the running gateway of `world`.
async fn found(world: &World, words: &[&str]) -> Vec<Placed> {
    let mut all = vec!["doctor", "--json", "--ignore", "registration-missing", "--ignore", "issuer-cors"];
    all.extend(words);
    let (code, out, err) = portcullis(world.folder.path(), &all).await;
    let findings: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code:?} {out} {err}"));
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|one| Placed {
            id: text(one, "id"),
            place: text(one, "place"),
            line: one["line"].clone(),
            fix: text(one, "fix"),
            expected: text(one, "expected"),
        })
        .collect()
}

/// `gateway.yaml:LINE:` of the line that begins so, and its text.
fn place(world: &World, start: &str) -> String {
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    let index = text.lines().position(|line| line.trim_start().starts_with(start));
    format!("gateway.yaml:{}:", index.unwrap_or_else(|| panic!("{start}: {text}")) + 1)
}

fn write(world: &World, name: &str, text: &str) {
    std::fs::write(world.folder.path().join(name), text).unwrap();
}

/// A second server beside the standard one.
const SECOND: &str = r#"
  other:
    path: /other/mcp
    upstream: {url: "@UPSTREAM@/inner/mcp"}
    access: authenticated
"#;

#[tokio::test]
async fn first_4_doctor_tries_a_token_at_the_server_that_its_audience_names() {
    let standard = super::super::super::world::plan::STANDARD;
    let world = Plan::standard().servers(&format!("{standard}{}", SECOND.trim_start_matches('\n'))).start().await;
    write(&world, "token", &world.token());
    let all = found(&world, &["--token-file", "token"]).await;
    assert!(all.is_empty(), "a good token of one server is no fault of the other: {all:#?}");

    // For neither: it is told at each, and no line would let both accept it.
    write(&world, "elsewhere", &world.mint().claim("aud", json!("api://elsewhere")).token());
    let all = found(&world, &["--token-file", "elsewhere"]).await;
    let told: Vec<(&str, &Value)> = all.iter().map(|one| (one.id.as_str(), &one.line)).collect();
    assert_eq!(told, [("token-audience", &Value::Null); 2], "{all:#?}");
    assert!(all[0].expected.ends_with("/mcp\"") && all[1].expected.ends_with("/other/mcp\""), "{all:#?}");
    assert!(all[1].place.ends_with(" servers.other.audiences"), "{all:#?}");
    assert!(all[1].place.starts_with(&place(&world, "other:")), "{all:#?}");
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_writes_the_values_found_into_the_line_and_the_line_is_right() {
    let world = World::standard().await;
    write(&world, "token", &world.mint().claim("aud", json!("api://one")).token());
    let all = found(&world, &["--token-file", "token", "--origin", "http://localhost:6274"]).await;
    let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["origin-refused", "token-audience"], "{all:#?}");
    let [origin, audience] = &all[..] else { panic!("{all:#?}") };
    assert_eq!(origin.line, "allowed_origins: [\"https://app.example\", \"http://localhost:6274\"]");
    assert!(origin.place.starts_with(&place(&world, "allowed_origins:")), "{origin:?}");
    assert_eq!(audience.line, "audiences: [\"api://one\"]");
    assert!(audience.place.starts_with(&place(&world, "main:")), "{audience:?}");

    // With both lines written, and the gateway started again, nothing is wrong.
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    let before = "    allowed_origins: [\"https://app.example\"]\n";
    let lines = format!("    {}\n    {}\n", origin.line.as_str().unwrap(), audience.line.as_str().unwrap());
    std::fs::write(world.config_path(), yaml.replace(before, &lines)).unwrap();
    let (code, out, err) = portcullis(world.folder.path(), &["check", "gateway.yaml"]).await;
    assert_eq!(code, Some(0), "{out}{err}");

    // What cannot be a line is none.
    write(&world, "token", &world.mint().claim("aud", json!("x\", \"*")).token());
    let all = found(&world, &["--token-file", "token"]).await;
    assert!(all.len() == 1 && all[0].id == "token-audience" && all[0].line == Value::Null, "{all:#?}");
    // An issuer that is not here is not added to one that is.
    write(&world, "token", &world.mint().claim("iss", json!("https://other.example")).token());
    let all = found(&world, &["--token-file", "token"]).await;
    assert!(all.len() == 1 && all[0].id == "token-issuer" && all[0].line == Value::Null, "{all:#?}");
    // With a slash more, it is another spelling of one.
    let issuer = world.mint().texts().1;
    let issuer: Value = serde_json::from_str(&issuer).unwrap();
    let respelled = format!("{}/", issuer["iss"].as_str().unwrap());
    write(&world, "token", &world.mint().claim("iss", json!(respelled)).token());
    let all = found(&world, &["--token-file", "token"]).await;
    assert!(all.len() == 1 && all[0].line == format!("accepted_issuers: [\"{respelled}\"]"), "{all:#?}");
    assert!(all[0].place.starts_with(&place(&world, "house:")), "{all:#?}");
    // A token that has expired is a fault of no line.
    write(&world, "token", &world.mint().claim("exp", json!(now() - 3_600)).token());
    let all = found(&world, &["--token-file", "token"]).await;
    assert!(all.len() == 1 && all[0].id == "token-expired" && all[0].place.is_empty(), "{all:#?}");
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_says_that_the_gateway_runs_with_an_older_file() {
    let world = World::standard().await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    std::fs::write(world.config_path(), yaml.replace("path: /mcp\n", "path: /renamed/mcp\n")).unwrap();
    let all = found(&world, &[]).await;
    let one = all.iter().find(|one| one.id == "mcp-not-found").unwrap_or_else(|| panic!("{all:#?}"));
    assert!(one.place.starts_with(&place(&world, "path: /renamed/mcp")) && one.line == Value::Null, "{one:?}");
    assert!(one.fix.contains("reload it (SIGHUP)") && one.fix.contains("/mcp"), "{one:?}");
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_shows_place_and_line_as_text_and_gives_own_findings_a_place_too() {
    let world = World::standard().await;
    let words = ["doctor", "--origin", "http://localhost:6274", "--ignore", "registration-missing"];
    let (code, out, err) = portcullis(world.folder.path(), &words).await;
    let at = place(&world, "allowed_origins:");
    assert!(code == Some(1) && err.is_empty(), "{out}{err}");
    assert!(out.contains(&format!("  in        {at}")), "{out}");
    assert!(
        out.contains("  write     allowed_origins: [\"https://app.example\", \"http://localhost:6274\"]\n"),
        "{out}"
    );
    // Closed, and the file's own findings, in the same form.
    let folder = world.folder.path().to_owned();
    let kept = tempfile::tempdir().unwrap();
    for file in ["gateway.yaml", "ca.pem"] {
        std::fs::copy(folder.join(file), kept.path().join(file)).unwrap();
    }
    world.close().await;
    let (_, out, _) = portcullis(kept.path(), &["doctor", "--json"]).await;
    let all: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert!(all.iter().any(|one| one["id"] == "connection-refused"), "{out}");
    for one in &all {
        assert!(one["place"].as_str().is_some_and(|place| place.starts_with("gateway.yaml:")), "{one}");
    }
}

#[tokio::test]
async fn first_4_doctor_writes_no_registration_for_an_issuer_that_is_not_embedded() {
    // The pretend issuer of the standard world is not embedded, and takes no registrations.
    let world = World::standard().await;
    let (_, out, _) = portcullis(world.folder.path(), &["doctor", "--json"]).await;
    let all: Vec<Value> = serde_json::from_str(&out).unwrap();
    let one = all.iter().find(|one| one["id"] == "registration-missing").unwrap_or_else(|| panic!("{out}"));
    assert!(one["line"].is_null() && one["example"].is_null(), "{one}");
    let at = one["place"].as_str().unwrap();
    assert!(at.starts_with(&place(&world, "house:")) && at.ends_with(" authorization_servers.house.issuer"), "{at}");
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_says_which_argument_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:1/mcp";
    for (words, told) in [
        (&["doctor", url, "--ignore", "connection-refusd"][..], "did you mean connection-refused?"),
        (&["doctor", url, "--ignore", "x"], "--ignore: found \"x\"; expected the id of a finding\n"),
        (&["doctor", url, "--token-file", "nope"], "--token-file: nope cannot be read"),
        (&["doctor", url, "--origin", "localhost:6274"], "--origin: found \"localhost:6274\""),
        (&["doctor", "https://user:secret@mcp.example.com/mcp"], "without a user"),
        (&["doctor", "https://mcp.example.com@evil.example/mcp"], "without a user"),
    ] {
        let (code, out, err) = portcullis(folder.path(), words).await;
        assert!(code == Some(2) && out.is_empty() && err.contains(told), "{words:?}: {code:?} {out} {err}");
        assert!(!err.contains("secret"), "{err}");
    }
}

#[tokio::test]
async fn first_4_attack_429_a_token_does_not_leave_this_machine_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:1/mcp";
    std::fs::write(folder.path().join("token"), "t").unwrap();
    for at in ["192.0.2.1:1", "http://192.0.2.1:1", "HTTP://192.0.2.1:1"] {
        let words = ["doctor", url, "--token-file", "token", "--reach-at", at];
        let (code, _, err) = portcullis(folder.path(), &words).await;
        assert!(code == Some(2) && err.contains("a token is not sent to"), "{at}: {code:?} {err}");
    }
    // The file is that of another machine, whose public name leads nowhere: its listener is not examined.
    let yaml = "public_url: https://gw.invalid\nlisten: [{address: \"192.0.2.1:8080\", plaintext: true}]\nservers:\n  main:\n    path: /mcp\n    \
                upstream: {url: \"http://127.0.0.1:1/mcp\"}\n    access: authenticated\nauthorization_servers:\n  house: {issuer: \
                \"https://issuer.invalid\"}\n";
    std::fs::write(folder.path().join("gateway.yaml"), yaml).unwrap();
    let (code, out, err) = portcullis(folder.path(), &["doctor", "--token-file", "token", "-v"]).await;
    assert!(code == Some(1) && out.contains("name-unresolved") && !err.contains("in its place"), "{out}{err}");
}
