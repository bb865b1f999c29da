//! `registration`: which clients are accepted without an entry, as read, refused and printed.

use super::{ACCOUNTS, WHOLE, folder, with};
use crate::{config::explain, decide::authorization_server::redirect_scheme::RedirectSchemes};

/// The whole file with these keys of `registration`.
fn with_keys(keys: &str) -> String {
    WHOLE.replace("        dynamic: token\n", &format!("        dynamic: token\n        {keys}\n"))
}

fn problems(keys: &str) -> String {
    let folder = folder(ACCOUNTS);
    with(&with_keys(keys), folder.path()).expect_err(keys).to_string()
}

#[test]
fn b3_schemes_are_a_word_or_a_list() {
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
        ("redirect_schemes: [myapp, myapp]", "redirect_schemes[1]: found \"myapp\" a second time"),
        ("redirect_schemes: {a: b}", "redirect_schemes: found"),
    ] {
        assert!(problems(keys).contains(said), "{keys}: {}", problems(keys));
    }
}
