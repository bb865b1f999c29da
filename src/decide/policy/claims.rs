//! Compares a claim with the values that a rule accepts: exact values, and patterns of texts.

use std::fmt;

use serde_json::{Map, Value};

use crate::decide::{
    json::pointer,
    policy::{email, glob::Glob},
};

/// Claims with their accepted values. A claim is named as [`pointer::find`] reads it.
pub type ClaimConditions = [(Box<str>, Vec<ClaimValue>)];

/// A value that a rule accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// This value, equal in type and value: `"1"` is not `1`.
    Is(Value),
    /// A text that matches the pattern as a whole.
    Like(Glob),
}

impl ClaimValue {
    /// The exact text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Is(value) => value.as_str(),
            Self::Like(_) => None,
        }
    }

    /// Whether a claim with the single value `one` is accepted.
    fn accepts(&self, one: &Value) -> bool {
        match self {
            Self::Is(value) => value == one,
            Self::Like(glob) => one.as_str().is_some_and(|text| is_one_line(text, glob) && glob.matches(text)),
        }
    }

    /// Whether every claim that `other` accepts is accepted, as far as that is known.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other || matches!(other, Self::Is(value) if self.accepts(value))
    }
}

impl From<Value> for ClaimValue {
    fn from(value: Value) -> Self {
        Self::Is(value)
    }
}

impl From<&str> for ClaimValue {
    fn from(text: &str) -> Self {
        Self::Is(text.into())
    }
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(out, "{value}"),
            Self::Like(glob) => write!(out, "{{glob: {}}}", Value::from(glob.as_str())),
        }
    }
}

/// Whether a wildcard of `glob` may stand for parts of `text`. A control character never: readers
/// behind the gateway may see two lines. In a pattern with an `@`, which is about an address, the
/// text is one address: no wildcard stands for an `@`, a space, or a separator of addresses.
fn is_one_line(text: &str, glob: &Glob) -> bool {
    let ats = |text: &str| text.bytes().filter(|byte| *byte == b'@').count();
    let is_plain = !text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    let in_pattern = ats(glob.as_str());
    let is_address = || {
        ats(text) == in_pattern
            && !text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')'))
    };
    is_plain && (in_pattern == 0 || is_address())
}

/// Whether all conditions are met. An absent claim and an empty list of values never match, and
/// neither does an `email` that is not verified ([`email::may_count`]).
#[must_use]
pub fn hold(claims: &Map<String, Value>, conditions: &ClaimConditions) -> bool {
    conditions.iter().all(|(name, values)| has_one(claims, name, values) && email::may_count(claims, name))
}

/// Whether all conditions would be met if the token called its `email` verified.
#[must_use]
pub fn hold_but_for_email(claims: &Map<String, Value>, conditions: &ClaimConditions) -> bool {
    conditions.iter().all(|(name, values)| has_one(claims, name, values))
        && conditions.iter().any(|(name, _)| !email::may_count(claims, name))
}

fn has_one(claims: &Map<String, Value>, name: &str, values: &[ClaimValue]) -> bool {
    pointer::find(claims, name).is_some_and(|one| matches(one, values))
}

