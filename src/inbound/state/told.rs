//! What the operator is told of a refused request, from the configuration in force.

use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};

use crate::{
    base::{
        clock::Now,
        limits::{connections::HEADER_FIELDS_MAX, heads::HeadBounds},
        names::{Issuer, Resource},
        shown::{path_shown, path_shown_but, shown},
    },
    decide::{
        fields::origin::HostName,
        mcp::error::asked::asked_for,
        refusal::{
            Refusal, TokenFault,
            row::{By, PolicyRefusal},
            told::{FACT_CHARS_MAX, Told, listed, scopes},
            words::Attention,
        },
        routing::nearest::{is_near, nearest},
        token::{
            jwt::{UnverifiedJwt, named_issuer},
            other_issuer,
            refused::{TOO_LONG, TokenExpectation},
        },
    },
    inbound::{
        request::context::RequestContext,
        state::server::{Server, Snapshot, TotalLimits},
    },
};

mod limit;

/// So many parts of served paths are compared with those of a path that is not served.
const KNOWN_PARTS_MAX: usize = 64;
/// Where clients look for documents that need not be there, and browsers for icons.
const PROBED: [&str; 4] = ["/.well-known/", "/favicon", "/robots.txt", "/apple-touch-icon"];

impl Snapshot {
    /// What is told of a token that `server` refused; `None` for a refusal of something else.
    #[must_use]
    pub fn told_of_token(&self, server: &Server, token: &str, refusal: &Refusal, now: Now) -> Option<Told> {
        let Refusal::Token(fault) = refusal else { return None };
        let found = if *fault == TokenFault::Issuer { named_issuer(token) } else { None };
        let miss = found.map(|found| {
            let own: Vec<&Issuer> = server.issuers.iter().flat_map(|issuer| &issuer.rules().issuers).collect();
            let miss = other_issuer::compare(&found, &own, &server.known_issuers);
            let is_genuine = miss.named().is_some_and(|name| self.has_signed(name, token, now));
            (miss, is_genuine)
        });
        let expected = TokenExpectation {
            rules: server.issuers.iter().map(|issuer| issuer.rules()).collect(),
            resource: &server.resource,
            audiences: &server.audiences,
            bytes_max: server.limits.token,
            miss,
        };
        refusal.told_of_token(token, &expected, now)
    }

    /// Whether the issuer of this name in the configuration has signed `token`, by the keys that
    /// are in force now. Only the signature is verified, and nothing is fetched.
    fn has_signed(&self, name: &Issuer, token: &str, now: Now) -> bool {
        let mut issuers = self.servers.iter().flat_map(|server| &server.issuers);
        let Some(issuer) = issuers.find(|issuer| issuer.rules().issuers.contains(name)) else { return false };
        let (read, keys) = (UnverifiedJwt::read(token), issuer.current(now));
        read.ok().zip(keys).is_some_and(|(jwt, keys)| jwt.signed(&issuer.rules().algorithms, &keys.set).is_ok())
    }

    /// What is told of a request that no server gets: of its method, its path, its host, the name
    /// that its TLS handshake asked for, or the limit in force.
    pub(in crate::inbound) fn told_unrouted(
        &self,
        refusal: &Refusal,
        (method, path): (&Method, &str),
        host: &str,
    ) -> Option<Told> {
        let told = || Told::of(refusal);
        Some(match refusal {
            Refusal::NotFound => self.told_not_found(told(), method, path),
            Refusal::Misdirected(_) => {
                let told = told();
                // The line is proposed only if `check` takes it.
                let line = HostName::read(host).filter(|_| host.len() <= FACT_CHARS_MAX);
                let told = match line {
                    Some(_) => Told { advice: format!("{}: hosts: [\"{host}\"]", told.advice).into(), ..told },
                    // It does not use up the line about a host that may be the operator's.
                    None => {
                        let advice = match HostName::read(host.trim_end_matches('.')) {
                            Some(_) if host.ends_with('.') => "have the client leave out the dot at the end",
                            _ => "it is no host name: look at the client",
                        };
                        let advice = advice.into();
                        Told { kind: "misdirected_odd", attention: Attention::Look, advice, ..told }
                    }
                };
                told.with(fact(host), self.sites.names())
            }
            Refusal::MisdirectedTls { asked, .. } => told().with(fact(asked), self.sites.names()),
            Refusal::Method(allowed) => told().with(fact(method.as_str()), *allowed),
            Refusal::HeadersTooLarge => {
                let HeadBounds { field_bytes, block_bytes } = self.heads;
                let most =
                    format!("at most {HEADER_FIELDS_MAX} fields, {field_bytes} bytes in one and {block_bytes} in all");
                told().with("", most)
            }
            Refusal::OverloadedRequests => limit::without_token(refusal, self.limits)?,
            Refusal::UnsafePath(why) => told().with(format!("{}: {why}", path_shown(path, FACT_CHARS_MAX)), ""),
            _ => return None,
        })
    }

