//! Verifies an ID token and reads the user and their claims from it (SPEC E-43, E-45).

use serde_json::{Map, Value};

use super::{ALGORITHMS, Bridge, CLOCK_SKEW, unavailable};
use crate::{
    base::clock::Now,
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            idp_profile::IdpProfile,
            people::Person,
        },
        refusal::TokenFault,
        token::{
            id_token::{self, Expected},
            jwt::UnverifiedJwt,
        },
    },
    outbound::{
        fault::{Fault, FaultKind},
        keys::newer::NoNewerKeys,
    },
};

/// Claims about the token, not about the user.
const OF_THE_TOKEN: [&str; 13] =
    ["iss", "aud", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash", "azp", "jti", "sid", "auth_time"];
/// Claims that may contain the display name, best first.
const NAMES: [&str; 4] = ["preferred_username", "email", "name", "sub"];
/// The maximum length of a display name.
const NAME_CHARS_MAX: usize = 80;

impl Bridge {
    /// Verifies an ID token; returns the user who logged in.
    pub(crate) async fn person(&self, token: &str, nonce: Option<&str>, now: Now) -> Result<Person, OAuthError> {
        let refused = |fault: TokenFault| {
            tracing::warn!(?fault, "the company IdP sent an ID token that is not valid");
            Code::InvalidRequest.because("the identity provider's answer is not valid")
        };
        let link = self.link();
        let settings = &link.settings;
        let expected = Expected {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            nonce,
            algorithms: &ALGORITHMS,
            clock_skew: CLOCK_SKEW,
        };
        let no_keys = || unavailable(&Fault::new(FaultKind::KeySet, "the IdP's keys cannot be fetched"));
        let unverified = UnverifiedJwt::read(token).map_err(|_| refused(TokenFault::Malformed))?;
        let mut keys = link.keys.current_or_first(now).await.map_err(|_| no_keys())?;
        let mut proof = id_token::verify(&unverified, &expected, &keys.set, now);
        // The token came from the IdP itself, so a client cannot cause key fetches.
        let mut newer = link.keys.newer(None);
        while proof == Err(TokenFault::UnknownKey) {
            keys = newer.than(keys.generation).await.map_err(|why| match why {
                NoNewerKeys::UnknownKey => refused(TokenFault::UnknownKey),
                NoNewerKeys::Unavailable(_) => no_keys(),
            })?;
            proof = id_token::verify(&unverified, &expected, &keys.set, now);
        }
        proof.map(|claims| described(claims, settings.profile)).map_err(refused)
    }
}

fn described(claims: &Map<String, Value>, profile: &IdpProfile) -> Person {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name: String =
        NAMES.iter().find_map(|name| text(name)).unwrap_or_default().chars().take(NAME_CHARS_MAX).collect();
    let about_them = claims.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str()));
    let mut about_them: Map<String, Value> = about_them.map(|(name, value)| (name.clone(), value.clone())).collect();
    profile.say_verified(&mut about_them);
    Person {
        subject: text("sub").unwrap_or_default().into(),
        name: name.into(),
        account: None,
        groups: Vec::new(),
        claims: about_them,
    }
}
