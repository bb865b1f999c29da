//! A lease in the store: one replica at a time does a piece of work, until it is done or dead.
//!
//! The holder prolongs its lease while it works. A holder that dies, or stands still for longer
//! than [`LEASE_AGE`], loses it to a replica that waits, and the work is then done again: what it
//! does must be known to be acceptable twice, or to fail safely. A store of one process needs no
//! lease, because [`Renewals`](super::renewals::Renewals) has one task for each family.

use std::{convert::Infallible, time::Duration};

use tokio::time::sleep;

use crate::{
    authorization_server::{
        keys::random,
        store::{Store, fault::StoreFault, kind::EntryKind},
    },
    base::{
        clock::Clock,
        limits::authorization_server::{LEASE_AGE, LEASE_PROLONGED_EVERY},
    },
};

/// The lease on a name, held by this task.
pub(crate) struct StoreLease<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    name: &'a str,
    /// Random, so that no other holder's entry is touched.
    holder: String,
}

impl<'a> StoreLease<'a> {
    /// Takes the lease on `name`; `None` if another replica holds it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn take(
        store: &'a Store,
        clock: &'a dyn Clock,
        name: &'a str,
    ) -> Result<Option<Self>, StoreFault> {
        let holder = random::unguessable().map_err(|cause| StoreFault(cause.to_owned()))?;
        let lease = Self { store, clock, name, holder };
        if !store.is_shared() {
            return Ok(Some(lease));
        }
        let is_ours = store.create(EntryKind::Lease, name, lease.entry(), lease.until()).await?;
        Ok(is_ours.then_some(lease))
    }

    /// Does `work`, and prolongs the lease meanwhile; then gives it back.
    pub(crate) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        if !self.store.is_shared() {
            return work.await;
        }
        let done = tokio::select! {
            done = work => done,
            never = self.prolong() => match never {},
        };
        // An expiry in the past deletes the entry, if it is still this holder's. If the store
        // fails, the lease expires by itself.
        let past = Some(Duration::from_millis(1));
        let _ = self.store.replace(EntryKind::Lease, self.name, self.entry().as_slice(), self.entry(), past).await;
        done
    }

    /// Prolongs the lease for as long as it is polled.
    async fn prolong(&self) -> Infallible {
        loop {
            sleep(LEASE_PROLONGED_EVERY).await;
            let until = Some(self.until());
            match self.store.replace(EntryKind::Lease, self.name, self.entry().as_slice(), self.entry(), until).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!("a lease in the store was lost: this process stood still, or the clocks differ");
                }
                // The store may be back before the lease expires; the work goes on in any case.
                Err(fault) => tracing::warn!(%fault, "a lease in the store was not prolonged"),
            }
        }
    }

    fn entry(&self) -> Vec<u8> {
        self.holder.as_bytes().to_vec()
    }

    fn until(&self) -> Duration {
        self.clock.now().wall.saturating_add(LEASE_AGE)
    }
}
