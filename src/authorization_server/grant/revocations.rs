//! Revoked access tokens and families: refused here at once, by other replicas within two seconds.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    authorization_server::store::{Store, fault::StoreFault, kind::EntryKind},
    base::{
        clock::Now,
        digest::sha256_base64url,
        limits::authorization_server::{REVOKED_BY_ANYONE_MAX, REVOKED_OF_FAMILY_MAX},
    },
    decide::{authorization_server::holders::Holders, token::caller::Caller},
    outbound::keys::LocalKeys,
};

#[cfg(test)]
mod tests;

/// How many characters of its family's digest the `jti` of an access token contains.
const STEM_CHARS: usize = 22;
/// What the store has of a revocation by a client that anyone can register.
const BY_ANYONE: &[u8] = b"anyone";

/// Revocations, shared with the gateway's verifier.
pub(crate) struct Revocations {
    local: Arc<LocalKeys>,
    known: Mutex<Known>,
}

/// Who revokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoker {
    /// A user, a client that acts for users, or a client of the operator.
    Trusted,
    /// A client that anyone can register, and that acts for itself: its tokens cost nothing, so
    /// its revocations get a share of the room.
    Anyone,
}

#[derive(Default)]
struct Known {
    all: HashMap<Arc<str>, Revocation>,
    /// Those of this replica, the next to end first.
    own: BTreeSet<(Duration, Arc<str>)>,
    /// How many are of clients that anyone can register.
    by_anyone: usize,
    /// How many tokens of each family are revoked one by one.
    of_family: HashMap<Box<str>, usize>,
    /// The number of the last list of the store.
    list: u64,
}

/// Why a token, or all tokens of a family, count no longer.
struct Revocation {
    /// The last list of the store that had it.
    listed: Option<u64>,
    /// Revoked by this replica, until its last token expires: a list that was requested from the
    /// store before the revocation does not contain it.
    own: Option<Duration>,
    by_anyone: bool,
}

impl Revocations {
    pub(crate) fn new(local: Arc<LocalKeys>) -> Self {
        Self { local, known: Mutex::default() }
    }

    /// Revokes `name`: a `jti`, or a [`stem`] for every access token of a family. `until` is when
    /// the last of them expires.
    ///
    /// # Errors
    /// [`StoreFault`]: this replica refuses the token, the others do not. If the share of
    /// [`Revoker::Anyone`] is used up, this replica does not refuse it either.
    pub(crate) async fn revoke(
        &self,
        store: &Store,
        name: &str,
        (until, revoker): (Duration, Revoker),
        now: Now,
    ) -> Result<(), StoreFault> {
        if until <= now.wall {
            return Ok(());
        }
        let by_anyone = revoker == Revoker::Anyone;
        self.change(now, |known, local| {
            if by_anyone && known.by_anyone >= REVOKED_BY_ANYONE_MAX && !known.all.contains_key(name) {
                return Err(StoreFault::full(EntryKind::Revoked));
            }
            let name: Arc<str> = name.into();
            let revocation = known.revocation(&name, by_anyone);
            if let Some(before) = revocation.own.replace(until) {
                known.own.remove(&(before, Arc::clone(&name)));
            }
            local.revoke([&name]);
            known.own.insert((until, name));
            Ok(())
        })?;
        store.put(EntryKind::Revoked, name, if by_anyone { BY_ANYONE.to_vec() } else { Vec::new() }, until).await
    }

    /// The [`stem`] to revoke instead of the token with this `jti`: so many of its family are
    /// revoked one by one that one entry for all of them takes its place.
    pub(crate) fn stem_instead<'a>(&self, jti: &'a str) -> Option<&'a str> {
        let (stem, _) = jti.split_once('.')?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.of_family.get(stem).is_some_and(|count| *count >= REVOKED_OF_FAMILY_MAX).then_some(stem)
    }

    /// Whether this replica knows that the family with this id, not one of its tokens, is revoked.
    pub(crate) fn have_ended(&self, family: &str) -> bool {
        self.local.is_revoked(&stem(family))
    }

    /// Reads the other replicas' revocations from the store.
    ///
    /// # Errors
    /// [`StoreFault`]; known revocations stay in force.
    pub(crate) async fn refresh(&self, store: &Store, now: Now) -> Result<(), StoreFault> {
        let listed = store.list(EntryKind::Revoked).await?;
        self.change(now, |known, local| {
            known.list += 1;
            let (list, mut new) = (known.list, Vec::new());
            for (name, value) in listed {
                let name: Arc<str> = name.into();
                let revocation = known.revocation(&name, value == BY_ANYONE);
                if revocation.listed.replace(list).is_none() {
                    new.push(name);
                }
            }
            local.revoke(&new);
            let (by_anyone, of_family) = (&mut known.by_anyone, &mut known.of_family);
            known.all.retain(|name, revocation| {
                revocation.listed = revocation.listed.filter(|listed| *listed == list);
                revocation.is_in_force() || {
                    *by_anyone -= usize::from(revocation.by_anyone);
                    leave_family(of_family, name);
                    local.forget(name);
                    false
                }
            });
        });
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

    /// Changes what is known, and then forgets what this replica revoked and what has ended. The
    /// later of two changes is published last, because that happens under the lock.
    fn change<T>(&self, now: Now, change: impl FnOnce(&mut Known, &LocalKeys) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut known, &self.local);
        while known.own.first().is_some_and(|(until, _)| *until <= now.wall)
            && let Some((_, name)) = known.own.pop_first()
        {
            known.end_own(name, &self.local);
        }
        changed
    }
}

impl Known {
    /// The revocation of `name`, in force or not.
    fn revocation(&mut self, name: &Arc<str>, by_anyone: bool) -> &mut Revocation {
        match self.all.entry(Arc::clone(name)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.by_anyone += usize::from(by_anyone);
                if let Some((stem, _)) = name.split_once('.') {
                    *self.of_family.entry(stem.into()).or_default() += 1;
                }
                entry.insert(Revocation { listed: None, own: None, by_anyone })
            }
        }
    }

    /// The revocation of `name` by this replica has ended.
    fn end_own(&mut self, name: Arc<str>, local: &LocalKeys) {
        let Entry::Occupied(mut entry) = self.all.entry(name) else { return };
        entry.get_mut().own = None;
        if !entry.get().is_in_force() {
            let (name, revocation) = entry.remove_entry();
            self.by_anyone -= usize::from(revocation.by_anyone);
            leave_family(&mut self.of_family, &name);
            local.forget(&name);
        }
    }
}

impl Revocation {
    fn is_in_force(&self) -> bool {
        self.listed.is_some() || self.own.is_some()
    }
}

/// The revocation of `name` counts no longer for its family.
fn leave_family(of_family: &mut HashMap<Box<str>, usize>, name: &str) {
    let Some((stem, _)) = name.split_once('.') else { return };
    if let Some(count) = of_family.get_mut(stem) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            of_family.remove(stem);
        }
    }
}

/// The start of the `jti` of every access token of a family. It is a digest, because the family's
/// id is half of a refresh token: with the id, an attacker who sees an access token could present a
/// wrong refresh token and so end the family.
pub(crate) fn stem(family: &str) -> String {
    sha256_base64url(family).chars().take(STEM_CHARS).collect()
}
