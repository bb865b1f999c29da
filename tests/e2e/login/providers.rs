//! How the identity providers of docs/identity-providers.md behave, as their documents say: tables for the scripted IdP.

use serde_json::{Map, Value, json};

use super::idp::{Mind, Parameters};
use crate::e2e::world::key::Alg;

/// In what a provider differs from the plain IdP.
#[derive(Clone)]
pub struct Manners {
    /// What an authorization request needs for a refresh token: of each of these parameters this word.
    pub refresh_token_for: Vec<(&'static str, &'static str)>,
    /// The scope without which it tells no groups.
    pub groups_scope: Option<&'static str>,
    /// Claims that only its ID tokens have.
    pub id_token_alone: Vec<&'static str>,
    /// What it answers to the refresh of a session that is over.
    pub over: Option<(u16, Value)>,
}

/// One provider.
pub struct Provider {
    /// The heading of its recipe.
    pub recipe: &'static str,
    /// Whether its endpoints are at the issuer's own host.
    pub is_one_host: bool,
    pub manners: Manners,
    /// Whether it ends every sign-in that asks for `offline_access`.
    pub refuses_offline_access: bool,
    /// Whether only its userinfo endpoint has groups and addresses.
    pub is_told_by_userinfo: bool,
    pub alg: Alg,
    pub rotates: bool,
    pub id_token_at_refresh: bool,
    /// The claims of a user who may read and write.
    pub writer: Value,
    /// Of one who may read.
    pub reader: Value,
    /// Of one who may nothing.
    pub other: Value,
    /// Of the writer who has left a group and may still read. `None` if no claim says such a thing.
    pub left: Option<Value>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            // OpenID Connect Core §11: `offline_access` counts only with `prompt=consent`.
            refresh_token_for: vec![("scope", "offline_access"), ("prompt", "consent")],
            groups_scope: None,
            id_token_alone: Vec::new(),
            over: None,
        }
    }
}

impl Manners {
    /// Whether an authorization request brings a refresh token.
    pub fn gives_refresh_token(&self, asked: &Parameters) -> bool {
        self.refresh_token_for.iter().all(|(name, word)| has(asked, name, word))
    }

    /// The claims in an ID token.
    pub fn in_id_token(&self, claims: &Map<String, Value>, asked: &Parameters) -> Map<String, Value> {
        self.told(claims, asked, &[])
    }

    /// The claims at the userinfo endpoint.
    pub fn in_userinfo(&self, claims: &Map<String, Value>, asked: &Parameters) -> Map<String, Value> {
        self.told(claims, asked, &self.id_token_alone)
    }

