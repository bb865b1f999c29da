//! From which caller's stream an event came, so that `Last-Event-ID` takes up nobody else's.

#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    base::limits::{EVENTS_MAX, EVENTS_PER_CALLER_MAX},
    decide::{
        mcp::target::Target,
        policy::{evaluate::evaluate, rule::Policy},
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::{
        answer::event_ids::Ids,
        request::session::Session,
        state::{
            per_caller::{Bounds, Shelf, owner},
            server::{Gateway, Server},
        },
    },
};

/// Streams that may share an event id before nobody is let in by it. The transport wants ids unique in a session.
const SHARED_MAX: usize = 64;

/// Where events came from, bounded for each caller.
pub struct Origins {
    noted: Mutex<Noted>,
    keys: RandomState,
}

struct Noted {
    /// By session and event.
    in_session: Shelf<Source>,
    /// By event alone: whose it is as long as one caller alone has had it.
    anywhere: Shelf<Source>,
}

struct Source {
    /// What the streams answered that held the event.
    target: Arc<Target>,
    /// Streams of other callers held one of the same id, as counters do: outside of its session it says nothing.
    repeats: bool,
}

/// Whose stream it is, in keyed hashes.
#[derive(Clone, Copy)]
struct Place {
    caller: u64,
    server: u64,
    session: u64,
}

impl Default for Origins {
    fn default() -> Self {
        Self::bounded(Bounds { each: EVENTS_PER_CALLER_MAX, all: EVENTS_MAX })
    }
}

impl Origins {
    fn bounded(bounds: Bounds) -> Self {
        let noted = Noted { in_session: Shelf::new(bounds), anywhere: Shelf::new(bounds) };
        Self { noted: Mutex::new(noted), keys: RandomState::new() }
    }

    /// Whether `caller` may take up a stream behind `event` in `session`, which is theirs; what that stream answers, where it
    /// is known. Another process may have relayed it: what is not known here is the upstream's to judge.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] for another caller's event; what policy says of the call whose stream it was, since the
    /// stream may hold that call's result (SPEC C-52, attack 135).
    pub(in crate::inbound) fn check(
        &self,
        server: &Server,
        caller: &Caller,
        session: &Session,
        event: &[u8],
    ) -> Result<Option<Target>, Refusal> {
        let place = self.place(server.series.name.as_str(), caller, session.id.as_bytes());
        self.may_take_up(place, &server.policy, caller, event)
    }

    fn may_take_up(
        &self,
        place: Place,
        policy: &Policy,
        caller: &Caller,
        event: &[u8],
    ) -> Result<Option<Target>, Refusal> {
        let Some(target) = self.source_of(place, event)? else { return Ok(None) };
        let _permit = evaluate(policy, caller, &target)?;
        Ok(Some(Target::clone(&target)))
    }

    fn source_of(&self, place: Place, event: &[u8]) -> Result<Option<Arc<Target>>, Refusal> {
        let event = event.trim_ascii();
        let noted = self.lock();
        if let Some((_, source)) = noted.in_session.find(self.key_in_session(place, event)) {
            return Ok(Some(Arc::clone(&source.target)));
        }
        match noted.anywhere.find(self.key_anywhere(place, event)) {
            Some((_, source)) if source.repeats => Ok(None),
            Some((owner, source)) if owner == place.caller => Ok(Some(Arc::clone(&source.target))),
            Some(_) => Err(Refusal::UnknownSession),
            None => Ok(None),
        }
    }

    fn note(&self, place: Place, event: &[u8], target: &Arc<Target>) {
        // A header field has no white space around its value, and an empty id is never sent.
        let event = event.trim_ascii();
        if event.is_empty() {
            return;
        }
        let mut noted = self.lock();
        put(&mut noted.in_session, place.caller, self.key_in_session(place, event), target);
        put(&mut noted.anywhere, place.caller, self.key_anywhere(place, event), target);
    }

    fn place(&self, server: &str, caller: &Caller, session: &[u8]) -> Place {
        Place {
            caller: owner(&self.keys, server, caller),
            server: self.keys.hash_one(("server", server)),
            session: self.keys.hash_one(("session", server, session)),
        }
    }

    fn key_in_session(&self, place: Place, event: &[u8]) -> u64 {
        self.keys.hash_one(("in session", place.session, place.caller, event))
    }

    fn key_anywhere(&self, place: Place, event: &[u8]) -> u64 {
        self.keys.hash_one(("anywhere", place.server, event))
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(shelf: &mut Shelf<Source>, caller: u64, key: u64, target: &Arc<Target>) {
    match shelf.find_mut(key) {
        None => shelf.put(caller, key, Source { target: Arc::clone(target), repeats: false }),
        Some((owner, source)) => {
            source.repeats |= owner != caller;
            add(&mut source.target, target);
        }
    }
}

/// An event that comes again, as replayed ones do, stays what it was. Where two streams share an id, what the caller may take
/// up could be either: they must be allowed both, and what more than [`SHARED_MAX`] share nobody may.
fn add(known: &mut Arc<Target>, target: &Arc<Target>) {
    if known == target {
        return;
    }
    let mut all = match &**known {
        Target::Several(parts) if parts.is_empty() || parts.contains(target) => return,
        Target::Several(parts) => parts.clone(),
        single => vec![single.clone()],
    };
    all.push(Target::clone(target));
    if all.len() > SHARED_MAX {
        all.clear();
    }
    *known = Arc::new(Target::Several(all));
}

/// Notes the events of one stream as they pass.
pub(in crate::inbound) struct Origin {
    gateway: Arc<Gateway>,
    place: Place,
    target: Arc<Target>,
    ids: Ids,
}

impl Origin {
    /// Watches the stream that answers a request for `target` in `session`.
    pub(in crate::inbound) fn watch(
        gateway: &Arc<Gateway>,
        server: &Server,
        caller: &Arc<Caller>,
        session: &Session,
        target: &Target,
    ) -> Self {
        Self {
            place: gateway.origins.place(server.series.name.as_str(), caller, session.id.as_bytes()),
            gateway: Arc::clone(gateway),
            target: Arc::new(target.detached()),
            ids: Ids::default(),
        }
    }

    /// A piece of the stream, before it goes on.
    pub(in crate::inbound) fn see(&mut self, piece: &Bytes) {
        let Self { gateway, place, target, ids } = self;
        ids.see(piece, |event| gateway.origins.note(*place, event, target));
    }
}
