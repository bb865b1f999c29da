//! Revoked access tokens and families: refused here at once, by other replicas within two seconds.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    authorization_server::store::{Store, fault::StoreFault, kind::EntryKind},
    base::{clock::Now, digest::sha256_base64url},
    decide::{authorization_server::holders::Holders, token::caller::Caller},
    outbound::keys::LocalKeys,
};

/// How many characters of its family's digest the `jti` of an access token contains.
const STEM_CHARS: usize = 22;

/// Revocations, shared with the gateway's verifier.
pub(crate) struct Revocations {
    local: Arc<LocalKeys>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// From the last list of the store.
    listed: HashSet<Box<str>>,
    /// Revoked by this replica, each until its last token expires: a list that was requested from
    /// the store before the revocation does not contain it.
    own: HashMap<Box<str>, Duration>,
}

impl Revocations {
    pub(crate) fn new(local: Arc<LocalKeys>) -> Self {
        Self { local, known: Mutex::default() }
    }

    /// Revokes `name`: a `jti`, or a [`stem`] for every access token of a family. `until` is when
    /// the last of them expires.
    ///
    /// # Errors
    /// [`StoreFault`]: this replica refuses the token, the others do not.
    pub(crate) async fn revoke(&self, store: &Store, name: &str, until: Duration, now: Now) -> Result<(), StoreFault> {
        if until <= now.wall {
            return Ok(());
        }
        self.change(now, |known| {
            known.own.insert(name.into(), until);
        });
        store.put(EntryKind::Revoked, name, Vec::new(), until).await
    }

    /// Reads the other replicas' revocations from the store.
    ///
    /// # Errors
    /// [`StoreFault`]; known revocations stay in force.
    pub(crate) async fn refresh(&self, store: &Store, now: Now) -> Result<(), StoreFault> {
        let listed = store.list(EntryKind::Revoked).await?.into_iter().map(|(name, _)| name.into()).collect();
        self.change(now, |known| known.listed = listed);
        Ok(())
    }

    /// Replaces the users and clients whose access tokens count at this replica.
    pub(crate) fn accept_only(&self, holders: Holders) {
        self.local.accept_only(holders);
    }

    /// Whether this replica knows that the token of `caller` no longer counts.
    pub(crate) fn have_withdrawn(&self, caller: &Caller) -> bool {
        self.local.is_withdrawn(caller)
    }

    fn change(&self, now: Now, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        known.own.retain(|_, until| now.wall < *until);
        let all = known.listed.iter().chain(known.own.keys()).cloned().collect();
        // Under the lock, so that the later of two changes is published last.
        self.local.revoke(all);
    }
}

/// The start of the `jti` of every access token of a family. It is a digest, because the family's
/// id is half of a refresh token: with the id, an attacker who sees an access token could present a
/// wrong refresh token and so end the family.
pub(crate) fn stem(family: &str) -> String {
    sha256_base64url(family).chars().take(STEM_CHARS).collect()
}
