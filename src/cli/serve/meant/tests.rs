//! Defaults of the flags, and which of them fit together.

use super::*;

fn given() -> Serve {
    Serve {
        upstream: Some("http://127.0.0.1:8000/mcp".to_owned()),
        issuer: Some("https://idp.example".to_owned()),
        allow_all: true,
        ..Serve::default()
    }
}

fn read(of: &Serve) -> Flags {
    meant(of, &|_| false).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn wrong(of: &Serve) -> String {
    meant(of, &|_| false).unwrap_err().join("\n")
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn first_1_the_address_follows_from_the_public_url_and_the_other_way_round() {
    let tls = |of: Serve| Serve { tls_cert: text("c"), tls_key: text("k"), ..of };
    let at = |url: &str| Serve { public_url: text(url), ..given() };
    let on = |address: &str| Serve { listen: vec![address.to_owned()], ..given() };
    for (of, url, address) in [
        (given(), "http://127.0.0.1:8080", "127.0.0.1:8080"),
        (on("127.0.0.1:9000"), "http://127.0.0.1:9000", "127.0.0.1:9000"),
        (on("[::1]:9000"), "http://[::1]:9000", "[::1]:9000"),
        (on("127.0.0.1:80"), "http://127.0.0.1", "127.0.0.1:80"),
        (at("http://localhost:9000"), "http://localhost:9000", "127.0.0.1:9000"),
        (at("http://[::1]:9000"), "http://[::1]:9000", "[::1]:9000"),
        (at("http://127.0.0.1"), "http://127.0.0.1", "127.0.0.1:80"),
        (at("https://mcp.example.com"), "https://mcp.example.com", "127.0.0.1:8080"),
        (tls(at("https://mcp.example.com")), "https://mcp.example.com", "0.0.0.0:443"),
        (tls(at("https://mcp.example.com:8443")), "https://mcp.example.com:8443", "0.0.0.0:8443"),
        (Serve { acme: text("a@b.c"), ..at("https://a.example") }, "https://a.example", "0.0.0.0:443"),
        (Serve { plaintext: true, ..at("https://a.example") }, "https://a.example", "0.0.0.0:8080"),
    ] {
        let flags = read(&of);
        assert_eq!((&*flags.public_url.text, &*flags.listen[0].text), (url, address), "{of:?}");
    }
}

#[test]
fn first_1_the_path_is_that_of_the_public_url_else_that_of_the_upstream() {
    for (url, upstream, path) in [
        (None, "http://127.0.0.1:8000/mcp", "/mcp"),
        (None, "http://127.0.0.1:8000/a/b/", "/a/b/"),
        (None, "http://127.0.0.1:8000", "/"),
        (None, "http://127.0.0.1:8000/mcp?key=1", "/mcp"),
        (None, "http://127.0.0.1:8000/a%20b", "/mcp"),
        (None, "nonsense", "/"),
        (Some("https://a.example/"), "http://127.0.0.1:8000/mcp", "/mcp"),
        (Some("https://a.example/weather/mcp"), "http://127.0.0.1:8000/mcp", "/weather/mcp"),
        (Some("https://a.example/x?y"), "http://127.0.0.1:8000/mcp", "/x?y"),
        (Some("https://a.example?y"), "http://127.0.0.1:8000/mcp", "/mcp"),
    ] {
        let flags = read(&Serve { public_url: url.and_then(text), upstream: text(upstream), ..given() });
        assert_eq!(flags.path.text, path, "{url:?} {upstream}");
        assert!(!flags.public_url.text.ends_with('/'));
    }
}

#[test]
fn first_1_lists_are_repeated_or_separated_and_an_empty_variable_is_not_set() {
    let scope = ["a b,c".to_owned(), "d".to_owned(), " , ".to_owned()].to_vec();
    let flags = read(&Serve { scope, allow_all: false, ..given() });
    let scopes: Vec<&str> = flags.scopes.iter().map(|of| &*of.text).collect();
    assert_eq!((scopes, &*flags.allow_all), (vec!["a", "b", "c", "d"], "--scope"));
    let empty = Serve { name: text(""), public_url: text(" "), ..given() };
    let flags = meant(&empty, &|name| matches!(name, "name" | "public_url" | "issuer")).unwrap();
    assert_eq!((&*flags.name.text, &*flags.public_url.text), ("mcp", "http://127.0.0.1:8080"));
    let TokenFlags::Issuer { issuer, .. } = flags.tokens else { panic!("an issuer") };
    assert_eq!(issuer.by, "PORTCULLIS_ISSUER (--issuer)");
    assert_eq!(read(&empty).name.text, "", "an empty flag is a mistake, which the reader tells");
}

#[test]
fn first_1_a_store_and_its_key_are_beside_the_accounts() {
    let of = |accounts: &str, store: Option<&str>| Serve {
        issuer: None,
        accounts: text(accounts),
        store: store.and_then(text),
        ..given()
    };
    for (accounts, store, file) in [
        ("accounts.yaml", None, "accounts.db"),
        ("/srv/people.yml", None, "/srv/people.db"),
        ("/srv/people.db", None, "/srv/people.db.db"),
        ("/srv/.yaml", None, "/srv/.yaml.db"),
        ("accounts.yaml", Some("/var/lib/logins.db"), "/var/lib/logins.db"),
    ] {
        let flags = read(&of(accounts, store));
        let TokenFlags::Accounts { store: StoreFlag::File(store), .. } = &flags.tokens else { panic!("a file") };
        assert_eq!(store.text, file);
        assert_eq!(flags.session_keys[0].text, format!("file:{file}.key"));
    }
    let flags = read(&of("accounts.yaml", Some("memory")));
    assert!(matches!(flags.tokens, TokenFlags::Accounts { store: StoreFlag::Memory(_), .. }));
    assert!(flags.session_keys.is_empty());
    let flags = read(&Serve { session_key: vec!["env:KEY".to_owned()], ..of("accounts.yaml", None) });
    assert_eq!(flags.session_keys[0].text, "env:KEY");
}

#[test]
fn first_1_no_rule_means_no_and_each_conflict_names_its_flags() {
    let none = Serve::default();
    for (of, told) in [
        (none, vec!["--upstream is missing", "--issuer URL", "--accounts FILE", "--demo-account"]),
        (Serve { allow_all: false, ..given() }, vec!["--scope SCOPE", "--allow-all"]),
        (Serve { accounts: text("a"), ..given() }, vec!["--issuer and --accounts: choose one"]),
        (
            Serve { accounts: text("a"), demo_account: true, ..given() },
            vec!["--issuer and --accounts and --demo-account: choose one"],
        ),
        (Serve { store: text("a"), ..given() }, vec!["--store: it keeps the logins of --accounts"]),
        (
            Serve { issuer: None, demo_account: true, profile: text("okta"), ..given() },
            vec!["--profile: it is about an issuer"],
        ),
        (Serve { tls_cert: text("a"), public_url: text("https://a.b"), ..given() }, vec!["--tls-key is missing"]),
        (Serve { tls_key: text("a"), public_url: text("https://a.b"), ..given() }, vec!["--tls-cert is missing"]),
        (Serve { tls_cert: text("a"), tls_key: text("b"), ..given() }, vec!["--public-url is missing"]),
        (
            Serve { acme: text("a@b.c"), plaintext: true, public_url: text("https://a.b"), ..given() },
            vec!["--acme and --plaintext: choose one"],
        ),
        (
            Serve { listen: vec!["0.0.0.0:8080".to_owned()], public_url: text("https://a.b"), ..given() },
            vec!["--listen: 0.0.0.0:8080 can be reached from other machines, without TLS", "--plaintext"],
        ),
        (Serve { command: vec!["npx".into()], upstream: None, ..given() }, vec!["-- COMMAND: not in this version"]),
    ] {
        let why = wrong(&of);
        assert!(told.iter().all(|words| why.contains(words)), "{why}");
    }
    let demo = Serve { issuer: None, demo_account: true, allow_all: false, ..given() };
    assert_eq!(read(&demo).allow_all, "--demo-account", "its one account may use everything");
}

#[test]
fn first_1_a_session_key_in_place_of_its_reference_is_refused_and_not_shown() {
    let key = "bm90IGEgcmVmZXJlbmNlIGJ1dCB0aGUga2V5IGl0c2VsZg";
    let told = wrong(&Serve { session_key: vec![key.to_owned()], ..given() });
    assert!(told.contains("--session-key: found a text that is not a reference") && !told.contains(key), "{told}");
    read(&Serve { session_key: vec!["env:KEY".to_owned(), "file:key".to_owned()], ..given() });
}
