//! Verifies an ID token of the upstream IdP (OpenID Connect Core §3.1.3.7).

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::{
    base::{clock::Now, limits::tokens::CLOCK_SKEW_MAX, names::Issuer},
    decide::{
        refusal::{NotAccess, TokenFault},
        token::{
            jwk::KeySet,
            jwt::UnverifiedJwt,
            rules::SUBJECT,
            times::{check_times, time},
            token_type::short,
        },
    },
};

/// The longest subject (OpenID Connect Core §2).
const SUBJECT_BYTES_MAX: usize = 255;
/// Header types of JWTs that are not ID tokens.
const NOT_ID_TOKENS: [&str; 4] = ["at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt"];

/// What the claims of an ID token are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`.
    pub issuer: &'a Issuer,
    /// The gateway's client id at the IdP: in `aud`, and in `azp` if present.
    pub client_id: &'a str,
    /// `nonce` of the request; `None` for a refresh (OpenID Connect Core §12.2).
    pub nonce: Option<&'a str>,
    /// Algorithms that the IdP may use.
    pub algorithms: &'a [Algorithm],
    /// How far clocks may be apart.
    pub clock_skew: Duration,
}

/// Verifies an ID token and returns its claims. [`TokenFault::UnknownKey`] means that a newer key
/// might verify it.
///
/// # Errors
/// [`TokenFault`].
pub fn verify<'t>(
    token: &'t UnverifiedJwt<'_>,
    expected: &Expected<'_>,
    keys: &KeySet,
    now: Now,
) -> Result<&'t Map<String, Value>, TokenFault> {
    if token.issuer() != expected.issuer.as_str() {
        return Err(TokenFault::Issuer);
    }
    if token.typ().is_some_and(|typ| NOT_ID_TOKENS.contains(&&*short(typ))) {
        return Err(TokenFault::Type(NotAccess::Header));
    }
    let claims = token.signed(expected.algorithms, keys)?;
    check_audience(claims, expected.client_id)?;
    check_times(claims, expected.clock_skew.min(CLOCK_SKEW_MAX), now)?;
    if !claims.contains_key("iat") {
        return Err(TokenFault::Time("iat"));
    }
    if let Some(nonce) = expected.nonce {
        let given = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
        verify_slices_are_equal(given.as_bytes(), nonce.as_bytes()).map_err(|_| TokenFault::Claims("nonce"))?;
    }
    match claims.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() && subject.len() <= SUBJECT_BYTES_MAX => Ok(claims),
        _ => Err(TokenFault::Subject(SUBJECT.into())),
    }
}

/// When a user signed in, against `max_age` of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInTime {
    /// Late enough.
    Recent,
    /// Too long ago: the IdP has not heeded `max_age`.
    TooLongAgo,
    /// The IdP does not say. It must (OpenID Connect Core §2), but large ones do so only if they
    /// are set up for it.
    Unsaid,
}

/// Compares `auth_time` in the claims of a verified ID token with the earliest time that `max_age`
/// allows (OpenID Connect Core §3.1.3.7, number 12).
///
/// # Errors
/// [`TokenFault`] if `auth_time` is not a time, or in the future. Milliseconds would pass any
/// comparison.
pub fn sign_in_time(
    claims: &Map<String, Value>,
    earliest: Duration,
    clock_skew: Duration,
    now: Now,
) -> Result<SignInTime, TokenFault> {
    let skew = clock_skew.min(CLOCK_SKEW_MAX);
    let Some(value) = claims.get("auth_time").filter(|value| !value.is_null()) else { return Ok(SignInTime::Unsaid) };
    let signed_in = time(value).ok_or(TokenFault::Time("auth_time"))?;
    if signed_in > now.wall.saturating_add(skew) {
        return Err(TokenFault::NotYetValid);
    }
    let is_recent = signed_in.saturating_add(skew) >= earliest;
    Ok(if is_recent { SignInTime::Recent } else { SignInTime::TooLongAgo })
}

