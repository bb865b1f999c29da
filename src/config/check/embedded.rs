//! Checks embedded authorization servers against the rest of the file: paths, stores, keys.

use crate::{
    authorization_server::settings::{Dynamic, EmbeddedSettings, Login, StoreSettings},
    config::{check::sections::Sections, embedded::WrittenEmbedded, problem::quoted, reading::Reading},
    decide::routing::{IssuerEndpoint, messages_path},
};

/// Checks each embedded authorization server.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    let issuers = sections.issuers.iter().enumerate();
    let inside: Vec<(usize, &WrittenEmbedded)> =
        issuers.filter_map(|(index, issuer)| Some((index, issuer.embedded.as_ref()?))).collect();
    for (position, (index, embedded)) in inside.iter().enumerate() {
        paths_are_free(reading, sections, embedded);
        let earlier: Vec<&WrittenEmbedded> = inside.iter().take(position).map(|(_, other)| *other).collect();
        shares_no_path_or_store(reading, embedded, &earlier);
        has_session_keys(reading, sections, embedded);
        introspected_servers_exist(reading, sections, *index, embedded);
        clients_can_come(reading, embedded);
        demo_account_stays_here(reading, sections, embedded);
        let is_taken = sections
            .servers
            .iter()
            .filter_map(|server| server.settings.as_ref())
            .any(|server| server.authorization_servers.contains(index));
        if !is_taken && sections.servers.iter().all(|server| server.settings.is_some()) {
            let expected =
                "a server that names it under `authorization_servers`: it issues tokens for such servers only";
            reading.warning(&embedded.place, "an authorization server whose tokens no server accepts", expected);
        }
    }
}

/// A server on a path of the authorization server would never be reached, or would answer in its
/// place.
fn paths_are_free(reading: &Reading<'_>, sections: &Sections<'_>, embedded: &WrittenEmbedded) {
    let Some(path) = &embedded.path else { return };
    let below = |other: &str| {
        IssuerEndpoint::BELOW.iter().any(|endpoint| other.strip_suffix(endpoint.suffix()) == Some(&path.value))
    };
    for server in sections.servers {
        // A server is also at its path with a slash at its end, and at its path without it.
        let own = server.path.iter().map(|path| (path, path.value.trim_end_matches('/').to_owned()));
        let legacy = server.legacy_path.iter().map(|path| (path, path.value.trim_end_matches('/').to_owned()));
        let messages = server.legacy_path.iter().map(|path| (path, messages_path(&path.value)));
        for (written, other) in own.chain(legacy).chain(messages) {
            if *other == *path.value || below(&other) {
                let found = format!("a path of {}", embedded.place.key);
                reading.problem_see(&written.place, &found, "each path once", &path.place);
            }
        }
    }
}

/// Two embedded servers with the same path are one issuer; two with one store would use each
/// other's keys and codes.
fn shares_no_path_or_store(reading: &Reading<'_>, embedded: &WrittenEmbedded, earlier: &[&WrittenEmbedded]) {
    for other in earlier {
        if let (Some(path), Some(others)) = (&embedded.path, &other.path) {
            let (a, b) = (&*path.value, &*others.value);
            let is_below = |whole: &str, part: &str| {
                IssuerEndpoint::BELOW.iter().any(|endpoint| whole.strip_suffix(endpoint.suffix()) == Some(part))
            };
            if a == b || is_below(a, b) || is_below(b, a) {
                let found = format!("a path of {}", other.place.key);
                reading.problem_see(&path.place, &found, "each path once", &others.place);
            }
        }
        if let (Some(store), Some(others)) = (&embedded.store, &other.store)
            && store.value != StoreSettings::Memory
            && store.value == others.value
        {
            let found = format!("the store of {}", other.place.key);
            reading.problem_see(&store.place, &found, "a store of its own", &others.place);
        }
    }
}

/// A client introspects for servers that accept the tokens of this authorization server.
fn introspected_servers_exist(
    reading: &Reading<'_>,
    sections: &Sections<'_>,
    index: usize,
    embedded: &WrittenEmbedded,
) {
    let Some(settings) = &embedded.settings else { return };
    // With a mistake in a server, its name may be missing here.
    let servers: Option<Vec<_>> = sections.servers.iter().map(|server| server.settings.as_ref()).collect();
    let Some(servers) = servers else { return };
    let taking: Vec<&str> = servers
        .iter()
        .filter(|server| server.authorization_servers.contains(&index))
        .map(|server| server.name.as_str())
        .collect();
    for client in &settings.clients {
        for name in client.introspects.iter().filter(|name| !taking.contains(&&***name)) {
            let found = format!("the client {} introspects for {}", quoted(&client.id), quoted(name));
            let expected = format!("a server that accepts its tokens: {}", taking.join(", "));
            reading.problem(&embedded.place, &found, &expected);
        }
    }
}

/// Without a client no user can sign in: MCP clients register, are configured, or have a document.
fn clients_can_come(reading: &Reading<'_>, embedded: &WrittenEmbedded) {
    let Some(EmbeddedSettings { registration, clients, .. }) = &embedded.settings else { return };
    if registration.dynamic == Dynamic::Off && registration.document_hosts.is_empty() && clients.is_empty() {
        let expected = "`registration: {dynamic: open}` for clients that register themselves, as most MCP clients do, \
                        `registration.client_id_documents`, or `clients`: without one of them no client can get a token";
        reading.warning(&embedded.place, "neither `registration` nor `clients`", expected);
    }
}

/// A demo account is for trials on this machine: others could guess at it, and register clients
/// beside it.
fn demo_account_stays_here(reading: &Reading<'_>, sections: &Sections<'_>, embedded: &WrittenEmbedded) {
    let is_accounts = embedded.settings.as_ref().is_some_and(|of| matches!(of.login, Login::Accounts(_)));
    if !is_accounts || embedded.kept.accounts.is_some() {
        return;
    }
    for address in sections.listeners.iter().filter_map(|listener| listener.address.as_ref()) {
        if !address.value.ip().to_canonical().is_loopback() {
            let found = format!("{}, which other machines reach, beside a demo account", address.value);
            let expected = "an address on loopback, such as 127.0.0.1:8080, or `login: {accounts: FILE}`";
            reading.problem_see(&address.place, &found, expected, &embedded.place);
        }
    }
}

/// Entries of a store must be readable after a restart, and by other replicas.
fn has_session_keys(reading: &Reading<'_>, sections: &Sections<'_>, embedded: &WrittenEmbedded) {
    if let Some(store) = &embedded.store
        && store.value != StoreSettings::Memory
        && !sections.has_session_keys
    {
        let expected = "`session_keys` at the top level: they encrypt what the store keeps secret";
        reading.problem(&store.place, "a store without `session_keys`", expected);
    }
}
