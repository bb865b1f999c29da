//! Finds the client's address in `Forwarded` (RFC 7239) or `X-Forwarded-For`, if a proxy sent it.
//!
//! Proxies add the address of whom they serve at the end, after what that client itself has sent.
//! So both fields are read from their end, and only as far as the addresses are trusted proxies:
//! the first other address is the client, and what stands before it is the client's own claim.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

use crate::{base::address_range::AddressRange, decide::fields::header_names::X_FORWARDED_FOR};

#[cfg(test)]
mod tests;

/// Whether one of `trusted` holds `address`.
#[must_use]
pub fn is_trusted(trusted: &[AddressRange], address: IpAddr) -> bool {
    trusted.iter().any(|range| range.holds(address))
}

/// The address of the client that made a request, which came from `peer`.
///
/// It is `peer` itself unless that is a trusted proxy. It is also `peer` if the proxies do not say
/// the client's address in a way that can only be read in one way. A proxy that writes one of the
/// two fields passes the other as its client sent it (attack 200). So if both are there, both must
/// name the same client.
#[must_use]
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[AddressRange]) -> IpAddr {
    if !is_trusted(trusted, peer) {
        return peer;
    }
    let forwarded = last_hop(headers, &FORWARDED, trusted, forwarded_hops);
    let x_forwarded_for = last_hop(headers, &X_FORWARDED_FOR, trusted, x_forwarded_for_hops);
    match (forwarded, x_forwarded_for) {
        (Hop::Unsaid, Hop::Address(client)) | (Hop::Address(client), Hop::Unsaid) => client,
        (Hop::Address(one), Hop::Address(other)) if one == other => one,
        _ => peer,
    }
}

/// What a field says about the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    /// Nothing: it is not there.
    Unsaid,
    /// It cannot be understood, or hides the address.
    Unknown,
    /// Its address.
    Address(IpAddr),
}

/// The last address that is not trusted; or the first, if all are.
fn last_hop(
    headers: &HeaderMap,
    name: &HeaderName,
    trusted: &[AddressRange],
    hops: fn(&str) -> Option<Vec<Option<IpAddr>>>,
) -> Hop {
    let mut found = Hop::Unsaid;
    // A proxy may add to the last line, or add a line of its own.
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    for line in lines.into_iter().rev() {
        let Some(hops) = line.to_str().ok().and_then(hops) else { return Hop::Unknown };
        for hop in hops.into_iter().rev() {
            let Some(address) = hop else { return Hop::Unknown };
            found = Hop::Address(address);
            if !is_trusted(trusted, address) {
                return found;
            }
        }
    }
    found
}

/// The hops of one line of `X-Forwarded-For`, in their order; `None` for one without an address.
#[expect(clippy::unnecessary_wraps, reason = "has the type of `forwarded_hops`")]
fn x_forwarded_for_hops(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let hops = line.split(',').map(|hop| hop.trim_matches([' ', '\t'])).filter(|hop| !hop.is_empty());
    Some(hops.map(|hop| node(hop, true)).collect())
}

/// The hops of one line of `Forwarded`, in their order; `None` for one without an address.
///
/// The line is read strictly and whole. A client may open a quoted string, so that what a proxy
/// adds becomes a part of it: then the line is not well-formed, whatever comes after it.
fn forwarded_hops(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut rest = line.trim_matches([' ', '\t']);
    loop {
        // Empty elements are ignored (RFC 9110 §5.6.1).
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(hops);
        }
        let mut hop = None;
        rest = element(rest, &mut hop)?;
        hops.push(hop.and_then(|hop| node(&hop, false)));
    }
}

/// Reads one element, `for=…;by=…`, into `hop`, and returns what follows it.
fn element<'a>(mut rest: &'a str, hop: &mut Option<String>) -> Option<&'a str> {
    loop {
        // RFC 7239 §4 permits empty pairs, and no blank around `;` and `=`; some proxies put a
        // blank after `;`.
        rest = rest.trim_start_matches([';', ' ', '\t']);
        if rest.is_empty() || rest.starts_with(',') {
            return Some(rest);
        }
        let name;
        (name, rest) = token(rest)?;
        let (value, after) = value(rest.strip_prefix('=')?)?;
        if name.eq_ignore_ascii_case("for") && hop.replace(value).is_some() {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            return None;
        }
    }
}

/// A token (RFC 9110 §5.6.2), and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(token, _)| !token.is_empty())
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // An address of IPv4 with its port needs quotes, and proxies leave them out.
        let end = text.bytes().position(|byte| b";, \t".contains(&byte)).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).filter(|(value, _)| !value.is_empty())?;
        let is_plain = value.split(':').all(|part| token(part).is_some_and(|(_, rest)| rest.is_empty()));
        return is_plain.then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut is_escaped = false;
    for (at, sign) in quoted.char_indices() {
        match sign {
            _ if is_escaped => {
                is_escaped = false;
                value.push(sign);
            }
            '\\' => is_escaped = true,
            '"' => return Some((value, quoted.get(at + 1..)?)),
            _ => value.push(sign),
        }
    }
    None
}

/// The address of a node: an IPv4 address, or an IPv6 address in brackets, with or without a port
/// (RFC 7239 §6). With `is_bare`, an IPv6 address needs no brackets.
fn node(text: &str, is_bare: bool) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let is_whole = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        let address: Ipv6Addr = address.parse().ok()?;
        return is_whole.then_some(IpAddr::V6(address).to_canonical());
    }
    if is_bare && let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(address).to_canonical());
    }
    let (address, port) = text.split_once(':').map_or((text, None), |(address, port)| (address, Some(port)));
    let address: Ipv4Addr = address.parse().ok()?;
    port.is_none_or(is_port).then_some(address.into())
}

/// A port, or a name for one that hides it (RFC 7239 §6.2): it decides nothing.
fn is_port(text: &str) -> bool {
    let is_number = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_hidden = text.len() > 1
        && text.starts_with('_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    is_number || is_hidden
}
