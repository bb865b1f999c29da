//! Audiences, and the shapes of claims (SPEC B-12…B-22, B-50…B-52, B-60).

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::decide::{
    refusal::{NotAccess, Refusal},
    token::{
        rules::TokenRules,
        testing::{NOW_SECS, RESOURCE, at, claims, now, rules, with},
    },
};

fn read_with(rules: &TokenRules, claims: &Value) -> Result<Caller, TokenFault> {
    read(&Arc::new(claims.as_object().unwrap().clone()), TokenType::Access, &rules.issuers[0], rules, now())
}

fn read_changed(changes: &Value) -> Result<Caller, TokenFault> {
    read_with(&rules(), &with(&claims(), changes))
}

fn scopes(caller: &Caller) -> Vec<&str> {
    caller.scopes().iter().map(Scope::as_str).collect()
}

#[test]
fn b18_a_good_token_makes_a_caller() {
    let caller = read_changed(&json!({"department": "eng"})).unwrap();
    assert_eq!(caller.authorization_server().as_str(), "corporate");
    assert_eq!(caller.issuer().as_str(), "https://login.example/realms/main");
    assert_eq!(caller.subject(), "ada");
    assert_eq!(caller.client(), Some("client"));
    assert_eq!(scopes(&caller), ["mcp:read", "mcp:write"]);
    assert_eq!(caller.expires(), Duration::from_secs(NOW_SECS + 300));
    assert_eq!(caller.claims().get("department"), Some(&json!("eng")));
    assert_eq!(caller.is_for(&RESOURCE.into(), &[]), Ok(()));
}

#[test]
fn attack_077_b13_the_audience_is_this_resource_and_no_other() {
    let good = [
        json!("https://gw.example/mcp"),
        json!("HTTPS://GW.EXAMPLE:443/mcp"),
        json!("https://gw.example:443/mcp"),
        json!(["x", "https://gw.example/mcp"]),
        json!(["https://gw.example/mcp", "https://gw.example/mcp"]),
        // A slash more or less at the end is the same server.
        json!("https://gw.example/mcp/"),
        json!("https://GW.example:443/mcp/"),
    ];
    let bad = [
        json!(""),
        json!("https://gw.example/mcpX"),
        json!("https://gw.example/MCP"),
        json!("https://gw.example/mcp//"),
        json!("https://gw.example/mcp/?"),
        json!("https://gw.example/mcp?/"),
        json!("https://gw.example/mcp%2f"),
        json!("https://gw.example/mcp/x"),
        json!("https://gw.example/mcp?"),
        json!("https://gw.example/mcp#"),
        json!("https://gw.example/%6dcp"),
        json!("https://gw.example/x/../mcp"),
        json!("https://gw.example//mcp"),
        json!("http://gw.example/mcp"),
        json!("https://gw.example:8443/mcp"),
        json!("https://gw.example:80/mcp"),
        json!("https://gw.example:/mcp"),
        json!("https://gw.example.:443/mcp"),
        json!("https://user@gw.example/mcp"),
        json!("https://gw.example.evil/mcp"),
        json!("https://gw.example"),
        json!("https://gw.example/"),
        json!("gw.example/mcp"),
        json!("//gw.example/mcp"),
        json!("https:gw.example/mcp"),
        json!(" https://gw.example/mcp"),
        json!("https://gw.example/mcp https://other"),
        json!(["https://gw.example", "mcp"]),
    ];
    for (audiences, verdict) in good
        .iter()
        .map(|aud| (aud, Ok(())))
        .chain(bad.iter().map(|aud| (aud, Err(Refusal::Token(TokenFault::Audience)))))
    {
        let caller = read_changed(&json!({ "aud": audiences })).unwrap();
        assert_eq!(caller.is_for(&RESOURCE.into(), &[]), verdict, "{audiences}");
    }
    for absent in [json!(null), json!([])] {
        let caller = read_changed(&json!({ "aud": absent })).unwrap();
        assert_eq!(caller.is_for(&RESOURCE.into(), &[]), Err(Refusal::Token(TokenFault::NoAudience)), "no aud");
    }
}

#[test]
fn attack_077_an_audience_of_another_shape_is_refused() {
    let base = claims();
    for aud in [
        json!(5),
        json!({}),
        json!(true),
        json!(null),
        json!([RESOURCE, {}]),
        json!([RESOURCE, 5]),
        json!([[RESOURCE]]),
    ] {
        let mut all = base.clone();
        all["aud"] = aud.clone();
        assert_eq!(read_with(&rules(), &all), Err(TokenFault::Claims("aud")), "{aud}");
    }
}

