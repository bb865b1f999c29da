//! Where every request arrives: takes one snapshot, one time, one record, and routes by path.

use std::{convert::Infallible, sync::Arc};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONNECTION, HOST},
    request::Parts,
    uri::Authority,
};
use hyper::body::Incoming;

use crate::{
    authorization_server::embedded::Embedded,
    decide::{
        fields::{
            cors::{self, CorsKind},
            forwarded,
        },
        refusal::Refusal,
        routing::{Ending, IssuerEndpoint, Route},
    },
    inbound::{
        answer::{
            reply::{self, preflight},
            reply_body::ReplyBody,
        },
        gate,
        legacy_sse::Endpoint,
        path_gate,
        request::{
            arrival::{Arrival, Busy, ClientAddress, Connection},
            context::RequestContext,
            document, embedded, head, metadata, root,
            upload::{self, Uploader},
        },
        state::server::{Mirror, Server},
    },
    observe::record::Record,
};

/// Answers one request. It never fails: an error would end the connection of other requests.
pub(in crate::inbound) async fn answer(
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let gateway = &connection.gateway;
    let mut busy = connection.busy();
    let (head, body) = request.into_parts();
    if let Some(refusal) = connection.breach.refusal_of(&head) {
        let mut response = reply::refuse(&refusal, &RequestContext::default(), None);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Ok(response);
    }
    if connection.health.as_deref() == Some(head.uri.path()) {
        return Ok(probe(connection, &head, body).await);
    }
    let snapshot = gateway.snapshot.load_full();
    let now = gateway.clock.now();
    let told = forwarded::client(connection.peer.address, &head.headers, &snapshot.trusted_proxies);
    let told = (told != connection.peer.address).then(|| ClientAddress::new(told));
    let client = told.as_ref().unwrap_or(&connection.peer);
    let arrival = Arrival { connection, snapshot: &snapshot, now, client };
    let mut record = Record::open(&gateway.observe, now, client.address);

    let route = match check(&head, &arrival) {
        Ok(route) => route,
        Err(refusal) => {
            return Ok(refuse_unrouted(&arrival, &refusal, &head, body, &mut record).await);
        }
    };
    Ok(match route {
        Route::ResourceMetadata(server, _)
        | Route::IssuerMetadata(server)
        | Route::Server(server, _)
        | Route::Messages(server) => {
            let Some(server) = snapshot.servers.get(server) else {
                let refusal = Refusal::Internal("a route without a server");
                return Ok(refuse_unrouted(&arrival, &refusal, &head, body, &mut record).await);
            };
            match route {
                Route::ResourceMetadata(_, ending) => {
                    let response = metadata::resource(&head, &server.published(ending).metadata);
                    without_body(connection, record_answer(response, record), &head, body).await
                }
                Route::IssuerMetadata(_) => mirrored(&arrival, &server.mirror, head, body, record, &mut busy).await,
                _ => {
                    record.server(&server.series);
                    let at = match route {
                        Route::Server(_, ending) => (Endpoint::of(server), ending),
                        _ => (Endpoint::Messages, Ending::Configured),
                    };
                    serve(&arrival, server, at, head, body, record, busy).await
                }
            }
        }
        Route::Issuer(issuer, endpoint) => match snapshot.embedded.get(issuer) {
            Some(embedded) => issue(&arrival, embedded, endpoint, head, body, record, &mut busy).await,
            None => {
                let refusal = Refusal::Internal("a route without an authorization server");
                refuse_unrouted(&arrival, &refusal, &head, body, &mut record).await
            }
        },
        // Boxed: few requests take this way.
        Route::NotFound => Box::pin(beside(&arrival, head, body, record, busy)).await,
    })
}

