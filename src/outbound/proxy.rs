//! Which forward proxy a request to an issuer goes through: HTTPS_PROXY, HTTP_PROXY and NO_PROXY.

use std::{ffi::OsString, fmt, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;

use crate::{
    base::{
        address_range::{AddressRange, BadAddressRange},
        names::{is_loopback_name, split_port},
        percent::unescape,
    },
    outbound::dial::Peer,
};

/// The forward proxies of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardProxies {
    https: Option<ForwardProxy>,
    http: Option<ForwardProxy>,
    except: Vec<Exception>,
    /// `NO_PROXY` as written, for the log.
    pub no_proxy: String,
    /// Its entries that match no host.
    pub matching_nothing: Vec<String>,
}

/// One forward proxy. It prints without its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ForwardProxy {
    /// Where it listens.
    pub peer: Peer,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<HeaderValue>,
}

/// One entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    /// A host and all below it.
    Host(Box<str>, Option<u16>),
    Network(AddressRange, Option<u16>),
}

const EXPECTED: &str = "expected http://host:port or http://user:password@host:port";

impl ForwardProxies {
    /// Reads the variables, each in lower case first. `None` if there is no proxy.
    ///
    /// # Errors
    /// A proxy that cannot be used. The value is not told: it may hold a password.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, String> {
        let text = |names: [&'static str; 2]| {
            let found =
                names.into_iter().find_map(|name| Some((name, variable(name).filter(|text| !text.is_empty())?)));
            match found.map(|(name, text)| (name, text.into_string())) {
                None => Ok(None),
                Some((name, Ok(text))) => Ok(Some((name, text))),
                Some((name, Err(_))) => Err(format!("{name}: found text that is not UTF-8; {EXPECTED}")),
            }
        };
        let proxy = |names| match text(names)? {
            None => Ok(None),
            Some((name, text)) => {
                ForwardProxy::parse(text.trim()).map(Some).map_err(|found| format!("{name}: found {found}; {EXPECTED}"))
            }
        };
        let (https, http) = (proxy(["https_proxy", "HTTPS_PROXY"])?, proxy(["http_proxy", "HTTP_PROXY"])?);
        if https.is_none() && http.is_none() {
            return Ok(None);
        }
        let no_proxy = text(["no_proxy", "NO_PROXY"])?.map(|(_, text)| text).unwrap_or_default();
        let entries = || no_proxy.split([',', ' ', '\t']).map(str::trim).filter(|entry| !entry.is_empty());
        let except = entries().filter_map(Exception::parse).collect();
        let matching_nothing = entries().filter(|entry| Exception::parse(entry).is_none()).map(str::to_owned).collect();
        Ok(Some(Self { https, http, except, no_proxy, matching_nothing }))
    }

    /// The proxy for requests to `peer`. A loopback host is never asked for at a proxy, which would
    /// find itself there.
    #[must_use]
    pub fn of(&self, peer: &Peer) -> Option<&ForwardProxy> {
        let proxy = if peer.tls { &self.https } else { &self.http };
        let is_direct = is_loopback_name(&peer.host)
            || peer.host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
            || self.except.iter().any(|exception| exception.holds(peer));
        proxy.as_ref().filter(|_| !is_direct)
    }

    /// The proxy for https:// and the one for http://.
    #[must_use]
    pub fn both(&self) -> [Option<&ForwardProxy>; 2] {
        [self.https.as_ref(), self.http.as_ref()]
    }
}

impl ForwardProxy {
    /// # Errors
    /// What was found, without the value.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                return Err("an https:// proxy, which is not supported: write how it is reached over http://");
            }
            Some(_) => return Err("a proxy that is not an HTTP proxy"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, authority) = rest.rsplit_once('@').map_or((None, rest), |(user, authority)| (Some(user), authority));
        let (host, port) = split_port(authority).map_err(|_| "a URL without a valid host and port")?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if bare.is_empty() || !(bare.bytes().all(is_name) || bare.parse::<IpAddr>().is_ok()) {
            return Err("a URL without a valid host and port");
        }
        let authorization = match user {
            None => None,
            Some(user) => {
                let plain: Vec<u8> = match user.split_once(':') {
                    Some((name, password)) => unescape(name).chain(*b":").chain(unescape(password)).collect(),
                    None => unescape(user).chain(*b":").collect(),
                };
                let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)));
                let mut value = value.map_err(|_| "credentials that cannot be sent")?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let peer = Peer { host: bare.to_ascii_lowercase().into(), port: port.unwrap_or(80), tls: false };
        Ok(Self { peer, authorization })
    }
}

impl fmt::Display for ForwardProxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}", self.peer.authority())
    }
}

