//! Cases of refused tokens: what was found, what was expected, and the vendor's hint.

use serde_json::json;

use super::*;
use crate::decide::token::testing::{ISSUER, NOW_SECS, RESOURCE, base64url, claims, now, rules, with};

fn token_of(header: &Value, claims: &Value) -> String {
    format!("{}.{}.c2ln", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

fn expected<'a>(rules: &'a TokenRules, resource: &'a Resource, audiences: &'a [Box<str>]) -> TokenExpectation<'a> {
    TokenExpectation { rules: vec![rules], resource, audiences, bytes_max: 32 * 1024, miss: None }
}

fn told_by(rules: &TokenRules, token: &str, fault: &TokenFault) -> Told {
    let (resource, audiences) = (Resource::from(RESOURCE), ["api".into()]);
    told(token, fault, &expected(rules, &resource, &audiences), now())
}

#[test]
fn first_9_a_refused_token_is_told_with_what_it_has_and_what_was_expected() {
    let rules = TokenRules {
        required_claims: vec![("org_id".into(), vec!["org_42".into()]), ("email".into(), vec!["a@b.example".into()])],
        clients: AcceptedClients::Listed(vec!["web".into()]),
        algorithms: vec![jsonwebtoken::Algorithm::ES256],
        ..rules()
    };
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "k\u{1b}1", "jku": "https://evil.example"});
    let changed = json!({
        "aud": ["https://other.example", "x"], "exp": NOW_SECS - 90, "nbf": NOW_SECS + 3600, "azp": "my-app",
        "org_id": "org_41", "email": "ada@corp.example", "scope": 7, "nonce": "n-secret", "token_use": "id",
        "sub": "ada-secret", "cnf": {"jkt": "k"},
    });
    let token = token_of(&header, &with(&claims(), &changed));
    let aud = "aud https://gw.example/mcp or api";
    for (fault, found, expected) in [
        (TokenFault::Algorithm, "alg RS256", "ES256"),
        (TokenFault::Type(NotAccess::Header), "typ JWT", "at+jwt"),
        (TokenFault::Type(NotAccess::Has("nonce")), "the claim nonce", "an access token without it"),
        (TokenFault::Type(NotAccess::Says("token_use")), "token_use id", "an access token"),
        (TokenFault::Header, "header member jku", "a header without it"),
        (TokenFault::UnknownKey, "kid k\\u{1b}1", "a key of https://login.example/realms/main"),
        (TokenFault::Signature, "kid k\\u{1b}1", ""),
        (TokenFault::Expired, "exp 2027-01-15T07:58:30Z, 90 s ago", "later than 2027-01-15T07:59:30Z"),
        (
            TokenFault::NotYetValid,
            "nbf 2027-01-15T09:00:00Z, in 60 min",
            "not later than 2027-01-15T08:00:30Z (clock_skew 30s)",
        ),
        (TokenFault::Audience, "aud https://other.example, x", aud),
        (TokenFault::Client("azp"), "azp my-app", "client_ids: web"),
        (TokenFault::ScopeShape("scope".into()), "scope, a number", "text, or a list of texts"),
        (TokenFault::Required("org_id".into()), "org_id org_41", "org_id \"org_42\""),
        (
            TokenFault::Required("email".into()),
            "email, a text (its value is not shown)",
            "email with a value of required_claims",
        ),
        (TokenFault::SenderConstraint, "the claim cnf", "a bearer token, without cnf"),
        (TokenFault::Subject("sub".into()), "", "text in sub"),
        (TokenFault::Claims("azp"), "azp, a text", ""),
    ] {
        let told = told_by(&rules, &token, &fault);
        assert_eq!((&*told.found, &*told.expected, &*told.issuer), (found, expected, "corporate"), "{fault:?}");
        let whole = told.lines().join("\n");
        for secret in ["ada-secret", "ada@corp", "a@b.example", "n-secret", "evil.example", &token] {
            assert!(!whole.contains(secret), "{secret}: {whole}");
        }
    }
    let none = told_by(&rules, &token_of(&json!({"alg": "ES256"}), &json!({"iss": ISSUER})), &TokenFault::NoAudience);
    assert_eq!((&*none.found, &*none.expected, none.attention), ("no aud", aud, Attention::Act));
}

