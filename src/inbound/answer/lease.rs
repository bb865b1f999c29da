//! Ends a long stream when its permit ends: by token expiry, revocation, or a reload (P7).

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use http::Method;
use tokio::time::sleep;

use crate::{
    base::clock::{Clock, Now},
    decide::{
        mcp::{answer::lists::Lists, request::target::Target},
        pass_through::{PassedPath, PathAccess},
        policy::evaluate::evaluate,
        token::caller::Caller,
    },
    inbound::{
        answer::{filter::plan::lists_to_filter, introspected::until_inactive},
        state::{
            gateway::Gateway,
            server::{Server, Snapshot, Transport},
        },
    },
};

/// The longest lease: a token without an expiry does not keep a stream open for ever.
const LEASE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often the wall clock is read again: it may have been set, or the machine may have been
/// suspended.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The right to keep one stream open. It ends when the token expires or is revoked, when its user
/// or client is removed, or when a reload removes the permission. The stream's body holds the
/// lease; the task that watches the body polls it too.
pub(in crate::inbound) struct Lease(Arc<Mutex<Ending>>);

/// The lease of a body that may have been dropped.
#[derive(Default)]
pub(in crate::inbound) struct WeakLease(Weak<Mutex<Ending>>);

/// `None` once the lease has ended.
type Ending = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

impl Lease {
    /// The lease of a stream that `caller` may keep open while `target` is permitted. It also ends
    /// when new rules filter a list (of `lists`) that the stream has passed unfiltered so far.
    pub(in crate::inbound) fn new(
        gateway: &Arc<Gateway>,
        server: &Arc<Server>,
        caller: Arc<Caller>,
        target: &Target,
        lists: Option<Lists>,
    ) -> Self {
        // A copy: the stream may stay open for days, and must not keep the bytes of a long request.
        let target = target.detached();
        let may_stay = {
            let (before, caller, target) = (Arc::clone(server), Arc::clone(&caller), target.clone());
            move |_: &Snapshot, server: &Arc<Server>, now: Now| {
                shows_the_same(&before, server, lists) && may_still(server, &before, &caller, &target, now)
            }
        };
        Self::of_caller(gateway, server, caller, target, may_stay)
    }

    /// The lease of an event stream of a path beside the MCP endpoint, while the path passes
    /// through to this server for `method`: to `caller`, or without a caller to every client.
    pub(in crate::inbound) fn of_path(
        gateway: &Arc<Gateway>,
        server: &Arc<Server>,
        caller: Option<Arc<Caller>>,
        (path, method): (&PassedPath, Method),
    ) -> Self {
        let name = path.name();
        let leads_on = {
            let (name, is_verified) = (name.clone(), caller.is_some());
            move |snapshot: &Snapshot, now: &Arc<Server>, _: Now| {
                let found = snapshot
                    .paths
                    .find(&name)
                    .filter(|found| snapshot.servers.get(found.server).is_some_and(|server| Arc::ptr_eq(server, now)));
                let access = found.and_then(|found| found.access(&name, &method).ok());
                access.is_some_and(|access| is_verified || access == PathAccess::Public)
            }
        };
        let Some(caller) = caller else {
            let taken_away = until_taken_away(gateway, server, leads_on);
            return Self(Arc::new(Mutex::new(Some(Box::pin(taken_away)))));
        };
        let target = Target::Path(name);
        let may_stay = {
            let (before, caller, target) = (Arc::clone(server), Arc::clone(&caller), target.clone());
            move |snapshot: &Snapshot, server: &Arc<Server>, now: Now| {
                may_still(server, &before, &caller, &target, now) && leads_on(snapshot, server, now)
            }
        };
        Self::of_caller(gateway, server, caller, target, may_stay)
    }

