//! What an upstream that speaks HTTP/2 may do to the calls on it: be full, refuse streams, say GOAWAY, hang up (attacks 177, 179, 180).

use std::{collections::BTreeSet, sync::Arc};

use tokio::{
    sync::Semaphore,
    time::{Duration, Instant, sleep},
};

use super::world::{
    Ask, Live, Plan, World, call, certificate,
    h2::{Act, Asked, H2Upstream, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM},
    plan::STANDARD,
    process::PATIENCE,
};

const UPSTREAM: &str = "upstream: {url: \"@UPSTREAM@/inner/mcp\", response_timeout: 2s, connect_timeout: 2s}";

/// A world whose upstream is this one.
async fn world(upstream: &H2Upstream, connect_timeout: &str, connections: usize) -> World {
    let url = upstream.url();
    let with = format!(
        "upstream: {{url: \"{url}/inner/mcp\", ca: ca.pem, response_timeout: 12s, connect_timeout: {connect_timeout}}}"
    );
    let limits = format!("limits: {{request_body: 64KiB, upstream_connections: {connections}}}");
    let servers = STANDARD.replace(UPSTREAM, &with).replace("limits: {request_body: 64KiB}", &limits);
    assert!(servers.contains(&with) && servers.contains(&limits));
    Plan::standard().servers(&servers).crowd().start().await
}

/// An upstream that takes so many streams on a connection and answers each after a permit.
async fn holding(streams_max: u32) -> (H2Upstream, Arc<Semaphore>) {
    let upstream = H2Upstream::start(&certificate::leaf(), streams_max).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    upstream.script(move |_| vec![Act::AnswerAfter(Arc::clone(&held))]);
    (upstream, gate)
}

/// A call with this id.
fn ask(world: &World, id: usize) -> Ask {
    world.post(call("safe").replace("\"id\":1", &format!("\"id\":{id}")))
}

/// Begins calls with these ids.
async fn begin(world: &World, ids: std::ops::Range<usize>) -> Vec<Live> {
    let mut begun = Vec::new();
    for id in ids {
        begun.extend(world.begin(&ask(world, id), 1).await);
    }
    begun
}

/// All must be answered with a result.
async fn all_answered(begun: Vec<Live>) {
    for mut live in begun {
        live.head(false).await;
        let reply = live.rest().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.json()["result"].is_object(), "{reply:?}");
    }
}

fn each_once(asked: &[Asked], calls: usize) {
    let ids: BTreeSet<String> = asked.iter().map(Asked::id).collect();
    assert_eq!((asked.len(), ids.len()), (calls, calls), "{asked:?}");
}

#[tokio::test]
async fn attack_179_full_connections_get_company_and_are_balanced() {
    let (upstream, gate) = holding(10).await;
    let world = world(&upstream, "10s", 8).await;
    let begun = begin(&world, 0..35).await;
    upstream.until_asked(35).await;
    assert_eq!((upstream.connections(), upstream.streams_peak()), (4, 10), "as many as are needed, none overfull");
    let metrics = world.metrics().await;
    assert_eq!(metrics["portcullis_upstream_connections"], 4.0);
    assert_eq!(metrics["portcullis_upstream_streams"], 35.0);

    gate.add_permits(35);
    all_answered(begun).await;
    each_once(&upstream.take(), 35);
    // Now that all have room, each takes its share.
    let begun = begin(&world, 0..20).await;
    upstream.until_asked(20).await;
    let asked = upstream.take();
    for connection in 1..=4 {
        assert_eq!(asked.iter().filter(|asked| asked.connection == connection).count(), 5, "connection {connection}");
    }
    gate.add_permits(20);
    all_answered(begun).await;
    until_none(&world, "portcullis_upstream_streams").await;
    world.close().await;
}

#[tokio::test]
async fn attack_179_a_burst_that_fits_one_connection_opens_one() {
    let (upstream, gate) = holding(128).await;
    let world = world(&upstream, "10s", 8).await;
    let begun = begin(&world, 0..128).await;
    upstream.until_asked(128).await;
    assert_eq!((upstream.connections(), upstream.streams_peak()), (1, 128));
    gate.add_permits(128);
    all_answered(begun).await;
    world.close().await;
}

#[tokio::test]
async fn attack_179_a_call_that_gets_no_stream_in_time_is_503_and_one_that_waits_gets_the_next() {
    let (upstream, gate) = holding(3).await;
    let world = world(&upstream, "1s", 2).await;
    let begun = begin(&world, 0..6).await;
    upstream.until_asked(6).await;
    let reply = world.send(&ask(&world, 6)).await;
    assert_eq!(
        (reply.status, reply.reason().as_str(), reply.code()),
        (503, "upstream_busy", Some(-32603)),
        "{reply:?}"
    );
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!((upstream.count(), upstream.connections()), (6, 2), "it never reached the upstream");

    let waiting = begin(&world, 7..8).await;
    gate.add_permits(7);
    all_answered(begun).await;
    all_answered(waiting).await;
    each_once(&upstream.take(), 7);
    world.close().await;
}

