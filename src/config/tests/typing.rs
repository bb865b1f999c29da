//! Files as people type them: what is wrong, at its line and column, in words without YAML's terms.

use super::{Case, each_is_told, read};

mod text;
mod values;

#[test]
fn first_8_what_is_typed_wrong_is_told_at_its_place() {
    let cases: Vec<&Case> = text::CASES.iter().chain(values::CASES).collect();
    each_is_told(&cases);
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
