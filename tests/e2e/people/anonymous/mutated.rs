//! Thousands of mutated bodies without a token: none reaches what is not public (D1).

use serde_json::{Value, json};

use super::shop;
use crate::e2e::world::{Ask, call, request};

/// How many bodies are sent.
const BODIES: usize = 5_000;

/// What is spliced into bodies.
const PIECES: [&str; 26] = [
    r#""name":"pay","#,
    r#","name":"pay""#,
    r#","Name":"pay""#,
    r#","method":"tools/call""#,
    r#","method":"logging/setLevel""#,
    r#""uri":"file:///etc/passwd","#,
    r#","uri":"file:///pub/secret/a""#,
    r#","params":{"name":"pay"}"#,
    r#","params":{"name":"search"}"#,
    r#","id":null"#,
    r#","task":{}"#,
    "pay",
    "search",
    "\\u0070ay",
    "\\u0000",
    "../",
    "%2e%2e/",
    "secret/",
    "[",
    "]",
    "{",
    "}",
    "\u{feff}",
    "\t",
    ",",
    "\"",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }
}

fn seeds() -> Vec<String> {
    let read = |uri: &str| request("resources/read", &json!({"uri": uri}).to_string());
    let prompt = |name: &str| request("prompts/get", &json!({"name": name}).to_string());
    let mut all = vec![
        call("search"),
        call("pay"),
        call("profile"),
        call("get_x"),
        call("admin"),
        read("file:///pub/a"),
        read("file:///pub/secret/a"),
        read("file:///b"),
        prompt("hello"),
        prompt("mine"),
        request("tools/list", "{}"),
        request("logging/setLevel", r#"{"level":"debug"}"#),
        request("resources/subscribe", r#"{"uri":"file:///pub/a"}"#),
        request("tasks/get", r#"{"taskId":"1"}"#),
        request("acme/custom", "{}"),
    ];
    all.push(format!("[{},{}]", call("search"), call("pay").replace("\"id\":1", "\"id\":2")));
    all.push(format!("[{},{}]", prompt("hello"), read("file:///pub/a").replace("\"id\":1", "\"id\":2")));
    all
}

fn mutated(dice: &mut Dice, seeds: &[String]) -> Vec<u8> {
    let mut body = seeds[dice.roll(seeds.len())].clone().into_bytes();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(body.len() + 1);
        match dice.roll(6) {
            0 => drop(body.splice(at..at, PIECES[dice.roll(PIECES.len())].bytes())),
            1 if at < body.len() => body[at] = u8::try_from(dice.roll(256)).unwrap(),
            2 => drop(body.drain(at..(at + dice.roll(8)).min(body.len()))),
            3 => {
                let other = seeds[dice.roll(seeds.len())].as_bytes();
                let from = dice.roll(other.len());
                body.truncate(at);
                body.extend_from_slice(&other[from..]);
            }
            4 => {
                let copied = body[at..(at + dice.roll(24)).min(body.len())].to_vec();
                drop(body.splice(at..at, copied));
            }
            // A name of one seed in the place of another.
            _ => {
                let text = String::from_utf8_lossy(&body).into_owned();
                let names = ["search", "pay", "hello", "mine", "file:///pub/a", "file:///pub/secret/a", "tools/call"];
                let (from, to) = (names[dice.roll(names.len())], names[dice.roll(names.len())]);
                body = text.replacen(from, to, 1).into_bytes();
            }
        }
    }
    body
}

/// A URI as a server might read it: without escapes, repeated slashes and steps upwards.
fn plain(uri: &str) -> String {
    let mut text = uri.to_lowercase().replace("%2e", ".").replace("%2f", "/").replace('\\', "/");
    assert!(!text.contains("/../") && !text.contains("/./") && !text.ends_with("/.."), "{uri}");
    while text.contains("//") {
        text = text.replace("//", "/");
    }
    text
}

/// Whether a message that reached the upstream is one that may come without a token.
fn is_public(message: &Value) -> bool {
    let (method, params) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
    let name = params["name"].as_str().unwrap_or_default();
    let uri = plain(params["uri"].as_str().unwrap_or_default());
    match method {
        "tools/call" => (name == "search" || name.starts_with("get_")) && params.get("task").is_none(),
        "prompts/get" => name == "hello",
        "resources/read" => uri.starts_with("file:/pub/") && !uri.starts_with("file:/pub/secret/"),
        "initialize" | "server/discover" | "ping" | "notifications/initialized" | "notifications/cancelled" => true,
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => true,
        _ => false,
    }
}

#[tokio::test]
async fn people_d1_attack_286_five_thousand_mutated_bodies_reach_nothing_that_is_not_public() {
    let world = shop().start().await;
    let (mut dice, seeds) = (Dice(0x9E37_79B9_7F4A_7C15), seeds());
    let (mut passed, mut refused) = (0, 0);
    for number in 0..BODIES {
        let body = mutated(&mut dice, &seeds);
        let reply = world.send(&Ask::post("/mcp", body.clone())).await;
        let seen = world.upstream.take();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(seen.len() <= 1, "{number}: {text}");
        let Some(seen) = seen.first() else {
            assert!(matches!(reply.status, 400 | 401), "{number}: {} {text}", reply.status);
            refused += 1;
            continue;
        };
        assert_eq!(seen.body, body, "{number}: the judged bytes are forwarded");
        let read: Value = serde_json::from_slice(&seen.body).unwrap_or_else(|cause| panic!("{number}: {cause} {text}"));
        let messages = read.as_array().cloned().unwrap_or_else(|| vec![read.clone()]);
        assert!(!messages.is_empty() && messages.iter().all(is_public), "{number} reached the upstream: {text}");
        passed += 1;
    }
    assert!(passed > BODIES / 50 && refused > BODIES / 2, "the mutations do not test much: {passed} {refused}");
    world.close().await;
}
