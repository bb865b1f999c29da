//! Settings of `embedded` for everyday operation: what is trusted, warned of and refused.

use super::{ACCOUNTS, WHOLE, folder, with};

fn warnings(text: &str, accounts: &str) -> String {
    let folder = folder(accounts);
    let loaded = with(text, folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.warnings.iter().map(|warning| format!("{warning}\n")).collect()
}

fn problems(text: &str, accounts: &str) -> String {
    let folder = folder(accounts);
    with(text, folder.path()).expect_err("a mistake").to_string()
}

#[test]
fn a10_trusted_addresses_are_warned_of_and_reach_every_grant() {
    let trusting = WHOLE.replace("offline_access]}", "offline_access], trust_email: true}");
    let said = warnings(&trusting, ACCOUNTS);
    assert!(said.contains("login.oidc.trust_email: found true; expected false, unless"), "{said}");
    let folder = folder(ACCOUNTS);
    assert!(with(&trusting, folder.path()).unwrap().settings.embedded[1].grants[0].trusts_email);
}

#[test]
fn a8_an_account_whose_token_would_be_too_large_is_warned_of() {
    let groups: Vec<String> = (0..1_600).map(|n| format!("department-of-the-house-{n}")).collect();
    let accounts = ACCOUNTS.replace("groups: [staff, ops]", &format!("groups: [staff, ops, {}]", groups.join(", ")));
    let said = warnings(WHOLE, &accounts);
    assert!(said.contains("the account \"bob@example.com\", whose access token can have"), "{said}");
    assert!(said.contains("of them in `groups`; expected at most 32768 bytes"), "{said}");
    assert!(!said.contains("ada"), "{said}");
    let without = WHOLE.replace("      token_claims: [groups]\n", "");
    assert_eq!(warnings(&without, &accounts), "");
}

#[test]
fn a13_a_client_introspects_for_servers_that_exist_and_proves_who_it_is() {
    for (name, expected) in
        [("open", "a server that accepts its tokens: files"), ("flies", "accepts its tokens: files")]
    {
        let said = problems(&WHOLE.replace("introspects: [files]", &format!("introspects: [{name}]")), ACCOUNTS);
        assert!(said.contains(&format!("the client \"batch\" introspects for \"{name}\"")), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let said = problems(&WHOLE.replace("scopes: [mcp:connect]}", "introspects: [files]}"), ACCOUNTS);
    assert!(said.contains("introspects without authentication"), "{said}");
}

#[test]
fn a13_accounts_that_look_alike_are_refused() {
    for (name, like) in [("Ada", true), ("\u{430}d\u{430}", true), ("ad\u{200b}a", true), ("adam", false)] {
        let accounts = ACCOUNTS.replace("bob@example.com", name);
        match like {
            true => assert!(problems(WHOLE, &accounts).contains("which looks like \"ada\""), "{name:?}"),
            false => assert_eq!(warnings(WHOLE, &accounts), "", "{name:?}"),
        }
    }
}

#[test]
fn d1_a_proxy_that_is_not_trusted_is_warned_of() {
    let folder = folder(ACCOUNTS);
    let untrusted = WHOLE.replace("trusted_proxies: [\"127.0.0.1\"]\n", "");
    let warned = |text: &str| {
        let loaded = with(text, folder.path()).unwrap();
        loaded
            .warnings
            .iter()
            .any(|warning| warning.to_string().contains("expected `trusted_proxies` at the top level"))
    };
    assert!(warned(&untrusted) && !warned(WHOLE));
    // Without TLS in front there is no proxy.
    assert!(!warned(&untrusted.replace("public_url: https://mcp.example.com", "public_url: http://127.0.0.1:8080")));
}

#[test]
fn c4_a_client_is_trusted_only_if_no_other_program_can_take_its_place() {
    let web = "id: web, jwks_uri: \"https://web.example.com/keys\", redirect_uris: [\"https://web.example.com/cb\"]";
    for (client, said) in [
        (web.to_owned(), None),
        (web.replace("https://web.example.com/cb", "http://127.0.0.1/cb"), None),
        ("id: web, redirect_uris: [\"https://web.example.com/cb\"]".to_owned(), None),
        (
            "id: web, redirect_uris: [\"https://web.example.com/cb\", \"http://127.0.0.1/cb\"]".to_owned(),
            Some("a trusted public client with the redirect URI \"http://127.0.0.1/cb\""),
        ),
        (
            "id: web, redirect_uris: [\"com.example.web:/cb\"]".to_owned(),
            Some("a trusted public client with the redirect URI \"com.example.web:/cb\""),
        ),
    ] {
        let text = WHOLE.replace(web, &client);
        match said {
            Some(said) => assert!(problems(&text, ACCOUNTS).contains(said), "{client}"),
            None => assert_eq!(warnings(&text, ACCOUNTS), "", "{client}"),
        }
    }
    let batch = WHOLE.replace("grant_types: [client_credentials], introspects: [files]", "trusted: true");
    assert!(problems(&batch, ACCOUNTS).contains("trusted without authorization_code"));
}

#[test]
fn first_8_check_names_and_scopes_that_grants_cannot_mean_are_told_with_what_was_meant() {
    for (from, to, expected) in [
        (
            "groups: [staff, ops]",
            "groups: [stafff, ops]",
            "found \"stafff\"; expected a group that an account has; did you mean \"staff\"?",
        ),
        ("accounts: [ada]", "accounts: [aad]", "this one is not there, and gets nothing; did you mean \"ada\"?"),
        (
            "{accounts: [ada], scopes: [\"*\"]}",
            "{accounts: [ada], scopes: [a]}",
            "servers.files.scopes_supported[0]: found \"extra\", a scope that no entry of `grants` gives",
        ),
    ] {
        let text = WHOLE.replace("[own, partner]", "[own]").replace(from, to);
        let said = warnings(&text, ACCOUNTS);
        assert!(said.lines().count() == 1 && said.contains(expected), "{to}: {said}");
    }
}

#[test]
fn two_embedded_authorization_servers_share_neither_path_nor_store() {
    let text = WHOLE.replace("path: /sso", "path: /oauth/token").replace("{redis: env:REDIS}", "{file: ./as.db}");
    let text = text.replace("./as.db", "as.db");
    let told = problems(&text, ACCOUNTS);
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(
        "bridge.embedded.path: found a path of authorization_servers.own.embedded; expected each path once; see gateway.yaml:"
    ));
    assert!(told[1].contains(
        "bridge.embedded.store.file: found the store of authorization_servers.own.embedded; expected a store of its own; \
         see gateway.yaml:"
    ));
    let issuer = WHOLE.replace("https://partner.example.net", "https://mcp.example.com/oauth");
    let twice = problems(&issuer, ACCOUNTS);
    assert!(
        twice.contains("found the issuer of authorization_servers.own; expected each issuer once; see gateway.yaml:"),
        "{twice:?}"
    );
}
