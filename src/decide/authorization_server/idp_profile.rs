//! Identity providers behind `login.oidc`: how each keeps a user signed in, one row each.
//!
//! A row gives defaults for keys that the configuration leaves out, and the words of advice. How a
//! provider's access tokens look is another table: [`crate::decide::resource_server::vendor`].

use serde_json::{Map, Value};

use crate::decide::policy::email;

/// One provider as a place of sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdpProfile {
    /// The value of `profile`.
    pub name: &'static str,
    /// Default of `scopes`.
    pub scopes: &'static [&'static str],
    /// What the scope `offline_access` does there.
    pub offline: OfflineAccess,
    /// Defaults of `authorize_parameters`.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The claim that says whether `email` is verified, where it is not `email_verified`.
    pub verified_claim: Option<&'static str>,
    /// What to do if it gives no refresh token although it was asked as above.
    pub advice: &'static str,
    /// The end of its issuers' host, after a dot or whole; empty if it runs anywhere.
    host: &'static str,
}

/// What the scope `offline_access` (OpenID Connect Core §11) does at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineAccess {
    /// It is needed for a refresh token.
    Needed,
    /// It gives a refresh token only with `prompt=consent`, as §11 requires.
    WithConsent,
    /// Refresh tokens come without it.
    Optional,
    /// It is an unknown scope, and the sign-in fails.
    Refused,
}

const USUAL: &[&str] = &["openid", "profile", "email"];
const OFFLINE: &[&str] = &["openid", "profile", "email", "offline_access"];

/// The row of `login.oidc` without a profile.
pub const GENERIC: IdpProfile = IdpProfile {
    name: "generic",
    scopes: USUAL,
    offline: OfflineAccess::Optional,
    parameters: &[],
    verified_claim: None,
    advice: "allow this client refresh tokens at the provider",
    host: "",
};

const PROFILES: &[IdpProfile] = &[
    GENERIC,
    // `access_type=offline` asks for a refresh token. One comes only when the user sees Google's
    // consent page, so that a second sign-in has none without `prompt=consent`. `offline_access` is
    // refused with `invalid_scope`.
    // https://developers.google.com/identity/protocols/oauth2/web-server#offline
    // https://developers.google.com/identity/openid-connect/reference
    IdpProfile {
        name: "google",
        offline: OfflineAccess::Refused,
        parameters: &[("access_type", "offline"), ("prompt", "consent")],
        advice: "send access_type: offline and prompt: consent, as the profile does unless \
                 login.oidc.authorize_parameters says otherwise",
        host: "accounts.google.com",
        ..GENERIC
    },
    // Entra sends no `email_verified`, and Microsoft warns against rights by an address: those of
    // guests come from elsewhere. The optional claim `xms_edov` says whether the owner of the
    // address' domain is verified.
    // https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-offline_access-scope
    // https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization
    IdpProfile {
        name: "entra",
        scopes: OFFLINE,
        offline: OfflineAccess::Needed,
        verified_claim: Some("xms_edov"),
        advice: "register the application as a web application with a secret",
        host: "login.microsoftonline.com",
        ..GENERIC
    },
    // https://developer.okta.com/docs/guides/refresh-tokens/main/
    IdpProfile {
        name: "okta",
        scopes: OFFLINE,
        offline: OfflineAccess::Needed,
        advice: "switch on the grant type \"Refresh Token\" of the application, and allow the scope offline_access in the \
                 access policy of a custom authorization server",
        host: "okta.com",
        ..GENERIC
    },
    // https://auth0.com/docs/secure/tokens/refresh-tokens/get-refresh-tokens
    IdpProfile {
        name: "auth0",
        scopes: OFFLINE,
        offline: OfflineAccess::Needed,
        advice: "switch on the grant type \"Refresh Token\" of the application, and \"Allow Offline Access\" of the API if \
                 authorize_parameters has an audience",
        host: "auth0.com",
        ..GENERIC
    },
    // Refresh tokens come by default and end with the session. `offline_access` gives one that
    // outlives it.
    // https://www.keycloak.org/docs/latest/server_admin/#_offline-access
    IdpProfile {
        name: "keycloak",
        advice: "switch on \"Use refresh tokens\" of the client; sessions that are not used end after \"SSO Session Idle\" \
                 (30 minutes by default), unless login.oidc.scopes has offline_access",
        ..GENERIC
    },
    // A code always gives a refresh token, and the scope is unknown.
    // https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
    IdpProfile {
        name: "cognito",
        offline: OfflineAccess::Refused,
        advice: "allow the app client the authorization code grant; the issuer is \
                 https://cognito-idp.REGION.amazonaws.com/POOL",
        host: "amazonaws.com",
        ..GENERIC
    },
    // https://docs.scalekit.com/authenticate/fsa/implement-login
    IdpProfile { name: "scalekit", scopes: OFFLINE, offline: OfflineAccess::Needed, host: "scalekit.com", ..GENERIC },
    // Refresh tokens come with every grant of a user, if the grant is allowed.
    // https://wso2.com/asgardeo/docs/references/grant-types-in-asgardeo/
    IdpProfile {
        name: "wso2",
        advice: "allow the application the grant \"Refresh Token\"",
        host: "asgardeo.io",
        ..GENERIC
    },
    // It follows OpenID Connect Core §11. Refresh tokens of `offline_access` outlive a sign-out
    // there; those of the option "Use refresh tokens" do not, and need no scope.
    // https://lemonldap-ng.org/documentation/latest/idpopenidconnect.html
    IdpProfile {
        name: "lemonldap",
        offline: OfflineAccess::WithConsent,
        advice: "switch on \"Use refresh tokens\" of the relying party; or \"Allow offline access\", and add offline_access \
                 to login.oidc.scopes",
        ..GENERIC
    },
    // Refresh tokens come by default, and no ID token comes with a refresh.
    // https://canaille.readthedocs.io/en/latest/
    IdpProfile { name: "canaille", advice: "allow the client the grant type refresh_token", ..GENERIC },
];

