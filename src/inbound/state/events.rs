//! Notes whose stream carried each event: `Last-Event-ID` resumes only the caller's own streams.

#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    base::limits::held::{EVENTS_MAX, EVENTS_PER_CALLER_MAX},
    decide::{
        mcp::request::target::Target,
        policy::{evaluate::evaluate, rule::Policy},
        refusal::Refusal,
        token::caller::Caller,
    },
    inbound::state::{
        per_caller::{PerCaller, PerCallerBounds, owner},
        server::Server,
    },
};

/// How many streams of one session may share an event id, although the transport requires unique
/// ids. If more streams share an id, it resumes none of them.
const SHARED_MAX: usize = 64;

/// The stream of each event, bounded for each caller.
pub struct EventOwners {
    noted: Mutex<Noted>,
    keys: RandomState,
}

struct Noted {
    /// Keyed by session, caller and event id.
    in_session: PerCaller<EventSource>,
    /// Keyed by server and event id. The owner of an id counts only until a stream of another
    /// caller carries the same id.
    anywhere: PerCaller<EventSource>,
}

struct EventSource {
    /// The target of the stream that carried the event, or the targets if several streams did.
    target: Arc<Target>,
    /// Whether streams of several callers carried this event id, as happens if the upstream uses a
    /// counter. Such an id proves nothing outside its session.
    repeats: bool,
}

/// The caller, server and session of a stream, as keyed hashes.
#[derive(Clone, Copy)]
pub(in crate::inbound) struct StreamOwner {
    caller: u64,
    server: u64,
    session: u64,
}

impl Default for EventOwners {
    fn default() -> Self {
        Self::bounded(PerCallerBounds { each: EVENTS_PER_CALLER_MAX, all: EVENTS_MAX })
    }
}

impl EventOwners {
    fn bounded(bounds: PerCallerBounds) -> Self {
        let noted = Noted { in_session: PerCaller::new(bounds), anywhere: PerCaller::new(bounds) };
        Self { noted: Mutex::new(noted), keys: RandomState::new() }
    }

    /// Checks that `caller` may resume a stream after `event` in `session`, which belongs to the
    /// caller. Returns the target of that stream, if it is known. An event that another process
    /// relayed is not known here: the upstream decides about it.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] for another caller's event. If the caller may not use the
    /// stream's target, the refusal of [`evaluate`]: the stream may carry the result of a call
    /// (SPEC C-52, attack 135).
    pub(in crate::inbound) fn check(
        &self,
        server: &Server,
        caller: &Caller,
        session: &[u8],
        event: &[u8],
    ) -> Result<Option<Target>, Refusal> {
        let stream = self.stream(server.series.name.as_str(), caller, session);
        self.may_resume(stream, &server.policy, caller, event)
    }

    fn may_resume(
        &self,
        stream: StreamOwner,
        policy: &Policy,
        caller: &Caller,
        event: &[u8],
    ) -> Result<Option<Target>, Refusal> {
        let Some(target) = self.source_of(stream, event)? else { return Ok(None) };
        let _permit = evaluate(policy, caller, &target)?;
        Ok(Some(Target::clone(&target)))
    }

    fn source_of(&self, stream: StreamOwner, event: &[u8]) -> Result<Option<Arc<Target>>, Refusal> {
        let event = event.trim_ascii();
        let noted = self.lock();
        if let Some((_, source)) = noted.in_session.find(self.key_in_session(stream, event)) {
            return Ok(Some(Arc::clone(&source.target)));
        }
        match noted.anywhere.find(self.key_anywhere(stream, event)) {
            Some((_, source)) if source.repeats => Ok(None),
            Some((owner, source)) if owner == stream.caller => Ok(Some(Arc::clone(&source.target))),
            Some(_) => Err(Refusal::UnknownSession),
            None => Ok(None),
        }
    }

    /// Notes an event of a stream that answers `target`.
    pub(in crate::inbound) fn note(&self, stream: StreamOwner, event: &[u8], target: &Arc<Target>) {
        // HTTP strips the white space around a field's value, so `Last-Event-ID` comes without it.
        // No client sends an empty id.
        let event = event.trim_ascii();
        if event.is_empty() {
            return;
        }
        let mut noted = self.lock();
        put(&mut noted.in_session, stream.caller, self.key_in_session(stream, event), target);
        put(&mut noted.anywhere, stream.caller, self.key_anywhere(stream, event), target);
    }

    /// The owner of a stream. `session` is the upstream's session id.
    pub(in crate::inbound) fn stream(&self, server: &str, caller: &Caller, session: &[u8]) -> StreamOwner {
        StreamOwner {
            caller: owner(&self.keys, server, caller),
            server: self.keys.hash_one(("server", server)),
            session: self.keys.hash_one(("session", server, session)),
        }
    }

    fn key_in_session(&self, stream: StreamOwner, event: &[u8]) -> u64 {
        self.keys.hash_one(("in session", stream.session, stream.caller, event))
    }

    fn key_anywhere(&self, stream: StreamOwner, event: &[u8]) -> u64 {
        self.keys.hash_one(("anywhere", stream.server, event))
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(noted: &mut PerCaller<EventSource>, caller: u64, key: u64, target: &Arc<Target>) {
    match noted.find_mut(key) {
        None => noted.put(caller, key, EventSource { target: Arc::clone(target), repeats: false }),
        Some((owner, source)) => {
            source.repeats |= owner != caller;
            add(&mut source.target, target);
        }
    }
}

/// Adds the target of a further stream with the same event id. A replayed event has the same
/// target and changes nothing. If the targets differ, the id could resume any of the streams, so
/// the caller needs permission for all of them. Above [`SHARED_MAX`] targets the id is refused.
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
