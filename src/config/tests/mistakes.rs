//! One mistake, one line: where it is, what is there, what should be.

use super::{SMALLEST, changed, problems, read, read_in, warnings};

const ISSUER: &str = "    issuer: https://login.example.com\n";
const UPSTREAM: &str = "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n";
const ACCESS: &str = "    access: authenticated\n";
const LISTEN: &str = "  - address: 127.0.0.1:8080\n";

/// What is replaced, what stands there instead, and the problems without the file's name.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    // CASES
];

#[test]
fn each_mistake_has_its_line() {
    let mut failed = String::new();
    for (from, to, expected) in CASES {
        let found = problems(&changed(from, to));
        let expected: Vec<String> = expected.iter().map(|line| format!("gateway.yaml:{line}")).collect();
        if found != expected {
            failed += &format!("{to:?}\n  found    {found:#?}\n  expected {expected:#?}\n");
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(CASES.len() >= 60, "{}", CASES.len());
}
