//! Users and machines without `sub`, and addresses that are not verified.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::decide::{
    resource_server::vendor,
    token::{
        caller::Caller,
        claims::read,
        testing::{claims, now, rules, with},
        token_type::TokenType,
    },
};

fn read_as(profile: &str, names: &[&str], changes: &Value) -> Result<Caller, TokenFault> {
    let vendor = vendor::row(profile).unwrap();
    let rules = TokenRules {
        subject_claims: names.iter().map(|name| Box::from(*name)).collect(),
        machine_marks: vendor.machine_marks,
        client_claims: vendor.client_claims,
        ..rules()
    };
    let claims = Arc::new(with(&claims(), changes).as_object().unwrap().clone());
    read(&claims, TokenType::Access, &rules.issuers[0], &rules, now())
}

/// All users of a client have its id in their tokens.
#[test]
fn people_a3_b17_attack_296_a_claim_of_the_client_names_no_user() {
    let either: &[&str] = &["sub", "client_id"];
    for (profile, names, changes, wanted) in [
        ("generic", either, json!({"preferred_username": "ada"}), Some("sub")),
        ("generic", either, json!({"username": "ada"}), Some("sub")),
        ("generic", either, json!({"email": "ada@example.com"}), Some("sub")),
        ("generic", either, json!({"sid": "s"}), Some("sub")),
        ("generic", either, json!({"auth_time": 1}), Some("sub")),
        ("generic", either, json!({"name": "Ada"}), Some("sub")),
        ("generic", either, json!({"login": "ada"}), Some("sub")),
        ("generic", either, json!({"mail": "ada@example.com"}), Some("sub")),
        ("generic", either, json!({"cognito:username": "ada"}), Some("sub")),
        ("generic", either, json!({"oid": "1"}), Some("sub")),
        ("generic", either, json!({"groups": ["staff"]}), Some("sub")),
        ("generic", either, json!({"act": {"sub": "x"}}), Some("sub")),
        ("generic", either, json!({"locale": "en"}), Some("sub")),
        ("generic", either, json!({"acr": "1"}), Some("sub")),
        ("generic", either, json!({"type": "User"}), Some("sub")),
        ("generic", either, json!({"https://corp.example/user": "ada"}), Some("sub")),
        ("generic", either, json!({"gty": "password"}), Some("sub")),
        ("generic", either, json!({"grant_type": ["client_credentials", "password"]}), Some("sub")),
        ("generic", either, json!({"gty": []}), Some("sub")),
        // An organization counts only where every token of the issuer has it.
        ("generic", either, json!({"org_code": "acme"}), Some("sub")),
        // Kinde's machines; Canaille's and Django's, by introspection.
        ("generic", either, json!({"gty": ["client_credentials"], "azp": "m", "scp": ["a"], "v": "2"}), None),
        ("generic", either, json!({"active": true, "token_type": "Bearer", "username": null}), None),
        ("generic", either, json!({"roles": ["r"], "permissions": ["p"], "ver": "1.0", "azpacr": "1"}), None),
        ("keycloak", either, json!({"realm_access": {"roles": ["r"]}, "azp": "web", "typ": "Bearer"}), None),
        ("generic", either, json!({"sid": null}), None),
        ("generic", either, json!({}), None),
        ("keycloak", either, json!({"sid": "s", "azp": "web"}), Some("sub")),
        ("keycloak", either, json!({"azp": "Web", "preferred_username": "service-account-web"}), None),
        ("keycloak", either, json!({"azp": "web", "preferred_username": "service-account-other"}), Some("sub")),
        ("keycloak", either, json!({"azp": "web", "sid": "s", "clientHost": "10.0.0.1"}), None),
        ("generic", &["sub", "uid", "azp"], json!({"azp": "web", "email": "a@b.example"}), Some("sub, uid")),
        ("generic", &["sub", "/azp"], json!({"azp": "web", "sid": "s"}), Some("sub")),
        ("generic", &["sub", "cid"], json!({"cid": "web", "sid": "s"}), Some("sub")),
        ("entra", &["sub", "appid"], json!({"appid": "web", "upn": "a@b.example"}), Some("sub")),
        // Another claim of users is not bound so.
        ("generic", &["sub", "uid"], json!({"uid": "u-1", "sid": "s"}), None),
        // `sub` shows a user, unless it is the client itself.
        ("generic", &["client_id", "sub"], json!({"sub": "ada"}), Some("sub")),
        ("generic", &["client_id"], json!({"sub": "ada"}), Some("sub")),
        ("generic", &["client_id"], json!({"sub": "client"}), None),
        ("auth0", &["client_id"], json!({"sub": "client@clients", "gty": "client-credentials"}), None),
    ] {
        let without = with(&json!({"sub": null}), &changes);
        let read = read_as(profile, names, &without);
        let expected = wanted.map_or(Ok(()), |wanted| Err(TokenFault::Subject(wanted.into())));
        assert_eq!(read.map(drop), expected, "{profile} {names:?} {changes}");
    }
}

