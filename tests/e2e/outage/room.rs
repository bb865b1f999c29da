//! The outage table: the disk under the authorization server's store file. Needs root, for a disk that is small or frozen.

use std::{fs, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{RECOVERS, ask, is_well, say_loudly, until_readyz};
use crate::e2e::world::{Ask, Plan, Reply, World};

const SECRET: &str = "bW9yZS10aGFuLXRoaXJ0eS10d28tYnl0ZXMtb2YtcmFuZG9t";

fn plan() -> Plan {
    let own = "  own:\n    embedded:\n      path: /oauth\n      login: {accounts: accounts.yaml}\n      \
               registration: {dynamic: open}\n      \
               clients: [{id: batch, secret: env:CLIENT_SECRET, grant_types: [client_credentials]}]\n      \
               grants: [{clients: [batch], scopes: [\"mcp:*\"]}]\n      store: {file: disk/as.db}\n";
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U";
    Plan::standard()
        .issuers(own)
        .file("accounts.yaml", &format!("accounts:\n  - {{name: ada, password: \"{hash}\"}}\n"))
        .top("session_keys: [\"env:SESSION_KEY\"]")
        .environment("SESSION_KEY", &"k".repeat(48))
        .environment("CLIENT_SECRET", SECRET)
        .environment("PATH", &std::env::var("PATH").unwrap())
}

/// Runs the gateway where `mount` has made `@FOLDER@/disk`, a disk that only it sees.
async fn begun(mount: &str) -> World {
    let script = format!("mkdir @FOLDER@/disk && {mount} && exec \"$@\"");
    let world = plan().wrapped(&["unshare", "-m", "sh", "-c", &script, "sh"]).start().await;
    world.secret(SECRET);
    until_readyz(&world, "the start", is_well).await;
    world
}

/// A path of the gateway's disk as others see it.
fn disk(world: &World, name: &str) -> String {
    format!("/proc/{}/root{}/disk/{name}", world.gateway.pid(), world.folder.path().display())
}

async fn token(world: &World) -> String {
    let resource = world.resource().replace(':', "%3A").replace('/', "%2F");
    let asked = Ask::post("/oauth/token", format!("grant_type=client_credentials&resource={resource}"))
        .set("Content-Type", "application/x-www-form-urlencoded")
        .set("Authorization", format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}"))));
    let reply = world.send(&asked).await;
    let token = reply.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply:?}")).to_owned();
    world.issued(&token);
    token
}

/// A revocation, which has to be written.
async fn revoke(world: &World, token: &str) -> Reply {
    let asked = Ask::post("/oauth/revoke", format!("token={token}"))
        .set("Content-Type", "application/x-www-form-urlencoded")
        .set("Authorization", format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}"))));
    world.send(&asked).await
}

async fn until_revoked(world: &World, token: &str, what: &str) {
    let deadline = Instant::now() + RECOVERS;
    loop {
        let reply = revoke(world, token).await;
        if reply.status == 200 {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn outage_disk_of_the_store_is_full() {
    if !super::can_mount() {
        return say_loudly("not root, or no mount namespaces: a full disk under the store is NOT tested");
    }
    let world = begun("mount -t tmpfs -o size=1m tmpfs @FOLDER@/disk").await;
    let (known, gone) = (token(&world).await, token(&world).await);
    assert_eq!(world.send(&ask(&known)).await.status, 200);
    assert!(fs::write(disk(&world, "filler"), vec![b'x'; 2 << 20]).is_err(), "it is full");
    // The file may have some room left in its last pages.
    let mut reply = revoke(&world, &token(&world).await).await;
    let deadline = Instant::now() + RECOVERS;
    while reply.status == 200 {
        assert!(Instant::now() < deadline, "a full disk takes everything");
        reply = revoke(&world, &token(&world).await).await;
    }
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_eq!(revoke(&world, &gone).await.status, 503, "a revocation that is not kept is not promised");
    assert_eq!(world.send(&ask(&known)).await.status, 200, "what was issued goes on");
    assert_eq!(world.admin("/readyz").await.status, 200);

    fs::remove_file(disk(&world, "filler")).unwrap();
    until_revoked(&world, &gone, "full").await;
    super::until_status(&world, &ask(&gone), 401, "full").await;
    assert_eq!(world.send(&ask(&known)).await.status, 200);
    until_readyz(&world, "full", is_well).await;
    world.close().await;
}

#[tokio::test]
async fn login_a12_a_full_disk_is_reported_within_seconds_though_no_client_writes() {
    if !super::can_mount() {
        return say_loudly("not root, or no mount namespaces: the report of a full disk is NOT tested");
    }
    let world = begun("mount -t tmpfs -o size=1m tmpfs @FOLDER@/disk").await;
    assert!(fs::write(disk(&world, "filler"), vec![b'x'; 2 << 20]).is_err(), "it is full");
    let is_reported = |ready: &Reply| ready.status == 200 && ready.text().contains("database or disk is full");
    until_readyz(&world, "it is reported", is_reported).await;
    world.gateway.line(|line| line.contains("WARN") && line.contains("disk is full")).await;
    let metrics = world.admin("/metrics").await.text();
    let count = metrics.lines().find_map(|line| line.strip_prefix("portcullis_store_failures_total{issuer=\"own\"} "));
    assert!(count.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
    fs::remove_file(disk(&world, "filler")).unwrap();
    until_readyz(&world, "there is room", is_well).await;
    token(&world).await;
    world.close().await;
}

#[tokio::test]
async fn outage_disk_of_the_store_hangs() {
    let image =
        "truncate -s 8M @FOLDER@/image && mkfs.ext4 -q @FOLDER@/image && mount -o loop @FOLDER@/image @FOLDER@/disk";
    if !super::can_mount() || !super::is_there("mkfs.ext4") || !super::can_loop() {
        return say_loudly("not root, or no loop devices: a store on a disk that hangs is NOT tested");
    }
    let world = begun(image).await;
    let (known, gone) = (token(&world).await, token(&world).await);
    let freeze = |how: &str| {
        let done = Command::new("fsfreeze").args([how, &disk(&world, "")]).status().unwrap();
        assert!(done.success(), "fsfreeze {how}");
    };
    freeze("-f");
    let waiting = async {
        let reply = revoke(&world, &gone).await;
        assert_eq!(reply.status, 503, "{reply:?}");
    };
    let answered = timeout(Duration::from_secs(12), waiting).await;
    for _ in 0..3 {
        assert_eq!(world.send(&ask(&known)).await.status, 200, "what was issued goes on");
    }
    let ready = world.admin("/readyz").await;
    freeze("-u");
    answered.expect("a store that hangs is given up");
    assert_eq!(ready.status, 200, "{ready:?}");
    until_revoked(&world, &gone, "hangs").await;
    super::until_status(&world, &ask(&gone), 401, "hangs").await;
    until_readyz(&world, "hangs", is_well).await;
    world.close().await;
}
