//! Which scopes users and clients get.

use serde_json::{Map, Value, json};

use super::{GrantRule, Grantee, Person, RegisteredBy, allowed, is_named, read_scope};
use crate::{
    base::{
        limits::authorization_server::{SCOPE_BYTES_MAX, SCOPES_MAX},
        names::Scope,
    },
    decide::policy::{claims::ClaimValue, glob::Glob},
};

fn rule(scopes: &str) -> GrantRule {
    GrantRule {
        accounts: Vec::new(),
        groups: Vec::new(),
        claims: Vec::new(),
        trusts_email: false,
        clients: Vec::new(),
        registered: None,
        scopes: scopes.split_whitespace().map(Glob::new).collect(),
    }
}

fn of_account(account: &str, groups: &[&str]) -> Person {
    Person {
        subject: account.into(),
        name: account.into(),
        account: Some(account.into()),
        groups: groups.iter().map(|group| (*group).into()).collect(),
        claims: Map::new(),
    }
}

fn of_idp(claims: Value) -> Person {
    let Value::Object(claims) = claims else { panic!("claims") };
    Person { subject: "s".into(), name: "S".into(), account: None, groups: Vec::new(), claims }
}

fn claim(name: &str, values: &Value) -> (Box<str>, Vec<ClaimValue>) {
    (name.into(), values.as_array().unwrap().iter().cloned().map(ClaimValue::Is).collect())
}

fn granted(rules: &[GrantRule], grantee: Grantee<'_>, asked: &str) -> String {
    Scope::join(&allowed(rules, grantee, &read_scope(asked).unwrap()))
}

#[test]
fn e16_no_more_is_granted_than_asked_and_allowed() {
    let ann = of_account("ann", &[]);
    for (rules, asked, wanted) in [
        (vec![rule("a b")], "a b admin", "a b"),
        (vec![rule("a b")], "b a", "b a"),
        (vec![rule("a"), rule("b")], "a b c", "a b"),
        (vec![rule("repo.*")], "repo.read repo.write org.read", "repo.read repo.write"),
        (vec![rule("*")], "a", "a"),
        (vec![rule("*")], "", ""),
        (vec![rule("a")], "A", ""),
        (vec![rule("a")], "ab", ""),
        (vec![rule("")], "a", ""),
        (Vec::new(), "a", ""),
    ] {
        assert_eq!(granted(&rules, Grantee::Person(&ann), asked), wanted, "{asked}");
    }
    let twice = [Scope::from("a"), Scope::from("b"), Scope::from("a")];
    assert_eq!(Scope::join(&allowed(&[rule("*")], Grantee::Person(&ann), &twice)), "a b");
}

#[test]
fn e16_e45_what_a_rule_names_must_all_hold() {
    let everything = |change: fn(&mut GrantRule)| {
        let mut rule = rule("x");
        change(&mut rule);
        [rule]
    };
    let ann = of_account("ann", &["dev"]);
    let idp_ann = of_idp(json!({"groups": ["dev", "admins"], "sub": "ann", "preferred_username": "ann"}));
    let impostor = Person { groups: vec!["dev".into()], ..idp_ann.clone() };
    for (case, rules, person, good) in [
        ("everybody", everything(|_| {}), &ann, true),
        ("everybody, by the IdP", everything(|_| {}), &idp_ann, true),
        ("account", everything(|rule| rule.accounts = vec!["bob".into(), "ann".into()]), &ann, true),
        ("another account", everything(|rule| rule.accounts = vec!["bob".into()]), &ann, false),
        ("account, another case", everything(|rule| rule.accounts = vec!["Ann".into()]), &ann, false),
        ("account, but by the IdP", everything(|rule| rule.accounts = vec!["ann".into()]), &idp_ann, false),
        ("group", everything(|rule| rule.groups = vec!["ops".into(), "dev".into()]), &ann, true),
        ("another group", everything(|rule| rule.groups = vec!["ops".into()]), &ann, false),
        (
            "a group that the IdP names is not a local group",
            everything(|rule| rule.groups = vec!["dev".into()]),
            &idp_ann,
            false,
        ),
        ("groups without an account", everything(|rule| rule.groups = vec!["dev".into()]), &impostor, false),
        ("claim in a list", everything(|rule| rule.claims = vec![claim("groups", &json!(["admins"]))]), &idp_ann, true),
        ("claim of an account", everything(|rule| rule.claims = vec![claim("groups", &json!(["dev"]))]), &ann, false),
        ("another claim", everything(|rule| rule.claims = vec![claim("groups", &json!(["ops"]))]), &idp_ann, false),
        ("a claim without values", everything(|rule| rule.claims = vec![claim("sub", &json!([]))]), &idp_ann, false),
        (
            "a claim that is not there",
            everything(|rule| rule.claims = vec![claim("x", &json!([null]))]),
            &idp_ann,
            false,
        ),
        ("part of a claim", everything(|rule| rule.claims = vec![claim("sub", &json!(["an"]))]), &idp_ann, false),
        (
            "all claims",
            everything(|rule| rule.claims = vec![claim("sub", &json!(["ann"])), claim("groups", &json!(["dev"]))]),
            &idp_ann,
            true,
        ),
        (
            "one of two claims",
            everything(|rule| rule.claims = vec![claim("sub", &json!(["ann"])), claim("groups", &json!(["ops"]))]),
            &idp_ann,
            false,
        ),
        (
            "account and group",
            everything(|rule| (rule.accounts, rule.groups) = (vec!["ann".into()], vec!["dev".into()])),
            &ann,
            true,
        ),
        (
            "account, another group",
            everything(|rule| (rule.accounts, rule.groups) = (vec!["ann".into()], vec!["ops".into()])),
            &ann,
            false,
        ),
        (
            "account and claim match no person",
            everything(|rule| (rule.accounts, rule.claims) = (vec!["ann".into()], vec![claim("sub", &json!(["ann"]))])),
            &idp_ann,
            false,
        ),
        ("a rule for clients", everything(|rule| rule.clients = vec!["ann".into()]), &ann, false),
    ] {
        assert_eq!(granted(&rules, Grantee::Person(person), "x") == "x", good, "{case}");
    }
}

