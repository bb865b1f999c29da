//! Examines the running gateway of a configuration at its public URL, server by server.

use std::{
    collections::HashMap,
    net::{IpAddr, UdpSocket},
};

use http::HeaderValue;

use super::{
    finding::Finding,
    outside::{Accepted, Outside, token::TokenFile},
    own::{OwnFile, words},
};
use crate::{
    base::clock::Clock,
    config::{ServerSettings, Settings},
    decide::token::rules::AcceptedClients,
    outbound::{
        address::AddressRule,
        ask::{AskFaultKind, Asker, WebQuestion},
        dial::{DialFaultKind, Peer},
        reach::ReachAt,
    },
};

mod own_server;

use own_server::{OwnServer, is_of_the_origin};

/// A gateway to examine.
pub(super) struct GatewayOf<'a> {
    /// Its configuration.
    pub of: &'a OwnFile<'a>,
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

impl GatewayOf<'_> {
    /// What is wrong with it. `told`: how it is reached, for the user who asks.
    pub(super) async fn check(&self, told: &mut Vec<String>) -> Vec<Finding> {
        let detour = if self.has_detour { None } else { self.detour().await };
        if let Some(detour) = &detour {
            let origin = self.settings().public_url.origin();
            told.push(format!("{origin} has no address here: the listener {} is examined in its place", detour.url()));
        }
        let asker = detour.map_or_else(|| self.asker.clone(), |detour| self.asker.reaching(detour));
        let issuers = self.issuer_askers(&asker);
        let of_issuer = |issuer: &str| issuers.get(issuer).unwrap_or(&asker).clone();
        let (mut findings, mut raw): (Vec<Finding>, Vec<Finding>) = Default::default();
        let takers = self.takers();
        for (server, is_taker) in self.settings().servers.iter().zip(takers) {
            let url = self.settings().public_url.resource(&server.path).to_string();
            told.push(format!("examining {url}"));
            // A server that takes API keys alone publishes no metadata: it is only reached.
            let takes_keys_alone = server.authorization_servers.is_empty();
            let token = self.token.filter(|_| is_taker && !takes_keys_alone);
            if takes_keys_alone {
                told.push("it takes API keys alone: whether clients reach it is examined".to_owned());
            } else if self.token.is_some() {
                let what = if is_taker { "is tried" } else { "is for another server, and is not tried" };
                told.push(format!("the token {what} there"));
            }
            let has_public_rules = server.policy.public().next().is_some();
            let names = self.issuer_names(server);
            let outside = Outside {
                url: &url,
                asker: &asker,
                issuer_asker: &of_issuer,
                token,
                origin: self.origin,
                clock: self.clock,
                has_public_rules,
                is_of_file: true,
                rule: AddressRule::Configured,
                accepted: Accepted {
                    audiences: &server.audiences,
                    issuers: &names,
                    has_client_ids: self.has_client_ids(server),
                },
            };
            let mut found = Box::pin(outside.check()).await;
            found.retain(|finding| !takes_keys_alone || is_of_the_origin(finding));
            // Every tool may be public: that is what the rules say.
            found.retain(|finding| !(has_public_rules && finding.id == "no-authorization"));
            let own = OwnServer { of: self.of, server, origin: self.origin };
            found.retain(|finding| !(finding.id == "registration-missing" && own.has_chosen_clients(finding)));
            // What answers in place of the gateway has faults of its own.
            if found.iter().any(|finding| finding.id == "no-authorization") {
                found.retain(|finding| finding.id == "no-authorization");
            }
            let is_of_all = found.first().is_some_and(is_of_the_origin);
            for finding in &mut found {
                // The gateway says what is wrong with each token that it gets.
                if finding.id == "token-refused" && !finding.found.contains("error=") {
                    finding.id = "proxy-strips-authorization";
                }
            }
            // What two servers share is told once.
            found.retain(|finding| !raw.contains(finding));
            raw.extend(found.iter().cloned());
            findings.extend(found.into_iter().map(|finding| own.placed(finding)));
            if is_of_all {
                break;
            }
        }
        findings
    }

    fn settings(&self) -> &Settings {
        &self.of.loaded.settings
    }

    /// Which servers the token is for: those that its audience names, or an API key; if none, those
    /// that trust its issuer; if none of these, each.
    fn takers(&self) -> Vec<bool> {
        let servers = &self.settings().servers;
        let Some(token) = self.token else { return vec![false; servers.len()] };
        let (audiences, issuer) = (token.audiences(), token.issuer());
        let keys = &self.settings().api_keys;
        let is_named = |server: &ServerSettings| {
            let resource = self.settings().public_url.resource(&server.path).to_string();
            let is_of = |one: &str| words::is_respelled(one, &resource);
            audiences.iter().any(|one| is_of(one) || server.audiences.iter().any(|audience| **audience == **one))
                || keys.iter().any(|key| key.servers.contains(&server.name) && token.is_key_of(&key.sha256))
        };
        let is_trusted = |server: &ServerSettings| {
            issuer.as_deref().is_some_and(|issuer| self.issuer_names(server).contains(&issuer))
        };
        let chosen = |of: &dyn Fn(&ServerSettings) -> bool| servers.iter().map(of).collect::<Vec<bool>>();
        let by_name = chosen(&is_named);
        let by_issuer = chosen(&is_trusted);
        [by_name, by_issuer].into_iter().find(|all| all.contains(&true)).unwrap_or_else(|| vec![true; servers.len()])
    }

    /// The names of the issuers of a server, as its tokens may write them.
    fn issuer_names(&self, server: &ServerSettings) -> Vec<&str> {
        let all = &self.settings().authorization_servers;
        let of_server = server.authorization_servers.iter().filter_map(|at| all.get(*at));
        of_server.flat_map(|issuer| issuer.rules.issuers.iter().map(|name| name.as_str())).collect()
    }

    fn has_client_ids(&self, server: &ServerSettings) -> bool {
        let all = &self.settings().authorization_servers;
        let mut of_server = server.authorization_servers.iter().filter_map(|at| all.get(*at));
        of_server.any(|issuer| issuer.rules.clients != AcceptedClients::Unset)
    }

    /// The gateway's own listener, if the public name has no address here.
    async fn detour(&self) -> Option<ReachAt> {
        let public_url = &self.settings().public_url;
        let fault = self.asker.ask(&WebQuestion::new(http::Method::GET, public_url.origin())).await.err()?;
        let has_no_address =
            matches!(fault.kind, AskFaultKind::Dial(DialFaultKind::Resolve | DialFaultKind::ResolveTimeout));
        if !has_no_address {
            return None;
        }
        let usable = || self.settings().listen.iter().filter(|listener| !listener.proxy_protocol);
        let listener = usable().find(|listener| listener.tls.is_some()).or_else(|| usable().next())?;
        let host = match listener.address.ip() {
            IpAddr::V4(address) if address.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(address) if address.is_unspecified() => "::1".to_owned(),
            // The file may be that of another machine: what has its address there is not examined.
            address if UdpSocket::bind((address, 0)).is_err() => return None,
            address => address.to_string(),
        };
        let peer = Peer { host: host.into(), port: listener.address.port(), tls: listener.tls.is_some() };
        let public = Peer { host: public_url.host().into(), port: public_url.port(), tls: public_url.is_https() };
        Some(ReachAt { public, peer })
    }

    /// What asks each issuer: it may have a private CA, or be reached elsewhere than `asker` asks.
    fn issuer_askers(&self, asker: &Asker) -> HashMap<String, Asker> {
        let mut askers = HashMap::new();
        for issuer in &self.settings().authorization_servers {
            let Some(name) = issuer.rules.issuers.first() else { continue };
            let trusting = issuer.reach.ca.as_ref().and_then(|ca| asker.trusting(&ca.certificates).ok());
            let of_issuer = trusting.as_ref().unwrap_or(asker).reaching_issuer(&issuer.reach);
            askers.insert(name.to_string(), of_issuer);
        }
        askers
    }
}
