//! Exchanges with the company IdP under way: one task for each family, shared by its requests.
//!
//! A client may disconnect at any moment, and its request is then dropped. If that dropped the
//! exchange as well, the IdP's new refresh token would be lost, and the next refresh would present
//! the old one: reuse, for which IdPs end the session. So a request only waits for the task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::watch, task::JoinSet};

use crate::{base::limits::authorization_server::RENEWALS_MAX, decide::authorization_server::error::OAuthError};

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The family in the store is not what it was: read it again.
    Changed,
    /// The session is over, and the family with it.
    Ended,
    /// The IdP or the store could not be asked.
    Failed(OAuthError),
}

/// What a request waits for; `None` until then.
pub(crate) type Outcome = watch::Receiver<Option<Renewal>>;

/// The exchanges under way.
#[derive(Default)]
pub(crate) struct Renewals {
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Default)]
struct UnderWay {
    families: HashMap<Box<str>, Outcome>,
    tasks: JoinSet<()>,
}

impl Renewals {
    /// Joins the exchange of this family, or begins `work`. `None` if there are too many.
    pub(crate) fn join<W>(&self, family: &str, work: impl FnOnce() -> W) -> Option<Outcome>
    where
        W: Future<Output = Renewal> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some(outcome) = under_way.families.get(family) {
            return Some(outcome.clone());
        }
        while under_way.tasks.try_join_next().is_some() {}
        if under_way.families.len() >= RENEWALS_MAX {
            return None;
        }
        let (sender, outcome) = watch::channel(None);
        under_way.families.insert(family.into(), outcome.clone());
        let (work, left) = (work(), Left { under_way: Arc::clone(&self.under_way), family: family.into() });
        under_way.tasks.spawn(async move {
            let renewal = work.await;
            // The family leaves first: a request that comes after the outcome begins anew.
            drop(left);
            sender.send_replace(Some(renewal));
        });
        Some(outcome)
    }

    /// Waits until no exchange is under way. Later ones are not waited for.
    pub(crate) async fn finished(&self) {
        let outcomes: Vec<Outcome> = lock(&self.under_way).families.values().cloned().collect();
        for mut outcome in outcomes {
            // If its task failed, the sender is gone.
            let _ = outcome.wait_for(Option::is_some).await;
        }
    }
}

/// Removes the family when the task ends, also if it panics.
struct Left {
    under_way: Arc<Mutex<UnderWay>>,
    family: Box<str>,
}

impl Drop for Left {
    fn drop(&mut self) {
        lock(&self.under_way).families.remove(&self.family);
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time::sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn login_a4_requests_of_one_family_share_a_task_that_none_of_them_can_end() {
        let renewals = Renewals::default();
        let (asked, mut was_asked) = oneshot::channel();
        let first = renewals.join("family", move || async move {
            sleep(Duration::from_secs(3)).await;
            asked.send(()).unwrap();
            Renewal::Changed
        });
        let mut second = renewals.join("family", || async { panic!("the second of one family") }).unwrap();
        let other = renewals.join("another", || async { Renewal::Ended });
        drop((first, other));
        renewals.finished().await;
        assert_eq!(was_asked.try_recv(), Ok(()), "the task went on");
        assert_eq!(second.wait_for(Option::is_some).await.unwrap().clone(), Some(Renewal::Changed));
        let mut again = renewals.join("family", || async { Renewal::Ended }).unwrap();
        assert_eq!(again.wait_for(Option::is_some).await.unwrap().clone(), Some(Renewal::Ended), "a new one");
    }

    #[tokio::test]
    async fn login_a4_a_task_that_fails_frees_its_family() {
        let renewals = Renewals::default();
        let mut outcome = renewals.join("family", || async { panic!("as a test") }).unwrap();
        assert!(outcome.wait_for(Option::is_some).await.is_err());
        assert!(lock(&renewals.under_way).families.is_empty());
    }
}
