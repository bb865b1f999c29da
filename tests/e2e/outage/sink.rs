//! The outage table: where audit lines go. Requests never wait for it; lines that are lost are counted.

use std::fs;

use tokio::time::{Duration, Instant, sleep};

use super::{RECOVERS, ask, counted, say_loudly};
use crate::e2e::world::{Plan, World};

const DROPPED: &str = "portcullis_audit_dropped_total";
/// More lines than a pipe holds.
const MANY: usize = 400;

/// The gateway's output goes through a process of its own, whose id is in `sink.pid`.
fn through_a_pipe() -> Plan {
    Plan::standard()
        .wrapped(&["bash", "-c", "exec \"$@\" > >(echo $BASHPID > @FOLDER@/sink.pid; exec cat)", "bash"])
        .environment("PATH", &std::env::var("PATH").unwrap())
}

fn signal(world: &World, name: &str) {
    let id = fs::read_to_string(world.folder.path().join("sink.pid")).unwrap();
    assert!(std::process::Command::new("kill").args([name, id.trim()]).status().unwrap().success());
}

fn lines(world: &World) -> Vec<String> {
    world.gateway.output().lines().filter(|line| line.contains("\"tools/call\"")).map(str::to_owned).collect()
}

async fn until_lines(world: &World, count: usize) {
    let deadline = Instant::now() + RECOVERS;
    while lines(world).len() < count {
        assert!(Instant::now() < deadline, "{} of {count} lines came", lines(world).len());
        sleep(Duration::from_millis(20)).await;
    }
}

async fn calls(world: &World, count: usize) {
    let call = ask(&world.token()).with("Connection", "keep-alive").bytes(&world.authority);
    let mut live = world.connect().await;
    for _ in 0..count {
        live.write(&call).await;
        assert_eq!(live.head(false).await, 200);
        live.rest_of().await;
    }
}

#[tokio::test]
async fn outage_audit_sink_hangs() {
    let world = through_a_pipe().start().await;
    calls(&world, 1).await;
    until_lines(&world, 1).await;
    signal(&world, "-STOP");
    calls(&world, MANY).await;
    assert_eq!(world.admin("/readyz").await.status, 200);
    assert!(lines(&world).len() < MANY, "the sink takes nothing");
    signal(&world, "-CONT");
    until_lines(&world, MANY + 1).await;
    assert_eq!(lines(&world).len(), MANY + 1, "each line once");
    assert!(lines(&world).iter().all(|line| line.starts_with('{') && line.ends_with('}')), "no line is torn");
    assert_eq!(counted(&world, DROPPED, "").await, 0.0);
    world.close().await;
}

#[tokio::test]
async fn outage_audit_sink_refuses() {
    let world = through_a_pipe().start().await;
    calls(&world, 1).await;
    until_lines(&world, 1).await;
    signal(&world, "-KILL");
    let deadline = Instant::now() + RECOVERS;
    while counted(&world, DROPPED, "").await == 0.0 {
        assert!(Instant::now() < deadline, "no line was counted as lost");
        calls(&world, 1).await;
    }
    world.gateway.line(|line| line.contains("audit lines cannot be written")).await;
    calls(&world, 5).await;
    assert_eq!(world.admin("/readyz").await.status, 200);
    // A pipe without a reader does not come back; the gateway goes on, and ends cleanly.
    world.close().await;
}

#[tokio::test]
async fn outage_audit_sink_is_full() {
    if !super::can_mount() {
        return say_loudly("not root, or no mount namespaces: a full disk under the audit lines is NOT tested");
    }
    let script = "cd @FOLDER@ && mkdir small && mount -t tmpfs -o size=64k tmpfs small && : > small/audit || exit 9; \
                  tail -n +1 -f --pid=$$ small/audit & exec \"$@\" >> small/audit";
    let world = Plan::standard()
        .wrapped(&["unshare", "-m", "bash", "-c", script, "bash"])
        .environment("PATH", &std::env::var("PATH").unwrap())
        .start()
        .await;
    calls(&world, 1).await;
    until_lines(&world, 1).await;
    // The folder as the gateway sees it.
    let small = format!("/proc/{}/root{}/small", world.gateway.pid(), world.folder.path().display());
    let filler = format!("{small}/filler");
    assert!(fs::write(&filler, vec![b'x'; 128 * 1024]).is_err(), "it is full");
    let deadline = Instant::now() + RECOVERS;
    while counted(&world, DROPPED, "").await == 0.0 {
        assert!(Instant::now() < deadline, "no line was counted as lost");
        calls(&world, 10).await;
    }
    world.gateway.line(|line| line.contains("audit lines cannot be written")).await;
    assert_eq!(world.admin("/readyz").await.status, 200);

    fs::remove_file(&filler).unwrap();
    let before = lines(&world).len();
    let lost = counted(&world, DROPPED, "").await;
    calls(&world, 5).await;
    until_lines(&world, before + 4).await;
    assert_eq!(counted(&world, DROPPED, "").await, lost, "nothing more is lost");
    let torn = lines(&world).iter().filter(|line| !(line.starts_with('{') && line.ends_with('}'))).count();
    assert!(torn <= 1, "one line at most is torn where the disk was full, not {torn}");
    world.close().await;
}
