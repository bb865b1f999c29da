//! Whether a certificate by ACME with TLS-ALPN-01 can be for a name (RFC 8737).

use std::net::IpAddr;

/// Longest host name (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;
/// Longest label.
const LABEL_BYTES_MAX: usize = 63;

/// Why a name cannot be in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDomain {
    /// A wildcard.
    Wildcard,
    /// An IP address.
    Address,
    /// A URL, or a name with a port.
    Url,
    /// A name with letters outside of ASCII.
    NotAscii,
    /// Something else that is not a host name.
    Form,
}

/// Whether `text` is a host name in lower case, in the form that is sent to a CA.
///
/// # Errors
/// Why it is not.
pub fn domain(text: &str) -> Result<(), BadDomain> {
    if text.contains('*') {
        return Err(BadDomain::Wildcard);
    }
    if text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return Err(BadDomain::Address);
    }
    if text.contains(['/', ':']) {
        return Err(BadDomain::Url);
    }
    if !text.is_ascii() {
        return Err(BadDomain::NotAscii);
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if text.len() > NAME_BYTES_MAX || last_is_number || !text.split('.').all(is_label) {
        return Err(BadDomain::Form);
    }
    Ok(())
}

impl BadDomain {
    /// What is expected instead, for the operator.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Wildcard => {
                "each host name by itself: a CA proves names by a TLS connection to them (TLS-ALPN-01), which cannot prove a wildcard"
            }
            Self::Address => "a host name: certificates for IP addresses are not ordered",
            Self::Url => "a host name alone, without a scheme, a port or a path",
            Self::NotAscii => "the name as DNS has it: xn--… for each part with letters outside of ASCII",
            Self::Form => {
                "a host name such as mcp.example.com: letters in lower case, digits, - and dots, without a dot at its end"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f41_attack_400_only_single_host_names_are_ordered() {
        for (text, verdict) in [
            ("mcp.example.com", Ok(())),
            ("a", Ok(())),
            ("xn--bcher-kva.example", Ok(())),
            ("1.example", Ok(())),
            ("*.example.com", Err(BadDomain::Wildcard)),
            ("192.0.2.7", Err(BadDomain::Address)),
            ("::1", Err(BadDomain::Address)),
            ("[2001:db8::1]", Err(BadDomain::Address)),
            ("https://mcp.example.com", Err(BadDomain::Url)),
            ("mcp.example.com:443", Err(BadDomain::Url)),
            ("bücher.example", Err(BadDomain::NotAscii)),
            ("MCP.example.com", Err(BadDomain::Form)),
            ("mcp.example.com.", Err(BadDomain::Form)),
            ("mcp..example.com", Err(BadDomain::Form)),
            ("_acme.example.com", Err(BadDomain::Form)),
            ("-a.example", Err(BadDomain::Form)),
            ("a.1", Err(BadDomain::Form)),
            ("a b", Err(BadDomain::Form)),
            ("a\n.example", Err(BadDomain::Form)),
            ("", Err(BadDomain::Form)),
        ] {
            assert_eq!(domain(text), verdict, "{text:?}");
        }
        assert_eq!(domain(&"a".repeat(64)), Err(BadDomain::Form));
        assert_eq!(domain(&["a"; 130].join(".")), Err(BadDomain::Form));
    }
}
