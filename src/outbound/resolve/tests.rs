//! Look-ups that hang, fail or are abandoned: how many run, and which calls get the outcome.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{task::yield_now, time::timeout};

use super::*;

/// A name server that hangs until it is released, and counts look-ups.
struct Dns {
    resolver: Arc<Resolver>,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

fn hanging() -> Dns {
    let (asked, answers) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
    let (counter, gate) = (Arc::clone(&asked), Arc::clone(&answers));
    let resolver = Resolver::new(Box::new(move |host| {
        counter.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            if &*host == "nowhere.example" {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no such name"));
            }
            Ok(vec!["192.0.2.1".parse().unwrap()])
        })
    }));
    Dns { resolver, asked, answers }
}

impl Dns {
    /// Begins a look-up as a task.
    fn ask(&self, host: &str, rule: AddressRule) -> tokio::task::JoinHandle<io::Result<Vec<IpAddr>>> {
        let (resolver, host) = (Arc::clone(&self.resolver), host.to_owned());
        tokio::spawn(async move { resolver.resolve(&host, rule).await })
    }

    async fn until_asked(&self, times: usize) {
        while self.asked.load(Ordering::SeqCst) < times {
            yield_now().await;
        }
    }

    fn names(&self) -> usize {
        self.resolver.lock().names.len()
    }
}

#[tokio::test]
async fn attack_182_callers_of_one_name_share_one_look_up() {
    let dns = hanging();
    let callers: Vec<_> = (0..600).map(|_| dns.ask("mcp.example", AddressRule::Configured)).collect();
    dns.until_asked(1).await;
    dns.answers.add_permits(1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    }
    assert_eq!((dns.asked.load(Ordering::SeqCst), dns.names()), (1, 0));
    // A new connection asks again, so that a changed record is noticed.
    dns.answers.add_permits(1);
    dns.ask("mcp.example", AddressRule::Configured).await.unwrap().unwrap();
    assert_eq!(dns.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn attack_182_a_failure_goes_to_all_who_wait_and_is_not_kept() {
    let dns = hanging();
    let callers: Vec<_> = (0..3).map(|_| dns.ask("nowhere.example", AddressRule::Configured)).collect();
    dns.until_asked(1).await;
    dns.answers.add_permits(1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
    assert_eq!(dns.names(), 0);
}

#[tokio::test(start_paused = true)]
async fn attack_182_callers_that_give_up_leave_the_look_up_to_the_next() {
    let dns = hanging();
    for _ in 0..50 {
        assert!(timeout(Duration::from_secs(5), dns.ask("mcp.example", AddressRule::Configured)).await.is_err());
    }
    assert_eq!(dns.asked.load(Ordering::SeqCst), 1, "a look-up that hangs was left behind, and another begun");
    let next = dns.ask("mcp.example", AddressRule::Configured);
    yield_now().await;
    dns.answers.add_permits(1);
    next.await.unwrap().unwrap();
    assert_eq!(dns.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn attack_182_look_ups_are_bounded_and_names_from_outside_do_not_delay_configured_ones() {
    let dns = hanging();
    let outside: Vec<_> = (0..100).map(|n| dns.ask(&format!("{n}.example"), AddressRule::PublicOnly)).collect();
    dns.until_asked(LOOK_UPS_OUTSIDE_MAX).await;
    let configured: Vec<_> = (0..100).map(|n| dns.ask(&format!("{n}.example"), AddressRule::Configured)).collect();
    dns.until_asked(LOOK_UPS_OUTSIDE_MAX + LOOK_UPS_MAX).await;
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(dns.asked.load(Ordering::SeqCst), LOOK_UPS_OUTSIDE_MAX + LOOK_UPS_MAX);
    // A name that waits for its turn leaves the queue with its last caller.
    for caller in outside.iter().chain(&configured) {
        caller.abort();
    }
    while dns.names() > LOOK_UPS_OUTSIDE_MAX + LOOK_UPS_MAX {
        yield_now().await;
    }
}

#[tokio::test]
async fn attack_182_an_address_is_not_looked_up() {
    let dns = hanging();
    for address in ["127.0.0.1", "::1"] {
        let found = dns.resolver.resolve(address, AddressRule::Configured).await.unwrap();
        assert_eq!(found, [address.parse::<IpAddr>().unwrap()]);
    }
    assert_eq!(dns.asked.load(Ordering::SeqCst), 0);
}
