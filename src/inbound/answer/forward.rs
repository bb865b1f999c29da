//! Asks the upstream, and checks that its answer may be relayed: the last step that may refuse.

use std::{mem, sync::Arc};

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ACCEPT_ENCODING, CACHE_CONTROL, WWW_AUTHENTICATE},
    request::Parts,
    response,
};
use http_body::Body;

use crate::{
    decide::{
        fields::{
            answer,
            coding::{self, Encoded},
            crossing,
            header_names::{ABOUT_BYTES, MCP_SESSION_ID},
            sent_accept::SentAccept,
        },
        mcp::answer::event_stream::is_event_stream,
        policy::evaluate::Permit,
        refusal::Refusal,
    },
    inbound::{
        answer::{
            filter::{
                edited::Edited,
                guarded::Guarded,
                list_filter::ListFilter,
                readable::Readable,
                whole::{self, Unread},
            },
            long_fields,
            outgoing::Outgoing,
            session::{self, NotSealed},
            source::AnswerSource,
            tls_port, upstream_request,
            watch::AnswerWatch,
        },
        legacy_sse::{Endpoint, EndpointRewriter},
        request::arrival::Arrival,
        state::{gateway::Gateway, server::Server},
    },
    observe::{record::Record, upstream::UpstreamOutcome},
    outbound::{
        dial::DialFaultKind,
        fault::{Fault, FaultKind},
        upstream::Answer,
    },
};

/// An answer that may be relayed.
pub(in crate::inbound) struct Answered {
    /// The head for the client.
    pub(in crate::inbound) head: response::Parts,
    /// The bytes of the body.
    pub(in crate::inbound) source: AnswerSource,
    /// Whether the answer is an event stream.
    pub(in crate::inbound) is_stream: bool,
    /// The method of the request.
    pub(in crate::inbound) method: Method,
    /// What the client accepts.
    pub(in crate::inbound) accepts: SentAccept,
    /// The request, without its body.
    pub(in crate::inbound) outgoing: Outgoing,
}

/// Sends the request and checks the answer.
pub(in crate::inbound) async fn ask(
    record: &mut Record,
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    head: Parts,
    mut outgoing: Outgoing,
    permit: Permit,
) -> Result<Answered, Refusal> {
    let (gateway, now) = (&arrival.connection.gateway, arrival.now);
    if !gateway.room.admits_request() {
        session::begins_nothing(&gateway.sessions, server, &outgoing, now);
        return Err(Refusal::OverloadedDescriptors);
    }
    let (accepts, decodes) = (SentAccept::of(&head.headers), head.headers.get(ACCEPT_ENCODING).cloned());
    let headers = match upstream_request::headers_of(arrival, server, head.headers, &outgoing) {
        Ok(headers) => headers,
        Err(refusal) => {
            session::begins_nothing(&gateway.sessions, server, &outgoing, now);
            return Err(refusal);
        }
    };
    let (method, body) = (head.method, mem::take(&mut outgoing.body));
    let upstream = &server.upstream;
    let sent = match outgoing.message_path.take() {
        Some(path) => upstream.send_to(permit, path, method.clone(), headers, body).await,
        None => upstream.send(permit, outgoing.query.as_deref(), method.clone(), headers, body).await,
    };
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(fault) => {
            // After a timeout or a broken connection, the upstream may have received the request
            // and begun a session. After any other fault it has not.
            if !matches!(fault.kind, FaultKind::Timeout | FaultKind::Broken) {
                session::begins_nothing(&gateway.sessions, server, &outgoing, now);
            }
            return Err(refusal_of(&fault, record));
        }
    };
    long_fields::tell(arrival, server, outgoing.who.caller().map(|caller| &**caller), answer.status());
    if !answer.headers().contains_key(MCP_SESSION_ID) {
        session::begins_nothing(&gateway.sessions, server, &outgoing, now);
    }
    if !upstream.is_secure() && tls_port::may_be(&answer) && Box::pin(tls_port::is_told(&mut answer)).await {
        let cause = format_args!("{} answered 400: a request without TLS came to a port of TLS", upstream.url());
        record.upstream_answered(answer.status());
        record.failed(UpstreamOutcome::Unfit, DialFaultKind::TlsPort.label(), &cause);
        return Err(Refusal::UpstreamAnswer("its port speaks TLS, and was asked without"));
    }
    if is_check_of_host(&answer) && (outgoing.endpoint == Endpoint::Events || record.is_first_of_client()) {
        record.host_refused(answer.status(), upstream.host());
    }
    if let Err(what) = check_answer(&answer, server) {
        let status = answer.status();
        record.upstream_answered(status);
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            let cause = upstream.not_followed(answer.headers());
            record.failed(UpstreamOutcome::Unfit, "redirect", &format_args!("status {}: {cause}", status.as_u16()));
            return Err(Refusal::UpstreamAnswer(what));
        }
        return Err(not_relayed(what, status, record));
    }

    let (mut head, body) = answer.into_parts();
    if let Err(what) = answer::one_reading(head.status, &mut head.headers) {
        return Err(not_relayed(what, head.status, record));
    }
    crossing::clean_response(&mut head.headers);
    session::learn(gateway, server, &outgoing, &method, &mut head, now).map_err(|why| match why {
        NotSealed::NotPlain => not_relayed("its Mcp-Session-Id is not one value of visible ASCII", head.status, record),
        NotSealed::TooLong => not_relayed("its Mcp-Session-Id is longer than 4096 bytes", head.status, record),
        NotSealed::NoKey => Refusal::Internal("the session id cannot be sealed"),
    })?;
    let is_stream = is_event_stream(&head.headers);
    if outgoing.endpoint == Endpoint::Events && head.status.is_success() && !is_stream {
        return Err(not_relayed("it is not an event stream", head.status, record));
    }
    let encoding = Encoding::of(&head, decodes.as_ref());
    match filter((gateway, server), &outgoing, &mut head, body, is_stream, encoding).await {
        Ok(source) => Ok(Answered { head, source, is_stream, method, accepts, outgoing }),
        Err(Unread { refusal, fault }) => {
            match fault {
                Some((outcome, why)) => record.failed(outcome, "answer", &why),
                None => record.upstream_answered(head.status),
            }
            Err(refusal)
        }
    }
}

