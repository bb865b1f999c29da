//! Does it start, stop and drain as an operator expects (SPEC F-28, CONFIG's exit codes)?

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    time::{Duration, Instant},
};

use super::world::{
    Ask, Plan, Process, Step, World, call,
    server::{chunk, json, last_chunk, sse_head},
};

fn held(world: &World) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let mut steps = vec![Step::Await(Arc::clone(&script_gate))];
        steps.extend(json(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
        steps
    });
    gate
}

#[tokio::test]
async fn f28_sigterm_lets_a_running_call_finish() {
    let world = World::standard().await;
    let gate = held(&world);
    let mut live = world.connect().await;
    live.write(&world.post(call("safe")).bytes(&world.authority)).await;
    world.upstream.until_seen(1).await;
    world.gateway.signal("TERM");
    until_refusing(&world).await;
    gate.add_permits(1);
    assert_eq!(live.head(false).await, 200);
    assert!(live.rest().await.text().contains("result"));
    world.close_stopped(0).await;
}

#[tokio::test]
async fn f28_a_running_stream_ends_at_the_drains_deadline() {
    let world = Plan::standard().top("drain: {timeout: 1s}").start().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let mut live = world.open(&world.post(call("safe"))).await;
    live.until("one").await;
    let started = Instant::now();
    world.gateway.signal("TERM");
    let reply = live.rest().await;
    assert!(started.elapsed() < Duration::from_secs(8), "the deadline was not kept");
    assert_eq!(reply.text(), "data: one\n\n", "nothing is made up");
    world.close_stopped(0).await;
}

#[tokio::test]
async fn f28_an_answer_under_way_may_finish_during_the_drain() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        vec![
            sse_head(&[]),
            chunk("data: one\n\n"),
            Step::Await(Arc::clone(&script_gate)),
            chunk("data: two\n\n"),
            last_chunk(),
        ]
    });
    let mut live = world.open(&world.post(call("safe"))).await;
    live.until("one").await;
    world.gateway.signal("TERM");
    until_refusing(&world).await;
    gate.add_permits(1);
    let reply = live.rest().await;
    assert!(reply.text().ends_with("data: two\n\n") && !reply.cut, "{reply:?}");
    world.close_stopped(0).await;
}

#[tokio::test]
async fn f28_a_second_sigterm_forces_the_end() {
    let world = World::standard().await;
    let _gate = held(&world);
    let mut live = world.connect().await;
    live.write(&world.post(call("safe")).bytes(&world.authority)).await;
    world.upstream.until_seen(1).await;
    world.gateway.signal("TERM");
    until_refusing(&world).await;
    world.gateway.signal("TERM");
    let started = Instant::now();
    let mut world = world;
    let code = world.gateway.exit_code().await;
    assert!(started.elapsed() < Duration::from_secs(5), "forced means now");
    assert!(code.is_some(), "it ends by itself, not by the signal");
    world.close_stopped(code.unwrap()).await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_drain() {
    let world = World::standard().await;
    let mut idle = world.connect().await;
    idle.write(&world.post(call("safe")).with("Connection", "keep-alive").bytes(&world.authority)).await;
    assert_eq!(idle.head(false).await, 200);
    idle.rest_of().await;
    let silent = world.connect().await;
    let mut half = world.connect().await;
    half.write(b"POST /mcp HTTP/1.1\r\nHost:").await;
    let started = Instant::now();
    world.gateway.signal("TERM");
    let mut world = world;
    assert_eq!(world.gateway.exit_code().await, Some(0));
    assert!(started.elapsed() < Duration::from_secs(12), "idle connections held it up for {:?}", started.elapsed());
    drop((idle, silent, half));
    world.close_stopped(0).await;
}

#[tokio::test]
async fn readiness_ends_when_the_drain_begins() {
    let world = World::standard().await;
    let gate = held(&world);
    let mut live = world.connect().await;
    live.write(&world.post(call("safe")).bytes(&world.authority)).await;
    world.upstream.until_seen(1).await;
    world.until_ready().await;
    world.gateway.signal("TERM");
    until_refusing(&world).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while world.admin("/readyz").await.status != 503 {
        assert!(Instant::now() < deadline, "it drains and calls itself ready");
    }
    assert!(world.admin("/readyz").await.json()["reasons"].to_string().contains("draining"));
    gate.add_permits(1);
    assert_eq!(live.head(false).await, 200);
    drop(live);
    world.close_stopped(0).await;
}

#[tokio::test]
async fn a_bad_file_ends_with_2_and_every_problem_located() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, "public_url: 5\nlisten: []\nnonsense: 1\n").unwrap();
    let Err(ended) = Process::start(&path, &[]).await else { panic!("it started") };
    assert_eq!(ended.code, Some(2), "{}", ended.output);
    assert!(ended.output.contains("gateway.yaml:3:1") && ended.output.contains("nonsense"), "{}", ended.output);
}

#[tokio::test]
async fn a_taken_port_ends_with_1_before_anything_serves() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::standard().await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    let port = world.authority.rsplit(':').next().unwrap();
    let other = format!("127.0.0.1:{}\"", taken.local_addr().unwrap().port());
    let path = world.folder.path().join("other.yaml");
    std::fs::write(&path, yaml.replace(&format!("127.0.0.1:{port}\""), &other)).unwrap();
    let Err(ended) = Process::start(&path, &[]).await else { panic!("it served on a taken port") };
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    assert!(!ended.output.lines().any(|line| line == "ready"));
    world.close().await;
}

#[tokio::test]
async fn the_admin_listener_is_not_public_and_the_public_one_not_admin() {
    let world = World::standard().await;
    world.until_ready().await;
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(world.admin(path).await.status, 200, "{path}");
        assert_eq!(world.send(&Ask::get(path)).await.status, 404, "{path} in public");
    }
    assert_eq!(world.admin("/mcp").await.status, 404);
    world.send(&world.post(call("safe"))).await;
    let metrics = world.metrics().await;
    assert!(metrics.keys().any(|name| name.starts_with("portcullis_requests")), "{metrics:?}");
    world.close().await;
}

/// Waits until new connections are refused: the drain has begun.
async fn until_refusing(world: &World) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(world.gateway.listening_address()).await.is_ok() {
        assert!(Instant::now() < deadline, "it still accepts");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
