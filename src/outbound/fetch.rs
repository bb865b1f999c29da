//! Fetches metadata, keys and tokens: bounded in bytes and time, over TLS, no redirects.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST,
        HeaderValue, USER_AGENT,
    },
    request,
    uri::Authority,
};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{select, time::timeout};

use crate::{
    base::{
        limits::fetch::{FETCH_HEAD_BYTES_MAX, FETCH_HEAD_FIELDS_MAX, FETCH_TIMEOUT},
        media,
        names::is_loopback_name,
    },
    outbound::{
        address::AddressRule,
        dial::{Dialler, Peer, Stream},
        fault::{Fault, FaultKind},
        reach::{IssuerReach, ReachAt},
    },
};

pub mod roots;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use roots::{Roots, client_tls, native_roots, private_roots, tls_roots};

/// The longest pause between two failed attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Fetches small documents. No connection, cookie or proxy setting outlives one fetch (SPEC D-32).
#[derive(Clone)]
pub struct Fetch {
    dialler: Dialler,
    /// Where one origin is reached instead.
    detour: Option<Arc<ReachAt>>,
}

/// Whether a document may come over `http://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// Never.
    Refused,
    /// From a loopback host only, without a network in between.
    Loopback,
    /// From any host: the operator has set `allow_http`.
    Permitted,
}

/// One document to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The URL.
    pub url: &'a str,
    /// Which addresses the host may lead to.
    pub rule: AddressRule,
    /// Whether it may be fetched without TLS.
    pub plaintext: Plaintext,
    /// Its longest length.
    pub bytes_max: usize,
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
    /// 200, or a refusal: 400 or 401 (RFC 6749 §5.2), or 403, which some IdPs use.
    pub status: StatusCode,
    /// The JSON.
    pub body: Bytes,
}

impl Fetch {
    /// Fetches over connections of `dialler`.
    #[must_use]
    pub fn new(dialler: Dialler) -> Self {
        Self { dialler, detour: None }
    }

    /// The same for an issuer that is reached in its own way.
    #[must_use]
    pub fn reaching(&self, reach: &IssuerReach) -> Self {
        let tls = match &reach.ca {
            None => Arc::clone(&self.dialler.tls),
            // The configuration was checked. If the certificates were no roots nevertheless, no
            // server would be trusted.
            Some(ca) => client_tls(private_roots(&ca.certificates).unwrap_or_else(|_| Roots::empty()), false),
        };
        let dialler = Dialler { tls, resolver: Arc::clone(&self.dialler.resolver) };
        Self { dialler, detour: reach.at.clone().map(Arc::new) }
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
        match timeout(FETCH_TIMEOUT, self.get_unhurried(wanted, credential)).await {
            Ok(result) => result,
            Err(_) => Err(fault(FaultKind::Timeout, wanted, format_args!("no whole answer within {FETCH_TIMEOUT:?}"))),
        }
    }

    async fn get_unhurried(&self, wanted: &Wanted<'_>, credential: Option<HeaderValue>) -> Result<Fetched, Fault> {
        let Planned { peer, rule, target, head } = self.plan(wanted)?;
        let request = head.method("GET").uri(target).body(Full::default());
        let mut request = request.map_err(|cause| fault(FaultKind::Url, wanted, cause))?;
        if let Some(mut credential) = credential {
            credential.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, credential);
        }
        self.ask((&peer, rule), request, wanted, &[StatusCode::OK]).await.map(|(_, fetched)| fetched)
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
            const ANSWERS: [StatusCode; 4] =
                [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
            let (status, fetched) = self.ask((&peer, rule), request, wanted, &ANSWERS).await?;
            Ok(Posted { status, body: fetched.body })
        };
        match timeout(within, post).await {
            Ok(result) => result,
            Err(_) => Err(fault(FaultKind::Timeout, wanted, format_args!("no whole answer within {within:?}"))),
        }
    }

    async fn ask(
        &self,
        (peer, rule): (&Peer, AddressRule),
        request: Request<Full<Bytes>>,
        wanted: &Wanted<'_>,
        answers: &[StatusCode],
    ) -> Result<(StatusCode, Fetched), Fault> {
        let stream = self.dialler.dial(peer, rule, FETCH_TIMEOUT).await;
        let stream = stream.map_err(|failed| match self.detour().filter(|detour| detour.is_at(peer)) {
            None => fault(FaultKind::Dial(failed.kind), wanted, failed.cause),
            Some(detour) => {
                let cause = format_args!("at {}: {}", detour.url(), failed.cause);
                fault(FaultKind::Dial(failed.kind), wanted, cause)
            }
        })?;
        converse(stream, request, wanted, answers).await
    }
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
pub(in crate::outbound) fn peer_of(url: &Uri) -> Option<Peer> {
    let tls = match url.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']').into();
    Some(Peer { host, port: url.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls })
}

