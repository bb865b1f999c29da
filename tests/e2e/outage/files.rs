//! The outage table: the files that are read again while the gateway runs. What was read last goes on, and what comes back is taken.

use std::{fs, path::Path};

use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use super::{RECOVERS, ask, counted, is_well, until_readyz, until_status};
use crate::e2e::world::{Plan, World, certificate, issuer};

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Vanishes,
    Empty,
    Truncated,
    Garbage,
    /// It cannot be read: a folder lies there.
    Refuses,
    /// Reading it would wait for ever: a pipe lies there.
    Hangs,
    /// It is there and away, again and again.
    Flaps,
}

const ALL: [Failure; 7] = [
    Failure::Vanishes,
    Failure::Empty,
    Failure::Truncated,
    Failure::Garbage,
    Failure::Refuses,
    Failure::Hangs,
    Failure::Flaps,
];

impl Failure {
    async fn begin(self, path: &Path, good: &[u8]) {
        match self {
            Self::Vanishes => fs::remove_file(path).unwrap(),
            Self::Empty => fs::write(path, "").unwrap(),
            Self::Truncated => fs::write(path, &good[..good.len() / 2]).unwrap(),
            Self::Garbage => fs::write(path, [0xff, 0, b'{', 0x80, b'\n']).unwrap(),
            Self::Refuses => {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            }
            Self::Hangs => {
                fs::remove_file(path).unwrap();
                assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
            }
            Self::Flaps => {
                for _ in 0..20 {
                    fs::remove_file(path).unwrap();
                    sleep(Duration::from_millis(60)).await;
                    fs::write(path, good).unwrap();
                    sleep(Duration::from_millis(60)).await;
                }
                fs::remove_file(path).unwrap();
            }
        }
    }

    fn end(self, path: &Path, good: &[u8]) {
        match self {
            Self::Refuses => fs::remove_dir(path).unwrap(),
            Self::Hangs => fs::remove_file(path).unwrap(),
            _ => {}
        }
        fs::write(path, good).unwrap();
    }
}

/// How a failure of the file shows.
enum Sign {
    /// By a note of `/readyz` with these words.
    Note(&'static str),
    /// By this counter.
    Counter(&'static str),
}

async fn shows(world: &World, sign: &Sign, before: f64, what: &str) {
    match sign {
        Sign::Note(words) => {
            until_readyz(world, what, |ready| ready.status == 200 && ready.json()["notes"].to_string().contains(words))
                .await;
        }
        Sign::Counter(name) => {
            let deadline = Instant::now() + RECOVERS;
            while counted(world, name, "").await <= before {
                assert!(Instant::now() < deadline, "{what}: {name} stays\n{}", world.gateway.tail());
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Spoils the file in each way; calls go on with what was read before, and what comes back is taken.
async fn survives(world: World, name: &str, failures: &[Failure], sign: Sign) {
    let path = world.folder.path().join(name);
    let good = fs::read(&path).unwrap();
    let known = ask(&world.token());
    assert_eq!(world.send(&known).await.status, 200);
    for failure in failures {
        let what = format!("{name}, {failure:?}");
        let before = if let Sign::Counter(name) = sign { counted(&world, name, "").await } else { 0.0 };
        failure.begin(&path, &good).await;
        shows(&world, &sign, before, &what).await;
        let new = ask(&world.mint().claim("jti", json!(what)).token());
        for call in [&known, &new] {
            let reply = world.send(call).await;
            assert_eq!(reply.status, 200, "{what}: {reply:?}");
        }
        assert_eq!(world.upstream.take().last().unwrap().header("x-api-key"), Some("a-key-of-the-upstream"), "{what}");
        failure.end(&path, &good);
        until_readyz(&world, &what, is_well).await;
    }
    // Taken again, and not only forgiven: what changes now is in force.
    if name == "gateway.yaml" {
        fs::write(&path, String::from_utf8(good).unwrap().replace("tools: [safe,", "tools: [other,")).unwrap();
        until_status(&world, &known, 403, name).await;
    }
    world.close().await;
}

async fn begun(issuers: &str) -> World {
    let credential = "    credential: {header: {name: x-api-key, value: \"file:upstream.key\"}}\n    rules:\n";
    let world = Plan::standard_but("    rules:\n", credential)
        .issuers(issuers)
        .file("upstream.key", "a-key-of-the-upstream")
        .file("keys.json", &issuer::house_key_set().to_string())
        .tls()
        .start()
        .await;
    until_readyz(&world, "the start", is_well).await;
    world
}

const FETCHED: &str = "  house: {issuer: \"@ISSUER@\"}\n";
const FROM_FILE: &str = "  house: {issuer: \"@ISSUER@\", jwks: {file: keys.json}}\n";

#[tokio::test]
async fn outage_disk_configuration() {
    survives(begun(FETCHED).await, "gateway.yaml", &ALL, Sign::Note("reload failed")).await;
}

#[tokio::test]
async fn outage_disk_secret() {
    // Half of a secret, or another text in its place, is a secret, too.
    let failures = [Failure::Vanishes, Failure::Empty, Failure::Refuses, Failure::Hangs, Failure::Flaps];
    survives(begun(FETCHED).await, "upstream.key", &failures, Sign::Note("reload failed")).await;
}

#[tokio::test]
async fn outage_disk_key_set() {
    survives(begun(FROM_FILE).await, "keys.json", &ALL, Sign::Note("keys of authorization server house")).await;
}

const REFUSED: Sign = Sign::Counter("portcullis_certificate_reload_failures_total");

#[tokio::test]
async fn outage_disk_key_of_the_certificate() {
    survives(begun(FETCHED).await, "tls.key", &ALL, REFUSED).await;
}

#[tokio::test]
async fn outage_disk_certificate() {
    survives(begun(FETCHED).await, "tls.crt", &ALL, REFUSED).await;
}

#[tokio::test]
async fn outage_disk_certificate_is_another_when_it_comes_back() {
    let world = begun(FETCHED).await;
    let path = world.folder.path().join("tls.crt");
    fs::remove_file(&path).unwrap();
    shows(&world, &REFUSED, 0.0, "vanishes").await;
    let other = certificate::leaf();
    other.write(world.folder.path());
    let deadline = Instant::now() + RECOVERS;
    while world.connect().await.certificate.as_deref() != Some(other.der()) {
        assert!(Instant::now() < deadline, "the new certificate is not shown\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
    world.close().await;
}
