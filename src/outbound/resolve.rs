//! Resolves host names: one shared look-up for each name, and only a few at once.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::{
    net::lookup_host,
    select,
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    base::limits::fetch::{LOOK_UPS_MAX, LOOK_UPS_OUTSIDE_MAX},
    outbound::address::AddressRule,
};

#[cfg(test)]
mod tests;

/// Looks up the addresses of a host name.
pub type LookUp = Box<dyn Fn(Box<str>) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// The outcome of a look-up, for all calls that wait.
type Found = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// Look-ups under way, by name.
///
/// The system's look-up takes a thread and cannot be cancelled. So callers of one name share one
/// look-up, and if a caller gives up, the next caller gets the result.
pub struct Resolver {
    under_way: Mutex<UnderWay>,
    configured: Arc<Semaphore>,
    outside: Arc<Semaphore>,
    look_up: LookUp,
}

#[derive(Default)]
struct UnderWay {
    names: HashMap<(Box<str>, AddressRule), watch::Sender<Option<Found>>>,
    tasks: JoinSet<()>,
}

impl Resolver {
    /// Uses the system's resolver for each new connection, so that a changed record is noticed.
    #[must_use]
    pub fn system() -> Arc<Self> {
        Self::new(Box::new(|host| {
            Box::pin(async move { Ok(lookup_host((&*host, 0)).await?.map(|address| address.ip()).collect()) })
        }))
    }

    /// Uses `look_up`.
    #[must_use]
    pub fn new(look_up: LookUp) -> Arc<Self> {
        Arc::new(Self {
            under_way: Mutex::default(),
            configured: Arc::new(Semaphore::new(LOOK_UPS_MAX)),
            outside: Arc::new(Semaphore::new(LOOK_UPS_OUTSIDE_MAX)),
            look_up,
        })
    }

    /// The addresses of `host`, which may be an address itself. The caller bounds the wait.
    ///
    /// # Errors
    /// The error of the system's resolver.
    pub async fn resolve(self: &Arc<Self>, host: &str, rule: AddressRule) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut outcome = self.join(host, rule);
        let found = match outcome.wait_for(Option::is_some).await {
            Ok(found) => found.clone(),
            Err(_) => None,
        };
        match found {
            Some(Ok(addresses)) => Ok(addresses.to_vec()),
            Some(Err(cause)) => Err(io::Error::new(cause.kind(), cause)),
            None => Err(io::Error::other("the look-up was stopped")),
        }
    }

    /// Joins the current look-up of the name, or begins one.
    fn join(self: &Arc<Self>, host: &str, rule: AddressRule) -> watch::Receiver<Option<Found>> {
        let name = (Box::from(host), rule);
        let mut under_way = self.lock();
        if let Some(outcome) = under_way.names.get(&name) {
            return outcome.subscribe();
        }
        let (outcome, receiver) = watch::channel(None);
        under_way.names.insert(name.clone(), outcome.clone());
        while under_way.tasks.try_join_next().is_some() {}
        under_way.tasks.spawn(look_up(Arc::downgrade(self), name, outcome));
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look_up(resolver: Weak<Resolver>, name: (Box<str>, AddressRule), outcome: watch::Sender<Option<Found>>) {
    let Some(turns) = resolver.upgrade().map(|resolver| match name.1 {
        AddressRule::Configured => Arc::clone(&resolver.configured),
        AddressRule::PublicOnly => Arc::clone(&resolver.outside),
    }) else {
        return;
    };
    let turn = loop {
        select! {
            turn = turns.acquire() => break turn,
            // Every caller gave up before the look-up's turn: the name leaves the queue.
            () = outcome.closed() => {
                let Some(resolver) = resolver.upgrade() else { return };
                let mut under_way = resolver.lock();
                if outcome.receiver_count() == 0 {
                    under_way.names.remove(&name);
                    return;
                }
            }
        }
    };
    let Some(asked) = resolver.upgrade().map(|resolver| (resolver.look_up)(name.0.clone())) else { return };
    let found = asked.await;
    drop(turn);
    if let Some(resolver) = resolver.upgrade() {
        resolver.lock().names.remove(&name);
    }
    outcome.send_replace(Some(found.map(Arc::from).map_err(Arc::new)));
}
