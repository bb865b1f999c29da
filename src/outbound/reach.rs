//! How an issuer is reached: whether without TLS, by which CA, and at which other address.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;

use crate::outbound::dial::Peer;

/// How an issuer is reached. The default: over TLS, by the public roots, at its own address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuerReach {
    /// `allow_http`: whether a URL that is not loopback may be plain HTTP.
    pub allow_http: bool,
    /// `ca`: the only trusted roots.
    pub ca: Option<PrivateCa>,
    /// `reach_at`.
    pub at: Option<ReachAt>,
}

/// The certificates of a private CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateCa {
    /// The file that they were read from.
    pub path: PathBuf,
    /// The certificates.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// Where requests for an issuer's origin are sent instead. What the answers say is compared with
/// the public names: only the connection goes elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReachAt {
    /// The issuer's own origin; the host in lower case.
    pub public: Peer,
    /// Where to connect.
    pub peer: Peer,
}

impl ReachAt {
    /// Whether requests to `peer` are for the issuer's origin. Another port or scheme is another
    /// origin.
    #[must_use]
    pub fn stands_for(&self, peer: &Peer) -> bool {
        is_same(&self.public, peer)
    }

    /// Whether `peer` is the place itself.
    #[must_use]
    pub fn is_at(&self, peer: &Peer) -> bool {
        is_same(&self.peer, peer)
    }

    /// As the configuration writes it.
    #[must_use]
    pub fn url(&self) -> String {
        let Peer { host, port, tls } = &self.peer;
        let scheme = if *tls { "https" } else { "http" };
        if host.contains(':') { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
    }
}

fn is_same(one: &Peer, other: &Peer) -> bool {
    one.tls == other.tls && one.port == other.port && one.host.eq_ignore_ascii_case(&other.host)
}
