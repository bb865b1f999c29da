//! Reads `client_ids` and `required_claims` of an issuer, and refuses what would let anyone in.

use crate::{
    base::names::Issuer,
    config::{
        claims::claim_conditions,
        place::Written,
        problem::quoted,
        reader::{Field, Fields},
        value,
    },
    decide::{
        json::pointer,
        policy::claims::ClaimValue,
        resource_server::vendor::{Vendor, is_public},
        token::rules::AcceptedClients,
    },
};

/// Claims that every token has, or that say nothing about who may have one. They do not count as
/// the required claim of `client_ids: any`.
const NOT_OF_A_TENANT: &[&str] =
    &["iss", "aud", "exp", "nbf", "iat", "jti", "typ", "token_use", "scope", "scp", "azp", "client_id", "cid"];

/// Claims, each with its accepted values.
type RequiredClaims = Vec<(Box<str>, Vec<ClaimValue>)>;

/// `client_ids` and `required_claims`.
pub(super) fn accepted_clients(
    fields: &mut Fields<'_>,
    issuer: Option<&Written<Issuer>>,
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
    let clients = if field.is_list() { listed(&field) } else { any(&field, issuer, &required) };
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

fn any(field: &Field<'_>, issuer: Option<&Written<Issuer>>, required: &RequiredClaims) -> Option<AcceptedClients> {
    const EXPECTED: &str = "a list of client ids, or `any`";
    if field.text(EXPECTED)? != "any" {
        return field.wrong(EXPECTED);
    }
    if let Some(issuer) = issuer.filter(|issuer| is_public(&issuer.value)) {
        let expected = format!("a list of client ids: anyone can have a client and a user at {}", &*issuer.value);
        return field.wrong(&expected);
    }
    // A pattern could match every organization.
    let is_exact = |values: &[ClaimValue]| values.iter().all(|value| matches!(value, ClaimValue::Is(_)));
    let names_a_tenant = |name: &str| !NOT_OF_A_TENANT.contains(&&*pointer::root(name));
    if !required.iter().any(|(name, values)| names_a_tenant(name) && is_exact(values)) {
        return field.wrong(
            "`required_claims` beside `any`, with a claim that only your organization's tokens have, such as \
             `required_claims: {org_id: [YOUR_ORGANIZATION]}`; or a list of client ids",
        );
    }
    Some(AcceptedClients::Any)
}