    fn told(&self, claims: &Map<String, Value>, asked: &Parameters, elsewhere: &[&str]) -> Map<String, Value> {
        let has_groups = self.groups_scope.is_none_or(|scope| has(asked, "scope", scope));
        let is_told = |name: &str| !elsewhere.contains(&name) && (has_groups || name != "groups");
        claims.iter().filter(|(name, _)| is_told(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Whether a parameter has this word.
fn has(asked: &Parameters, name: &str, word: &str) -> bool {
    asked.get(name).is_some_and(|value| value.split(' ').any(|one| one == word))
}

impl Provider {
    /// Makes the scripted IdP, whose own address is `place`, behave as this provider.
    pub fn teach(&self, idp: &mut Mind, place: &str) {
        let origin = url::Url::parse(&idp.issuer).unwrap().origin().ascii_serialization();
        let endpoints = if self.is_one_host { &origin } else { place };
        for (name, path) in [("token_endpoint", "/token"), ("userinfo_endpoint", "/userinfo"), ("jwks_uri", "/jwks")] {
            idp.metadata.insert(name.to_owned(), json!(format!("{endpoints}{path}")));
        }
        idp.metadata.insert("authorization_endpoint".to_owned(), json!(format!("{place}/authorize")));
        idp.manners = self.manners.clone();
        idp.gives_refresh_token = false;
        if self.is_told_by_userinfo {
            idp.only_in_userinfo = ["groups", "email", "email_verified"].map(str::to_owned).to_vec();
        }
        if self.refuses_offline_access {
            idp.refused_scopes.push("offline_access".to_owned());
        }
        (idp.alg, idp.rotates, idp.id_token_at_refresh) = (self.alg, self.rotates, self.id_token_at_refresh);
        idp.people.clear();
        for (name, claims) in [("writer", &self.writer), ("reader", &self.reader), ("other", &self.other)] {
            let mut claims = claims.clone();
            claims["name"] = json!(name);
            idp.people.insert(name.to_owned(), claims.as_object().unwrap().clone());
        }
    }
}

/// An OAuth error.
fn error(status: u16, code: &str, description: &str) -> Option<(u16, Value)> {
    Some((status, json!({"error": code, "error_description": description})))
}

/// With one claim that lists groups.
fn by_groups(recipe: &'static str, claim: &str, readers: &str, writers: &str) -> Provider {
    let of = |groups: &[&str], email: &str| json!({claim: groups, "email": email, "email_verified": true});
    Provider {
        recipe,
        is_one_host: true,
        // A code always brings a refresh token.
        manners: Manners { refresh_token_for: Vec::new(), ..Manners::default() },
        refuses_offline_access: false,
        is_told_by_userinfo: false,
        alg: Alg::Rs256,
        rotates: true,
        id_token_at_refresh: true,
        writer: of(&[writers, "others"], "ada@example.com"),
        reader: of(&[readers], "bob@example.com"),
        other: of(&["others"], "eve@example.com"),
        left: Some(of(&[readers, "others"], "ada@example.com")),
    }
}

pub fn google() -> Provider {
    let of = |email: &str| json!({"email": email, "email_verified": true, "hd": "example.com"});
    let plain = by_groups("Google", "none", "", "");
    Provider {
        is_one_host: false,
        rotates: false,
        refuses_offline_access: true,
        manners: Manners {
            refresh_token_for: vec![("access_type", "offline"), ("prompt", "consent")],
            over: error(400, "invalid_grant", "Token has been expired or revoked."),
            ..Manners::default()
        },
        writer: of("ada@example.com"),
        reader: of("bob@example.com"),
        // A personal account with an address of the company, which nobody has verified.
        other: json!({"email": "ada@example.com", "email_verified": false}),
        left: Some(json!({"email": "ada.new@example.com", "email_verified": true, "hd": "example.com"})),
        ..plain
    }
}

pub fn entra() -> Provider {
    // No `email_verified`, as documented.
    let of = |roles: Value, email: &str| json!({"roles": roles, "email": email, "oid": email, "tid": "11111111"});
    Provider {
        is_one_host: false,
        manners: Manners {
            refresh_token_for: vec![("scope", "offline_access")],
            id_token_alone: vec!["roles", "oid", "tid"],
            over: error(400, "invalid_grant", "AADSTS50057: The user account is disabled."),
            ..Manners::default()
        },
        writer: of(json!(["Mcp.Writer"]), "ada@example.com"),
        reader: of(json!(["Mcp.Reader"]), "bob@example.com"),
        other: json!({"email": "eve@example.com", "oid": "eve", "tid": "11111111"}),
        left: Some(of(json!(["Mcp.Reader"]), "ada@example.com")),
        ..by_groups("Microsoft Entra ID", "roles", "", "")
    }
}

pub fn okta() -> Provider {
    Provider {
        is_told_by_userinfo: true,
        manners: Manners {
            refresh_token_for: vec![("scope", "offline_access")],
            groups_scope: Some("groups"),
            over: error(400, "invalid_grant", "The refresh token is invalid or expired."),
            ..Manners::default()
        },
        ..by_groups("Okta", "groups", "mcp-readers", "mcp-writers")
    }
}

pub fn auth0() -> Provider {
    Provider {
        manners: Manners {
            refresh_token_for: vec![("scope", "offline_access")],
            over: error(403, "invalid_grant", "user is blocked"),
            ..Manners::default()
        },
        ..by_groups("Auth0", "https://mcp.example.com/roles", "reader", "writer")
    }
}

pub fn keycloak() -> Provider {
    Provider {
        rotates: false,
        manners: Manners {
            over: error(400, "invalid_grant", "User disabled"),
            refresh_token_for: Vec::new(),
            ..Manners::default()
        },
        ..by_groups("Keycloak", "groups", "mcp-readers", "mcp-writers")
    }
}

pub fn cognito() -> Provider {
    Provider {
        is_one_host: false,
        rotates: false,
        refuses_offline_access: true,
        manners: Manners {
            id_token_alone: vec!["cognito:groups"],
            over: error(400, "invalid_grant", "Refresh Token has been revoked"),
            refresh_token_for: Vec::new(),
            ..Manners::default()
        },
        ..by_groups("Amazon Cognito", "cognito:groups", "mcp-readers", "mcp-writers")
    }
}

pub fn scalekit() -> Provider {
    let of = |email: &str| json!({"oid": "org_59615193906282635", "email": email, "email_verified": true});
    Provider {
        manners: Manners {
            refresh_token_for: vec![("scope", "offline_access")],
            over: error(400, "invalid_grant", "the session is revoked"),
            ..Manners::default()
        },
        writer: of("ada@example.com"),
        reader: of("bob@example.com"),
        // Of another organization; without `email_verified`, which is optional there.
        other: json!({"oid": "org_1", "email": "ada@example.com"}),
        left: Some(of("ada.new@example.com")),
        ..by_groups("Scalekit", "none", "", "")
    }
}

pub fn wso2() -> Provider {
    Provider {
        is_told_by_userinfo: true,
        rotates: false,
        manners: Manners {
            groups_scope: Some("groups"),
            over: error(400, "invalid_grant", "Persisted access token data not found"),
            refresh_token_for: Vec::new(),
            ..Manners::default()
        },
        ..by_groups("WSO2 Identity Server and Asgardeo", "groups", "mcp-readers", "mcp-writers")
    }
}

pub fn canaille() -> Provider {
    Provider {
        id_token_at_refresh: false,
        manners: Manners {
            groups_scope: Some("groups"),
            over: error(400, "invalid_request", "There is no \"user\" for this token."),
            refresh_token_for: Vec::new(),
            ..Manners::default()
        },
        alg: Alg::Rs512,
        ..by_groups("Canaille", "groups", "mcp-readers", "mcp-writers")
    }
}

pub fn lemonldap() -> Provider {
    Provider {
        rotates: false,
        manners: Manners {
            groups_scope: Some("groups"),
            over: Some((400, json!({"error": "invalid_request"}))),
            ..Manners::default()
        },
        ..by_groups("LemonLDAP::NG", "groups", "mcp-readers", "mcp-writers")
    }
}
