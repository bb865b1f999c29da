//! Fetches metadata, keys and tokens: bounded in bytes and time, over TLS, to no other origin.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Request, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, PROXY_AUTHORIZATION,
        USER_AGENT,
    },
    request,
};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{select, time::timeout};

use crate::{
    base::{
        limits::fetch::{FETCH_HEAD_BYTES_MAX, FETCH_HEAD_FIELDS_MAX, FETCH_TIMEOUT},
        media,
    },
    outbound::{
        address::AddressRule,
        dial::{DialFault, DialFaultKind, Dialler, Peer, Stream},
        fault::{Fault, FaultKind},
        proxy::{ForwardProxies, ForwardProxy},
        reach::{IssuerReach, ReachAt},
    },
};

mod answer;
mod exchange;
pub(in crate::outbound) mod pinned;
mod published;
pub mod roots;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod wanted;

pub use answer::Said;
pub use roots::{Roots, client_tls, native_roots, private_roots, private_tls, public_tls, tls_roots};
pub use wanted::{Plaintext, Wanted};

use answer::{Answers, max_age, read};
use wanted::{fault, why};

/// The longest pause between two failed attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Fetches small documents. No connection and no cookie outlives one fetch (SPEC D-32).
#[derive(Clone)]
pub struct Fetch {
    dialler: Dialler,
    /// Where one origin is reached instead.
    detour: Option<Arc<ReachAt>>,
    /// The forward proxies of the environment.
    proxies: Option<Arc<ForwardProxies>>,
}

/// A fetched document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The document.
    pub body: Bytes,
    /// How long it stays fresh, by its own words; zero if it must not be stored.
    pub max_age: Option<Duration>,
}

/// The answer to a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// 200, or a refusal: 400 or 401 (RFC 6749 §5.2), or another 4xx, which some IdPs use.
    pub status: StatusCode,
    /// JSON by its label if the status is 200. A refusal may be anything.
    pub body: Bytes,
}

impl Fetch {
    /// Fetches over connections of `dialler`.
    #[must_use]
    pub fn new(dialler: Dialler) -> Self {
        Self { dialler, detour: None, proxies: None }
    }

    /// The same, through these forward proxies.
    #[must_use]
    pub fn through(self, proxies: Option<Arc<ForwardProxies>>) -> Self {
        Self { proxies, ..self }
    }

    /// The same for an issuer that is reached in its own way.
    #[must_use]
    pub fn reaching(&self, reach: &IssuerReach) -> Self {
        let tls = match &reach.ca {
            None => Arc::clone(&self.dialler.tls),
            // The configuration was checked. If the certificates were no roots nevertheless, no
            // server would be trusted.
            Some(ca) => {
                private_tls(&ca.certificates, None, false).unwrap_or_else(|_| client_tls(Roots::empty(), false))
            }
        };
        let dialler = Dialler { tls, resolver: Arc::clone(&self.dialler.resolver) };
        Self { dialler, detour: reach.at.clone().map(Arc::new), proxies: self.proxies.clone() }
    }

    /// Where the issuer's origin is reached instead.
    pub(in crate::outbound) fn detour(&self) -> Option<&ReachAt> {
        self.detour.as_deref()
    }

    /// Fetches one JSON document within [`FETCH_TIMEOUT`], over a connection of its own.
    ///
    /// # Errors
    /// A [`Fault`] that names the step that failed.
    pub async fn get(&self, wanted: &Wanted<'_>) -> Result<Fetched, Fault> {
        self.get_with(wanted, None).await
    }

