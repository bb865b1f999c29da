//! One HTTP exchange for a command: what was asked, what was answered, or why there was no answer.
//!
//! Unlike [`Fetch`](crate::outbound::fetch::Fetch), it judges nothing: any status, any type and a
//! redirect are answers. It follows no redirect, keeps no cookie and no connection, and sends only
//! the fields that it is given, `Host` and `Content-Length`.

use std::sync::Arc;

use http::{
    HeaderValue, Request, Uri,
    header::{HOST, HeaderName, PROXY_AUTHORIZATION},
};
use rustls::{client::danger::ServerCertVerifier, pki_types::CertificateDer};
use tokio::time::{Instant, timeout_at};

use crate::outbound::{
    address::AddressRule,
    dial::{DialFault, DialFaultKind, Dialler, Peer, Stream},
    fault::Fault,
    fetch::{Roots, peer_of},
    proxy::{ForwardProxies, ForwardProxy},
    reach::{IssuerReach, ReachAt},
    resolve::Resolver,
};

mod converse;
mod exchange;
pub mod mcp;
mod peer_certificate;
mod trouble;

pub use exchange::{WebAnswer, WebQuestion};
pub use peer_certificate::PeerCertificate;
pub use trouble::{AskFault, AskFaultKind};

use exchange::AnswerPart;
use peer_certificate::CertificateRecorder;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Asks web servers, one connection for each question.
#[derive(Clone)]
pub struct Asker {
    verifier: Arc<dyn ServerCertVerifier>,
    resolver: Arc<Resolver>,
    proxies: Option<Arc<ForwardProxies>>,
    detour: Option<Arc<Detour>>,
}

/// How one origin is reached elsewhere.
struct Detour {
    to: ReachAt,
    /// Whether what answers there is another host to TLS, as for `reach_at` of an issuer.
    has_own_name: bool,
}

impl Asker {
    /// Trusts `roots`, and goes through the forward proxies of the environment.
    ///
    /// # Errors
    /// The roots cannot be used.
    pub fn new(roots: Roots, proxies: Option<Arc<ForwardProxies>>) -> Result<Self, Fault> {
        Ok(Self { verifier: peer_certificate::by_roots(roots)?, resolver: Resolver::system(), proxies, detour: None })
    }

