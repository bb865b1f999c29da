//! Reads the URL of an issuer or of a key set.

use crate::{
    base::names::Issuer,
    config::{issuer_slips::of_metadata, place::Written, reader::Field, value},
};

/// An issuer identifier, exactly as it is written.
pub(super) fn issuer_url(field: &Field<'_>, allow_http: bool) -> Option<Written<Issuer>> {
    let text = web_url(field, allow_http)?;
    if let Some(issuer) = of_metadata(text) {
        return field.wrong_near("the issuer itself, and not the URL of its metadata", &issuer);
    }
    if text.contains('?') {
        return field.wrong("an issuer without a query (RFC 8414 §2)");
    }
    Some(Written { value: Issuer::from(text), place: field.place.clone() })
}

/// A URL that may be fetched: https, http on a loopback host, or http with `allow_http`.
pub(super) fn web_url<'r>(field: &Field<'r>, allow_http: bool) -> Option<&'r str> {
    let text = field.text("a URL such as https://login.example.com")?;
    match value::url(text) {
        Ok(url) if url.https || url.is_loopback() || allow_http => Some(text),
        Ok(_) => {
            field.wrong("an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)")
        }
        Err(expected) => field.wrong(expected),
    }
}
