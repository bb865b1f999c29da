//! Tells a machine without a network from servers that do not answer.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
};

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
    if has_network() || !findings.iter().any(is_cause) {
        return findings;
    }
    let (unreached, mut others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_cause);
    let places: Vec<&str> = unreached.iter().filter_map(|one| one.at.rsplit(' ').next()).collect();
    let found = format!("no route from here to any other machine; not reached: {}", places.join(", "));
    others.push(Finding::new("no-network", of.at("")).found(found).expected("the network of the gateway"));
    others
}

/// Whether this machine has a route to others. A network may have no way out, as one of Docker with
/// `internal: true`: then what does not answer there is a fault of its own.
fn has_network() -> bool {
    let read = |name| fs::read_to_string(Path::new("/proc/net").join(name)).unwrap_or_default();
    has_default_route() || has_own_network(&read("route"), &read("if_inet6"))
}

/// Whether these tables of Linux name a network besides loopback: IPv4 routes below a line of
/// titles, and IPv6 addresses, of which `20` in the fourth column are of one link alone.
fn has_own_network(routes: &str, addresses: &str) -> bool {
    let is_elsewhere = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.get(3) != Some(&"20") && columns.get(5).is_some_and(|name| *name != "lo")
    };
    routes.lines().skip(1).any(|line| !line.starts_with("lo\t")) || addresses.lines().any(is_elsewhere)
}

/// Nothing is sent: a UDP socket is only given its peer, an address for documentation (RFC 5737,
/// RFC 3849).
fn has_default_route() -> bool {
    let v4 = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    [v4, v6].into_iter().any(|(from, to)| {
        let socket = UdpSocket::bind(SocketAddr::new(from, 0));
        socket.and_then(|socket| socket.connect(SocketAddr::new(to, 9))).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_a_way_out_is_a_network() {
        const TITLES: &str = "Iface\tDestination\tGateway\tFlags\n";
        let route = |name: &str| format!("{TITLES}{name}\t0000000A\t00000000\t0001\n");
        let address =
            |scope: &str, name: &str| format!("fd000000000000000000000000000001 02 40 {scope} 80 {name:>8}\n");
        for (routes, addresses, is_network) in [
            (TITLES.to_owned(), String::new(), false),
            (String::new(), String::new(), false),
            (route("eth0"), String::new(), true),
            (route("lo"), address("10", "lo"), false),
            (TITLES.to_owned(), address("20", "eth0"), false),
            (TITLES.to_owned(), address("00", "eth0"), true),
        ] {
            assert_eq!(has_own_network(&routes, &addresses), is_network, "{routes}{addresses}");
        }
    }
}
