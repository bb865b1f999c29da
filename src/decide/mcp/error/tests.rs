//! The body of each refusal, word for word (SPEC C-65, C-66).

use serde_json::{Value, json};

use super::*;
use crate::{
    base::text::Text,
    decide::{
        mcp::request::target::Target,
        refusal::{Refusal, TokenFault, testing::every_row},
    },
};

fn scopes(names: &[&str]) -> Vec<Scope> {
    names.iter().map(|name| Scope::from(*name)).collect()
}

fn about<'a>(refusal: &'a Refusal, method: Option<&'a str>, target: Option<&'a Target>) -> About<'a> {
    About { refusal, id: None, method, target, caller: None, required_scopes: &[], takes_keys_alone: false }
}

#[test]
fn c65_every_refusal_has_a_sentence_and_a_code_that_is_ours_to_use() {
    for refusal in every_row() {
        let bytes = body(&about(&refusal, None, None));
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let code = value["error"]["code"].as_i64().unwrap();
        assert!(code > 0 || [-32700, -32600, -32601, -32602, -32603, -32020].contains(&code), "{refusal:?}");
        assert_eq!(value["error"]["data"]["reason"], refusal.row().reason);
        let text = value["error"]["message"].as_str().unwrap();
        assert!(text.len() > 20 && !text.ends_with('.') && !text.contains("10.0.0.7") && !text.contains('7'), "{text}");
    }
}

