//! `tls.acme` of a listener: settings, mistakes, warnings, and what `explain` prints.

use std::path::{Path, PathBuf};

use super::{changed, problems, read, read_in, warnings};
use crate::{
    config::{ListenTls, explain},
    outbound::acme::settings::{AcmeSettings, LETS_ENCRYPT},
};

fn with(address: &str, acme: &str) -> String {
    let listener = format!("address: {address}\n    tls: {{acme: {{{acme}}}}}");
    changed("address: 127.0.0.1:8080", &listener)
}

fn settings(text: &str) -> AcmeSettings {
    match &read(text).unwrap_or_else(|wrong| panic!("{wrong}")).settings.listen[0].tls {
        Some(ListenTls::Acme(acme)) => (**acme).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn f40_f45_acme_is_read_and_printed_without_its_secret() {
    let short = with("0.0.0.0:443", "email: ops@example.com");
    let read_as = settings(&short);
    assert_eq!(read_as.names(), "mcp.example.com", "the host of public_url");
    assert_eq!((&*read_as.directory, read_as.cache), (LETS_ENCRYPT, PathBuf::from("/nonexistent/acme")));
    assert_eq!(warnings(&short), Vec::<String>::new());

    let long = with(
        "0.0.0.0:443",
        "email: ops@example.com, domains: [mcp.example.com, b.example.com], cache: /var/acme, directory: \"https://ca.internal/dir\", \
         external_account: {key_id: kid-1, key: env:SESSION_KEY}",
    );
    for text in [&short, &long] {
        let before = read(text).unwrap().settings;
        let printed = explain::print(&before);
        assert!(!printed.contains("0123456789abcdef"), "{printed}");
        let after = read_in(&printed, Path::new("/elsewhere")).unwrap_or_else(|wrong| panic!("{wrong}\n{printed}"));
        assert_eq!(after.settings, before, "{printed}");
    }
    let debugged = format!("{:?}", read(&long).unwrap());
    assert!(!debugged.contains("ops@example.com") && !debugged.contains("0123456789abcdef"), "{debugged}");
}

#[test]
fn f41_attack_400_mistakes_have_their_line() {
    let email = |more: &str| format!("email: ops@example.com{more}");
    for (acme, told) in [
        (
            email(", domains: [\"*.example.com\"]"),
            "tls.acme.domains[0]: found \"*.example.com\"; expected each host name by itself",
        ),
        (email(", domains: [192.0.2.7]"), "certificates for IP addresses are not ordered"),
        (email(", domains: [a.example, a.example]"), "a second time"),
        (
            email(", directory: \"http://ca.internal/dir\""),
            "an https:// URL; http:// is possible for a loopback host alone",
        ),
        (email(", external_account: {key_id: a, key: hunter2}"), "found a value that is not a reference (not shown)"),
        (
            email(", external_account: {key_id: a, key: env:TWO_LINES}"),
            "env:TWO_LINES, which holds something else (not shown)",
        ),
        (email(", ca: no.pem"), "no.pem, which cannot be read"),
        ("domains: [a.example]".to_owned(), "tls.acme.email: found nothing"),
        ("email: \"a@b.example,c@d.example\"".to_owned(), "one e-mail address"),
        ("email: ops".to_owned(), "one e-mail address"),
        (email("}, key: tls.key, x: {"), "a file beside `acme`"),
    ] {
        let said = problems(&with("0.0.0.0:443", &acme));
        assert!(said.iter().any(|line| line.contains(told)), "{acme}: {said:?}");
    }
    let address = with("0.0.0.0:443", "email: ops@example.com").replace("mcp.example.com", "192.0.2.7");
    assert!(problems(&address)[0].contains("the address 192.0.2.7 as the host of public_url"));
}

#[test]
fn f46_what_is_probably_wrong_is_warned_of() {
    let other_port =
        |text: String| text.replace("public_url: https://mcp.example.com", "public_url: https://mcp.example.com:8443");
    let acme = "email: ops@example.com";
    for (text, told) in [
        (other_port(with("0.0.0.0:8443", acme)), Some("port 8443 with `acme`; expected port 443")),
        // Clients use port 443, so it is forwarded.
        (with("0.0.0.0:8443", acme), None),
        (with("0.0.0.0:443", "email: ops@example.com, domains: [b.example.com]"), Some("mcp.example.com among them")),
        (
            with(
                "0.0.0.0:443",
                "email: ops@example.com, directory: \"https://acme-staging-v02.api.letsencrypt.org/directory\"",
            ),
            Some("clients refuse certificates of staging"),
        ),
        (
            with("0.0.0.0:443", "email: ops@example.com, domains: [mcp.example.com, gw.internal]"),
            Some("a public CA refuses it"),
        ),
        (
            with(
                "0.0.0.0:443",
                "email: ops@example.com, domains: [mcp.example.com, gw], directory: \"https://ca.internal/dir\"",
            ),
            None,
        ),
    ] {
        let said = warnings(&text);
        assert_eq!(said.len(), usize::from(told.is_some()), "{text}: {said:?}");
        assert!(told.is_none_or(|told| said[0].contains(told)), "{said:?}");
    }
}
