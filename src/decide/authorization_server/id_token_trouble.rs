//! What is wrong with an ID token of the company IdP, in words for the operator.

use crate::decide::refusal::TokenFault;

/// What was expected of an ID token.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedToken<'a> {
    /// `login.oidc.issuer`.
    pub issuer: &'a str,
    /// `login.oidc.client_id`.
    pub client_id: &'a str,
    /// The gateway's clock, in seconds since 1970.
    pub now_secs: u64,
}

/// What was found, what was expected, and what to do; without any content of the token. `None` for
/// an answer that is not to the gateway's question, which another browser can bring about.
#[must_use]
pub fn in_words(fault: &TokenFault, expected: &ExpectedToken<'_>) -> Option<String> {
    let ExpectedToken { issuer, client_id, now_secs } = expected;
    const KEYS: &str = "look into the jwks_uri of its metadata, or configure login.oidc.jwks";
    const CLOCKS: &str = "set the clocks of the IdP and of the gateway right";
    const FORM: &str = "look into the settings of this client there";
    let (found, advice) = match fault {
        TokenFault::Claims(_) => return None,
        TokenFault::UnknownKey => ("it is signed with a key that is not in the IdP's key set".to_owned(), KEYS),
        TokenFault::Signature => ("its signature is not by the key that it names".to_owned(), KEYS),
        TokenFault::Audience => (
            format!("its aud or azp does not name login.oidc.client_id, which is {client_id}"),
            "check login.oidc.client_id",
        ),
        TokenFault::Issuer => {
            (format!("its iss is not login.oidc.issuer, which is {issuer}"), "check login.oidc.issuer")
        }
        TokenFault::Expired => {
            (format!("its exp is in the past by the clock of the gateway, which says {now_secs}"), CLOCKS)
        }
        TokenFault::NotYetValid => {
            (format!("its iat or nbf is in the future by the clock of the gateway, which says {now_secs}"), CLOCKS)
        }
        TokenFault::Time(_) => ("its exp, iat or nbf is absent or not a time in seconds since 1970".to_owned(), FORM),
        TokenFault::Subject(_) => ("its sub is absent, or not a text of 1 to 255 bytes".to_owned(), FORM),
        TokenFault::Type(_) => ("its header says that it is another kind of token".to_owned(), FORM),
        _ => (
            "it is not a signed JWT of three parts without critical extensions".to_owned(),
            "switch off encryption of ID tokens for this client there",
        ),
    };
    Some(format!("the company IdP sent an ID token that is not valid: {found}: {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_c9_what_is_wrong_with_an_id_token_is_said_in_words() {
        let expected = ExpectedToken { issuer: "https://idp.example", client_id: "gateway", now_secs: 1_800_000_000 };
        for (fault, says) in [
            (TokenFault::UnknownKey, "a key that is not in the IdP's key set: look into the jwks_uri"),
            (TokenFault::Audience, "does not name login.oidc.client_id, which is gateway"),
            (TokenFault::Issuer, "which is https://idp.example"),
            (TokenFault::Expired, "in the past by the clock of the gateway, which says 1800000000"),
            (TokenFault::Subject("sub".into()), "its sub is absent"),
            (TokenFault::Malformed, "not a signed JWT"),
        ] {
            let said = in_words(&fault, &expected).unwrap();
            assert!(said.contains(says), "{said}");
            assert!(!said.contains(&format!("{fault:?}")), "{said}");
        }
        assert_eq!(in_words(&TokenFault::Claims("nonce"), &expected), None);
    }
}
