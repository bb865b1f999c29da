//! Which answers are ended from outside, and when, on tokio's paused clock.

use std::{future::poll_fn, sync::Arc, time::Duration};

use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::{advance, timeout},
};

use super::*;

const ALMOST: Duration = WRITE_STALL_TIMEOUT.saturating_sub(Duration::from_secs(1));

/// What hyper does with the stream in one poll.
#[derive(Clone, Copy)]
enum Turn {
    /// The body hands out a frame, and the client has no room for it.
    Holds,
    /// The client takes nothing, and the body is not asked.
    Keeps,
    /// The body was asked and waits for its upstream.
    Waits,
}

/// Reports why it was dropped.
struct Dropped {
    only: Arc<OnlyAnswer>,
    tell: Option<oneshot::Sender<Option<End>>>,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.tell.take().unwrap().send(ended(&self.only));
    }
}

/// Runs a stream that does the [`Turn`]s it is sent, and reports why it ended.
fn run(lease: Option<Lease>) -> (UnboundedSender<Turn>, oneshot::Receiver<Option<End>>) {
    let (tell, told) = oneshot::channel();
    let (turn, mut turns) = unbounded_channel();
    let dropped = Dropped { only: Arc::default(), tell: Some(tell) };
    StreamTasks.execute(poll_fn(move |cx| {
        if let Some(lease) = &lease {
            tie(lease, &dropped.only);
        }
        while let Poll::Ready(Some(turn)) = turns.poll_recv(cx) {
            match turn {
                Turn::Holds => note(&Poll::Ready(Some(Ok::<(), ()>(())))),
                Turn::Waits => note::<(), ()>(&Poll::Pending),
                Turn::Keeps => {}
            }
        }
        Poll::Pending
    }));
    (turn, told)
}

async fn settle() {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn attack_171_a_frame_that_is_not_taken_ends_the_stream() {
    let (turn, mut told) = run(None);
    turn.send(Turn::Holds).unwrap();
    settle().await;
    advance(ALMOST).await;
    settle().await;
    assert!(told.try_recv().is_err(), "not before its time");
    assert_eq!(timeout(Duration::from_secs(2), told).await.unwrap(), Ok(Some(End::ClientStalled)));
}

#[tokio::test(start_paused = true)]
async fn attack_171_a_body_that_waits_for_its_upstream_is_not_stalled() {
    let (turn, mut told) = run(None);
    for next in [Turn::Holds, Turn::Waits] {
        turn.send(next).unwrap();
        settle().await;
    }
    for _ in 0..10 {
        advance(WRITE_STALL_TIMEOUT).await;
        settle().await;
    }
    assert!(told.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn attack_171_progress_keeps_a_slow_stream_alive_and_its_end_does_not() {
    let (turn, mut told) = run(None);
    turn.send(Turn::Holds).unwrap();
    settle().await;
    for _ in 0..3 {
        advance(ALMOST).await;
        turn.send(Turn::Holds).unwrap();
        settle().await;
        assert!(told.try_recv().is_err(), "it took something");
    }
    // The task wakes for another reason; the client took no frame.
    advance(ALMOST).await;
    turn.send(Turn::Keeps).unwrap();
    let end = timeout(2 * WRITE_STALL_TIMEOUT, told).await;
    assert_eq!(end.unwrap(), Ok(Some(End::ClientStalled)));
}

#[tokio::test(start_paused = true)]
async fn attack_171_p7_a_permit_ends_a_stream_that_is_not_read() {
    let permit = Duration::from_secs(5);
    let lease = || Lease::for_tests(sleep(permit));
    let (turn, told) = run(Some(lease()));
    turn.send(Turn::Holds).unwrap();
    assert_eq!(timeout(2 * permit, told).await.unwrap(), Ok(Some(End::PermitExpired)));

    // If the client reads, the body itself ends the stream, without an error.
    let (turn, mut told) = run(Some(lease()));
    turn.send(Turn::Waits).unwrap();
    settle().await;
    advance(2 * permit).await;
    settle().await;
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn attack_171_on_http_1_the_connection_asks_while_a_write_is_blocked() {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let only = OnlyAnswer::default();
    assert!(only.poll_ended(&mut cx).is_pending(), "nothing is tied");
    let (end, told) = oneshot::channel::<()>();
    let lease = Lease::for_tests(async move { drop(told.await) });
    tie(&lease, &only);
    assert!(only.poll_ended(&mut cx).is_pending());
    assert_eq!(ended(&only), None);
    drop(end);
    assert!(only.poll_ended(&mut cx).is_ready());
    assert_eq!(ended(&only), Some(End::PermitExpired));
    assert!(lease.poll_ended(&mut cx).is_ready(), "it stays ready");
    drop(lease);
    assert!(only.poll_ended(&mut cx).is_pending(), "of an answer that is gone nothing is left");
}

#[tokio::test]
async fn attack_171_only_on_http_2_bytes_are_handed_out_in_pieces() {
    let whole = || Some(Bytes::from(vec![b'x'; 2 * H2_PIECE_BYTES_MAX + 1]));
    let mut bytes = whole();
    assert_eq!(take_piece(&mut bytes).map(|piece| piece.len()), Some(2 * H2_PIECE_BYTES_MAX + 1));
    assert_eq!(bytes, None);
    let lengths = STREAM.sync_scope(Stream::default(), || {
        let mut bytes = whole();
        std::iter::from_fn(|| take_piece(&mut bytes)).map(|piece| piece.len()).collect::<Vec<_>>()
    });
    assert_eq!(lengths, [H2_PIECE_BYTES_MAX, H2_PIECE_BYTES_MAX, 1]);
}
