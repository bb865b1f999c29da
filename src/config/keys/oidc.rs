//! The keys of `login.oidc`, the company's OpenID Connect provider.

use std::time::Duration;

use serde_json::json;

use crate::{
    config::keys::{
        reach::{algorithms, allow_http, ca, jwks, reach_at},
        row::{ISSUER, KeyRow, KeySection, NAME, SCOPE, SECRET, ValueShape, filled, list, map},
        typed::RangedKey,
    },
    decide::authorization_server::idp_profile::{self, GENERIC},
};

/// `claims_max_age`.
pub(in crate::config) const CLAIMS_MAX_AGE: RangedKey<Duration> = RangedKey {
    name: "claims_max_age",
    default: Duration::from_secs(3600),
    least: Duration::ZERO,
    most: Duration::from_secs(30 * 24 * 3600),
    about: "How long the claims of a user count if the provider sends no ID token at a refresh and its userinfo \
            endpoint does not say them either. A refresh after that ends the login.",
};

/// `login.oidc`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "The company's OpenID Connect provider, at which users log in.",
        one_of: &[],
        keys: vec![
            KeyRow::required("issuer", ISSUER, "The provider's issuer, exactly as its tokens spell it."),
            KeyRow::section("jwks", jwks()).or(json!({"discover": true})),
            ca(),
            reach_at(),
            allow_http(),
            algorithms(),
            KeyRow::required("client_id", NAME, "The gateway's client id at the provider."),
            KeyRow::required("client_secret", SECRET, "The gateway's client secret at the provider."),
            KeyRow::optional(
                "profile",
                ValueShape::Words(idp_profile::names().collect()),
                "The provider, whose ways become the defaults of `scopes`, `authorize_parameters` and `trust_email`: \
                 `google` sends `access_type: offline` and `prompt: consent`; `entra`, `okta`, `auth0` and `scalekit` \
                 request `offline_access`; `lemonldap` sends `prompt: consent` with `offline_access`. `wso2` is WSO2 \
                 Identity Server and Asgardeo.",
            )
            .or_else(format!("`{}`", GENERIC.name)),
            KeyRow::optional(
                "scopes",
                list("scopes", SCOPE),
                "Scopes that are requested from the provider. `openid` is always added.",
            )
            .or_else("`[openid, profile, email]`, and `offline_access` where the `profile` needs it"),
            KeyRow::optional(
                "authorize_parameters",
                map("values by parameter", filled("the value of a parameter")),
                "Further parameters of the gateway's authorization request to the provider, such as \
                 `{prompt: consent}`, `{hd: example.com}` or `{acr_values: mfa}`. Those that protect the answer, such \
                 as `state`, `nonce`, `redirect_uri` and `code_challenge`, cannot be written.",
            )
            .or_else("those of the `profile`"),
            KeyRow::flag(
                "userinfo",
                "Whether claims, such as `groups`, are also read from the provider's userinfo endpoint: at the sign-in \
                 and at each refresh. Without it, the endpoint is asked only if a refresh brings no ID token.",
            ),
            CLAIMS_MAX_AGE.row(),
            KeyRow::flag(
                "trust_email",
                "Whether an `email` counts of which the provider does not say whether it is verified, such as those \
                 of Entra ID. With `email_verified: false` (at Entra ID: `xms_edov: false`) it never counts: neither \
                 for `grants` nor in `token_claims`.",
            ),
        ],
    }
}
