//! Closes idle connections to all upstreams when file descriptors run short (attack 174).

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicUsize, Ordering},
};

use super::{idle::IdlePool, links::Links};

/// The idle connections to all upstreams.
#[derive(Default)]
pub struct Spare {
    idle: Arc<AtomicUsize>,
    upstreams: Mutex<Vec<(Weak<IdlePool>, Weak<Links>)>>,
}

impl Spare {
    /// How many idle HTTP/1.1 connections there are.
    pub fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }

    /// Closes up to `wanted` idle connections. Returns how many were closed.
    pub fn close(&self, wanted: usize) -> usize {
        if wanted == 0 {
            return 0;
        }
        let upstreams: Vec<(Arc<IdlePool>, Arc<Links>)> = {
            let mut all = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|(idle, _)| idle.strong_count() > 0);
            all.iter().filter_map(|(idle, links)| idle.upgrade().zip(links.upgrade())).collect()
        };
        let mut closed = 0;
        for (idle, links) in &upstreams {
            closed += idle.close(wanted - closed);
            if closed < wanted {
                closed += links.close_idle();
            }
            if closed >= wanted {
                break;
            }
        }
        closed
    }

    /// Creates the idle list of one more upstream.
    pub(super) fn idle_pool(&self) -> Arc<IdlePool> {
        Arc::new(IdlePool::new(Arc::clone(&self.idle)))
    }

    /// Adds the connections to one more upstream.
    pub(super) fn add(&self, idle: &Arc<IdlePool>, links: &Arc<Links>) {
        let weak = (Arc::downgrade(idle), Arc::downgrade(links));
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner).push(weak);
    }
}
