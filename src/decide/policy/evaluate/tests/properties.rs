//! Properties of all policies: a refused reading refuses, and no restriction allows more.

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, proptest};

use super::{about, about_one, caller, policy, rule};
use crate::{
    base::names::Scope,
    decide::{
        mcp::request::target::Target,
        policy::{
            evaluate::evaluate,
            rule::{Access, Policy, Rule, Subject},
            uri::{reading::How, readings, whatwg},
        },
        refusal::Refusal,
    },
};

/// A small generator with a fixed seed: the same URIs on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }

    /// `name` with some letters escaped.
    fn escaped(&mut self, name: &str) -> String {
        name.chars()
            .map(|letter| match self.below(8) {
                0 => format!("%{:02x}", u32::from(letter)),
                1 => format!("%{:02X}", u32::from(letter)),
                _ => letter.to_string(),
            })
            .collect()
    }

    /// `name` with some letters in the other case.
    fn cased(&mut self, name: &str) -> String {
        name.chars().map(|letter| if self.below(3) == 0 { letter.to_ascii_uppercase() } else { letter }).collect()
    }

    /// A path that leads to `/secret/a.txt`.
    fn path(&mut self, slash: &[&str]) -> String {
        let mut path = String::new();
        for name in ["secret", "a.txt"] {
            path += self.of(slash);
            for _ in 0..self.below(3) {
                path += self.of(&[".", "%2e", "x/..", "x/%2e%2e", "x/.%2E", "y/z/../.."]);
                path += self.of(slash);
            }
            path += &self.escaped(name);
        }
        path
    }

    /// A URI that some real server reads as a resource that `GUARDED` guards.
    fn spelling(&mut self) -> String {
        let before = self.of(&["", "", "", " ", "\t", "\n "]);
        let after = self.of(&["", "", "", " ", "?", "#", "#a", "\r\n"]);
        let uri = match self.below(4) {
            0 => {
                let front = self.of(&["//", "", "//localhost", "//LocalHost", "/\\", "\\\\", "///"]);
                format!("{}:{front}{}", self.cased("file"), self.path(&["/", "/", "\\"]))
            }
            1 => {
                let front = self.of(&["///", "//", "/", "", "\\\\"]);
                let drive = self.of(&["C:", "c:", "C|", "c|"]);
                format!("{}:{front}{drive}{}", self.cased("file"), self.path(&["/", "/", "\\"]))
            }
            2 => {
                let front = self.of(&["//", "/", "", "///", "\\\\", "/\\"]);
                let host = match self.below(3) {
                    0 => {
                        self.of(&["127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.0.0.1."]).to_owned()
                    }
                    1 => self.of(&["[::1]", "[0:0::1]", "[0:0:0:0:0:0:0:1]", "[::0.0.0.1]"]).to_owned(),
                    _ => self.cased("internal.example"),
                };
                let port = self.of(&["", "", ":", ":80", ":0080"]);
                format!("{}:{front}{host}{port}{}", self.cased("http"), self.path(&["/", "/", "\\"]))
            }
            _ => {
                let port = self.of(&["", ":"]);
                format!("{}://internal{port}{}", self.cased("memo"), self.path(&["/"]))
            }
        };
        format!("{before}{uri}{after}")
    }
}

const GUARDED: &str = "file:///secret/** file:///C:/secret/** http://127.0.0.1/** http://[::1]/** http://internal.example/** memo://internal/secret/**";
const LITERALS: &str = "file:///secret/a.txt file:///C:/secret/a.txt http://127.0.0.1/secret/a.txt http://[::1]/secret/a.txt http://internal.example/secret/a.txt memo://internal/secret/a.txt";

fn read(policy: &Policy, granted: &str, uri: &str) -> Result<(), Refusal> {
    evaluate(policy, &caller(granted), &Target::Resources(vec![uri.into()])).map(|_| ())
}