    fn told_not_found(&self, told: Told, method: &Method, path: &str) -> Told {
        let served: Vec<&str> = self.servers.iter().map(|server| path_of(&server.resource)).collect();
        let meant = nearest(path, &served);
        let is_client = path == "/" && *method == Method::POST;
        let (kind, attention) = match meant {
            _ if PROBED.iter().any(|start| path.starts_with(start)) => (told.kind, Attention::Story),
            Some(_) => ("not_found_near", Attention::Act),
            None if is_client => ("not_found_near", Attention::Act),
            None => (told.kind, Attention::Look),
        };
        let expected = match meant {
            Some(meant) => meant.to_owned(),
            None => listed(served.into_iter(), ", "),
        };
        // What is in the configuration is told anyway, and what is nearly that is a mistake.
        let mut known = self.servers.iter().flat_map(|server| path_of(&server.resource).split('/'));
        let mut known: Vec<&str> = known.by_ref().filter(|part| !part.is_empty()).take(KNOWN_PARTS_MAX).collect();
        known.sort_unstable();
        known.dedup();
        let is_public = |part: &str| known.iter().any(|known| is_near(part, known));
        Told { kind, attention, ..told.with(path_shown_but(path, is_public, FACT_CHARS_MAX), expected) }
    }
}

impl Server {
    /// What is told of a token that is too long to be read.
    pub(in crate::inbound) fn told_oversize(&self, headers: &HeaderMap, refusal: &Refusal) -> Option<Told> {
        if *refusal != Refusal::Token(TokenFault::Oversize) {
            return None;
        }
        let bytes = headers.get(AUTHORIZATION).map_or(0, HeaderValue::len);
        Some(Told {
            attention: Attention::Act,
            what: "an access token is too large".into(),
            advice: TOO_LONG.into(),
            ..Told::of(refusal)
                .with(format!("{bytes} bytes"), format!("at most {} bytes (limits.token)", self.limits.token))
        })
    }

    /// What is told of a request that this server refuses: of one that the rules refuse, the
    /// scopes that the caller has and where the rule is written; of one without room, the limit.
    pub(in crate::inbound) fn told_refused(
        &self,
        refusal: &Refusal,
        context: &RequestContext,
        (rule, all): (Option<usize>, TotalLimits),
    ) -> Option<Told> {
        let asked = || asked_for(context.method.as_deref(), context.target.as_ref());
        let told = || Told::of(refusal);
        let By::Policy(by) = refusal.row().by else {
            return Some(match refusal {
                Refusal::Method(allowed) => {
                    let advice = "have the client use one of the methods under `expected`";
                    Told { advice: advice.into(), ..told().with(asked(), *allowed) }
                }
                Refusal::UnknownTask => told().with(asked(), ""),
                Refusal::OverloadedRequests | Refusal::OverloadedBodyBytes if context.caller.is_none() => {
                    limit::without_token(refusal, all)?
                }
                _ => {
                    let most = limit::in_force(refusal, self.limits, all)?;
                    told().with("", most)
                }
            });
        };
        let place = rule.and_then(|rule| self.rule_places.get(rule)).map(ToString::to_string).unwrap_or_default();
        let told = match by {
            PolicyRefusal::Scope(needed) => {
                let had = context.caller.as_ref().map(|caller| scopes(caller.scopes())).unwrap_or_default();
                told().with(if had.is_empty() { "no scope".to_owned() } else { had }, scopes(needed))
            }
            PolicyRefusal::Rule(_) | PolicyRefusal::NoRule => told().with(asked(), ""),
            PolicyRefusal::UnsafeUri(why) => told().with(format!("{}: {why}", asked()), ""),
        };
        Some(Told { rule_at: place.into(), ..told })
    }
}

/// The path of a resource identifier.
fn path_of(resource: &Resource) -> &str {
    let rest = resource.as_str().split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn fact(text: &str) -> String {
    shown(text, FACT_CHARS_MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_9_the_path_of_a_resource() {
        for (resource, path) in [("https://gw.example/a/mcp", "/a/mcp"), ("https://gw.example", "/"), ("", "/")] {
            assert_eq!(path_of(&Resource::from(resource)), path);
        }
    }
}
