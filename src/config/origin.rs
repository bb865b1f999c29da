//! Reads `allowed_origins`: browser origins that may call, besides that of `public_url`.

use http::HeaderValue;

use crate::{
    base::names::split_port,
    config::{reader::Field, tree::Meaning},
};

const EXPECTED: &str = "an origin as browsers send it: scheme://host[:port] in lower case, without a slash at the end";

/// `allowed_origins`.
pub(super) fn origins(field: &Field<'_>) -> Vec<HeaderValue> {
    field.distinct("origins").unwrap_or_default().iter().filter_map(origin).collect()
}

fn origin(field: &Field<'_>) -> Option<HeaderValue> {
    // Sandboxed frames and local files send `null`, which in YAML needs no quotes.
    let text = match (field.meaning(), field.scalar_text()) {
        (Some(Meaning::Nothing), Some("null")) => "null",
        _ => field.text(EXPECTED)?,
    };
    // SPEC A-61.
    if text == "*" {
        return field
            .wrong("each origin by name: with * every web page could send requests from its visitor's browser");
    }
    if text != "null" && !is_serialized(text) {
        return field.wrong(EXPECTED);
    }
    HeaderValue::from_str(text).ok().or_else(|| field.wrong(EXPECTED))
}

/// Whether `text` is what a browser sends in `Origin` (RFC 6454 §6.2): nothing else ever matches.
fn is_serialized(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let Ok((host, port)) = split_port(authority) else { return false };
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let scheme_is_good =
        scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(|b| word(b) || b"+-.".contains(&b));
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => !host.is_empty() && host.bytes().all(|b| word(b) || b"-._".contains(&b)),
    };
    let default_port = matches!((scheme, port), ("https" | "wss", Some(443)) | ("http" | "ws", Some(80)));
    scheme_is_good && host_is_good && !default_port
}
