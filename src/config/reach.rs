//! Reads how an issuer is reached: `issuer`, `allow_http`, `ca`, `reach_at`, `jwks`, `algorithms`.

use jsonwebtoken::Algorithm;

use crate::{
    base::names::Issuer,
    config::{
        file_bytes::file_bytes,
        issuer_slips,
        issuer_url::{issuer_url, web_url},
        key_set_file,
        keys::reach::{ALGORITHMS, ALL_ALGORITHMS},
        pem::authorities,
        place::Written,
        reader::{Field, Fields},
        value,
    },
    outbound::{
        dial::Peer,
        keys::KeySource,
        reach::{IssuerReach, PrivateCa, ReachAt},
    },
};

/// `issuer`, and how it is reached. `expected` says what the issuer is. `None` in place of the
/// second if one of its keys is wrong.
pub(super) fn issuer(fields: &mut Fields<'_>, expected: &str) -> (Option<Written<Issuer>>, Option<IssuerReach>) {
    let allow_http = allow_http(fields);
    let issuer_at = fields.need("issuer", expected);
    let issuer = issuer_at.as_ref().and_then(|field| issuer_url(field, allow_http));
    if let Some(field) = issuer_at.filter(|_| issuer.is_some()) {
        let is_direct = !field.place.key.contains(".embedded.");
        issuer_slips::look(&field, fields.get("profile").as_ref().and_then(Field::scalar_text), is_direct);
    }
    let ca = fields.get("ca").map(|field| private_ca(&field));
    let at = fields.get("reach_at").map(|field| reach_at(&field, issuer.as_ref(), allow_http));
    let reach = || Some(IssuerReach { allow_http, ca: optional(ca)?, at: optional(at)? });
    (issuer, reach())
}

/// `allow_http` and `ca` alone: for a place that is not reached elsewhere.
pub(super) fn without_detour(fields: &mut Fields<'_>) -> Option<IssuerReach> {
    let allow_http = allow_http(fields);
    let ca = fields.get("ca").map(|field| private_ca(&field));
    Some(IssuerReach { allow_http, ca: optional(ca)?, at: None })
}

fn allow_http(fields: &mut Fields<'_>) -> bool {
    let allowing = fields.get("allow_http");
    let allow_http = allowing.as_ref().and_then(Field::bool).unwrap_or(false);
    if let Some(field) = allowing.filter(|_| allow_http) {
        field.warn("false: an attacker on the network can answer in the issuer's name");
    }
    allow_http
}

/// `None` only for a key that is written and wrong.
fn optional<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        Some(some) => Some(some),
        None => Some(None),
    }
}

fn private_ca(field: &Field<'_>) -> Option<PrivateCa> {
    authorities(field).map(|(path, certificates)| PrivateCa { path, certificates })
}

/// `reach_at`: scheme, host and port. The paths are those of the issuer's URLs.
fn reach_at(field: &Field<'_>, issuer: Option<&Written<Issuer>>, allow_http: bool) -> Option<ReachAt> {
    const EXPECTED: &str = "a scheme, a host and a port such as http://keycloak:8080, without a path";
    let text = field.text(EXPECTED)?;
    let url = match value::url(text.strip_suffix('/').unwrap_or(text)) {
        Ok(url) if url.authority == text.trim_end_matches('/').rsplit('/').next().unwrap_or_default() => url,
        Ok(_) => return field.wrong(EXPECTED),
        Err(expected) => return field.wrong(expected),
    };
    if !url.https && !allow_http {
        return field.wrong("an https:// URL; http:// needs `allow_http: true` (dangerous)");
    }
    let public = value::url(&issuer?.value).ok()?;
    let peer = |url: &value::WrittenUrl<'_>| Peer { host: url.host.clone(), port: url.port, tls: url.https };
    Some(ReachAt { public: peer(&public), peer: peer(&url) })
}

/// `jwks`; discovered by default.
pub(super) fn jwks(fields: &mut Fields<'_>, section: &'static str, allow_http: bool) -> Option<KeySource> {
    match fields.get("jwks") {
        Some(field) => field.section(section, |fields| key_source(fields, allow_http)),
        None => Some(KeySource::Discover),
    }
}

fn key_source(fields: &mut Fields<'_>, allow_http: bool) -> Option<KeySource> {
    fields.exactly_one(&["discover", "url", "file"], |kind, field| match kind {
        "url" => web_url(&field, allow_http).map(|url| KeySource::Url(url.into())),
        "file" => {
            let path = value::path(&field, "the path of a key set")?;
            let bytes = file_bytes(&field, &path)?;
            key_set_file::look(&field, &path.display().to_string(), &bytes);
            Some(KeySource::File(path))
        }
        _ if field.bool()? => Some(KeySource::Discover),
        _ => field.wrong("discover: true, or a `url` or a `file` in its place"),
    })
}

/// `algorithms`: asymmetric ones.
pub(super) fn algorithms(fields: &mut Fields<'_>) -> Vec<Algorithm> {
    fields.get("algorithms").map_or_else(|| ALGORITHMS.to_vec(), |field| listed(&field))
}

fn listed(field: &Field<'_>) -> Vec<Algorithm> {
    if field.is_list() && field.full_list("asymmetric algorithms").is_none() {
        return Vec::new();
    }
    let names: Vec<&str> = ALL_ALGORITHMS.iter().map(|(name, _)| *name).collect();
    let expected = format!("an asymmetric algorithm: {}", names.join(", "));
    let items = field.distinct("algorithms").unwrap_or_default();
    let algorithm = |item: &Field<'_>| {
        let text = item.text(&expected)?;
        let upper = text.to_ascii_uppercase();
        if upper == "NONE" {
            return item.wrong("an asymmetric algorithm: with `none` everyone can forge tokens (RFC 8725 §3.1)");
        }
        if upper.starts_with("HS") {
            return item.wrong("an asymmetric algorithm: with HS* a key that verifies can also sign (RFC 8725 §3.1)");
        }
        let found = ALL_ALGORITHMS.iter().find(|(name, _)| *name == text).map(|(_, algorithm)| *algorithm);
        found.or_else(|| item.wrong_word(&expected, names.iter().copied()))
    };
    items.iter().filter_map(algorithm).collect()
}
