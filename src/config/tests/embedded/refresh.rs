//! Settings without which users get no refresh token: warned of at their place, and no others.

use super::{ACCOUNTS, WHOLE, folder, with};

fn warnings(text: &str) -> Vec<String> {
    let folder = folder(ACCOUNTS);
    let loaded = with(text, folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.warnings.iter().map(ToString::to_string).collect()
}

/// The file with another `login.oidc`.
fn idp(keys: &str) -> Vec<String> {
    let (before, rest) = WHOLE.split_once("oidc: {").unwrap();
    let (_, after) = rest.split_once("}\n").unwrap();
    warnings(&format!("{before}oidc: {{client_id: a, client_secret: env:SESSION_KEY, {keys}}}\n{after}"))
}

#[test]
fn first_8_check_a_client_without_refresh_tokens_is_warned_of() {
    assert_eq!(warnings(WHOLE), [""; 0]);
    let found = warnings(&WHOLE.replace("[authorization_code, refresh_token]", "[authorization_code]"));
    let [only] = found.as_slice() else { panic!("{found:?}") };
    assert!(
        only.contains(
            ".clients[3].grant_types: found authorization_code without refresh_token; expected refresh_token"
        ),
        "{only}"
    );
}

#[test]
fn first_8_check_lifetimes_that_make_users_sign_in_every_hour_are_warned_of_with_both_places() {
    for (refresh, access, expected) in [
        ("90d", "5m", None),
        ("2h", "1h", None),
        ("1h", "5m", Some("found \"1h\"; expected a longer time, such as 30d")),
        ("30m", "30m", Some("; see gateway.yaml:")),
    ] {
        let text = WHOLE.replace("refresh_token_ttl: 90d", &format!("refresh_token_ttl: {refresh}"));
        let found = warnings(&text.replace("access_token_ttl: 5m", &format!("access_token_ttl: {access}")));
        match expected {
            None => assert!(found.is_empty(), "{refresh}, {access}: {found:?}"),
            Some(words) => assert!(
                matches!(found.as_slice(), [only] if only.contains(".embedded.refresh_token_ttl: ") && only.contains(words)),
                "{refresh}, {access}: {found:?}"
            ),
        }
    }
}

#[test]
fn first_8_check_an_idp_that_is_not_asked_for_refresh_tokens_is_warned_of_where_its_ways_are_known() {
    const KEYCLOAK: &str = "issuer: \"https://login.example.com/realms/main\"";
    const ENTRA: &str = "issuer: \"https://login.microsoftonline.com/7f1f9d0e-0000-4000-8000-000000000000/v2.0\"";
    const OKTA: &str = "issuer: \"https://corp.okta.com/oauth2/default\"";
    const GOOGLE: &str = "issuer: \"https://accounts.google.com\"";
    for (keys, expected) in [
        // Refresh tokens come without the scope, or nothing is known.
        (KEYCLOAK.to_owned(), None),
        (format!("{KEYCLOAK}, profile: keycloak"), None),
        (format!("{KEYCLOAK}, profile: canaille, scopes: [openid]"), None),
        ("issuer: \"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A\", profile: cognito".to_owned(), None),
        (format!("{ENTRA}, profile: entra"), None),
        (format!("{ENTRA}, scopes: [openid, offline_access]"), None),
        (format!("{OKTA}, profile: okta, scopes: [openid, groups, offline_access]"), None),
        (format!("{GOOGLE}, profile: google"), None),
        (format!("{GOOGLE}, profile: google, authorize_parameters: {{hd: corp.example}}"), None),
        (format!("{GOOGLE}, authorize_parameters: {{access_type: offline, prompt: select_account consent}}"), None),
        (format!("{KEYCLOAK}, profile: lemonldap, scopes: [offline_access]"), None),
        (
            ENTRA.to_owned(),
            Some(
                "…\", without `profile`; expected `profile: entra` beside it, which asks for offline_access: without it entra gives no refresh token, and users must sign in again",
            ),
        ),
        (
            format!("{OKTA}, scopes: [openid, groups]"),
            Some(
                "oidc.scopes: found scopes without offline_access; expected offline_access among them: without it okta gives no refresh token",
            ),
        ),
        (
            format!("{KEYCLOAK}, profile: auth0, scopes: [openid]"),
            Some("oidc.scopes: found scopes without offline_access"),
        ),
        (
            GOOGLE.to_owned(),
            Some(
                "oidc.issuer: found \"https://accounts.google.com\", without `profile`; expected `profile: google` beside it, which sends access_type=offline",
            ),
        ),
        (
            format!("{GOOGLE}, profile: google, authorize_parameters: {{access_type: online}}"),
            Some(
                "oidc.authorize_parameters: found parameters without access_type=offline; expected `access_type: offline` among them",
            ),
        ),
        (
            format!("{GOOGLE}, profile: google, authorize_parameters: {{prompt: select_account}}"),
            Some("oidc.authorize_parameters: found parameters without prompt=consent"),
        ),
        (
            format!(
                "{KEYCLOAK}, profile: lemonldap, scopes: [offline_access], authorize_parameters: {{prompt: login}}"
            ),
            Some("oidc.authorize_parameters: found parameters without prompt=consent"),
        ),
    ] {
        let found = idp(&keys);
        match expected {
            None => assert!(found.is_empty(), "{keys}: {found:?}"),
            Some(words) => {
                assert!(matches!(found.as_slice(), [only] if only.contains(words)), "{keys}: {found:?}");
            }
        }
    }
}
