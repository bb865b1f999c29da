//! Deviations of vendors from the RFCs, one row each.

use crate::decide::token::{
    access_mark::AccessMark::{self, Has, HeaderType, Hints, NotForClient, Says},
    machine_mark::{MACHINES, MachineMark},
};

/// The deviations of one vendor, as defaults for settings that the configuration leaves out. A row
/// never overrides a written setting, and never accepts an issuer or an audience: those are always
/// written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The value of `profile`.
    pub name: &'static str,
    /// Claims that hold scopes (`scope_claims`).
    pub scope_claims: &'static [&'static str],
    /// `typ` values of an access token, in lower case, without `application/`; `jwt` also stands
    /// for an absent one.
    pub token_types: &'static [&'static str],
    /// Claims that may name the client; the first present claim counts.
    pub client_claims: &'static [&'static str],
    /// Signs of an access token that this vendor never puts on an ID token.
    pub marks: &'static [AccessMark],
    /// Prefixes of requested scopes that are granted as their last segment only:
    /// `api://weather/tools.read` is requested, `tools.read` is granted.
    pub scope_prefixes: &'static [&'static str],
    /// What shows that a token was issued to a machine, which has no user to ask for more scope.
    /// Each is a positive mark: a token without any counts as a user's.
    pub machine_marks: &'static [MachineMark],
    /// What an operator must know about this vendor.
    pub notes: &'static [&'static str],
}

impl Vendor {
    /// The spelling of a requested scope in this vendor's tokens. It does not name the application,
    /// so the audience must be checked as well.
    #[must_use]
    pub fn granted_as<'a>(&self, asked: &'a str) -> &'a str {
        let is_prefixed = self.scope_prefixes.iter().any(|prefix| asked.starts_with(prefix));
        match asked.rsplit_once('/') {
            Some((_, short)) if is_prefixed && !short.is_empty() => short,
            _ => asked,
        }
    }
}

/// The row of a profile; `None` for a name that is not in the table.
#[must_use]
pub fn row(profile: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == profile)
}

/// Every profile, for messages and the schema.
pub fn names() -> impl Iterator<Item = &'static str> {
    VENDORS.iter().map(|vendor| vendor.name)
}

/// The row for an authorization server without a profile.
pub const GENERIC: Vendor = Vendor {
    name: "generic",
    scope_claims: &["scope", "scp"],
    token_types: &["at+jwt", "jwt"],
    client_claims: &["client_id", "azp", "cid"],
    // RFC 9068 §2.2, Okta, Entra, Auth0. `azp` and `roles` do not count: ID tokens have them.
    marks: &[
        HeaderType,
        Says("token_use", "access"),
        Says("typ", "Bearer"),
        // Casdoor.
        Says("tokenType", "access-token"),
        Has("client_id"),
        Has("cid"),
        Hints("scope"),
        Hints("scp"),
        Hints("azpacr"),
        Hints("appidacr"),
        Hints("gty"),
    ],
    scope_prefixes: &[],
    machine_marks: MACHINES,
    notes: &[],
};