impl Plaintext {
    fn permits(self, authority: &Authority) -> bool {
        match self {
            Self::Refused => false,
            Self::Loopback => is_loopback_name(authority.host()),
            Self::Permitted => true,
        }
    }
}

/// Sends and reads in this task, so that dropping the future closes the connection.
async fn converse(
    stream: Stream,
    request: Request<Full<Bytes>>,
    wanted: &Wanted<'_>,
    answers: &[StatusCode],
) -> Result<(StatusCode, Fetched), Fault> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(FETCH_HEAD_FIELDS_MAX)
        .max_buf_size(FETCH_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| fault(FaultKind::Http, wanted, cause))?;
    let mut connection = pin!(connection);
    let mut exchange = pin!(async {
        let answer = sender.send_request(request).await.map_err(|cause| fault(FaultKind::Http, wanted, why(&cause)))?;
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

async fn read(
    answer: Response<Incoming>,
    wanted: &Wanted<'_>,
    answers: &[StatusCode],
) -> Result<(StatusCode, Fetched), Fault> {
    let (head, mut body) = answer.into_parts();
    let too_large = || fault(FaultKind::TooLarge, wanted, format_args!("longer than {} bytes", wanted.bytes_max));

    if head.status.is_redirection() {
        // Redirects are never followed: the server must not choose where the gateway connects next
        // (SPEC D-31).
        return Err(fault(FaultKind::Redirect, wanted, format_args!("{}: redirects are not followed", head.status)));
    }
    if !answers.contains(&head.status) {
        return Err(fault(status_kind(head.status), wanted, head.status));
    }
    check_type(&head.headers).map_err(|cause| fault(FaultKind::MediaType, wanted, cause))?;
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > wanted.bytes_max) {
        return Err(too_large());
    }

    let mut taken = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| fault(FaultKind::Body, wanted, why(&cause)))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > wanted.bytes_max.saturating_sub(taken.len()) {
            return Err(too_large());
        }
        taken.extend_from_slice(&data);
    }
    Ok((head.status, Fetched { body: taken.freeze(), max_age: max_age(&head.headers) }))
}

fn status_kind(status: StatusCode) -> FaultKind {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => FaultKind::Gone,
        StatusCode::TOO_MANY_REQUESTS => FaultKind::TooMany,
        status if status.is_server_error() => FaultKind::ServerError,
        _ => FaultKind::Status,
    }
}

/// Accepts JSON media types, and `text/plain`, which file servers and Go's sniffing send for JSON.
/// An HTML page, such as a login page, is reported here instead of failing later as bad JSON.
fn check_type(headers: &HeaderMap) -> Result<(), String> {
    if let Some(coding) = headers.get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        return Err(format!("content coding {coding:?} was not requested"));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Err("no Content-Type".to_owned()) };
    let essence = media::essence(value.to_str().unwrap_or_default().as_bytes()).to_ascii_lowercase();
    let is_json = [media::JSON, "text/json", "text/plain"].iter().any(|json| essence == json.as_bytes())
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"));
    if is_json { Ok(()) } else { Err(format!("{value:?} is not JSON")) }
}

/// `max-age` of `Cache-Control` for a private cache (RFC 9111 §5.2.2). Of two values the shorter
/// counts.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let ages = directives.flat_map(|line| line.split(',')).filter_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        let value = value.trim().trim_matches('"');
        name.eq_ignore_ascii_case("max-age").then(|| value.parse().ok().map(Duration::from_secs))?
    });
    ages.min()
}

/// The wait after this many failures in a row: 1 s, 2 s, 4 s … [`BACKOFF_MAX`].
pub(in crate::outbound) fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX)).min(BACKOFF_MAX)
}

/// The cause of the error, which says more than hyper's own message.
fn why(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A fault that names the document, without its query, which may hold a key.
fn fault(kind: FaultKind, wanted: &Wanted<'_>, cause: impl std::fmt::Display) -> Fault {
    let place = wanted.url.split(['?', '#']).next().unwrap_or_default();
    // The part before an `@` may be a password.
    let place = place.rsplit_once('@').map_or(place, |(_, host)| host);
    Fault::new(kind, format_args!("{place}: {cause}"))
}
