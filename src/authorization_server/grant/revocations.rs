//! Access tokens and families that were revoked before their time: at once here, within two seconds at every other replica.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    authorization_server::{
        keys::seal::name_of,
        store::{Kind, Store, StoreFault},
    },
    base::clock::Now,
    outbound::keys::LocalKeys,
};

/// How much of a family's digest its tokens show.
const STEM_CHARS: usize = 22;

/// What is revoked, as the gateway's own verifier knows it.
pub(crate) struct Revocations {
    local: Arc<LocalKeys>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What the store said last.
    listed: HashSet<Box<str>>,
    /// What was revoked here, and until when that matters: a list that was begun before does not have it yet.
    own: HashMap<Box<str>, Duration>,
}

impl Revocations {
    pub(crate) fn new(local: Arc<LocalKeys>) -> Self {
        Self { local, known: Mutex::default() }
    }

    /// Revokes what is called `name`: a `jti`, or [`stem`] for every access token of a family. `until` is the end of the last of them.
    ///
    /// # Errors
    /// [`StoreFault`]: this replica refuses the token already, the others do not.
    pub(crate) async fn revoke(&self, store: &Store, name: &str, until: Duration, now: Now) -> Result<(), StoreFault> {
        if until <= now.wall {
            return Ok(());
        }
        self.change(now, |known| {
            known.own.insert(name.into(), until);
        });
        store.put(Kind::Revoked, name, Vec::new(), until).await
    }

    /// Learns of the other replicas' revocations.
    ///
    /// # Errors
    /// [`StoreFault`]; what is known stays in force.
    pub(crate) async fn refresh(&self, store: &Store, now: Now) -> Result<(), StoreFault> {
        let listed = store.list(Kind::Revoked).await?.into_iter().map(|(name, _)| name.into()).collect();
        self.change(now, |known| known.listed = listed);
        Ok(())
    }

    /// Whether the token with this `jti` is revoked, as far as this replica knows.
    pub(crate) fn is_revoked(&self, jti: &str) -> bool {
        self.local.is_revoked(jti)
    }

    fn change(&self, now: Now, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        known.own.retain(|_, until| now.wall < *until);
        let all = known.listed.iter().chain(known.own.keys()).cloned().collect();
        // Under the lock: of two changes the later one must be published last.
        self.local.revoke(all);
    }
}

/// What the `jti` of every access token of a family begins with. It does not lead back to the family's id, which is half of
/// a refresh token: whoever sees access tokens could present the other half wrong, and so end the family.
pub(crate) fn stem(family: &str) -> String {
    name_of(family).chars().take(STEM_CHARS).collect()
}
