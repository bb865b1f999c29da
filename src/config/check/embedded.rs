//! Checks embedded authorization servers against all else: paths, stores, the keys that seal them, and who takes their tokens.

use crate::{
    config::{check::sections::Sections, embedded::Embedded, reading::Reading},
    decide::routing::{IssuerEndpoint, messages_path},
    issuer::store::StoreSettings,
};

/// Checks all that an embedded authorization server could get wrong with the rest of the file.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    let issuers = sections.issuers.iter().enumerate();
    let inside: Vec<(usize, &Embedded)> =
        issuers.filter_map(|(index, issuer)| Some((index, issuer.embedded.as_ref()?))).collect();
    for (position, (index, embedded)) in inside.iter().enumerate() {
        paths_are_free(reading, sections, embedded);
        let earlier: Vec<&Embedded> = inside.iter().take(position).map(|(_, other)| *other).collect();
        shares_nothing(reading, embedded, &earlier);
        is_sealed(reading, sections, embedded);
        let is_taken = sections
            .servers
            .iter()
            .filter_map(|server| server.settings.as_ref())
            .any(|server| server.authorization_servers.contains(index));
        if !is_taken && sections.servers.iter().all(|server| server.settings.is_some()) {
            let expected = "a server that names it under `authorization_servers`: tokens are made for those alone";
            reading.warning(&embedded.place, "an authorization server whose tokens no server takes", expected);
        }
    }
}

/// A server at one of its paths would never be reached, or would answer in its name.
fn paths_are_free(reading: &Reading<'_>, sections: &Sections<'_>, embedded: &Embedded) {
    let Some(path) = &embedded.path else { return };
    let below = |other: &str| {
        IssuerEndpoint::BELOW.iter().any(|endpoint| other.strip_suffix(endpoint.suffix()) == Some(&path.value))
    };
    for server in sections.servers {
        let own = server.path.iter().map(|path| (path, path.value.to_string()));
        let legacy = server.legacy_path.iter().map(|path| (path, path.value.to_string()));
        let messages = server.legacy_path.iter().map(|path| (path, messages_path(&path.value)));
        for (written, other) in own.chain(legacy).chain(messages) {
            if *other == *path.value || below(&other) {
                let found = format!("a path of {}", embedded.place.key);
                reading.problem(&written.place, &found, "each path once");
            }
        }
    }
}

/// Two of one path are one issuer; two on one store would take each other's keys and codes for their own.
fn shares_nothing(reading: &Reading<'_>, embedded: &Embedded, earlier: &[&Embedded]) {
    for other in earlier {
        if let (Some(path), Some(others)) = (&embedded.path, &other.path) {
            let (a, b) = (&*path.value, &*others.value);
            let is_below = |whole: &str, part: &str| {
                IssuerEndpoint::BELOW.iter().any(|endpoint| whole.strip_suffix(endpoint.suffix()) == Some(part))
            };
            if a == b || is_below(a, b) || is_below(b, a) {
                reading.problem(&path.place, &format!("a path of {}", other.place.key), "each path once");
            }
        }
        if let (Some(store), Some(others)) = (&embedded.store, &other.store)
            && store.value != StoreSettings::Memory
            && store.value == others.value
        {
            reading.problem(&store.place, &format!("the store of {}", other.place.key), "a store of its own");
        }
    }
}

/// What outlives the process must open again after it, and in other replicas.
fn is_sealed(reading: &Reading<'_>, sections: &Sections<'_>, embedded: &Embedded) {
    if let Some(store) = &embedded.store
        && store.value != StoreSettings::Memory
        && !sections.has_session_keys
    {
        let expected =
            "`session_keys` at the top of the file: the first seals what the store keeps secret, all open it";
        reading.problem(&store.place, "a store without keys to seal it with", expected);
    }
}
