//! Splits a URL that has one reading; refuses one in which two parsers could find two hosts.
//!
//! URLs are compared as plain strings (SPEC E-31, E-32), but a browser or a fetcher acts on what
//! its own parser reads. So nothing is normalised here: what a parser would rewrite, repair or
//! decode before the host is an error.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::base::{names::split_port, percent::escaped_byte};

/// A URL of the web, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebUrl<'a> {
    pub(super) https: bool,
    /// In lower case, whatever the URL has; an IPv6 address in brackets.
    pub(super) host: Cow<'a, str>,
    /// The host as written.
    pub(super) written_host: &'a str,
    /// Whether the host is an address, not a name.
    pub(super) is_address: bool,
    /// The port, which the scheme gives if the URL has none.
    pub(super) port: u16,
    /// Scheme, host and port as written.
    pub(super) origin: &'a str,
    /// Path and query as written.
    pub(super) rest: &'a str,
}

impl<'a> WebUrl<'a> {
    /// Reads `https://…` or `http://…`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &'a str) -> Result<Self, &'static str> {
        let (https, after) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(after), _) => (true, after),
            (_, Some(after)) => (false, after),
            _ => return Err("the URL does not begin with https:// in lower case"),
        };
        check_characters(text)?;
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(end).ok_or(NO_HOST)?;
        let origin = text.strip_suffix(rest).ok_or(NO_HOST)?;
        if authority.contains('@') {
            return Err("the URL has a user name");
        }
        let (host, port) =
            split_port(authority).map_err(|_| "the URL has no port between 1 and 65535 after its host's colon")?;
        if port.is_some_and(|port| authority.len() != host.len() + 1 + port.to_string().len()) {
            return Err("the URL's port begins with a zero");
        }
        let written_host = host;
        let host = match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        };
        let is_address = check_host(&host)?;
        check_path(rest)?;
        let port = port.unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, host, written_host, is_address, port, origin, rest })
    }

    /// Whether the host is one of the three names of this machine that RFC 8252 §7.3 and native
    /// clients use.
    pub(super) fn is_plain_loopback(&self) -> bool {
        matches!(&*self.host, "127.0.0.1" | "[::1]" | "localhost")
    }

    /// Whether the host is this machine, by any of its names.
    pub(super) fn is_loopback(&self) -> bool {
        is_this_machine(&self.host)
    }
}

/// Whether a host in lower case is this machine, by any of its names (RFC 6761 §6.3 for those below
/// `localhost`).
pub(super) fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>().map(|address| address.to_canonical());
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

const NO_HOST: &str = "the URL has no host";

/// Only characters of RFC 3986 §2 and whole escapes; no escaped control character or backslash.
pub(super) fn check_characters(text: &str) -> Result<(), &'static str> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'#' => return Err("the URL has a fragment"),
            b'%' => match escaped_byte(bytes.next(), bytes.next()) {
                Some(0..=0x1F | 0x7F | b'\\') => {
                    return Err("the URL has an escaped control character or backslash");
                }
                Some(_) => {}
                None => return Err("the URL has a % without two hexadecimal digits"),
            },
            // Browsers read `\` as `/`, and drop tabs and line feeds wherever they stand.
            b'!' | b'$' | b'&'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' => {}
            _ => return Err("the URL has characters that a URL cannot have"),
        }
    }
    Ok(())
}

/// Whether the host is an address, which must be in its one canonical spelling: `127.1`, `0x7f.1`
/// and `2130706433` are the same machine to a browser and strange names to others.
fn check_host(host: &str) -> Result<bool, &'static str> {
    const WRONG: &str = "the URL's host is neither a name nor an address in its usual form";
    if let Some(bare) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let is_canonical = bare.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == bare);
        return if is_canonical { Ok(true) } else { Err(WRONG) };
    }
    if host.is_empty() {
        return Err(NO_HOST);
    }
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        is_plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err(WRONG);
    }
    // The WHATWG URL parser takes every host that ends in a number for an IPv4 address.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !last.bytes().all(|byte| byte.is_ascii_digit()) && !last.strip_prefix("0x").is_some_and(is_hexadecimal) {
        return Ok(false);
    }
    if host.parse::<Ipv4Addr>().is_ok() { Ok(true) } else { Err(WRONG) }
}

/// No brackets, which only an address has, and no segment that a parser would resolve or that is
/// more than one once decoded.
pub(super) fn check_path(rest: &str) -> Result<(), &'static str> {
    if rest.contains(['[', ']']) {
        return Err("the URL has a bracket outside its host");
    }
    let path = rest.split('?').next().unwrap_or_default().to_ascii_lowercase();
    if path.contains("%2f") {
        return Err("the URL's path has an escaped slash");
    }
    if path.split('/').any(|segment| matches!(segment.replace("%2e", ".").as_str(), "." | "..")) {
        return Err("the URL's path has dot segments");
    }
    Ok(())
}
