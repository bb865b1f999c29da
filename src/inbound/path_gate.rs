//! The steps of a request to a path beside the MCP endpoint (`paths:`), as in [`super::gate`].
//!
//! ```text
//! 1 is the origin allowed, is it no script of a service worker    decide/fields
//! 2 which path, and in which readings     decide/pass_through                       ⇒ PassedPath
//! 3 who asks, if the path is not public   gate::who                                 ⇒ Caller
//! 4 is there room                         state/usage
//! 5 may the caller use it                 decide/policy/evaluate/path               ⇒ Permit
//! 6 ask the upstream                      outbound/upstream, which consumes the Permit
//! 7 relay the answer, confined            decide/fields/sandbox
//! ```

use std::sync::Arc;

use bytes::Bytes;
use http::{
    Method, Response, StatusCode, Version,
    header::{CONTENT_TYPE, EXPECT, LOCATION},
    request::Parts,
    response,
    uri::PathAndQuery,
};
use hyper::body::Incoming;

use crate::{
    base::{limits::messages::IGNORED_BODY_BYTES_MAX, shown::path_shown, text::Text},
    decide::{
        authorization_server::own_origins::carries_code_of,
        fields::{
            answer,
            cors::{self, CorsKind},
            crossing,
            header_names::MCP_SESSION_ID,
            sandbox,
        },
        mcp::{
            answer::event_stream::{self, is_event_stream},
            request::target::Target,
        },
        pass_through::{PassedPath, PathAccess, PathMatch, location::Redirect, shared_cache},
        policy::evaluate::{Permit, path::evaluate_path},
        refusal::Refusal,
        token::caller::Caller,
    },
    inbound::{
        answer::{
            forward::refusal_of,
            lease::Lease,
            long_fields,
            relay::body::{RelayBody, Relayed},
            reply::preflight,
            reply_body::ReplyBody,
            source::AnswerSource,
            upstream_error::{self, AskedUpstream},
            upstream_request,
        },
        gate,
        request::{
            arrival::{Arrival, Busy},
            body,
            context::RequestContext,
            streamed::{ClientUpload, UnreadBody, streamed},
            upload::{self, Uploader},
        },
        state::{server::Server, usage::RequestPlace},
    },
    observe::{record::Record, upstream::UpstreamOutcome},
    outbound::{
        fault::FaultKind,
        upstream::{Answer, SentBody},
    },
};

/// A permitted request to a path.
struct Passing {
    path: PassedPath,
    caller: Option<Arc<Caller>>,
    place: RequestPlace,
    permit: Permit,
}

