//! Reads scalars with a format: durations, sizes, URLs, header names, scopes.

use std::{path::PathBuf, time::Duration};

use http::{HeaderName, uri::PathAndQuery};

use crate::{
    base::names::{Scope, is_loopback_name, split_port},
    config::{
        keys::typed::{RangedKey, WordKey},
        place::{Place, Written},
        problem::quoted,
        reader::{Entry, Field, Fields},
        reading::Reading,
        units::{DURATION_MAX, DURATION_UNITS, SIZE_UNITS, counted, duration_text, meant, size_text},
    },
};

/// The duration under `key`, or its default.
pub(super) fn duration(fields: &mut Fields<'_>, key: &RangedKey<Duration>) -> Duration {
    let Some(field) = fields.get(key.name) else { return key.default };
    duration_of(&field, (key.least, key.most), "").unwrap_or(key.default)
}

/// The duration that `field` holds; a message begins with `besides`, which names other valid
/// values.
pub(super) fn duration_of(field: &Field<'_>, (least, most): (Duration, Duration), besides: &str) -> Option<Duration> {
    let millis = field.scalar_text().and_then(|text| counted(text, DURATION_UNITS));
    let found = millis.map(Duration::from_millis).filter(|found| (least..=most).contains(found));
    found.or_else(|| {
        let bounds = format!("{} to {}", duration_text(least), duration_text(most));
        let long = if most > DURATION_MAX { "30d" } else { "24h" };
        let expected = format!("{besides}a duration such as 30s, 5m or {long}, from {bounds}");
        let is_good = |millis| (least..=most).contains(&Duration::from_millis(millis));
        match field.scalar_text().and_then(|text| meant(text, DURATION_UNITS, is_good)) {
            Some(meant) => field.wrong_near(&expected, &meant),
            None => field.wrong(&expected),
        }
    })
}

/// The number under `key`, or its default.
pub(super) fn integer(fields: &mut Fields<'_>, key: &RangedKey<u32>) -> u32 {
    fields.get(key.name).and_then(|field| field.integer(key.least, key.most)).unwrap_or(key.default)
}

/// The value of the word under `key`, or its default.
pub(super) fn word<T: Copy>(fields: &mut Fields<'_>, key: &WordKey<T>) -> T {
    fields.get(key.name).and_then(|field| field.word(key.words)).unwrap_or(key.default)
}

/// The size under `key`, or its default.
pub(super) fn size(fields: &mut Fields<'_>, key: &RangedKey<u64>) -> u64 {
    size_between(fields, key.name, key.default, (key.least, key.most, ""))
}

/// The size under `key`, from `least` to `most`; a message about these bounds ends with `why`.
pub(super) fn size_between(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: u64,
    (least, most, why): (u64, u64, &str),
) -> u64 {
    let Some(field) = fields.get(key) else { return default };
    let found = field.scalar_text().and_then(|text| counted(text, SIZE_UNITS));
    found.filter(|found| (least..=most).contains(found)).unwrap_or_else(|| {
        let bounds = format!("from {} to {}", size_text(least), size_text(most));
        let expected = format!("a size with its unit (B, KiB, MiB, GiB), {bounds}{why}");
        let is_good = |bytes| (least..=most).contains(&bytes);
        match field.scalar_text().and_then(|text| meant(text, SIZE_UNITS, is_good)) {
            Some(meant) => field.wrong_near::<u64>(&expected, &meant),
            None => field.wrong(&expected),
        };
        default
    })
}

/// The parts of an absolute URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WrittenUrl<'a> {
    pub(super) https: bool,
    /// Host and port as written.
    pub(super) authority: &'a str,
    /// In lower case; an IPv6 address without brackets.
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// `/` if none is written.
    pub(super) path_and_query: Box<str>,
}

impl WrittenUrl<'_> {
    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback_name(&self.host)
    }
}

