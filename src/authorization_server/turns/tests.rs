//! What goes first when many requests come at once.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use tokio::task::{JoinSet, yield_now};

use super::*;

const REQUESTS: usize = 50;
/// How often a call waits for something: its body, the upstream, ….
const STEPS: usize = 4;

#[tokio::test]
async fn login_d3_a_call_waits_for_one_request_at_each_step_not_for_all() {
    let (turns, done) = (Arc::new(Turns::of(2)), Arc::new(Mutex::new(Vec::new())));
    let mut all = JoinSet::new();
    for _ in 0..REQUESTS {
        let (turns, done) = (Arc::clone(&turns), Arc::clone(&done));
        all.spawn(async move {
            turns.next().await;
            done.lock().unwrap().push("request");
        });
    }
    let call = Arc::clone(&done);
    all.spawn(async move {
        for _ in 0..STEPS {
            yield_now().await;
        }
        call.lock().unwrap().push("call");
    });
    all.join_all().await;
    let done = done.lock().unwrap();
    assert_eq!(done.len(), REQUESTS + 1);
    let before = done.iter().position(|name| *name == "call").unwrap();
    assert!(before <= STEPS, "{before} requests went before the call");
}

#[tokio::test]
async fn login_d3_a_request_that_waits_after_its_turn_or_gives_up_holds_up_no_other() {
    let turns = Arc::new(Turns::of(1));
    let mut all = JoinSet::new();
    for count in 0..REQUESTS {
        let turns = Arc::clone(&turns);
        all.spawn(async move {
            turns.next().await;
            if count % 2 == 0 {
                pending::<()>().await;
            }
        });
    }
    // In the line already, and gone before its turn.
    let mut left = Box::pin(turns.next());
    tokio::select! {
        biased;
        () = &mut left => panic!("others came first"),
        () = std::future::ready(()) => {}
    }
    drop(left);
    for _ in 0..REQUESTS / 2 {
        all.join_next().await.unwrap().unwrap();
    }
    turns.next().await;
}

#[test]
fn login_d3_one_core_is_left_to_calls_by_turns() {
    let permits = |cores| Turns::of(cores).0.available_permits();
    assert_eq!([0, 1, 2, 3, 4, 64].map(permits), [1, 1, 1, 2, 3, 63]);
}
