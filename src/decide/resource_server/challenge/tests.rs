//! Challenges, as written in the header.

use serde_json::json;

use super::{ChallengeFault, Challenges, MARKERS};
use crate::{
    base::names::Scope,
    decide::{
        refusal::{
            PresentationFault, Refusal, TokenFault,
            testing::{every_presentation_fault, every_token_fault},
        },
        token::caller::Caller,
    },
};

const URL: &str = "https://gw.example/.well-known/oauth-protected-resource/mcp";

fn scopes(words: &str) -> Vec<Scope> {
    words.split_whitespace().map(Scope::from).collect()
}

fn challenges(first: &str, known: &str) -> Challenges {
    Challenges::new(URL, &scopes(first), &scopes(known)).unwrap()
}

fn text(challenges: &Challenges, refusal: &Refusal, caller: Option<&Caller>) -> Option<String> {
    let granted = caller.map(Caller::scopes).unwrap_or_default();
    challenges.header(refusal.row().challenge, granted).map(|header| header.to_str().unwrap().to_owned())
}

fn caller(scopes: &[&str]) -> Caller {
    Caller::for_tests("ann", scopes, json!({}))
}

#[test]
fn a30_a36_a50_each_situation_has_its_challenge() {
    let challenges = challenges("mcp:connect b", "");
    let bare = format!("Bearer resource_metadata=\"{URL}\", scope=\"mcp:connect b\"");
    let needed = scopes("mcp:connect danger");
    for (refusal, expected) in [
        // no `error` without a credential.
        (Refusal::NoCredential, Some(bare.clone())),
        (
            Refusal::Token(TokenFault::Expired),
            Some(format!("{bare}, error=\"invalid_token\", error_description=\"the token has expired\"")),
        ),
        (
            Refusal::Token(TokenFault::Signature),
            Some(format!("{bare}, error=\"invalid_token\", error_description=\"the token is not valid\"")),
        ),
        (
            Refusal::Presentation(PresentationFault::TwoCredentials),
            Some(format!("{bare}, error=\"invalid_request\", error_description=\"more than one credential\"")),
        ),
        (
            Refusal::Scope { needed },
            Some(format!(
                "Bearer resource_metadata=\"{URL}\", scope=\"mcp:connect danger\", error=\"insufficient_scope\", \
                 error_description=\"the token lacks scope\""
            )),
        ),
        // no scope would help.
        (Refusal::Forbidden { rule: 0 }, None),
        (Refusal::NoRule, None),
        (Refusal::UnsafeUri("x"), None),
        (Refusal::ForeignOrigin("https://a.example".into()), None),
        (Refusal::NotFound, None),
        (Refusal::Loop, None),
        // an outage is not the client's fault.
        (Refusal::KeysUnavailable { retry_after_secs: 30 }, None),
    ] {
        assert_eq!(text(&challenges, &refusal, None), expected, "{refusal:?}");
    }
}

#[test]
fn a33_without_a_first_scope_the_parameter_is_left_out() {
    let challenges = challenges("", "a");
    assert_eq!(challenges.first_scope(), None);
    let bare = text(&challenges, &Refusal::NoCredential, None);
    assert_eq!(bare, Some(format!("Bearer resource_metadata=\"{URL}\"")));
}

#[test]
fn a35_naive_clients_find_each_parameter_where_it_is() {
    let challenges = challenges("mcp:connect", "mcp:connect files:read");
    let caller = caller(&["mcp:connect"]);
    let faults = every_token_fault().map(Refusal::Token).into_iter();
    let faults = faults.chain(every_presentation_fault().map(Refusal::Presentation));
    let scope = Refusal::Scope { needed: scopes("files:read") };
    for refusal in faults.chain([Refusal::NoCredential, scope]) {
        let text = text(&challenges, &refusal, Some(&caller)).unwrap();
        assert!(text.starts_with("Bearer resource_metadata=\"https://"), "{text}");
        for marker in MARKERS {
            assert!(text.matches(marker).count() <= 1, "{text}");
        }
        let positions: Vec<usize> = ["resource_metadata=\"", ", scope=\"", ", error=\"", ", error_description=\""]
            .iter()
            .filter_map(|parameter| text.find(parameter))
            .collect();
        assert!(positions.is_sorted(), "{text}");
        assert_eq!(text.matches('"').count(), 2 * positions.len(), "{text}");
        assert!(!text.contains(['\\', '\r', '\n']), "{text}");
    }
}

