//! Passes a request to an embedded authorization server, with its body read whole.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use hyper::body::Incoming;

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        endpoint,
    },
    base::limits::{authorization_server::EMBEDDED_BODY_BYTES_MAX, connections::EMBEDDED_BODY_TIMEOUT},
    decide::{
        mcp::error::{about::About, sentence::sentence},
        refusal::{BodyLimit, Refusal},
        routing::IssuerEndpoint,
    },
    inbound::{
        answer::reply_body::{DeliveryBody, ReplyBody},
        request::{
            arrival::{Arrival, Busy},
            body::{self, BodyBounds},
        },
        state::usage::{RequestPlace, Usage},
    },
    observe::record::Record,
};

/// Answers one request. The authorization server itself handles CORS, methods and OAuth errors.
///
/// # Errors
/// The body could not be read, or there is no room: the authorization server has not seen the
/// request.
pub(in crate::inbound) async fn answer(
    arrival: &Arrival<'_>,
    embedded: &Embedded,
    endpoint: IssuerEndpoint,
    head: &Parts,
    incoming: &mut Incoming,
    record: &mut Record,
    busy: &mut Busy,
) -> Result<Response<ReplyBody>, Refusal> {
    let (gateway, peer) = (&arrival.connection.gateway, arrival.client.address);
    let place = gateway.usage.enter_unverified(peer, arrival.snapshot.limits)?;
    let reads = head.method == Method::POST;
    let (body, place) =
        if reads { upload(&gateway.usage, peer, place, (head, incoming)).await? } else { (Bytes::new(), place) };
    // The request holds one of a bounded number of places.
    busy.secure()?;
    let places = arrival.snapshot.limits.unverified;
    let asked = Asked { endpoint, head, body, peer, now: arrival.now, places };
    // Boxed: hyper keeps room for this future as long as the connection lives.
    let answer = Box::pin(endpoint::answer(embedded, asked)).await;
    drop(place);
    if let Some(ungranted) = answer.ungranted {
        record.ungranted(ungranted);
    }
    busy.expose();
    Ok(answer.response.map(|bytes| ReplyBody::Issued(DeliveryBody::new(bytes, answer.on_delivered))))
}

/// Reads the body. As long as it is unfinished, it may have to give way to another request.
async fn upload(
    usage: &Usage,
    peer: IpAddr,
    place: RequestPlace,
    (head, incoming): (&Parts, &mut Incoming),
) -> Result<(Bytes, RequestPlace), Refusal> {
    const BOUNDS: BodyBounds =
        BodyBounds { limit: BodyLimit::Fixed(EMBEDDED_BODY_BYTES_MAX), time: EMBEDDED_BODY_TIMEOUT };
    let charge = place.charge_later();
    let upload = usage.upload(peer, place);
    let body = tokio::select! {
        biased;
        body = body::read(incoming, head.version, BOUNDS, charge) => body?,
        () = upload.displaced() => return Err(Refusal::OverloadedRequests),
    };
    let place = upload.finished().ok_or(Refusal::OverloadedRequests)?;
    Ok((body, place))
}

/// Refuses a request that the authorization server has not seen, in the form of its endpoint.
pub(in crate::inbound) fn refuse(
    embedded: &Embedded,
    endpoint: IssuerEndpoint,
    refusal: &Refusal,
) -> Response<ReplyBody> {
    let row = refusal.row();
    let about = About {
        refusal,
        id: None,
        method: None,
        target: None,
        caller: None,
        required_scopes: &[],
        takes_keys_alone: false,
    };
    let answer = endpoint::refuse(embedded, endpoint, row.status, sentence(&about));
    let mut response = answer.response.map(|bytes| ReplyBody::Issued(DeliveryBody::new(bytes, None)));
    if let Some((name, value)) = row.hint.field() {
        response.headers_mut().insert(name, value);
    }
    response
}
