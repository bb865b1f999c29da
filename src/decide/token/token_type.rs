//! Tells access tokens from other JWTs of the same issuer (RFC 8725 §3.11, §3.12).

use serde_json::{Map, Value};

use crate::decide::{
    refusal::NotAccess,
    token::{
        access_mark::{AccessMark, says},
        rules::TokenRules,
    },
};

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

/// Claims of other JWTs that an access token never has: the hashes in ID tokens (OpenID Connect
/// Core §2), `events` in logout and security event tokens (RFC 8417 §2.2), `htm` and `htu` in DPoP
/// proofs (RFC 9449 §4.2), `token_introspection` in introspection answers (RFC 9701 §5).
const FOREIGN_CLAIMS: [&str; 7] = ["at_hash", "c_hash", "s_hash", "events", "htm", "htu", "token_introspection"];

/// Claims in which vendors name the kind of a token: Casdoor writes `tokenType: refresh-token`, and
/// libraries of applications `token_type` or `type`.
const KINDS: [&str; 3] = ["tokenType", "token_type", "type"];

/// How sure it is that a token is an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenType {
    /// One of the vendor's marks shows it.
    Access,
    /// A hint shows it, which is enough where `aud` is not the client's id.
    Likely,
    /// Nothing shows it. An ID token that was requested without `nonce` can look like this.
    Unclear,
}

/// Judges a token by its header `typ` and its `claims`.
///
/// Every check applies to every type, because many issuers write `typ: JWT` into all tokens. A
/// token whose audience is the resource is an access token; for an alias see
/// [`super::caller::Caller::is_for`].
pub(super) fn judge(
    typ: Option<&str>,
    claims: &Map<String, Value>,
    rules: &TokenRules,
) -> Result<TokenType, NotAccess> {
    let typ = match typ {
        None => "jwt".to_owned(),
        Some(typ) => short(typ),
    };
    if !rules.token_types.iter().any(|accepted| **accepted == *typ) || is_other(&typ) {
        return Err(NotAccess::Header);
    }
    judge_as(&typ, claims, rules)
}

/// As [`judge`], for the claims of a token without a header.
pub(super) fn judge_claims(claims: &Map<String, Value>, rules: &TokenRules) -> Result<TokenType, NotAccess> {
    judge_as("jwt", claims, rules)
}

fn judge_as(typ: &str, claims: &Map<String, Value>, rules: &TokenRules) -> Result<TokenType, NotAccess> {
    if let Some(foreign) = FOREIGN_CLAIMS.into_iter().find(|name| claims.contains_key(*name)) {
        return Err(NotAccess::Has(foreign));
    }
    // Cognito writes `access` or `id`, Keycloak `Bearer`, `ID`, `Refresh`, `Offline`, `Logout`.
    if claims.get("token_use").is_some_and(|usage| usage != "access") {
        return Err(NotAccess::Says("token_use"));
    }
    if claims.contains_key("typ") && !says(claims, "typ", "Bearer") {
        return Err(NotAccess::Says("typ"));
    }
    if let Some(name) = KINDS.into_iter().find(|name| is_of_other_kind(claims.get(*name))) {
        return Err(NotAccess::Says(name));
    }
    let has = |wanted: fn(AccessMark) -> bool| rules.marks.iter().any(|mark| wanted(*mark) && mark.is_on(typ, claims));
    if claims.contains_key("nonce") && !has(AccessMark::is_said) {
        return Err(NotAccess::Has("nonce"));
    }
    Ok(match has(AccessMark::is_proof) {
        true => TokenType::Access,
        false if has(|_| true) => TokenType::Likely,
        false => TokenType::Unclear,
    })
}