#[test]
fn people_a3_a_null_shows_no_user() {
    let mut token = with(&claims(), &json!({"sub": null}));
    token["username"] = Value::Null;
    let rules = TokenRules { subject_claims: vec!["sub".into(), "client_id".into()], ..rules() };
    let claims = Arc::new(token.as_object().unwrap().clone());
    assert!(read(&claims, TokenType::Access, &rules.issuers[0], &rules, now()).is_ok());
}

#[test]
fn people_a3_attack_296_scope_claims_and_a_required_organization_show_no_user() {
    let org = |value: &str| (Box::from("https://corp.example/org_id"), vec![value.into()]);
    let either = || vec!["sub".into(), "client_id".into()];
    let base = TokenRules { subject_claims: either(), scope_claims: vec!["/groups/all".into()], ..rules() };
    let with_org = TokenRules { required_claims: vec![org("o-1")], ..base.clone() };
    let with_email = TokenRules { required_claims: vec![("email".into(), vec!["a@b.example".into()])], ..base.clone() };
    let refused = Err(TokenFault::Subject("sub".into()));
    for (rules, changes, expected) in [
        (&base, json!({"groups": {"all": ["mcp:read"]}}), Ok(())),
        (&base, json!({"https://corp.example/org_id": "o-1"}), refused.clone()),
        (&with_org, json!({"https://corp.example/org_id": "o-1"}), Ok(())),
        (&with_org, json!({"https://corp.example/org_id": "o-1", "org_name": "Acme"}), refused.clone()),
        (&with_email, json!({"email": "a@b.example"}), refused),
    ] {
        let claims = with(&with(&claims(), &json!({"sub": null, "scope": null})), &changes);
        let claims = Arc::new(claims.as_object().unwrap().clone());
        let read = read(&claims, TokenType::Access, &rules.issuers[0], rules, now());
        assert_eq!(read.map(drop), expected, "{changes}");
    }
}

#[test]
fn people_d3_a50_a_caller_that_is_named_by_its_client_is_a_machine() {
    for (names, changes, is_machine) in [
        (&["sub", "client_id"], json!({"sub": null}), true),
        (&["sub", "client_id"], json!({}), false),
        (&["sub", "client_id"], json!({"sub": "client"}), true),
        (&["sub", "uid"], json!({"sub": null, "uid": "u-1"}), false),
    ] {
        let caller = read_as("generic", names, &changes).unwrap();
        assert_eq!(caller.is_machine(), is_machine, "{names:?} {changes}");
    }
}

#[test]
fn people_a5_attack_297_an_address_that_is_not_verified_names_no_caller() {
    let refused = Err(TokenFault::Required("email_verified".into()));
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"email_verified": true}), Ok(())),
        (json!({"email_verified": false}), refused.clone()),
        (json!({"xms_edov": false}), refused),
    ] {
        let changes = with(&json!({"email": "boss@corp.example"}), &changes);
        assert_eq!(read_as("generic", &["email"], &changes).map(drop), expected, "{changes}");
        let rules = TokenRules { required_claims: vec![("email".into(), vec!["boss@corp.example".into()])], ..rules() };
        let claims = Arc::new(with(&claims(), &changes).as_object().unwrap().clone());
        let read = read(&claims, TokenType::Access, &rules.issuers[0], &rules, now());
        assert_eq!(read.map(drop), expected, "required: {changes}");
    }
}
