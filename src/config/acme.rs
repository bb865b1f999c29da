//! Reads `listen[].tls.acme`: the account, the names and the cache of certificates by ACME.

use std::path::PathBuf;

use base64::{Engine as _, alphabet, engine::general_purpose};

use crate::{
    base::{names::PublicUrl, secret::Secret},
    config::{
        keys::acme::CACHE,
        pem::authorities,
        place::{Place, Written},
        reader::{Field, Fields},
        secret, value,
    },
    decide::acme::domain::{BadDomain, domain},
    outbound::{
        acme::settings::{AcmeSettings, ExternalAccount, LETS_ENCRYPT},
        reach::PrivateCa,
    },
};

/// Most names in one certificate: what the large CAs permit.
const DOMAINS_MAX: usize = 100;

/// `acme` as read.
pub(super) struct WrittenAcme {
    pub(super) settings: AcmeSettings,
    /// The places of the domains, or of the section itself.
    pub(super) domains: Vec<Written<Box<str>>>,
    pub(super) directory: Place,
}

/// `acme`.
pub(super) fn acme(field: &Field<'_>, public_url: Option<&PublicUrl>) -> Option<WrittenAcme> {
    let place = field.place.clone();
    field.section("listen[].tls.acme", |fields| {
        let email =
            fields.need("email", "the e-mail address for the account at the CA").and_then(|field| email(&field));
        let domains = match fields.get("domains") {
            Some(field) => domains(&field),
            None => host_of(public_url, &fields.of).map(|of| vec![of]).unwrap_or_default(),
        };
        let cache = match fields.get("cache") {
            Some(field) => value::path(&field, "the path of a folder"),
            None => Some(fields.of.reading.base.join(CACHE)),
        };
        let at = fields.get("directory");
        let directory_place = at.as_ref().map_or_else(|| place.clone(), |field| field.place.clone());
        let directory = match &at {
            Some(field) => directory(field),
            None => Some(LETS_ENCRYPT.into()),
        };
        let ca = fields.get("ca").map(|field| authorities(&field));
        let bound = fields.get("external_account");
        let bound = bound.map(|field| field.section("listen[].tls.acme.external_account", external_account));
        let ca = match ca {
            Some(read) => Some(read.map(|(path, certificates)| PrivateCa { path, certificates })?),
            None => None,
        };
        let external_account = match bound {
            Some(read) => Some(read?),
            None => None,
        };
        let names: Vec<Box<str>> = domains.iter().map(|domain| domain.value.clone()).collect();
        if names.is_empty() {
            return None;
        }
        let cache: PathBuf = cache?;
        let settings =
            AcmeSettings { email: email?, domains: names, cache, directory: directory?, ca, external_account };
        Some(WrittenAcme { settings, domains, directory: directory_place })
    })
}

/// The form alone: the CA judges the address.
fn email(field: &Field<'_>) -> Option<Box<str>> {
    const EXPECTED: &str = "one e-mail address such as ops@example.com";
    let text = field.text(EXPECTED)?;
    let is_address = matches!(text.split_once('@'), Some((local, host)) if !local.is_empty() && host.contains('.') && !host.contains('@'));
    // A comma or a question mark would be more than an address in a `mailto:` URL (RFC 8555 §7.3).
    if !is_address || !text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b',' | b'?' | b'"' | b'<' | b'>')) {
        return field.wrong(EXPECTED);
    }
    Some(text.into())
}

fn domains(field: &Field<'_>) -> Vec<Written<Box<str>>> {
    const EXPECTED: &str = "a host name such as mcp.example.com";
    if field.is_list() && field.full_list("host names").is_none() {
        return Vec::new();
    }
    let items = field.distinct("host names").unwrap_or_default();
    if items.len() > DOMAINS_MAX {
        let found = format!("{} names", items.len());
        field.reading.problem(&field.place, &found, "at most 100 names in one certificate");
    }
    let read = |item: &Field<'_>| {
        let text = item.text(EXPECTED)?;
        match domain(text) {
            Ok(()) => Some(Written { value: text.into(), place: item.place.clone() }),
            Err(bad) => item.wrong(bad.expected()),
        }
    };
    items.iter().filter_map(read).collect()
}

/// The host of `public_url`, for which the certificate is if nothing else is written.
fn host_of(public_url: Option<&PublicUrl>, of: &Field<'_>) -> Option<Written<Box<str>>> {
    let host = public_url?.host();
    match domain(host) {
        Ok(()) => Some(Written { value: host.into(), place: of.place.clone() }),
        Err(BadDomain::Address) => {
            let expected =
                "`domains` with host names, or a public_url with one: a certificate by ACME is for host names";
            of.reading.problem(&of.place, &format!("the address {host} as the host of public_url"), expected);
            None
        }
        Err(bad) => {
            of.reading.problem(&of.place, &format!("the host of public_url, {host}"), bad.expected());
            None
        }
    }
}

fn directory(field: &Field<'_>) -> Option<Box<str>> {
    let text = field.text("the URL of the CA's directory, such as https://ca.internal/acme/acme/directory")?;
    match value::url(text) {
        Ok(url) if url.https || url.is_loopback() => Some(text.into()),
        Ok(_) => field.wrong("an https:// URL; http:// is possible for a loopback host alone"),
        Err(expected) => field.wrong(expected),
    }
}

fn external_account(fields: &mut Fields<'_>) -> Option<ExternalAccount> {
    let key_id = fields.need("key_id", "the key id that the CA gives you");
    let key = fields.need("key", "a reference to the HMAC key that the CA gives you: env:NAME or file:PATH");
    let key_id = key_id.and_then(|field| field.text("the key id that the CA gives you").map(Box::from));
    let key = key.and_then(|field| mac_key(&field));
    let (key, reference) = key?;
    Some(ExternalAccount { key_id: key_id?, key, reference })
}

/// CAs give the key in base64url (RFC 8555 §7.3.4), and some of them in base64.
fn mac_key(field: &Field<'_>) -> Option<(Secret, Box<str>)> {
    let lenient = general_purpose::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let referred = secret::secret(field)?;
    let text = std::str::from_utf8(referred.secret.expose()).unwrap_or_default().trim();
    let read = |alphabet| general_purpose::GeneralPurpose::new(alphabet, lenient).decode(text).ok();
    match read(&alphabet::URL_SAFE).or_else(|| read(&alphabet::STANDARD)) {
        Some(key) if !key.is_empty() => Some((Secret::new(key), referred.reference)),
        _ => {
            let found = format!("{}, which holds something else (not shown)", referred.reference);
            field.reading.problem(&field.place, &found, "an HMAC key in base64url, as the CA gives it");
            None
        }
    }
}
