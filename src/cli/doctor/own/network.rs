//! Tells a machine without a network from servers that do not answer.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::own_file::OwnFile;
use crate::cli::doctor::finding::Finding;

/// Findings that a machine without a network has of every server.
const OF_EACH: [&str; 8] = [
    "issuer-unreachable",
    "jwks-unreachable",
    "introspection-unreachable",
    "idp-unreachable",
    "upstream-unresolvable",
    "upstream-unreachable",
    "upstream-timeout",
    "redis-refused",
];
/// What the findings say of such a machine, and not of a closed port.
const WORDS: [&str; 3] = ["lookup address", "no address", "unreachable"];

/// The findings; on a machine without a network, one in place of those about servers elsewhere.
pub(super) fn joined(of: &OwnFile<'_>, findings: Vec<Finding>) -> Vec<Finding> {
    let is_cause = |one: &Finding| {
        let found = one.found.to_ascii_lowercase();
        OF_EACH.contains(&one.id) && WORDS.iter().any(|words| found.contains(words))
    };
    if has_route() || !findings.iter().any(is_cause) {
        return findings;
    }
    let (unreached, mut others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_cause);
    let places: Vec<&str> = unreached.iter().filter_map(|one| one.at.rsplit(' ').next()).collect();
    let found = format!("no route from here to any other machine; not reached: {}", places.join(", "));
    others.push(Finding::new("no-network", of.at("")).found(found).expected("the network of the gateway"));
    others
}

/// Whether this machine has a route to others. Nothing is sent: a UDP socket is only given its
/// peer, an address for documentation (RFC 5737, RFC 3849).
fn has_route() -> bool {
    let v4 = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    [v4, v6].into_iter().any(|(from, to)| {
        let socket = UdpSocket::bind(SocketAddr::new(from, 0));
        socket.and_then(|socket| socket.connect(SocketAddr::new(to, 9))).is_ok()
    })
}
