//! Tells access tokens from other JWTs of the same issuer (RFC 8725 §3.11, §3.12).

use serde_json::{Map, Value};

/// Header types of JWTs that issuers also sign and that are never access tokens (SPEC B-32). A
/// configuration cannot list them.
const OTHER_TYPES: [&str; 16] = [
    "client-authentication+jwt",
    "dpop+jwt",
    "entity-statement+jwt",
    "id+jwt",
    "id_token",
    "id_token+jwt",
    "kb+jwt",
    "logout+jwt",
    "oauth-authz-req+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "oauth-id-jag+jwt",
    "rt+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "userinfo+jwt",
];

/// Claims of other JWTs that an access token never has: `nonce` and the hashes in ID tokens (OpenID
/// Connect Core §2), `events` in logout and security event tokens (RFC 8417 §2.2), `htm` and `htu`
/// in DPoP proofs (RFC 9449 §4.2), `token_introspection` in introspection answers (RFC 9701 §5).
const FOREIGN_CLAIMS: [&str; 8] =
    ["nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu", "token_introspection"];

/// Claims that issuers write into access tokens and not into ID tokens: RFC 9068 §2.2, Okta, Entra,
/// Auth0. `token_use` and `typ` count after [`judge`] has checked their values. `azp` and `roles`
/// do not count, because ID tokens have them.
const OWN_CLAIMS: [&str; 9] = ["client_id", "cid", "scope", "scp", "token_use", "typ", "azpacr", "appidacr", "gty"];

/// How sure it is that a token is an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenType {
    /// Its type, or a claim that no ID token has, shows it.
    Access,
    /// Nothing shows it. An ID token that was requested without `nonce` can look like this.
    Unclear,
}

/// Judges a token by its header `typ` and its `claims`; `None` for another type of JWT. `accepted`
/// is [`super::rules::TokenRules::token_types`].
///
/// Every check applies to every type, because many issuers write `typ: JWT` into all tokens. A
/// token whose audience is the resource is an access token; for an alias see
/// [`super::caller::Caller::is_for`].
pub(super) fn judge(typ: Option<&str>, claims: &Map<String, Value>, accepted: &[Box<str>]) -> Option<TokenType> {
    let typ = match typ {
        None => "jwt".to_owned(),
        Some(typ) => short(typ),
    };
    let possible = accepted.iter().any(|accepted| **accepted == *typ)
        && !is_other(&typ)
        && !FOREIGN_CLAIMS.iter().any(|name| claims.contains_key(*name))
        // Cognito writes `access` or `id`, Keycloak `Bearer`, `ID`, `Refresh`, `Offline`, `Logout`.
        && claims.get("token_use").is_none_or(|usage| usage == "access")
        && claims.get("typ").is_none_or(|typ| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("bearer")));
    let shown = typ == "at+jwt" || OWN_CLAIMS.iter().any(|name| claims.contains_key(*name));
    possible.then_some(if shown { TokenType::Access } else { TokenType::Unclear })
}

/// Whether `typ`, as [`short`] writes it, is of JWTs with another purpose than access.
#[must_use]
pub fn is_other(typ: &str) -> bool {
    OTHER_TYPES.contains(&typ)
}

