//! `registration`: which clients are accepted without an entry, as read, refused and printed.

use super::{ACCOUNTS, WHOLE, folder, with};
use crate::{
    config::explain,
    decide::authorization_server::{people::RegisteredBy, redirect_scheme::RedirectSchemes},
};

/// The whole file with these keys of `registration`.
fn with_keys(keys: &str) -> String {
    WHOLE.replace("        dynamic: token\n", &format!("        dynamic: token\n        {keys}\n"))
}

fn problems(keys: &str) -> String {
    let folder = folder(ACCOUNTS);
    with(&with_keys(keys), folder.path()).expect_err(keys).to_string()
}

#[test]
fn login_b3_schemes_are_a_word_or_a_list() {
    let folder = folder(ACCOUNTS);
    let listed = |known: bool, schemes: &[&str]| RedirectSchemes::Listed {
        known,
        schemes: schemes.iter().map(|one| Box::from(*one)).collect(),
    };
    for (keys, schemes) in [
        ("# nothing", RedirectSchemes::Known),
        ("redirect_schemes: known", RedirectSchemes::Known),
        ("redirect_schemes: any", RedirectSchemes::Any),
        ("redirect_schemes: []", listed(false, &[])),
        ("redirect_schemes: [myapp, com.example.app]", listed(false, &["myapp", "com.example.app"])),
        ("redirect_schemes: [known, myapp]", listed(true, &["myapp"])),
    ] {
        let settings = with(&with_keys(keys), folder.path()).unwrap_or_else(|wrong| panic!("{keys}: {wrong}")).settings;
        assert_eq!(settings.embedded[0].registration.redirect_schemes, schemes, "{keys}");
        let printed = explain::print(&settings);
        let again = with(&printed, folder.path()).unwrap_or_else(|wrong| panic!("{wrong}\n{printed}")).settings;
        assert_eq!(again.embedded[0].registration, settings.embedded[0].registration, "{printed}");
    }
    for (keys, said) in [
        ("redirect_schemes: all", "redirect_schemes: found \"all\"; expected known or any, or a list of schemes"),
        ("redirect_schemes: [javascript]", "redirect_schemes[0]: found \"javascript\"; expected a private-use scheme"),
        (
            "redirect_schemes: [\"cursor://\"]",
            "redirect_schemes[0]: found \"cursor://\"; expected a private-use scheme",
        ),
        (
            "redirect_schemes: [a, MyApp]",
            "redirect_schemes[1]: found \"MyApp\"; expected a private-use scheme in lower",
        ),
        ("redirect_schemes: [https]", "redirect_schemes[0]: found \"https\""),
        ("redirect_schemes: [known, any]", "redirect_schemes[1]: found \"any\"; expected `redirect_schemes: any` by"),
        ("redirect_schemes: [any]", "redirect_schemes[0]: found \"any\"; expected `redirect_schemes: any` by"),
        ("redirect_schemes: [myapp, myapp]", "redirect_schemes[1]: found \"myapp\" a second time"),
        ("redirect_schemes: {a: b}", "redirect_schemes: found"),
    ] {
        assert!(problems(keys).contains(said), "{keys}: {}", problems(keys));
    }
}

#[test]
fn b9_clients_act_for_themselves_where_registration_and_grants_say_so() {
    let folder = folder(ACCOUNTS);
    let both = "grant_types: [authorization_code, client_credentials]";
    let granted = |keys: &str, entry: &str| {
        let text = with_keys(keys);
        let grants = text.find("      grants:\n").unwrap() + "      grants:\n".len();
        let (before, after) = text.split_at(grants);
        format!("{before}        - {entry}\n{after}")
    };
    let open = |text: &str| {
        text.replace("dynamic: token\n", "dynamic: open\n").replace("        token: env:SESSION_KEY\n", "")
    };
    for (text, may, by) in [
        (with_keys("grant_types: [authorization_code]"), false, None),
        (with_keys(both), true, None),
        (granted(both, "{registered: token, scopes: [mcp:connect]}"), true, Some(RegisteredBy::Token)),
        (open(&granted(both, "{registered: anyone, scopes: [mcp:connect]}")), true, Some(RegisteredBy::Anyone)),
    ] {
        let settings = with(&text, folder.path()).unwrap_or_else(|wrong| panic!("{text}: {wrong}")).settings;
        let embedded = &settings.embedded[0];
        assert_eq!((embedded.registration.may_act_alone, embedded.grants[0].registered), (may, by), "{text}");
        let printed = explain::print(&settings);
        let again = with(&printed, folder.path()).unwrap_or_else(|wrong| panic!("{wrong}\n{printed}")).settings;
        assert_eq!(
            (&again.embedded[0].registration, &again.embedded[0].grants),
            (&embedded.registration, &embedded.grants)
        );
    }
    for (text, said) in [
        (open(&with_keys(both)), "no entry for clients that register, which `dynamic: open` permits to anyone"),
        (
            open(&granted(both, "{registered: token, scopes: [a]}")),
            "expected anyone: with `dynamic: open` every client",
        ),
        (
            granted("# nothing", "{registered: token, scopes: [a]}"),
            "`client_credentials` among registration.grant_types",
        ),
        (granted(both, "{registered: token, groups: [staff], scopes: [a]}"), "an entry of its own"),
        (granted(both, "{registered: all, scopes: [a]}"), "grants[0].registered: found \"all\""),
        (with_keys("grant_types: [client_credentials]"), "authorization_code among them"),
        (with_keys("grant_types: [implicit]"), "grant_types[0]: found \"implicit\""),
        (with_keys("grant_types: []"), "grant_types: found"),
    ] {
        let problems = with(&text, folder.path()).expect_err(&text).to_string();
        assert!(problems.contains(said), "{said}: {problems}");
    }
}

#[test]
fn login_b9_an_entry_for_registered_clients_that_gives_no_token_is_warned_of() {
    let folder = folder(ACCOUNTS);
    let text = with_keys("grant_types: [authorization_code, client_credentials]");
    let said = |scopes: &str| {
        let entry = format!("      grants:\n        - {{registered: token, scopes: [{scopes}]}}\n");
        let read = with(&text.replacen("      grants:\n", &entry, 1), folder.path()).unwrap();
        read.warnings.iter().map(ToString::to_string).collect::<String>()
    };
    assert_eq!(said("mcp:connect"), "");
    let said = said("\"other:*\"");
    assert!(said.contains("an entry of `grants` for registered clients whose scopes no server names"), "{said}");
}
