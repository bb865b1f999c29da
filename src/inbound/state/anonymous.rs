//! Notes which caller owns each session that began without a token: the first verified caller.
//!
//! Until then any client that has the session's id may use it for what is public. From then on
//! only its owner may. The owner is noted before a request of theirs reaches the upstream: in the
//! store of an embedded authorization server if several replicas share it, otherwise in memory.
//! What is in memory is lost with the process, and so is the key that seals these ids. What is in a
//! store is lost with the store, and so is the store's own id, which is sealed into these ids: an
//! owned session never becomes free again. The exception is a store that comes back without its
//! latest writes.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    authorization_server::{
        store::{Store, fault::StoreFault, kind::EntryKind},
        upkeep::identity,
    },
    base::{
        clock::Now,
        digest::Digest,
        limits::held::{
            ANONYMOUS_OWNED_MAX, ANONYMOUS_OWNED_PER_CALLER_MAX, ANONYMOUS_OWNER_KEPT, ANONYMOUS_SESSION_AGE,
        },
        names::ServerName,
        secret::Secret,
    },
    decide::{mcp::session_seal::SessionKeys, refusal::Refusal, token::caller::Caller},
    inbound::state::per_caller::{PerCaller, PerCallerBounds, owner},
};

#[cfg(test)]
mod tests;

/// Seals the ids of sessions that begin without a token, and knows their owners.
pub struct AnonymousSessions {
    /// The key of this process.
    own: SessionKeys,
    /// When each owned session is forgotten, since 1970.
    owned: Mutex<PerCaller<Duration>>,
    hashes: RandomState,
}

/// What several replicas share.
#[derive(Clone, Copy)]
pub(in crate::inbound) struct SharedOwners<'a> {
    /// Knows the owners.
    pub(in crate::inbound) store: &'a Store,
    /// Seal the ids.
    pub(in crate::inbound) keys: &'a SessionKeys,
}

/// A session that began without a token, and has not ended by its age.
pub(in crate::inbound) struct AnonymousSession<'s> {
    /// The upstream's id.
    pub(in crate::inbound) id: &'s str,
    /// When the session began, the store, and the id, as they are sealed.
    text: &'s str,
    /// The id of the store that knows its owner; empty for memory.
    store: &'s str,
    server: &'s ServerName,
    /// How long its owner is remembered.
    until: Duration,
}

impl AnonymousSessions {
    /// Without sessions. `key`: random, of this process.
    #[must_use]
    pub fn new(key: &Secret) -> Self {
        // Neither bound removes an entry: `take` refuses before.
        let bounds = PerCallerBounds { each: usize::MAX, all: usize::MAX };
        Self {
            own: SessionKeys::new(std::slice::from_ref(key)),
            owned: Mutex::new(PerCaller::new(bounds)),
            hashes: RandomState::new(),
        }
    }