impl fmt::Debug for ForwardProxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A network. Bits after its prefix do not count, as in other programs.
fn network(text: &str) -> Option<AddressRange> {
    match text.trim_matches(['[', ']']).parse() {
        Ok(range) | Err(BadAddressRange::HostBits(range)) => Some(range),
        Err(BadAddressRange::Form) => None,
    }
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some(range) = network(text) {
            return Some(Self::Network(range, None));
        }
        let (host, port) = split_port(text).unwrap_or((text, None));
        if let Some(range) = network(host) {
            return Some(Self::Network(range, port));
        }
        let host = host.strip_prefix('*').unwrap_or(host).trim_matches('.').to_ascii_lowercase();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || !byte.is_ascii();
        (!host.is_empty() && host.bytes().all(is_name)).then(|| Self::Host(host.into(), port))
    }

    fn holds(&self, peer: &Peer) -> bool {
        let is_port = |port: &Option<u16>| port.is_none_or(|port| port == peer.port);
        match self {
            Self::All => true,
            Self::Network(range, port) => is_port(port) && peer.host.parse().is_ok_and(|address| range.holds(address)),
            Self::Host(host, port) => {
                let asked = peer.host.trim_end_matches('.').to_ascii_lowercase();
                let is_below =
                    asked.strip_suffix(&**host).is_some_and(|front| front.is_empty() || front.ends_with('.'));
                is_port(port) && is_below
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<ForwardProxies>, String> {
        ForwardProxies::from_environment(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn peer(url: &str) -> Peer {
        crate::outbound::fetch::peer_of(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn people_a8_the_variables_say_which_proxy() {
        let both = [("HTTPS_PROXY", "http://one:3128"), ("http_proxy", "two:3128"), ("NO_PROXY", "corp.example")];
        let all = read(&both).unwrap().unwrap();
        for (url, proxy) in [
            ("https://idp.example/x", Some("http://one:3128")),
            ("http://idp.example/x", Some("http://two:3128")),
            ("https://idp.corp.example/", None),
        ] {
            assert_eq!(all.of(&peer(url)).map(ToString::to_string).as_deref(), proxy, "{url}");
        }
        for none in [&[][..], &[("NO_PROXY", "x")], &[("HTTPS_PROXY", ""), ("https_proxy", "")]] {
            assert_eq!(read(none), Ok(None));
        }
        let lower_first = read(&[("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:2/")]);
        assert_eq!(lower_first.unwrap().unwrap().of(&peer("https://a")).unwrap().to_string(), "http://lower:2");
        let only_http = read(&[("HTTP_PROXY", "http://two")]).unwrap().unwrap();
        assert_eq!(only_http.of(&peer("http://a")).unwrap().to_string(), "http://two:80");
        assert_eq!(only_http.of(&peer("https://a")), None);
    }

    #[test]
    fn people_a8_what_is_reached_directly() {
        let direct = |no_proxy: &str, url: &str| {
            let all = read(&[("https_proxy", "http://p:1"), ("no_proxy", no_proxy)]).unwrap().unwrap();
            all.of(&peer(url)).is_none()
        };
        for (no_proxy, url) in [
            ("*", "https://a.example"),
            ("example.com", "https://EXAMPLE.com"),
            ("example.com", "https://a.b.example.com:8443"),
            (".example.com", "https://example.com"),
            ("*.example.com", "https://a.example.com"),
            ("x, example.com ,y", "https://example.com."),
            ("x example.com:443", "https://example.com"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("10.1.2.3", "https://10.1.2.3:8443"),
            ("10.1.2.3/8", "https://10.9.9.9"),
            ("2001:db8::7/32", "https://[2001:db8::1]"),
            ("x\texample.com", "https://example.com"),
            ("[2001:db8::1]", "https://[2001:db8::1]"),
            ("2001:db8::/32", "https://[2001:db8::1]"),
            ("[2001:db8::1]:443", "https://[2001:db8::1]"),
            ("", "https://localhost"),
            ("", "https://127.0.0.1"),
            ("", "https://127.9.9.9:8443"),
            ("", "https://[::1]"),
        ] {
            assert!(direct(no_proxy, url), "{no_proxy:?} {url}");
        }
        for (no_proxy, url) in [
            ("", "https://a.example"),
            ("example.com", "https://notexample.com"),
            ("example.com", "https://example.com.evil"),
            ("example.com:8443", "https://example.com"),
            ("10.0.0.0/8", "https://11.1.2.3"),
            ("10.0.0.0/8", "https://10.example"),
            (", ,", "https://a.example"),
        ] {
            assert!(!direct(no_proxy, url), "{no_proxy:?} {url}");
        }
    }

    #[test]
    fn people_a8_entries_that_match_nothing_are_named() {
        let list = "a.example,http://idp.invalid,x;idp.invalid,10.*, <local> 10.0.0.0/33,10.1.2.3/8,*.b.example,*";
        let all = read(&[("https_proxy", "http://p:1"), ("no_proxy", list)]).unwrap().unwrap();
        assert_eq!(all.matching_nothing, ["http://idp.invalid", "x;idp.invalid", "10.*", "<local>", "10.0.0.0/33"]);
    }

    #[test]
    fn people_a8_attack_277_credentials_are_sent_to_the_proxy_and_never_printed() {
        let text = "http://us%40er:p%3Ass%2F@proxy.example:3128";
        let all = read(&[("HTTPS_PROXY", text)]).unwrap().unwrap();
        let proxy = all.of(&peer("https://a.example")).unwrap();
        let sent = proxy.authorization.as_ref().unwrap();
        assert_eq!(sent.to_str().unwrap(), format!("Basic {}", STANDARD.encode("us@er:p:ss/")));
        let printed = format!("{proxy} {proxy:?} {all:?} {sent:?}");
        for secret in ["us%40er", "p%3Ass", "p:ss", "us@er", "Basic"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        for bad in [
            "https://user:hidden@proxy:3128",
            "socks5://user:hidden@proxy:1080",
            "http://user:hidden@",
            "http://user:hidden@proxy:99999",
            "http://user:hidden@pro xy:1",
            "http://user:hidden@proxy:3128/path",
        ] {
            let told = read(&[("HTTPS_PROXY", bad)]).unwrap_err();
            assert!(told.starts_with("HTTPS_PROXY: found ") && told.ends_with(EXPECTED), "{told}");
            assert!(!told.contains("hidden"), "{told}");
        }
    }
}
