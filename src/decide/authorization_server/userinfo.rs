//! Reads what the company IdP's userinfo endpoint says about a user (OpenID Connect Core §5.3).

use serde_json::{Map, Value};

use crate::{base::digest::sha256, decide::json::strict};

/// The maximum nesting of the JSON.
const DEPTH_MAX: u32 = 16;

/// Why an answer is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserinfoFault {
    /// Not one unambiguous JSON object.
    Unreadable,
    /// `sub` is absent or not that of the ID token: the claims may be another user's (§5.3.4).
    Subject,
}

/// The claims of the user with this `subject`.
///
/// # Errors
/// [`UserinfoFault`].
pub fn read(body: &[u8], subject: &str) -> Result<Map<String, Value>, UserinfoFault> {
    let claims = strict::object(body, DEPTH_MAX).map_err(|strict::NotStrict| UserinfoFault::Unreadable)?;
    match claims.get("sub") {
        // Digests are compared, so that the time says nothing about the subject.
        Some(Value::String(found)) if sha256(found.as_bytes()) == sha256(subject.as_bytes()) => Ok(claims),
        _ => Err(UserinfoFault::Subject),
    }
}

/// Claims of an ID token, completed and replaced by those of userinfo. Whether an address is
/// verified, which the claims named `vouchers` say, is said by a source of that very address alone.
#[must_use]
pub fn completed(id_token: Map<String, Value>, userinfo: Map<String, Value>, vouchers: &[&str]) -> Map<String, Value> {
    let (mut claims, mut userinfo) = (id_token, userinfo);
    let vouches = vouchers.iter().any(|name| userinfo.contains_key(*name));
    match (claims.get("email"), userinfo.get("email")) {
        (Some(_), None) => userinfo.retain(|name, _| !vouchers.contains(&&**name)),
        (Some(before), Some(now)) if before == now && !vouches => {}
        (_, Some(_)) => claims.retain(|name, _| !vouchers.contains(&&**name)),
        (None, None) => {}
    }
    claims.extend(userinfo);
    claims
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn c6_attack_213_only_the_answer_about_the_same_subject_is_used() {
        assert_eq!(read(br#"{"sub":"ada","groups":["staff"]}"#, "ada").unwrap()["groups"], json!(["staff"]));
        for (body, expected) in [
            (r#"{"sub":"bob","groups":["staff"]}"#, UserinfoFault::Subject),
            (r#"{"sub":"Ada"}"#, UserinfoFault::Subject),
            (r#"{"groups":["staff"]}"#, UserinfoFault::Subject),
            (r#"{"sub":["ada"]}"#, UserinfoFault::Subject),
            (r#"{"sub":null}"#, UserinfoFault::Subject),
            (r#"{"sub":"ada","sub":"bob"}"#, UserinfoFault::Unreadable),
            (r#"[{"sub":"ada"}]"#, UserinfoFault::Unreadable),
            ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", UserinfoFault::Unreadable),
            ("", UserinfoFault::Unreadable),
        ] {
            assert_eq!(read(body.as_bytes(), "ada"), Err(expected), "{body}");
        }
    }

    const VOUCHERS: &[&str] = &["email_verified", "xms_edov"];

    #[test]
    fn login_a10_what_vouches_for_the_address_of_the_id_token_does_not_for_that_of_userinfo() {
        let own = || map(&json!({"email": "eve@x", "xms_edov": true, "email_verified": true}));
        for (userinfo, expected) in [
            (json!({"email": "ceo@x"}), json!({"email": "ceo@x"})),
            (json!({"email": "ceo@x", "xms_edov": false}), json!({"email": "ceo@x", "xms_edov": false})),
            (json!({"email": "eve@x", "xms_edov": false}), json!({"email": "eve@x", "xms_edov": false})),
            (json!({"xms_edov": false}), json!({"email": "eve@x", "xms_edov": true, "email_verified": true})),
            (json!({"email": "eve@x"}), json!({"email": "eve@x", "xms_edov": true, "email_verified": true})),
        ] {
            assert_eq!(Value::Object(completed(own(), map(&userinfo), VOUCHERS)), expected, "{userinfo}");
        }
        let none = map(&json!({"xms_edov": true}));
        assert_eq!(
            Value::Object(completed(none, map(&json!({"email": "ceo@x"})), VOUCHERS)),
            json!({"email": "ceo@x"})
        );
    }

    #[test]
    fn c4_an_address_is_verified_by_its_own_source_alone() {
        let verified = || map(&json!({"email": "a@x", "email_verified": true, "groups": ["old"], "roles": ["r"]}));
        for (userinfo, expected) in [
            (json!({"groups": []}), json!({"email": "a@x", "email_verified": true, "groups": [], "roles": ["r"]})),
            (json!({"email": "b@x"}), json!({"email": "b@x", "groups": ["old"], "roles": ["r"]})),
            (
                json!({"email": "a@x"}),
                json!({"email": "a@x", "email_verified": true, "groups": ["old"], "roles": ["r"]}),
            ),
            (
                json!({"email": "b@x", "email_verified": false}),
                json!({"email": "b@x", "email_verified": false, "groups": ["old"], "roles": ["r"]}),
            ),
        ] {
            assert_eq!(Value::Object(completed(verified(), map(&userinfo), VOUCHERS)), expected, "{userinfo}");
        }
        let unsaid = map(&json!({"email": "a@x"}));
        assert_eq!(
            Value::Object(completed(unsaid, map(&json!({"email_verified": true})), VOUCHERS)),
            json!({"email": "a@x"})
        );
        let neither = completed(Map::new(), map(&json!({"email": "b@x", "email_verified": true})), VOUCHERS);
        assert_eq!(Value::Object(neither), json!({"email": "b@x", "email_verified": true}));
    }
}
