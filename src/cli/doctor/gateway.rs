//! Examines the running gateway of a configuration at its public URL, server by server.

use std::{collections::HashMap, net::IpAddr, path::Path};

use http::HeaderValue;

use super::{
    catalogue::{YamlPart, known},
    finding::Finding,
    outside::{Outside, token::TokenFile},
};
use crate::{
    base::clock::Clock,
    config::{ServerSettings, Settings},
    outbound::{
        ask::{AskFaultKind, Asker, WebQuestion},
        dial::{DialFaultKind, Peer},
        reach::ReachAt,
    },
};

/// A gateway to examine.
pub(super) struct GatewayOf<'a> {
    /// Where its configuration is.
    pub path: &'a Path,
    /// What it says.
    pub settings: &'a Settings,
    /// Asks it; through the detour of `--reach-at`, if there is one.
    pub asker: &'a Asker,
    /// Whether the command line says where to connect.
    pub has_detour: bool,
    /// A token for its servers.
    pub token: Option<&'a TokenFile>,
    /// The origin of a page that must be able to connect.
    pub origin: Option<&'a HeaderValue>,
    /// This host's clock.
    pub clock: &'a dyn Clock,
}

/// Findings whose cause is one for all servers of a gateway: nothing answers, or no client trusts
/// it.
const OF_THE_ORIGIN: &[&str] = &[
    "name-unresolved",
    "connection-refused",
    "host-unreachable",
    "address-forbidden",
    "forward-proxy",
    "tls-name",
    "tls-expired",
    "tls-not-yet-valid",
    "tls-unknown-issuer",
    "tls-client-certificate",
    "tls-failed",
    "not-http",
    "no-answer",
    "mcp-bad-gateway",
];

impl GatewayOf<'_> {
    /// What is wrong with it. `told`: how it is reached, for the user who asks.
    pub(super) async fn check(&self, told: &mut Vec<String>) -> Vec<Finding> {
        let detour = if self.has_detour { None } else { self.detour().await };
        if let Some(detour) = &detour {
            let origin = self.settings.public_url.origin();
            told.push(format!("{origin} has no address here: the listener {} is examined in its place", detour.url()));
        }
        let asker = detour.map_or_else(|| self.asker.clone(), |detour| self.asker.reaching(detour));
        let issuers = self.issuer_askers();
        let of_issuer = |issuer: &str| issuers.get(issuer).unwrap_or(self.asker).clone();
        let mut findings: Vec<Finding> = Vec::new();
        for server in &self.settings.servers {
            let url = self.settings.public_url.resource(&server.path).to_string();
            told.push(format!("examining {url}"));
            // A server that takes API keys alone publishes no metadata.
            if server.authorization_servers.is_empty() {
                continue;
            }
            let (token, origin, clock) = (self.token, self.origin, self.clock);
            let has_public_rules = server.policy.public().next().is_some();
            let issuer_asker = &of_issuer;
            let outside = Outside { url: &url, asker: &asker, issuer_asker, token, origin, clock, has_public_rules };
            let mut found = Box::pin(outside.check()).await;
            // Every tool may be public: that is what the rules say.
            found.retain(|finding| !(has_public_rules && finding.id == "no-authorization"));
            let is_of_all = found.first().is_some_and(|first| OF_THE_ORIGIN.contains(&first.id));
            for finding in &mut found {
                // The gateway says what is wrong with each token that it gets.
                if finding.id == "token-refused" && !finding.found.contains("error=") {
                    finding.id = "proxy-strips-authorization";
                }
                self.add_line(finding, server);
            }
            found.retain(|finding| !findings.contains(finding));
            findings.extend(found);
            if is_of_all {
                break;
            }
        }
        findings
    }

    /// The gateway's own listener, if the public name has no address here.
    async fn detour(&self) -> Option<ReachAt> {
        let public_url = &self.settings.public_url;
        let fault = self.asker.ask(&WebQuestion::new(http::Method::GET, public_url.origin())).await.err()?;
        let has_no_address =
            matches!(fault.kind, AskFaultKind::Dial(DialFaultKind::Resolve | DialFaultKind::ResolveTimeout));
        if !has_no_address {
            return None;
        }
        let usable = || self.settings.listen.iter().filter(|listener| !listener.proxy_protocol);
        let listener = usable().find(|listener| listener.tls.is_some()).or_else(|| usable().next())?;
        let host = match listener.address.ip() {
            IpAddr::V4(address) if address.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(address) if address.is_unspecified() => "::1".to_owned(),
            address => address.to_string(),
        };
        let peer = Peer { host: host.into(), port: listener.address.port(), tls: listener.tls.is_some() };
        let public = Peer { host: public_url.host().into(), port: public_url.port(), tls: public_url.is_https() };
        Some(ReachAt { public, peer })
    }

    /// What asks each issuer that has a private CA, or is reached elsewhere.
    fn issuer_askers(&self) -> HashMap<String, Asker> {
        let mut askers = HashMap::new();
        for issuer in &self.settings.authorization_servers {
            let Some(name) = issuer.rules.issuers.first() else { continue };
            let mut asker = self.asker.clone();
            if let Some(trusting) = issuer.reach.ca.as_ref().and_then(|ca| asker.trusting(&ca.certificates).ok()) {
                asker = trusting;
            }
            if let Some(detour) = &issuer.reach.at {
                asker = asker.reaching(detour.clone());
            }
            askers.insert(name.to_string(), asker);
        }
        askers
    }

    /// The line of this gateway's configuration that the fix is about.
    fn add_line(&self, finding: &mut Finding, server: &ServerSettings) {
        let name = &server.name;
        let line = match finding.id {
            "connection-refused" => {
                finding.fix = format!(
                    "start the gateway: portcullis run --config {}; if it runs elsewhere, name the place with --reach-at ADDRESS",
                    self.path.display()
                );
                return;
            }
            "origin-refused" => {
                let origin = self.origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
                format!("servers.{name}: allowed_origins: [{origin:?}]")
            }
            "tls-name" | "tls-expired" | "tls-not-yet-valid" | "tls-unknown-issuer" | "certificate-ends-soon" => {
                "listen[0]: tls: {certificate: fullchain.pem, key: privkey.pem}".to_owned()
            }
            id => {
                let Some(part) = known().find(|known| known.id == id).and_then(|known| known.yaml) else { return };
                let issuers = &self.settings.authorization_servers;
                let issuer = server.authorization_servers.iter().find_map(|at| issuers.get(*at));
                let issuer = issuer.map(|issuer| issuer.rules.name.to_string()).unwrap_or_default();
                match part {
                    YamlPart::Top(text) => text.to_owned(),
                    YamlPart::Server(text) => format!("servers.{name}: {text}"),
                    YamlPart::Upstream(text) => format!("servers.{name}.upstream: {text}"),
                    YamlPart::Issuer(text) => format!("authorization_servers.{issuer}: {text}"),
                    YamlPart::Embedded(text) => format!("authorization_servers.{issuer}.embedded: {text}"),
                }
            }
        };
        *finding = finding.clone().line(format!("{}: {line}", self.path.display()));
    }
}
