//! Ends a long stream with the permit it was opened by (P7).

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use serde_json::Value;
use tokio::time::sleep;

use crate::{
    base::clock::Clock,
    decide::{
        mcp::{list::Lists, target::Target},
        policy::evaluate::evaluate,
        token::claims::Caller,
    },
    inbound::{
        answer::filter,
        state::server::{Gateway, Server, Transport},
    },
};

/// Longest leash: a token that never ends does not keep a stream open for ever.
const LEASH_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often the clock on the wall is looked at again: it may have been set, or the machine may have slept.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Ends a stream when its token does, when that is revoked, or when a reload takes the right to it
/// away. The stream's body holds it, and what watches over that body may poll it, too.
pub(in crate::inbound) struct Leash(Arc<Mutex<Ending>>);

/// The leash of a body that may be gone already.
#[derive(Default)]
pub(in crate::inbound) struct WeakLeash(Weak<Mutex<Ending>>);

/// `None` once it was ready.
type Ending = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

impl Leash {
    /// Ties a stream that `caller` may have open while they may touch `target`, and while of the `lists` that may come on
    /// it none must be cut that was not.
    pub(in crate::inbound) fn tie(
        gateway: &Arc<Gateway>,
        server: &Arc<Server>,
        caller: Arc<Caller>,
        target: &Target,
        lists: Option<Lists>,
    ) -> Self {
        // The token may have ended while its key was fetched, or while the upstream took its time to answer.
        let expired = until(Arc::clone(&gateway.clock), caller.expires().saturating_add(server.skew(&caller)));
        let mut reloads = gateway.reloads();
        let local = server.issuer_of(&caller).and_then(|issuer| issuer.local()).map(Arc::clone);
        // The upstream took its time to answer: a reload since the judgement told nobody.
        reloads.mark_changed();
        let before = Arc::clone(server);
        let gateway = Arc::downgrade(gateway);
        // A subscription's body may be long, and the stream may stay for days.
        let target = target.detached();
        Self(Arc::new(Mutex::new(Some(Box::pin(async move {
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
                () = expired => {}
                () = taken_away => {}
                () = revoked => {}
            }
        })))))
    }

    /// One that ends with `ending`.
    #[cfg(test)]
    pub(in crate::inbound) fn for_tests(ending: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::pin(ending)))))
    }

    /// Ready when the stream must end.
    pub(in crate::inbound) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        poll_ending(&self.0, cx)
    }

    /// For what watches over the body.
    pub(in crate::inbound) fn weak(&self) -> WeakLeash {
        WeakLeash(Arc::downgrade(&self.0))
    }
}

impl WeakLeash {
    /// Ready when there is a stream, and it must end.
    pub(in crate::inbound) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.upgrade().map_or(Poll::Pending, |ending| poll_ending(&ending, cx))
    }
}

/// Waits for `end`, a time since 1970.
async fn until(clock: Arc<dyn Clock>, end: Duration) {
    let start = clock.now().wall;
    let end = end.min(start.saturating_add(LEASH_MAX));
    loop {
        let left = end.saturating_sub(clock.now().wall);
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK_EVERY)).await;
    }
}

fn poll_ending(ending: &Mutex<Ending>, cx: &mut Context<'_>) -> Poll<()> {
    let mut ending = ending.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(future) = ending.as_mut() else { return Poll::Ready(()) };
    let ended = future.as_mut().poll(cx);
    if ended.is_ready() {
        *ending = None;
    }
    ended
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