    /// The same, also trusting `ca` and what it issues.
    ///
    /// # Errors
    /// A certificate cannot be a trust anchor.
    pub fn trusting(&self, ca: &[CertificateDer<'static>]) -> Result<Self, Fault> {
        Ok(Self { verifier: peer_certificate::by_either(Arc::clone(&self.verifier), ca)?, ..self.clone() })
    }

    /// The same, without a forward proxy, as the gateway asks upstreams.
    #[must_use]
    pub fn direct(&self) -> Self {
        Self { proxies: None, ..self.clone() }
    }

    /// The same, trusting `ca` and what it issues alone, as the gateway does for an issuer.
    ///
    /// # Errors
    /// A certificate cannot be a trust anchor.
    pub fn trusting_only(&self, ca: &[CertificateDer<'static>]) -> Result<Self, Fault> {
        Ok(Self { verifier: peer_certificate::by_these(ca)?, ..self.clone() })
    }

    /// The same, reaching one origin at another address. TLS and `Host` name the origin.
    #[must_use]
    pub fn reaching(&self, detour: ReachAt) -> Self {
        self.with_detour(detour, false)
    }

    /// The same, reaching an issuer where the gateway does, and as it does: TLS names the place,
    /// `Host` the issuer, and `X-Forwarded-Proto` has the scheme of its name.
    #[must_use]
    pub fn reaching_issuer(&self, reach: &IssuerReach) -> Self {
        match &reach.at {
            Some(detour) => self.with_detour(detour.clone(), true),
            None => self.clone(),
        }
    }

    fn with_detour(&self, to: ReachAt, has_own_name: bool) -> Self {
        Self { detour: Some(Arc::new(Detour { to, has_own_name })), ..self.clone() }
    }

    /// Whether `peer` is asked at another address.
    #[must_use]
    pub fn has_detour_for(&self, peer: &Peer) -> bool {
        self.detour.as_ref().is_some_and(|detour| detour.to.stands_for(peer))
    }

    /// Asks. The answer has whatever came in time, if its head did.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(&self, question: &WebQuestion<'_>) -> Result<WebAnswer, AskFault> {
        let begin = Instant::now();
        let deadline = begin + question.within;
        let seen = CertificateRecorder::new(Arc::clone(&self.verifier));
        let mut part = None;
        let asked = Box::pin(self.ask_unhurried(question, &seen, &mut part));
        let result = match timeout_at(deadline, asked).await {
            Ok(result) => result,
            Err(_) if part.is_some() => Ok(()),
            Err(_) => Err(AskFault::late(question.within)),
        };
        let certificate = seen.certificate();
        match (result, part) {
            (_, Some(part)) => Ok(part.answer(certificate, begin)),
            (Err(fault), None) => Err(AskFault { certificate, ..fault }),
            (Ok(()), None) => Err(AskFault { certificate, ..AskFault::late(question.within) }),
        }
    }

    async fn ask_unhurried(
        &self,
        question: &WebQuestion<'_>,
        seen: &Arc<CertificateRecorder>,
        part: &mut Option<AnswerPart>,
    ) -> Result<(), AskFault> {
        let uri: Uri = question.url.parse().map_err(|_| AskFault::url("it is not a URL"))?;
        let peer = peer_of(&uri).ok_or_else(|| AskFault::url("it does not begin with http:// or https://"))?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| AskFault::url("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(AskFault::url("it contains a user name or a password"));
        }
        let dialler = Dialler { tls: Arc::clone(seen).tls(), resolver: Arc::clone(&self.resolver) };
        let detour = self.detour.as_deref().filter(|detour| detour.to.stands_for(&peer));
        // What is written as the place of an issuer is not at a proxy, whatever names it.
        let is_place = self.detour.as_deref().is_some_and(|detour| detour.has_own_name && detour.to.is_at(&peer));
        let may_pass = detour.is_none() && !is_place;
        let proxy = self.proxies.as_ref().and_then(|all| all.of(&peer)).filter(|_| may_pass);
        let dialled = self.dial(&dialler, (&peer, question), detour, proxy).await;
        let stream = dialled.map_err(|failed| AskFault::dial(&failed, proxy, detour.map(|detour| &detour.to)))?;

        let address = if proxy.is_none() { stream.peer_address() } else { None };
        let is_h2 = stream.speaks_h2();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let whole = is_h2 || (proxy.is_some() && !peer.tls);
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(if whole { question.url } else { target })
            .body(question.body.clone())
            .map_err(|_| AskFault::url("it cannot be sent in a request"))?;
        *request.headers_mut() = question.fields.clone();
        if !is_h2 {
            let host = HeaderValue::try_from(authority.as_str()).map_err(|_| AskFault::url("it has no host"))?;
            request.headers_mut().insert(HOST, host);
        }
        if detour.is_some_and(|detour| detour.has_own_name) {
            let scheme = HeaderValue::from_static(if peer.tls { "https" } else { "http" });
            request.headers_mut().insert(FORWARDED_PROTO, scheme);
        }
        if let Some(authorization) = proxy.filter(|_| !peer.tls).and_then(|proxy| proxy.authorization.as_ref()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        if is_h2 {
            converse::h2(stream, request, question, address, part).await
        } else {
            converse::h1(stream, request, question, address, part).await
        }
    }

    async fn dial(
        &self,
        dialler: &Dialler,
        (peer, question): (&Peer, &WebQuestion<'_>),
        detour: Option<&Detour>,
        proxy: Option<&ForwardProxy>,
    ) -> Result<Stream, DialFault> {
        let (rule, within) = (question.rule, question.within);
        match (detour, proxy) {
            (Some(Detour { to, has_own_name: true }), _) => {
                dialler.dial(&to.peer, AddressRule::Configured, within).await
            }
            (Some(Detour { to, .. }), _) => {
                dialler.dial_as(&to.peer, &peer.host, AddressRule::Configured, within).await
            }
            (None, None) => dialler.dial(peer, rule, within).await,
            (None, Some(proxy)) if peer.tls || rule != AddressRule::Configured => {
                match dialler.tunnel(proxy, peer, rule, within).await {
                    // In many networks the proxy alone knows names: then it judges them, too.
                    Err(unknown) if unknown.kind == DialFaultKind::Resolve => {
                        dialler.tunnel(proxy, peer, AddressRule::Configured, within).await
                    }
                    dialled => dialled,
                }
            }
            (None, Some(proxy)) => dialler.dial(&proxy.peer, AddressRule::Configured, within).await,
        }
    }
}
