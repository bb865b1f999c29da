//! Relays an answer to the client. It cannot refuse; it can only end the answer.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, Version, header::CACHE_CONTROL};

use crate::{
    decide::mcp::answer::{event_stream, lists::Lists},
    inbound::{
        answer::{
            forward::Answered,
            lease::Lease,
            relay::body::{RelayBody, Relayed},
            reply_body::ReplyBody,
            upstream_error::{self, AskedUpstream},
            watch::AnswerWatch,
        },
        request::arrival::Busy,
        state::{gateway::Gateway, server::Server},
    },
    observe::record::Record,
};

pub(in crate::inbound) mod body;

/// The response of an answer that may be relayed.
pub(in crate::inbound) fn relay(
    gateway: &Arc<Gateway>,
    server: &Arc<Server>,
    answered: Answered,
    mut record: Record,
    busy: Busy,
) -> Response<ReplyBody> {
    let Answered { mut head, source, is_stream, method, accepts, mut outgoing } = answered;
    let watch = AnswerWatch::of(gateway, server, &outgoing, &head.headers, is_stream);
    outgoing.place.answered(is_stream);
    let has_session = outgoing.session.is_some();
    let asked = AskedUpstream { method: &method, accepts: Some(&accepts), has_session, path: None };
    upstream_error::note(&mut record, server, asked, head.status);
    // The gateway's own version: one of HTTP/1.0 would end the connection (RFC 9110 §2.5).
    head.version = Version::HTTP_11;
    if is_stream {
        record.streams(head.status);
        event_stream::announce(&mut head.headers);
    } else if !head.headers.contains_key(CACHE_CONTROL) {
        // An answer that needed a token must not be cached for other callers (SPEC A-70).
        head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    record.answered(head.status);
    // Any list may come on a GET stream, and no list on a subscription.
    let lists = (method == Method::GET).then_some(Lists::Any);
    let lives_on = outgoing.who.caller().filter(|_| outgoing.lives_on && is_stream);
    let lease = lives_on.map(|caller| Lease::new(gateway, server, Arc::clone(caller), &outgoing.target, lists));
    let body = RelayBody::new(Relayed { source, lease, watch, record, place: outgoing.place, busy });
    Response::from_parts(head, ReplyBody::Relay(Box::new(body)))
}

#[cfg(test)]
mod tests;