/// Whether the claim of a kind names a refresh token or an ID token, in any spelling:
/// `refresh-token`, `Refresh`, `urn:ietf:params:oauth:token-type:id_token`. Any other text, such as
/// `Bearer` or a word of the vendor, says nothing.
fn is_of_other_kind(kind: Option<&Value>) -> bool {
    const OTHER: [&str; 7] = ["refresh", "refreshtoken", "rt", "offline", "offlinetoken", "id", "idtoken"];
    let Some(kind) = kind.and_then(Value::as_str) else { return false };
    let last = kind.rsplit(':').next().unwrap_or_default();
    let letters: String = last.chars().filter(char::is_ascii_alphabetic).collect();
    OTHER.iter().any(|other| letters.eq_ignore_ascii_case(other))
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
    use crate::decide::{resource_server::vendor, token::testing::rules};

    fn accepting(types: &[Box<str>]) -> TokenRules {
        TokenRules { token_types: types.to_vec(), ..rules() }
    }

    fn is_access_token(typ: Option<&str>, claims: &Map<String, Value>, accepted: &[Box<str>]) -> bool {
        judge(typ, claims, &accepting(accepted)).is_ok()
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
            ("JWT", json!({"scope": ""}), TokenType::Likely),
            ("JWT", json!({"scp": []}), TokenType::Likely),
            ("JWT", json!({"token_use": "access"}), TokenType::Access),
            ("JWT", json!({"typ": "Bearer"}), TokenType::Access),
            ("JWT", json!({"azp": "c", "azpacr": "1", "roles": ["r"]}), TokenType::Likely),
            ("JWT", json!({"azp": "c", "scope": "s", "tokenType": "access-token"}), TokenType::Access),
        ];
        for (typ, claims, token_type) in cases {
            let judged = judge(Some(typ), claims.as_object().unwrap(), &accepting(&accepted));
            assert_eq!(judged, Ok(token_type), "{typ} {claims}");
        }
    }

    /// `nonce` is copied into access tokens by some vendors. It is tolerated only where the issuer
    /// says what the token is.
    #[test]
    fn people_a3_b16_a_nonce_needs_a_statement_of_the_issuer() {
        use NotAccess::{Has, Says};
        let keycloak = vendor::row("keycloak").unwrap();
        let cases = [
            ("at+jwt", json!({"nonce": "n"}), Ok(TokenType::Access)),
            ("jwt", json!({"nonce": "n", "typ": "Bearer"}), Ok(TokenType::Access)),
            ("jwt", json!({"nonce": "n", "typ": "ID"}), Err(Says("typ"))),
            ("jwt", json!({"nonce": "n", "typ": "Bearer", "at_hash": "h"}), Err(Has("at_hash"))),
            ("jwt", json!({"nonce": "n", "azp": "c", "scope": "openid"}), Err(Has("nonce"))),
            ("jwt", json!({"nonce": null}), Err(Has("nonce"))),
            ("jwt", json!({"azp": "c", "scope": "openid"}), Ok(TokenType::Unclear)),
        ];
        for (typ, claims, expected) in cases {
            let rules = TokenRules { marks: keycloak.marks, ..accepting(&["at+jwt".into(), "jwt".into()]) };
            assert_eq!(judge(Some(typ), claims.as_object().unwrap(), &rules), expected, "{typ} {claims}");
        }
        let generic = accepting(&["jwt".into()]);
        for claims in [json!({"nonce": "n", "client_id": "c", "scope": "s"}), json!({"nonce": "n", "gty": "x"})] {
            assert_eq!(judge(None, claims.as_object().unwrap(), &generic), Err(Has("nonce")), "{claims}");
        }
    }

    /// Auth0 writes nothing into a user's token without scopes but `azp`, which Google writes into
    /// ID tokens as well.
    #[test]
    fn people_a3_b16_a_client_that_is_not_the_audience() {
        let auth0 = vendor::row("auth0").unwrap();
        let marked = |claims: &Value, marks| {
            let rules = TokenRules { marks, ..accepting(&["jwt".into()]) };
            judge(Some("JWT"), claims.as_object().unwrap(), &rules)
        };
        for (claims, shown) in [
            (json!({"azp": "c", "aud": "https://api"}), TokenType::Access),
            (json!({"azp": "c", "aud": ["https://api", "https://t.auth0.com/userinfo"]}), TokenType::Access),
            (json!({"azp": "c", "aud": "c"}), TokenType::Unclear),
            (json!({"azp": "c", "aud": ["https://api", "c"]}), TokenType::Unclear),
            (json!({"azp": "c", "aud": []}), TokenType::Unclear),
            (json!({"azp": "c"}), TokenType::Unclear),
            (json!({"aud": "https://api"}), TokenType::Unclear),
            (json!({"azp": 5, "aud": "https://api"}), TokenType::Unclear),
            (json!({"azp": "c", "aud": [5]}), TokenType::Unclear),
        ] {
            assert_eq!(marked(&claims, auth0.marks), Ok(shown), "{claims}");
            assert_eq!(marked(&claims, rules().marks), Ok(TokenType::Unclear), "{claims}");
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
            (json!({"tokenType": "access-token"}), true),
            (json!({"tokenType": "refresh-token"}), false),
            (json!({"tokenType": "RefreshToken"}), false),
            (json!({"tokenType": "id_token"}), false),
            (json!({"token_type": "Bearer"}), true),
            (json!({"token_type": "access"}), true),
            (json!({"token_type": "refresh"}), false),
            (json!({"token_type": "ID"}), false),
            (json!({"token_type": "urn:ietf:params:oauth:token-type:refresh_token"}), false),
            (json!({"token_type": ["refresh"]}), true),
            (json!({"type": "refresh"}), false),
            (json!({"type": "User"}), true),
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
