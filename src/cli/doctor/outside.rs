//! Examines an MCP server from outside: asks what each client asks, in the same order.

use std::time::Duration;

use http::{
    HeaderValue,
    header::{DATE, ORIGIN},
};

use crate::{
    base::date,
    cli::doctor::finding::Finding,
    outbound::{
        address::AddressRule,
        ask::{Asker, WebAnswer},
        dial::Peer,
        fetch::peer_of,
        reach::ReachAt,
    },
};

mod browser;
mod challenge;
mod documents;
mod examined;
mod first;
mod issuer;
mod metadata;
mod published;
pub(super) mod reach;
mod session;
mod spelling;
pub(super) mod token;

pub(super) use examined::Outside;
pub(super) use published::Accepted;
pub(super) use reach::{host_of, is_open_http};

use first::First;
use issuer::{IssuerKeySet, IssuerOf};
use published::Resource;

/// Clients wait longer; users do not.
const SLOW: Duration = Duration::from_secs(3);
/// Clocks may differ by this much: tokens are judged with less.
const SKEW: Duration = Duration::from_secs(30);
/// A certificate should be renewed before it has less time than this.
const ENDS_SOON_SECS: u64 = 7 * 24 * 3600;
/// Clients take the first issuer; more than these are not examined.
const ISSUERS_MAX: usize = 4;