#[test]
fn c66_the_id_keeps_its_type_and_is_left_out_where_unknown() {
    for id in ["7", "\"7\"", "9007199254740993", "\"a\\u0062\""] {
        let id = Text::from(id);
        let bytes = body(&About { id: Some(&id), ..about(&Refusal::NoRule, Some("ping"), None) });
        let start = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":40304,");
        assert!(bytes.starts_with(start.as_bytes()), "{}", bytes.escape_ascii());
    }
    for id in [None, Some(Text::from("")), Some(Text::from("1,\"result\":{}")), Some(Text::from("}"))] {
        let bytes = body(&About { id: id.as_ref(), ..about(&Refusal::NoRule, None, None) });
        assert!(bytes.starts_with(b"{\"jsonrpc\":\"2.0\",\"error\":{"), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_missing_scope_is_told_with_what_is_needed() {
    let refusal = Refusal::Scope { needed: scopes(&["mcp:tools:admin"]) };
    let target = Target::Tool("admin_reset".into());
    let id = Text::from("7");
    let required = scopes(&["mcp:tools", "mcp:tools:admin"]);
    let about =
        About { id: Some(&id), required_scopes: &required, ..about(&refusal, Some("tools/call"), Some(&target)) };
    let expected = json!({"jsonrpc": "2.0", "id": 7, "error": {
        "code": 40301,
        "message": "tools/call admin_reset needs scope mcp:tools:admin",
        "data": {"reason": "insufficient_scope", "required_scopes": ["mcp:tools", "mcp:tools:admin"]},
    }});
    assert_eq!(serde_json::from_slice::<Value>(&body(&about)).unwrap(), expected);

    let legacy = json!({"jsonrpc": "2.0", "id": 7, "result": {
        "content": [{"type": "text", "text": "tools/call admin_reset needs scope mcp:tools:admin"}],
        "isError": true,
    }});
    assert_eq!(serde_json::from_slice::<Value>(&tool_result(&about, Era::Legacy, None)).unwrap(), legacy);
    let mut modern = legacy;
    modern["result"]["resultType"] = json!("complete");
    assert_eq!(serde_json::from_slice::<Value>(&tool_result(&about, Era::Modern, None)).unwrap(), modern);
}

#[test]
fn what_the_token_has_is_told_beside_what_it_lacks() {
    let (needed, granted) = (scopes(&["mcp:tools:admin"]), scopes(&["mcp:tools"]));
    let cases = [
        (Some(granted.as_slice()), "tools/call admin_reset needs scope mcp:tools:admin; the token has mcp:tools"),
        (Some(&[]), "tools/call admin_reset needs scope mcp:tools:admin; the token has none"),
        (None, "tools/call admin_reset needs scope mcp:tools:admin"),
    ];
    for (granted, expected) in cases {
        assert_eq!(sentence::lacking(&"tools/call admin_reset", &needed, granted), expected);
    }
}

#[test]
fn sentences_name_what_was_asked_for() {
    let two = Refusal::Scope { needed: scopes(&["a", "b"]) };
    let uris = Target::Resources(vec!["file:///a".into(), "file:///b".into(), "file:///c".into()]);
    let cases = [
        (&two, Some("prompts/get"), Some(Target::Prompt("p".into())), "prompts/get p needs scopes a b"),
        (&two, None, Some(Target::Stream), "opening the event stream needs scopes a b"),
        (&two, None, None, "this request needs scopes a b"),
        (&two, Some("batch"), Some(Target::Several(Vec::new())), "this batch needs scopes a b"),
        (
            &Refusal::NoRule,
            Some("vendor/x"),
            Some(Target::Method("vendor/x".into())),
            "vendor/x is not allowed: no rule of this server permits it",
        ),
        (
            &Refusal::Forbidden { rule: 0 },
            None,
            Some(Target::EndSession),
            "ending the session is not allowed for this caller, and no scope would change that",
        ),
        (
            &Refusal::UnsafeUri("dot segments"),
            Some("subscriptions/listen"),
            Some(uris),
            "subscriptions/listen file:///a and 2 more is not allowed: dot segments",
        ),
        (
            &Refusal::BadParams("params.name is missing"),
            Some("tools/call"),
            None,
            "the parameters of tools/call are not acceptable: params.name is missing",
        ),
        (&Refusal::Token(TokenFault::Expired), None, None, "the access token was refused: the token has expired"),
    ];
    for (refusal, method, target, expected) in cases {
        assert_eq!(sentence(&about(refusal, method, target.as_ref())), expected);
    }
}

#[test]
fn a_callers_words_are_shortened_and_cannot_forge_anything() {
    let shown = |name: &str| {
        let target = Target::Tool(name.into());
        sentence(&about(&Refusal::NoRule, Some("tools/call"), Some(&target)))
    };
    assert_eq!(
        shown("a\nb\u{1b}[31m\0"),
        "tools/call a\\u{a}b\\u{1b}[31m\\u{0} is not allowed: no rule of this server permits it"
    );
    assert_eq!(
        shown("a\u{202e}b\u{200b}"),
        "tools/call a\\u{202e}b\\u{200b} is not allowed: no rule of this server permits it"
    );
    assert_eq!(
        shown(&"é".repeat(101)),
        format!("tools/call {}… is not allowed: no rule of this server permits it", "é".repeat(100))
    );
    assert!(shown(&"x".repeat(100_000)).len() < 300);
    let many = scopes(&vec!["s"; 40]);
    assert!(sentence(&about(&Refusal::Scope { needed: many }, None, None)).ends_with("s s and 24 more"));
}

#[test]
fn people_d1_the_sentence_names_what_was_asked_for_and_what_to_send() {
    let needs = |words: &[&str]| Refusal::SignIn { needed: words.iter().map(|word| Scope::from(*word)).collect() };
    let (one, none) = (needs(&["a"]), needs(&[]));
    for (about, expected) in [
        (
            about(&one, Some(""), None),
            "this request needs an access token with scope a: send it as Authorization: Bearer",
        ),
        (about(&none, Some("ping"), None), "ping needs an access token: send it as Authorization: Bearer"),
        (
            About { takes_keys_alone: true, ..about(&Refusal::NoCredential, Some("ping"), None) },
            "this server needs an API key: send it as Authorization: Bearer",
        ),
    ] {
        assert_eq!(sentence(&about), expected);
    }
}