#[test]
fn b14_b15_root_and_path_are_different_resources() {
    let cases = [
        ("https://gw.example", "https://gw.example", true),
        ("https://gw.example", "https://gw.example/", true),
        ("https://gw.example", "HTTPS://gw.example:443/", true),
        ("https://gw.example", "https://gw.example//", false),
        ("https://gw.example", "https://gw.example/?", false),
        ("https://gw.example", "https://gw.example/a", false),
        ("https://gw.example/a", "https://gw.example", false),
        ("https://gw.example/a", "https://gw.example/", false),
        ("https://gw.example/b", "https://gw.example/a", false),
        ("http://[::1]:8080/mcp", "HTTP://[::1]:8080/mcp", true),
        ("http://[::1]/mcp", "http://[::1]:80/mcp", true),
        ("http://[::1]/mcp", "http://[::1]:443/mcp", false),
        ("urn:example:mcp", "urn:example:mcp", true),
        ("urn:example:mcp", "URN:example:mcp", false),
        ("api://Gw/mcp", "api://gw/mcp", false),
    ];
    for (resource, audience, verdict) in cases {
        let caller = read_changed(&json!({ "aud": audience })).unwrap();
        assert_eq!(caller.is_for(&resource.into(), &[]).is_ok(), verdict, "{audience} for {resource}");
    }
}

#[test]
fn b16_aliases_are_compared_byte_by_byte() {
    let aliases: [Box<str>; 2] = ["api://gw".into(), "https://gw.example".into()];
    for (audience, verdict) in [
        ("api://gw", true),
        ("https://gw.example", true),
        ("API://gw", false),
        ("api://gw/", false),
        ("https://gw.example/", false),
        ("HTTPS://gw.example", false),
        ("api://gw2", false),
    ] {
        let caller = read_changed(&json!({ "aud": audience })).unwrap();
        assert_eq!(caller.is_for(&RESOURCE.into(), &aliases).is_ok(), verdict, "{audience}");
    }
}

#[test]
fn b16_behind_an_alias_a_bare_token_may_be_an_id_token() {
    let aliases: [Box<str>; 1] = ["client".into()];
    let cases = [
        ("client", TokenType::Access, Ok(())),
        ("client", TokenType::Unclear, Err(Refusal::Token(TokenFault::Type(NotAccess::Unproven)))),
        (RESOURCE, TokenType::Unclear, Ok(())),
        ("other", TokenType::Unclear, Err(Refusal::Token(TokenFault::Audience))),
    ];
    for (audience, token_type, verdict) in cases {
        let all = with(&claims(), &json!({ "aud": audience }));
        let caller =
            read(&Arc::new(all.as_object().unwrap().clone()), token_type, &"i".into(), &rules(), now()).unwrap();
        assert_eq!(caller.is_for(&RESOURCE.into(), &aliases), verdict, "{audience} {token_type:?}");
    }
}

#[test]
fn attack_076_times() {
    use TokenFault::{Expired, NotYetValid, Time};
    let n = NOW_SECS;
    let cases = [
        (json!({"exp": n + 1}), Ok(())),
        (json!({"exp": n as f64 + 0.5}), Ok(())),
        (json!({"exp": n - 29}), Ok(())),
        (json!({"exp": n - 30}), Err(Expired)),
        (json!({"exp": n as f64 - 30.5}), Err(Expired)),
        (json!({"exp": 0}), Err(Expired)),
        (json!({"exp": 1_u64 << 53}), Ok(())),
        (json!({"exp": (1_u64 << 53) + 1}), Err(Time("exp"))),
        (json!({"exp": u64::MAX}), Err(Time("exp"))),
        (json!({"exp": 1e300}), Err(Time("exp"))),
        (json!({"exp": -1}), Err(Time("exp"))),
        (json!({"exp": -0.5}), Err(Time("exp"))),
        (json!({"exp": "1e9"}), Err(Time("exp"))),
        (json!({"exp": (n + 300).to_string()}), Err(Time("exp"))),
        (json!({"exp": [n + 300]}), Err(Time("exp"))),
        (json!({"exp": true}), Err(Time("exp"))),
        (json!({"exp": null}), Err(Time("exp"))),
        (json!({"nbf": n + 30}), Ok(())),
        (json!({"nbf": n + 31}), Err(NotYetValid)),
        (json!({"nbf": n + 3600}), Err(NotYetValid)),
        (json!({"nbf": "0"}), Err(Time("nbf"))),
        (json!({"nbf": -1}), Err(Time("nbf"))),
        (json!({"iat": n + 30}), Ok(())),
        (json!({"iat": n + 3600}), Err(NotYetValid)),
        (json!({"iat": {}}), Err(Time("iat"))),
        (json!({"iat": 1e300}), Err(Time("iat"))),
        (json!({"iat": null}), Ok(())),
    ];
    for (changes, verdict) in cases {
        assert_eq!(read_changed(&changes).map(drop), verdict, "{changes}");
    }
    // `null` above means "absent". A claim with the value `null` is not a time.
    for name in ["exp", "nbf", "iat"] {
        let mut all = claims();
        all[name] = Value::Null;
        assert_eq!(read_with(&rules(), &all), Err(Time(name)), "{name}");
    }
}