impl Outside<'_> {
    /// What is wrong.
    pub(super) async fn check(&self) -> Vec<Finding> {
        let before = self.clock.now().wall;
        let first = match self.ask(self.first_question()).await {
            Ok(first) => first,
            Err(fault) => return vec![reach::finding(&fault, self.url)],
        };
        let place = self.public_place(&first);
        let there = |asker: &Asker| match &place {
            Some(place) if !asker.has_detour_for(&place.public) => asker.reaching(place.clone()),
            _ => asker.clone(),
        };
        let asker = there(self.asker);
        let issuer_asker = |issuer: &str| there(&(self.issuer_asker)(issuer));
        let rule = if place.is_some() { AddressRule::PublicOnly } else { self.rule };
        let of = Outside { rule, asker: &asker, issuer_asker: &issuer_asker, ..*self };
        let mut findings = of.beside(&first, before);
        match Box::pin(first::judge(&of, &first)).await {
            First::Stopped(finding) => findings.insert(0, finding),
            First::Open(finding) => {
                findings.insert(0, finding);
                findings.extend(of.any_origin().await);
                findings.extend(Box::pin(session::check(&of, None)).await);
            }
            First::Challenged => findings.extend(Box::pin(of.challenged(&first)).await),
        }
        findings
    }

    /// Where a public server answered. Its name, which may have private addresses besides and may
    /// change, leads to no other network afterwards; one's own may.
    fn public_place(&self, first: &WebAnswer) -> Option<ReachAt> {
        let address = first.address.filter(|address| AddressRule::PublicOnly.permits(*address))?;
        let public = peer_of(&self.url.parse().ok()?)?;
        let peer = Peer { host: address.to_string().into(), port: public.port, tls: public.tls };
        (!self.is_of_file).then_some(ReachAt { public, peer })
    }

    async fn challenged(&self, first: &WebAnswer) -> Vec<Finding> {
        let challenge = challenge::judge(first, "POST", self.url);
        let is_public = documents::is_public(first, self.url);
        let (resource, mut findings) =
            metadata::find(self, challenge.metadata.as_deref(), challenge.findings, is_public).await;
        findings.extend(spelling::check(self).await);
        let (of_browser, pages_may) = browser::check(self, resource.as_ref()).await;
        findings.extend(of_browser);
        let mut keys = Vec::new();
        if let Some(resource) = &resource {
            let origin = pages_may.then(|| self.origin.cloned().unwrap_or(browser::INSPECTOR));
            for issuer in resource.issuers.iter().take(ISSUERS_MAX) {
                let asker = (self.issuer_asker)(issuer);
                let is_own = self.is_of_file && reach::origin_of(issuer) == reach::origin_of(self.url);
                let is_public = is_public && !is_own;
                let of = IssuerOf { issuer, named_at: &resource.at, asker: &asker, is_public, origin: origin.as_ref() };
                let found = of.check(&mut keys).await;
                findings.extend(found.into_iter().map(|finding| Finding { issuer: Some(issuer.clone()), ..finding }));
            }
        }
        findings.extend(Box::pin(self.with_token(resource.as_ref(), &keys)).await);
        findings
    }

    /// What only a token shows.
    async fn with_token(&self, resource: Option<&Resource>, keys: &[IssuerKeySet]) -> Vec<Finding> {
        let Some(token) = self.token else { return Vec::new() };
        let mut findings = token.judge(self.url, resource, &self.accepted, self.clock.now().wall);
        // A token must not be readable on the way: `url-not-https` says so.
        if is_open_http(self.url) {
            return findings;
        }
        let Some(authorization) = token.authorization() else { return findings };
        let mut of_session = Box::pin(session::check(self, Some(authorization))).await;
        let refusal = of_session.iter_mut().find(|finding| matches!(finding.id, "token-refused" | "token-opaque"));
        match refusal {
            // The refusal is what the token's own words explain.
            Some(_) if !findings.is_empty() => return findings,
            Some(refusal) if token.has_foreign_signature(keys) => refusal.id = "token-signature",
            Some(_) => {}
            // The server takes it: what looks odd from here may be as configured there.
            None => {
                findings.retain(|finding| {
                    matches!(finding.id, "token-expired" | "token-not-yet-valid" | "token-is-id-token")
                });
            }
        }
        findings.extend(of_session);
        findings
    }

    /// What the first answer shows besides its status.
    fn beside(&self, first: &WebAnswer, before: Duration) -> Vec<Finding> {
        let mut findings = Vec::new();
        let after = self.clock.now().wall;
        if is_open_http(self.url) && !first.status.is_redirection() {
            findings.push(
                Finding::new("url-not-https", self.url)
                    .found("http:// to a host on a network")
                    .expected("https://: tokens must not be readable on the way"),
            );
        }
        if let Some(certificate) = &first.certificate {
            let end = u64::try_from(certificate.valid_until).unwrap_or_default();
            if end < after.as_secs() + ENDS_SOON_SECS {
                findings.push(
                    Finding::new("certificate-ends-soon", reach::origin_of(self.url))
                        .found(format!("a certificate that expires at {}", reach::moment(certificate.valid_until)))
                        .expected("one that is renewed more than a week before its end")
                        .warning(),
                );
            }
        }
        if first.head_after > SLOW {
            findings.push(
                Finding::new("slow-answer", format!("POST {}", self.url))
                    .found(format!("the first answer after {:.1} s", first.head_after.as_secs_f64()))
                    .expected(format!("an answer within {} s", SLOW.as_secs()))
                    .warning(),
            );
        }
        if let Some(theirs) = first.text(&DATE).and_then(date::of_http) {
            // The field has whole seconds.
            let (early, late) = (theirs + SKEW + Duration::from_secs(1) < before, theirs > after + SKEW);
            if early || late {
                findings.push(
                    Finding::new("clock-skew", format!("POST {}", self.url))
                        .found(format!("Date: {}", date::written(theirs)))
                        .expected(format!("about {}, the time of this host", date::written(after)))
                        .warning(),
                );
            }
        }
        findings
    }

    /// A server on this machine without a token must refuse pages of other sites (DNS rebinding).
    async fn any_origin(&self) -> Option<Finding> {
        const FOREIGN: HeaderValue = HeaderValue::from_static("https://attacker.example");
        if !first::is_local(self.url) {
            return None;
        }
        let answer = self.ask(self.first_question().with(ORIGIN, FOREIGN)).await.ok()?;
        answer.status.is_success().then(|| {
            Finding::new("origin-not-checked", format!("POST {}", self.url))
                .found("200 to Origin: https://attacker.example")
                .expected("403")
        })
    }
}

/// What is wrong with the authorization server `issuer`, which an operator named.
pub(super) async fn issuer_alone(asker: &Asker, issuer: &str) -> Vec<Finding> {
    let is_public = false;
    let issuer = IssuerOf { issuer, named_at: "--issuer", asker, is_public, origin: None };
    Box::pin(issuer.check(&mut Vec::new())).await
}