const VENDORS: &[Vendor] = &[
    GENERIC,
    Vendor {
        name: "auth0",
        scope_claims: &["scope", "permissions"],
        client_claims: &["azp", "client_id"],
        // A user's token without scopes has `azp` alone. ID tokens are for the client itself.
        marks: &[HeaderType, Has("scope"), Has("permissions"), Has("gty"), NotForClient("azp")],
        machine_marks: &[MachineMark::SubjectIsClient, MachineMark::Is("gty", "client-credentials")],
        notes: &[
            "The issuer ends in a slash: https://TENANT.auth0.com/.",
            "Without an API whose identifier is the resource, access tokens are opaque and refused.",
            "`permissions` is there only with RBAC and \"Add Permissions in the Access Token\" switched on.",
        ],
        ..GENERIC
    },
    Vendor {
        name: "entra",
        scope_claims: &["scp", "roles"],
        token_types: &["jwt"],
        client_claims: &["azp", "appid"],
        marks: &[Has("scp"), Has("azpacr"), Has("appidacr")],
        scope_prefixes: &["api://"],
        machine_marks: &[MachineMark::SubjectIsClient, MachineMark::Is("idtyp", "app")],
        notes: &[
            "Version 2.0 tokens have the issuer https://login.microsoftonline.com/TENANT/v2.0 and the application's id \
             as audience: write it under `audiences`.",
            "Version 1.0 tokens have the issuer https://sts.windows.net/TENANT/ and the audience api://APPLICATION: they \
             need an authorization server of their own, or requestedAccessTokenVersion 2 in the manifest.",
            "`common` and `organizations` are not issuers: write the tenant.",
            "Applications without a user have `roles` and no `scp`; with the optional claim `idtyp`, they are known to be \
             machines (`deny_as: auto`).",
        ],
    },
    Vendor {
        name: "okta",
        scope_claims: &["scp"],
        client_claims: &["cid"],
        marks: &[Has("cid")],
        notes: &[
            "Tokens of the org server (https://TENANT.okta.com) are for Okta alone: use a custom authorization server, \
             such as https://TENANT.okta.com/oauth2/default, whose audience is the resource.",
        ],
        ..GENERIC
    },
    Vendor {
        name: "keycloak",
        scope_claims: &["scope"],
        client_claims: &["azp", "client_id"],
        // Releases before 25 copy `nonce` into access tokens.
        marks: &[HeaderType, Says("typ", "Bearer")],
        // The mappers of a service account; names of users are in lower case.
        machine_marks: &[
            MachineMark::SubjectIsClient,
            MachineMark::ClientAfter("preferred_username", "service-account-"),
            MachineMark::Has("clientHost"),
            MachineMark::Has("clientAddress"),
        ],
        notes: &[
            "The audience is `account` until an audience mapper names the resource.",
            "The claim `typ` tells access tokens (`Bearer`) from ID and refresh tokens.",
        ],
        ..GENERIC
    },
    Vendor {
        name: "cognito",
        scope_claims: &["scope"],
        token_types: &["jwt"],
        client_claims: &["client_id"],
        marks: &[Says("token_use", "access")],
        notes: &[
            "Access tokens have no `aud` unless the client asks for a resource of the pool: list the clients under \
             `client_ids`.",
            "The claim `token_use` tells access tokens (`access`) from ID tokens.",
        ],
        ..GENERIC
    },
    Vendor {
        name: "scalekit",
        scope_claims: &["scopes", "scope"],
        client_claims: &["client_id", "azp"],
        // Its ID tokens have `client_id` as well.
        marks: &[HeaderType, Has("scopes"), NotForClient("client_id")],
        notes: &[
            "The issuer of its metadata ends in /resources/RESOURCE; its tokens may have the environment alone as \
             issuer: write it under `accepted_issuers`.",
            "The audience is the server's URL that is registered there, or the resource's id: write that under `audiences`.",
        ],
        ..GENERIC
    },
    Vendor {
        name: "wso2",
        scope_claims: &["scope"],
        client_claims: &["client_id", "azp"],
        marks: &[HeaderType, Has("aut")],
        machine_marks: &[MachineMark::SubjectIsClient, MachineMark::Is("aut", "APPLICATION")],
        notes: &[
            "The issuer is the token endpoint: https://api.asgardeo.io/t/ORGANIZATION/oauth2/token.",
            "The audience is the client: write `client_ids`, or `client_ids: any` with `required_claims: {org_id: […]}`.",
            "Access tokens are opaque until the application's access token type is JWT.",
        ],
        ..GENERIC
    },
    Vendor {
        name: "google",
        scope_claims: &["scope"],
        token_types: &["jwt"],
        client_claims: &["azp"],
        marks: &[],
        notes: &[
            "Access tokens are opaque and cannot be checked here: every one is refused. ID tokens are not access tokens \
             and are refused as well. Put an authorization server that federates to Google in between.",
        ],
        ..GENERIC
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::{GENERIC, VENDORS, names, row};

    #[test]
    fn a50_what_marks_the_token_of_a_machine() {
        let cases = [
            ("generic", json!({"sub": "ci", "client_id": "ci"}), true),
            ("generic", json!({"sub": "ann", "client_id": "ci"}), false),
            ("generic", json!({"client_id": "ci"}), false),
            ("generic", json!({"sub": "ann", "client_id": "ci", "gty": "client-credentials"}), false),
            ("cognito", json!({"sub": "7a", "client_id": "7a"}), true),
            ("okta", json!({"sub": "0oa", "cid": "0oa"}), true),
            ("wso2", json!({"sub": "app", "client_id": "x", "aut": "APPLICATION"}), true),
            ("wso2", json!({"sub": "ann", "client_id": "x", "aut": "APPLICATION_USER"}), false),
            ("auth0", json!({"sub": "x@clients", "azp": "x", "gty": "client-credentials"}), true),
            ("auth0", json!({"sub": "auth0|1", "azp": "x", "gty": "password"}), false),
            ("auth0", json!({"sub": "auth0|1", "azp": "x", "gty": ["client-credentials"]}), false),
            ("entra", json!({"sub": "1", "azp": "x", "idtyp": "app"}), true),
            ("entra", json!({"sub": "1", "azp": "x", "idtyp": "user"}), false),
            ("entra", json!({"sub": "1", "azp": "x", "roles": ["r"]}), false),
            ("keycloak", json!({"sub": "1", "azp": "My-CI", "preferred_username": "service-account-my-ci"}), true),
            ("keycloak", json!({"sub": "1", "azp": "app", "preferred_username": "service-account-my-ci"}), false),
            ("keycloak", json!({"sub": "1", "azp": "app", "preferred_username": "ann"}), false),
            ("keycloak", json!({"sub": "1", "azp": "app", "clientHost": "10.0.0.1"}), true),
            ("keycloak", json!({"sub": "1", "azp": "app", "clientHost": null}), false),
        ];
        for (profile, claims, expected) in cases {
            let (vendor, claims) = (row(profile).unwrap(), claims.as_object().unwrap());
            let client = vendor.client_claims.iter().find_map(|name| claims.get(*name)).and_then(|text| text.as_str());
            let marked = vendor.machine_marks.iter().any(|mark| mark.is_in(claims, client));
            assert_eq!(marked, expected, "{profile} {claims:?}");
        }
    }

    #[test]
    fn every_profile_has_one_row() {
        let known: Vec<&str> = names().collect();
        assert_eq!(known, ["generic", "auth0", "entra", "okta", "keycloak", "cognito", "scalekit", "wso2", "google"]);
        for name in known {
            assert_eq!(row(name).map(|vendor| vendor.name), Some(name));
        }
        for unknown in ["", "Auth0", "azure", "entra "] {
            assert_eq!(row(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn b32_b50_every_row_can_be_used_as_defaults() {
        for vendor in VENDORS {
            for list in [vendor.scope_claims, vendor.token_types, vendor.client_claims] {
                assert!(!list.is_empty(), "{}", vendor.name);
                assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), list.len(), "{}", vendor.name);
            }
            for typ in vendor.token_types {
                assert!(GENERIC.token_types.contains(typ), "{}: {typ}", vendor.name);
            }
        }
    }

    #[test]
    fn entra_grants_the_last_segment_of_what_was_asked() {
        let entra = row("entra").unwrap();
        for (asked, granted) in [
            ("api://weather/tools.read", "tools.read"),
            ("api://tenant.example/weather/tools.read", "tools.read"),
            ("api://weather/", "api://weather/"),
            ("tools.read", "tools.read"),
            ("https://graph.microsoft.com/User.Read", "https://graph.microsoft.com/User.Read"),
        ] {
            assert_eq!(entra.granted_as(asked), granted, "{asked}");
        }
        assert_eq!(GENERIC.granted_as("api://weather/tools.read"), "api://weather/tools.read");
    }
}
