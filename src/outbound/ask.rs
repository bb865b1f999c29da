//! One HTTP exchange for a command: what was asked, what was answered, or why there was no answer.
//!
//! Unlike [`Fetch`](crate::outbound::fetch::Fetch), it judges nothing: any status, any type and a
//! redirect are answers. It follows no redirect, keeps no cookie and no connection, and sends only
//! the fields that it is given, `Host` and `Content-Length`.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{HOST, LOCATION, PROXY_AUTHORIZATION},
};
use rustls::{client::danger::ServerCertVerifier, pki_types::CertificateDer};
use tokio::time::{Instant, timeout_at};

use crate::{
    base::limits::fetch::{ASK_BYTES_MAX, ASK_TIMEOUT},
    outbound::{
        address::AddressRule,
        dial::{DialFault, Dialler, Peer, Stream},
        fault::Fault,
        fetch::{Roots, peer_of},
        proxy::{ForwardProxies, ForwardProxy},
        reach::ReachAt,
        resolve::Resolver,
    },
};

mod converse;
pub mod mcp;
mod peer_certificate;
mod trouble;

pub use peer_certificate::PeerCertificate;
pub use trouble::{AskFault, AskFaultKind};

use peer_certificate::CertificateRecorder;

/// Asks web servers, one connection for each question.
#[derive(Clone)]
pub struct Asker {
    verifier: Arc<dyn ServerCertVerifier>,
    resolver: Arc<Resolver>,
    proxies: Option<Arc<ForwardProxies>>,
    detour: Option<Arc<ReachAt>>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct WebQuestion<'a> {
    /// The method.
    pub method: Method,
    /// An `http://` or `https://` URL.
    pub url: &'a str,
    /// All fields, but `Host` and `Content-Length`.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Which addresses the host may lead to.
    pub rule: AddressRule,
    /// How long the whole exchange may take.
    pub within: Duration,
    /// What makes the body long enough, if it is an event stream that goes on.
    pub enough: Option<fn(&[u8]) -> bool>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct WebAnswer {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: HeaderMap,
    /// The first bytes of the body, at most [`ASK_BYTES_MAX`].
    pub body: Bytes,
    /// Whether `body` is all of it.
    pub is_whole: bool,
    /// How long the head took, from the name look-up on.
    pub head_after: Duration,
    /// The server's certificate.
    pub certificate: Option<PeerCertificate>,
    /// The address that answered; `None` through a forward proxy.
    pub address: Option<IpAddr>,
}

impl<'a> WebQuestion<'a> {
    /// A question without fields and body.
    #[must_use]
    pub fn new(method: Method, url: &'a str) -> Self {
        let (fields, body, rule) = (HeaderMap::new(), Bytes::new(), AddressRule::Configured);
        Self { method, url, fields, body, rule, within: ASK_TIMEOUT, enough: None }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.insert(name, value);
        self
    }
}

impl WebAnswer {
    /// Where a redirect leads, as written.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.text(&LOCATION).filter(|_| self.status.is_redirection())
    }

    /// The text of a field.
    #[must_use]
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }
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

    /// The same, reaching one origin at another address. TLS and `Host` name the origin.
    #[must_use]
    pub fn reaching(&self, detour: ReachAt) -> Self {
        Self { detour: Some(Arc::new(detour)), ..self.clone() }
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
        let detour = self.detour.as_deref().filter(|detour| detour.stands_for(&peer));
        let proxy = self.proxies.as_ref().and_then(|all| all.of(&peer)).filter(|_| detour.is_none());
        let dialled = self.dial(&dialler, (&peer, question), detour, proxy).await;
        let stream = dialled.map_err(|failed| AskFault::dial(&failed, proxy, detour))?;

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
        detour: Option<&ReachAt>,
        proxy: Option<&ForwardProxy>,
    ) -> Result<Stream, DialFault> {
        let (rule, within) = (question.rule, question.within);
        match (detour, proxy) {
            (Some(detour), _) => dialler.dial_as(&detour.peer, &peer.host, AddressRule::Configured, within).await,
            (None, None) => dialler.dial(peer, rule, within).await,
            (None, Some(proxy)) if peer.tls || rule != AddressRule::Configured => {
                dialler.tunnel(proxy, peer, rule, within).await
            }
            (None, Some(proxy)) => dialler.dial(&proxy.peer, AddressRule::Configured, within).await,
        }
    }
}

/// The part of an answer that has come.
struct AnswerPart {
    status: StatusCode,
    fields: HeaderMap,
    body: BytesMut,
    is_whole: bool,
    head_at: Instant,
    address: Option<IpAddr>,
}

impl AnswerPart {
    /// Takes the next bytes; `false` if no more are wanted.
    fn push(&mut self, data: &[u8], enough: Option<fn(&[u8]) -> bool>) -> bool {
        let room = ASK_BYTES_MAX.saturating_sub(self.body.len());
        self.body.extend_from_slice(data.get(..room).unwrap_or(data));
        data.len() <= room && !enough.is_some_and(|enough| enough(&self.body))
    }

    fn answer(self, certificate: Option<PeerCertificate>, begin: Instant) -> WebAnswer {
        let Self { status, fields, body, is_whole, head_at, address } = self;
        let head_after = head_at.saturating_duration_since(begin);
        WebAnswer { status, fields, body: body.freeze(), is_whole, head_after, certificate, address }
    }
}
