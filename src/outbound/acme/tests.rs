//! What a CA suggests, keeps and refuses, with a scripted one.

use std::{fs, path::Path, process::Command, sync::Arc, thread, time::Duration};

use instant_acme::{Error, Key};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    cache::{Cache, unusable, usable},
    challenge,
    client::{CaClient, CaFault},
    failure::Failed,
    held::{AcmeHeld, Proving, remaining},
    settings::AcmeSettings,
    suggestion,
};
use crate::{
    base::secret::Secret,
    decide::acme::kept::KeptAccount,
    outbound::{
        dial::DialFaultKind,
        fault::{Fault, FaultKind},
        fetch::testing::{ScriptedAnswer, Site, fetch_trusting},
    },
};

/// 2026-01-01T00:00:00Z, and 90 days later.
const BEGIN: u64 = 1_767_225_600;
const DAY: u64 = 86_400;

fn settings(folder: &tempfile::TempDir, directory: &str) -> AcmeSettings {
    AcmeSettings {
        email: "ops@example.com".into(),
        domains: vec!["a.example".into(), "b.example".into()],
        cache: folder.path().join("acme"),
        directory: directory.into(),
        ca: None,
        external_account: None,
    }
}

/// A key and a chain for both names, of a CA.
fn pem(names: &[&str]) -> Secret {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = Issuer::new(ca, KeyPair::generate().unwrap());
    let mut leaf = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &ca).unwrap();
    Secret::new(format!("{}{}", key.serialize_pem(), leaf.pem()).into_bytes())
}

fn account(directory: &str) -> KeptAccount {
    let (_, key) = Key::generate_pkcs8().unwrap();
    let key = Secret::new(key.secret_pkcs8_der().to_vec());
    let text = |text: &str| text.to_owned();
    KeptAccount { id: text("https://ca.example/1"), directory: text(directory), email: text("ops@example.com"), key }
}

#[tokio::test]
async fn f43_the_suggestion_of_the_ca_counts_for_the_certificate_in_use() {
    let site = Site::plain().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, &site.url("/dir"));
    let cache = Cache::open(&settings).0;
    cache.keep_certificate(&pem(&["a.example", "b.example"])).unwrap();
    cache.keep_account(&account(&settings.directory)).unwrap();
    let held = AcmeHeld::open(&settings, None).unwrap();
    assert_eq!(held.due(), BEGIN + 60 * DAY, "two thirds");

    let fetch = fetch_trusting(&[]);
    let wall = Duration::from_secs(BEGIN);
    let ask = async |jitter| suggestion::ask(&held, CaClient::new(&fetch, &settings.directory, wall), jitter).await;
    assert_eq!(ask(0).await, Duration::from_secs(6 * 3600), "no directory");
    let mut directory = json!({"newNonce": "n", "newAccount": "a", "newOrder": "o"});
    site.answer("/dir", ScriptedAnswer::json(directory.to_string()));
    assert_eq!((ask(0).await, held.due()), (Duration::from_secs(24 * 3600), BEGIN + 60 * DAY), "no suggestions");

    directory["renewalInfo"] = json!(site.url("/ari"));
    site.answer("/dir", ScriptedAnswer::json(directory.to_string()));
    let current = held.current().unwrap();
    let path = format!("/ari/{}", suggestion::identifier(&current).unwrap());
    let window = |start: &str, end: &str, again: &str| {
        let body = json!({"suggestedWindow": {"start": start, "end": end}}).to_string();
        let lines = format!("Content-Type: application/json\r\nRetry-After: {again}");
        site.answer(&path, ScriptedAnswer::typed(&lines, body));
    };
    window("2026-01-21T00:00:00Z", "2026-01-23T00:00:00Z", "3600");
    // The library counts from the system's clock.
    assert_eq!((ask(512).await.as_secs_f64().round(), held.due()), (3600.0, BEGIN + 21 * DAY));
    ask(0).await;
    assert_eq!(held.due(), BEGIN + 21 * DAY, "the moment in one window is chosen once");
    // Bounds: of the pause, and of the moment.
    window("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "1");
    assert_eq!((ask(0).await, held.due()), (Duration::from_secs(60), BEGIN + 81 * DAY));
    site.answer(&path, ScriptedAnswer::json("{}"));
    assert_eq!((ask(0).await, held.due()), (Duration::from_secs(6 * 3600), BEGIN + 81 * DAY), "not a suggestion");
}

