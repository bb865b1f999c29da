//! Whether the address in the claim `email` counts: not if the issuer says that it is unverified.

use serde_json::{Map, Value};

use crate::decide::json::pointer;

/// The claim that says whether `email` is verified (OpenID Connect Core §5.1).
pub const VERIFIED: &str = "email_verified";

/// What to do about an address that does not count.
pub const ADVICE: &str = "the user must verify their address at the issuer, because another user could have typed it; or, if the issuer \
     has its addresses from a directory that it trusts, have it call them verified (Keycloak: Trust Email); or name \
     another claim than email";

/// Entra's claim that says whether the owner of the domain has verified the address.
const VERIFIED_BY_ENTRA: &str = "xms_edov";

/// Whether the claim `name` of a token may be looked at. `email` may not if the token itself says
/// that the address is not verified: at many issuers, users type any address (attack 297). An
/// issuer that says nothing is believed.
#[must_use]
pub fn may_count(claims: &Map<String, Value>, name: &str) -> bool {
    pointer::root(name) != "email"
        || (has_verified_email(claims, true) && claims.get(VERIFIED_BY_ENTRA).and_then(says_verified) != Some(false))
}

/// Whether the address in `email` counts: the issuer says that it is verified, or says nothing and
/// `trusts_unsaid`. An address that the issuer calls unverified never counts.
#[must_use]
pub fn has_verified_email(claims: &Map<String, Value>, trusts_unsaid: bool) -> bool {
    claims.get(VERIFIED).and_then(says_verified).unwrap_or(trusts_unsaid)
}

/// What a claim says about the address: issuers write `true`, `1`, or their text. `null` says
/// nothing.
#[must_use]
pub fn says_verified(claim: &Value) -> Option<bool> {
    Some(match claim {
        Value::Null => return None,
        Value::Bool(is_verified) => *is_verified,
        Value::String(text) => matches!(&**text, "true" | "True" | "1"),
        Value::Number(number) => number.as_u64() == Some(1),
        Value::Array(_) | Value::Object(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_a5_attack_297_an_address_that_is_not_verified_does_not_count() {
        for (claims, counts) in [
            (json!({}), true),
            (json!({"email_verified": true}), true),
            (json!({"email_verified": "true"}), true),
            (json!({"email_verified": null}), true),
            (json!({"email_verified": false}), false),
            (json!({"email_verified": "false"}), false),
            (json!({"email_verified": "True"}), true),
            (json!({"email_verified": "TRUE"}), false),
            (json!({"email_verified": "1"}), true),
            (json!({"email_verified": 1}), true),
            (json!({"email_verified": "0"}), false),
            (json!({"email_verified": ""}), false),
            (json!({"email_verified": 0}), false),
            (json!({"email_verified": 2}), false),
            (json!({"xms_edov": null}), true),
            (json!({"xms_edov": "True"}), true),
            (json!({"email_verified": "True", "xms_edov": "False"}), false),
            (json!({"email_verified": [true]}), false),
            (json!({"xms_edov": true}), true),
            (json!({"xms_edov": "1"}), true),
            (json!({"xms_edov": 1}), true),
            (json!({"xms_edov": false}), false),
            (json!({"xms_edov": "0"}), false),
            (json!({"xms_edov": 0}), false),
            (json!({"xms_edov": {}}), false),
            (json!({"email_verified": true, "xms_edov": false}), false),
        ] {
            let claims = claims.as_object().unwrap();
            for name in ["email", "/email", "/email/0"] {
                assert_eq!(may_count(claims, name), counts, "{name} {claims:?}");
            }
            for name in ["emails", "/e~1mail", "email_verified", "sub"] {
                assert!(may_count(claims, name), "{name} {claims:?}");
            }
        }
    }
}
