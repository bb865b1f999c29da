//! Taking a key out works whatever else is wrong; nothing is added or widened.

use serde_json::{Map, json};

use super::*;
use crate::base::names::{Scope, ServerName};

fn key(name: &str, digit: u8) -> ApiKeyEntry {
    ApiKeyEntry {
        name: name.into(),
        sha256: [digit; 32],
        scopes: vec![Scope::from("a"), Scope::from("b")],
        claims: Map::from_iter([("team".to_owned(), json!("eng"))]),
        servers: vec![ServerName::from("s"), ServerName::from("t")],
        not_after: None,
    }
}

fn line(name: &str, digit: u8, rest: &str) -> String {
    let digest = hex_of(&[digit; 32]);
    format!("  - {{name: {name}, sha256: \"{digest}\", {rest}}}\n")
}

const SAME: &str = "servers: [s, t], scopes: [a, b], claims: {team: eng}";

fn names(of: &[ApiKeyEntry]) -> Vec<&str> {
    of.iter().map(|key| &*key.name).collect()
}

/// With the servers `s` and `t`, in force and in the refused configuration.
fn kept(in_force: &[ApiKeyEntry], text: &str) -> Vec<ApiKeyEntry> {
    keys_in(in_force, text, NamesOfServers { in_force: &["s", "t"], wanted: &["s", "t"] })
}

#[test]
fn attack_316_a_key_stays_only_if_its_entry_is_there() {
    let in_force = [key("one", 1), key("two", 2)];
    let (one, two) = (line("one", 1, SAME), line("two", 2, SAME));
    let upper = one.replace(&hex_of(&[1; 32]), &hex_of(&[1; 32]).to_uppercase());
    for (text, expected, why) in [
        (format!("keys:\n{one}{two}"), vec!["one", "two"], "nothing changed"),
        (format!("keys:\n{two}{one}"), vec!["one", "two"], "another order"),
        (format!("keys:\n{upper}"), vec!["one"], "digits in capitals"),
        (format!("keys:\n{two}"), vec!["two"], "one was taken out"),
        (format!("keys:\n{two}{}", line("new", 3, SAME)), vec!["two"], "nothing is added"),
        (format!("keys:\n{two}  - {{name: three}}\n"), vec!["two"], "another entry has a mistake"),
        (format!("keys:\n{}{two}", line("one", 1, "servers: none")), vec!["two"], "its entry cannot be read"),
        (format!("keys:\n{}", line("renamed", 1, SAME)), vec![], "another name is another user"),
        (format!("keys:\n{two}more: 1\n"), vec!["two"], "an unknown key"),
        (String::new(), vec![], "emptied"),
        ("keys:\n".to_owned(), vec![], "no list"),
        ("keys: []\n".to_owned(), vec![], "an empty list"),
        // Not YAML, or not a list: what is written counts, comments do not.
        (format!("keys:\n{one}  - {{name: \"open\n"), vec!["one"], "not YAML"),
        (format!("keys:\n#{one}{two} - - : [\n"), vec!["two"], "a commented entry"),
        (format!("keys:\n{two}  - {{ # {one}"), vec!["two"], "a comment at the end of a line"),
        (format!("keyz:\n{two}"), vec!["two"], "a name with a mistake"),
        (format!("keys:\n{}\u{FFFD}%[", two.replace("two", "other")), vec!["two"], "only the digest counts"),
    ] {
        assert_eq!(names(&kept(&in_force, &text)), expected, "{why}:\n{text}");
    }
    assert_eq!(kept(&in_force, &format!("keys:\n{one}{two}")), in_force);
}

#[test]
fn attack_316_a_key_keeps_no_more_than_its_entry_says() {
    let read = |rest: &str| kept(&[key("one", 1)], &format!("keys:\n{}", line("one", 1, rest))).pop();
    let narrowed = |change: fn(&mut ApiKeyEntry)| {
        let mut key = key("one", 1);
        change(&mut key);
        Some(key)
    };
    for (rest, expected) in [
        (SAME, narrowed(|_| ())),
        ("servers: [t, u], scopes: [a, b], claims: {team: eng}", narrowed(|key| drop(key.servers.remove(0)))),
        // Its servers are still there, so it was moved to another.
        ("servers: [u], scopes: [a, b], claims: {team: eng}", None),
        ("servers: [s, t], scopes: [b, c], claims: {team: eng}", narrowed(|key| drop(key.scopes.remove(0)))),
        ("servers: [s, t], scopes: [a, b], claims: {team: [eng], more: x}", narrowed(|key| key.claims.clear())),
        ("servers: [s, t], scope: [a, b], claims: {team: eng}", narrowed(|key| key.scopes.clear())),
        ("servers: [s, t], scopes: [a, b], claims: {team: eng}, not_after: soon", None),
        (
            "servers: [s, t], scopes: [a, b], claims: {team: eng}, not_after: \"1970-01-02T00:00:00Z\"",
            narrowed(|key| key.not_after = Some(Duration::from_secs(86_400))),
        ),
    ] {
        assert_eq!(read(rest), expected, "{rest}");
    }
    // A server that the refused configuration does not have may have another name now, if the
    // entry names a new one; otherwise only what the entry names stays.
    for (entry, wanted, expected) in [
        ("[t, u]", &["t", "u"][..], &["s", "t"][..]),
        ("[t, u]", &["s", "t", "u"], &["t"]),
        ("[t, u]", &["u"], &["s", "t"]),
        ("[t, u]", &[], &["t"]),
        ("[t, u]", &["t"], &["t"]),
        ("[t]", &["t"], &["t"]),
        ("[t]", &["t", "u"], &["t"]),
    ] {
        let text = format!("keys:\n{}", line("one", 1, &format!("servers: {entry}, scopes: [a, b]")));
        let kept = keys_in(&[key("one", 1)], &text, NamesOfServers { in_force: &["s", "t"], wanted });
        let expected: Vec<_> = expected.iter().map(|name| ServerName::from(*name)).collect();
        assert_eq!(kept[0].servers, expected, "{entry} {wanted:?}");
    }
    // A second entry with the same digest is a mistake; both count.
    let twice = format!("keys:\n{}{}", line("one", 1, SAME), line("one", 1, "servers: [s]"));
    assert_eq!(kept(&[key("one", 1)], &twice)[0].servers, [ServerName::from("s")]);
}

