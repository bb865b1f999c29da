//! Keys that are refused: cut, mistyped, unknown, at another server, over.

use serde_json::json;

use super::*;

const RANDOM: [u8; RANDOM_BYTES] = [7; RANDOM_BYTES];

fn now(secs: u64) -> Now {
    Now { wall: Duration::from_secs(secs), mono: Duration::ZERO }
}

fn entry(name: &str, key: &str, servers: &[&str]) -> ApiKeyEntry {
    ApiKeyEntry {
        name: name.into(),
        sha256: sha256(key.as_bytes()),
        scopes: ["b", "a", "b"].map(Scope::from).to_vec(),
        claims: json!({"team": "eng"}).as_object().unwrap().clone(),
        servers: servers.iter().map(|name| ServerName::from(*name)).collect(),
        not_after: None,
    }
}

fn find(keys: &ApiKeys, text: &str, server: &str) -> Result<Arc<Caller>, TokenFault> {
    keys.find(text, &server.into(), now(1_000))
}

#[test]
fn b81_people_a11_a_key_is_a_prefix_random_digits_and_a_checksum() {
    let key = write(&RANDOM);
    assert_eq!(key.len(), PREFIX.len() + 2 * RANDOM_BYTES + CHECKSUM_DIGITS);
    assert!(is_whole(&key) && has_prefix(&key));
    const { assert!(8 * RANDOM_BYTES >= 128) };
    // printf %s "$KEY" | sha256sum
    assert_eq!(digest_text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn people_a11_attack_246_no_other_text_is_a_key() {
    let key = write(&RANDOM);
    let (start, last) = key.split_at(key.len() - 1);
    let mistyped = format!("{start}{}", if last == "0" { "1" } else { "0" });
    for (text, prefix) in [
        (mistyped, true),
        (start.to_owned(), true),
        (format!("{key}0"), true),
        (key.to_uppercase(), true),
        (key.replacen("07", "08", 1), true),
        (format!("{PREFIX}eyJhbGciOiJFUzI1NiJ9.e30.c2ln"), true),
        (PREFIX.to_owned(), true),
        (key.replacen("portcullis_", "portcullis-", 1), false),
        (format!("x{key}"), false),
        ("portcullis".to_owned(), false),
        ("portculliß_".to_owned(), false),
        (String::new(), false),
    ] {
        assert!(!is_whole(&text), "{text}");
        assert_eq!(has_prefix(&text), prefix, "{text}");
    }
}

#[test]
fn people_a11_a_key_opens_the_servers_that_it_names_until_it_ends() {
    let (one, other, unknown) = (write(&RANDOM), write(&[8; RANDOM_BYTES]), write(&[9; RANDOM_BYTES]));
    let mut over = entry("old", &other, &["weather"]);
    over.not_after = Some(Duration::from_secs(1_000));
    let keys = ApiKeys::new(&[entry("ci", &one, &["weather", "files"]), over]);
    let caller = find(&keys, &one, "weather").unwrap();
    assert_eq!((caller.subject(), caller.issuer().as_str()), ("api-key:ci", API_KEYS));
    assert_eq!(caller.scopes(), ["a", "b"].map(Scope::from));
    assert_eq!(caller.claims()["team"], "eng");
    assert_eq!(caller.claims()["sub"], "api-key:ci");
    assert!(caller.has_api_key() && caller.check_expiry(now(u64::MAX / 2), Duration::ZERO).is_ok());
    for (text, server, fault) in [
        (&one, "admin", TokenFault::ApiKeyServer),
        (&unknown, "weather", TokenFault::ApiKeyUnknown),
        (&other, "weather", TokenFault::Expired),
        (&one.chars().take(20).collect(), "weather", TokenFault::ApiKeyForm),
    ] {
        assert_eq!(find(&keys, text, server), Err(fault));
    }
    assert!(keys.find(&other, &"weather".into(), now(999)).is_ok());
    assert_eq!(find(&ApiKeys::default(), &one, "weather"), Err(TokenFault::ApiKeyUnknown));
}

#[test]
fn people_a11_a_removed_or_changed_key_is_no_longer_held() {
    let key = write(&RANDOM);
    let before = ApiKeys::new(&[entry("ci", &key, &["weather"])]);
    let caller = find(&before, &key, "weather").unwrap();
    let weather = ServerName::from("weather");
    let held = |entries: &[ApiKeyEntry]| ApiKeys::new(entries).still_hold(&caller, &weather);
    assert!(held(&[entry("ci", &key, &["files", "weather"])]), "a further server takes nothing away");
    let mut narrower = entry("ci", &key, &["weather"]);
    narrower.scopes.clear();
    let replaced = write(&[1; RANDOM_BYTES]);
    for (entries, why) in [
        (vec![], "removed"),
        (vec![entry("ci", &replaced, &["weather"])], "another key of the same name"),
        (vec![entry("ci", &key, &["files"])], "not for this server any more"),
        (vec![narrower], "other scopes"),
    ] {
        assert!(!held(&entries), "{why}");
    }
}
