//! Warns of settings with which a certificate by ACME is probably not issued, or not trusted.

use crate::{
    config::{acme::WrittenAcme, check::sections::Sections, listen::WrittenListener, reading::Reading},
    outbound::acme::settings::{LETS_ENCRYPT, LETS_ENCRYPT_STAGING},
};

/// Checks each listener with `acme`.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    for listener in sections.listeners {
        let Some(acme) = &listener.acme else { continue };
        is_reached(reading, sections, listener);
        names_public_host(reading, sections, acme);
        is_issued(reading, acme);
        if &*acme.settings.directory == LETS_ENCRYPT_STAGING {
            let expected =
                "the directory of production, once a certificate was issued: clients refuse certificates of staging";
            reading.warning(&acme.directory, "Let's Encrypt's staging directory", expected);
        }
    }
}

/// The CA connects to port 443 (RFC 8737 §3). If clients do not connect there either, and no proxy
/// names itself, nothing shows that the port is forwarded.
fn is_reached(reading: &Reading<'_>, sections: &Sections<'_>, listener: &WrittenListener) {
    let Some(address) = &listener.address else { return };
    let port = address.value.port();
    let is_forwarded = listener.proxy_protocol.is_some() || sections.public_url.is_some_and(|url| url.port() == 443);
    if !matches!(port, 0 | 443) && !is_forwarded {
        let expected = "port 443, or a forwarding of port 443 to this one without an end of TLS: the CA connects to port 443 of each domain";
        reading.warning(&address.place, &format!("port {port} with `acme`"), expected);
    }
}

fn names_public_host(reading: &Reading<'_>, sections: &Sections<'_>, acme: &WrittenAcme) {
    let Some(host) = sections.public_url.map(|url| url.host()) else { return };
    if acme.settings.domains.iter().any(|domain| **domain == *host) {
        return;
    }
    if let Some(first) = acme.domains.first() {
        let expected = format!(
            "{host} among them, the host of public_url: clients ask for it, and refuse a certificate without it"
        );
        reading.warning(&first.place, "domains without the host of public_url", &expected);
    }
}

/// Names that a public CA refuses.
fn is_issued(reading: &Reading<'_>, acme: &WrittenAcme) {
    let is_public = [LETS_ENCRYPT, LETS_ENCRYPT_STAGING].contains(&&*acme.settings.directory);
    for domain in acme.domains.iter().filter(|_| is_public) {
        let last = domain.value.rsplit('.').next().unwrap_or_default();
        let is_private = ["local", "localhost", "internal", "lan", "home", "corp", "test", "example", "invalid"];
        if !domain.value.contains('.') || is_private.contains(&last) {
            let found = format!("{}, a name inside a network", domain.value);
            let expected =
                "a name that everyone can look up, or the `directory` of a private CA: a public CA refuses it";
            reading.warning(&domain.place, &found, expected);
        }
    }
}
