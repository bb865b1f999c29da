//! The outage table: what a client gets while something that the gateway depends on fails, and how it recovers.
//!
//! | depends on | refuses | hangs | is slow | truncates | lies | flaps |
//! |---|---|---|---|---|---|---|
//! | issuer metadata | 503 | 503 after 5 s | waited for | 503 | 503 | in from the first good answer on |
//! | key set | held keys go on; other keys 503 | the same, after 5 s | waited for | as refuses | as refuses; an empty set withdraws all: 503 | held keys go on |
//! | upstream | dialled again until `connect_timeout`, then 502 | 504 | waited for | 502, or cut where the head was sent | 502 | waited for; nothing runs twice |
//! | Redis | issuing 503, tokens go on | the same, after 2 s | waited for | as refuses | as refuses | tokens go on |
//! | DNS | dialled again until `connect_timeout`, then 502 | 504 after `connect_timeout` | waited for | 502; half a packet 504 | 502; the answer to something else 504 | 502 or 200; nothing runs twice |
//! | configuration, certificate, secret, key set on disk | what was read last goes on | a pipe is refused like a missing file | (a disk that is slow is not made) | what was read last goes on; an emptied key set withdraws all | the same | the same |
//! | disk under the store | full: what must be written 503, tokens go on | the same, after 5 s | | | | |
//! | reader of audit lines | lines are counted as lost; requests go on | lines wait; requests go on | | full: as refuses, and whole lines again after | | |
//!
//! In each of them what was proved before goes on, `/healthz` says alive, and all is as before once the failure is over, without a restart.

use tokio::time::{Duration, Instant, sleep};

use super::world::{Ask, Reply, Step, World, call};

mod dns;
mod files;
mod issuer;
mod keys;
mod room;
mod sink;
mod store;
mod upstream;
mod wire;

/// Longest wait for a recovery: a retry in at most 8 s, or the second look at files that change every 2 s.
const RECOVERS: Duration = Duration::from_secs(20);

/// A call of a tool that every caller may use.
fn ask(token: &str) -> Ask {
    Ask::post("/mcp", call("safe")).token(token)
}

/// Asks again and again until the answer has this status.
async fn until_status(world: &World, ask: &Ask, status: u16, what: &str) -> Reply {
    let deadline = Instant::now() + RECOVERS;
    loop {
        let reply = world.send(ask).await;
        if reply.status == status {
            return reply;
        }
        assert!(Instant::now() < deadline, "{what}: {status} never came: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until what `/readyz` answers is as wanted.
async fn until_readyz(world: &World, what: &str, wanted: impl Fn(&Reply) -> bool) {
    let deadline = Instant::now() + RECOVERS;
    loop {
        let reply = world.admin("/readyz").await;
        if wanted(&reply) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: /readyz stays {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Ready, and with nothing to add.
fn is_well(reply: &Reply) -> bool {
    reply.status == 200 && reply.json()["notes"].as_array().is_some_and(Vec::is_empty)
}

/// A series of `/metrics`: the sum of those whose labels hold `label`.
async fn counted(world: &World, name: &str, label: &str) -> f64 {
    let text = world.admin("/metrics").await.text();
    let series = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// 503 that says when to come again, and does not send the client to log in.
fn assert_unavailable(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 503, "{what}: {reply:?}");
    let wait: u64 = reply.header("retry-after").unwrap_or_else(|| panic!("{what}: no Retry-After")).parse().unwrap();
    assert!((1..=60).contains(&wait), "{what}: Retry-After: {wait}");
    assert!(reply.header("www-authenticate").is_none(), "{what}: {reply:?}");
}

/// Half of an answer, and the rest of it.
fn halves(polite: &[Step]) -> (bytes::Bytes, bytes::Bytes) {
    let [Step::Send(bytes)] = polite else { panic!("one piece is expected") };
    (bytes.slice(..bytes.len() - 10), bytes.slice(bytes.len() - 10..))
}

/// Says what is not tested, past the capture of the test's output.
fn say_loudly(what: &str) {
    use std::io::Write as _;
    // Unlike `eprintln!`, this is not captured.
    let mut shown = std::io::stderr().lock();
    shown.write_all(format!("\n!!! {what} !!!\n").as_bytes()).unwrap();
}

/// Whether this process may make a mount of its own.
fn can_mount() -> bool {
    std::process::Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|done| done.status.success())
}

/// Whether a file can be mounted as a disk.
fn can_loop() -> bool {
    std::process::Command::new("losetup").arg("-f").output().is_ok_and(|done| done.status.success())
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