#[test]
fn first_9_who_can_cause_a_line_decides_its_level() {
    let rules = rules();
    let token = token_of(&json!({"alg": "ES256", "typ": 1}), &claims());
    for (fault, attention) in [
        (TokenFault::Signature, Attention::Look),
        (TokenFault::UnknownKey, Attention::Look),
        (TokenFault::Malformed, Attention::Look),
        (TokenFault::Type(NotAccess::Header), Attention::Look),
        (TokenFault::Type(NotAccess::Has("nonce")), Attention::Act),
        (TokenFault::Audience, Attention::Act),
        (TokenFault::Expired, Attention::Story),
        (TokenFault::Oversize, Attention::Act),
    ] {
        assert_eq!(told_by(&rules, &token, &fault).attention, attention, "{fault:?}");
    }
}

#[test]
fn first_9_an_iss_is_shown_only_if_it_is_a_url_and_without_its_query() {
    for (iss, found) in [
        (json!("https://sts.windows.net/t/?key=secret"), "iss https://sts.windows.net/t/"),
        (json!("https://user:secret@idp.example"), "iss, a text that is not a URL"),
        (json!("ada@corp.example"), "iss, a text that is not a URL"),
        (json!(7), "iss, a number"),
        (json!(null), "iss, null"),
    ] {
        let token = token_of(&json!({"alg": "ES256"}), &with(&claims(), &json!({"iss": iss})));
        let told = told_by(&rules(), &token, &TokenFault::Issuer);
        assert!(&*told.found == found || iss.is_null(), "{iss}: {}", told.found);
        assert_eq!(&*told.expected, format!("iss {ISSUER}"));
        assert!(!told.lines().join("").contains("secret"), "{told:?}");
    }
}

#[test]
fn first_9_the_profile_of_the_issuer_gives_its_hint() {
    for (profile, token, fault, says) in [
        ("auth0", "opaque".to_owned(), TokenFault::Malformed, "requests no audience"),
        ("auth0", "a.b.c.d.e".to_owned(), TokenFault::Malformed, "requests no audience"),
        ("google", "ya29.x".to_owned(), TokenFault::Malformed, "access tokens of Google are opaque"),
        (
            "entra",
            token_of(&json!({"alg": "ES256"}), &json!({"iss": "https://sts.windows.net/t/"})),
            TokenFault::Issuer,
            "a version 1.0 token of Entra",
        ),
        (
            "okta",
            token_of(&json!({"alg": "ES256"}), &json!({"iss": "https://t.okta.com"})),
            TokenFault::Issuer,
            "org authorization",
        ),
        (
            "keycloak",
            token_of(&json!({"alg": "ES256"}), &json!({"iss": ISSUER, "aud": "account"})),
            TokenFault::Audience,
            "writes account",
        ),
        (
            "cognito",
            token_of(&json!({"alg": "ES256"}), &json!({"iss": ISSUER})),
            TokenFault::NoAudience,
            "list the clients under",
        ),
    ] {
        let told = told_by(&TokenRules { profile, ..rules() }, &token, &fault);
        assert!(told.advice.contains(says), "{profile}: {}", told.advice);
    }
    let told = told_by(&rules(), "opaque", &TokenFault::Malformed);
    assert_eq!(&*told.found, "an opaque token: a text without dots");
    assert!(told.advice.contains("add introspection"), "{}", told.advice);
}

#[test]
fn attack_392_no_token_makes_the_words_panic_or_grow() {
    let huge = json!({"iss": "x".repeat(9000), "aud": vec!["y".repeat(500); 200], "exp": 9_007_199_254_740_992_u64, "azp": {"a": 1}});
    let faults = crate::decide::refusal::testing::every_token_fault();
    for token in
        ["", ".", "..", "a.b", "....", "%%%.é.x", &token_of(&json!([]), &json!(1)), &token_of(&json!({}), &huge)]
    {
        for fault in &faults {
            let told = told_by(&rules(), token, fault);
            assert!(told.found.len() < 4000 && told.expected.len() < 4000, "{fault:?}");
        }
    }
}
