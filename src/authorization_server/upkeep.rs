//! Background work: keys, seals, revocations, IdP metadata; watches and sweeps the store.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tracing::info;

use crate::{
    authorization_server::{embedded::State, keys::random, replica::Others, store::fault::StoreFault},
    base::limits::authorization_server::{
        REPLICA_EVERY, REVOCATIONS_POLL, STORE_IDENTITY_EVERY, STORE_SWEEP_EVERY, STORE_WRITTEN_EVERY,
    },
};

pub(crate) mod failing;
pub(crate) mod identity;
pub(crate) mod seal_standing;
mod seals;

/// How soon seals and marker are looked at again while the signing keys are not loaded.
const SOON: Duration = Duration::from_millis(500);

/// How often refusals without a line of their own are told.
const REFUSALS_TOLD_EVERY: Duration = Duration::from_secs(5);

/// Does all background work for as long as it is polled.
pub async fn run(state: Arc<State>) {
    tokio::join!(
        refresh_keys(&state),
        refresh_revocations(&state),
        keep_seals(&state),
        watch_store(&state),
        write_to_store(&state),
        sweep_store(&state),
        record_deliveries(&state),
        refresh_bridge(&state),
        tell_refusals(&state)
    );
}

async fn refresh_keys(state: &State) {
    let mut is_marked = state.store.seals().is_none();
    loop {
        state.failing.record("keys", state.keys.refresh(&state.store, &state.sealer, &*state.clock).await);
        // At once: a store that is emptied before it has its marker is not noticed.
        if !is_marked && state.keys.era().is_some() {
            let looked = state.identity.look(&state.store, true, state.clock.now()).await;
            is_marked = looked.is_ok();
            state.failing.record("identity", looked);
        }
        sleep(jittered(state.keys.due_in(state.clock.now()))).await;
    }
}

async fn refresh_revocations(state: &State) {
    loop {
        state.failing.record("revocations", state.revocations.refresh(&state.store, state.clock.now()).await);
        sleep(jittered(REVOCATIONS_POLL)).await;
    }
}

async fn keep_seals(state: &State) {
    if state.store.seals().is_none() {
        return;
    }
    loop {
        state.failing.record("seals", look_at_seals(state).await);
        sleep(jittered(if state.keys.era().is_some() { REPLICA_EVERY } else { SOON })).await;
    }
}

async fn look_at_seals(state: &State) -> Result<(), StoreFault> {
    let others = if state.store.is_shared() {
        let (keys, ring) = (state.sealer.ids().collect(), state.keys.ring_digest());
        state.replica.announce(&state.store, keys, ring, state.clock.now().wall).await?;
        state.replica.others(&state.store).await?
    } else {
        Others::default()
    };
    state.store.seals().inspect(|seals| seals.others_have(others.keys()));
    state.seal_standing.compare(&state.sealer, &others);
    seals::look(state, &others).await
}

async fn watch_store(state: &State) {
    if state.store.seals().is_none() {
        return;
    }
    loop {
        let (identity, store, now) = (&state.identity, &state.store, state.clock.now());
        let has_keys = state.keys.era().is_some();
        state.failing.record("identity", identity.look(store, has_keys, now).await);
        if !state.allow_eviction {
            state.failing.record("eviction", identity.look_for_eviction(store, now).await);
        }
        sleep(jittered(if has_keys { STORE_IDENTITY_EVERY } else { SOON })).await;
    }
}

/// Writes to a file now and then: reading goes on if its disk is full or read-only. In Redis each
/// replica announces itself.
async fn write_to_store(state: &State) {
    if state.store.seals().is_none() || state.store.is_shared() {
        return;
    }
    loop {
        state.failing.record("writes", state.identity.write(&state.store, state.clock.now()).await);
        sleep(jittered(STORE_WRITTEN_EVERY)).await;
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

async fn tell_refusals(state: &State) {
    loop {
        sleep(REFUSALS_TOLD_EVERY).await;
        for (kind, left_out) in state.refusals.left_out() {
            let (event, why) = kind.labels();
            info!(target: "portcullis::authorization_server", event, why, left_out, "{left_out} more refused requests have no line");
        }
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
mod tests;