/// Filters the answer to a request for a list (SPEC C-55). Any other answer, and any error answer,
/// must not contain a list: see [`guard`].
///
/// The event stream of 2024-11-05 is always read, because it contains the upstream's endpoint,
/// which is replaced. On that transport, a list comes on the event stream and not in the answer to
/// the POST that requests it. So the body of that answer is replaced by an empty one.
async fn filter(
    (gateway, server): (&Arc<Gateway>, &Arc<Server>),
    outgoing: &Outgoing,
    head: &mut response::Parts,
    body: Answer,
    is_stream: bool,
    encoding: Encoding,
) -> Result<AnswerSource, Unread> {
    let is_read = outgoing.lists.filtered.is_some() || outgoing.endpoint == Endpoint::Events;
    if body.is_end_stream() {
        return Ok(AnswerSource::Plain(body));
    }
    if !is_read || !head.status.is_success() {
        return guard(outgoing, head, body, is_stream, encoding);
    }
    let caller = outgoing.who.caller().filter(|_| is_stream && outgoing.endpoint == Endpoint::Events);
    let endpoint = caller.map(|caller| EndpointRewriter::new((gateway, server), caller, body.moved()));
    // A filtered answer leaves without an encoding.
    let body = match encoding.coding {
        Encoded::Plain => Readable::Plain(body),
        Encoded::By(coding) => {
            Readable::decoded(body, &mut head.headers, is_stream, (coding, &outgoing.place)).map_err(Unread::no_room)?
        }
        Encoded::Unknown => return Err(Unread::encoded()),
    };
    let lists = outgoing.lists.filtered.map(|lists| ListFilter {
        gateway: Arc::clone(gateway),
        server: Arc::clone(server),
        who: outgoing.who.clone(),
        lists,
    });
    if is_stream {
        return Ok(AnswerSource::Edited(Box::new(Edited::new(body, lists, endpoint, &outgoing.place))));
    }
    let whole = match &lists {
        Some(lists) if outgoing.endpoint != Endpoint::Messages => {
            Some(whole::read(body, lists, &outgoing.place).await?)
        }
        _ => None,
    };
    // These header fields describe the upstream's bytes, and the filtered list is for one caller
    // only (SPEC A-72).
    for about in ABOUT_BYTES {
        head.headers.remove(about);
    }
    head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    Ok(AnswerSource::Whole(whole))
}

/// How an answer is encoded, and whether the client can read it so.
#[derive(Clone, Copy)]
struct Encoding {
    coding: Encoded,
    is_accepted: bool,
}

impl Encoding {
    /// `accepts` is the client's own `Accept-Encoding`. Clients that send none do not decode,
    /// although the field's absence would allow any coding (RFC 9110 §12.5.3).
    fn of(head: &response::Parts, accepts: Option<&HeaderValue>) -> Self {
        let coding = coding::of_answer(&head.headers);
        let is_accepted = match coding {
            Encoded::By(coding) => accepts.is_some_and(|accepts| coding::is_accepted(accepts.as_bytes(), coding)),
            _ => true,
        };
        Self { coding, is_accepted }
    }
}

