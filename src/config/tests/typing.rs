//! Files as people type them: what is wrong, at its line and column, in words without YAML's terms.

use super::{Case, each_is_told, read};

mod slips;
mod text;
mod values;

#[test]
fn first_8_what_is_typed_wrong_is_told_at_its_place() {
    let cases: Vec<&Case> = text::CASES.iter().chain(slips::CASES).chain(values::CASES).collect();
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

#[test]
fn first_8_check_a_file_without_a_configuration_is_one_problem() {
    const EMPTY: &str = "found a file without a setting; expected a configuration, such as `portcullis init` writes it";
    const PEM: &str =
        "found a certificate or a key (PEM); expected a configuration, such as `portcullis init` writes it";
    const MANIFEST: &str =
        "found a manifest of Kubernetes; expected the configuration alone: the text below `gateway.yaml: |` in it";
    for (text, expected) in [
        ("", EMPTY),
        ("# nothing\n\n", EMPTY),
        ("---\n...\n", EMPTY),
        ("null\n", EMPTY),
        ("{}\n", EMPTY),
        ("-----BEGIN CERTIFICATE-----\nMIIBs\na=b==\n-----END CERTIFICATE-----\n", PEM),
        ("- a\n", "found a list; expected a map: keys with values, such as `public_url: …`, without `- `"),
        ("apiVersion: v1\nkind: ConfigMap\ndata:\n  gateway.yaml: |\n    public_url: https://a.example\n", MANIFEST),
    ] {
        let found = super::problems(text);
        assert!(matches!(found.as_slice(), [only] if only.ends_with(expected)), "{text:?}: {found:?}");
    }
}

#[test]
fn first_8_check_two_patterns_without_a_comma_are_warned_of() {
    let rules =
        |list: &str| super::changed("    access: authenticated\n", &format!("    rules:\n      - tools: [{list}]\n"));
    assert_eq!(
        super::warnings(&rules("get_a get_b")),
        [
            "gateway.yaml:12:17 servers.weather.rules[0].tools[0]: found \"get_a get_b\", one pattern with a space in it; \
          expected a comma between two patterns, or quotes around one"
        ]
    );
    assert!(super::warnings(&rules("\"get_a get_b\", get_c")).is_empty());
}