#[test]
fn attack_316_a_file_that_is_away_withdraws_nothing_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("keys.yaml"), folder.path().join("moved.yaml"));
    let seconds = Duration::from_secs;
    let mut away = FilesAway::new(seconds(60));
    let mut read = |files: &[&Path], now: u64| away.read(files.iter().copied(), seconds(now)).0;
    assert_eq!(read(&[&path], 0), Found::Away);
    assert_eq!(read(&[&path], 59), Found::Away);
    assert_eq!(read(&[folder.path()], 60), Found::Away, "a folder is a file that cannot be read");
    assert_eq!(read(&[&path], 60), Found::Lost);
    assert_eq!(read(&[&moved, &path], 61), Found::Lost, "neither is there");
    std::fs::write(&path, "").unwrap();
    assert_eq!(read(&[&moved, &path], 62), Found::Text(String::new()), "an empty file was read");
    std::fs::write(&moved, "keys: []").unwrap();
    assert_eq!(read(&[&moved, &path], 62), Found::Text("keys: []".to_owned()), "the file has moved");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read(&[&path], 63), Found::Away, "its time begins again");
    assert_eq!(read(&[&moved, &path], 64), Found::Text("keys: []".to_owned()));
    assert!(!away.told().concat().contains("keys.yaml"), "another file has its entries");
    let _ = away.read([&*path], seconds(65));
    away.all_read();
    assert_eq!(away.told(), Vec::<String>::new());
}

#[test]
fn attack_316_a_file_that_is_away_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let mut away = FilesAway::new(Duration::from_secs(60));
    assert_eq!(away.read([&*path], Duration::ZERO).0, Found::Away);
    assert!(away.told()[0].contains("put it back"), "{:?}", away.told());
    let due = |away: &FilesAway, now| away.is_due(Duration::from_secs(now));
    assert_eq!([due(&away, 1), due(&away, 60)], [false, true]);
    assert_eq!(away.read([&*path], Duration::from_secs(60)).0, Found::Lost);
    assert!(away.told()[0].contains("until it is back"), "{:?}", away.told());
    assert!(!due(&away, 61), "its entries are withdrawn once");
    std::fs::write(&path, "keys: []").unwrap();
    assert!(due(&away, 62), "it is back");
}

#[test]
fn attack_316_an_account_stays_only_if_its_entry_is_there() {
    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$1F6ZuJ0PnEDBnQ3YlX1S4g$Z3VhcmRpYW4gb2YgYSBob3VzZSB3aXRob3V0IGRvb3I";
    let other = HASH.replace("1F6Z", "2F6Z");
    let account = |name: &str, hash: &str| Account {
        name: name.into(),
        hash: hash.into(),
        groups: vec!["a".into(), "b".into()],
        display: None,
        subject: None,
    };
    let in_force = [account("ann", HASH), account("bob", &other)];
    let line = |name: &str, hash: &str, rest: &str| format!("  - {{name: {name}, password: \"{hash}\"{rest}}}\n");
    let (ann, bob) = (line("ann", HASH, ", groups: [a, b]"), line("bob", &other, ", groups: [a, b]"));
    for (text, expected, why) in [
        (format!("accounts:\n{bob}{ann}"), vec!["ann", "bob"], "nothing changed"),
        (format!("accounts:\n{bob}"), vec!["bob"], "one was taken out"),
        (format!("accounts:\n{bob}{}", line("new", HASH, "")), vec!["bob"], "nothing is added"),
        (format!("accounts:\n{bob}  - {{name: three}}\n"), vec!["bob"], "another entry has a mistake"),
        (format!("accounts:\n{bob}{}", line("ann", HASH, ", subject: x")), vec!["bob"], "another user"),
        (format!("accounts:\n{bob}#{ann}- : ["), vec!["bob"], "not YAML"),
        (String::new(), vec![], "emptied"),
    ] {
        let kept = accounts_in(&in_force, &text);
        assert_eq!(kept.iter().map(|account| &*account.name).collect::<Vec<_>>(), expected, "{why}:\n{text}");
        assert!(kept.iter().all(|account| in_force.contains(account)), "{why}");
    }
    let narrowed = accounts_in(&in_force, &format!("accounts:\n{}", line("ann", &other, ", groups: [b, c]")));
    assert_eq!(narrowed, [Account { groups: vec!["b".into()], ..account("ann", &other) }], "the password changed");
}