#[test]
fn attack_167_attack_168_ten_thousand_spellings_of_guarded_resources_are_refused() {
    let mut dice = Dice(9);
    let all = || about("*").needs("r");
    let denied = policy("", vec![about(GUARDED).denies(), all()]);
    let scoped = policy("", vec![about(LITERALS).needs("s"), all()]);
    let mut distinct = std::collections::HashSet::new();
    while distinct.len() < 10_000 {
        let uri = dice.spelling();
        for policy in [&denied, &scoped] {
            let verdict = read(policy, "r", &uri);
            assert!(verdict.is_err(), "{uri:?} {:#?}", readings(&uri));
        }
        distinct.insert(uri);
    }
}

/// The verdict of the first rule that matches one text, without other readings.
fn is_denied(policy: &Policy, text: &str) -> bool {
    let Access::Rules(rules) = &policy.access else { return false };
    let deciding = rules.iter().find(|rule| match &rule.subject {
        Subject::Resources(patterns) => patterns.iter().any(|pattern| pattern.matches(text, rule.deny)),
        _ => false,
    });
    deciding.is_some_and(|rule| rule.deny && !rule.report_only)
}

fn uris() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "file:",
        "FILE:",
        "http:",
        "memo:",
        "//",
        "/",
        "\\",
        "a",
        "b",
        "A",
        ".",
        "..",
        "%2e",
        "%2F",
        "%61",
        "%25",
        "?",
        "#",
        "@",
        ":",
        ":80",
        "localhost",
        "127.1",
        "C:",
        "c|",
        " ",
        "\t",
        "*",
        ";",
        "é",
        "{x}",
    ]);
    let noise = prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat());
    let front = prop::sample::select(vec!["file:///", "file:", "http://", "memo://a/", "memo:", ""]);
    let spelled = any::<u64>().prop_map(|seed| Dice(seed).spelling());
    prop::strategy::Union::new([
        (front, noise).prop_map(|(front, rest)| format!("{front}{rest}")).boxed(),
        spelled.boxed(),
    ])
}