#[test]
fn f44_attack_405_what_is_damaged_or_for_something_else_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    let held = AcmeHeld::open(&settings, None).unwrap();
    assert!(held.current().is_none() && held.due() == 0 && !held.take_from_cache());
    let good = pem(&["a.example", "b.example"]);
    let text = String::from_utf8(good.expose().to_vec()).unwrap();
    let of_another = String::from_utf8(pem(&["a.example", "b.example"]).expose().to_vec()).unwrap();
    let key = |text: &str| text.split_inclusive("-----END PRIVATE KEY-----\n").next().unwrap().to_owned();
    let other_key = text.replace(&key(&text), &key(&of_another));
    let one_name = String::from_utf8(pem(&["a.example"]).expose().to_vec()).unwrap();
    for bad in [String::new(), "x".repeat(1 << 20), other_key, one_name, text.chars().take(text.len() / 2).collect()] {
        fs::write(held.cache.certificate_path(), &bad).unwrap();
        assert!(!held.take_from_cache() && held.current().is_none());
    }
    fs::write(held.cache.certificate_path(), &text).unwrap();
    assert!(held.take_from_cache() && held.current().is_some());
    assert!(!held.take_from_cache(), "it is the same");
    fs::write(held.cache.account_path(), "{").unwrap();
    assert!(held.cache.account().is_err());
    fs::remove_file(held.cache.account_path()).unwrap();
    fs::create_dir(held.cache.account_path()).unwrap();
    assert!(held.cache.account().is_err());

    // Settings for another name begin with the certificate before them, and order at once.
    let other = AcmeSettings { domains: vec!["c.example".into()], ..settings };
    let next = AcmeHeld::open(&other, held.current()).unwrap();
    assert!(next.current().is_some() && next.due() == 0);
}

#[tokio::test]
async fn f44_one_process_at_a_time_has_the_lock_and_others_see_its_proofs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    let (one, other) = (AcmeHeld::open(&settings, None).unwrap(), AcmeHeld::open(&settings, None).unwrap());
    let lock = one.cache.lock().unwrap();
    assert!(other.cache.lock().is_none());
    let proving = Proving::new(&one);
    one.prove("a.example", &[1; 32]).unwrap();
    let made = other.challenge("a.example").await.unwrap();
    assert!(one.challenge("A.EXAMPLE").await.is_some());
    assert!(Arc::ptr_eq(&made, &other.challenge("A.example").await.unwrap()), "one key for one proof");
    assert_eq!(one.seen("a.example").map(|seen| seen.answered), Some(1), "its own answers");
    for name in ["b.example", "c.example", "../lock", ""] {
        assert!(one.challenge(name).await.is_none() && other.challenge(name).await.is_none(), "{name}");
    }
    proving.end().await;
    assert!(one.challenge("a.example").await.is_none() && other.challenge("a.example").await.is_none());
    // An attempt that is dropped leaves nothing either.
    let proving = Proving::new(&one);
    one.prove("a.example", &[1; 32]).unwrap();
    drop(proving);
    assert!(one.challenge("a.example").await.is_none() && other.challenge("a.example").await.is_none());
    drop(lock);
    assert!(other.cache.lock().is_some());
    assert!(challenge::certificate("a.example", &[1; 31]).is_err());
}

