//! Background work: refreshes keys, revocations and IdP metadata; sweeps the store.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    authorization_server::{embedded::State, keys::random},
    base::limits::authorization_server::{REVOCATIONS_POLL, STORE_SWEEP_EVERY},
};

pub(crate) mod failing;

/// Does all background work for as long as it is polled.
pub async fn run(state: Arc<State>) {
    tokio::join!(
        refresh_keys(&state),
        refresh_revocations(&state),
        sweep_store(&state),
        record_deliveries(&state),
        refresh_bridge(&state)
    );
}

async fn refresh_keys(state: &State) {
    loop {
        state.failing.record("keys", state.keys.refresh(&state.store, &state.sealer, &*state.clock).await);
        sleep(jittered(state.keys.due_in(state.clock.now()))).await;
    }
}

async fn refresh_revocations(state: &State) {
    loop {
        state.failing.record("revocations", state.revocations.refresh(&state.store, state.clock.now()).await);
        sleep(jittered(REVOCATIONS_POLL)).await;
    }
}

async fn sweep_store(state: &State) {
    loop {
        sleep(jittered(STORE_SWEEP_EVERY)).await;
        state.failing.record("sweep", state.store.sweep().await);
    }
}

async fn record_deliveries(state: &State) {
    loop {
        state.failing.record("deliveries", state.deliveries.record_next(&state.store).await);
    }
}

async fn refresh_bridge(state: &State) {
    if let Some(bridge) = &state.bridge {
        bridge.keep_fresh().await;
    }
}

/// `wait`, shortened by a random part of up to a fifth: replicas that start together do not poll
/// together.
fn jittered(wait: Duration) -> Duration {
    let [bits] = random::bytes::<1>().unwrap_or_default();
    wait.saturating_sub(wait.mul_f64(f64::from(bits) / 1_280.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_shortened_by_a_fifth_at_most() {
        for _ in 0..1_000 {
            let wait = jittered(Duration::from_secs(10));
            assert!(wait > Duration::from_secs(8) && wait <= Duration::from_secs(10), "{wait:?}");
        }
    }
}
