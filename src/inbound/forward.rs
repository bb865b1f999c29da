//! Steps 7 and 8: what the upstream gets, and what of its answer the client gets.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE},
    request::Parts,
};
use http_body::{Body, Frame, SizeHint};

use crate::{
    decide::{
        hop,
        mcp::{target::Target, version::Era},
        policy::evaluate::Permit,
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::{
        connection::Busy,
        leash::{Counted, Leash},
        reply::ReplyBody,
        service::Arrival,
        snapshot::Server,
    },
    observe::record::Record,
    outbound::{Fault, credential::Credential, upstream::Answer},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What was judged and may go.
pub(super) struct Outgoing {
    /// Who asks.
    pub(super) caller: Arc<Caller>,
    /// The bytes that were judged: the bytes forwarded (P1).
    pub(super) body: Bytes,
    /// Which of the two ways to speak MCP it follows.
    pub(super) era: Era,
    /// What the caller must go on being allowed, where the answer is a stream that lives on by itself.
    pub(super) leashed: Option<Target>,
    /// The place that such a stream takes among its caller's.
    pub(super) counted: Option<Counted>,
}

/// Sends the request and relays the answer.
pub(super) async fn send(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    head: Parts,
    outgoing: Outgoing,
    permit: Permit,
    mut record: Record,
    busy: Busy,
) -> Result<Response<ReplyBody>, (Refusal, Record)> {
    let headers = match request_headers(arrival, server, head.headers, &outgoing) {
        Ok(headers) => headers,
        Err(refusal) => return Err((refusal, record)),
    };
    let answer = match server.upstream.send(permit, head.method, headers, outgoing.body).await {
        Ok(answer) => answer,
        Err(fault) => return Err((refusal_of(&fault, server), record)),
    };
    if let Err(refusal) = check_answer(&answer, server) {
        return Err((refusal, record));
    }

    // From here on nothing can be refused, only ended.
    let (mut head, body) = answer.into_parts();
    hop::clean_response(&mut head.headers);
    let is_stream = is_event_stream(&head.headers);
    let streams = &arrival.connection.gateway.streams;
    let counted =
        is_stream.then(|| outgoing.counted.or_else(|| streams.count(&server.series.name, &outgoing.caller))).flatten();
    if is_stream {
        record.streams();
        announce_stream(&mut head.headers);
    } else if !head.headers.contains_key(CACHE_CONTROL) {
        // What a token unlocked is nobody else's (SPEC A-70).
        head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    record.answered(head.status);
    let leash = outgoing
        .leashed
        .filter(|_| is_stream)
        .map(|target| Leash::tie(&arrival.connection.gateway, server, outgoing.caller, target, arrival.now));
    let relay = Relay { answer: body, leash, broken: None, record, _counted: counted, _busy: busy };
    Ok(Response::from_parts(head, ReplyBody::Relay(Box::new(relay))))
}

/// Step 7: strip, then add. What we add is never taken from what came in.
fn request_headers(
    arrival: &Arrival<'_>,
    server: &Server,
    mut headers: HeaderMap,
    outgoing: &Outgoing,
) -> Result<HeaderMap, Refusal> {
    let gateway = &arrival.connection.gateway;
    if hop::loops(&headers, &gateway.pseudonym) {
        return Err(Refusal::Loop);
    }
    let presented =
        matches!(server.credential, Credential::Forward).then(|| headers.get(AUTHORIZATION).cloned()).flatten();
    hop::clean_request(&mut headers, &server.identity_names);
    if outgoing.era == Era::Modern {
        // A dual-era upstream must not be led into session mode (SPEC C-47).
        headers.remove(MCP_SESSION_ID);
        headers.remove(LAST_EVENT_ID);
    }
    if outgoing.body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    hop::append_via(&mut headers, &gateway.via);
    if let Some(peer) = &arrival.connection.peer_value {
        headers.insert(X_FORWARDED_FOR, peer.clone());
    }
    headers.insert(X_FORWARDED_HOST, server.public.host.clone());
    headers.insert(X_FORWARDED_PROTO, server.public.scheme.clone());
    server.credential.add_to(&mut headers, presented);
    for identity in &server.identity_headers {
        identity.add_to(&mut headers, &outgoing.caller);
    }
    Ok(headers)
}

fn refusal_of(fault: &Fault, server: &Server) -> Refusal {
    server.series.upstream_failed(fault.what);
    tracing::warn!(server = %server.series.name, what = fault.what, cause = %fault.cause, "the upstream did not answer");
    match fault.what {
        "timeout" => Refusal::UpstreamTimeout,
        "broken" => Refusal::UpstreamAnswer("it broke off before an answer"),
        _ => Refusal::UpstreamUnreachable,
    }
}

/// Answers that may not be relayed: they would send the client to another authorization server, or elsewhere altogether
/// (SPEC, F-30, attack 148).
fn check_answer(answer: &Response<Answer>, server: &Server) -> Result<(), Refusal> {
    let what = match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => "it asks for a credential of its own",
        StatusCode::FORBIDDEN if server.credential.is_ours() || answer.headers().contains_key(WWW_AUTHENTICATE) => {
            "it refuses the gateway's own credential"
        }
        status if status.is_informational() => "it wants to change the protocol",
        status if status.is_redirection() => "it redirects",
        StatusCode::PARTIAL_CONTENT => "it sends a part of something",
        _ => return Ok(()),
    };
    server.series.upstream_failed("answer");
    tracing::warn!(server = %server.series.name, status = answer.status().as_u16(), what, "the upstream's answer is not relayed");
    Err(Refusal::UpstreamAnswer(what))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    })
}

/// Tells proxies before us to pass each event on as it comes (SPEC C-59).
fn announce_stream(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    }
    if !headers.contains_key(X_ACCEL_BUFFERING) {
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    headers.remove(CONTENT_LENGTH);
}

/// An answer on its way to the client, with all that ends when it ends.
pub(super) struct Relay {
    answer: Answer,
    leash: Option<Leash>,
    /// The upstream's failure, held back for one turn.
    broken: Option<hyper::Error>,
    record: Record,
    _counted: Option<Counted>,
    _busy: Busy,
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(leash) = self.leash.as_mut()
            && leash.poll_cut(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = Pin::new(&mut self.answer).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = frame {
            self.record.broke_off();
            // An error makes the library drop what it has not written yet. A turn later it has, and what came before the
            // upstream's end arrives (SPEC F-24).
            self.broken = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
