//! Decides whether a URL may lead to the gateway, where no client may have its answers (E-39).

use std::net::IpAddr;

use crate::decide::{
    authorization_server::{
        answered_paths::AnsweredPaths,
        form::decode,
        redirect_uri::RedirectUri,
        url::{WebUrl, is_this_machine},
    },
    fields::origin::HostName,
};

#[cfg(test)]
mod tests;

/// The origins at which browsers reach the gateway, and the paths that it answers there.
///
/// A path of `paths` goes to an MCP server, which would read the authorization code there, and the
/// consent page would name the gateway's own host (attack 335). So a client that no operator has
/// chosen has neither its redirect URI nor its document at such a path. Other paths of the same
/// names may be an application's, behind an ingress that divides by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnOrigins {
    /// Hosts in lower case; `None` for any port.
    names: Vec<(Box<str>, Option<u16>)>,
    /// The gateway's ports, if `public_url` means this machine. Native clients listen at any other
    /// port.
    here: Vec<u16>,
    paths: AnsweredPaths,
}

impl OwnOrigins {
    /// The origins of `public_url`, by host and port, and of `hosts`.
    ///
    /// Where `public_url` means this machine, the gateway is reached through `listening` as well,
    /// the ports of its listeners. Elsewhere "this machine" is the user's in a redirect URI, and
    /// names of it in `hosts`, for probes and forwarded ports, say nothing about that one.
    #[must_use]
    pub fn new(
        public_url: (&str, u16),
        hosts: &[HostName],
        listening: impl IntoIterator<Item = u16>,
        paths: AnsweredPaths,
    ) -> Self {
        let (host, port) = public_url;
        let mut names = vec![(host.to_ascii_lowercase().into(), Some(port))];
        names.extend(hosts.iter().map(|host| (host.host().to_ascii_lowercase().into(), host.port())));
        let is_here = |(host, _): &(Box<str>, _)| is_this_machine(host);
        let mut here: Vec<u16> = Vec::new();
        if names.first().is_some_and(is_here) {
            here.extend(names.iter().filter(|one| is_here(one)).filter_map(|(_, port)| *port));
            // A listener at port 0 chooses another port when it starts.
            here.extend(listening.into_iter().filter(|port| *port != 0));
        }
        names.retain(|one| !is_here(one));
        Self { names, here, paths }
    }

    /// Whether `uri` may lead to the gateway.
    #[must_use]
    pub fn have(&self, uri: &RedirectUri) -> bool {
        self.have_url(uri.as_str())
    }

    /// Whether a URL may lead to the gateway. A text that is not a URL of the web does not.
    #[must_use]
    pub fn have_url(&self, text: &str) -> bool {
        let Ok(url) = WebUrl::read(text) else { return false };
        let path = url.rest.split('?').next().unwrap_or_default();
        self.are_at(&url) && self.paths.may_have(path)
    }

    /// Whether host and port are the gateway's.
    fn are_at(&self, url: &WebUrl<'_>) -> bool {
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