/// `aud` contains the gateway's client id, and `azp` does not name another client.
fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), TokenFault> {
    let is_us = |value: &Value| value.as_str() == Some(client_id);
    let (is_ours, are_several) = match claims.get("aud") {
        Some(Value::Array(all)) => (all.iter().any(is_us), all.len() > 1),
        Some(one) => (is_us(one), false),
        None => (false, false),
    };
    let is_meant = match claims.get("azp") {
        Some(azp) => is_us(azp),
        None => !are_several,
    };
    if is_ours && is_meant { Ok(()) } else { Err(TokenFault::Audience) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::token::testing::{FOREIGN_KEY, ISSUER, NOW_SECS, P256, RSA, key_set, now, rules, with};

    fn good() -> Value {
        json!({"iss": ISSUER, "sub": "ada", "aud": "us", "iat": NOW_SECS - 5, "exp": NOW_SECS + 300, "nonce": "n-1"})
    }

    fn judged(token: &str) -> Result<(), TokenFault> {
        let issuer = Issuer::from(ISSUER);
        let rules = rules();
        let expected = Expected {
            issuer: &issuer,
            client_id: "us",
            nonce: Some("n-1"),
            algorithms: &rules.algorithms,
            clock_skew: rules.clock_skew,
        };
        let unverified = UnverifiedJwt::read_id_token(token).map_err(|_| TokenFault::Malformed)?;
        verify(&unverified, &expected, &key_set(), now()).map(|_| ())
    }

    #[test]
    fn e43_an_id_token_is_the_idps_for_us_for_this_question_and_of_now() {
        let cases: &[(Value, Value, Result<(), TokenFault>)] = &[
            (json!({"typ": null}), json!({}), Ok(())),
            (json!({"typ": "JWT"}), json!({}), Ok(())),
            (json!({"typ": "at+jwt"}), json!({}), Err(TokenFault::Type(NotAccess::Header))),
            (json!({"typ": "application/Logout+JWT"}), json!({}), Err(TokenFault::Type(NotAccess::Header))),
            (json!({"typ": "JWT"}), json!({"aud": ["us"]}), Ok(())),
            (json!({"typ": "JWT"}), json!({"aud": ["us", "them"]}), Err(TokenFault::Audience)),
            (json!({"typ": "JWT"}), json!({"aud": ["us", "them"], "azp": "us"}), Ok(())),
            (json!({"typ": "JWT"}), json!({"aud": ["us", "them"], "azp": "them"}), Err(TokenFault::Audience)),
            (json!({"typ": "JWT"}), json!({"azp": "them"}), Err(TokenFault::Audience)),
            (json!({"typ": "JWT"}), json!({"aud": "them"}), Err(TokenFault::Audience)),
            (json!({"typ": "JWT"}), json!({"aud": null}), Err(TokenFault::Audience)),
            (json!({"typ": "JWT"}), json!({"iss": "https://other.example"}), Err(TokenFault::Issuer)),
            (json!({"typ": "JWT"}), json!({"nonce": "n-2"}), Err(TokenFault::Claims("nonce"))),
            (json!({"typ": "JWT"}), json!({"nonce": null}), Err(TokenFault::Claims("nonce"))),
            (json!({"typ": "JWT"}), json!({"exp": NOW_SECS - 31}), Err(TokenFault::Expired)),
            (json!({"typ": "JWT"}), json!({"exp": null}), Err(TokenFault::Time("exp"))),
            (json!({"typ": "JWT"}), json!({"iat": null}), Err(TokenFault::Time("iat"))),
            (json!({"typ": "JWT"}), json!({"iat": NOW_SECS + 31}), Err(TokenFault::NotYetValid)),
            (json!({"typ": "JWT"}), json!({"sub": ""}), Err(TokenFault::Subject("sub".into()))),
            (json!({"typ": "JWT"}), json!({"sub": "x".repeat(256)}), Err(TokenFault::Subject("sub".into()))),
        ];
        for (header, claims, expected) in cases {
            let token = P256.token("ES256", header, &with(&good(), claims));
            assert_eq!(judged(&token), *expected, "{header} {claims}");
        }
    }

    #[test]
    fn login_a8_an_id_token_with_300_groups_is_read_and_the_bound_is_its_own() {
        let groups: Vec<String> =
            (0..300).map(|n| format!("CN=department-{n:04},OU=groups,OU=company,DC=corp,DC=example")).collect();
        let token = P256.token("ES256", &json!({"typ": "JWT"}), &with(&good(), &json!({"groups": groups})));
        assert!(token.len() > 16 * 1024, "{}", token.len());
        assert_eq!(judged(&token), Ok(()));
        let long =
            P256.token("ES256", &json!({"typ": "JWT"}), &with(&good(), &json!({"groups": "x".repeat(64 * 1024)})));
        assert_eq!(UnverifiedJwt::read_id_token(&long).map(drop), Err(TokenFault::Oversize));
    }

    #[test]
    fn login_c4_max_age_is_compared_with_auth_time_if_the_idp_sends_it() {
        let earliest = NOW_SECS - 60;
        for (auth_time, expected) in [
            (json!(NOW_SECS), Ok(SignInTime::Recent)),
            (json!(earliest), Ok(SignInTime::Recent)),
            (json!(earliest - 30), Ok(SignInTime::Recent)),
            (json!(f64::from(u32::try_from(earliest).unwrap()) - 29.5), Ok(SignInTime::Recent)),
            (json!(earliest - 31), Ok(SignInTime::TooLongAgo)),
            (json!(0), Ok(SignInTime::TooLongAgo)),
            (json!(NOW_SECS + 30), Ok(SignInTime::Recent)),
            (json!(NOW_SECS + 31), Err(TokenFault::NotYetValid)),
            (json!(NOW_SECS * 1000), Err(TokenFault::NotYetValid)),
            (json!(NOW_SECS.to_string()), Err(TokenFault::Time("auth_time"))),
            (json!(null), Ok(SignInTime::Unsaid)),
            (json!(-1), Err(TokenFault::Time("auth_time"))),
            (json!(1e300), Err(TokenFault::Time("auth_time"))),
        ] {
            let claims = json!({"auth_time": auth_time});
            let (earliest, skew) = (Duration::from_secs(earliest), Duration::from_secs(30));
            let found = sign_in_time(claims.as_object().unwrap(), earliest, skew, now());
            assert_eq!(found, expected, "{auth_time}");
        }
        let unsaid = sign_in_time(&Map::new(), Duration::from_secs(NOW_SECS), Duration::ZERO, now());
        assert_eq!(unsaid, Ok(SignInTime::Unsaid));
    }

    #[test]
    fn e43_a_signature_that_is_absent_or_made_with_another_key_is_refused() {
        let header = json!({"typ": "JWT"});
        assert_eq!(judged(&RSA.token("RS256", &header, &good())), Ok(()));
        assert_eq!(judged(&P256.token("none", &header, &good())), Err(TokenFault::Malformed));
        assert_eq!(judged(&P256.token("HS256", &header, &good())), Err(TokenFault::Malformed));
        assert_eq!(judged(&FOREIGN_KEY.token("RS256", &header, &good())), Err(TokenFault::UnknownKey));
        let token = P256.token("ES256", &header, &good());
        let (signed, _) = token.rsplit_once('.').unwrap();
        let other = P256.token("ES256", &header, &with(&good(), &json!({"sub": "eve"})));
        let (_, signature) = other.rsplit_once('.').unwrap();
        assert_eq!(judged(&format!("{signed}.{signature}")), Err(TokenFault::Signature));
    }
}
