//! Reads `credential` and `identity_headers`: what the upstream receives instead of the token.

use http::{HeaderName, HeaderValue};

use crate::{
    config::{
        claims::claim_name,
        place::{Place, Written},
        reader::{Field, Fields},
        secret, value,
    },
    decide::fields::crossing,
    outbound::credential::{Credential, IdentityHeader},
};

/// Headers that carry credentials: a claim in one of them would be read as a credential.
const CREDENTIALS: &[&str] = &["authorization", "cookie"];

/// A credential, and the reference of its secret.
pub(super) type ReferredCredential = (Credential, Option<Box<str>>);

/// `credential` and `identity_headers`, which may not set the same header.
pub(super) fn towards_upstream(fields: &mut Fields<'_>) -> (Option<ReferredCredential>, Vec<IdentityHeader>) {
    let credential = match fields.get("credential") {
        Some(field) => credential(&field),
        None => Some((Credential::Strip, None)),
    };
    let at = fields.get("identity_headers");
    let headers = at.as_ref().map(headers).unwrap_or_default();
    if let (Some((Credential::Header(name, _), _)), Some(field)) = (&credential, &at)
        && headers.iter().any(|header| header.name == name)
    {
        field.reading.problem(&field.place, &format!("the header {name}, which `credential` sets"), "another header");
    }
    (credential, headers)
}

/// A header of `upstream.pass_headers` may not be one that the gateway sets.
pub(super) fn check_passed(
    fields: &Fields<'_>,
    passed: &Written<HeaderName>,
    credential: Option<&ReferredCredential>,
    identity: &[IdentityHeader],
) {
    let credential = match credential {
        Some((Credential::Header(name, _), _)) => Some(name),
        _ => None,
    };
    let key = if credential.is_some_and(|name| crossing::folds_to(name, &passed.value)) {
        "credential"
    } else if identity.iter().any(|header| crossing::folds_to(&header.name, &passed.value)) {
        "identity_headers"
    } else {
        return;
    };
    let found = format!("the header {}, which `{key}` sets", passed.value);
    fields.of.reading.problem(&passed.place, &found, "another header");
}

/// `credential`.
fn credential(field: &Field<'_>) -> Option<ReferredCredential> {
    if !field.is_map() {
        return field.wrong_kind("a map with one of strip, header, forward");
    }
    field.section("servers.*.credential", |fields| {
        fields.exactly_one(&["strip", "header", "forward"], |kind, field| match kind {
            "header" => field.section("servers.*.credential.header", header),
            "forward" => field.section("servers.*.credential.forward", forward),
            _ if field.bool()? => Some((Credential::Strip, None)),
            _ => field.wrong("strip: true; to pass the caller's token on, see `forward`"),
        })
    })
}

fn header(fields: &mut Fields<'_>) -> Option<ReferredCredential> {
    let name = fields
        .need("name", "the header's name")
        .and_then(|field| value::header(field.reading, &field.place, field.text("a header name")?, &[]));
    let secret = fields.need("value", "a reference to a secret: env:NAME or file:PATH").and_then(|field| {
        let referred = secret::secret(&field)?;
        let Ok(mut value) = HeaderValue::from_bytes(referred.secret.expose()) else {
            let found = format!("{}, whose value is not valid in a header", referred.reference);
            field.reading.problem(&field.place, &found, "a secret of one line");
            return None;
        };
        value.set_sensitive(true);
        Some((value, referred.reference))
    });
    let (value, reference) = secret?;
    Some((Credential::Header(name?, value), Some(reference)))
}

/// The caller's token is forwarded only if the file says `dangerous` (SPEC D-12).
fn forward(fields: &mut Fields<'_>) -> Option<ReferredCredential> {
    let of = fields.of.clone();
    let dangerous = fields.need("dangerous", "dangerous: true")?;
    if !dangerous.bool()? {
        return dangerous.wrong("dangerous: true, or no `forward`");
    }
    of.reading.warning(
        &of.place,
        "forward: the upstream gets the caller's token",
        "strip or header, unless the upstream checks the very same audience itself",
    );
    Some((Credential::Forward, None))
}

/// `identity_headers`.
fn headers(field: &Field<'_>) -> Vec<IdentityHeader> {
    let mut headers: Vec<IdentityHeader> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    for entry in field.entries("claims by header").unwrap_or_default() {
        let name = value::header(field.reading, &entry.at, entry.name, CREDENTIALS);
        let claim =
            entry.value.text("a claim's name").and_then(|text| claim_name(field.reading, &entry.value.place, text));
        let (Some(name), Some(claim)) = (name, claim) else { continue };
        if let Some((_, first)) = headers.iter().zip(&places).find(|(other, _)| other.name == name) {
            let found = format!("the header {name} a second time");
            field.reading.problem_see(&entry.at, &found, "each header once, in any case", first);
            continue;
        }
        places.push(entry.at);
        headers.push(IdentityHeader { name, claim });
    }
    headers
}
