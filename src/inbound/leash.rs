//! Ends a long stream with the permit it was opened by (P7), and counts the streams of each caller.

use std::{
    collections::HashMap,
    hash::RandomState,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::{
    base::{clock::Now, names::ServerName},
    decide::{
        mcp::{list::Lists, target::Target},
        policy::evaluate::evaluate,
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::{
        filter,
        shelf::owner,
        snapshot::{Gateway, Server, Transport},
    },
};

/// Longest leash: a token that never ends does not keep a stream open for ever.
const LEASH_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// The open answer streams of each caller at each server.
#[derive(Default)]
pub struct Streams {
    /// By [`owner`].
    open: Mutex<HashMap<u64, u32>>,
    keys: RandomState,
    total: AtomicUsize,
}

/// One open stream, counted until dropped.
pub(super) struct Counted {
    streams: Arc<Streams>,
    key: u64,
}

impl Streams {
    /// Takes a place for a stream that lives on by itself, before it is asked for: two at once cannot both take the last.
    pub(super) fn reserve(
        self: &Arc<Self>,
        server: &ServerName,
        caller: &Caller,
        streams_max: u32,
    ) -> Result<Counted, Refusal> {
        self.add(self.key(server, caller), streams_max).ok_or(Refusal::TooManyStreams)
    }

    /// Whether a caller has a place left. An answer that turns out to be a stream is counted then, not before: plain calls
    /// under way take no place.
    pub(super) fn check(&self, server: &ServerName, caller: &Caller, streams_max: u32) -> Result<(), Refusal> {
        if self.total.load(Ordering::Relaxed) < streams_max as usize {
            return Ok(());
        }
        let key = self.key(server, caller);
        if self.lock().get(&key).is_some_and(|open| *open >= streams_max) {
            Err(Refusal::TooManyStreams)
        } else {
            Ok(())
        }
    }

    /// Counts an answer that turned out to be a stream.
    pub(super) fn count(self: &Arc<Self>, server: &ServerName, caller: &Caller) -> Option<Counted> {
        self.add(self.key(server, caller), u32::MAX)
    }

    fn add(self: &Arc<Self>, key: u64, streams_max: u32) -> Option<Counted> {
        let mut open = self.lock();
        let count = open.entry(key).or_default();
        if *count >= streams_max {
            return None;
        }
        *count += 1;
        self.total.fetch_add(1, Ordering::Relaxed);
        Some(Counted { streams: Arc::clone(self), key })
    }

    fn key(&self, server: &ServerName, caller: &Caller) -> u64 {
        owner(&self.keys, server, caller)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
        self.streams.total.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends a stream when its token does, when that is revoked, or when a reload takes the right to it away.
pub(super) struct Leash(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Leash {
    /// Ties a stream that `caller` may have open while they may touch `target`, and while of the `lists` that may come on
    /// it none must be cut that was not.
    pub(super) fn tie(
        gateway: &Arc<Gateway>,
        server: &Arc<Server>,
        caller: Arc<Caller>,
        target: Target,
        lists: Option<Lists>,
        now: Now,
    ) -> Self {
        let left = caller.expires().saturating_add(server.skew(&caller)).saturating_sub(now.wall);
        // A far `exp` must not overflow the clock.
        let deadline = Instant::now() + left.min(LEASH_MAX);
        let mut reloads = gateway.reloads();
        let local = server.issuer_of(&caller).and_then(|issuer| issuer.local()).map(Arc::clone);
        // The upstream took its time to answer: a reload since the judgement told nobody.
        reloads.mark_changed();
        let before = Arc::clone(server);
        let gateway = Arc::downgrade(gateway);
        Self(Box::pin(async move {
            let taken_away = async {
                while reloads.changed().await.is_ok() {
                    let Some(gateway) = gateway.upgrade() else { return };
                    let snapshot = gateway.snapshot.load();
                    let Some(server) = snapshot.successor(&before) else { return };
                    if !shows_the_same(&before, server, lists) || !may_still(server, &caller, &target) {
                        return;
                    }
                }
            };
            let revoked = async {
                match (&local, caller.claims().get("jti").and_then(Value::as_str)) {
                    (Some(local), Some(jti)) => local.until_revoked(jti).await,
                    // Of others' revocations nobody tells us.
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep_until(deadline) => {}
                () = taken_away => {}
                () = revoked => {}
            }
        }))
    }

    /// Ready when the stream must end.
    pub(super) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

/// Whether a stream that began under `before` may go on. What it shows of its lists follows the rules in force, but how it is read
/// was settled when it began. That of 2024-11-05 ends with any change.
fn shows_the_same(before: &Server, now: &Server, lists: Option<Lists>) -> bool {
    let is_cut = filter::wanted(before, lists);
    match now.transport {
        Transport::Streamable => {
            filter::wanted(now, lists).is_none_or(|now| matches!(is_cut, Some(cut) if cut == now || cut == Lists::Any))
        }
        Transport::Sse { .. } => before.hide == now.hide && before.policy == now.policy,
    }
}

/// The questions of the gate that a reload can answer otherwise: does the server take this caller's issuer and audience, do its
/// rules permit.
fn may_still(server: &Server, caller: &Caller, target: &Target) -> bool {
    let is_trusted = server.issuers.iter().any(|issuer| issuer.rules().issuers.contains(caller.issuer()));
    is_trusted
        && caller.is_for(&server.resource, &server.audiences).is_ok()
        && evaluate(&server.policy, caller, target).is_ok()
}
