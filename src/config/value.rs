//! Reads the small languages inside scalars: durations, sizes, URLs and header names.

use std::{path::PathBuf, time::Duration};

use http::{HeaderName, uri::PathAndQuery};

use crate::{
    base::names::{Scope, is_loopback_name, split_port},
    config::{
        place::{Place, Written},
        problem::quoted,
        reader::{Entry, Field, Fields},
        reading::Reading,
    },
};

/// Longest duration that may be written: a timer beyond it is a slip of the unit.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// Units of durations, largest first.
const DURATION_UNITS: &[(&str, u64)] = &[("d", DAY_MILLIS), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const DAY_MILLIS: u64 = 24 * 3_600_000;
/// Units of sizes, largest first.
const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Digits and a unit, such as `30s`.
fn counted(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(end)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

/// `count` in the largest unit that leaves no rest.
fn written(count: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, factor)| count.is_multiple_of(*factor) && count >= *factor);
    whole.or(units.last()).map(|(unit, factor)| format!("{}{unit}", count / factor)).unwrap_or_default()
}

/// A duration as this file writes it.
pub(super) fn duration_text(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()) {
        Ok(0) => "0s".to_owned(),
        // A day is 24h here: days are for what lasts several.
        Ok(DAY_MILLIS) => "24h".to_owned(),
        Ok(millis) => written(millis, DURATION_UNITS),
        Err(_) => "24h".to_owned(),
    }
}

/// A size as this file writes it.
pub(super) fn size_text(bytes: u64) -> String {
    written(bytes, SIZE_UNITS)
}

/// The duration under `key`, from `least` to `most`; `default` where it is not written.
pub(super) fn duration(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: Duration,
    (least, most): (Duration, Duration),
) -> Duration {
    let Some(field) = fields.get(key) else { return default };
    duration_of(&field, (least, most), "").unwrap_or(default)
}

/// The duration that `field` says; `besides` is what else it could say.
pub(super) fn duration_of(field: &Field<'_>, (least, most): (Duration, Duration), besides: &str) -> Option<Duration> {
    let millis = field.scalar_text().and_then(|text| counted(text, DURATION_UNITS));
    let found = millis.map(Duration::from_millis).filter(|found| (least..=most).contains(found));
    found.or_else(|| {
        let bounds = format!("{} to {}", duration_text(least), duration_text(most));
        let long = if most > DURATION_MAX { "30d" } else { "24h" };
        field.wrong(&format!("{besides}a duration such as 30s, 5m or {long}, from {bounds}"))
    })
}

/// A timeout under `key`: any duration but none.
pub(super) fn timeout(fields: &mut Fields<'_>, key: &'static str, default: Duration) -> Duration {
    duration(fields, key, default, (Duration::from_millis(1), DURATION_MAX))
}

/// From `least` up to the longest duration that may be written.
pub(super) fn from(least: Duration) -> (Duration, Duration) {
    (least, DURATION_MAX)
}

/// The size under `key`, from 1 B to `most`.
pub(super) fn size(fields: &mut Fields<'_>, key: &'static str, default: u64, most: u64) -> u64 {
    size_between(fields, key, default, (1, most, ""))
}

/// The size under `key`, from `least` to `most`; `why` is said behind them.
pub(super) fn size_between(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: u64,
    (least, most, why): (u64, u64, &str),
) -> u64 {
    let Some(field) = fields.get(key) else { return default };
    let found = field.scalar_text().and_then(|text| counted(text, SIZE_UNITS));
    found.filter(|found| (least..=most).contains(found)).unwrap_or_else(|| {
        let (least, most) = (size_text(least), size_text(most));
        field.wrong::<u64>(&format!("a size with its unit (B, KiB, MiB, GiB), from {least} to {most}{why}"));
        default
    })
}

/// An absolute URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) https: bool,
    /// Host and port as written.
    pub(super) authority: &'a str,
    /// In lower case; an IPv6 address without brackets.
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// `/` where none is written.
    pub(super) path_and_query: Box<str>,
}

impl Url<'_> {
    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback_name(&self.host)
    }
}

/// Takes a URL apart.
///
/// # Errors
/// What is expected instead.
pub(super) fn url(text: &str) -> Result<Url<'_>, &'static str> {
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
    Ok(Url {
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

/// The header `name`, written at `place`, which may not be one that the gateway itself, or HTTP, answers for.
pub(super) fn header(reading: &Reading<'_>, place: &Place, name: &str, reserved: &[&str]) -> Option<HeaderName> {
    let expected = match HeaderName::try_from(name) {
        Ok(name) if !is_reserved(&name) && !reserved.contains(&name.as_str()) => return Some(name),
        Ok(_) => "a header that HTTP, MCP and the gateway do not use themselves",
        Err(_) => "a header name (letters, digits, - and _)",
    };
    reading.problem(place, &format!("the header {}", quoted(name)), expected);
    None
}

/// Headers that describe the message or the hop: setting one of them changes what the request means (SPEC F-01…F-05).
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

/// Scopes, each a word of RFC 6749 §3.3, each once.
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

/// Texts that say something, each once.
pub(super) fn texts(field: &Field<'_>, expected: &str) -> Vec<Written<Box<str>>> {
    let items = field.distinct(expected).unwrap_or_default();
    let text = |item: &Field<'_>| Some(Written { value: item.text(expected)?.into(), place: item.place.clone() });
    items.iter().filter_map(text).collect()
}

/// A name of an authorization server or a server: it labels logs and metrics.
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
    fn durations_and_sizes_have_one_number_and_one_unit() {
        for (text, millis) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("30d", Some(2_592_000_000)),
            ("1d", Some(86_400_000)),
            ("5D", None),
            ("250ms", Some(250)),
            ("0s", Some(0)),
            ("30", None),
            ("1m30s", None),
            ("-1s", None),
            ("1.5s", None),
            ("05s", None),
            ("5 m", None),
            ("5M", None),
            ("", None),
            ("s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(counted(text, DURATION_UNITS), millis, "{text}");
        }
        for (text, bytes) in
            [("64KiB", Some(65_536)), ("4MiB", Some(4 << 20)), ("10B", Some(10)), ("64KB", None), ("64", None)]
        {
            assert_eq!(counted(text, SIZE_UNITS), bytes, "{text}");
        }
        for text in ["1ms", "90s", "5m", "24h", "25h", "30d", "1500ms"] {
            let millis = counted(text, DURATION_UNITS).unwrap();
            assert_eq!(duration_text(Duration::from_millis(millis)), text);
        }
        assert_eq!(size_text(4 << 20), "4MiB");
        assert_eq!(size_text(1025), "1025B");
    }

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