/// A file that was written an hour ago.
fn rest(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

#[tokio::test]
async fn f44_attack_432_what_a_killed_process_left_is_not_answered_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    let held = AcmeHeld::open(&settings, None).unwrap();
    let inside = |name: &str| settings.cache.join(name);
    let of_now = [inside("challenge-b.example"), inside(".account-1.json.0011223344556677.new")];
    of_now.iter().for_each(|path| fs::write(path, [2; 32]).unwrap());
    let random = "8899aabbccddeeff";
    let rests = [
        (inside("challenge-a.example"), &[1; 32][..]),
        (inside(&format!(".challenge-a.example.{random}.new")), &[1; 9]),
        (inside(&format!(".a.example-0011223344556677.pem.{random}.new")), b"-----BEGIN PRIVATE KEY-----\n"),
        (inside(&format!(".account-0011223344556677.json.{random}.new")), b"{"),
        (inside(&format!(".probe.{random}.new")), b""),
    ];
    rests.iter().for_each(|(path, bytes)| rest(path, bytes));
    rest(held.cache.account_path(), b"{}");
    assert!(held.challenge("a.example").await.is_none(), "of an attempt that is long over");
    assert!(held.challenge("b.example").await.is_some(), "of another process");
    let lock = held.cache.lock().unwrap();
    assert!(rests.iter().all(|(path, _)| !path.exists()));
    assert!(of_now.iter().all(|path| path.exists()) && held.cache.account_path().exists());
    drop(lock);
    rests.iter().for_each(|(path, bytes)| rest(path, bytes));
    AcmeHeld::open(&settings, None).unwrap();
    assert!(rests.iter().all(|(path, _)| !path.exists()), "the start removes them as well");
}

#[test]
fn f44_attack_448_files_of_the_operator_in_the_folder_of_the_cache_stay() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    fs::create_dir(&settings.cache).unwrap();
    let inside = |name: &str| settings.cache.join(name);
    let files = [
        (inside("challenge-plan.md"), &b"# What we plan\n"[..]),
        (inside("challenge-sums"), b"0123456789abcdef0123456789abcdef"),
        (inside("challenge-a.example"), &[1; 33]),
        (inside(".bashrc.new"), b""),
        (inside(".a.example-1.pem.17.new"), b"-----BEGIN PRIVATE KEY-----\n"),
        (inside(".probe.8899aabbccddeeff.new"), b"of others"),
    ];
    files.iter().for_each(|(path, bytes)| rest(path, bytes));
    let elsewhere = folder.path().join("elsewhere");
    rest(&elsewhere, &[1; 32]);
    let link = inside("challenge-b.example");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let dated = Command::new("touch").args(["-h", "-d", "2020-01-01"]).arg(&link).status().unwrap();
    assert!(dated.success());
    let (cache, trouble) = Cache::open(&settings);
    assert!(cache.lock().is_some() && trouble.is_none());
    for (path, bytes) in &files {
        assert_eq!(fs::read(path).unwrap(), *bytes, "{}", path.display());
    }
    assert!(link.is_symlink() && elsewhere.exists());
}

#[tokio::test]
async fn f41_attack_431_a_cache_that_hangs_holds_no_thread_of_the_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    let held = AcmeHeld::open(&settings, None).unwrap();
    // A process that opens a pipe waits for its other end.
    let pipe = settings.cache.join("challenge-a.example");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        let held = Arc::clone(&held);
        clients.spawn(async move { held.challenge("a.example").await.is_none() });
    }
    tokio::task::yield_now().await;
    // The one thread of this runtime goes on.
    held.prove("b.example", &[1; 32]).unwrap();
    assert!(held.challenge("b.example").await.is_some());
    let other_end = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    fs::remove_file(&pipe).unwrap();
    assert_eq!(clients.join_all().await, [true; 5]);
    drop(other_end);
}