/// Passes one request to `server`, or refuses it: CORS around the steps.
pub(super) async fn pass(
    arrival: &Arrival<'_>,
    (found, server): (PathMatch<'_>, &Arc<Server>),
    head: Parts,
    body: Incoming,
    mut record: Record,
    busy: Busy,
) -> Response<ReplyBody> {
    record.server(&server.series);
    let methods = found.methods(head.uri.path());
    let kind = CorsKind::Path(methods);
    let origin = match server.sites.origin_verdict(&head.headers) {
        Ok(origin) => origin,
        Err(refusal) => {
            let mut response =
                gate::refuse(&refusal, &RequestContext::default(), (server, arrival.snapshot.limits), record);
            cors::expose(None, kind, response.headers_mut());
            let drain = &arrival.connection.drain;
            upload::discard(drain, body, &head, Uploader::Unverified, response.headers_mut()).await;
            return response;
        }
    };
    if head.method == Method::OPTIONS {
        let response = preflight(&head.headers, origin.as_ref(), kind, methods.allow());
        record.answered(response.status());
        return response;
    }
    let mut response = steps(arrival, (found, server), head, body, record, busy).await;
    cors::expose(origin.as_ref(), kind, response.headers_mut());
    response
}

async fn steps(
    arrival: &Arrival<'_>,
    (found, server): (PathMatch<'_>, &Arc<Server>),
    head: Parts,
    body: Incoming,
    mut record: Record,
    mut busy: Busy,
) -> Response<ReplyBody> {
    let mut context = RequestContext::default();
    let passing = match judge(arrival, (found, server), &head, &mut busy, (&mut context, &mut record)).await {
        Ok(passing) => passing,
        Err(refusal) => {
            let (about, upload) = ((&refusal, &context), (&head, body));
            return gate::refuse_upload(arrival, server, about, upload, (record, busy)).await;
        }
    };
    record.decided();
    let (upload, mut body) = (ClientUpload::default(), Some(body));
    let (method, mut kept) = (head.method.clone(), told_of_body(&head));
    match ask(arrival, server, head, (&mut body, &upload), passing, &mut record).await {
        Ok(answered) => {
            upload.answered(arrival.connection.drain.weak(), server.limits.request_body, &busy);
            relay(arrival, server, (answered, method), record, busy)
        }
        Err(refusal) => {
            let mut response = gate::refuse(&refusal, &context, (server, arrival.snapshot.limits), record);
            let rest = body.or_else(|| {
                let UnreadBody { incoming, was_read } = upload.take_back()?;
                if was_read {
                    kept.headers.remove(EXPECT);
                }
                Some(incoming)
            });
            if let Some(rest) = rest {
                let by = Uploader::Caller { body_bytes: server.limits.request_body, busy };
                upload::discard(&arrival.connection.drain, rest, &kept, by, response.headers_mut()).await;
            }
            response
        }
    }
}

/// What is shown of a path in the log.
const PATH_CHARS_MAX: usize = 256;

/// What a head says about its body, for use after the head is sent on.
fn told_of_body(head: &Parts) -> Parts {
    let (mut kept, ()) = http::Request::new(()).into_parts();
    kept.version = head.version;
    if let Some(expected) = head.headers.get(EXPECT) {
        kept.headers.insert(EXPECT, expected.clone());
    }
    kept
}

/// Steps 1 to 5.
async fn judge(
    arrival: &Arrival<'_>,
    (found, server): (PathMatch<'_>, &Arc<Server>),
    head: &Parts,
    busy: &mut Busy,
    (context, record): (&mut RequestContext, &mut Record),
) -> Result<Passing, Refusal> {
    let target = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let (method, name) = (Text::from(head.method.as_str()), Target::Path(Text::from(target.path())));
    record.asked(&method, &name);
    (context.method, context.target) = (Some(method), Some(name));
    crossing::check_connection(&head.headers, &server.identity_names)?;
    sandbox::check_request(&head.headers)?;
    let path = found.passed(&target, &head.method)?;
    check_no_code(arrival, &target)?;
    let (usage, limits) = (&arrival.connection.gateway.usage, arrival.snapshot.limits);
    let (caller, place) = match path.access() {
        PathAccess::Public => (None, usage.enter_public(arrival.client.address, limits)?),
        PathAccess::Authenticated => {
            let caller = gate::who(arrival, server, head, record).await?;
            context.caller = Some(Arc::clone(&caller));
            record.caller(&caller);
            let place = usage.enter(&server.series.name, server.limits, &caller, limits)?;
            place.asks()?;
            (Some(caller), place)
        }
    };
    busy.secure()?;
    let permit = evaluate_path(&server.policy, caller.as_deref(), &path)?;
    record.permitted(permit.rule(), permit.reported());
    Ok(Passing { path, caller, place, permit })
}

/// Refuses a request whose query is the answer of an embedded authorization server: the MCP server
/// would read its code (attack 335). It passes if a client of the configuration has this redirect
/// URI.
fn check_no_code(arrival: &Arrival<'_>, target: &PathAndQuery) -> Result<(), Refusal> {
    const CODE: &str = "this is an authorization code, and no client of the configuration receives codes at this path";
    let Some(query) = target.query() else { return Ok(()) };
    for embedded in &arrival.snapshot.embedded {
        let settings = &embedded.settings;
        let mut uris = settings.clients.iter().flat_map(|client| &client.redirect_uris);
        if carries_code_of(query, &settings.issuer) && !uris.any(|uri| uri.path() == Some(target.path())) {
            return Err(Refusal::BadRequest(CODE));
        }
    }
    Ok(())
}

/// An answer that may be relayed.
struct PathAnswer {
    head: response::Parts,
    body: Answer,
    path: PassedPath,
    caller: Option<Arc<Caller>>,
    place: RequestPlace,
}

/// Step 6.
async fn ask(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    head: Parts,
    (body, upload): (&mut Option<Incoming>, &ClientUpload),
    passing: Passing,
    record: &mut Record,
) -> Result<PathAnswer, Refusal> {
    let Passing { path, caller, place, permit } = passing;
    if !arrival.connection.gateway.room.admits_request() {
        return Err(Refusal::OverloadedDescriptors);
    }
    let mut headers = upstream_request::headers_beside(arrival, server, head.headers, caller.as_deref())?;
    let sent = match body {
        Some(incoming) if matches!(head.method, Method::GET | Method::HEAD) => {
            // Such a body has no meaning, and could hide a request (attack 108).
            body::skip(incoming, head.version, IGNORED_BODY_BYTES_MAX).await?;
            headers.remove(CONTENT_TYPE);
            SentBody::Whole(Bytes::new())
        }
        body => streamed(body, head.version, server.limits.request_body, upload)?,
    };
    let answer = match server.upstream.pass(permit, &path, head.method.clone(), headers, sent).await {
        Ok(answer) => answer,
        Err(fault) => {
            // The request broke off because the client's body did.
            return Err(match upload.refusal().filter(|_| fault.kind == FaultKind::Broken) {
                Some(refusal) => refusal.clone(),
                None => refusal_of(&fault, record),
            });
        }
    };
    long_fields::tell(arrival, server, caller.as_deref(), answer.status());
    let (mut answer, body) = answer.into_parts();
    let fits = check_answer(answer.status, &head.method)
        .and_then(|()| answer::one_reading(answer.status, &mut answer.headers));
    if let Err(what) = fits {
        return Err(unfit("path_answer", (what, None), (&path, answer.status), record));
    }
    confine(arrival, server, &path, &mut answer, record)?;
    Ok(PathAnswer { head: answer, body, path, caller, place })
}

/// Refuses an answer, and logs why, with the path that was asked.
fn unfit(
    kind: &'static str,
    (what, target): (&'static str, Option<&str>),
    (path, status): (&PassedPath, StatusCode),
    record: &mut Record,
) -> Refusal {
    record.upstream_answered(status);
    let (asked, status) = (path_shown(path.target().path(), PATH_CHARS_MAX), status.as_u16());
    // The query of a redirect may hold a key.
    let target = target.map(|target| target.split(['?', '#']).next().unwrap_or_default());
    let target = target.map(|target| format!(": {}", path_shown(target, PATH_CHARS_MAX))).unwrap_or_default();
    record.failed(UpstreamOutcome::Unfit, kind, &format_args!("status {status} at {asked}: {what}{target}"));
    Refusal::UpstreamAnswer(what)
}

/// An upstream that asks for a credential would start a login with itself on the gateway's origin
/// (SPEC A-38). A part of a body, and "not modified", answer a `GET` or a `HEAD` alone (SPEC F-30).
fn check_answer(status: StatusCode, method: &Method) -> Result<(), &'static str> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => "it asks the client for a credential",
        status if status.is_informational() => "it switches the protocol",
        StatusCode::PARTIAL_CONTENT if !reads => "it is a partial response",
        StatusCode::NOT_MODIFIED if !reads => "it is not modified",
        _ => return Ok(()),
    })
}

/// Removes what an answer may not say for the gateway's origin, and says that it is another one.
fn confine(
    arrival: &Arrival<'_>,
    server: &Server,
    path: &PassedPath,
    answer: &mut response::Parts,
    record: &mut Record,
) -> Result<(), Refusal> {
    const ELSEWHERE: &str = "it redirects to a place that is not in the `paths` of this server";
    let is_redirect = answer.status.is_redirection() && answer.status != StatusCode::NOT_MODIFIED;
    let location = answer.headers.get(LOCATION).map(|to| redirected(arrival, server, path, to.as_bytes()));
    crossing::clean_response(&mut answer.headers);
    match location {
        Some(Ok(location)) => drop(answer.headers.insert(LOCATION, location)),
        Some(Err(target)) if is_redirect => {
            return Err(unfit("path_redirect", (ELSEWHERE, Some(&target)), (path, answer.status), record));
        }
        // The place of a new resource is not followed, and is left out.
        Some(Err(_)) | None => {}
    }
    if path.access() == PathAccess::Authenticated {
        shared_cache::keep_out(&mut answer.headers);
    }
    answer.headers.remove(MCP_SESSION_ID);
    sandbox::confine(&mut answer.headers);
    Ok(())
}

/// The place of a redirect as the client may have it, or the upstream's target for the log.
fn redirected(
    arrival: &Arrival<'_>,
    server: &Server,
    path: &PassedPath,
    to: &[u8],
) -> Result<http::HeaderValue, String> {
    let to = std::str::from_utf8(to).map_err(|_| "a place that is not UTF-8".to_owned())?;
    let own = |one: &Arc<Server>| std::ptr::eq(&**one, server);
    let index = arrival.snapshot.servers.iter().position(own).unwrap_or(usize::MAX);
    // A server may know itself by another name (`upstream.aliases`).
    let mut places =
        server.upstream.names().iter().map(|name| {
            Redirect { origin: &name.url(), from: path.target(), to }.within(&arrival.snapshot.paths, index)
        });
    let first = places.next().unwrap_or_else(|| Err("a server without a name".to_owned()));
    let place = first.or_else(|target| places.find_map(Result::ok).ok_or(target))?;
    http::HeaderValue::try_from(&place).map_err(|_| place)
}

/// Step 7: from here on nothing can be refused, only ended.
fn relay(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    (answered, method): (PathAnswer, Method),
    mut record: Record,
    busy: Busy,
) -> Response<ReplyBody> {
    let PathAnswer { mut head, body, path, caller, place } = answered;
    // The gateway's own version: one of HTTP/1.0 would end the connection (RFC 9110 §2.5).
    head.version = Version::HTTP_11;
    let asked = AskedUpstream { method: &method, accepts: None, has_session: false, path: Some(path.target().path()) };
    upstream_error::note(&mut record, server, asked, head.status);
    let is_stream = is_event_stream(&head.headers);
    if is_stream {
        record.streams(head.status);
        event_stream::announce(&mut head.headers);
    }
    record.answered(head.status);
    // An event stream ends with its permission (P7); any other answer that has begun may finish.
    let lease = is_stream.then(|| Lease::of_path(&arrival.connection.gateway, server, caller, (&path, method)));
    let relayed = Relayed { source: AnswerSource::Plain(body), lease, watch: None, record, place, busy };
    Response::from_parts(head, ReplyBody::Relay(Box::new(RelayBody::new(relayed))))
}
