//! What `serve` tells an operator when it is ready: what is protected, and how clients connect.

use crate::{
    cli::terminal::word,
    config::{
        ListenTls, Settings,
        flags::{Flags, StoreFlag, TokenFlags, TransportFlags},
    },
};

/// What is told at the start.
pub(super) fn welcome(flags: &Flags, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut told = Vec::new();
    let Some(server) = settings.servers.first() else { return told };
    let url = settings.public_url.resource(&server.path);
    let mut line = |about: &'static str, words: &str| told.push((about, words.to_owned()));
    // Its query may hold a key.
    line("protects", flags.upstream.text.split('?').next().unwrap_or_default());
    line("clients connect", url.as_str());
    line(
        "tokens from",
        &match &flags.tokens {
            TokenFlags::Issuer { issuer, .. } => issuer.text.clone(),
            TokenFlags::Accounts { file, store } => {
                let kept = match store {
                    StoreFlag::File(store) => format!("logins are kept in {}", store.text),
                    StoreFlag::Memory(_) => "logins end with the process".to_owned(),
                };
                format!("{}/oauth, for the accounts in {}; {kept}", settings.public_url.origin(), file.text)
            }
            TokenFlags::Demo(_) => format!("{}/oauth, for the demo account", settings.public_url.origin()),
        },
    );
    let scopes: Vec<&str> = flags.scopes.iter().map(|scope| scope.text.as_str()).collect();
    line(
        "permits",
        &match scopes.is_empty() {
            true => "everything, to every valid token".to_owned(),
            false => format!("everything, to tokens with {}", scopes.join(" and ")),
        },
    );
    if settings.public_url.is_https() && matches!(flags.transport, TransportFlags::None | TransportFlags::Plaintext(_))
    {
        line("TLS", "a proxy or a tunnel in front must terminate it, and pass the host name on");
    }
    if let Some(ListenTls::Acme(acme)) = settings.listen.first().and_then(|listen| listen.tls.as_ref()) {
        line(
            "certificate",
            &format!("by ACME; kept in {}: a start without that folder orders another", acme.cache.display()),
        );
    }
    line("try it", &format!("curl -i {}", word(url.as_str())));
    line("keep it", "the same flags with --print-config print a gateway.yaml for `portcullis run`");
    told
}
