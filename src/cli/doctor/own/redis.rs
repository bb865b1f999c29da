//! Does each Redis answer, accept the gateway's login, and keep what it is given?

use std::sync::Arc;

use super::own_file::OwnFile;
use crate::{
    app::{asking::trust_roots, clock::SystemClock},
    authorization_server::{
        settings::StoreSettings,
        store::{Store, kind::EntryKind},
    },
    cli::doctor::finding::Finding,
};

/// A key that no entry has.
const NO_ENTRY: &str = "portcullis-doctor";

/// What is wrong with the stores in Redis.
pub(super) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for embedded in &of.settings().embedded {
        if !matches!(embedded.store, StoreSettings::Redis(_)) {
            continue;
        }
        let key = format!("authorization_servers.{}.embedded.store.redis", embedded.name);
        let finding = |id, found: String| Finding::new(id, of.at(&key)).found(found);
        let Ok(roots) = trust_roots() else { continue };
        let store = match Store::open(&embedded.store, roots, Arc::new(SystemClock::start())) {
            Ok(store) => store,
            Err(fault) => {
                findings.push(finding("redis-refused", fault.0).expected("a URL of Redis"));
                continue;
            }
        };
        if let Err(fault) = store.get(EntryKind::Store, NO_ENTRY).await {
            findings.push(of_fault(&fault.0, &finding));
        } else if let Ok(Some(policy)) = store.eviction().await
            && !embedded.allow_eviction
        {
            let finding = finding("redis-evicts", format!("maxmemory-policy {policy}"));
            findings.push(finding.expected("maxmemory-policy noeviction"));
        }
    }
    findings
}

fn of_fault(fault: &str, finding: &impl Fn(&'static str, String) -> Finding) -> Finding {
    let text = fault.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // The URL may hold a password; the fault does not repeat it.
    let told = |id| finding(id, fault.to_owned());
    match () {
        () if has(&["refused the login", "noauth", "wrongpass", "authentication", "noperm"]) => {
            told("redis-auth").expected("a login that Redis accepts").example("store: {redis: \"env:REDIS_URL\"}")
        }
        () if has(&["(tls", "certificate", "plain_http", "tls_"]) => told("redis-tls")
            .expected("TLS with a trusted certificate")
            .example("store: {redis: \"rediss://HOST:6380/0\"}"),
        () => told("redis-refused").expected("a Redis that answers").example("store: {redis: \"redis://HOST:6379/0\"}"),
    }
}
