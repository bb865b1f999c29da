//! Do users get refresh tokens of an authorization server, or must they sign in every hour?

use super::metadata::ExaminedIssuer;
use crate::{
    cli::doctor::finding::Finding,
    decide::{
        authorization_server::{
            idp_profile::{self, OfflineAccess},
            resources::OFFLINE_ACCESS,
        },
        resource_server::issuer_metadata::ServerMetadata,
    },
};

/// Whether clients that connect to `issuer` must ask for `offline_access`. `profile` is the written
/// one. Of an issuer whose ways are not known, nothing is said.
pub(super) fn needs_scope(issuer: &str, profile: Option<&str>) -> bool {
    let row = profile.and_then(idp_profile::row).filter(|row| row.name != "generic");
    row.or_else(|| idp_profile::suggested_by(issuer)).is_some_and(|row| row.offline == OfflineAccess::Needed)
}

/// What its metadata lacks. MCP clients ask for `offline_access` where `scopes_supported` has it,
/// and never otherwise (SEP-2207); the gateway may not ask for it in their place (SPEC A-10).
pub(super) fn check(issuer: &ExaminedIssuer<'_>, metadata: &ServerMetadata, needs_scope: bool) -> Option<Finding> {
    let (found, expected) = lack(metadata, needs_scope)?;
    Some(issuer.finding("refresh-tokens-missing", "issuer", found).expected(expected).warning())
}

fn lack(metadata: &ServerMetadata, needs_scope: bool) -> Option<(&'static str, &'static str)> {
    let grants = metadata.grant_types_supported.as_deref();
    let has_grant = |name: &str| grants.is_none_or(|grants| grants.iter().any(|grant| grant == name));
    // No user signs in without this grant.
    if !has_grant("authorization_code") {
        return None;
    }
    if !has_grant("refresh_token") {
        return Some(("metadata whose grant_types_supported lacks refresh_token", "refresh_token among them"));
    }
    let scopes = metadata.scopes_supported.as_deref();
    if !needs_scope || scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == OFFLINE_ACCESS)) {
        return None;
    }
    let found = match scopes {
        Some(_) => "metadata whose scopes_supported lacks offline_access",
        None => "metadata without scopes_supported",
    };
    Some((found, "offline_access among scopes_supported: clients ask for a refresh token only if it is there"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{lack, needs_scope};
    use crate::decide::resource_server::issuer_metadata;

    #[test]
    fn first_8_check_an_issuer_without_refresh_tokens_is_known_by_its_metadata() {
        for (case, more, needs_scope, expected) in [
            ("nothing said", json!({}), false, ""),
            ("nothing said, where the scope is needed", json!({}), true, "without scopes_supported"),
            ("the scope", json!({"scopes_supported": ["openid", "offline_access"]}), true, ""),
            ("other scopes", json!({"scopes_supported": ["openid"]}), true, "lacks offline_access"),
            ("other scopes, and none needed", json!({"scopes_supported": ["openid"]}), false, ""),
            ("the grant", json!({"grant_types_supported": ["authorization_code", "refresh_token"]}), false, ""),
            ("no such grant", json!({"grant_types_supported": ["authorization_code"]}), false, "lacks refresh_token"),
            ("machines alone", json!({"grant_types_supported": ["client_credentials"]}), true, ""),
        ] {
            let mut document = more;
            document["issuer"] = "https://a.example".into();
            let read = issuer_metadata::read(document.to_string().as_bytes(), "https://a.example").unwrap();
            let found = lack(&read, needs_scope).map_or("", |(found, _)| found);
            assert!(found.ends_with(expected) && found.is_empty() == expected.is_empty(), "{case}: {found}");
        }
    }

    #[test]
    fn first_8_check_only_known_issuers_need_the_scope() {
        for (issuer, profile, expected) in [
            ("https://corp.okta.com/oauth2/default", None, true),
            ("https://login.corp.example/", Some("auth0"), true),
            ("https://login.microsoftonline.com/t/v2.0", Some("generic"), true),
            ("https://login.corp.example/realms/main", Some("keycloak"), false),
            ("https://accounts.google.com", Some("google"), false),
            ("https://cognito-idp.eu-west-1.amazonaws.com/p", None, false),
            ("https://login.corp.example", None, false),
        ] {
            assert_eq!(needs_scope(issuer, profile), expected, "{issuer}");
        }
    }
}