/// The row of a profile.
#[must_use]
pub fn row(profile: &str) -> Option<&'static IdpProfile> {
    PROFILES.iter().find(|row| row.name == profile)
}

/// Every profile, for messages and the schema.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|row| row.name)
}

/// The profile that an issuer's host suggests.
#[must_use]
pub fn suggested_by(issuer: &str) -> Option<&'static IdpProfile> {
    let host = issuer.strip_prefix("https://")?.split(['/', ':']).next()?;
    let is_below = |end: &str| host == end || host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    PROFILES.iter().find(|row| !row.host.is_empty() && is_below(row.host))
}

impl IdpProfile {
    /// Whether `prompt=consent` must be sent with these scopes, if nothing else says what to send.
    #[must_use]
    pub fn needs_consent(&self, asks_offline: bool) -> bool {
        asks_offline && self.offline == OfflineAccess::WithConsent
    }

    /// The claims that say whether `email` is verified.
    pub fn vouchers(&self) -> impl Iterator<Item = &'static str> {
        ["email_verified"].into_iter().chain(self.verified_claim)
    }

    /// Translates the provider's own word for a verified address into `email_verified`, which it
    /// does not send.
    pub fn say_verified(&self, claims: &mut Map<String, Value>) {
        let said = self.verified_claim.and_then(|name| claims.get(name)).and_then(email::says_verified);
        if let Some(is_verified) = said {
            claims.entry(email::VERIFIED).or_insert(Value::Bool(is_verified));
        }
    }

    /// What to do about a missing refresh token.
    #[must_use]
    pub fn advice(&self, issuer: &str, asks_offline: bool, asks_consent: bool) -> String {
        if *self == GENERIC {
            if let Some(row) = suggested_by(issuer) {
                return format!("write login.oidc.profile: {}", row.name);
            }
            if !asks_offline {
                return "write login.oidc.profile if it names your provider, or add offline_access to login.oidc.scopes"
                    .to_owned();
            }
            if !asks_consent {
                // OpenID Connect Core §11.
                return "write login.oidc.authorize_parameters: {prompt: consent}, without which many providers ignore \
                        offline_access"
                    .to_owned();
            }
        }
        if !asks_offline && self.offline == OfflineAccess::Needed {
            return "add offline_access to login.oidc.scopes".to_owned();
        }
        if asks_offline && !asks_consent && self.offline == OfflineAccess::WithConsent {
            return "send prompt: consent with offline_access, as the profile does unless \
                    login.oidc.authorize_parameters says otherwise"
                .to_owned();
        }
        self.advice.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn c1_every_profile_has_one_row_that_can_be_used_as_defaults() {
        let known: Vec<&str> = names().collect();
        let expected = [
            "generic",
            "google",
            "entra",
            "okta",
            "auth0",
            "keycloak",
            "cognito",
            "scalekit",
            "wso2",
            "lemonldap",
            "canaille",
        ];
        assert_eq!(known, expected);
        for profile in PROFILES {
            assert_eq!(row(profile.name), Some(profile));
            assert!(profile.scopes.starts_with(USUAL), "{}", profile.name);
            let asks = profile.scopes.contains(&"offline_access");
            assert_eq!(asks, profile.offline == OfflineAccess::Needed, "{}", profile.name);
        }
        assert_eq!(row("Google"), None);
    }

    #[test]
    fn c1_an_issuer_suggests_its_profile() {
        for (issuer, expected) in [
            ("https://accounts.google.com", Some("google")),
            ("https://login.microsoftonline.com/tenant/v2.0", Some("entra")),
            ("https://acme.okta.com/oauth2/default", Some("okta")),
            ("https://acme.eu.auth0.com/", Some("auth0")),
            ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", Some("cognito")),
            ("https://api.asgardeo.io/t/acme/oauth2/token", Some("wso2")),
            ("https://notokta.com", None),
            ("https://login.example.com/okta.com", None),
            ("http://accounts.google.com", None),
        ] {
            assert_eq!(suggested_by(issuer).map(|row| row.name), expected, "{issuer}");
        }
    }

    #[test]
    fn a10_the_claim_of_entra_says_whether_an_address_is_verified() {
        for (claims, expected) in [
            (json!({"xms_edov": true}), json!(true)),
            (json!({"xms_edov": 1}), json!(true)),
            (json!({"xms_edov": "1"}), json!(true)),
            (json!({"xms_edov": "True"}), json!(true)),
            (json!({"xms_edov": false}), json!(false)),
            (json!({"xms_edov": "0"}), json!(false)),
            (json!({"xms_edov": [1]}), json!(false)),
            (json!({"xms_edov": true, "email_verified": false}), json!(false)),
            (json!({}), Value::Null),
        ] {
            for (profile, expected) in [("entra", expected), ("okta", claims["email_verified"].clone())] {
                let mut claims = claims.as_object().unwrap().clone();
                row(profile).unwrap().say_verified(&mut claims);
                assert_eq!(claims.get("email_verified").cloned().unwrap_or_default(), expected, "{profile} {claims:?}");
            }
        }
    }

    #[test]
    fn c1_c8_the_advice_fits_the_provider_and_what_was_sent() {
        let own = "https://login.example.com";
        for (profile, issuer, offline, consent, expected) in [
            ("generic", own, false, false, "add offline_access"),
            ("generic", own, true, false, "authorize_parameters: {prompt: consent}"),
            ("generic", own, true, true, "allow this client refresh tokens"),
            ("generic", "https://accounts.google.com", false, false, "profile: google"),
            ("generic", "https://accounts.google.com", true, false, "profile: google"),
            ("google", "https://accounts.google.com", false, false, "access_type: offline"),
            ("okta", own, false, false, "add offline_access"),
            ("okta", own, true, false, "\"Refresh Token\""),
            ("lemonldap", own, true, false, "prompt: consent"),
            ("lemonldap", own, true, true, "\"Use refresh tokens\""),
            ("cognito", own, false, false, "authorization code grant"),
        ] {
            let advice = row(profile).unwrap().advice(issuer, offline, consent);
            assert!(advice.contains(expected), "{profile} {offline} {consent}: {advice}");
            if row(profile).unwrap().offline == OfflineAccess::Refused {
                assert!(!advice.contains("offline_access"), "{advice}");
            }
        }
    }
}
