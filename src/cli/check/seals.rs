//! What `portcullis check` says about the keys that seal stores: which one a file still needs.

use std::{path::Path, time::Duration};

use crate::{
    app::clock::SystemClock,
    authorization_server::{
        keys::{seal::Sealer, signing},
        settings::{EmbeddedSettings, StoreSettings},
        store::census::{NoCensus, SealCensus, census},
    },
    base::clock::Clock,
    config::Settings,
    decide::authorization_server::stored_value::SealKeyId,
};

/// A line for the operator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SealLine {
    /// How things are.
    Told(String),
    /// What will be lost.
    Warned(String),
}

use SealLine::{Told, Warned};

/// The lines about all stores that outlive a restart.
pub(super) fn lines(settings: &Settings) -> Vec<SealLine> {
    let now = SystemClock::start().now().wall;
    let stores = settings.embedded.iter().filter(|embedded| embedded.store != StoreSettings::Memory);
    stores.flat_map(|embedded| of_store(embedded, now)).collect()
}

fn of_store(embedded: &EmbeddedSettings, now: Duration) -> Vec<SealLine> {
    let Ok(sealer) = Sealer::new(&embedded.seal_keys) else { return Vec::new() };
    match &embedded.store {
        StoreSettings::File(path) => match census(path, now) {
            Ok(found) => counted(path, &sealer, &found),
            Err(NoCensus::Empty) => of_running(&sealer),
            Err(NoCensus::InUse) => {
                let mut lines = vec![Told(format!("{}: a running gateway has it open", path.display()))];
                lines.extend(of_running(&sealer));
                lines
            }
            Err(NoCensus::Failed(fault)) => {
                vec![Warned(format!("{}: it cannot be read: {fault}", path.display()))]
            }
        },
        StoreSettings::Memory | StoreSettings::Redis(_) => of_running(&sealer),
    }
}

/// Where a running gateway says what a store needs: it knows better what a shared one needs.
fn of_running(sealer: &Sealer) -> Vec<SealLine> {
    let ids: Vec<SealKeyId> = sealer.ids().collect();
    let several = ids.iter().enumerate().filter(|_| ids.len() > 1);
    several
        .map(|(position, id)| match position {
            0 => Told(format!("session_keys[0] is key {id}: it seals the store")),
            _ => Told(format!("session_keys[{position}] is key {id}: remove it when the metric portcullis_store_key_needed of every replica is 0 for it")),
        })
        .collect()
}

/// What a file that no gateway has open needs.
fn counted(path: &Path, sealer: &Sealer, found: &SealCensus) -> Vec<SealLine> {
    let place = path.display();
    let ring = found.ring.as_deref().map(|ring| signing::opened_by(sealer, ring));
    let mut lines = Vec::new();
    for (position, id) in sealer.ids().enumerate() {
        let mut sealed = Vec::new();
        if ring == Some(Some(position)) {
            sealed.push("the signing keys".to_owned());
        }
        if let Some(count) = found.entries.get(&id) {
            sealed.push(format!("{count} entries"));
        }
        let sealed = sealed.join(" and ");
        lines.push(Told(match (position, sealed.is_empty()) {
            (0, true) => format!("{place}: session_keys[0] is key {id}: it will seal the store"),
            (0, false) => format!("{place}: session_keys[0] is key {id}: it seals {sealed}"),
            (_, true) => format!("{place}: session_keys[{position}] is key {id}: the store no longer needs it"),
            (_, false) => format!("{place}: session_keys[{position}] is key {id}: it still seals {sealed}; keep it until a gateway with these keys has run for a minute"),
        }));
    }
    for (id, count) in found.entries.iter().filter(|(id, _)| !sealer.knows(**id)) {
        lines.push(Warned(format!(
            "{place}: {count} entries are sealed with key {id}, which is not in session_keys: they are lost unless it is added again"
        )));
    }
    if ring == Some(None) {
        lines.push(Warned(format!(
            "{place}: none of session_keys opens the signing keys: the next start replaces them, and every access token that was issued is refused"
        )));
    }
    if found.unsealed > 0 {
        lines.push(Told(format!(
            "{place}: {} entries are from a version that did not seal them; the next start seals them",
            found.unsealed
        )));
    }
    lines
}
