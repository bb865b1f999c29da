//! Verifies a client's JWT assertion about itself (RFC 7523 §3, SPEC E-24).

use std::time::Duration;

use serde_json::Value;

use crate::{
    base::{clock::Now, limits::authorization_server::ASSERTION_AGE_MAX},
    decide::token::{jwk::KeySet, jwt::UnverifiedJwt, times::check_times, token_type::short},
};

/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(30);
/// The longest `jti`.
const ID_BYTES_MAX: usize = 256;
/// Accepted values of the header's `typ`: an access token or an ID token that a client holds must
/// not pass as an assertion.
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// A verified assertion. It may be used once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `jti`.
    pub id: Box<str>,
    /// When the assertion expires, since 1970. Its `jti` is remembered until then.
    pub until: Duration,
}

/// Why an assertion is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionFault {
    /// No known key of the client verifies the signature. A newer key might.
    Signature,
    /// Another type of JWT.
    Type,
    /// `iss` or `sub` is not the client.
    Client,
    /// `aud` is not exactly one of the accepted audiences.
    Audience,
    /// `exp` is missing, past, or too far in the future; or the assertion is not valid yet.
    Time,
    /// No `jti` to remember.
    Id,
}

/// Verifies that `client` made `token` for one of `audiences`.
///
/// The audience must be a single string: if it were a list, an assertion for another authorization
/// server could be used here.
///
/// # Errors
/// [`AssertionFault`].
pub fn verify(
    token: &UnverifiedJwt<'_>,
    client: &str,
    audiences: &[&str],
    keys: &KeySet,
    now: Now,
) -> Result<Assertion, AssertionFault> {
    token.check_signature(keys).map_err(|_| AssertionFault::Signature)?;
    if !TYPES.contains(&&*short(token.typ().unwrap_or("jwt"))) {
        return Err(AssertionFault::Type);
    }
    let text = |name: &str| token.claims().get(name).and_then(Value::as_str);
    if token.issuer() != client || text("sub") != Some(client) {
        return Err(AssertionFault::Client);
    }
    if !text("aud").is_some_and(|audience| audiences.contains(&audience)) {
        return Err(AssertionFault::Audience);
    }
    let expires = check_times(token.claims(), SKEW, now).map_err(|_| AssertionFault::Time)?;
    let until = expires.saturating_add(SKEW);
    if until > now.wall.saturating_add(ASSERTION_AGE_MAX).saturating_add(SKEW).saturating_add(SKEW) {
        return Err(AssertionFault::Time);
    }
    match text("jti") {
        Some(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(Assertion { id: id.into(), until }),
        _ => Err(AssertionFault::Id),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::token::testing::{FOREIGN_KEY, NOW_SECS, P256, RSA, TestKey, key_set, now, with};

    const AUDIENCES: [&str; 2] = ["https://gw.example/oauth", "https://gw.example/oauth/token"];

    fn verdict(key: &TestKey, algorithm: &str, header: &Value, changes: &Value) -> Result<Assertion, AssertionFault> {
        let claims = json!({
            "iss": "robot", "sub": "robot", "aud": AUDIENCES[0], "jti": "1", "iat": NOW_SECS, "exp": NOW_SECS + 60,
        });
        let header = if header.get("typ").is_some() { header.clone() } else { with(header, &json!({"typ": "JWT"})) };
        let token = key.token(algorithm, &header, &with(&claims, changes));
        verify(&UnverifiedJwt::read(&token).unwrap(), "robot", &AUDIENCES, &key_set(), now())
    }

    #[test]
    fn e24_a_clients_assertion_is_its_own_for_us_and_now() {
        use AssertionFault as F;
        let cases = [
            ("as it should be", json!({}), json!({}), None),
            ("to the token endpoint", json!({}), json!({"aud": AUDIENCES[1]}), None),
            ("no typ", json!({"typ": null}), json!({}), None),
            ("its own typ", json!({"typ": "client-authentication+jwt"}), json!({}), None),
            ("just expired", json!({}), json!({"exp": NOW_SECS - 29}), None),
            ("as long as may be", json!({}), json!({"exp": NOW_SECS + 300}), None),
            ("an access token", json!({"typ": "at+jwt"}), json!({}), Some(F::Type)),
            ("a DPoP proof", json!({"typ": "dpop+jwt"}), json!({}), Some(F::Type)),
            ("another issuer", json!({}), json!({"iss": "other"}), Some(F::Client)),
            ("another subject", json!({}), json!({"sub": "other"}), Some(F::Client)),
            ("no subject", json!({}), json!({"sub": null}), Some(F::Client)),
            ("another audience", json!({}), json!({"aud": "https://as.example"}), Some(F::Audience)),
            ("a longer audience", json!({}), json!({"aud": format!("{}/", AUDIENCES[0])}), Some(F::Audience)),
            ("a list with us in it", json!({}), json!({"aud": [AUDIENCES[0]]}), Some(F::Audience)),
            ("no audience", json!({}), json!({"aud": null}), Some(F::Audience)),
            ("expired", json!({}), json!({"exp": NOW_SECS - 30}), Some(F::Time)),
            ("too far ahead", json!({}), json!({"exp": NOW_SECS + 331}), Some(F::Time)),
            ("for ever", json!({}), json!({"exp": 1e300}), Some(F::Time)),
            ("no end", json!({}), json!({"exp": null}), Some(F::Time)),
            ("an end in words", json!({}), json!({"exp": "tomorrow"}), Some(F::Time)),
            ("from later on", json!({}), json!({"nbf": NOW_SECS + 31}), Some(F::Time)),
            ("made later", json!({}), json!({"iat": NOW_SECS + 31}), Some(F::Time)),
            ("no id", json!({}), json!({"jti": null}), Some(F::Id)),
            ("an empty id", json!({}), json!({"jti": ""}), Some(F::Id)),
            ("an id that is too long", json!({}), json!({"jti": "x".repeat(257)}), Some(F::Id)),
        ];
        for (case, header, claims, fault) in cases {
            assert_eq!(verdict(&P256, "ES256", &header, &claims).err(), fault, "{case}");
        }
        let good = verdict(&RSA, "RS256", &json!({}), &json!({})).unwrap();
        assert_eq!(good, Assertion { id: "1".into(), until: Duration::from_secs(NOW_SECS + 90) });
    }

    #[test]
    fn e24_a_key_of_another_client_is_refused() {
        let kid = json!({"kid": P256.kid});
        assert_eq!(verdict(&FOREIGN_KEY, "ES256", &json!({}), &json!({})), Err(AssertionFault::Signature));
        assert_eq!(verdict(&FOREIGN_KEY, "ES256", &kid, &json!({})), Err(AssertionFault::Signature));
        // A client without the key learns nothing about its claims.
        assert_eq!(verdict(&FOREIGN_KEY, "ES256", &kid, &json!({"iss": "other"})), Err(AssertionFault::Signature));
    }
}
