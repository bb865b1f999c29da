//! Decides which IP addresses the gateway may connect to (SPEC D-30).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
mod tests;

/// Which addresses a host may lead to: it depends on the source of the host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressRule {
    /// The configuration names the host: any address of a service. Never a link-local address or a
    /// cloud's metadata service, which a hijacked or rebound name would lead to.
    Configured,
    /// A fetched document names the host: public addresses only.
    PublicOnly,
}

impl AddressRule {
    /// Whether `address` may be dialled. If it contains an IPv4 address, that address must be
    /// permitted, too.
    #[must_use]
    pub fn permits(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.permits_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => self.permits_v4(mapped),
                None => self.permits_v6(address),
            },
        }
    }

    fn permits_v4(self, address: Ipv4Addr) -> bool {
        !is_never_a_service_v4(address)
            && match self {
                Self::Configured => true,
                Self::PublicOnly => is_public_v4(address),
            }
    }

    fn permits_v6(self, address: Ipv6Addr) -> bool {
        if is_never_a_service_v6(address) || carried(address).is_some_and(is_never_a_service_v4) {
            return false;
        }
        match (self, nat64(address)) {
            (Self::Configured, _) => true,
            (Self::PublicOnly, Some(behind)) => is_public_v4(behind),
            (Self::PublicOnly, None) => is_public_v6(address),
        }
    }
}

/// Whether no identity provider and no MCP server has this address: unspecified, link-local,
/// multicast, broadcast, or a cloud's metadata service.
fn is_never_a_service_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // Linux connects to itself for 0.0.0.0.
        [0, ..] => true,
        // Link-local, including 169.254.169.254.
        [169, 254, ..] => true,
        // Multicast and broadcast.
        [224..=239, ..] | [255, 255, 255, 255] => true,
        // Metadata services outside 169.254/16: Alibaba, Oracle, Azure's wire server.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => true,
        _ => false,
    }
}

fn is_never_a_service_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Metadata services with unique local addresses: AWS, Google.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254] => true,
        _ => address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local(),
    }
}

/// The IPv4 address to which a packet for `address` may be sent: NAT64 (RFC 6052), 6to4 (RFC 3056),
/// IPv4-compatible (RFC 4291 §2.5.5.1).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(joined(high, low)),
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => nat64(address),
    }
}

/// The IPv4 address after the well-known NAT64 prefix.
fn nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(joined(high, low)),
        _ => None,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Whether an address is public, by the IANA registry of special-purpose IPv4 addresses (RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

/// Whether an address is in 2000::/3, the range for global unicast, and not in a part that is
/// reserved for another use.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // 2001::/23, IETF protocol assignments: Teredo, benchmarking, ORCHID.
        [0x2001, 0..=0x01ff, ..] => false,
        // Documentation.
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // 6to4: a relay decides where the packet goes.
        [0x2002, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
