//! What a client must know of one server, and what its configuration says that matters to clients.

use std::net::IpAddr;

use http::Uri;

use crate::{
    authorization_server::settings::Dynamic,
    base::names::is_loopback_name,
    cli::serve::meant::secrets::has_login,
    config::{ServerSettings, Settings},
    decide::mcp::denial::DenyAs,
    outbound::{address::AddressRule, fetch::peer_of, keys::IssuerSettings},
};

/// One server, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct McpEndpoint {
    /// What the client calls it.
    pub name: String,
    /// Its URL, byte for byte as clients must write it.
    pub url: String,
    /// From where clients reach it.
    pub reach: UrlReach,
    /// How a client gets a token.
    pub sign_in: SignIn,
    /// Whether the configuration is known: then the lines to write can be named.
    pub is_ours: bool,
    /// `deny_as: tool_error`.
    pub answers_tool_errors: bool,
    /// `advertise_scopes: true`.
    pub advertises_scopes: bool,
    /// Whether a page of Inspector may connect directly.
    pub allows_inspector: bool,
}

/// From where a URL is reached, as far as its host and port show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlReach {
    /// From the Internet, on port 443.
    Internet,
    /// On another port than 443, or without TLS.
    OtherPort,
    /// From this machine, or from a private network.
    Private,
}

/// How a client gets a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignIn {
    /// It registers itself at the embedded authorization server.
    Registers,
    /// It needs one of these ids, which the embedded authorization server knows.
    ById(Vec<String>),
    /// It is up to this authorization server whether clients may register.
    Issuer(String),
    /// With an API key.
    ApiKey,
    /// Unknown: only the URL is given.
    Unknown,
}

impl McpEndpoint {
    /// A server of a configuration.
    pub(super) fn of(settings: &Settings, server: &ServerSettings) -> Self {
        let url = settings.public_url.resource(&server.path).as_str().to_owned();
        let pages = server.allowed_origins.iter().filter_map(|origin| origin.to_str().ok());
        let allows_inspector = pages
            .clone()
            .any(|origin| origin.strip_prefix("http://localhost:").is_some_and(|port| matches!(port, "*" | "6274")));
        Self {
            name: server.name.to_string(),
            reach: reach(settings.public_url.host(), settings.public_url.is_https(), settings.public_url.port()),
            url,
            sign_in: sign_in(settings, server),
            is_ours: true,
            answers_tool_errors: server.deny_as == DenyAs::ToolError,
            advertises_scopes: server.advertise_scopes,
            allows_inspector,
        }
    }

    /// A server of which only the URL is known.
    pub(super) fn at(url: &str) -> Result<Self, String> {
        if has_login(url) {
            return Err("found a URL with a user name or a password (not shown); expected one without".to_owned());
        }
        let bad = || format!("found {url:?}; expected the URL of an MCP server, such as https://mcp.example.com/mcp");
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let peer = peer_of(&uri).filter(|peer| !peer.host.is_empty()).ok_or_else(bad)?;
        // What is printed goes into shells and files.
        if url.contains(['\'', '"', '\\', '`', '$']) {
            return Err(bad());
        }
        Ok(Self {
            name: "my-server".to_owned(),
            url: url.to_owned(),
            reach: reach(&peer.host, peer.tls, peer.port),
            sign_in: SignIn::Unknown,
            is_ours: false,
            answers_tool_errors: true,
            advertises_scopes: true,
            allows_inspector: true,
        })
    }

    /// Whether a client that registers itself needs nothing else.
    pub(super) fn registers(&self) -> bool {
        matches!(self.sign_in, SignIn::Registers)
    }
}

fn sign_in(settings: &Settings, server: &ServerSettings) -> SignIn {
    let preferred = server.authorization_servers.first().and_then(|index| settings.authorization_servers.get(*index));
    let Some(preferred) = preferred else { return SignIn::ApiKey };
    let embedded = settings.embedded.iter().find(|embedded| embedded.name == preferred.rules.name);
    let Some(embedded) = embedded else { return issuer_of(preferred) };
    let registration = &embedded.registration;
    if registration.dynamic == Dynamic::Open {
        return SignIn::Registers;
    }
    SignIn::ById(embedded.clients.iter().map(|client| client.id.to_string()).collect())
}

fn issuer_of(settings: &IssuerSettings) -> SignIn {
    settings.rules.issuers.first().map_or(SignIn::Unknown, |issuer| SignIn::Issuer(issuer.as_str().to_owned()))
}

fn reach(host: &str, is_https: bool, port: u16) -> UrlReach {
    let host = host.trim_matches(['[', ']']);
    let is_private = match host.parse::<IpAddr>() {
        Ok(address) => !AddressRule::PublicOnly.permits(address),
        Err(_) => is_private_name(host),
    };
    match is_private {
        true => UrlReach::Private,
        false if is_https && port == 443 => UrlReach::Internet,
        false => UrlReach::OtherPort,
    }
}

/// Names that the public DNS does not have.
fn is_private_name(host: &str) -> bool {
    const SUFFIXES: [&str; 7] = [".local", ".localhost", ".internal", ".lan", ".intranet", ".home.arpa", ".test"];
    is_loopback_name(host) || !host.contains('.') || SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
}
