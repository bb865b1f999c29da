//! Names and identifiers, each with its own type, so that they cannot be confused.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Ok(Self(Arc::from(String::deserialize(from)?)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, out)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A key of `servers:`; a label of logs and metrics.
    ServerName
);
name!(
    /// A key of `authorization_servers:`.
    AuthorizationServerName
);
name!(
    /// An issuer identifier, compared code point by code point (RFC 8414 §3.3).
    Issuer
);
name!(
    /// One scope token (RFC 6749 §3.3): case-sensitive, no spaces.
    Scope
);

name!(
    /// A resource identifier (RFC 8707 §2): `public_url` + path, scheme and host in lower case, no
    /// default port.
    Resource
);

impl Scope {
    /// Whether `text` is a valid scope token: `%x21 / %x23-5B / %x5D-7E`, one or more (RFC 6749
    /// §3.3).
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
    }

    /// The value of `scope` for these scopes: one space between them.
    pub fn join<'a>(scopes: impl IntoIterator<Item = &'a Self>) -> String {
        let mut text = String::new();
        for scope in scopes {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(scope);
        }
        text
    }
}

/// The gateway's public scheme, host and port. Every URL that the gateway publishes starts with
/// this spelling (P5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Box<str>,
    https: bool,
    host: Box<str>,
    port: u16,
}

impl PublicUrl {
    /// Reads `https://host[:port]`; `http://` only for a loopback host (RFC 9728 §1.2).
    ///
    /// # Errors
    /// What is expected instead, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("a URL that begins with https:// in lower case"),
        };
        if rest.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'@' | b'?' | b'#' | b'\\' | b'%')) {
            return Err("scheme, host and port only: no user, query, fragment or escapes");
        }
        if rest.contains('/') {
            return Err("scheme, host and port only, without a slash or a path: each server's `path` follows it");
        }
        let (host, port) = split_port(rest)?;
        if host.is_empty() || host.bytes().any(|b| b.is_ascii_uppercase()) || host.ends_with('.') {
            return Err("a host name in lower case, without a dot at its end");
        }
        let default_port = if https { 443 } else { 80 };
        if port == Some(default_port) {
            return Err("no port if it is the default port of the scheme (443 for https, 80 for http)");
        }
        if !https && !is_loopback_name(host) {
            return Err("https://; http:// is allowed only for a loopback host");
        }
        Ok(Self { origin: text.into(), https, host: host.into(), port: port.unwrap_or(default_port) })
    }

    /// `scheme://host[:port]`, without a slash at the end: an origin as browsers send it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether clients use TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the default port of the scheme if none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The resource identifier of a server at `path`. At the root it has no slash (RFC 9728 §1.2,
    /// SPEC A-03).
    #[must_use]
    pub fn resource(&self, path: &str) -> Resource {
        let path = if path == "/" { "" } else { path };
        Resource::from(format!("{}{path}", self.origin).as_str())
    }
}

/// Splits `host[:port]`; an IPv6 address keeps its brackets.
///
/// # Errors
/// What is expected instead.
pub fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let end_of_host = match authority.find(']') {
        Some(bracket) if authority.starts_with('[') => bracket + 1,
        Some(_) => return Err("an IPv6 address in brackets"),
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(end_of_host).ok_or("a host")?;
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or("a colon before the port")?;
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a port between 1 and 65535");
    }
    match digits.parse() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err("a port between 1 and 65535"),
    }
}

/// Whether `host` (an IPv6 address in brackets) is a loopback name or address.
#[must_use]
pub fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a05_a_public_url_has_one_spelling() {
        for good in [
            "https://gw.example",
            "https://gw.example:8443",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert_eq!(PublicUrl::parse(good).map(|url| url.origin().to_owned()), Ok(good.to_owned()));
        }
        for bad in [
            "gw.example",
            "https://",
            "https://GW.example",
            "HTTPS://gw.example",
            "https://gw.example:443",
            "https://gw.example/",
            "https://gw.example/mcp",
            "https://u:p@gw.example",
            "https://gw.example#x",
            "https://gw.example?x",
            "http://gw.example",
            "http://127.0.0.1:80",
            "https://gw.example:0",
            "https://gw.example:65536",
            "https://gw.example:",
            "https://gw.example.",
            "https://gw example",
            "https://[::1",
            "https://gw.example:8443:1",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a03_a_root_resource_has_no_slash() {
        let url = PublicUrl::parse("https://gw.example").unwrap();
        assert_eq!(url.resource("/").as_str(), "https://gw.example");
        assert_eq!(url.resource("/a/mcp").as_str(), "https://gw.example/a/mcp");
    }
}
