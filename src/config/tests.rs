//! Tests of the configuration: helpers here, tables of cases in the files below.

use std::{ffi::OsString, path::Path};

use crate::config::{
    demo_account::DemoAccount,
    file::{Loaded, Surroundings, read_around},
    problem::Problems,
};

mod acme;
mod api_keys;
mod embedded;
mod hostile;
mod introspection;
mod mistakes;
mod sections;
mod table;
mod typing;
mod whole;

/// The smallest useful file.
const SMALLEST: &str = "\
public_url: https://mcp.example.com
listen:
  - address: 127.0.0.1:8080
authorization_servers:
  corporate:
    issuer: https://login.example.com
servers:
  weather:
    path: /weather/mcp
    upstream: {url: \"http://127.0.0.1:8000/mcp\"}
    access: authenticated
";

/// An environment of two variables: a key of 32 bytes, and a short one.
fn environment(name: &str) -> Option<OsString> {
    match name {
        "SESSION_KEY" => Some("0123456789abcdef0123456789abcdef".into()),
        "SHORT" => Some("hunter2".into()),
        "TWO_LINES" => Some("hunter2\nx: y".into()),
        "REDIS" => Some("redis://:hunter2@redis.internal:6379/0".into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Loaded, Problems> {
    read_in(text, Path::new("/nonexistent"))
}

fn read_in(text: &str, base: &Path) -> Result<Loaded, Problems> {
    let around = Surroundings { folder: base, lookup: &environment, demo: &DemoAccount::default() };
    read_around(text, "gateway.yaml", &around)
}

/// The replaced text, its replacement, and the problems without the file's name.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Each case has its problems and no others, and none shows a secret.
fn each_is_told(cases: &[&Case]) {
    let mut failed = String::new();
    for (from, to, expected) in cases {
        let found = problems(&changed(from, to));
        let expected: Vec<String> = expected.iter().map(|line| format!("gateway.yaml:{line}")).collect();
        if found != expected {
            failed += &format!("{to:?}\n  found    {found:#?}\n  expected {expected:#?}\n");
        }
        assert!(!found.concat().contains("hunter2"), "a secret in {found:?}");
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(cases.len() >= 60, "{}", cases.len());
}

/// The smallest file with `from` replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(SMALLEST.contains(from), "{from:?} is not in the file");
    SMALLEST.replacen(from, to, 1)
}

fn problems(text: &str) -> Vec<String> {
    let refused = read(text).expect_err("a mistake must be refused");
    refused.to_string().lines().map(str::to_owned).collect()
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = read(text).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.warnings.iter().map(ToString::to_string).collect()
}
