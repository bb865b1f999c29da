//! Where a request arrives: one snapshot, one reading of the clock, one record; then its path decides who answers.

use std::{convert::Infallible, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW},
    request::Parts,
};
use hyper::body::Incoming;

use crate::{
    authorization_server::embedded::Embedded,
    base::clock::Now,
    decide::{
        origin::cors::{self, Kind},
        refusal::Refusal,
        route::{IssuerEndpoint, Route},
    },
    inbound::{
        accept::connection::{Busy, Connection},
        answer::reply::{self, Known, ReplyBody},
        gate,
        legacy_sse::Door,
        request::{body, embedded, head, metadata},
        state::server::{Mirror, Server, Snapshot},
    },
    observe::record::Record,
};

/// One request and what surrounds it.
pub(in crate::inbound) struct Arrival<'a> {
    /// The connection it came on.
    pub(in crate::inbound) connection: &'a Connection,
    /// The configuration for the whole of its life.
    pub(in crate::inbound) snapshot: &'a Snapshot,
    /// When it came.
    pub(in crate::inbound) now: Now,
}

/// Answers one request. Nothing that happens in here ends the connection of others.
pub(in crate::inbound) async fn answer(
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let gateway = &connection.gateway;
    let mut busy = connection.busy();
    let (head, mut body) = request.into_parts();
    if let Some(response) = connection.breach.answer(&head) {
        return Ok(response);
    }
    let snapshot = gateway.snapshot.load_full();
    let now = gateway.clock.now();
    let arrival = Arrival { connection, snapshot: &snapshot, now };
    let mut record = Record::open(&gateway.observe, now, connection.peer);

    let route = match check(&head, &arrival) {
        Ok(route) => route,
        Err(refusal) => return Ok(refuse_unrouted(&refusal, &head, &mut body, &mut record).await),
    };
    Ok(match route {
        Route::ResourceMetadata(server)
        | Route::IssuerMetadata(server)
        | Route::Server(server)
        | Route::Messages(server) => {
            let Some(server) = snapshot.servers.get(server) else {
                let refusal = Refusal::Internal("a route without a server");
                return Ok(refuse_unrouted(&refusal, &head, &mut body, &mut record).await);
            };
            match route {
                Route::ResourceMetadata(_) => record_answer(metadata::resource(&head, server), record),
                Route::IssuerMetadata(_) => match &server.mirror {
                    Mirror::Elsewhere(discovery) => record_answer(metadata::issuer(&head, discovery).await, record),
                    Mirror::Inside(embedded) => {
                        issue(&arrival, embedded, IssuerEndpoint::Metadata, head, body, record, &mut busy).await
                    }
                },
                _ => {
                    record.server(&server.series);
                    let door = if let Route::Messages(_) = route { Door::Messages } else { Door::of(server) };
                    serve(&arrival, server, door, head, body, record, busy).await
                }
            }
        }
        Route::Issuer(issuer, endpoint) => match snapshot.embedded.get(issuer) {
            Some(embedded) => issue(&arrival, embedded, endpoint, head, body, record, &mut busy).await,
            None => {
                let refusal = Refusal::Internal("a route without an authorization server");
                refuse_unrouted(&refusal, &head, &mut body, &mut record).await
            }
        },
        Route::NotFound => refuse_unrouted(&Refusal::NotFound, &head, &mut body, &mut record).await,
    })
}

fn check(head: &Parts, arrival: &Arrival<'_>) -> Result<Route, Refusal> {
    head::check_head(head)?;
    head::check_host(head, arrival.connection.server_name.as_deref(), &arrival.snapshot.sites)?;
    Ok(arrival.snapshot.routes.find(head.uri.path()))
}

async fn refuse_unrouted(
    refusal: &Refusal,
    head: &Parts,
    body: &mut Incoming,
    record: &mut Record,
) -> Response<ReplyBody> {
    record.refused(refusal);
    let mut response = reply::refuse(refusal, &Known::default(), None);
    record.answered(response.status());
    // A browser that probes for a document must be able to read that there is none.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    body::settle(body, head, &mut response).await;
    response
}

fn record_answer(response: Response<ReplyBody>, mut record: Record) -> Response<ReplyBody> {
    record.answered(response.status());
    response
}

/// One request to the authorization server inside.
async fn issue(
    arrival: &Arrival<'_>,
    embedded: &Embedded,
    endpoint: IssuerEndpoint,
    head: Parts,
    mut body: Incoming,
    mut record: Record,
    busy: &mut Busy,
) -> Response<ReplyBody> {
    match embedded::answer(arrival, embedded, endpoint, &head, &mut body, busy).await {
        Ok(response) => record_answer(response, record),
        Err(refusal) => refuse_unrouted(&refusal, &head, &mut body, &mut record).await,
    }
}

/// One request to a server: CORS around the gate.
async fn serve(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    door: Door,
    head: Parts,
    mut body: Incoming,
    mut record: Record,
    busy: Busy,
) -> Response<ReplyBody> {
    // Step 1: may a browser call from there?
    let origin = match server.sites.origin_verdict(&head.headers) {
        Ok(origin) => origin,
        Err(refusal) => {
            record.refused(&refusal);
            let mut response = reply::refuse(&refusal, &Known::default(), Some(server));
            record.answered(response.status());
            cors::expose(None, Kind::Mcp, response.headers_mut());
            body::settle(&mut body, &head, &mut response).await;
            return response;
        }
    };
    if head.method == Method::OPTIONS {
        let response = preflight(&head.headers, origin.as_ref(), Kind::Mcp, door.methods());
        record.answered(response.status());
        return response;
    }
    // Boxed: the library keeps room for this future as long as the connection lives, and a stream
    // outlives it.
    let mut response = Box::pin(gate::pass(arrival, server, door, head, body, record, busy)).await;
    cors::expose(origin.as_ref(), Kind::Mcp, response.headers_mut());
    response
}

/// Answers `OPTIONS` before anybody is asked who they are: preflights carry no credential (SPEC A-60).
pub(in crate::inbound) fn preflight(
    asked: &HeaderMap,
    origin: Option<&HeaderValue>,
    kind: Kind,
    allowed: &'static str,
) -> Response<ReplyBody> {
    let mut response = reply::empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    cors::preflight(asked, origin, kind, response.headers_mut());
    response
}
