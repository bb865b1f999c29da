//! What must hold for the readings of a resource URI.

use portcullis::decide::{
    mcp::request::target::Target,
    policy::{
        evaluate::judge,
        pattern::Pattern,
        rule::{Access, Policy, Rule, Subject},
        uri::{self, reading::How},
    },
    token::caller::Attributes,
};
use serde_json::Map;

/// Readings of one URI.
const READINGS_MAX: usize = 400;

/// The text as written and its WHATWG reading are among the readings, reading that again adds nothing, and where one
/// reading is denied the URI is refused. Input: a URI.
pub(crate) fn uri(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    if text.len() > 1_024 {
        return false;
    }
    let readings = uri::readings(text);
    assert!(readings.first().is_some_and(|first| first.text == text && first.how == How::Written));
    assert!(readings.len() <= READINGS_MAX, "{} readings", readings.len());
    let all = uri::all_readings(text);
    if uri::is_plain(text) {
        assert!(uri::hazard::of(text).is_none(), "{text:?}");
        assert_eq!(all.len(), 1, "{all:#?}");
    }
    if let Some(read) = uri::whatwg(text) {
        let is_known = |read: &str| all.iter().any(|reading| reading.text == read);
        assert!(is_known(&read), "{read:?}");
        // A text that changes at each reading has no end; two are what servers do.
        if uri::whatwg(&read).as_ref() == Some(&read) {
            for again in uri::readings(&read) {
                assert!(is_known(&again.text), "{again:?} of {read:?}");
            }
        }
    }
    for reading in readings.iter().filter(|reading| !reading.text.contains(['*', '?'])) {
        let denied = Rule { deny: true, ..allow(&reading.text) };
        assert!(!permits(vec![denied, allow("*")], text), "{reading:?}");
    }
    let pattern = Pattern::new(text);
    assert!(pattern.is_everything() || !pattern.is_literal() || pattern.matches(text, false));
    uri::hazard::of(text).is_none()
}

fn allow(pattern: &str) -> Rule {
    Rule {
        subject: Subject::resources([pattern]),
        scopes: Vec::new(),
        any_scope: Vec::new(),
        claims: Vec::new(),
        deny: false,
        report_only: false,
    }
}

fn permits(rules: Vec<Rule>, uri: &str) -> bool {
    let policy = Policy { connect: Vec::new(), access: Access::Rules(rules), implies: Vec::new() };
    let nothing = Attributes { scopes: &[], claims: &Map::new() };
    judge(&policy, nothing, &Target::Resources(vec![uri.into()])).is_ok()
}
