//! Another caller, who calls on while an attack goes on: every call must succeed, and what it costs them is printed.

use std::{pin::pin, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{Ask, World, table::call};

/// Calls before the attack, to compare with.
const CALM: usize = 300;
/// Between two calls: a caller, not a load.
const PAUSE: Duration = Duration::from_millis(10);

/// What an attack knows of the other caller.
pub struct Others(watch::Receiver<usize>);

impl Others {
    /// Waits until the other caller has been served a good many times more.
    pub async fn are_served(&mut self) {
        let enough = *self.0.borrow() + CALM;
        self.0.wait_for(|calls| *calls >= enough).await.unwrap();
    }
}

/// Runs `attack` while `token` goes on calling a tool that the upstream answers at once, on one connection.
pub async fn beside(world: &World, token: &str, what: &str, attack: impl AsyncFnOnce(Others)) {
    besides(world, token, what, false, attack).await;
}

/// The same with a new connection for each call.
pub async fn beside_anew(world: &World, token: &str, what: &str, attack: impl AsyncFnOnce(Others)) {
    besides(world, token, what, true, attack).await;
}

async fn besides(world: &World, token: &str, what: &str, is_anew: bool, attack: impl AsyncFnOnce(Others)) {
    let kept = if is_anew { "close" } else { "keep-alive" };
    let bytes = Ask::post("/mcp", call("get_x")).token(token).with("Connection", kept).bytes(&world.authority);
    let mut live = world.connect().await;
    let mut is_first = true;
    let mut calls = async || {
        let began = Instant::now();
        if is_anew && !std::mem::take(&mut is_first) {
            live = world.connect().await;
        }
        live.write(&bytes).await;
        let status = live.head(false).await;
        let reply = live.rest_of().await;
        assert_eq!(status, 200, "another caller's call during {what}: {reply:?}");
        let took = began.elapsed();
        sleep(PAUSE).await;
        took
    };
    let mut calm = Vec::new();
    for _ in 0..CALM {
        calm.push(calls().await);
    }
    let (count, others) = watch::channel(0);
    let (mut attack, mut busy) = (pin!(attack(Others(others))), Vec::new());
    let mut is_over = false;
    while !is_over {
        // A call is never given up half-way.
        let mut next = pin!(calls());
        let took = tokio::select! {
            took = next.as_mut() => took,
            () = attack.as_mut() => {
                is_over = true;
                next.await
            }
        };
        busy.push(took);
        count.send_modify(|count| *count += 1);
    }
    println!("{what}: another caller's calls without it: {}; during it: {}", figures(calm), figures(busy));
}

fn figures(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    format!("all {} answered, p50 {:.2} ms, p99 {:.2} ms", took.len(), at(50), at(99))
}