#[test]
fn f44_processes_that_start_together_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    usable(&settings.cache).unwrap();
                    let cache = Cache::open(&settings).0;
                    cache.keep_account(&account(&settings.directory)).unwrap();
                    assert!(cache.account().unwrap().is_some(), "whole");
                }
            });
        }
    });
    let left: Vec<_> = fs::read_dir(&settings.cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn f42_a_certificate_of_the_ca_that_is_not_valid_now_may_be_the_clock() {
    for (kind, asks) in
        [(DialFaultKind::TlsExpired, true), (DialFaultKind::TlsNotYetValid, true), (DialFaultKind::Refused, false)]
    {
        let fault = CaFault(Fault::new(FaultKind::Dial(kind), "why"));
        let failed = Failed::of("the directory", Error::Other(Box::new(fault)), "");
        assert_eq!(failed.said.ends_with("; is the clock of this machine right?"), asks, "{}", failed.said);
    }
}

#[test]
fn f44_a_folder_that_became_read_only_does_not_stop_a_gateway_that_has_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let good = settings(&folder, "https://ca.example/dir");
    Cache::open(&good).0.keep_certificate(&pem(&["a.example", "b.example"])).unwrap();
    // Root may write where the mode forbids it, and no user may write to `/proc`.
    let read_only = AcmeSettings { cache: "/proc/self/acme".into(), ..good.clone() };
    let why = AcmeHeld::open(&read_only, None).unwrap_err();
    assert!(why.starts_with("/proc/self/acme: the folder cannot be created"), "{why}");
    let before = AcmeHeld::open(&good, None).unwrap().current();
    assert!(AcmeHeld::open(&read_only, before).is_ok(), "the certificate in use is the one that is wanted");
}

#[test]
fn f44_the_order_of_the_domains_means_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    let swapped = AcmeSettings { domains: vec!["b.example".into(), "a.example".into()], ..settings.clone() };
    let cache = Cache::open(&settings).0;
    let names = pem(&["a.example", "b.example"]);
    cache.keep_certificate(&names).unwrap();
    let held = AcmeHeld::open(&swapped, None).unwrap();
    assert_eq!((held.due(), held.cache.certificate_path()), (BEGIN + 60 * DAY, cache.certificate_path()));

    // Earlier releases named the file after the domain that was written first.
    let name = cache.certificate_path().file_name().unwrap().to_string_lossy().into_owned();
    fs::rename(cache.certificate_path(), settings.cache.join(name.replace("a.example-", "b.example-"))).unwrap();
    for settings in [&settings, &swapped] {
        assert_eq!(AcmeHeld::open(settings, None).unwrap().due(), BEGIN + 60 * DAY);
    }
    // What is damaged does not hide what is good.
    fs::write(cache.certificate_path(), "-----BEGIN").unwrap();
    assert_eq!(AcmeHeld::open(&settings, None).unwrap().due(), BEGIN + 60 * DAY);
}

#[test]
fn f46_a_note_says_what_is_missing_until_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let held = AcmeHeld::open(&settings(&folder, "https://ca.example/dir"), None).unwrap();
    let note = |day: u64| held.note(Duration::from_secs(BEGIN + day * DAY)).unwrap_or_default();
    assert_eq!(note(0), "no certificate for a.example, b.example yet, and TLS handshakes fail: it is being ordered");
    held.set_trouble(Some("why".to_owned()));
    assert_eq!(note(0), "no certificate for a.example, b.example yet, and TLS handshakes fail: why");
    held.cache.keep_certificate(&pem(&["a.example", "b.example"])).unwrap();
    assert!(held.take_from_cache());
    let renewal = "the certificate for a.example, b.example cannot be renewed, and the one in use";
    assert_eq!(note(80), format!("{renewal} expires in 10 days: why"));
    assert_eq!(note(91), format!("{renewal} has expired: why"));
    held.set_trouble(None);
    assert_eq!(note(80), "");
    assert_eq!(remaining(100, Duration::from_secs(40)), "expires in 60 seconds");
    assert_eq!(remaining(10_000, Duration::ZERO), "expires in 2 hours");
    assert!(!format!("{held:?}").contains("ops@example.com"));
}

#[test]
fn f44_a_folder_that_cannot_be_used_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a/b");
    assert_eq!(unusable(&inside), None);
    assert!(!folder.path().join("a").exists());
    fs::write(folder.path().join("a"), "").unwrap();
    assert!(unusable(&inside).unwrap().contains("is not a folder"));
}