#[test]
fn b21_no_configuration_forgives_more_than_five_minutes() {
    let generous = TokenRules { clock_skew: Duration::from_secs(86_400), ..rules() };
    let skew = CLOCK_SKEW_MAX.as_secs();
    for (changes, verdict) in [
        (json!({"exp": NOW_SECS - skew + 1}), Ok(())),
        (json!({"exp": NOW_SECS - skew - 1}), Err(TokenFault::Expired)),
        (json!({"nbf": NOW_SECS + skew}), Ok(())),
        (json!({"nbf": NOW_SECS + skew + 1}), Err(TokenFault::NotYetValid)),
    ] {
        assert_eq!(read_with(&generous, &with(&claims(), &changes)).map(drop), verdict, "{changes}");
    }
}

#[test]
fn b20_a_caller_holds_until_it_expires() {
    let caller = read_changed(&json!({"exp": NOW_SECS + 5})).unwrap();
    let skew = Duration::from_secs(30);
    assert_eq!(caller.check_expiry(at(NOW_SECS + 34), skew), Ok(()));
    assert_eq!(caller.check_expiry(at(NOW_SECS + 35), skew), Err(Refusal::Token(TokenFault::Expired)));
    assert_eq!(
        caller.check_expiry(at(NOW_SECS + 400), Duration::MAX),
        Err(Refusal::Token(TokenFault::Expired)),
        "B-21"
    );
}

#[test]
fn b17_b60_other_claims_in_other_shapes() {
    let cases = [
        (json!({"sub": null}), TokenFault::Subject("sub".into())),
        (json!({"sub": ""}), TokenFault::Subject("sub".into())),
        (json!({"sub": 5}), TokenFault::Subject("sub".into())),
        (json!({"sub": ["ada"]}), TokenFault::Subject("sub".into())),
        (json!({"cnf": {"jkt": "x"}}), TokenFault::SenderConstraint),
        (json!({"cnf": {"x5t#S256": "x"}}), TokenFault::SenderConstraint),
        (json!({"cnf": {"unheard-of": 1}}), TokenFault::SenderConstraint),
        (json!({"cnf": {}}), TokenFault::SenderConstraint),
        (json!({"cnf": "x"}), TokenFault::SenderConstraint),
        (json!({"jti": 5}), TokenFault::Claims("jti")),
        (json!({"client_id": 5}), TokenFault::Claims("client_id")),
        (json!({"client_id": "", "azp": "b"}), TokenFault::Claims("client_id")),
        (json!({"client_id": ["a"], "azp": "b"}), TokenFault::Claims("client_id")),
    ];
    for (changes, fault) in cases {
        assert_eq!(read_changed(&changes), Err(fault), "{changes}");
    }
    let mut null = claims();
    null["cnf"] = Value::Null;
    assert_eq!(read_with(&rules(), &null), Err(TokenFault::SenderConstraint));
}

/// The first claim that is present names the caller, and the caller is the claim and its value: a
/// user may choose a client's id as `sub`.
#[test]
fn people_a3_b17_attack_230_a_caller_is_a_claim_and_its_value() {
    let either = TokenRules { subject_claims: vec!["sub".into(), "client_id".into()], ..rules() };
    let of = |changes: &Value| read_with(&either, &with(&claims(), changes));
    let user = of(&json!({"sub": "robot"})).unwrap();
    let client = of(&json!({"sub": null, "client_id": "robot"})).unwrap();
    assert_eq!((user.subject(), user.subject_claim()), ("robot", None));
    assert_eq!((client.subject(), client.subject_claim()), ("robot", Some("client_id")));
    assert_ne!(user.principal(), client.principal());
    assert_eq!(user.principal(), read_changed(&json!({"sub": "robot"})).unwrap().principal(), "as it was before");
    // printf 'claim\0client_id\0https://login.example/realms/main\0robot' | sha256sum
    assert_eq!(client.principal(), "bfafd86b371b6eb600688e3997ab9749");
    let forged = of(&json!({"sub": "\u{0}client_id\u{0}robot"})).unwrap();
    assert_ne!(forged.principal(), client.principal());

    for (changes, fault) in [
        (json!({"sub": 5}), "sub"),
        (json!({"sub": ""}), "sub"),
        (json!({"sub": null, "client_id": null}), "sub, client_id"),
    ] {
        assert_eq!(of(&changes), Err(TokenFault::Subject(fault.into())), "{changes}");
    }
}

