//! What must hold for the flags of `serve`: the configuration that they stand for says each value as it was typed.

use std::path::Path;

use portcullis::config::flags::{
    Flags, FlagsOf, StoreFlag, TokenFlags, TransportFlags, groups::RuleGroup, places::FlagValue,
};
use serde_json::Value;

/// No value adds, hides or changes a line (attack 352). Input: the values, with a byte 0xff between them.
pub(crate) fn flags(input: &[u8]) -> bool {
    let parts: Result<Vec<&str>, _> = input.split(|byte| *byte == 0xff).map(std::str::from_utf8).collect();
    let Ok(parts) = parts else { return false };
    let mut values = parts.iter().cycle().map(|text| FlagValue { text: (*text).to_owned(), by: "--flag".to_owned() });
    let mut next = || values.next().expect("a part");
    let mut name = next();
    // A longer key is not one line of YAML, and no name of a server is so long.
    name.text = name.text.chars().take(100).collect();
    let (file, store, issuer, profile) = (next(), next(), next(), next());
    let tokens = match parts.len() % 4 {
        0 => TokenFlags::Issuer { issuer, profile: Some(profile) },
        1 => TokenFlags::Accounts { file, store: StoreFlag::File(store) },
        2 => TokenFlags::Accounts { file, store: StoreFlag::Memory("--store".to_owned()) },
        _ => TokenFlags::Demo("--demo-account".to_owned()),
    };
    let transport = match input.len() % 4 {
        0 => TransportFlags::Files { certificate: next(), key: next() },
        1 => TransportFlags::Acme { email: next(), cache: Some(next()) },
        2 => TransportFlags::Plaintext("--plaintext".to_owned()),
        _ => TransportFlags::None,
    };
    let group = RuleGroup {
        comment: "A group.".to_owned(),
        key: "tools",
        patterns: vec![next().text, next().text],
        scopes: vec![next().text],
    };
    let given = Flags {
        public_url: next(),
        name,
        path: next(),
        upstream: next(),
        tokens,
        scopes: vec![next(), next()],
        allow_all: "--allow-all".to_owned(),
        groups: vec![group],
        of: FlagsOf::Init,
        audiences: vec![next()],
        allowed_origins: vec![next()],
        trusted_proxies: vec![next(), next()],
        listen: vec![next(), next()],
        transport,
        admin: next(),
        session_keys: vec![next()],
        log_format: next(),
        log_level: next(),
    };
    let text = given.written(Path::new("/nonexistent")).text;
    let read: Value = serde_yaml::from_str(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    same(&read, &given);
    true
}

fn same(read: &Value, given: &Flags) {
    let is = |at: &Value, value: &FlagValue| assert_eq!(at.as_str(), Some(&*value.text), "{at}");
    let all = |at: &Value, values: &[FlagValue]| {
        assert_eq!(at.as_array().map(Vec::len), Some(values.len()));
        values.iter().enumerate().for_each(|(index, value)| is(&at[index], value));
    };
    is(&read["public_url"], &given.public_url);
    is(&read["admin"]["address"], &given.admin);
    is(&read["log"]["format"], &given.log_format);
    is(&read["log"]["level"], &given.log_level);
    all(&read["trusted_proxies"], &given.trusted_proxies);
    all(&read["session_keys"], &given.session_keys);
    for (index, address) in given.listen.iter().enumerate() {
        let listener = &read["listen"][index];
        is(&listener["address"], address);
        match &given.transport {
            TransportFlags::Files { certificate, key } => {
                is(&listener["tls"]["certificate"], certificate);
                is(&listener["tls"]["key"], key);
            }
            TransportFlags::Acme { email, cache } => {
                is(&listener["tls"]["acme"]["email"], email);
                is(&listener["tls"]["acme"]["cache"], cache.as_ref().expect("a folder"));
            }
            TransportFlags::Plaintext(_) => assert_eq!(listener["plaintext"], true),
            TransportFlags::None => assert_eq!(listener.as_object().map(serde_json::Map::len), Some(1)),
        }
    }
    let embedded = &read["authorization_servers"]["own"]["embedded"];
    match &given.tokens {
        TokenFlags::Issuer { issuer, profile } => {
            is(&read["authorization_servers"]["issuer"]["issuer"], issuer);
            is(&read["authorization_servers"]["issuer"]["profile"], profile.as_ref().expect("a profile"));
        }
        TokenFlags::Accounts { file, store } => {
            is(&embedded["login"]["accounts"], file);
            let granted = given
                .groups
                .iter()
                .flat_map(|group| &group.scopes)
                .map(|text| FlagValue { text: text.clone(), by: String::new() });
            all(&embedded["grants"][0]["scopes"], &given.scopes.iter().cloned().chain(granted).collect::<Vec<_>>());
            match store {
                StoreFlag::File(store) => is(&embedded["store"]["file"], store),
                StoreFlag::Memory(_) => assert_eq!(embedded["store"]["memory"], true),
            }
        }
        TokenFlags::Demo(_) => assert_eq!(embedded["login"]["demo_account"], true),
    }
    let servers = read["servers"].as_object().expect("a map");
    assert_eq!(servers.len(), 1);
    let server = &servers[&given.name.text];
    is(&server["path"], &given.path);
    is(&server["upstream"]["url"], &given.upstream);
    all(&server["scopes"], &given.scopes);
    all(&server["audiences"], &given.audiences);
    all(&server["allowed_origins"], &given.allowed_origins);
    let [group] = &*given.groups else { panic!("one group") };
    let list = |at: &Value| -> Vec<String> {
        let all = at.as_array().expect("a list").iter();
        all.map(|one| one.as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(list(&server["rules"][0]["tools"]), group.patterns);
    assert_eq!(list(&server["rules"][0]["scopes"]), group.scopes);
}