    /// The sealed id of a session that begins now; `None` without a key. `store`: the id of the
    /// store that is shared.
    pub(in crate::inbound) fn seal(
        &self,
        shared: Option<(SharedOwners<'_>, &str)>,
        server: &ServerName,
        id: &str,
        now: Now,
    ) -> Option<String> {
        let (shared, store) = shared.unzip();
        let text = format!("{:x}.{}.{id}", now.wall.as_secs(), store.unwrap_or_default());
        self.keys(shared).seal_anonymous(server, &text)
    }

    /// The session, if its id was sealed here and it has not ended by its age.
    pub(in crate::inbound) fn open<'s>(
        &'s self,
        shared: Option<SharedOwners<'s>>,
        server: &'s ServerName,
        sealed: &'s str,
        now: Now,
    ) -> Option<AnonymousSession<'s>> {
        let text = self.keys(shared).open_anonymous(server, sealed)?;
        let (began, rest) = text.split_once('.')?;
        let (store, id) = rest.split_once('.')?;
        let ends = Duration::from_secs(u64::from_str_radix(began, 16).ok()?).saturating_add(ANONYMOUS_SESSION_AGE);
        let until = ends.saturating_add(ANONYMOUS_OWNER_KEPT);
        (now.wall < ends).then_some(AnonymousSession { id, text, store, server, until })
    }

    fn keys<'k>(&'k self, shared: Option<SharedOwners<'k>>) -> &'k SessionKeys {
        shared.map_or(&self.own, |shared| shared.keys)
    }

    /// Checks that no caller owns the session.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`], [`Refusal::SessionsUnavailable`].
    pub(in crate::inbound) async fn check_free(
        &self,
        shared: Option<SharedOwners<'_>>,
        session: &AnonymousSession<'_>,
    ) -> Result<(), Refusal> {
        if self.lock().find(self.key(session)).is_some() {
            return Err(Refusal::UnknownSession);
        }
        let Some(SharedOwners { store, .. }) = shared else { return Ok(()) };
        check_store(store, session).await?;
        match store.get(EntryKind::SessionOwner, name(session).as_str()).await.map_err(|fault| away(&fault))? {
            None => Ok(()),
            Some(_) => Err(Refusal::UnknownSession),
        }
    }

    /// Makes `caller` the owner of the session, unless it has one.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] if another caller owns it, or no owner can be noted;
    /// [`Refusal::SessionsUnavailable`].
    pub(in crate::inbound) async fn own(
        &self,
        shared: Option<SharedOwners<'_>>,
        session: &AnonymousSession<'_>,
        caller: &Caller,
        now: Now,
    ) -> Result<(), Refusal> {
        let Some(SharedOwners { store, .. }) = shared else { return self.take(session, caller, now) };
        let me = owner(&self.hashes, session.server, caller);
        if let Some((owner, _)) = self.lock().find(self.key(session)) {
            return if owner == me { Ok(()) } else { Err(Refusal::UnknownSession) };
        }
        check_store(store, session).await?;
        // A stored value is a JSON object, so that it can hold its seal.
        let (name, value) = (name(session), format!("{{\"owner\":\"{}\"}}", caller.principal()).into_bytes());
        let is_new = store.create(EntryKind::SessionOwner, name.as_str(), value.clone(), session.until).await;
        if !is_new.map_err(|fault| away(&fault))? {
            let known = store.get(EntryKind::SessionOwner, name.as_str()).await.map_err(|fault| away(&fault))?;
            if known.as_deref() != Some(value.as_slice()) {
                return Err(Refusal::UnknownSession);
            }
        }
        // Only spares the store the next question.
        let _ = self.take(session, caller, now);
        Ok(())
    }

    /// Notes the owner in memory.
    fn take(&self, session: &AnonymousSession<'_>, caller: &Caller, now: Now) -> Result<(), Refusal> {
        let (key, me) = (self.key(session), owner(&self.hashes, session.server, caller));
        let mut owned = self.lock();
        match owned.find(key) {
            Some((owner, _)) if owner == me => return Ok(()),
            Some(_) => return Err(Refusal::UnknownSession),
            None => {}
        }
        if owned.count(me) >= ANONYMOUS_OWNED_PER_CALLER_MAX {
            owned.retain_of(me, |until| *until > now.wall);
        }
        if owned.len() >= ANONYMOUS_OWNED_MAX {
            owned.retain(|until| *until > now.wall);
        }
        // An owner that is forgotten too early would make the session free again. At 404 the client
        // begins a session of its own, with its token.
        if owned.count(me) >= ANONYMOUS_OWNED_PER_CALLER_MAX || owned.len() >= ANONYMOUS_OWNED_MAX {
            return Err(Refusal::UnknownSession);
        }
        owned.put(me, key, session.until);
        Ok(())
    }

    fn key(&self, session: &AnonymousSession<'_>) -> u64 {
        self.hashes.hash_one(("session", session.server.as_str(), session.text))
    }

    fn lock(&self) -> MutexGuard<'_, PerCaller<Duration>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the entry in the store: it does not show the id.
fn name(session: &AnonymousSession<'_>) -> Digest {
    Digest::of(&[session.server, session.text])
}

/// Checks that the store is the one in which the session began. Another one, or an emptied one,
/// does not know the owners of its sessions.
async fn check_store(store: &Store, session: &AnonymousSession<'_>) -> Result<(), Refusal> {
    if !store.is_shared() {
        return Ok(());
    }
    let now = identity::marker_id(store).await.map_err(|fault| away(&fault))?;
    if now.is_some_and(|now| now == session.store) { Ok(()) } else { Err(Refusal::UnknownSession) }
}

fn away(fault: &StoreFault) -> Refusal {
    tracing::debug!(%fault, "the owner of a session cannot be read or written");
    Refusal::SessionsUnavailable
}
