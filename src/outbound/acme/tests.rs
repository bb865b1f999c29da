//! What a CA suggests, keeps and refuses, with a scripted one.

use std::{fs, time::Duration};

use instant_acme::Key;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;

use super::{
    cache::{Cache, unusable},
    challenge,
    client::CaClient,
    held::{AcmeHeld, Proving, remaining},
    settings::AcmeSettings,
    suggestion,
};
use crate::{
    base::secret::Secret,
    decide::acme::kept::KeptAccount,
    outbound::fetch::testing::{ScriptedAnswer, Site, fetch_trusting},
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
    let cache = Cache::open(&settings).unwrap();
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

#[test]
fn f44_one_process_at_a_time_has_the_lock_and_others_see_its_proofs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "https://ca.example/dir");
    let (one, other) = (AcmeHeld::open(&settings, None).unwrap(), AcmeHeld::open(&settings, None).unwrap());
    let lock = one.cache.lock().unwrap();
    assert!(other.cache.lock().is_none());
    let proving = Proving(&one);
    one.prove("a.example", &[1; 32]).unwrap();
    assert!(one.challenge("A.EXAMPLE").is_some() && other.challenge("a.example").is_some());
    assert_eq!(one.seen("a.example").map(|seen| seen.answered), Some(1), "its own answers");
    for name in ["b.example", "c.example", "../lock", ""] {
        assert!(one.challenge(name).is_none() && other.challenge(name).is_none(), "{name}");
    }
    drop(proving);
    assert!(one.challenge("a.example").is_none() && other.challenge("a.example").is_none());
    drop(lock);
    assert!(other.cache.lock().is_some());
    assert!(challenge::certificate("a.example", &[1; 31]).is_err());
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
