//! What each vendor's tokens are usually refused for, and what to do there.

/// The way in which a token does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintCase {
    /// It is not a JWT.
    Opaque,
    /// Its issuer is another.
    Issuer,
    /// It has the issuer of an earlier version of the vendor's tokens.
    EarlierVersion,
    /// Its audience is another.
    Audience,
    /// Its audience is the one that the vendor writes if none was configured.
    DefaultAudience,
    /// It has no audience.
    NoAudience,
    /// It is an ID token or not surely an access token.
    IdToken,
    /// Its key is not known, or did not sign it.
    Key,
}

/// Vendor, case, and what to tell the operator.
const HINTS: &[(&str, HintCase, &str)] = &[
    (
        "auth0",
        HintCase::Opaque,
        "Auth0 gives an opaque token to a client that requests no audience: create an API whose identifier is the URL of \
         the MCP server, and have the client request it (or set it as Default Audience of the tenant)",
    ),
    (
        "auth0",
        HintCase::Audience,
        "the identifier of the API at Auth0 must be the URL of the MCP server, or be listed under audiences",
    ),
    ("auth0", HintCase::IdToken, "have the client send the access token of Auth0, not the ID token"),
    (
        "entra",
        HintCase::EarlierVersion,
        "this is a version 1.0 token of Entra: set requestedAccessTokenVersion to 2 in the manifest of the application",
    ),
    (
        "entra",
        HintCase::Issuer,
        "tokens of Entra name the tenant: write issuer: https://login.microsoftonline.com/TENANT/v2.0, not common or organizations",
    ),
    (
        "entra",
        HintCase::Audience,
        "the audience of Entra is the application's id (version 2.0) or api://APPLICATION: list it under audiences; a token \
         for Microsoft Graph is for Graph alone, so have the client request a scope of your application",
    ),
    (
        "entra",
        HintCase::Key,
        "a token of Entra for Microsoft Graph cannot be verified by others: have the client request a scope of your application",
    ),
    (
        "okta",
        HintCase::Opaque,
        "have the client ask a custom authorization server of Okta, such as https://TENANT.okta.com/oauth2/default",
    ),
    (
        "okta",
        HintCase::Issuer,
        "tokens of Okta's org authorization server (https://TENANT.okta.com) are for Okta alone: use a custom one, such as \
         https://TENANT.okta.com/oauth2/default",
    ),
    (
        "okta",
        HintCase::Audience,
        "set the audience of the custom authorization server at Okta to the URL of the MCP server, or list it under audiences",
    ),
    (
        "okta",
        HintCase::Key,
        "tokens of Okta's org authorization server cannot be verified by others: use a custom one, such as \
         https://TENANT.okta.com/oauth2/default",
    ),
    (
        "keycloak",
        HintCase::DefaultAudience,
        "Keycloak writes account into aud until the client scope has an audience mapper: add one with the URL of the MCP server",
    ),
    (
        "keycloak",
        HintCase::Audience,
        "add an audience mapper with the URL of the MCP server to a client scope at Keycloak",
    ),
    (
        "keycloak",
        HintCase::NoAudience,
        "add an audience mapper with the URL of the MCP server to a client scope at Keycloak",
    ),
    (
        "keycloak",
        HintCase::Issuer,
        "Keycloak writes the host name by which it was asked into iss: set its hostname (KC_HOSTNAME) to that of issuer",
    ),
    (
        "cognito",
        HintCase::NoAudience,
        "access tokens of Cognito have no aud unless the client requests a resource: list the clients under client_ids",
    ),
    ("cognito", HintCase::IdToken, "have the client send the access token of Cognito, not the ID token"),
    (
        "google",
        HintCase::Opaque,
        "access tokens of Google are opaque and cannot be checked here: use Google for sign-in at an embedded authorization \
         server (login: {oidc: {profile: google}}), which issues its own tokens",
    ),
    (
        "google",
        HintCase::IdToken,
        "an ID token of Google is not an access token: use Google for sign-in at an embedded authorization server \
         (login: {oidc: {profile: google}})",
    ),
    (
        "google",
        HintCase::Audience,
        "an ID token of Google is for its client alone: use Google for sign-in at an embedded authorization server \
         (login: {oidc: {profile: google}})",
    ),
    ("wso2", HintCase::Opaque, "set the access token type of the application at WSO2 to JWT"),
    (
        "scalekit",
        HintCase::Issuer,
        "tokens of Scalekit may have the environment alone as issuer: list it under accepted_issuers",
    ),
];

/// For any other vendor.
const OPAQUE: &str = "an opaque token can be checked only by asking its issuer: add introspection to the authorization server, or \
                      have it issue JWTs; many issuers give a JWT only to a client that requests an audience or a resource";

/// The hint of `profile`, or, if none is configured, of the vendor that `issuer` belongs to.
#[must_use]
pub fn hint(profile: &str, issuer: &str, case: HintCase) -> Option<&'static str> {
    let vendor = if profile == "generic" { of_issuer(issuer) } else { profile };
    let found = HINTS.iter().find(|(name, of, _)| *name == vendor && *of == case).map(|(_, _, text)| *text);
    found.or_else(|| (case == HintCase::Opaque).then_some(OPAQUE))
}

/// The vendor that an issuer's URL shows, for hints alone.
fn of_issuer(issuer: &str) -> &'static str {
    let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.split(':').next().unwrap_or_default();
    match host {
        "login.microsoftonline.com" | "sts.windows.net" => "entra",
        "accounts.google.com" => "google",
        "api.asgardeo.io" => "wso2",
        _ if host.ends_with(".auth0.com") => "auth0",
        _ if host.ends_with(".okta.com") || host.ends_with(".oktapreview.com") => "okta",
        _ if host.starts_with("cognito-idp.") && host.ends_with(".amazonaws.com") => "cognito",
        _ if host.ends_with(".scalekit.com") || host.ends_with(".scalekit.dev") => "scalekit",
        _ if path.starts_with("realms/") || path.starts_with("auth/realms/") => "keycloak",
        _ => "generic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::resource_server::vendor;

    #[test]
    fn first_9_each_hint_belongs_to_a_profile_and_is_one_sentence() {
        for (name, _, text) in HINTS {
            assert!(vendor::row(name).is_some(), "{name}");
            assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
        }
    }

    #[test]
    fn first_9_the_vendor_is_that_of_the_profile_or_of_the_issuers_url() {
        for (profile, issuer, case, says) in [
            ("auth0", "https://login.example.com/", HintCase::Opaque, Some("requests no audience")),
            ("generic", "https://acme.eu.auth0.com/", HintCase::Opaque, Some("requests no audience")),
            ("generic", "https://login.microsoftonline.com/t/v2.0", HintCase::EarlierVersion, Some("version 1.0")),
            ("generic", "https://dev-1.okta.com", HintCase::Key, Some("org authorization server")),
            ("generic", "https://kc.example:8443/realms/main", HintCase::DefaultAudience, Some("audience mapper")),
            ("generic", "https://accounts.google.com", HintCase::IdToken, Some("is not an access token")),
            ("generic", "https://idp.example", HintCase::Opaque, Some("introspection")),
            ("generic", "https://idp.example", HintCase::Audience, None),
            ("generic", "https://auth0.com.evil.example", HintCase::Audience, None),
        ] {
            let found = hint(profile, issuer, case);
            assert_eq!(found.is_some(), says.is_some(), "{issuer}");
            assert!(found.is_none_or(|text| text.contains(says.unwrap_or_default())), "{issuer}: {found:?}");
        }
    }
}
