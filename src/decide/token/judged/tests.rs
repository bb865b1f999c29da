//! Judges a token, which one set of rules accepted, by another set of rules.

use serde_json::json;

use super::*;
use crate::{
    base::secret::Secret,
    decide::{
        policy::claims::ClaimValue,
        refusal::NotAccess,
        token::{
            rules::AcceptedClients,
            testing::{ISSUER, NOW_SECS, at, claims, now, rules, with},
        },
    },
};

type Change = fn(&mut TokenRules);

fn header(typ: &str) -> SignedHeader {
    SignedHeader { algorithm: Algorithm::ES256, typ: Some(typ.into()) }
}

fn loose() -> TokenRules {
    TokenRules { token_types: vec!["at+jwt".into(), "jwt".into()], ..rules() }
}

fn caller(typ: &str, changes: &Value) -> Caller {
    let claims = with(&claims(), changes);
    signed(header(typ), &Arc::new(claims.as_object().unwrap().clone()), &loose(), now()).unwrap()
}

fn changed(change: Change) -> TokenRules {
    let mut rules = loose();
    change(&mut rules);
    rules
}

/// Each requirement that a reload can add or change.
#[test]
fn people_a2_p7_attack_295_each_requirement_counts_again() {
    let cases: [(&str, Change, Result<(), TokenFault>); 11] = [
        ("the same", |_| (), Ok(())),
        ("another issuer", |rules| rules.issuers = vec!["https://b.example".into()], Err(TokenFault::Issuer)),
        ("its spelling was removed", |rules| rules.issuers = vec!["x".into(), "y".into()], Err(TokenFault::Issuer)),
        ("another algorithm", |rules| rules.algorithms = vec![Algorithm::RS256], Err(TokenFault::Algorithm)),
        ("another type", |rules| rules.token_types = vec!["at+jwt".into()], Err(TokenFault::Type(NotAccess::Header))),
        (
            "a required claim",
            |rules| rules.required_claims = vec![("org".into(), vec![ClaimValue::from("a")])],
            Err(TokenFault::Required("org".into())),
        ),
        (
            "a required claim that it has",
            |rules| rules.required_claims = vec![("sub".into(), vec![ClaimValue::from("ada")])],
            Ok(()),
        ),
        (
            "another claim names the caller",
            |rules| rules.subject_claims = vec!["uid".into()],
            Err(TokenFault::Subject("uid".into())),
        ),
        (
            "a scope claim of another shape",
            |rules| rules.scope_claims = vec!["exp".into()],
            Err(TokenFault::ScopeShape("exp".into())),
        ),
        ("less skew", |rules| rules.clock_skew = std::time::Duration::ZERO, Ok(())),
        ("another spelling first", |rules| rules.issuers = vec!["https://b.example".into(), ISSUER.into()], Ok(())),
    ];
    let caller = caller("JWT", &json!({}));
    for (what, change, expected) in cases {
        assert_eq!(judged_again(&caller, &changed(change), now()).map(drop), expected, "{what}");
    }
    assert_eq!(judged_again(&caller, &loose(), now()), Ok(caller));
}

#[test]
fn people_a2_p7_attack_295_clients_and_times_count_again() {
    let of = |clients: &[&str]| {
        let clients = clients.iter().map(|one| Box::from(*one)).collect();
        TokenRules { clients: AcceptedClients::Listed(clients), ..loose() }
    };
    let token = with(&claims(), &json!({"aud": "client", "client_id": "client"}));
    let taken = signed(header("JWT"), &Arc::new(token.as_object().unwrap().clone()), &of(&["client"]), now()).unwrap();
    let resource = "https://gw.example/mcp".into();
    assert!(taken.is_for(&resource, &[]).is_ok());
    for (rules, holds) in [(of(&["client"]), true), (of(&["other"]), false), (loose(), false)] {
        let again = judged_again(&taken, &rules, now()).unwrap();
        assert_eq!(again.is_for(&resource, &[]).is_ok(), holds, "{:?}", rules.clients);
    }
    assert_eq!(judged_again(&taken, &of(&["client"]), at(NOW_SECS + 3600)).map(drop), Err(TokenFault::Expired));
}

#[test]
fn people_a2_p7_attack_295_an_introspected_token_is_judged_by_its_answer() {
    let answer = json!({"active": true, "iss": ISSUER, "sub": "ada", "client_id": "c", "scope": "a", "org": "a"});
    let token = Secret::new(b"opaque".to_vec());
    let answer = answer.as_object().unwrap().clone();
    let taken = introspection::described(answer, token, &rules(), now()).unwrap();
    assert_eq!(judged_again(&taken, &rules(), now()).as_ref(), Ok(&taken));
    let required = |value: &str| TokenRules {
        required_claims: vec![("org".into(), vec![ClaimValue::from(value)])],
        token_types: vec!["at+jwt".into()],
        ..rules()
    };
    assert!(judged_again(&taken, &required("a"), now()).is_ok());
    assert_eq!(judged_again(&taken, &required("b"), now()).map(drop), Err(TokenFault::Required("org".into())));
}

#[test]
fn a_caller_without_a_token_cannot_be_judged_again() {
    let made = Caller::for_tests("ada", &[], json!({"iss": ISSUER}));
    assert_eq!(judged_again(&made, &loose(), now()).map(drop), Err(TokenFault::Malformed));
}