    /// As [`Self::get`], with a credential of the same server.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_with(&self, wanted: &Wanted<'_>, credential: Option<HeaderValue>) -> Result<Fetched, Fault> {
        let said = self.get_within(wanted, credential, Answers::These(&[StatusCode::OK])).await?;
        Ok(Fetched { max_age: max_age(&said.fields), body: said.body })
    }

    /// As [`Self::get_with`], whatever the status of the answer, which only a redirect must not be.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn look(&self, wanted: &Wanted<'_>, credential: Option<HeaderValue>) -> Result<Said, Fault> {
        self.get_within(wanted, credential, Answers::Any).await
    }

    /// As [`Self::look`]; a redirect is an answer like any other, and is not followed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn look_without_following(&self, wanted: &Wanted<'_>) -> Result<Said, Fault> {
        self.get_within(wanted, None, Answers::AnyAndRedirects).await
    }

    async fn get_within(
        &self,
        wanted: &Wanted<'_>,
        credential: Option<HeaderValue>,
        answers: Answers<'_>,
    ) -> Result<Said, Fault> {
        match timeout(FETCH_TIMEOUT, self.get_unhurried(wanted, credential, answers)).await {
            Ok(result) => result,
            Err(_) => Err(fault(FaultKind::Timeout, wanted, format_args!("no whole answer within {FETCH_TIMEOUT:?}"))),
        }
    }

    async fn get_unhurried(
        &self,
        wanted: &Wanted<'_>,
        credential: Option<HeaderValue>,
        answers: Answers<'_>,
    ) -> Result<Said, Fault> {
        let Planned { peer, rule, target, head } = self.plan(wanted)?;
        let request = head.method("GET").uri(target).body(Full::default());
        let mut request = request.map_err(|cause| fault(FaultKind::Url, wanted, cause))?;
        if let Some(mut credential) = credential {
            credential.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, credential);
        }
        self.ask((&peer, rule), request, wanted, answers).await
    }

    /// Sends a form to a token endpoint, with the gateway's credential there. The whole answer must
    /// come `within` this time.
    ///
    /// # Errors
    /// A [`Fault`] that names the step that failed. A refusal of RFC 6749 §5.2 is not a fault.
    pub async fn post_form(
        &self,
        wanted: &Wanted<'_>,
        form: String,
        authorization: Option<HeaderValue>,
        within: Duration,
    ) -> Result<Posted, Fault> {
        let post = async {
            let Planned { peer, rule, target, head } = self.plan(wanted)?;
            let mut request = head
                .method("POST")
                .uri(target)
                .header(CONTENT_TYPE, media::FORM)
                .body(Full::from(form))
                .map_err(|cause| fault(FaultKind::Url, wanted, cause))?;
            if let Some(mut authorization) = authorization {
                authorization.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, authorization);
            }
            let Said { status, body, .. } = self.ask((&peer, rule), request, wanted, Answers::OkOrRefusal).await?;
            Ok(Posted { status, body })
        };
        match timeout(within, post).await {
            Ok(result) => result,
            Err(_) => Err(fault(FaultKind::Timeout, wanted, format_args!("no whole answer within {within:?}"))),
        }
    }

    async fn ask(
        &self,
        (peer, rule): (&Peer, AddressRule),
        mut request: Request<Full<Bytes>>,
        wanted: &Wanted<'_>,
        answers: Answers<'_>,
    ) -> Result<Said, Fault> {
        let detour = self.detour().filter(|detour| detour.is_at(peer));
        // The operator says where the issuer is reached: there, and not at a proxy.
        let proxy = self.proxies.as_ref().and_then(|all| all.of(peer)).filter(|_| detour.is_none());
        // On the heap: fetches are rare, and part of many futures.
        let is_whole_url = !peer.tls && rule == AddressRule::Configured;
        let stream = match proxy {
            None => Box::pin(self.dialler.dial(peer, rule, FETCH_TIMEOUT)).await,
            Some(proxy) => Box::pin(self.dial_through(proxy, (peer, rule), &mut request, wanted)).await,
        };
        let stream = stream.map_err(|failed| match detour {
            None => match proxy {
                None => fault(FaultKind::Dial(failed.kind), wanted, failed.cause),
                Some(proxy) => {
                    let cause = format_args!("through the forward proxy {proxy}: {}", failed.cause);
                    fault(FaultKind::Dial(failed.kind), wanted, cause)
                }
            },
            Some(detour) => {
                let cause = format_args!("at {}: {}", detour.url(), failed.cause);
                fault(FaultKind::Dial(failed.kind), wanted, cause)
            }
        })?;
        let said = converse(stream, request, wanted, answers).await;
        match proxy.filter(|_| is_whole_url) {
            // The answer may be the proxy's own.
            Some(proxy) => said.map_err(|fault| Fault { cause: through(proxy, &fault.cause), ..fault }),
            None => said,
        }
    }

    /// A connection through `proxy`. A request without TLS is one to the proxy itself, with the
    /// whole URL (RFC 9112 §3.2.2).
    async fn dial_through(
        &self,
        proxy: &ForwardProxy,
        (peer, rule): (&Peer, AddressRule),
        request: &mut Request<Full<Bytes>>,
        wanted: &Wanted<'_>,
    ) -> Result<Stream, DialFault> {
        // Documents that clients name come over TLS, or from this host.
        if peer.tls || rule != AddressRule::Configured {
            return self.dialler.tunnel(proxy, peer, rule, FETCH_TIMEOUT).await;
        }
        if let Ok(whole) = wanted.url.parse() {
            *request.uri_mut() = whole;
        }
        if let Some(authorization) = &proxy.authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        self.dialler.dial(&proxy.peer, AddressRule::Configured, FETCH_TIMEOUT).await
    }
}

