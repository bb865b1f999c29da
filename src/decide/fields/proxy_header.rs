//! Reads the header of the PROXY protocol, versions 1 and 2, which names a proxy's client.
//!
//! Every byte is checked: a proxy that sends anything else is configured for something else, and
//! then the address would be a guess.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

use crate::base::limits::connections::PROXY_HEADER_BYTES_MAX;

#[cfg(test)]
mod tests;

/// The longest header of version 1, with its end of line.
const V1_BYTES_MAX: usize = 107;
const V1_START: &[u8] = b"PROXY ";
/// The signature of version 2.
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, then version and command, family and protocol, and two bytes of length.
const V2_FIXED_BYTES: usize = 16;

/// A whole header at the beginning of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client's address. `None` for a connection of the proxy itself, such as a health check
    /// (`LOCAL`), and for a client without an address (`UNKNOWN`): then the connection's counts.
    pub client: Option<IpAddr>,
    /// How many bytes it has.
    pub bytes: usize,
}

/// Reads the header at the beginning of `bytes`. `None` if its end has not come yet.
///
/// # Errors
/// What is wrong with it, as soon as that is certain.
pub fn read(bytes: &[u8]) -> Result<Option<ProxyHeader>, &'static str> {
    let begins = |start: &[u8]| bytes.iter().zip(start).all(|(came, wanted)| came == wanted);
    if begins(V1_START) {
        read_v1(bytes)
    } else if begins(V2_START) {
        read_v2(bytes)
    } else {
        Err("no PROXY header")
    }
}

fn read_v1(bytes: &[u8]) -> Result<Option<ProxyHeader>, &'static str> {
    let window = bytes.get(..V1_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if window.len() < V1_BYTES_MAX { Ok(None) } else { Err("a PROXY line that is too long") };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or("a PROXY line without CRLF")?;
    let line = line.strip_prefix(V1_START).ok_or("no PROXY line")?;
    let line = str::from_utf8(line).map_err(|_| "a PROXY line that is not ASCII")?;
    let client = match line.split_once(' ').map_or((line, None), |(family, rest)| (family, Some(rest))) {
        // All that follows must be ignored.
        ("UNKNOWN", _) => None,
        ("TCP4", Some(rest)) => Some(v1_client(rest, |text| text.parse().ok().map(|of: Ipv4Addr| of.into()))?),
        ("TCP6", Some(rest)) => Some(v1_client(rest, |text| text.parse().ok().map(|of: Ipv6Addr| of.into()))?),
        _ => return Err("a PROXY line of an unknown family"),
    };
    Ok(Some(ProxyHeader { client, bytes: end + 1 }))
}

/// Both addresses and both ports; the client's is the first.
fn v1_client(rest: &str, address: fn(&str) -> Option<IpAddr>) -> Result<IpAddr, &'static str> {
    let mut words = rest.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (from, to) = (address(next()), address(next()));
    let is_port = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
            && text.parse::<u16>().is_ok()
    };
    let ports = [next(), next()];
    match (from, to, ports.into_iter().all(is_port), words.next()) {
        (Some(from), Some(_), true, None) => Ok(from.to_canonical()),
        _ => Err("a PROXY line without two addresses and two ports"),
    }
}

fn read_v2(bytes: &[u8]) -> Result<Option<ProxyHeader>, &'static str> {
    let Some([version, family, high, low]) = bytes.get(V2_START.len()..V2_FIXED_BYTES) else { return Ok(None) };
    let whole = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([*high, *low]));
    if whole > PROXY_HEADER_BYTES_MAX {
        return Err("a PROXY header that is too long");
    }
    let is_local = match version {
        0x20 => true,
        0x21 => false,
        _ => return Err("a PROXY header of an unknown version or command"),
    };
    // Each with the bytes of both addresses and, for IP, of both ports.
    let addresses = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        // What a connection of the proxy itself says about addresses is ignored.
        _ if is_local => 0,
        _ => return Err("a PROXY header of an unknown family"),
    };
    if !is_local && whole < V2_FIXED_BYTES + addresses {
        return Err("a PROXY header without its addresses");
    }
    let Some(rest) = bytes.get(V2_FIXED_BYTES..whole) else { return Ok(None) };
    let client = match family {
        _ if is_local => None,
        0x11 => rest.first_chunk::<4>().map(|of| IpAddr::from(*of)),
        0x21 => rest.first_chunk::<16>().map(|of| IpAddr::from(*of).to_canonical()),
        // A client without an IP address.
        _ => None,
    };
    Ok(Some(ProxyHeader { client, bytes: whole }))
}
