//! Networks in CIDR notation, such as `10.0.0.0/8`, and which addresses they hold.

use std::{fmt, net::IpAddr, str::FromStr};

/// One network. An IPv4 network holds the IPv6 addresses that are mapped from its own, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first address.
    first: IpAddr,
    /// How many leading bits all its addresses share.
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAddressRange {
    /// It is not an address, optionally with `/` and a number of bits.
    Form,
    /// The address has bits after the prefix; this network was probably meant.
    HostBits(AddressRange),
}

impl AddressRange {
    /// Whether it holds `address`.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                masked(first.to_bits().into(), address.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => masked(first.to_bits(), address.to_bits(), 128, self.prefix),
            _ => false,
        }
    }

    /// Whether it holds every address of its family.
    #[must_use]
    pub fn holds_all(&self) -> bool {
        self.prefix == 0
    }
}

/// Whether two addresses of `bits` bits share their first `prefix` bits.
fn masked(one: u128, other: u128, bits: u8, prefix: u8) -> bool {
    // A shift by all 128 bits has no value: then no bit has to be equal.
    (one ^ other).checked_shr(u32::from(bits.saturating_sub(prefix))).unwrap_or(0) == 0
}

impl FromStr for AddressRange {
    type Err = BadAddressRange;

    /// A network, or an address for the network that holds it alone.
    fn from_str(text: &str) -> Result<Self, BadAddressRange> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let first: IpAddr = address.parse().map_err(|_| BadAddressRange::Form)?;
        // A mapped address would never equal an address, because those are compared unmapped.
        if first.to_canonical() != first {
            return Err(BadAddressRange::Form);
        }
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix)
                if prefix == "0" || prefix.bytes().all(|byte| byte.is_ascii_digit()) && !prefix.starts_with('0') =>
            {
                prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or(BadAddressRange::Form)?
            }
            Some(_) => return Err(BadAddressRange::Form),
        };
        let host_bits = u32::from(bits - prefix);
        let cut = |all: u128| all.checked_shr(host_bits).and_then(|kept| kept.checked_shl(host_bits)).unwrap_or(0);
        let network = match first {
            // The value fits: it has 32 bits.
            IpAddr::V4(first) => IpAddr::V4(u32::try_from(cut(first.to_bits().into())).unwrap_or(0).into()),
            IpAddr::V6(first) => IpAddr::V6(cut(first.to_bits()).into()),
        };
        let range = Self { first: network, prefix };
        if network == first { Ok(range) } else { Err(BadAddressRange::HostBits(range)) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.6/31", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1/128", "::1", "::2"),
        ] {
            let range: AddressRange = network.parse().unwrap();
            assert!(range.holds(inside.parse().unwrap()), "{network} {inside}");
            assert!(!range.holds(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(range.to_string().parse(), Ok(range), "{network}");
            assert_eq!(range.holds_all(), network.ends_with("/0"), "{network}");
        }
    }

    #[test]
    fn what_is_not_a_network_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0/8",
            "010.0.0.0/8",
            "::/129",
            "localhost",
            "10.0.0.0/8/8",
            "::ffff:10.0.0.0/104",
            " 10.0.0.0/8",
            "fe80::1%eth0",
        ] {
            assert_eq!(text.parse::<AddressRange>(), Err(BadAddressRange::Form), "{text}");
        }
        let meant = "10.0.0.0/8".parse().unwrap();
        assert_eq!("10.1.0.1/8".parse::<AddressRange>(), Err(BadAddressRange::HostBits(meant)));
        let meant = "::/0".parse().unwrap();
        assert_eq!("::1/0".parse::<AddressRange>(), Err(BadAddressRange::HostBits(meant)));
    }
}
