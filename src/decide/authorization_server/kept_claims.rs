//! Which claims of a user are kept for the time between two answers of the company IdP.
//!
//! A user may have hundreds of groups, and the store has room for 64 KiB in one value. While the
//! claims are short, all are kept: after a reload, `grants` may name another one. Of long claims
//! only those are kept that `grants` or `token_claims` name, and those about the address; a claim
//! that is named later counts after the next refresh.

use serde_json::{Map, Value};

use crate::{
    base::limits::authorization_server::{ALL_CLAIMS_BYTES_MAX, KEPT_CLAIMS_BYTES_MAX},
    decide::json::pointer,
};

/// Claims without which an address says nothing.
const ABOUT_ADDRESSES: [&str; 2] = ["email", "email_verified"];

/// Claims that are too large to be kept, although only those that count were counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsTooLarge {
    /// Their bytes as JSON.
    pub bytes: usize,
    /// The claim that takes most of it.
    pub claim: String,
    /// The bytes of that claim's value as JSON.
    pub claim_bytes: usize,
}

/// The claims that are kept of `claims`. `named`: those of `grants` and `token_claims`.
///
/// # Errors
/// [`ClaimsTooLarge`].
pub fn keep(claims: Map<String, Value>, named: &[Box<str>]) -> Result<Map<String, Value>, ClaimsTooLarge> {
    if json_bytes(&claims) <= ALL_CLAIMS_BYTES_MAX {
        return Ok(claims);
    }
    let counts = |name: &str| named.iter().any(|one| pointer::root(one) == name) || ABOUT_ADDRESSES.contains(&name);
    let kept: Map<String, Value> = claims.into_iter().filter(|(name, _)| counts(name)).collect();
    let bytes = json_bytes(&kept);
    if bytes <= KEPT_CLAIMS_BYTES_MAX {
        return Ok(kept);
    }
    let sizes = kept.iter().map(|(name, value)| (value.to_string().len(), name));
    let (claim_bytes, claim) = sizes.max().map_or((0, String::new()), |(size, name)| (size, name.clone()));
    Err(ClaimsTooLarge { bytes, claim, claim_bytes })
}

/// The bytes of claims as JSON.
#[must_use]
pub fn json_bytes(claims: &Map<String, Value>) -> usize {
    serde_json::to_string(claims).map_or(usize::MAX, |json| json.len())
}

impl ClaimsTooLarge {
    /// What was found, and what to do. The configuration names the claim, so its name may be shown;
    /// RFC 6749 §5.2 allows no other characters.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { bytes, claim, claim_bytes } = self;
        let claim: String = claim.chars().filter(|c| matches!(c, '!' | '#'..='[' | ']'..='~')).take(64).collect();
        format!(
            "the claims of this user have {bytes} bytes, and at most {KEPT_CLAIMS_BYTES_MAX} can be kept; the largest is {claim} with {claim_bytes} bytes: the administrator must have the identity provider send fewer values in it"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(groups: usize, roles: usize) -> Map<String, Value> {
        let list = |count: usize| {
            (0..count).map(|n| format!("CN=department-{n:05},OU=groups,DC=corp,DC=example")).collect::<Vec<_>>()
        };
        let claims =
            json!({"email": "ada@corp.example", "email_verified": true, "groups": list(groups), "roles": list(roles)});
        claims.as_object().unwrap().clone()
    }

    fn kept(groups: usize, roles: usize, named: &[&str]) -> Result<Vec<String>, ClaimsTooLarge> {
        let named: Vec<Box<str>> = named.iter().map(|name| Box::from(*name)).collect();
        keep(claims(groups, roles), &named).map(|kept| kept.keys().cloned().collect())
    }

    #[test]
    fn login_a8_all_claims_are_kept_while_they_are_short_and_then_those_that_count() {
        let all = ["email", "email_verified", "groups", "roles"];
        assert_eq!(kept(10, 10, &[]).unwrap(), all);
        assert_eq!(kept(400, 10, &["groups"]).unwrap(), ["email", "email_verified", "groups"]);
        assert_eq!(kept(300, 900, &["groups", "department"]).unwrap(), ["email", "email_verified", "groups"]);
        assert_eq!(kept(400, 10, &["department"]).unwrap(), ["email", "email_verified"]);
    }

    #[test]
    fn login_a8_claims_that_are_too_large_to_keep_name_the_largest() {
        let large = kept(20, 900, &["groups", "roles"]).unwrap_err();
        assert_eq!((&*large.claim, large.bytes > KEPT_CLAIMS_BYTES_MAX), ("roles", true));
        let said = large.in_words();
        assert!(said.contains("the largest is roles with") && said.contains("the administrator must"), "{said}");
        assert!(kept(20, 900, &["groups"]).is_ok());
    }
}
