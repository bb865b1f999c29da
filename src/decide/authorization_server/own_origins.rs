//! Decides whether a URL leads to the gateway itself, where no client may have its answers (E-39).

use std::net::IpAddr;

use crate::decide::{
    authorization_server::{
        form::decode,
        redirect_uri::RedirectUri,
        url::{WebUrl, is_this_machine},
    },
    fields::origin::HostName,
};

#[cfg(test)]
mod tests;

/// The origins at which browsers reach the gateway.
///
/// A path of `paths` goes to an MCP server, which would read the authorization code there, and the
/// consent page would name the gateway's own host (attack 335). So a client that no operator has
/// chosen has neither its redirect URI nor its document here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnOrigins {
    /// Hosts in lower case; `None` for any port.
    names: Vec<(Box<str>, Option<u16>)>,
    /// The gateway's ports, if one of its names means this machine. Native clients listen at any
    /// other port.
    here: Vec<u16>,
}

impl OwnOrigins {
    /// The origins of `public_url`, by host and port, and of `hosts`. At a name of this machine the
    /// gateway is reached through `listening` as well, the ports of its listeners.
    #[must_use]
    pub fn new(public_url: (&str, u16), hosts: &[HostName], listening: impl IntoIterator<Item = u16>) -> Self {
        let (host, port) = public_url;
        let mut names = vec![(host.to_ascii_lowercase().into(), Some(port))];
        names.extend(hosts.iter().map(|host| (host.host().to_ascii_lowercase().into(), host.port())));
        let is_here = |(host, _): &(Box<str>, _)| is_this_machine(host);
        let mut here: Vec<u16> = Vec::new();
        if names.iter().any(is_here) {
            here.extend(names.iter().filter(|one| is_here(one)).filter_map(|(_, port)| *port));
            // A listener at port 0 chooses another port when it starts.
            here.extend(listening.into_iter().filter(|port| *port != 0));
        }
        names.retain(|one| !is_here(one));
        Self { names, here }
    }

    /// Whether `uri` leads to the gateway.
    #[must_use]
    pub fn have(&self, uri: &RedirectUri) -> bool {
        self.have_url(uri.as_str())
    }

    /// Whether a URL leads to the gateway. A text that is not a URL of the web does not.
    #[must_use]
    pub fn have_url(&self, text: &str) -> bool {
        let Ok(url) = WebUrl::read(text) else { return false };
        if url.is_loopback() {
            return self.here.contains(&url.port);
        }
        // Browsers leave the default port out of `Host`, and then either default port is accepted.
        let is_default = url.port == if url.https { 443 } else { 80 };
        let is_same_port = |port: u16| port == url.port || is_default && matches!(port, 80 | 443);
        let mut names = self.names.iter();
        names.any(|(host, port)| is_same_host(host, &url.host) && port.is_none_or(is_same_port))
    }
}

/// Whether both are one name, or one address in any spelling.
fn is_same_host(one: &str, other: &str) -> bool {
    let address = |host: &str| host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    one == other
        || address(one).is_some_and(|one| Some(one.to_canonical()) == address(other).map(|ip| ip.to_canonical()))
}

/// Whether `query` is an answer with a code of the authorization server `issuer`. A gateway may be
/// reached by a name that it does not know, and must not pass such a query to an MCP server
/// (attack 335).
#[must_use]
pub fn carries_code_of(query: &str, issuer: &str) -> bool {
    let value_of = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(written, _)| *written == name).and_then(|(_, value)| decode(value.as_bytes()).ok())
    };
    value_of("iss").is_some_and(|iss| *iss == *issuer) && value_of("code").is_some()
}