/// Waits until a gauge is 0: a stream is given back a moment after its answer has arrived.
async fn until_none(world: &World, gauge: &str) {
    let deadline = Instant::now() + PATIENCE;
    while world.metrics().await[gauge] > 0.0 {
        assert!(Instant::now() < deadline, "{gauge} does not fall to 0");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn attack_179_a_client_that_leaves_gives_its_stream_back() {
    let (upstream, gate) = holding(2).await;
    let world = world(&upstream, "10s", 1).await;
    for round in 1..=5 {
        let begun = begin(&world, 0..2).await;
        upstream.until_asked(2 * round).await;
        drop(begun);
        upstream.until_reset(2 * round).await;
    }
    // One that leaves while it waits for a stream leaves nothing behind either.
    let begun = begin(&world, 0..2).await;
    upstream.until_asked(12).await;
    drop(begin(&world, 2..4).await);
    let waiting = begin(&world, 4..5).await;
    gate.add_permits(100);
    all_answered(begun).await;
    all_answered(waiting).await;
    assert_eq!(upstream.connections(), 1);
    until_none(&world, "portcullis_upstream_streams").await;
    world.close().await;
}

#[tokio::test]
async fn attack_177_an_h2_upstream_that_restarts_loses_no_call() {
    let upstream = H2Upstream::start(&certificate::leaf(), 100).await;
    let world = world(&upstream, "10s", 8).await;
    all_answered(begin(&world, 0..1).await).await;
    upstream.stop();
    upstream.until_open(0).await;
    // What is written before the gateway has seen the end may have run: it is not sent again (SPEC C-57).
    until_none(&world, "portcullis_upstream_connections").await;
    let begun = begin(&world, 1..41).await;
    world.gateway.line(|line| line.contains("cannot be reached")).await;
    upstream.resume().await;
    all_answered(begun).await;
    each_once(&upstream.take(), 41);
    assert_eq!(upstream.connections(), 2, "one dial for all that wait");
    world.close().await;
}

#[tokio::test]
async fn attack_180_a_refused_stream_is_sent_again_once() {
    let upstream = H2Upstream::start(&certificate::leaf(), 100).await;
    let world = world(&upstream, "2s", 8).await;
    upstream.script(|asked| vec![if asked.stream == 1 { Act::Reset(REFUSED_STREAM) } else { Act::Answer }]);
    all_answered(begin(&world, 7..8).await).await;
    let asked = upstream.take();
    assert_eq!((asked.len(), asked[0].body == asked[1].body), (2, true), "the same bytes");

    upstream.script(|_| vec![Act::Reset(REFUSED_STREAM)]);
    let reply = world.send(&ask(&world, 8)).await;
    assert_eq!((reply.status, upstream.take().len()), (502, 2), "once, not for ever");
    world.close().await;
}

#[tokio::test]
async fn attack_180_streams_above_a_goaways_last_are_sent_again_and_the_others_finish() {
    for code in [NO_ERROR, INTERNAL_ERROR] {
        let upstream = H2Upstream::start(&certificate::leaf(), 100).await;
        let world = world(&upstream, "2s", 8).await;
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        // The first ten streams are 1, 3 … 19; the tenth brings a GOAWAY that says five of them were looked at.
        upstream.script(move |asked| match (asked.connection, asked.stream) {
            (1, 19) => vec![Act::GoAway(9, code)],
            (1, 11..) => vec![Act::Silence],
            (1, _) => vec![Act::AnswerAfter(Arc::clone(&held))],
            _ => vec![Act::Answer],
        });
        let begun = begin(&world, 0..10).await;
        upstream.until_asked(15).await;
        gate.add_permits(5);
        all_answered(begun).await;
        let asked = upstream.take();
        let lower = asked.iter().filter(|asked| asked.connection == 1 && asked.stream <= 9).count();
        let again = asked.iter().filter(|asked| asked.connection == 2).count();
        assert_eq!((lower, again, asked.len()), (5, 5, 15), "{asked:?}");
        let executed: Vec<Asked> =
            asked.into_iter().filter(|asked| asked.connection == 2 || asked.stream <= 9).collect();
        each_once(&executed, 10);
        world.close().await;
    }
}

#[tokio::test]
async fn attack_180_c57_what_may_have_run_is_not_sent_again() {
    let cases: Vec<(&str, Vec<Act>)> = vec![
        ("reset with another code", vec![Act::Reset(INTERNAL_ERROR)]),
        (
            "a GOAWAY with an error that covers the stream, then the end",
            vec![Act::GoAway(1, INTERNAL_ERROR), Act::HangUp],
        ),
        ("a graceful GOAWAY that covers the stream, then the end", vec![Act::GoAway(1, NO_ERROR), Act::HangUp]),
        ("the end", vec![Act::HangUp]),
    ];
    for (name, acts) in cases {
        let upstream = H2Upstream::start(&certificate::leaf(), 100).await;
        let world = world(&upstream, "2s", 8).await;
        upstream.script(move |_| acts.clone());
        let reply = world.send(&ask(&world, 1)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (502, "upstream_answer"), "{name}: {reply:?}");
        assert_eq!(upstream.take().len(), 1, "{name}: sent again");
        // The next call finds a way.
        upstream.script(|_| vec![Act::Answer]);
        all_answered(begin(&world, 2..3).await).await;
        world.close().await;
    }
}

#[tokio::test]
async fn attack_180_an_answer_that_has_begun_is_cut_not_asked_for_again() {
    let upstream = H2Upstream::start(&certificate::leaf(), 100).await;
    let world = world(&upstream, "2s", 8).await;
    upstream.script(|_| vec![Act::Head, Act::Reset(REFUSED_STREAM)]);
    let mut live = begin(&world, 1..2).await.remove(0);
    // Head and reset may come in one packet: then it never began, and the upstream says that nothing was done.
    let status = live.head(false).await;
    let reply = live.rest().await;
    let times = upstream.take().len();
    assert!((status == 200 && reply.cut && times == 1) || (status == 502 && times <= 2), "{status} {times} {reply:?}");
    world.close().await;
}
