//! Decides which client addresses count as one peer.

use std::net::{IpAddr, Ipv6Addr};

/// The /64 of an IPv6 address, or the IPv4 address, even if mapped to IPv6: a listener on `[::]`
/// sees mapped addresses.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

/// The /48 of an IPv6 address, which providers give to one customer (RFC 6177); `None` for IPv4.
#[must_use]
pub fn site(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(address) => Some(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 80 << 80))),
        IpAddr::V4(_) => None,
    }
}

/// The addresses that probably belong to one party: the /24 of an IPv4 address, the /48 of an IPv6
/// address.
#[must_use]
pub fn prefix(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_one_peer() {
        for (address, peer) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), peer.parse::<IpAddr>().unwrap(), "{address}");
        }
        assert_eq!(site("2001:db8:1:2:3::".parse().unwrap()), Some("2001:db8:1::".parse().unwrap()));
        assert_eq!(site("::ffff:192.0.2.7".parse().unwrap()), None);
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.0/24"),
            ("2001:db8:1:2:3::", "2001:db8:1::/48"),
        ] {
            assert_eq!(prefix(address.parse().unwrap()), expected);
        }
    }
}
