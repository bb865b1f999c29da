//! The keys of `login.oidc`, the company's OpenID Connect provider.

use serde_json::json;

use crate::config::keys::{
    reach::{allow_http, ca, jwks, reach_at},
    row::{ISSUER, KeyRow, KeySection, NAME, SCOPE, SECRET, list},
};

/// Default of `scopes`: `openid` makes it a login, the others bring a name to show.
pub(in crate::config) const SCOPES: &[&str] = &["openid", "profile", "email"];

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
            KeyRow::required("client_id", NAME, "The gateway's client id at the provider."),
            KeyRow::required("client_secret", SECRET, "The gateway's client secret at the provider."),
            KeyRow::optional(
                "scopes",
                list("scopes", SCOPE),
                "Scopes that are requested from the provider. `openid` is always added.",
            )
            .or(json!(SCOPES)),
            KeyRow::flag(
                "trust_email",
                "Whether an `email` counts of which the provider does not say whether it is verified, such as those \
                 of Entra ID. With `email_verified: false` it never counts: neither for `grants` nor in \
                 `token_claims`.",
            ),
        ],
    }
}
