//! Files as people type them: what is wrong, at its line and column, in words without YAML's terms.

use super::{changed, problems, read};

mod text;
mod values;

/// The replaced text, its replacement, and the problems without the file's name.
type Case = (&'static str, &'static str, &'static [&'static str]);

#[test]
fn first_8_what_is_typed_wrong_is_told_at_its_place() {
    let mut failed = String::new();
    let cases: Vec<&Case> = text::CASES.iter().chain(values::CASES).collect();
    for (from, to, expected) in &cases {
        let found = problems(&changed(from, to));
        let expected: Vec<String> = expected.iter().map(|line| format!("gateway.yaml:{line}")).collect();
        if found != expected {
            failed += &format!("{to:?}\n  found    {found:#?}\n  expected {expected:#?}\n");
        }
        assert!(!found.concat().contains("hunter2"), "a secret in {found:?}");
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(cases.len() >= 60, "{}", cases.len());
}

#[test]
fn first_8_what_only_looks_odd_is_taken() {
    for text in [
        format!("\u{FEFF}{}", super::SMALLEST),
        super::SMALLEST.replace('\n', "\r\n"),
        super::SMALLEST.replace("issuer: ", "issuer:\t"),
        super::SMALLEST.replace("authenticated\n", "authenticated\t\n"),
        super::SMALLEST.replace("    access: authenticated\n", "    rules: [{tools: [read_*]}]\n"),
        "{\"public_url\": \"https://mcp.example.com\", \"listen\": [{\"address\":\"127.0.0.1:8080\"}],\n\t\"authorization_servers\": \
         {\"c\": {\"issuer\": \"https://login.example.com\"}},\n\t\"servers\": {\"w\": {\"path\": \"/w\", \"upstream\": {\"url\": \
         \"http://127.0.0.1:8000/mcp\"}, \"access\": \"authenticated\"}}}\n"
            .to_owned(),
    ] {
        let loaded = read(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(loaded.warnings, [], "{text}");
    }
}