    /// The lease of `caller` that a reload ends unless `may_stay`.
    fn of_caller(
        gateway: &Arc<Gateway>,
        server: &Arc<Server>,
        caller: Arc<Caller>,
        target: Target,
        may_stay: impl Fn(&Snapshot, &Arc<Server>, Now) -> bool + Send + Sync + 'static,
    ) -> Self {
        // The token may have expired while its key was fetched, or before the upstream answered.
        let expired = until(Arc::clone(&gateway.clock), caller.expires().saturating_add(server.skew(&caller)));
        let local = server.issuer_of(&caller).and_then(|issuer| issuer.local()).map(Arc::clone);
        let taken_away = until_taken_away(gateway, server, may_stay);
        let before = Arc::clone(server);
        let gateway = Arc::downgrade(gateway);
        Self(Arc::new(Mutex::new(Some(Box::pin(async move {
            let revoked = async {
                match &local {
                    Some(local) => local.until_withdrawn(&caller).await,
                    // Other issuers do not announce revocations.
                    None => std::future::pending().await,
                }
            };
            let may_stay =
                |server: &Server, caller: &Arc<Caller>, now| may_still(server, &before, caller, &target, now);
            let inactive = until_inactive(&gateway, &before, &caller, may_stay);
            tokio::select! {
                () = expired => {}
                () = inactive => {}
                () = taken_away => {}
                () = revoked => {}
            }
        })))))
    }

    /// A lease that ends with `ending`.
    #[cfg(test)]
    pub(in crate::inbound) fn for_tests(ending: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::pin(ending)))))
    }

    /// Ready when the stream must end.
    pub(in crate::inbound) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        poll_ending(&self.0, cx)
    }

    /// The lease for the task that watches the body.
    pub(in crate::inbound) fn weak(&self) -> WeakLease {
        WeakLease(Arc::downgrade(&self.0))
    }
}

impl WeakLease {
    /// Ready when the stream must end; never if it was dropped.
    pub(in crate::inbound) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.upgrade().map_or(Poll::Pending, |ending| poll_ending(&ending, cx))
    }
}

/// Waits for a reload after which the server of `before` is gone, or the stream may not stay.
fn until_taken_away(
    gateway: &Arc<Gateway>,
    before: &Arc<Server>,
    may_stay: impl Fn(&Snapshot, &Arc<Server>, Now) -> bool + Send + Sync + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let mut reloads = gateway.reloads();
    // A reload may have come between the decision and the upstream's answer.
    reloads.mark_changed();
    let (gateway, before) = (Arc::downgrade(gateway), Arc::clone(before));
    async move {
        while reloads.changed().await.is_ok() {
            let Some(gateway) = gateway.upgrade() else { return };
            let snapshot = gateway.snapshot.load();
            let Some(server) = snapshot.successor(&before) else { return };
            if !may_stay(&snapshot, server, gateway.clock.now()) {
                return;
            }
        }
    }
}

/// Waits until `end`, a time since 1970.
async fn until(clock: Arc<dyn Clock>, end: Duration) {
    let start = clock.now().wall;
    let end = end.min(start.saturating_add(LEASE_MAX));
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

/// Whether a stream that began under `before` shows no more than it may under `now`. Lists are
/// filtered by the rules in force, but whether a stream is filtered at all is decided when it
/// begins. A stream of 2024-11-05 ends with any change of the rules.
fn shows_the_same(before: &Server, now: &Server, lists: Option<Lists>) -> bool {
    let filtered_before = lists_to_filter(before, lists);
    match now.transport {
        Transport::Streamable => lists_to_filter(now, lists)
            .is_none_or(|now| matches!(filtered_before, Some(cut) if cut == now || cut == Lists::Any)),
        Transport::Sse { .. } => before.hide == now.hide && before.policy == now.policy,
    }
}

/// Repeats the checks of the gate whose result a reload can change: issuer and its requirements,
/// audience, API key, and rules.
fn may_still(server: &Server, before: &Server, caller: &Arc<Caller>, target: &Target, now: Now) -> bool {
    let caller = server.still_trusts(before, caller, now);
    caller.is_some_and(|caller| evaluate(&server.policy, &caller, target).is_ok())
}

#[cfg(test)]
mod tests;