/// What failed for a request that `proxy` itself forwards.
fn through(proxy: &ForwardProxy, cause: &str) -> String {
    let advice = match cause {
        cause if !cause.contains(": 407 ") => "",
        _ if proxy.authorization.is_some() => ": it refuses the credentials in its URL",
        _ => ": it asks for credentials; write http://user:password@host:port",
    };
    format!("through the forward proxy {proxy}, which may have answered itself: {cause}{advice}")
}

/// What one request needs.
struct Planned {
    peer: Peer,
    rule: AddressRule,
    target: String,
    /// The head that all requests have.
    head: request::Builder,
}

impl Fetch {
    fn plan(&self, wanted: &Wanted<'_>) -> Result<Planned, Fault> {
        let refused = |cause: &str| fault(FaultKind::Url, wanted, cause);
        if wanted.url.contains('#') {
            return Err(refused("a fragment is never sent"));
        }
        let uri: Uri = wanted.url.parse().map_err(|cause| fault(FaultKind::Url, wanted, cause))?;
        let authority =
            uri.authority().filter(|authority| !authority.host().is_empty()).ok_or_else(|| refused("no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it must not contain a user name or password"));
        }
        let peer = peer_of(&uri).ok_or_else(|| refused("not an https:// URL"))?;
        if !peer.tls && !wanted.plaintext.permits(authority) {
            return Err(refused("http:// is not permitted here"));
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let mut head = Request::builder()
            .header(HOST, authority.as_str())
            .header(ACCEPT, media::JSON)
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close");
        match self.detour.as_deref().filter(|detour| detour.stands_for(&peer)) {
            None => Ok(Planned { peer, rule: wanted.rule, target, head }),
            // The issuer gets its public name as `Host`, and the public scheme as from a proxy:
            // many issuers build their URLs, and the name that is compared, from these.
            Some(detour) => {
                head = head.header("x-forwarded-proto", if peer.tls { "https" } else { "http" });
                Ok(Planned { peer: detour.peer.clone(), rule: AddressRule::Configured, target, head })
            }
        }
    }
}

/// The host of an http:// or https:// URL.
#[must_use]
pub fn peer_of(url: &Uri) -> Option<Peer> {
    let tls = match url.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']').into();
    Some(Peer { host, port: url.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls })
}

/// Sends and reads in this task, so that dropping the future closes the connection.
async fn converse(
    stream: Stream,
    request: Request<Full<Bytes>>,
    wanted: &Wanted<'_>,
    answers: Answers<'_>,
) -> Result<Said, Fault> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(FETCH_HEAD_FIELDS_MAX)
        .max_buf_size(FETCH_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| fault(FaultKind::Http, wanted, cause))?;
    let mut connection = pin!(connection);
    let mut exchange = pin!(async {
        let answer = sender.send_request(request).await.map_err(|cause| {
            // The peer has closed the connection before it saw anything of the request.
            let unsent = FaultKind::Dial(DialFaultKind::Reset);
            fault(if cause.is_canceled() { unsent } else { FaultKind::Http }, wanted, why(&cause))
        })?;
        read(answer, wanted, answers).await
    });
    select! {
        biased;
        result = &mut exchange => return result,
        _ = &mut connection => {}
    }
    // The connection has ended, but the bytes that it has read are still to be taken.
    exchange.await
}

/// The wait after this many failures in a row: 1 s, 2 s, 4 s … [`BACKOFF_MAX`].
pub(in crate::outbound) fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX)).min(BACKOFF_MAX)
}
