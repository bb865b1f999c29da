//! What must hold for the answers of servers that `doctor` examines, and for a token that it only reads.

use portcullis::decide::{
    mcp::answer::answer_of,
    resource_server::challenge_reader::{self, ReadChallenge},
    token::{jwt::UnverifiedJwt, told_claims::ToldClaims},
};

/// Schemes are tokens, parameters follow a scheme, and what is written anew reads the same. Input: a field.
pub(crate) fn challenge_field(input: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(input) else { return false };
    let Ok(read) = challenge_reader::read(line) else { return false };
    for challenge in &read {
        assert!(!challenge.scheme.is_empty() && challenge.scheme.is_ascii(), "{challenge:?}");
        assert!(challenge.parameters.iter().all(|one| one.name == one.name.to_ascii_lowercase()), "{challenge:?}");
    }
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let written: Vec<String> = (read.iter())
        .map(|ReadChallenge { scheme, parameters }| {
            let all: Vec<String> = parameters.iter().map(|of| format!("{}={}", of.name, quoted(&of.value))).collect();
            format!("{scheme} {}", all.join(", "))
        })
        .collect();
    let again = challenge_reader::read(&written.join(", ")).expect("what was read can be written");
    let values = |all: &[ReadChallenge]| -> Vec<(String, Vec<(String, String)>)> {
        let parameters =
            |of: &ReadChallenge| of.parameters.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
        all.iter().map(|of| (of.scheme.clone(), parameters(of))).collect()
    };
    assert_eq!(values(&again), values(&read));
    !read.is_empty()
}

/// An answer has the id that was asked, and a result or an error. Input: a type, an empty line, a body.
pub(crate) fn answer_of(input: &[u8]) -> bool {
    let (kind, body) = super::parts(input);
    let Some(answer) = answer_of::answer_of(kind, body, 1) else { return false };
    assert!(answer["id"] == 1 || answer["id"] == "1", "{answer}");
    assert!(answer.get("result").is_some() || answer.get("error").is_some(), "{answer}");
    true
}

/// What the gateway reads as a JWT tells its claims, and the issuer is the same. Input: a token.
pub(crate) fn told_claims(input: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(input) else { return false };
    let told = ToldClaims::read(token);
    if let Ok(jwt) = UnverifiedJwt::read(token) {
        let told = told.as_ref().expect("a JWT tells its claims");
        assert_eq!(told.text("iss"), Some(jwt.issuer()));
    }
    told.is_some()
}
