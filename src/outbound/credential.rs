//! Adds the upstream's credential and the identity headers to a request.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use serde_json::Value;

use crate::{
    base::percent::extended_value,
    decide::{json::pointer, policy::email, token::caller::Caller},
};

/// The credential that the upstream gets instead of the caller's token (P4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// No credential.
    Strip,
    /// A fixed header; the value is marked sensitive, so that it does not print.
    Header(HeaderName, HeaderValue),
    /// The caller's own token: dangerous, and only right if gateway and upstream are one resource.
    Forward,
}

/// One identity header: the value of a claim, in a field that is always removed from client
/// requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeader {
    /// The header.
    pub name: HeaderName,
    /// The claim, as [`pointer::find`] reads it.
    pub claim: Box<str>,
}

impl Credential {
    /// Adds the credential to header fields without the caller's credential. `presented` is the
    /// caller's field value.
    pub fn add_to(&self, headers: &mut HeaderMap, presented: Option<HeaderValue>) {
        match self {
            Self::Strip => {}
            Self::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Self::Forward => {
                if let Some(mut value) = presented {
                    value.set_sensitive(true);
                    headers.insert(AUTHORIZATION, value);
                }
            }
        }
    }

    /// Whether the gateway has its own credential at the upstream. Then a 403 of the upstream is
    /// about that credential.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Header(..))
    }
}

impl IdentityHeader {
    /// Adds the claim's value. A claim that is absent or null adds nothing, and neither does an
    /// address that the token calls unverified: the upstream could not know.
    pub fn add_to(&self, headers: &mut HeaderMap, caller: &Caller) {
        if let Some(value) = self.value(caller) {
            headers.insert(self.name.clone(), value);
        }
    }

    /// Whether the caller has the claim, and it is left out because the token calls its address
    /// unverified.
    #[must_use]
    pub fn withholds(&self, caller: &Caller) -> bool {
        let claims = caller.claims();
        !email::may_count(claims, &self.claim) && pointer::find(claims, &self.claim).is_some_and(|one| !one.is_null())
    }

    /// The value that is added for this caller.
    #[must_use]
    pub fn value(&self, caller: &Caller) -> Option<HeaderValue> {
        let claims = caller.claims();
        let value = pointer::find(claims, &self.claim).and_then(field_value)?;
        email::may_count(claims, &self.claim).then_some(value)
    }
}

/// A claim as a field value with one meaning: a string as it is, any other value as compact JSON,
/// so that the list `["a,b"]` never reads like `["a","b"]`. Text that is not printable ASCII is
/// written as `UTF-8''` with percent escapes (RFC 8187).
fn field_value(claim: &Value) -> Option<HeaderValue> {
    let text = match claim {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_plain = text.bytes().all(|b| matches!(b, 0x20..=0x7E))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.starts_with("UTF-8''");
    HeaderValue::try_from(if is_plain { text } else { extended_value(&text) }).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn b71_a_claim_becomes_one_field_value_with_one_meaning() {
        let cases = [
            (json!("alice"), Some("alice")),
            (json!("a b"), Some("a b")),
            (json!(7), Some("7")),
            (json!(true), Some("true")),
            (json!(null), None),
            (json!(["a,b"]), Some(r#"["a,b"]"#)),
            (json!(["a", "b"]), Some(r#"["a","b"]"#)),
            (json!("Zoë"), Some("UTF-8''Zo%C3%AB")),
            (json!("a\r\nx-admin: 1"), Some("UTF-8''a%0D%0Ax-admin%3A%201")),
            (json!(" padded "), Some("UTF-8''%20padded%20")),
            (json!("UTF-8''x"), Some("UTF-8''UTF-8%27%27x")),
        ];
        for (claim, expected) in cases {
            assert_eq!(field_value(&claim).as_ref().and_then(|value| value.to_str().ok()), expected, "{claim}");
        }
    }

    #[test]
    fn people_a5_attack_297_an_unverified_address_is_not_sent() {
        let header = IdentityHeader { name: HeaderName::from_static("x-auth-email"), claim: "email".into() };
        for (verified, is_sent) in [(json!(true), true), (json!(null), true), (json!(false), false)] {
            let caller = Caller::for_tests("ada", &[], json!({"email": "a@b.example", "email_verified": verified}));
            let mut headers = HeaderMap::new();
            header.add_to(&mut headers, &caller);
            assert_eq!((headers.len() == 1, header.withholds(&caller)), (is_sent, !is_sent), "{verified}");
        }
    }

    #[test]
    fn b70_the_callers_token_goes_on_only_where_the_configuration_says_so() {
        let presented = || Some(HeaderValue::from_static("Bearer theirs"));
        let sent = |credential: Credential| {
            let mut headers = HeaderMap::new();
            credential.add_to(&mut headers, presented());
            headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_owned())
        };
        assert_eq!(sent(Credential::Strip), None);
        assert_eq!(
            sent(Credential::Header(AUTHORIZATION, HeaderValue::from_static("Bearer ours"))),
            Some("Bearer ours".into())
        );
        assert_eq!(sent(Credential::Forward), Some("Bearer theirs".into()));
    }
}
