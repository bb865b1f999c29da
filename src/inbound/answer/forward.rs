//! Steps 7 and 8: what the upstream gets, and what of its answer the client gets.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED,
        WWW_AUTHENTICATE,
    },
    request::Parts,
    response,
    uri::PathAndQuery,
};
use http_body::Body;

use crate::{
    decide::{
        hop,
        mcp::{
            headers::{METHOD, NAME},
            list::Lists,
            target::Target,
            version::Era,
        },
        policy::evaluate::Permit,
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::{
        accept::connection::Busy,
        answer::{
            filter::{self, Care, Cut, Edited, Guarded, Unread},
            lease::Leash,
            relay::{Relay, Source, Watch},
            reply::ReplyBody,
        },
        legacy_sse::{Door, Endpoint},
        request::{
            service::Arrival,
            session::{self, MCP_SESSION_ID, Session},
        },
        state::{server::Server, usage::Place},
    },
    observe::{record::Record, upstream::UpstreamOutcome},
    outbound::{
        Fault,
        credential::Credential,
        dial::Why,
        upstream::{Answer, BUSY},
    },
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// What an answer says about its own bytes (RFC 9110 §8.6, §8.8, RFC 9530, RFC 3230).
const ABOUT_BYTES: [HeaderName; 6] = [
    CONTENT_LENGTH,
    ETAG,
    LAST_MODIFIED,
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const MCP_METHOD: HeaderName = HeaderName::from_static(METHOD);
const MCP_NAME: HeaderName = HeaderName::from_static(NAME);

/// Whether an answer may be a task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::inbound) enum Promise {
    /// No.
    None,
    /// It may, though the client did not say that it knows tasks: it is looked at as it comes.
    Perhaps,
    /// It may well: it must come in a form that can be read.
    Expected,
}

/// What was judged and may go.
pub(in crate::inbound) struct Outgoing {
    /// Who asks.
    pub(in crate::inbound) caller: Arc<Caller>,
    /// The bytes that were judged: the bytes forwarded (P1).
    pub(in crate::inbound) body: Bytes,
    /// Which of the two ways to speak MCP it follows.
    pub(in crate::inbound) era: Era,
    /// By which path it came.
    pub(in crate::inbound) door: Door,
    /// The session that it belongs to.
    pub(in crate::inbound) session: Option<Session>,
    /// Where an upstream of 2024-11-05 wants this message.
    pub(in crate::inbound) endpoint: Option<PathAndQuery>,
    /// The lists in the answer that must be cut to what the caller may see, or may not be there.
    pub(in crate::inbound) lists: Care,
    /// Whether the answer may be a task.
    pub(in crate::inbound) task: Promise,
    /// What the caller was allowed, and must go on being allowed where the answer lives on.
    pub(in crate::inbound) target: Target,
    /// Whether the answer may begin a session, which is counted as begun.
    pub(in crate::inbound) begins: bool,
    /// Whether the answer is a stream that lives on by itself.
    pub(in crate::inbound) lives_on: bool,
    /// Its place among what its caller has under way.
    pub(in crate::inbound) place: Place,
}

/// Sends the request and relays the answer.
pub(in crate::inbound) async fn send(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    head: Parts,
    mut outgoing: Outgoing,
    permit: Permit,
    mut record: Record,
    busy: Busy,
) -> Result<Response<ReplyBody>, (Refusal, Record)> {
    if !arrival.connection.gateway.room.admits_request() {
        session::begins_nothing(arrival, server, &outgoing);
        return Err((Refusal::OverloadedDescriptors, record));
    }
    let headers = match request_headers(arrival, server, head.headers, &outgoing) {
        Ok(headers) => headers,
        Err(refusal) => {
            session::begins_nothing(arrival, server, &outgoing);
            return Err((refusal, record));
        }
    };
    let (method, body) = (head.method, std::mem::take(&mut outgoing.body));
    let upstream = &server.upstream;
    let sent = match outgoing.endpoint.take() {
        Some(target) => upstream.send_to(permit, target, method.clone(), headers, body).await,
        None => upstream.send(permit, method.clone(), headers, body).await,
    };
    let answer = match sent {
        Ok(answer) => answer,
        Err(fault) => {
            // Where the request may have arrived, the session may have begun.
            if !matches!(fault.what, "timeout" | "broken") {
                session::begins_nothing(arrival, server, &outgoing);
            }
            return Err((refusal_of(&fault, &mut record), record));
        }
    };
    if !answer.headers().contains_key(MCP_SESSION_ID) {
        session::begins_nothing(arrival, server, &outgoing);
    }
    if let Err(what) = check_answer(&answer, server) {
        return Err(not_relayed(what, answer.status(), record));
    }

    let (mut head, body) = answer.into_parts();
    if let Err(what) = hop::answer::one_reading(head.status, &mut head.headers) {
        return Err(not_relayed(what, head.status, record));
    }
    hop::clean_response(&mut head.headers);
    if let Err(refusal) = session::learn(arrival, server, &outgoing, &method, &mut head) {
        if let Refusal::UpstreamAnswer(what) = refusal {
            return Err(not_relayed(what, head.status, record));
        }
        return Err((refusal, record));
    }
    let is_stream = is_event_stream(&head.headers);
    if outgoing.door == Door::Events && head.status.is_success() && !is_stream {
        return Err(not_relayed("it is not an event stream", head.status, record));
    }
    let source = match cut(arrival, server, &outgoing, &mut head, body, is_stream).await {
        Ok(source) => source,
        Err(Unread { refusal, fault }) => {
            match fault {
                Some((outcome, why)) => record.failed(outcome, "answer", &why),
                None => record.upstream(UpstreamOutcome::of_status(head.status)),
            }
            return Err((refusal, record));
        }
    };

    // From here on nothing can be refused, only ended.
    let gateway = &arrival.connection.gateway;
    let watch = Watch::of(gateway, server, &outgoing, &head.headers, is_stream);
    outgoing.place.answered(is_stream);
    record.upstream(UpstreamOutcome::of_status(head.status));
    if is_stream {
        record.streams(head.status);
        announce_stream(&mut head.headers);
    } else if !head.headers.contains_key(CACHE_CONTROL) {
        // What a token unlocked is nobody else's (SPEC A-70).
        head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    record.answered(head.status);
    // On such a stream any list may come; on a subscription none does.
    let lists = (method == Method::GET).then_some(Lists::Any);
    let tie = || Leash::tie(gateway, server, outgoing.caller, &outgoing.target, lists);
    let leash = (outgoing.lives_on && is_stream).then(tie);
    let relay = Relay::new(source, leash, watch, record, outgoing.place, busy);
    Ok(Response::from_parts(head, ReplyBody::Relay(Box::new(relay))))
}

/// Reads an answer that holds a list, and cuts the list (SPEC C-55). In any other, and in one that says it failed, none belongs.
/// The event stream of 2024-11-05 is read in any case, for the endpoint in it; the answers of its messages, which hold no list, are
/// not shown where one was asked for.
async fn cut(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    outgoing: &Outgoing,
    head: &mut response::Parts,
    body: Answer,
    is_stream: bool,
) -> Result<Source, Unread> {
    let gateway = &arrival.connection.gateway;
    let is_read = outgoing.lists.cut.is_some() || outgoing.door == Door::Events;
    if body.is_end_stream() {
        return Ok(Source::Plain(body));
    }
    if !is_read || !head.status.is_success() {
        return Ok(guard(outgoing, head, body, is_stream)?);
    }
    filter::check_coding(&head.headers)?;
    let cut = outgoing.lists.cut.map(|lists| Cut {
        gateway: Arc::clone(gateway),
        server: Arc::clone(server),
        caller: Arc::clone(&outgoing.caller),
        lists,
    });
    if is_stream {
        let endpoint = (outgoing.door == Door::Events).then(|| Endpoint::new(gateway, server, &outgoing.caller));
        return Ok(Source::Edited(Box::new(Edited::new(body, cut, endpoint, &outgoing.place))));
    }
    let whole = match &cut {
        Some(cut) if outgoing.door != Door::Messages => Some(filter::whole(body, cut, &outgoing.place).await?),
        _ => None,
    };
    // What they said about the bytes was about other bytes, and what was made for one caller is nobody else's (SPEC A-72).
    for about in ABOUT_BYTES {
        head.headers.remove(about);
    }
    head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    Ok(Source::Whole(whole))
}

/// Lets an answer pass as it comes, up to a list that does not belong there.
fn guard(outgoing: &Outgoing, head: &response::Parts, body: Answer, is_stream: bool) -> Result<Source, Refusal> {
    let Some(lists) = outgoing.lists.guarded else { return Ok(Source::Plain(body)) };
    match filter::check_coding(&head.headers) {
        Ok(()) => Ok(Source::Guarded(Box::new(Guarded::new(body, lists, is_stream)))),
        // What failed was mostly never understood, our wish for plain bytes included, and the client must learn its status. No client
        // looks for a message behind both.
        Err(_) if !head.status.is_success() => Ok(Source::Plain(body)),
        Err(refusal) => Err(refusal),
    }
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
    hop::clean_request(&mut headers, &server.identity_names, &server.passed_headers);
    if outgoing.era == Era::Legacy {
        // They mean nothing there and were not compared with the body (attack 195).
        headers.remove(MCP_METHOD);
        headers.remove(MCP_NAME);
    }
    match &outgoing.session {
        Some(session) => drop(headers.insert(MCP_SESSION_ID, session.id.clone())),
        // A dual-era upstream must not be led into session mode (SPEC C-47).
        None => {
            headers.remove(MCP_SESSION_ID);
            headers.remove(LAST_EVENT_ID);
        }
    }
    let is_read = outgoing.lists.guarded.is_some()
        || outgoing.task == Promise::Expected
        || outgoing.door == Door::Events
        || outgoing.session.is_some();
    if is_read {
        // What must be read must come as it is: lists, tasks, endpoints, and the event ids of a session.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
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

fn refusal_of(fault: &Fault, record: &mut Record) -> Refusal {
    let (outcome, refusal) = match fault.what {
        "timeout" => (UpstreamOutcome::Timeout, Refusal::UpstreamTimeout("did not answer in time")),
        "broken" => (UpstreamOutcome::BrokeOff, Refusal::UpstreamAnswer("it broke off before an answer")),
        BUSY => (UpstreamOutcome::Unreachable, Refusal::UpstreamBusy),
        what => match Why::of_label(what) {
            Some(Why::NoDescriptors) => (UpstreamOutcome::Unreachable, Refusal::OverloadedDescriptors),
            Some(why) if why.is_timeout() => (UpstreamOutcome::Timeout, Refusal::UpstreamTimeout(why.phrase())),
            Some(why) => (UpstreamOutcome::Unreachable, Refusal::UpstreamUnreachable(why.phrase())),
            None => (UpstreamOutcome::Unreachable, Refusal::UpstreamUnreachable("cannot be reached")),
        },
    };
    if fault.logged {
        record.failed_again(outcome, fault.what);
    } else {
        record.failed(outcome, fault.what, &fault.cause);
    }
    refusal
}

/// Answers that may not be relayed: they would send the client to another authorization server, or elsewhere altogether
/// (SPEC, F-30, attack 148).
fn check_answer(answer: &Response<Answer>, server: &Server) -> Result<(), &'static str> {
    Err(match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => "it asks for a credential of its own",
        StatusCode::FORBIDDEN if server.credential.is_ours() || answer.headers().contains_key(WWW_AUTHENTICATE) => {
            "it refuses the gateway's own credential"
        }
        status if status.is_informational() => "it wants to change the protocol",
        status if status.is_redirection() => "it redirects",
        StatusCode::PARTIAL_CONTENT => "it sends a part of something",
        _ => return Ok(()),
    })
}

fn not_relayed(what: &'static str, status: StatusCode, mut record: Record) -> (Refusal, Record) {
    record.failed(UpstreamOutcome::Unfit, "answer", &format_args!("status {}: {what}", status.as_u16()));
    (Refusal::UpstreamAnswer(what), record)
}

/// Whether an answer is a stream of events.
pub(in crate::inbound) fn is_event_stream(headers: &HeaderMap) -> bool {
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
