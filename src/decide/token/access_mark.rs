//! The signs that tell an access token from the other tokens of its issuer.

use serde_json::{Map, Value};

/// A sign in a token that its issuer made it as an access token. Each vendor's row lists those that
/// hold for this vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMark {
    /// The header's `typ` is `at+jwt` (RFC 9068 §2.1).
    HeaderType,
    /// This claim has this value, whose case does not count: the issuer says what it is.
    Says(&'static str, &'static str),
    /// This claim, which the issuer never writes into an ID token. `token_use` and `typ` count
    /// after [`super::token_type`] has checked their values.
    Has(&'static str),
    /// This claim, which few issuers write into ID tokens. It is a hint and no proof: ID tokens and
    /// refresh tokens of some issuers have it, and where `aud` is the client's id, nothing else
    /// would tell them apart (attack 233).
    Hints(&'static str),
    /// The client in this claim is not in `aud`. An ID token is for its client (OpenID Connect Core
    /// §2), unless the vendor issues it to one client for another.
    NotForClient(&'static str),
}

impl AccessMark {
    /// Whether a token has it; `typ` is that of the header, in its short form.
    pub(super) fn is_on(self, typ: &str, claims: &Map<String, Value>) -> bool {
        match self {
            Self::HeaderType => typ == "at+jwt",
            Self::Says(name, value) => says(claims, name, value),
            Self::Has(name) | Self::Hints(name) => claims.contains_key(name),
            Self::NotForClient(name) => match (claims.get(name), claims.get("aud")) {
                (Some(Value::String(client)), Some(Value::String(one))) => one != client,
                (Some(Value::String(client)), Some(Value::Array(all))) => {
                    !all.is_empty() && all.iter().all(|one| one.as_str().is_some_and(|one| one != client))
                }
                _ => false,
            },
        }
    }

    /// The claim that it is about, if one claim alone decides.
    #[must_use]
    pub fn claim(self) -> Option<&'static str> {
        match self {
            Self::Says(name, _) | Self::Has(name) | Self::Hints(name) => Some(name),
            Self::HeaderType | Self::NotForClient(_) => None,
        }
    }

    /// Whether it shows for any audience that the token is an access token.
    pub(super) fn is_proof(self) -> bool {
        !matches!(self, Self::Hints(_))
    }

    /// Whether the issuer itself says with it what the token is. Such a token is an access token
    /// even with a `nonce`, which some vendors copy from the request into all tokens.
    pub(super) fn is_said(self) -> bool {
        matches!(self, Self::HeaderType | Self::Says(..))
    }
}

/// Whether this claim has this value, whose case does not count.
pub(super) fn says(claims: &Map<String, Value>, name: &str, value: &str) -> bool {
    claims.get(name).and_then(Value::as_str).is_some_and(|said| said.eq_ignore_ascii_case(value))
}
