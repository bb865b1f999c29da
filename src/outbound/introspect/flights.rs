//! Lets requests with the same token share one question.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::memory::Fingerprint;
use crate::decide::{refusal::Refusal, token::caller::Caller};

type Verdict = Result<Arc<Caller>, Refusal>;
type Landing = watch::Receiver<Option<Verdict>>;

/// The questions under way. Each belongs to the request that asked first.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Fingerprint, Landing>>);

/// A request's part in a question.
pub(super) enum Joined<'a> {
    /// It asks.
    First(Flight<'a>),
    /// Another request asks.
    Later(Waits),
}

/// The question of a request that asks.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    fingerprint: Fingerprint,
    verdict: watch::Sender<Option<Verdict>>,
}

/// Waits for the verdict that another request asked for.
pub(super) struct Waits(Landing);

impl Flights {
    /// Joins the question about this token, or begins it.
    pub(super) fn join(&self, fingerprint: Fingerprint) -> Joined<'_> {
        let mut all = self.all();
        if let Some(landing) = all.get(&fingerprint) {
            return Joined::Later(Waits(landing.clone()));
        }
        let (verdict, landing) = watch::channel(None);
        all.insert(fingerprint, landing);
        Joined::First(Flight { flights: self, fingerprint, verdict })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Fingerprint, Landing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// Tells the verdict to all that wait for it.
    pub(super) fn land(self, verdict: &Verdict) {
        self.verdict.send_replace(Some(verdict.clone()));
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.all().remove(&self.fingerprint);
    }
}

impl Waits {
    /// The verdict; `None` if the request that asked was given up.
    pub(super) async fn verdict(mut self) -> Option<Verdict> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
