//! What the operator is told of a refused request, from the configuration in force.

use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};

use crate::{
    base::{
        clock::Now,
        names::{Issuer, Resource},
        shown::{path_shown, shown},
    },
    decide::{
        refusal::{
            Refusal, TokenFault,
            row::{By, PolicyRefusal},
            told::{FACT_CHARS_MAX, Told, listed, scopes},
            words::Attention,
        },
        routing::nearest::nearest,
        token::{
            jwt::{UnverifiedJwt, named_issuer},
            other_issuer,
            refused::{TOO_LONG, TokenExpectation},
        },
    },
    inbound::{
        request::context::RequestContext,
        state::server::{Server, Snapshot},
    },
};

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

    /// What is told of a request that no server gets: of its path, its host, or the name that its
    /// TLS handshake asked for.
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
                let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
                let line =
                    if is_plain { format!(": hosts: [\"{}\"]", shown(host, FACT_CHARS_MAX)) } else { String::new() };
                let advice = format!("{}{line}", told.advice);
                Told { advice: advice.into(), ..told.with(fact(host), self.sites.names()) }
            }
            Refusal::MisdirectedTls { asked, .. } => told().with(fact(asked), self.sites.names()),
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
        Told { kind, attention, ..told.with(path_shown(path, FACT_CHARS_MAX), expected) }
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

    /// What is told of a request that the rules refuse: the scopes that the caller has, and where
    /// the rule is written.
    pub(in crate::inbound) fn told_of_policy(
        &self,
        refusal: &Refusal,
        context: &RequestContext,
        rule: Option<usize>,
    ) -> Option<Told> {
        let By::Policy(by) = refusal.row().by else { return None };
        let told = Told::of(refusal);
        let place = rule.and_then(|rule| self.rule_places.get(rule)).map(ToString::to_string).unwrap_or_default();
        let asked = context.target.as_ref().map(crate::decide::mcp::error::sentence::asked_for).unwrap_or_default();
        let told = match by {
            PolicyRefusal::Scope(needed) => {
                let had = context.caller.as_ref().map(|caller| scopes(caller.scopes())).unwrap_or_default();
                told.with(if had.is_empty() { "no scope".to_owned() } else { had }, scopes(needed))
            }
            PolicyRefusal::Rule(_) | PolicyRefusal::NoRule => told.with(asked, ""),
            PolicyRefusal::UnsafeUri(_) => told,
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
    fn attack_391_a_path_shows_no_key_and_forges_no_line() {
        let key = "k".repeat(50);
        for (path, seen) in [
            ("/weather/mcp", "/weather/mcp".to_owned()),
            ("/mcp/eyJhbGciOi.J9", "/mcp/eyJhbGci…".to_owned()),
            (&format!("/mcp/{key}/x"), "/mcp/kkkkkkkk…/x".to_owned()),
            ("/a\u{202e}b", "/a\\u{202e}b".to_owned()),
        ] {
            assert_eq!(path_shown(path, FACT_CHARS_MAX), seen, "{path}");
        }
        assert!(path_shown(&"/a".repeat(4000), FACT_CHARS_MAX).chars().count() <= FACT_CHARS_MAX + 1);
    }

    #[test]
    fn first_9_the_path_of_a_resource() {
        for (resource, path) in [("https://gw.example/a/mcp", "/a/mcp"), ("https://gw.example", "/"), ("", "/")] {
            assert_eq!(path_of(&Resource::from(resource)), path);
        }
    }
}