#[test]
fn b18_the_client_is_the_first_claim_that_is_there() {
    for (changes, client) in [
        (json!({"client_id": "a", "azp": "b", "cid": "c"}), Some("a")),
        (json!({"client_id": null, "azp": "b", "cid": "c"}), Some("b")),
        (json!({"client_id": null, "cid": "c"}), Some("c")),
        (json!({"client_id": null}), None),
    ] {
        assert_eq!(read_changed(&changes).unwrap().client(), client, "{changes}");
    }
}

#[test]
fn attack_081_b50_scopes_in_exactly_the_shapes_allowed() {
    let cases: [(Value, Result<&[&str], TokenFault>); 21] = [
        (json!("b a"), Ok(&["a", "b"])),
        (json!("  b   a b "), Ok(&["a", "b"])),
        (json!(""), Ok(&[])),
        (json!(" "), Ok(&[])),
        (json!("mcp:read\tdanger"), Ok(&["mcp:read\tdanger"])),
        (json!("mcp:read,danger"), Ok(&["mcp:read,danger"])),
        (json!("mcp:read\u{a0}danger"), Ok(&["mcp:read\u{a0}danger"])),
        (json!("mcp:read\ndanger"), Ok(&["mcp:read\ndanger"])),
        (json!("Mcp:Read"), Ok(&["Mcp:Read"])),
        (json!("* mcp:*"), Ok(&["*", "mcp:*"])),
        (json!(["b", "a", "b"]), Ok(&["a", "b"])),
        (json!([]), Ok(&[])),
        (json!(["a b"]), Ok(&["a b"])),
        (json!([" a"]), Ok(&[" a"])),
        (json!(["a", 5]), Err(TokenFault::ScopeShape("scope".into()))),
        (json!(["a", null]), Err(TokenFault::ScopeShape("scope".into()))),
        (json!(["a", ["b"]]), Err(TokenFault::ScopeShape("scope".into()))),
        (json!({"a": 1}), Err(TokenFault::ScopeShape("scope".into()))),
        (json!(5), Err(TokenFault::ScopeShape("scope".into()))),
        (json!(true), Err(TokenFault::ScopeShape("scope".into()))),
        (json!(null), Err(TokenFault::ScopeShape("scope".into()))),
    ];
    for (scope, verdict) in cases {
        let mut all = claims();
        all["scope"] = scope.clone();
        let read = read_with(&rules(), &all);
        assert_eq!(read.as_ref().map(scopes).map_err(TokenFault::clone), verdict.map(<[&str]>::to_vec), "{scope}");
    }
}

#[test]
fn b52_only_configured_scope_claims_count() {
    let two = TokenRules { scope_claims: vec!["scp".into(), "permissions".into()], ..rules() };
    let cases: [(&TokenRules, Value, &[&str]); 6] = [
        (&rules(), json!({"scope": "b", "scp": "a", "Scope": "c", "permissions": ["d"]}), &["b"]),
        (&rules(), json!({"scope": null, "scp": "a"}), &[]),
        (&rules(), json!({"scope": "b", "scp": {"not": "looked at"}}), &["b"]),
        (&two, json!({"scope": "b", "scp": "c a"}), &["a", "c"]),
        (&two, json!({"scp": ["c"], "permissions": ["a", "c"]}), &["a", "c"]),
        (&two, json!({}), &[]),
    ];
    for (rules, changes, expected) in cases {
        assert_eq!(scopes(&read_with(rules, &with(&claims(), &changes)).unwrap()), expected, "{changes}");
    }
    let broken = with(&claims(), &json!({"scp": "a", "permissions": 5}));
    assert_eq!(read_with(&two, &broken), Err(TokenFault::ScopeShape("permissions".into())));
}

#[test]
fn b50_a_configured_prefix_is_cut_once() {
    let prefixed = TokenRules { scope_prefixes: vec!["api://".into(), "api://gw/".into()], ..rules() };
    for (scope, expected) in [
        ("api://gw/read", "read"),
        ("api://other/read", "other/read"),
        ("api://gw/api://gw/read", "api://gw/read"),
        ("read", "read"),
        ("xapi://gw/read", "xapi://gw/read"),
        ("API://gw/read", "API://gw/read"),
        ("api://", "api://"),
        ("api://gw/", "gw/"),
    ] {
        assert_eq!(scopes(&read_with(&prefixed, &with(&claims(), &json!({ "scope": scope }))).unwrap()), [expected]);
    }
}

#[test]
fn a_caller_for_tests_has_sorted_scopes_and_its_resource() {
    let caller = Caller::for_tests("ada", &["b", "a", "b"], json!({"department": "eng"}));
    assert_eq!(scopes(&caller), ["a", "b"]);
    assert_eq!(caller.is_for(&RESOURCE.into(), &[]), Ok(()));
    assert_eq!(caller.check_expiry(now(), Duration::ZERO), Ok(()));
    assert_eq!(caller.subject(), "ada");
}