/// Relays an answer unchanged. If the rules hide parts of lists, ends it where a list starts. An
/// answer that is encoded although the upstream was asked for none keeps its encoding where the
/// client accepts it; it is decoded once, for all that must read it.
fn guard(
    outgoing: &Outgoing,
    head: &mut response::Parts,
    body: Answer,
    is_stream: bool,
    encoding: Encoding,
) -> Result<AnswerSource, Unread> {
    let lists = outgoing.lists.guarded;
    let guarded = |body, lists| AnswerSource::Guarded(Box::new(Guarded::new(body, lists, is_stream)));
    let coding = match (encoding.coding, lists) {
        (Encoded::Plain | Encoded::Unknown, None) => return Ok(AnswerSource::Plain(body)),
        (Encoded::Plain, Some(lists)) => return Ok(guarded(Readable::Plain(body), lists)),
        // Such an error answer is relayed unread: the client needs its status, and a server that
        // fails early may ignore `Accept-Encoding`. It cannot leak a list, because no client reads
        // a message from an encoded error body.
        (Encoded::Unknown, Some(_)) if !head.status.is_success() => return Ok(AnswerSource::Plain(body)),
        (Encoded::Unknown, Some(_)) => return Err(Unread::encoded()),
        (Encoded::By(coding), _) => (coding, &outgoing.place),
    };
    if encoding.is_accepted || lists.is_none() && !outgoing.reads_answer() {
        if lists.is_none() && !AnswerWatch::is_wanted(outgoing, is_stream) {
            return Ok(AnswerSource::Plain(body));
        }
        let read = Guarded::encoded(Readable::Plain(body), lists, is_stream, coding).map_err(Unread::no_room)?;
        return Ok(AnswerSource::Guarded(Box::new(read)));
    }
    let body = Readable::decoded(body, &mut head.headers, is_stream, coding).map_err(Unread::no_room)?;
    Ok(match lists {
        Some(lists) => guarded(body, lists),
        None => AnswerSource::Decoded(body),
    })
}

/// What a client is told of a failure of the upstream; the record keeps the cause.
pub(in crate::inbound) fn refusal_of(fault: &Fault, record: &mut Record) -> Refusal {
    let (outcome, refusal) = match fault.kind {
        FaultKind::Timeout => (UpstreamOutcome::Timeout, Refusal::UpstreamTimeout("did not answer in time")),
        FaultKind::Broken => (UpstreamOutcome::BrokeOff, Refusal::UpstreamAnswer("it broke off before an answer")),
        FaultKind::Redirect => {
            (UpstreamOutcome::Unfit, Refusal::UpstreamAnswer("it redirects to another path from now on; try again"))
        }
        FaultKind::Busy => (UpstreamOutcome::Unreachable, Refusal::UpstreamBusy),
        FaultKind::Dial(DialFaultKind::NoDescriptors) => (UpstreamOutcome::Unreachable, Refusal::OverloadedDescriptors),
        FaultKind::Dial(kind) if kind.is_timeout() => {
            (UpstreamOutcome::Timeout, Refusal::UpstreamTimeout(kind.phrase()))
        }
        FaultKind::Dial(kind) => (UpstreamOutcome::Unreachable, Refusal::UpstreamUnreachable(kind.phrase())),
        _ => (UpstreamOutcome::Unreachable, Refusal::UpstreamUnreachable("cannot be reached")),
    };
    if fault.logged {
        record.failed_again(outcome, fault.kind.label());
    } else {
        record.failed(outcome, fault.kind.label(), &fault.cause);
    }
    refusal
}

/// Whether a server may answer so if it does not know the `Host` of the request: 421, or 403
/// without a challenge. MCP servers check it against DNS rebinding.
fn is_check_of_host(answer: &Response<Answer>) -> bool {
    match answer.status() {
        StatusCode::MISDIRECTED_REQUEST => true,
        StatusCode::FORBIDDEN => !answer.headers().contains_key(WWW_AUTHENTICATE),
        _ => false,
    }
}

/// Refuses an answer that would send the client to another authorization server or another URL
/// (SPEC, F-30, attack 148).
fn check_answer(answer: &Response<Answer>, server: &Server) -> Result<(), &'static str> {
    Err(match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => "it asks the client for a credential",
        StatusCode::FORBIDDEN if server.credential.is_ours() => "it refuses the gateway's own credential",
        StatusCode::FORBIDDEN if answer.headers().contains_key(WWW_AUTHENTICATE) => "it asks the client for more scope",
        status if status.is_informational() => "it switches the protocol",
        status if status.is_redirection() => "it redirects",
        StatusCode::PARTIAL_CONTENT => "it is a partial response",
        _ => return Ok(()),
    })
}

/// Refuses an answer, and logs why.
fn not_relayed(what: &'static str, status: StatusCode, record: &mut Record) -> Refusal {
    record.upstream_answered(status);
    record.failed(UpstreamOutcome::Unfit, "answer", &format_args!("status {}: {what}", status.as_u16()));
    Refusal::UpstreamAnswer(what)
}

#[cfg(test)]
mod tests;
