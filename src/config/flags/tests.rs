//! Each value comes back from the configuration as it was typed, and each problem names its flag.

use std::path::Path;

use super::*;
use crate::config::{problem::Problem, source::ConfigSource};

fn value(flag: &str, text: &str) -> FlagValue {
    FlagValue { text: text.to_owned(), by: flag.to_owned() }
}

fn flags() -> Flags {
    Flags {
        public_url: value("--public-url", "http://127.0.0.1:8080"),
        name: value("--name", "mcp"),
        path: value("--upstream", "/mcp"),
        upstream: value("--upstream", "http://127.0.0.1:8000/mcp"),
        tokens: TokenFlags::Issuer { issuer: value("--issuer", "https://idp.example"), profile: None },
        scopes: Vec::new(),
        allow_all: "--allow-all".to_owned(),
        groups: Vec::new(),
        of: FlagsOf::Serve,
        audiences: Vec::new(),
        allowed_origins: Vec::new(),
        trusted_proxies: Vec::new(),
        listen: vec![value("--listen", "127.0.0.1:8080")],
        transport: TransportFlags::None,
        admin: value("--admin (its default)", "127.0.0.1:9901"),
        session_keys: Vec::new(),
        log_format: value("--log-format", "text"),
        log_level: value("--log-level", "info"),
    }
}

fn refused(flags: &Flags) -> Vec<String> {
    let source = ConfigSource::given(flags.written(Path::new("/nonexistent")));
    source.load().unwrap_err().to_string().lines().map(str::to_owned).collect()
}

#[test]
fn first_1_what_is_written_is_read_as_it_was_meant() {
    for tokens in [
        flags().tokens,
        TokenFlags::Demo("--demo-account".to_owned()),
        TokenFlags::Issuer { issuer: value("--issuer", "https://a.example/"), profile: Some(value("", "okta")) },
    ] {
        let scopes = vec![value("--scope", "a"), value("--scope", "b,c")];
        let source = ConfigSource::given(Flags { tokens, scopes, ..flags() }.written(Path::new("/nonexistent")));
        let loaded = source.load().unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.settings.servers[0].policy.connect.len(), 2);
        assert_eq!(loaded.settings.files, Vec::<std::path::PathBuf>::new(), "there is no file to watch");
    }
}

#[test]
fn attack_352_no_value_adds_hides_or_changes_a_key() {
    let keys = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for text in [
        "https://a.example\n    access: authenticated",
        "x # y",
        "x: y",
        "- a://b",
        "javascript: x://y",
        "a://b # c",
        "{a: 1}",
        "[a]",
        "\"x\" y",
        "'",
        "\\",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "?",
        "---",
        "...",
        "~",
        "null",
        "true",
        "off",
        "0x10",
        "1e3",
        "<<",
        "%TAG",
        "@x",
        "`",
        "\u{85}\u{2028}\u{feff}\u{202e}\u{7f}\u{0}\u{fffe}",
        "é 😀 \t",
        "",
    ] {
        let flags = Flags {
            upstream: value("--upstream", text),
            tokens: TokenFlags::Issuer { issuer: value("--issuer", text), profile: None },
            audiences: vec![value("--audience", text), value("--audience", text)],
            ..flags()
        };
        let yaml = flags.written(Path::new("/")).text;
        let read: serde_json::Value = serde_yaml::from_str(&yaml).unwrap_or_else(|fault| panic!("{fault}\n{yaml}"));
        assert_eq!(read["authorization_servers"]["issuer"], serde_json::json!({ "issuer": text }), "{yaml}");
        assert_eq!(keys(&read), ["admin", "authorization_servers", "listen", "log", "public_url", "servers"]);
        let server = &read["servers"]["mcp"];
        assert_eq!(server["upstream"], serde_json::json!({ "url": text }));
        assert_eq!(server["audiences"], serde_json::json!([text, text]));
        assert_eq!(keys(server), ["access", "audiences", "path", "upstream"]);
    }
}

#[test]
fn first_1_each_problem_names_its_flag_and_no_line() {
    let wrong = |change: &dyn Fn(&mut Flags)| {
        let mut flags = flags();
        change(&mut flags);
        refused(&flags)
    };
    for (problems, flag) in [
        (wrong(&|of| of.public_url.text = "ftp://x".into()), "--public-url"),
        (wrong(&|of| of.name = value("--name", "a \"b")), "--name"),
        (wrong(&|of| of.name = value("--name", "")), "--name"),
        (wrong(&|of| of.path.text = "/a?b".into()), "--upstream"),
        (wrong(&|of| of.upstream.text = "x".into()), "--upstream"),
        (wrong(&|of| of.upstream.text = "http://127.0.0.1:8080/mcp".into()), "--upstream"),
        (wrong(&|of| of.tokens = TokenFlags::Issuer { issuer: value("--issuer", ""), profile: None }), "--issuer"),
        (wrong(&|of| of.scopes = vec![value("--scope", "a"), value("S (--scope)", "b c")]), "S (--scope)"),
        (wrong(&|of| of.audiences = vec![value("--audience", "")]), "--audience"),
        (wrong(&|of| of.allowed_origins = vec![value("--allowed-origin", "*")]), "--allowed-origin"),
        (wrong(&|of| of.trusted_proxies = vec![value("--trusted-proxy", "10.0.0.1/8")]), "--trusted-proxy"),
        (wrong(&|of| of.listen = vec![value("--listen", "8080")]), "--listen"),
        (wrong(&|of| of.listen = vec![value("--listen", "127.0.0.1:9901")]), "--admin (its default)"),
        (wrong(&|of| of.session_keys = vec![value("--session-key", "hunter2")]), "--session-key"),
        (wrong(&|of| of.log_format.text = "xml".into()), "--log-format"),
        (wrong(&|of| of.log_level.text = "loud".into()), "--log-level"),
        (
            wrong(&|of| {
                of.transport = TransportFlags::Files {
                    certificate: value("--tls-cert", "no.crt"),
                    key: value("--tls-key", "no.key"),
                };
            }),
            "--tls-",
        ),
    ] {
        assert!(!problems.is_empty());
        for problem in problems {
            assert!(problem.starts_with(flag) && problem.contains(": found "), "{flag}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}

#[test]
fn first_1_messages_about_files_are_told_in_the_words_of_flags() {
    let open = Flags { listen: vec![value("--listen", "0.0.0.0:8080")], ..flags() };
    assert_eq!(
        refused(&open),
        ["--listen: found 0.0.0.0:8080 without TLS; expected `--tls-cert` and `--tls-key`, a loopback address, or \
          `--plaintext` if a proxy in front terminates TLS"]
    );
    let places = open.written(Path::new("/")).flags.unwrap();
    let told = |sentence: &str| places.placed_sentence(sentence);
    assert_eq!(told("listen[0].address: it is taken").as_deref(), Some("--listen: it is taken"));
    assert_eq!(told("listen[0].tls: no key").as_deref(), Some("--listen: no key"));
    assert_eq!(told("servers.mcp.upstream.ca: old").as_deref(), Some("--upstream: old"));
    assert_eq!(told("limits.requests: many"), None);
    let strange = Problem {
        file: "serve".to_owned(),
        line: 999,
        column: 1,
        key: "limits".to_owned(),
        found: "a".to_owned(),
        expected: "b".to_owned(),
        suggestion: None,
        see: None,
    };
    assert_eq!(places.placed(strange).to_string(), "serve: limits: found a; expected b");
}