/// Splits a URL into its parts.
///
/// # Errors
/// What is expected instead.
pub(super) fn url(text: &str) -> Result<WrittenUrl<'_>, &'static str> {
    let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("a URL that begins with https:// or http:// in lower case"),
    };
    if rest.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`')) {
        return Err("a URL of plain ASCII characters");
    }
    if rest.contains('#') {
        return Err("a URL without a fragment");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end).ok_or("a URL")?;
    if authority.contains('@') {
        return Err("a URL without user name and password");
    }
    let (host, port) = split_port(authority)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    if !good {
        return Err("a URL with a host name or an address");
    }
    let target = match target {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    PathAndQuery::try_from(target.as_str()).map_err(|_| "a URL with a valid path")?;
    Ok(WrittenUrl {
        https,
        authority,
        host: bare.unwrap_or(host).to_ascii_lowercase().into(),
        port: port.unwrap_or(if https { 443 } else { 80 }),
        path_and_query: target.into(),
    })
}

/// A path relative to the file.
pub(super) fn path(field: &Field<'_>, expected: &str) -> Option<PathBuf> {
    Some(field.reading.base.join(field.text(expected)?))
}

/// The header `name`, written at `place`. Headers of HTTP and of the gateway itself are refused.
pub(super) fn header(reading: &Reading<'_>, place: &Place, name: &str, reserved: &[&str]) -> Option<HeaderName> {
    let expected = match HeaderName::try_from(name) {
        Ok(name) if !is_reserved(&name) && !reserved.contains(&name.as_str()) => return Some(name),
        Ok(_) => "a header that HTTP, MCP and the gateway do not use themselves",
        Err(_) => "a header name (letters, digits, - and _)",
    };
    reading.problem(place, &format!("the header {}", quoted(name)), expected);
    None
}

/// Headers that describe the message or the connection: setting one changes what the request means
/// (SPEC F-01…F-05).
fn is_reserved(name: &HeaderName) -> bool {
    const NAMES: &[&str] = &[
        "connection",
        "proxy-connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "proxy-authenticate",
        "proxy-authorization",
        "host",
        "date",
        "expect",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "last-event-id",
        "origin",
        "set-cookie",
        "www-authenticate",
    ];
    let name = name.as_str();
    NAMES.contains(&name) || ["content-", "mcp-", "accept", "sec-"].iter().any(|prefix| name.starts_with(prefix))
}

/// Distinct scopes (RFC 6749 §3.3).
pub(super) fn scopes(field: &Field<'_>) -> Vec<Written<Scope>> {
    let items = field.distinct("scopes").unwrap_or_default();
    items.iter().filter_map(scope).collect()
}

fn scope(field: &Field<'_>) -> Option<Written<Scope>> {
    const EXPECTED: &str = "one scope: no spaces, quotes, backslashes or characters outside ASCII";
    let text = field.text(EXPECTED)?;
    if !Scope::is_valid(text) {
        return field.wrong(EXPECTED);
    }
    if text.contains('*') {
        field.warn(
            "a scope without a wildcard: scopes are compared literally, and no token holds this one by holding others",
        );
    }
    Some(Written { value: Scope::from(text), place: field.place.clone() })
}

/// Distinct texts that are not empty.
pub(super) fn texts(field: &Field<'_>, expected: &str) -> Vec<Written<Box<str>>> {
    let items = field.distinct(expected).unwrap_or_default();
    let text = |item: &Field<'_>| Some(Written { value: item.text(expected)?.into(), place: item.place.clone() });
    items.iter().filter_map(text).collect()
}

/// The name of an authorization server or a server, which labels logs and metrics.
pub(super) fn name(entry: &Entry<'_>) -> Option<Box<str>> {
    const BYTES_MAX: usize = 64;
    let (name, good) = (entry.name, |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if name.is_empty() || name.len() > BYTES_MAX || !name.bytes().all(good) {
        let expected = "a name of at most 64 letters, digits, dots, dashes and underscores";
        entry.value.reading.problem(&entry.at, &format!("the name {}", quoted(name)), expected);
        return None;
    }
    Some(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_or_refused() {
        for (text, host, port, target) in [
            ("http://127.0.0.1:8000/mcp", "127.0.0.1", 8000, "/mcp"),
            ("https://MCP.example", "mcp.example", 443, "/"),
            ("http://[::1]:8000/a?b=c", "::1", 8000, "/a?b=c"),
            ("http://up?x", "up", 80, "/?x"),
        ] {
            let found = url(text).unwrap();
            assert_eq!((&*found.host, found.port, &*found.path_and_query), (host, port, target));
        }
        for bad in [
            "up.example/mcp",
            "ftp://up/",
            "HTTP://up/",
            "http://",
            "http:///mcp",
            "http://u:p@up/",
            "http://up/#a",
            "http://up/a b",
            "http://up:0/",
            "http://up:99999/",
            "http://[::1/",
            "http://[x]/",
            "http://up\\evil/",
            "http://üp/",
            "http://a%20b/",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