fn rules() -> impl Strategy<Value = Rule> {
    let pattern = prop::sample::select(vec![
        "*",
        "**",
        "file:///a/*",
        "file:///a/**",
        "file:///a/b",
        "file:///**/b",
        "file:///secret/**",
        "http://127.0.0.1/**",
        "http://a/*",
        "memo://a/**",
        "memo:/a",
        "memo://internal/**",
        "file:///C:/**",
        "HTTP://A:80/?",
        "file:///%61/*",
        "*b",
        "file:/a b",
    ]);
    let few = || prop::sample::select(vec!["", "a", "b", "a b"]);
    (pattern, few(), few(), any::<bool>(), 0..4u8, 0..6u8).prop_map(|(pattern, all, one, claims, deny, other)| {
        let made = if other == 0 { rule(Subject::Tools, "file:* tool") } else { about_one(pattern) };
        let made = made.needs(all).needs_any(one);
        let made = if claims && other > 3 { made.claims("c", &serde_json::json!(["v"])) } else { made };
        if deny == 0 { made.denies() } else { made }
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    prop::collection::vec(rules(), 0..5).prop_map(|rules| policy("", rules))
}

fn targets() -> impl Strategy<Value = Target> {
    (uris(), uris(), 0..4u8).prop_map(|(one, other, kind)| match kind {
        0 => Target::Template(format!("{one}{{x}}").as_str().into()),
        1 => Target::Tool("tool".into()),
        2 => Target::Resources(vec![one.as_str().into(), other.as_str().into()]),
        _ => Target::Resources(vec![one.as_str().into()]),
    })
}

fn with(policy: &Policy, at: usize, rule: Rule) -> Policy {
    let Access::Rules(rules) = &policy.access else { return policy.clone() };
    let mut rules = rules.clone();
    rules.insert(at.min(rules.len()), rule);
    Policy { access: Access::Rules(rules), ..policy.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    /// A URI that some server reads as a denied resource is refused.
    #[test]
    fn a_reading_that_is_denied_refuses(policy in policies(), uri in uris()) {
        let starts_with_everything = match &policy.access {
            Access::Rules(rules) => rules.iter().find_map(|rule| match &rule.subject {
                Subject::Resources(patterns) => Some(patterns.iter().any(|pattern| pattern.is_everything())),
                _ => None,
            }),
            Access::Authenticated => None,
        };
        let denied = readings(&uri).iter().any(|reading| is_denied(&policy, &reading.text));
        if denied && starts_with_everything != Some(true) {
            prop_assert!(read(&policy, "a b", &uri).is_err());
        }
    }

    /// If a URI is permitted, so is its WHATWG reading, without further scopes.
    #[test]
    fn the_whatwg_reading_is_judged_no_more_strictly(policy in policies(), uri in uris(), granted in "[ab]( [ab])?|") {
        if let Some(read_as) = whatwg(&uri) && read(&policy, &granted, &uri).is_ok() {
            let verdict = read(&policy, &granted, &read_as);
            let is_refused = matches!(verdict, Err(Refusal::Forbidden { .. } | Refusal::Scope { .. }));
            prop_assert!(!is_refused, "{verdict:?} {:#?}", readings(&uri));
        }
    }

    #[test]
    fn adding_a_denial_anywhere_allows_no_more(
        policy in policies(), added in rules(), at in 0..6usize, target in targets(), granted in "[ab]( [ab])?|"
    ) {
        let caller = caller(&granted);
        let stricter = with(&policy, at, Rule { scopes: Vec::new(), any_scope: Vec::new(), claims: Vec::new(), ..added }.denies());
        prop_assert!(evaluate(&stricter, &caller, &target).is_err() || evaluate(&policy, &caller, &target).is_ok());
    }

    #[test]
    fn removing_a_scope_allows_no_more(policy in policies(), target in targets(), granted in "[ab]( [ab])?") {
        let fewer = granted.split(' ').skip(1).collect::<Vec<_>>().join(" ");
        let verdict = |granted: &str| evaluate(&policy, &caller(granted), &target);
        prop_assert!(verdict(&fewer).is_err() || verdict(&granted).is_ok());
    }

    /// If any refusing rule is placed first, the caller is allowed no more than before.
    #[test]
    fn adding_a_rule_above_that_refuses_allows_no_more(
        policy in policies(), added in rules(), target in targets(), granted in "[ab]( [ab])?|"
    ) {
        let caller = caller(&granted);
        let stricter = with(&policy, 0, Rule { scopes: vec![Scope::from("not-granted")], report_only: false, ..added });
        prop_assert!(evaluate(&stricter, &caller, &target).is_err() || evaluate(&policy, &caller, &target).is_ok());
    }

    /// So it is with a stricter copy of a rule, placed directly before it.
    #[test]
    fn a_stricter_copy_right_above_allows_no_more(
        policy in policies(), which in 0..5usize, added in rules(), target in targets(), granted in "[ab]( [ab])?|"
    ) {
        let Access::Rules(rules) = &policy.access else { unreachable!() };
        if let Some(rule) = rules.get(which) {
            let scopes = [rule.scopes.clone(), added.scopes].concat();
            let stricter = with(&policy, which, Rule { scopes, deny: rule.deny || added.deny, ..rule.clone() });
            let caller = caller(&granted);
            prop_assert!(evaluate(&stricter, &caller, &target).is_err() || evaluate(&policy, &caller, &target).is_ok());
        }
    }
}

#[test]
fn every_reading_of_a_spelling_is_named() {
    let mut dice = Dice(3);
    for _ in 0..1_000 {
        let uri = dice.spelling();
        let all = readings(&uri);
        assert!(all.first().is_some_and(|first| first.text == uri && first.how == How::Written), "{uri:?}");
        assert!(all.len() <= 200, "{} readings of {uri:?}", all.len());
    }
}
