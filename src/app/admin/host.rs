//! Decides whether the admin port accepts a `Host`; a defence against DNS rebinding.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, Uri, Version, header::HOST};

use crate::base::names::split_port;

/// Why the admin port refuses a `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostFault {
    /// No `Host`, several, one that differs from the target's, or no host at all (400).
    Malformed(&'static str),
    /// A name of another host (421).
    Foreign,
}

/// IP addresses, `localhost` and `name` pass, with any port: probes and scrapers send the address
/// of a pod, a node or a container. HTTP/1.0 may leave `Host` out (RFC 9112 §3.2).
pub(super) fn check(version: Version, target: &Uri, headers: &HeaderMap, name: &str) -> Result<(), HostFault> {
    let mut fields = headers.get_all(HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (_, Some(_)) => return Err(HostFault::Malformed("two Host fields")),
        (None, None) if version >= Version::HTTP_11 => return Err(HostFault::Malformed("no Host field")),
        (field, None) => field.map(|field| field.to_str()).transpose(),
    };
    let field = field.map_err(|_| HostFault::Malformed("a Host field that is not ASCII"))?;
    let authority = target.authority().map(http::uri::Authority::as_str);
    if let (Some(authority), Some(field)) = (authority, field)
        && !authority.eq_ignore_ascii_case(field)
    {
        return Err(HostFault::Malformed("a Host field that differs from the request's target"));
    }
    let Some(asked) = authority.or(field) else { return Ok(()) };
    let (host, _) = split_port(asked).map_err(|_| HostFault::Malformed("a Host field that is not host[:port]"))?;
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address =
        bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok()) || host.parse::<Ipv4Addr>().is_ok();
    if is_address || host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(name) {
        return Ok(());
    }
    Err(HostFault::Foreign)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn verdict(version: Version, target: &str, hosts: &[&'static str]) -> Result<(), HostFault> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        check(version, &target.parse().unwrap(), &headers, "mcp.example.com")
    }

    #[test]
    fn attack_175_addresses_localhost_and_the_configured_name_pass() {
        for host in [
            "127.0.0.1",
            "10.1.2.3:9901",
            "[::1]",
            "[2001:db8::7]:9901",
            "localhost",
            "LOCALHOST:9901",
            "mcp.example.com",
            "MCP.example.com:443",
        ] {
            assert_eq!(verdict(Version::HTTP_11, "/readyz", &[host]), Ok(()), "{host}");
            assert_eq!(verdict(Version::HTTP_10, "/readyz", &[host]), Ok(()), "{host}");
        }
        assert_eq!(verdict(Version::HTTP_10, "/readyz", &[]), Ok(()), "a probe of HTTP/1.0");
        assert_eq!(verdict(Version::HTTP_11, "http://10.1.2.3:9901/readyz", &["10.1.2.3:9901"]), Ok(()));
    }

    #[test]
    fn attack_175_other_names_and_no_name_are_refused() {
        for host in [
            "evil.example",
            "evil.example:9901",
            "localhost.evil.example",
            "notlocalhost",
            "mcp.example.com.evil.example",
            "example.com",
            "127.0.0.1.evil.example",
            "127.1",
            "0x7f000001",
            "[localhost]",
            "",
        ] {
            assert_eq!(verdict(Version::HTTP_11, "/", &[host]), Err(HostFault::Foreign), "{host}");
            assert_eq!(verdict(Version::HTTP_10, "/", &[host]), Err(HostFault::Foreign), "{host}");
        }
        assert_eq!(verdict(Version::HTTP_11, "http://evil.example/", &["evil.example"]), Err(HostFault::Foreign));
        assert_eq!(verdict(Version::HTTP_10, "http://evil.example/", &[]), Err(HostFault::Foreign));
        for (target, hosts) in [
            ("/", vec![]),
            ("/", vec!["localhost", "localhost"]),
            ("http://localhost/", vec!["127.0.0.1"]),
            ("/", vec!["localhost:x"]),
            ("/", vec!["[::1"]),
        ] {
            let refused = verdict(Version::HTTP_11, target, &hosts);
            assert!(matches!(refused, Err(HostFault::Malformed(_))), "{target} {hosts:?}: {refused:?}");
        }
    }
}