#[test]
fn e35_b9_a_registered_client_gets_what_rules_say_of_registered_clients() {
    let of = |by: RegisteredBy| GrantRule { registered: Some(by), ..rule("x") };
    let (token, anyone) = (of(RegisteredBy::Token), of(RegisteredBy::Anyone));
    for (case, rule, with_token, without) in [
        ("anyone", anyone.clone(), true, true),
        ("with the token", token.clone(), true, false),
        ("every user", rule("x"), false, false),
        ("a configured client", GrantRule { clients: vec!["dyn_1".into()], ..rule("x") }, false, false),
        ("people are named, too", GrantRule { accounts: vec!["ada".into()], ..anyone.clone() }, false, false),
        ("clients are named, too", GrantRule { clients: vec!["dyn_1".into()], ..anyone.clone() }, false, false),
    ] {
        let gets = |with_token| granted(std::slice::from_ref(&rule), Grantee::Registered { with_token }, "x") == "x";
        assert_eq!((gets(true), gets(false)), (with_token, without), "{case}");
    }
    // Nor is such a rule for anyone else.
    for rule in [token, anyone] {
        assert_eq!(granted(std::slice::from_ref(&rule), Grantee::Client("dyn_1"), "x"), "");
        assert!(!is_named(std::slice::from_ref(&rule), Grantee::Client("dyn_1")));
        // Servers without scopes are not meant.
        assert!(!is_named(&[rule], Grantee::Registered { with_token: true }));
    }
}

#[test]
fn e27_a_client_alone_gets_what_rules_say_of_that_client() {
    let of = |clients: &[&str]| GrantRule { clients: clients.iter().map(|id| (*id).into()).collect(), ..rule("x") };
    for (case, rule, good) in [
        ("named", of(&["job", "ci"]), true),
        ("another", of(&["job"]), false),
        ("everybody who can log in is a person", of(&[]), false),
        ("people are named, too", GrantRule { accounts: vec!["ci".into()], ..of(&["ci"]) }, false),
        ("groups are named, too", GrantRule { groups: vec!["ci".into()], ..of(&["ci"]) }, false),
        ("claims are named, too", GrantRule { claims: vec![claim("sub", &json!(["ci"]))], ..of(&["ci"]) }, false),
    ] {
        assert_eq!(granted(&[rule], Grantee::Client("ci"), "x") == "x", good, "{case}");
    }
}

#[test]
fn e45_only_a_verified_address_counts() {
    let by_email = GrantRule { claims: vec![claim("email", &json!(["ada@example.com"]))], ..rule("a") };
    let trusting = GrantRule { trusts_email: true, ..by_email.clone() };
    for (said, strict, trusted) in [
        (json!({}), false, true),
        (json!({"email_verified": null}), false, true),
        (json!({"email_verified": true}), true, true),
        (json!({"email_verified": "true"}), true, true),
        (json!({"email_verified": false}), false, false),
        (json!({"email_verified": "false"}), false, false),
        (json!({"email_verified": "TRUE"}), false, false),
        (json!({"email_verified": "yes"}), false, false),
        (json!({"email_verified": "True"}), true, true),
        (json!({"email_verified": "1"}), true, true),
        (json!({"email_verified": 1}), true, true),
        (json!({"email_verified": 2}), false, false),
        (json!({"email_verified": [true]}), false, false),
    ] {
        let mut claims = said.clone();
        claims["email"] = json!("ada@example.com");
        let ada = of_idp(claims);
        for (rule, counts) in [(&by_email, strict), (&trusting, trusted)] {
            let granted = granted(std::slice::from_ref(rule), Grantee::Person(&ada), "a");
            assert_eq!(granted == "a", counts, "{said} {}", rule.trusts_email);
        }
        let by_another = GrantRule { claims: vec![claim("department", &json!(["eng"]))], ..rule("a") };
        let mut claims = said;
        claims["department"] = json!("eng");
        assert_eq!(granted(&[by_another], Grantee::Person(&of_idp(claims)), "a"), "a", "other claims count");
    }
}

#[test]
fn e16_login_b7_scope_is_words_between_spaces() {
    for (text, words) in [
        ("", Some("")),
        ("a", Some("a")),
        ("a b", Some("a b")),
        ("b a b", Some("b a")),
        ("A a", Some("A a")),
        ("mcp:tools https://x/y?z#w !", Some("mcp:tools https://x/y?z#w !")),
        (" ", Some("")),
        (" a", Some("a")),
        ("a ", Some("a")),
        (" a   b  a ", Some("a b")),
        ("  ", Some("")),
        ("a\tb", None),
        ("a\nb", None),
        ("a\"", None),
        ("a\\b", None),
        ("é", None),
        ("a\u{a0}b", None),
        ("a\0", None),
        ("a\u{7f}", None),
    ] {
        assert_eq!(read_scope(text).ok().map(|scopes| Scope::join(&scopes)).as_deref(), words, "{text:?}");
    }
    let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    assert!(read_scope(&many(SCOPES_MAX)).is_ok());
    assert!(read_scope(&many(SCOPES_MAX + 1)).is_err());
    assert!(read_scope(&"a".repeat(SCOPE_BYTES_MAX)).is_ok());
    assert!(read_scope(&"a".repeat(SCOPE_BYTES_MAX + 1)).is_err());
}
