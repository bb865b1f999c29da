//! Reads `client_ids` and `required_claims` of an issuer, and refuses what would let anyone in.

use serde_json::Value;

use crate::{
    base::names::Issuer,
    config::{
        claims::claim_conditions,
        problem::quoted,
        reader::{Field, Fields},
        value,
    },
    decide::{
        json::pointer,
        policy::claims::ClaimValue,
        resource_server::{public_issuers::is_public, vendor::Vendor},
        token::rules::AcceptedClients,
    },
};

/// Claims that every token has, or that say nothing about who may have one. They do not count as
/// the required claim of `client_ids: any`, and neither do those of the vendor's row.
const NOT_OF_A_TENANT: &[&str] = &[
    "aal",
    "acr",
    "amr",
    "at_hash",
    "aud",
    "aut",
    "auth_time",
    "azp",
    "cid",
    "client_id",
    "email_verified",
    "exp",
    "grant_type",
    "gty",
    "iat",
    "idtyp",
    "is_anonymous",
    "iss",
    "jti",
    "locale",
    "nbf",
    "nonce",
    "permissions",
    "phone_number_verified",
    "role",
    "scope",
    "scopes",
    "scp",
    "session_state",
    "sid",
    "tokenType",
    "token_type",
    "token_use",
    "typ",
    "type",
    "updated_at",
    "ver",
    "version",
    "xms_edov",
    "zoneinfo",
];

/// Parts of the names of claims that hold an organization, in lower case.
const PARTS_OF_A_TENANT: &[&str] = &[
    "account",
    "company",
    "customer",
    "department",
    "domain",
    "group",
    "org",
    "project",
    "realm",
    "team",
    "tenant",
    "workspace",
];
/// Whole names of such claims; and `sub`, whose values are users of the organization.
const TENANTS: &[&str] = &["dct", "hd", "o", "oid", "sub", "tid"];

/// Claims, each with its accepted values.
type RequiredClaims = Vec<(Box<str>, Vec<ClaimValue>)>;

/// `client_ids` and `required_claims`.
pub(super) fn accepted_clients(
    fields: &mut Fields<'_>,
    issuers: &[&Issuer],
    vendor: &Vendor,
) -> (AcceptedClients, RequiredClaims) {
    let required = fields.get("required_claims").and_then(|field| claim_conditions(&field)).unwrap_or_default();
    let Some(field) = fields.get("client_ids") else { return (AcceptedClients::Unset, required) };
    if vendor.marks.is_empty() {
        let expected = format!(
            "no client_ids with `profile: {}`: nothing tells its access tokens from ID tokens, which have the same aud",
            vendor.name
        );
        field.wrong::<()>(&expected);
    }
    let clients = if field.is_list() { listed(&field) } else { any(&field, issuers, vendor, &required) };
    (clients.unwrap_or(AcceptedClients::Unset), required)
}

fn listed(field: &Field<'_>) -> Option<AcceptedClients> {
    field.full_list("client ids")?;
    let clients = value::texts(field, "a client id");
    for client in &clients {
        if matches!(&*client.value, "any" | "*") {
            let expected = "a client id; `client_ids: any`, without brackets, accepts every client";
            field.reading.problem(&client.place, &quoted(&client.value), expected);
        }
    }
    Some(AcceptedClients::Listed(clients.into_iter().map(|client| client.value).collect()))
}

fn any(field: &Field<'_>, issuers: &[&Issuer], vendor: &Vendor, required: &RequiredClaims) -> Option<AcceptedClients> {
    const EXPECTED: &str = "a list of client ids, or `any`";
    if field.text(EXPECTED)? != "any" {
        return field.wrong(EXPECTED);
    }
    if let Some(issuer) = issuers.iter().find(|issuer| is_public(issuer)) {
        let expected = format!("a list of client ids: anyone can have a client and an account at {}", &***issuer);
        return field.wrong(&expected);
    }
    let counting: Vec<&str> = required
        .iter()
        .filter(|(name, values)| may_name_a_tenant(name, values, vendor))
        .map(|(name, _)| &**name)
        .collect();
    let Some(first) = counting.first() else {
        return field.wrong(
            "`required_claims` beside `any`, with a claim that only your organization's tokens have, such as \
             `required_claims: {org_id: [YOUR_ORGANIZATION]}`; or a list of client ids",
        );
    };
    if !counting.iter().any(|name| is_known_for_tenants(name)) {
        field.warn(&format!(
            "`required_claims` with a claim that only tokens of your organization have: if users or clients of other \
             organizations can get this value in {first}, the gateway accepts them"
        ));
    }
    Some(AcceptedClients::Any)
}

/// Whether a required claim may be what keeps other organizations out. A pattern could match every
/// organization, and an empty text or a truth value is the same at all of them.
fn may_name_a_tenant(name: &str, values: &[ClaimValue], vendor: &Vendor) -> bool {
    let root = &*pointer::root(name);
    let is_telling = |value: &ClaimValue| match value {
        ClaimValue::Is(Value::String(text)) => !text.trim().is_empty(),
        ClaimValue::Is(value) => value.is_number(),
        ClaimValue::Like(_) => false,
    };
    !NOT_OF_A_TENANT.contains(&root)
        && ![vendor.scope_claims, vendor.client_claims].concat().contains(&root)
        && !vendor.marks.iter().any(|mark| mark.claim() == Some(root))
        && !vendor.machine_marks.iter().any(|mark| mark.claim() == Some(root))
        && values.iter().all(is_telling)
}

fn is_known_for_tenants(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TENANTS.contains(&&*name) || PARTS_OF_A_TENANT.iter().any(|part| name.contains(part))
}
