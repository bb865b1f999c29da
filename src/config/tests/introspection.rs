//! `introspection` of an authorization server: settings, mistakes, and what `explain` prints.

use std::{path::Path, time::Duration};

use super::{changed, problems, read, read_in};
use crate::{config::explain, outbound::keys::KeySource};

fn with(more: &str) -> String {
    changed("    issuer: https://login.example.com\n", &format!("    issuer: https://login.example.com\n{more}"))
}

#[test]
fn people_a10_introspection_is_read_and_printed_without_its_secret() {
    let short = with("    introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\"}\n");
    let issuer = &read(&short).unwrap().settings.authorization_servers[0];
    let settings = issuer.introspection.as_ref().unwrap();
    assert_eq!((settings.url.as_deref(), &*settings.client_id, settings.cache), (None, "gw", Duration::from_secs(30)));
    assert_eq!(issuer.keys, KeySource::Discover);

    let long = with(
        "    introspection: {url: \"https://login.example.com/i\", client_id: gw, client_secret: \"env:SESSION_KEY\", cache: 5s, only: true}\n",
    );
    for text in [&short, &long] {
        let before = read(text).unwrap().settings;
        let printed = explain::print(&before);
        assert!(printed.contains("env:SESSION_KEY") && !printed.contains("0123456789abcdef"), "{printed}");
        let after = read_in(&printed, Path::new("/elsewhere")).unwrap_or_else(|wrong| panic!("{wrong}\n{printed}"));
        assert_eq!(after.settings, before, "{printed}");
    }
    assert_eq!(read(&long).unwrap().settings.authorization_servers[0].keys, KeySource::Nowhere);
}

#[test]
fn people_a10_mistakes_have_their_line() {
    for (more, told) in [
        ("    introspection: {client_id: gw}\n", "introspection.client_secret: found nothing"),
        ("    introspection: {client_secret: \"env:SESSION_KEY\"}\n", "introspection.client_id: found nothing"),
        (
            "    introspection: {client_id: gw, client_secret: hunter2}\n",
            "found a value that is not a reference (not shown)",
        ),
        ("    introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\", cache: 0s}\n", "expected a duration"),
        ("    introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\", cache: 1h}\n", "expected a duration"),
        (
            "    introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\", url: \"http://idp.example/i\"}\n",
            "introspection.url: found \"http://idp.example/i\"; expected an https:// URL",
        ),
        (
            "    jwks: {url: \"https://login.example.com/k\"}\n    introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\", only: true}\n",
            "7:11 authorization_servers.corporate.jwks: found keys of an authorization server that signs no tokens",
        ),
        (
            "    introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\"}\n  other:\n    issuer: https://other.example\n    \
             introspection: {client_id: gw, client_secret: \"env:SESSION_KEY\"}\n",
            "servers.weather.authorization_servers: found two with `introspection`: \"corporate\" and \"other\"",
        ),
    ] {
        let told_of = problems(&with(more)).join("\n");
        assert!(told_of.contains(told) && !told_of.contains("hunter2"), "{more}\n{told_of}");
    }
}