/// Answers the probe of a load balancer, which knows the address of this listener and no name.
async fn probe(connection: &Connection, head: &Parts, body: Incoming) -> Response<ReplyBody> {
    const METHODS: &str = "GET, HEAD";
    let mut response = match head.method {
        Method::GET | Method::HEAD if (connection.gateway.is_ready)() => reply::empty(StatusCode::OK),
        Method::GET | Method::HEAD => reply::empty(StatusCode::SERVICE_UNAVAILABLE),
        _ => {
            let mut response = reply::empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
            response
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    without_body(connection, response, head, body).await
}

fn check(head: &Parts, arrival: &Arrival<'_>) -> Result<Route, Refusal> {
    head::check_head(head, arrival.snapshot.heads)?;
    head::check_host(head, arrival.connection.server_name.as_deref(), &arrival.snapshot.sites)?;
    Ok(arrival.snapshot.routes.find(head.uri.path()))
}

/// One request to a document of the operator, to a path that passes through, or to no path at all.
async fn beside(
    arrival: &Arrival<'_>,
    head: Parts,
    body: Incoming,
    mut record: Record,
    mut busy: Busy,
) -> Response<ReplyBody> {
    let path = head.uri.path();
    let refusal = match arrival.snapshot.documents.get(path) {
        Some(document) => match document::answer(&head, document) {
            Ok(response) => {
                return without_body(arrival.connection, record_answer(response, record), &head, body).await;
            }
            Err(refusal) => refusal,
        },
        None => match arrival.snapshot.paths.find(path) {
            Some(found) => match arrival.snapshot.servers.get(found.server) {
                Some(server) => return path_gate::pass(arrival, (found, server), head, body, record, busy).await,
                None => Refusal::Internal("a path without a server"),
            },
            None => match root::mirror(arrival.snapshot, path) {
                Some(mirror) => return mirrored(arrival, mirror, head, body, record, &mut busy).await,
                None => Refusal::NotFound,
            },
        },
    };
    let mut response = refuse_unrouted(arrival, &refusal, &head, body, &mut record).await;
    if refusal == Refusal::NotFound
        && let Some(told) = root::where_to_go(arrival.snapshot, head.uri.path())
    {
        *response.body_mut() = ReplyBody::Whole(Some(told.into()));
    }
    response
}

async fn refuse_unrouted(
    arrival: &Arrival<'_>,
    refusal: &Refusal,
    head: &Parts,
    body: Incoming,
    record: &mut Record,
) -> Response<ReplyBody> {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = head.uri.authority().map(Authority::as_str).or(host).unwrap_or_default();
    record.told(arrival.snapshot.told_unrouted(refusal, (&head.method, head.uri.path()), host));
    record.refused(refusal);
    let mut response = reply::refuse(refusal, &RequestContext::default(), None);
    record.answered(response.status());
    // A browser that probes for a document must be able to read the 404.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    without_body(arrival.connection, response, head, body).await
}

/// An answer that does not need the body of its request, to a client without a valid token.
async fn without_body(
    connection: &Connection,
    mut response: Response<ReplyBody>,
    head: &Parts,
    body: Incoming,
) -> Response<ReplyBody> {
    upload::discard(&connection.drain, body, head, Uploader::Unverified, response.headers_mut()).await;
    response
}

fn record_answer(response: Response<ReplyBody>, mut record: Record) -> Response<ReplyBody> {
    record.answered(response.status());
    response
}

/// One request for the metadata of an authorization server.
async fn mirrored(
    arrival: &Arrival<'_>,
    mirror: &Mirror,
    head: Parts,
    body: Incoming,
    mut record: Record,
    busy: &mut Busy,
) -> Response<ReplyBody> {
    match mirror {
        Mirror::Elsewhere(discovery) => {
            let response = metadata::issuer(&head, discovery).await;
            without_body(arrival.connection, record_answer(response, record), &head, body).await
        }
        Mirror::Inside(embedded) => issue(arrival, embedded, IssuerEndpoint::Metadata, head, body, record, busy).await,
        Mirror::Nothing => refuse_unrouted(arrival, &Refusal::NotFound, &head, body, &mut record).await,
    }
}

/// One request to an embedded authorization server.
async fn issue(
    arrival: &Arrival<'_>,
    embedded: &Embedded,
    endpoint: IssuerEndpoint,
    head: Parts,
    mut body: Incoming,
    mut record: Record,
    busy: &mut Busy,
) -> Response<ReplyBody> {
    let response = match embedded::answer(arrival, embedded, endpoint, &head, &mut body, &mut record, busy).await {
        Ok(response) => response,
        Err(refusal) => {
            record.told(arrival.snapshot.told_unrouted(&refusal, (&head.method, head.uri.path()), ""));
            record.refused(&refusal);
            embedded::refuse(embedded, endpoint, &refusal)
        }
    };
    without_body(arrival.connection, record_answer(response, record), &head, body).await
}

/// One request to an MCP server: CORS around the gate.
async fn serve(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    at: (Endpoint, Ending),
    head: Parts,
    body: Incoming,
    mut record: Record,
    busy: Busy,
) -> Response<ReplyBody> {
    let origin = match server.sites.origin_verdict(&head.headers) {
        Ok(origin) => origin,
        Err(refusal) => {
            record.refused(&refusal);
            let mut response = reply::refuse(&refusal, &RequestContext::default(), Some(server));
            record.answered(response.status());
            cors::expose(None, CorsKind::Mcp, response.headers_mut());
            return without_body(arrival.connection, response, &head, body).await;
        }
    };
    if head.method == Method::OPTIONS {
        let response = preflight(&head.headers, origin.as_ref(), CorsKind::Mcp, at.0.methods());
        record.answered(response.status());
        return response;
    }
    // Boxed: hyper keeps room for this future as long as the connection lives, and an event stream
    // outlives it.
    let mut response = Box::pin(gate::pass(arrival, server, at, head, body, record, busy)).await;
    cors::expose(origin.as_ref(), CorsKind::Mcp, response.headers_mut());
    response
}
