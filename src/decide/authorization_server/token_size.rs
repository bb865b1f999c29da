//! Decides whether an access token is too large for its servers, and names the claim.

use serde_json::{Map, Value};

use crate::decide::authorization_server::error::{Code, OAuthError};

/// Bytes of a signed token besides its claims: the header (`ES256`, a key id that is a digest), the
/// signature, and two dots.
const AROUND_CLAIMS: usize = 104 + 86 + 2;

/// A token that no server of this gateway accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTooLarge {
    /// Its bytes.
    pub bytes: usize,
    /// What the servers accept.
    pub most: usize,
    /// The claim that takes most of it.
    pub claim: String,
    /// The bytes of that claim's value as JSON.
    pub claim_bytes: usize,
}

/// Checks the length of a signed token with these claims. `most` is what each of its servers
/// accepts.
///
/// # Errors
/// [`TokenTooLarge`].
pub fn check(bytes: usize, most: usize, claims: &Map<String, Value>) -> Result<(), TokenTooLarge> {
    if bytes <= most {
        return Ok(());
    }
    let sizes = claims.iter().map(|(name, value)| (value.to_string().len(), name));
    let (claim_bytes, claim) = sizes.max().map_or((0, String::new()), |(size, name)| (size, name.clone()));
    Err(TokenTooLarge { bytes, most, claim, claim_bytes })
}

/// The most bytes that a signed token with these claims can have.
#[must_use]
pub fn signed_bytes(claims: &Map<String, Value>) -> usize {
    // Base64 makes four characters of three bytes.
    let json = serde_json::to_string(claims).map_or(0, |json| json.len());
    json.saturating_mul(4).div_ceil(3).saturating_add(AROUND_CLAIMS)
}

impl From<TokenTooLarge> for OAuthError {
    fn from(large: TokenTooLarge) -> Self {
        let TokenTooLarge { bytes, most, claim, claim_bytes } = large;
        // RFC 6749 §5.2 allows no other characters.
        let claim: String = claim.chars().filter(|c| matches!(c, '!' | '#'..='[' | ']'..='~')).take(64).collect();
        Code::ServerError.because(format!(
            "the access token would have {bytes} bytes and the servers accept {most}; its largest claim is {claim} with {claim_bytes} bytes; the operator must shorten it or remove it from token_claims"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::limits::tokens::TOKEN_BYTES;

    fn claims(groups: usize) -> Map<String, Value> {
        let groups: Vec<String> = (0..groups).map(|n| format!("department-{n:04}")).collect();
        let Value::Object(claims) = json!({"sub": "ada", "aud": "https://gw.example/echo", "groups": groups}) else {
            panic!("claims")
        };
        claims
    }

    #[test]
    fn a8_a_token_that_is_too_large_names_its_largest_claim() {
        assert_eq!(check(TOKEN_BYTES, TOKEN_BYTES, &claims(1)), Ok(()));
        let large = check(TOKEN_BYTES + 1, TOKEN_BYTES, &claims(400)).unwrap_err();
        assert_eq!((large.bytes, large.most, &*large.claim), (TOKEN_BYTES + 1, TOKEN_BYTES, "groups"));
        let error = OAuthError::from(large);
        assert_eq!(error.code, Code::ServerError);
        assert!(error.description.contains("its largest claim is groups with"), "{}", error.description);
        let odd = TokenTooLarge { bytes: 9_000, most: 8_192, claim: "a\"\\\n b".into(), claim_bytes: 1 };
        assert!(OAuthError::from(odd).description.contains("is ab with 1 bytes"));
    }

    #[test]
    fn a8_the_length_is_known_before_the_token_is_signed() {
        assert!(signed_bytes(&claims(300)) > 7_000);
        assert!(signed_bytes(&claims(0)) < 400);
    }
}