#[test]
fn a35_what_would_mislead_them_is_refused_at_the_start() {
    let fault = |url: &str, first: &str, known: &[Scope]| Challenges::new(url, &scopes(first), known).unwrap_err();
    for (url, expected) in [
        ("https://gw.example/x?scope=y", ChallengeFault::Marker("scope=")),
        ("https://gw.example/error=/x", ChallengeFault::Marker("error=")),
        ("https://gw.example/resource_metadata=", ChallengeFault::Marker("resource_metadata=")),
        ("/.well-known/oauth-protected-resource/mcp", ChallengeFault::MetadataUrl),
        ("https://gw.example/\"", ChallengeFault::MetadataUrl),
        ("https://gw.example/\\", ChallengeFault::MetadataUrl),
        ("https://gw.example/\r\nx", ChallengeFault::MetadataUrl),
        ("https://gw.example/é", ChallengeFault::MetadataUrl),
        ("https://gw.example/a b", ChallengeFault::MetadataUrl),
        ("", ChallengeFault::MetadataUrl),
    ] {
        assert_eq!(fault(url, "", &[]), expected, "{url}");
    }
    assert_eq!(fault(URL, "scope=x", &[]), ChallengeFault::Marker("scope="));
    assert_eq!(fault(URL, "", &["a\"b".into()]), ChallengeFault::Scope("a\"b".into()));
    assert_eq!(fault(URL, "", &["a b".into()]), ChallengeFault::Scope("a b".into()));
    assert_eq!(fault(URL, "", &["".into()]), ChallengeFault::Scope("".into()));
}

#[test]
fn a37_descriptions_are_rendered_once_and_none_is_missing() {
    let challenges = challenges("a", "");
    for fault in every_token_fault() {
        let text = text(&challenges, &Refusal::Token(fault.clone()), None).unwrap();
        assert!(text.ends_with(&format!("error=\"invalid_token\", error_description=\"{}\"", fault.description())));
        let is_constant = challenges.constant.iter().any(|(_, words, _)| *words == fault.description());
        // A time that is absent or odd is not one that has passed.
        let by_the_issuer_alone = matches!(fault, TokenFault::Time(_))
            || fault.claim().is_some_and(|claim| !matches!(claim, "aud" | "cnf" | "exp" | "iss" | "typ"));
        assert_eq!(is_constant, !by_the_issuer_alone, "{fault:?}");
    }
    for fault in every_presentation_fault() {
        let text = text(&challenges, &Refusal::Presentation(fault), None).unwrap();
        assert!(text.ends_with(&format!("error=\"invalid_request\", error_description=\"{}\"", fault.description())));
    }
}

#[test]
fn a35_a37_a_claim_whose_name_would_mislead_a_client_is_not_named() {
    let challenges = challenges("a", "");
    for (claim, shown) in [
        ("https://acme.example/tenant", "https://acme.example/tenant"),
        ("a\"b", "claim"),
        ("a\\b", "claim"),
        ("é", "claim"),
        ("a\r\nb", "claim"),
        ("scope=", "claim"),
    ] {
        let text = text(&challenges, &Refusal::Token(TokenFault::Required(claim.into())), None).unwrap();
        assert!(text.contains(&format!("its {shown} is absent or has another value")), "{text}");
    }
}

#[test]
fn a52_a_403_repeats_what_is_granted_and_known() {
    let challenges = challenges("", "z mcp:basic a mcp:basic files:read offline_access");
    for (needed, granted, asked) in [
        ("mcp:write", vec!["mcp:basic"], "mcp:write mcp:basic"),
        ("mcp:basic mcp:write", vec!["mcp:basic"], "mcp:basic mcp:write"),
        ("b a", vec!["z", "files:read", "a"], "b a files:read z"),
        ("b", vec!["of:another:server"], "b"),
        //
        ("b", vec!["offline_access"], "b"),
        ("b b", vec![], "b"),
    ] {
        assert_eq!(challenges.asked(&scopes(needed), caller(&granted).scopes()), scopes(asked), "{needed} {granted:?}");
    }
    assert_eq!(challenges.asked(&scopes("b"), &[]), scopes("b"));
}

#[test]
fn a53_the_same_refusal_is_the_same_bytes() {
    let challenges = challenges("", "z y x");
    let refusal = Refusal::Scope { needed: scopes("n m") };
    let first = text(&challenges, &refusal, Some(&caller(&["x", "z", "y"])));
    assert_eq!(first, text(&challenges, &refusal, Some(&caller(&["z", "y", "x"]))));
    assert!(first.is_some());
}

#[test]
fn a10_offline_access_is_not_asked_for_in_passing() {
    assert_eq!(challenges("offline_access a", "").first_scope(), Some("a"));
    assert_eq!(challenges("offline_access", "").first_scope(), None);
}

#[test]
fn people_a11_a_server_with_keys_alone_names_no_document_and_asks_for_no_scope() {
    let challenges = Challenges::without_metadata(&scopes("danger")).unwrap();
    assert_eq!(text(&challenges, &Refusal::NoCredential, None).as_deref(), Some("Bearer realm=\"API key\""));
    assert_eq!(
        text(&challenges, &Refusal::Token(TokenFault::ApiKeyUnknown), None).as_deref(),
        Some("Bearer realm=\"API key\", error=\"invalid_token\", error_description=\"the API key is not known here\"")
    );
    for refusal in every_token_fault().map(Refusal::Token) {
        let challenge = text(&challenges, &refusal, None).unwrap();
        assert!(!challenge.contains("resource_metadata") && !challenge.contains("scope="), "{challenge}");
    }
}
