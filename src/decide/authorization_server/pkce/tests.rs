//! Challenges that are accepted, and verifiers that match them.

use super::Challenge;
use crate::decide::authorization_server::error::Code;

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[test]
fn e11_every_request_has_an_s256_challenge() {
    assert_eq!(Challenge::read(Some(CHALLENGE), Some("S256")).unwrap().as_str(), CHALLENGE);
    let (long, padded) = (format!("{CHALLENGE}A"), format!("{CHALLENGE}="));
    let short = CHALLENGE.trim_end_matches('M');
    for (challenge, method) in [
        (None, None),
        (None, Some("S256")),
        (Some(CHALLENGE), None),
        (Some(CHALLENGE), Some("plain")),
        (Some(CHALLENGE), Some("s256")),
        (Some(CHALLENGE), Some("S256 ")),
        (Some(CHALLENGE), Some("S512")),
        (Some(VERIFIER), Some("plain")),
        (Some(""), Some("S256")),
        (Some(short), Some("S256")),
        (Some(&long), Some("S256")),
        (Some(&padded), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw cM"), Some("S256")),
        // The last character has bits that no SHA-256 has.
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"), Some("S256")),
    ] {
        let refused = Challenge::read(challenge, method).unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{challenge:?} {method:?}");
    }
}

#[test]
fn e21_attack_160_only_its_verifier_meets_a_challenge() {
    let challenge = Challenge::read(Some(CHALLENGE), Some("S256")).unwrap();
    assert_eq!(challenge, Challenge::of(VERIFIER));
    assert_eq!(challenge.verify(Some(VERIFIER)), Ok(()));
    let (other, short) = (VERIFIER.replace('d', "D"), VERIFIER.trim_end_matches('k'));
    for verifier in [None, Some(""), Some(CHALLENGE), Some(&*other), Some(short)] {
        assert_eq!(challenge.verify(verifier).unwrap_err().code, Code::InvalidGrant, "{verifier:?}");
    }
}

#[test]
fn e21_verifiers_have_a_length_and_an_alphabet() {
    for (verifier, good) in [
        ("a".repeat(42), false),
        ("a".repeat(43), true),
        ("a".repeat(128), true),
        ("a".repeat(129), false),
        (format!("{}-._~", "A".repeat(40)), true),
        (format!("{}+", "A".repeat(43)), false),
        (format!("{} ", "A".repeat(43)), false),
        (format!("{}é", "A".repeat(43)), false),
    ] {
        assert_eq!(Challenge::of(&verifier).verify(Some(&verifier)).is_ok(), good, "{verifier}");
    }
}