/// Whether the claim is one of the values, or a list with such a value.
#[must_use]
pub fn matches(claim: &Value, values: &[ClaimValue]) -> bool {
    let is_one = |one: &Value| values.iter().any(|value| value.accepts(one));
    is_one(claim) || claim.as_array().is_some_and(|list| list.iter().any(is_one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn like(pattern: &str) -> ClaimValue {
        ClaimValue::Like(Glob::new(pattern))
    }

    #[test]
    fn people_a5_an_address_that_is_right_but_unverified_is_told_apart() {
        let conditions = |name: &str| vec![(Box::from(name), vec![like("*@example.com")])];
        let both = [conditions("email"), vec![("team".into(), vec!["a".into()])]].concat();
        for (claims, conditions, holds, is_unverified) in [
            (json!({"email": "a@example.com"}), conditions("email"), true, false),
            (json!({"email": "a@example.com", "email_verified": false}), conditions("email"), false, true),
            (json!({"email": "a@example.com", "xms_edov": 0}), conditions("/email"), false, true),
            (json!({"email": "a@other.example", "email_verified": false}), conditions("email"), false, false),
            (json!({"mail": "a@example.com", "email_verified": false}), conditions("mail"), true, false),
            (json!({"email_verified": false}), conditions("email"), false, false),
            (json!({"email": "a@example.com", "email_verified": false, "team": "a"}), both.clone(), false, true),
            (json!({"email": "a@example.com", "email_verified": false, "team": "b"}), both, false, false),
            (json!({"email_verified": false}), Vec::new(), true, false),
        ] {
            let members = claims.as_object().unwrap();
            let found = (hold(members, &conditions), hold_but_for_email(members, &conditions));
            assert_eq!(found, (holds, is_unverified), "{claims} {conditions:?}");
        }
    }

    #[test]
    fn people_a5_a_glob_matches_a_whole_text_or_one_text_of_a_list() {
        for (pattern, claim) in [
            ("*@example.com", json!("ada@example.com")),
            ("*@example.com", json!("Ada+x.y_z@example.com")),
            ("*@example.com", json!(["ada@other.example", "ada@example.com"])),
            ("*@example.com", json!(["bob@example.com", 5, null])),
            ("*@*.example.com", json!("ada@eu.example.com")),
            ("ada@*", json!("ada@other.example")),
            ("team-*", json!("team-a b, c")),
            ("CN=Eng*,DC=example", json!("CN=Engineers,OU=x,DC=example")),
            ("?", json!("é")),
            ("exact", json!("exact")),
            ("*", json!("")),
        ] {
            assert!(matches(&claim, &[like(pattern)]), "{pattern} {claim}");
        }
    }

    #[test]
    fn people_a5_attack_243_look_alikes_match_no_glob() {
        for claim in [
            json!("a@example.com.evil.com"),
            json!("a@evilexample.com"),
            json!("a@evil-example.com"),
            json!("a@evil.example.com"),
            json!("a@example.com@evil.com"),
            json!("evil@evil.com@example.com"),
            json!("a@evil.com?@example.com"),
            json!("@evil.com#@example.com"),
            json!("a@EXAMPLE.COM"),
            json!("a@Example.com"),
            json!("a@example.com."),
            json!("a@example.com "),
            json!(" a@example.com"),
            json!("a@example.com\n"),
            json!("a@evil.com\n@example.com"),
            json!("a\n@example.com"),
            json!("a\r\nx: y@example.com"),
            json!("a\0@example.com"),
            json!("a\u{2028}@example.com"),
            json!("a\u{85}@example.com"),
            json!("a\t@example.com"),
            json!("x, a@example.com"),
            json!("x;a@example.com"),
            json!("a <a@example.com"),
            json!("\"a\"@example.com"),
            json!("(x)a@example.com"),
            json!("a@ex\u{430}mple.com"),
            json!("a@example\u{3002}com"),
            json!("a\u{ff20}example.com"),
            json!("a@example.com\u{200b}"),
            json!("example.com"),
            json!(""),
            json!(5),
            json!(true),
            json!(null),
            json!({"email": "a@example.com"}),
            json!([["a@example.com"]]),
            json!([]),
            json!([{"a": "a@example.com"}]),
            json!(["a@example.com.evil.com", "a@EXAMPLE.COM"]),
        ] {
            assert!(!matches(&claim, &[like("*@example.com")]), "{claim}");
        }
        for (pattern, claim) in [
            ("*", json!("a\nb")),
            ("*", json!(5)),
            ("team-*", json!("team-\u{7}")),
            ("a?b", json!("a\nb")),
            ("*", json!([["a"]])),
        ] {
            assert!(!matches(&claim, &[like(pattern)]), "{pattern} {claim}");
        }
        // A literal stays one, and a token cannot bring wildcards.
        assert!(!matches(&json!("ada@example.com"), &[ClaimValue::Is(json!("*@example.com"))]));
        assert!(!matches(&json!("*"), &[ClaimValue::Is(json!("admin")), like("admin-*")]));
    }

    #[test]
    fn people_a5_what_covers_what() {
        let is = |text: &str| ClaimValue::Is(json!(text));
        assert!(like("*@example.com").covers(&is("ada@example.com")));
        assert!(like("*@example.com").covers(&like("*@example.com")));
        assert!(!like("*@example.com").covers(&is("ada@other.example")));
        assert!(!is("ada@example.com").covers(&like("*@example.com")));
        assert!(!like("*").covers(&like("a*")), "not known");
    }
}