/// `typ` in lower case, without the `application/` that RFC 7515 §4.1.9 lets a writer leave out.
#[must_use]
pub fn short(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/") {
        Some(short) if !short.contains('/') => short.to_owned(),
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_access_token(typ: Option<&str>, claims: &Map<String, Value>, accepted: &[Box<str>]) -> bool {
        judge(typ, claims, accepted).is_some()
    }

    #[test]
    fn b16_what_no_id_token_has() {
        let accepted: [Box<str>; 2] = ["at+jwt".into(), "jwt".into()];
        let cases = [
            ("at+jwt", json!({}), TokenType::Access),
            ("Application/AT+JWT", json!({}), TokenType::Access),
            ("JWT", json!({}), TokenType::Unclear),
            ("JWT", json!({"azp": "c", "roles": ["r"], "sid": "s", "auth_time": 1}), TokenType::Unclear),
            ("JWT", json!({"client_id": "c"}), TokenType::Access),
            ("JWT", json!({"cid": "c"}), TokenType::Access),
            ("JWT", json!({"scope": ""}), TokenType::Access),
            ("JWT", json!({"scp": []}), TokenType::Access),
            ("JWT", json!({"token_use": "access"}), TokenType::Access),
            ("JWT", json!({"typ": "Bearer"}), TokenType::Access),
            ("JWT", json!({"azp": "c", "azpacr": "1", "roles": ["r"]}), TokenType::Access),
        ];
        for (typ, claims, token_type) in cases {
            assert_eq!(judge(Some(typ), claims.as_object().unwrap(), &accepted), Some(token_type), "{typ} {claims}");
        }
    }

    #[test]
    fn b32_header_types() {
        let both: [Box<str>; 2] = ["at+jwt".into(), "jwt".into()];
        let typed: [Box<str>; 1] = ["at+jwt".into()];
        let cases = [
            (Some("at+jwt"), typed.as_slice(), true),
            (Some("AT+JWT"), &typed, true),
            (Some("application/at+jwt"), &typed, true),
            (Some("Application/At+Jwt"), &typed, true),
            (Some("application/application/at+jwt"), &typed, false),
            (Some("text/at+jwt"), &typed, false),
            (Some(" at+jwt"), &typed, false),
            (Some(""), &typed, false),
            (Some("JWT"), &typed, false),
            (None, &typed, false),
            (Some("JWT"), &both, true),
            (Some("application/jwt"), &both, true),
            (None, &both, true),
            (Some(""), &both, false),
            (Some("JOSE"), &both, false),
            (Some("at+jwt"), &[], false),
        ];
        for (typ, accepted, verdict) in cases {
            assert_eq!(is_access_token(typ, &Map::new(), accepted), verdict, "{typ:?} of {accepted:?}");
        }
    }

    #[test]
    fn b32_other_types_are_refused_even_if_listed() {
        for typ in OTHER_TYPES {
            let listed: [Box<str>; 1] = [typ.into()];
            for spelled in [typ.to_owned(), typ.to_uppercase(), format!("application/{typ}")] {
                assert!(!is_access_token(Some(&spelled), &Map::new(), &listed), "{spelled}");
            }
        }
    }

    #[test]
    fn attack_080_other_jwts_are_told_apart_by_their_claims() {
        let cases = [
            (json!({}), true),
            (json!({"token_use": "access"}), true),
            (json!({"typ": "Bearer"}), true),
            (json!({"auth_time": 1, "acr": "mfa", "amr": ["otp"], "azp": "c", "sid": "s"}), true),
            (json!({"nonce": "n"}), false),
            (json!({"nonce": null}), false),
            (json!({"at_hash": "h"}), false),
            (json!({"c_hash": "h"}), false),
            (json!({"s_hash": "h"}), false),
            (json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}), false),
            (json!({"htm": "POST", "htu": "https://gw.example/mcp"}), false),
            (json!({"token_introspection": {"active": true}}), false),
            (json!({"token_use": "id"}), false),
            (json!({"token_use": "Access"}), false),
            (json!({"token_use": ["access"]}), false),
            (json!({"token_use": null}), false),
            (json!({"typ": "ID"}), false),
            (json!({"typ": "Refresh"}), false),
            (json!({"typ": "Offline"}), false),
            (json!({"typ": null}), false),
        ];
        for (claims, verdict) in cases {
            for typ in ["at+jwt", "jwt"] {
                let accepted: [Box<str>; 1] = [typ.into()];
                let members = claims.as_object().unwrap();
                assert_eq!(is_access_token(Some(typ), members, &accepted), verdict, "{typ} {claims}");
            }
        }
    }
}
