//! Stands in for `decide::oauth::quirk` with its interface: one row a vendor.

/// What one vendor's tokens are like where they depart from RFC 9068.
pub(super) struct Quirk {
    pub(super) name: &'static str,
    pub(super) scope_claims: &'static [&'static str],
    pub(super) token_types: &'static [&'static str],
    pub(super) client_claims: &'static [&'static str],
    pub(super) scope_prefixes: &'static [&'static str],
}

const ROWS: &[Quirk] = &[
    Quirk {
        name: "auth0",
        scope_claims: &["scope", "permissions"],
        token_types: &["at+jwt", "jwt"],
        client_claims: &["azp", "client_id"],
        scope_prefixes: &[],
    },
    Quirk {
        name: "cognito",
        scope_claims: &["scope"],
        token_types: &["jwt"],
        client_claims: &["client_id"],
        scope_prefixes: &[],
    },
    Quirk {
        name: "entra",
        scope_claims: &["scp", "roles"],
        token_types: &["jwt"],
        client_claims: &["azp", "appid"],
        scope_prefixes: &[],
    },
    Quirk {
        name: "google",
        scope_claims: &["scope"],
        token_types: &["jwt"],
        client_claims: &["azp"],
        scope_prefixes: &[],
    },
    Quirk {
        name: "keycloak",
        scope_claims: &["scope"],
        token_types: &["jwt"],
        client_claims: &["azp", "client_id"],
        scope_prefixes: &[],
    },
    Quirk { name: "okta", scope_claims: &["scp"], token_types: &["jwt"], client_claims: &["cid"], scope_prefixes: &[] },
];

/// The row of one vendor.
pub(super) fn row(name: &str) -> Option<&'static Quirk> {
    ROWS.iter().find(|row| row.name == name)
}

/// The vendors that have a row.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}
