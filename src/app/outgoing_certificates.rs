//! Warns of certificates that the gateway presents or pins, and that have expired or soon will.

use std::{path::Path, time::Duration};

use crate::{
    authorization_server::settings::Login,
    config::Settings,
    outbound::{certificate_dates::concern, reach::IssuerReach},
};

/// One sentence for each file whose certificates are no longer good for connections at `wall`.
pub(super) fn concerns(settings: &Settings, wall: Duration) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |key: String, path: Option<&Path>, why: Option<String>| {
        if let Some(why) = why {
            let file = path.map(|path| format!(" {}:", path.display())).unwrap_or_default();
            said.push(format!("{key}:{file} {why}"));
        }
    };
    let provenance = settings.provenance.servers.iter().map(Some).chain(std::iter::repeat(None));
    for (server, provenance) in settings.servers.iter().zip(provenance) {
        let (name, upstream) = (&server.name, &server.upstream);
        if let Some(own) = &upstream.client_certificate {
            let leaf = own.chain.get(..1).unwrap_or_default();
            let key = format!("servers.{name}.upstream.tls.certificate");
            say(key, Some(&own.certificate_path), concern(leaf, wall));
        }
        if let Some(ca) = &upstream.ca {
            let path = provenance.and_then(|provenance| provenance.ca.as_deref());
            say(format!("servers.{name}.upstream: `ca`"), path, concern(ca, wall));
        }
    }
    let mut reached = |key: String, reach: &IssuerReach| {
        if let Some(ca) = &reach.ca {
            say(format!("{key}.ca"), Some(&ca.path), concern(&ca.certificates, wall));
        }
    };
    for issuer in &settings.authorization_servers {
        reached(format!("authorization_servers.{}", issuer.rules.name), &issuer.reach);
    }
    for embedded in &settings.embedded {
        let key = format!("authorization_servers.{}.embedded.login", embedded.name);
        match &embedded.login {
            Login::Oidc(oidc) => reached(format!("{key}.oidc"), &oidc.reach),
            Login::GitHub(github) => reached(format!("{key}.github"), &github.reach),
            Login::Accounts(_) => {}
        }
    }
    said
}

/// Logs them, at the start and at each reload.
pub(super) fn tell(settings: &Settings, wall: Duration) {
    for said in concerns(settings, wall) {
        tracing::warn!("a certificate of the configuration: {said}");
    }
}
