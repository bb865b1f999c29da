//! Decides which `Host` names and `Origin` values a server accepts (SPEC A.4, D.5).

use std::{fmt, net::Ipv6Addr};

use http::{HeaderMap, HeaderValue, header};

use crate::decide::refusal::Refusal;

#[cfg(test)]
mod tests;

/// Loopback names.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The host names of the gateway, and the origins whose pages may call one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sites {
    own: Site,
    /// Other names of the gateway. They are not origins.
    hosts: Vec<HostName>,
    /// Serialised as in browsers (RFC 6454 §6.2): lower case, no default port. The first is the
    /// gateway's own.
    origins: Vec<Box<str>>,
    patterns: Vec<OriginPattern>,
    null_is_allowed: bool,
}

/// A name of the gateway besides that of `public_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    host: Box<str>,
    /// `None` for any port.
    port: Option<u16>,
}

/// Several origins in one entry of `allowed_origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OriginPattern {
    /// `http://localhost:*`: this host at every port.
    AnyPort { scheme: Box<str>, host: Box<str> },
    /// `chrome-extension://*`: every host of a scheme that web pages do not have.
    AnyHost { scheme: Box<str> },
}

/// Why an origin or the public URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteFault {
    /// `public_url` is not `http(s)://host[:port]`.
    PublicUrl,
    /// This entry of `allowed_origins` is not `scheme://host[:port]`, `scheme://host:*`,
    /// `scheme://*` for a scheme that web pages do not have, or `null`. `*` is not supported (SPEC
    ///
    Origin(usize),
}

impl fmt::Display for SiteFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublicUrl => out.write_str("expected http:// or https://, a host, and perhaps a port"),
            Self::Origin(index) => {
                write!(out, "allowed_origins[{index}]: expected an origin such as https://app.example.com, or null")
            }
        }
    }
}

/// The three parts of an origin, host and scheme in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    scheme: Box<str>,
    host: Box<str>,
    /// The written port, or the default of the scheme; `None` for schemes without ports, such as
    /// `vscode-webview`.
    port: Option<u16>,
}

impl Sites {
    /// Reads `public_url`, ignoring its path, and `allowed_origins`.
    ///
    /// # Errors
    /// [`SiteFault`].
    pub fn new<S: AsRef<str>>(public_url: &str, allowed_origins: &[S]) -> Result<Self, SiteFault> {
        let (scheme, rest) = public_url.split_once("://").ok_or(SiteFault::PublicUrl)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let own = Site::of(scheme, authority).filter(|site| site.port.is_some()).ok_or(SiteFault::PublicUrl)?;
        let mut origins = vec![own.serialised()];
        let (mut patterns, mut null_is_allowed) = (Vec::new(), false);
        for (index, entry) in allowed_origins.iter().map(AsRef::as_ref).enumerate() {
            if entry == "null" {
                null_is_allowed = true;
            } else if entry.contains('*') {
                patterns.push(OriginPattern::read(entry).ok_or(SiteFault::Origin(index))?);
            } else {
                origins.push(Site::read(entry).ok_or(SiteFault::Origin(index))?.serialised());
            }
        }
        Ok(Self { own, hosts: Vec::new(), origins, patterns, null_is_allowed })
    }

    /// The same sites with other names of the gateway.
    #[must_use]
    pub fn with_hosts(self, hosts: &[HostName]) -> Self {
        Self { hosts: hosts.to_vec(), ..self }
    }

    /// All names of the gateway, for the operator: that of `public_url` first.
    #[must_use]
    pub fn names(&self) -> String {
        let others = self.hosts.iter().map(|host| format!(", {host}"));
        format!("{}{}", self.own_name(), others.collect::<String>())
    }

    /// Host and port of `public_url`, as clients send them.
    fn own_name(&self) -> Box<str> {
        let own = self.own.serialised();
        own.split_once("://").map_or(&*own, |(_, authority)| authority).into()
    }

    /// The refusal of a request for another host. It names the host of `public_url` and no other.
    #[must_use]
    pub fn misdirected(&self) -> Refusal {
        Refusal::Misdirected(self.own_name())
    }

    /// The refusal of a request whose TLS handshake asked for another host. It names the host of
    /// `public_url` without a port, because a server name of TLS has none.
    #[must_use]
    pub fn misdirected_tls(&self, asked: &str) -> Refusal {
        Refusal::MisdirectedTls { asked: asked.into(), own: self.own.host.clone() }
    }

    /// Whether `name`, the server name of a TLS handshake, is a name of the gateway (SPEC F-19). It
    /// may be another one than the request names: a proxy that uses TLS itself asks for the name
    /// that it dials, and passes on the `Host` of its client.
    #[must_use]
    pub fn tls_name_is_ours(&self, name: &str) -> bool {
        self.is_own_host(name) || self.hosts.iter().any(|other| is_same_host(&other.host, name))
    }

    /// Whether `host` is that of `public_url`, where every loopback name is one machine.
    fn is_own_host(&self, host: &str) -> bool {
        if is_loopback(&self.own.host) { is_loopback(host) } else { is_same_host(&self.own.host, host) }
    }

