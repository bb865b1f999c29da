//! Takes a request to the authorization server inside, reads its body whole, and hands its answer to the connection.

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use hyper::body::Incoming;

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        endpoint,
    },
    base::limits::ISSUER_BODY_BYTES_MAX,
    decide::{refusal::Refusal, route::IssuerEndpoint},
    inbound::{
        accept::connection::Busy,
        answer::reply::{Handed, ReplyBody},
        request::{body, service::Arrival},
    },
};

/// Answers one request. CORS, methods and refusals are the issuer's own business: they are OAuth's, not MCP's.
///
/// Reads the body; fails if it is wrong or there is no room, before the issuer sees the request.
pub(in crate::inbound) async fn answer(
    arrival: &Arrival<'_>,
    embedded: &Embedded,
    endpoint: IssuerEndpoint,
    head: &Parts,
    incoming: &mut Incoming,
    busy: &mut Busy,
) -> Result<Response<ReplyBody>, Refusal> {
    let (gateway, peer) = (&arrival.connection.gateway, arrival.connection.peer);
    let place = gateway.usage.enter_unproved(peer, arrival.snapshot.limits)?;
    let reads = head.method == Method::POST;
    let body =
        if reads { body::read(incoming, head.version, ISSUER_BODY_BYTES_MAX, &place).await? } else { Bytes::new() };
    // The place that it has is one of few.
    busy.secure()?;
    let asked = Asked { endpoint, head, body, peer, now: arrival.now };
    // Boxed: the library keeps room for this future as long as the connection lives.
    let answer = Box::pin(endpoint::answer(embedded, asked)).await;
    drop(place);
    busy.expose();
    let mut response = answer.response.map(|bytes| ReplyBody::Issued(Handed::new(bytes, answer.on_delivered)));
    if !reads {
        body::settle(incoming, head, &mut response).await;
    }
    Ok(response)
}
