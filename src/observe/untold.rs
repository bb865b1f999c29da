//! Decisions that wait for their audit line: a slow request is logged before it ends.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::observe::facts::Facts;

/// Enough shards that two workers rarely need the same one.
const SHARDS: usize = 16;

/// The waiting decisions.
#[derive(Default)]
pub(super) struct Untold {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    slots: Vec<Option<Arc<Facts>>>,
    free: Vec<usize>,
}

impl Untold {
    /// Keeps the facts of a request, and returns their index.
    pub(super) fn put(&self, facts: &Arc<Facts>) -> usize {
        let Some(mut shard) = self.shard(facts) else { return usize::MAX };
        let Shard { slots, free } = &mut *shard;
        let facts = Some(Arc::clone(facts));
        if let Some(index) = free.pop()
            && let Some(slot) = slots.get_mut(index)
        {
            *slot = facts;
            return index;
        }
        slots.push(facts);
        slots.len() - 1
    }

    /// Takes the facts back; `false` if they were written meanwhile.
    pub(super) fn take(&self, index: usize, facts: &Arc<Facts>) -> bool {
        let Some(mut shard) = self.shard(facts) else { return true };
        match shard.slots.get_mut(index) {
            Some(slot) if slot.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, facts)) => {
                let taken = slot.take();
                shard.free.push(index);
                drop(shard);
                drop(taken);
                true
            }
            _ => false,
        }
    }

    /// Takes the decisions of requests that arrived before `before`, and writes each under the
    /// lock, so that the line of its end comes later.
    pub(super) fn tell_older(&self, before: Duration, tell: &mut dyn FnMut(&Facts)) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let Shard { slots, free } = &mut *shard;
            for (index, slot) in slots.iter_mut().enumerate() {
                if slot.as_ref().is_some_and(|facts| facts.opened.mono < before)
                    && let Some(facts) = mem::take(slot)
                {
                    free.push(index);
                    tell(&facts);
                }
            }
        }
    }

    fn shard(&self, facts: &Facts) -> Option<MutexGuard<'_, Shard>> {
        let index = usize::try_from(facts.id.number() % SHARDS as u64).ok()?;
        self.shards.get(index).map(lock)
    }
}

/// After a panic the list is still valid.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
