//! Verifies an ID token and reads the user and their claims from it (SPEC E-43, E-45).

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::{CLOCK_SKEW, OidcBridge, exchange::Granted, userinfo::Userinfo};
use crate::{
    authorization_server::{
        person::bridge::sign_in::{not_understood, too_large, unavailable},
        settings::OidcSettings,
    },
    base::{clock::Now, limits::tokens::ID_TOKEN_BYTES_MAX},
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            id_token_trouble::{self, ExpectedToken},
            idp_profile::IdpProfile,
            people::Person,
            userinfo,
        },
        refusal::TokenFault,
        token::{
            id_token::{self, Expected, SignInTime},
            jwk::asymmetric,
            jwt::{UnverifiedJwt, named_algorithm},
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

/// Why no user is known from an ID token.
pub(super) enum NotBelieved {
    /// No ID token of this IdP can be used: the operator must act.
    Gateway(OAuthError),
    /// The token is not the answer to this question.
    Answer(OAuthError),
    /// The user signed in earlier than `max_age` allows.
    TooLongAgo,
    /// It cannot be verified now.
    Unavailable(OAuthError),
}

impl NotBelieved {
    /// The error for the client or the page.
    pub(super) fn into_error(self) -> OAuthError {
        match self {
            Self::Gateway(error) | Self::Answer(error) | Self::Unavailable(error) => error,
            Self::TooLongAgo => signed_in_too_long_ago(false),
        }
    }
}

impl OidcBridge {
    /// The user who signs in: by the ID token, and by userinfo where it is configured. `earliest`:
    /// when they must have signed in, by `max_age`.
    pub(super) async fn signs_in(
        &self,
        granted: &Granted,
        nonce: &str,
        earliest: Option<Duration>,
        now: Now,
    ) -> Result<Person, NotBelieved> {
        let Some(token) = granted.id_token.as_deref() else {
            self.health.not_believed(
                "the company IdP sent no ID token with the answer to a code: look whether it is an OpenID Connect provider, and allow this client the scope openid there".to_owned(),
            );
            return Err(NotBelieved::Gateway(not_understood()));
        };
        let person = self.person(token, Some(nonce), earliest, now).await?;
        let link = self.link();
        if !link.settings.userinfo {
            return Ok(person);
        }
        let asked = self.userinfo(granted.access_token.as_deref(), &person.subject).await;
        match asked.map_err(NotBelieved::Unavailable)? {
            Userinfo::Claims(claims) => Ok(completed_by(person, claims, link.settings.profile)),
            Userinfo::OtherSubject => {
                tracing::error!("the company IdP's userinfo endpoint answered about another user than the ID token");
                Err(not_valid())
            }
            Userinfo::Nothing(why) => {
                self.health.not_believed(format!("login.oidc.userinfo: {why}"));
                Err(NotBelieved::Gateway(Code::TemporarilyUnavailable.because(
                    "the identity provider does not say enough about users: the administrator must act, signing in again does not help",
                )))
            }
        }
    }

    /// Verifies an ID token; returns the user who logged in, at `earliest` or later if the token
    /// says when.
    pub(super) async fn person(
        &self,
        token: &str,
        nonce: Option<&str>,
        earliest: Option<Duration>,
        now: Now,
    ) -> Result<Person, NotBelieved> {
        let link = self.link();
        let settings = &link.settings;
        let refused = |fault: TokenFault| self.refused(settings, token, &fault);
        let expected = Expected {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            nonce,
            algorithms: &settings.algorithms,
            clock_skew: CLOCK_SKEW,
        };
        let no_keys = || {
            NotBelieved::Unavailable(unavailable(&Fault::new(FaultKind::KeySet, "the IdP's keys cannot be fetched")))
        };
        let unverified = UnverifiedJwt::read_id_token(token).map_err(refused)?;
        let mut keys = link.keys.current_or_first(now).await.map_err(|_| no_keys())?;
        let mut proof = id_token::verify(&unverified, &expected, &keys.set, now);
        // The token came from the IdP itself, so a client cannot cause key fetches.
        let awaited = |proof: &Result<_, TokenFault>| unverified.awaits(proof.as_ref().err()?, expected.algorithms);
        if let Some(key) = awaited(&proof) {
            let mut newer = link.keys.newer(None, key);
            while awaited(&proof).is_some() {
                keys = match newer.than(keys.generation).await {
                    Ok(keys) => keys,
                    Err(NoNewerKeys::Certain) => break,
                    Err(NoNewerKeys::Unavailable(_)) => return Err(no_keys()),
                };
                proof = id_token::verify(&unverified, &expected, &keys.set, now);
            }
        }
        let claims = proof.map_err(refused)?;
        self.health.believed();
        if let Some(earliest) = earliest {
            match id_token::sign_in_time(claims, earliest, CLOCK_SKEW, now).map_err(|_| self.no_sign_in_time())? {
                SignInTime::Recent => {}
                SignInTime::TooLongAgo => return Err(NotBelieved::TooLongAgo),
                SignInTime::Unsaid => self.health.sends_no_auth_time(),
            }
        }
        Ok(described(claims, settings.profile))
    }

    /// Logs why an ID token is refused, and says whom the fault is about.
    fn refused(&self, settings: &OidcSettings, token: &str, fault: &TokenFault) -> NotBelieved {
        if *fault == TokenFault::Algorithm {
            self.health.not_believed(algorithm_trouble(&named_algorithm(token), &settings.algorithms));
            return NotBelieved::Gateway(Code::TemporarilyUnavailable.because(
                "the identity provider signs its answer in a way that this gateway does not accept: the administrator must act, signing in again does not help",
            ));
        }
        if *fault == TokenFault::Oversize {
            let found = token.len();
            let why = format!(
                "the company IdP sent an ID token that is too large: it has {found} bytes, and at most {ID_TOKEN_BYTES_MAX} are read: have the IdP put fewer values, such as groups, into the ID tokens of this client"
            );
            self.health.unusable_for_one("ID token", why, self.clock.now().mono);
            return NotBelieved::Gateway(too_large());
        }
        let expected = ExpectedToken {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            now_secs: self.clock.now().unix_secs(),
        };
        match id_token_trouble::in_words(fault, &expected) {
            // It may be about this user alone.
            Some(why) if matches!(fault, TokenFault::Subject(_)) => {
                self.health.unusable_for_one("subject", why, self.clock.now().mono);
                NotBelieved::Gateway(not_understood())
            }
            Some(why) => {
                self.health.not_believed(why);
                NotBelieved::Gateway(not_understood())
            }
            None => {
                tracing::warn!(
                    "a sign-in is refused: the nonce of the company IdP's ID token is not that of this sign-in"
                );
                not_valid()
            }
        }
    }

    /// Only sign-ins with `max_age` fail.
    fn no_sign_in_time(&self) -> NotBelieved {
        let why = "the company IdP sent an ID token whose auth_time is in the future or not a time in seconds since 1970, so no user can sign in for a client that asks for max_age: correct the claim at the IdP, or the clocks";
        self.health.unusable_for_one("auth_time", why.to_owned(), self.clock.now().mono);
        NotBelieved::Gateway(not_understood())
    }

    /// Counts the answer that was not believed.
    pub(super) fn count(&self, why: &NotBelieved) {
        match why {
            // Counted when it was reported.
            NotBelieved::Gateway(_) => {}
            NotBelieved::Answer(_) => self.health.count_refused(),
            NotBelieved::TooLongAgo => self.health.granted(),
            NotBelieved::Unavailable(_) => self.health.unavailable(),
        }
    }
}

fn not_valid() -> NotBelieved {
    NotBelieved::Answer(Code::InvalidRequest.because("the identity provider's answer is not valid"))
}

/// The IdP let the user in by a sign-in that is older than `max_age` allows. The client is told
/// once: to send the user there again would go round in circles, as the IdP does not heed it.
pub(super) fn signed_in_too_long_ago(never_ask: bool) -> OAuthError {
    // OpenID Connect Core §3.1.2.6: without a page the user cannot sign in again.
    let code = if never_ask { Code::LoginRequired } else { Code::AccessDenied };
    code.because("the sign-in at the identity provider is older than max_age allows: sign out there, then begin again")
}

/// Which algorithm was found, which are allowed, and what to do.
fn algorithm_trouble(found: &str, allowed: &[Algorithm]) -> String {
    let names: Vec<String> = allowed.iter().map(|algorithm| format!("{algorithm:?}")).collect();
    let advice = match asymmetric(found) {
        Some(algorithm) if allowed.contains(&algorithm) => {
            "the key that it names is not for this algorithm: look into the IdP's key set".to_owned()
        }
        Some(_) => {
            format!("add {found} to login.oidc.algorithms, or choose another algorithm for this client at the IdP")
        }
        // With HS* the client secret would sign, and with `none` anyone could (RFC 8725 §3.1).
        None => "choose one of these for this client at the IdP".to_owned(),
    };
    format!("the company IdP signs ID tokens with {found}; allowed are {}: {advice}", names.join(", "))
}

/// The user of an ID token, with the claims of userinfo besides.
pub(super) fn completed_by(person: Person, userinfo: Map<String, Value>, profile: &IdpProfile) -> Person {
    let vouchers: Vec<&str> = profile.vouchers().collect();
    let mut claims = userinfo::completed(person.claims, userinfo, &vouchers);
    claims.insert("sub".to_owned(), Value::String(person.subject.into()));
    described(&claims, profile)
}

/// The user that claims describe.
pub(super) fn described(claims: &Map<String, Value>, profile: &IdpProfile) -> Person {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_the_trouble_names_what_was_found_what_is_allowed_and_what_to_do() {
        let allowed = [Algorithm::RS256, Algorithm::EdDSA];
        for (found, expected) in [
            ("RS512", "with RS512; allowed are RS256, EdDSA: add RS512 to login.oidc.algorithms"),
            ("HS512", "with HS512; allowed are RS256, EdDSA: choose one of these for this client at the IdP"),
            ("none", "with none; allowed are RS256, EdDSA: choose one of these"),
            ("RS256", "the key that it names is not for this algorithm"),
        ] {
            let said = algorithm_trouble(found, &allowed);
            assert!(said.contains(expected), "{said}");
        }
    }
}