    /// Whether `authority`, from `Host` or `:authority`, is a name of the gateway (SPEC D-41,
    /// attack 99). The upstream gets another `Host`, so its own guard against DNS rebinding cannot
    /// see the name: this check replaces it.
    ///
    /// If the public URL has a loopback name, every loopback name is accepted, at any port: a
    /// tunnel or a port-forward changes the port, and an attacker cannot point these names at the
    /// gateway. So is every name that the configuration lists.
    #[must_use]
    pub fn host_is_ours(&self, authority: &str) -> bool {
        let Some((host, port)) = split_port(authority) else { return false };
        let is_own_port = is_loopback(&self.own.host) || port.or(default_port(&self.own.scheme)) == self.own.port;
        self.is_own_host(host) && is_own_port
            || self.hosts.iter().any(|other| is_same_host(&other.host, host) && other.takes(port))
    }

    /// Whether the calling page is allowed (SPEC D-40, attack 105). Returns the origin to repeat in
    /// the answer, or `Ok(None)` without an `Origin`: browsers send it with every request to
    /// another origin. A loopback origin at another port is another origin and must be listed.
    ///
    /// # Errors
    /// [`Refusal::ForeignOrigin`] and [`Refusal::NullOrigin`].
    pub fn origin_verdict(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        let mut lines = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = lines.next() else {
            return Ok(None);
        };
        let is_allowed = lines.next().is_none() && origin.to_str().is_ok_and(|origin| self.allows(origin));
        match origin.as_bytes() {
            _ if is_allowed => Ok(Some(origin.clone())),
            b"null" => Err(Refusal::NullOrigin),
            _ => Err(Refusal::ForeignOrigin(shown(origin))),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        if origin == "null" {
            return self.null_is_allowed;
        }
        let is_listed = |text: &str| self.origins.iter().any(|allowed| **allowed == *text);
        is_listed(origin)
            || Site::read(origin).is_some_and(|site| {
                is_listed(&site.serialised()) || self.patterns.iter().any(|pattern| pattern.matches(&site))
            })
    }
}

/// What a refusal repeats of an origin: browsers send no longer one.
fn shown(origin: &HeaderValue) -> Box<str> {
    const CHARS_MAX: usize = 255;
    String::from_utf8_lossy(origin.as_bytes()).chars().take(CHARS_MAX).collect::<String>().into()
}

impl HostName {
    /// Reads `host` or `host:port`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (host, port) = split_port(text)?;
        Some(Self { host: host.to_ascii_lowercase().into(), port })
    }

    /// The host, as `hosts` has it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; `None` for any.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// A request without a port has the default of its scheme, which a proxy in front may change.
    fn takes(&self, port: Option<u16>) -> bool {
        match (self.port, port) {
            (None, _) => true,
            (Some(own), Some(port)) => own == port,
            (Some(own), None) => matches!(own, 80 | 443),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

impl OriginPattern {
    fn read(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        if authority == "*" {
            let site = Site::of(scheme, "x")?;
            // `https://*` would be every web page.
            let is_web = matches!(&*site.scheme, "http" | "https" | "ws" | "wss" | "ftp" | "file");
            return (!is_web).then_some(Self::AnyHost { scheme: site.scheme });
        }
        let host = authority.strip_suffix(":*")?;
        let site = Site::of(scheme, host).filter(|site| *site.host == *host.to_ascii_lowercase())?;
        Some(Self::AnyPort { scheme: site.scheme, host: site.host })
    }

    fn matches(&self, site: &Site) -> bool {
        match self {
            Self::AnyPort { scheme, host } => *scheme == site.scheme && *host == site.host,
            Self::AnyHost { scheme } => *scheme == site.scheme,
        }
    }
}

impl Site {
    /// Reads `scheme://host[:port]`, with nothing after it.
    fn read(origin: &str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        Self::of(scheme, authority)
    }

    fn of(scheme: &str, authority: &str) -> Option<Self> {
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme {
            return None;
        }
        let (host, port) = split_port(authority)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.or(default_port(&scheme));
        Some(Self { scheme: scheme.into(), host: host.to_ascii_lowercase().into(), port })
    }

    fn serialised(&self) -> Box<str> {
        match self.port {
            Some(port) if self.port != default_port(&self.scheme) => format!("{}://{}:{port}", self.scheme, self.host),
            _ => format!("{}://{}", self.scheme, self.host),
        }
        .into()
    }
}

fn is_loopback(host: &str) -> bool {
    LOOPBACK.iter().any(|name| is_same_host(name, host))
}

/// Names in any case; addresses of IPv6 in any spelling.
fn is_same_host(one: &str, other: &str) -> bool {
    let address = |host: &str| host.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    one.eq_ignore_ascii_case(other) || address(one).is_some_and(|one| address(other) == Some(one))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// Splits `host[:port]`, and accepts only a host with one spelling except for its case: a name
/// without a dot at the end, an address, or an address in brackets; no userinfo, no escapes, and no
/// port 0.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, rest) = match bracketed {
        Some((address, rest)) => {
            address.parse::<Ipv6Addr>().ok()?;
            authority.split_at_checked(address.len() + 2).filter(|(_, after)| *after == rest)?
        }
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let is_name = |host: &str| {
        !host.is_empty()
            && !host.ends_with('.')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    if bracketed.is_none() && !is_name(host) {
        return None;
    }
    match rest.strip_prefix(':') {
        None => rest.is_empty().then_some((host, None)),
        Some(digits) => {
            let is_port = matches!(digits.len(), 1..=5) && digits.bytes().all(|byte| byte.is_ascii_digit());
            let port = is_port.then(|| digits.parse().ok()).flatten().filter(|port| *port > 0);
            port.map(|port| (host, Some(port)))
        }
    }
}
