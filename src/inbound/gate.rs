//! Open this first: the ordered steps that one MCP request passes, from a stranger's bytes to the upstream.
//!
//! The caller is known before a byte of the body is looked at. Until step 8 everything may still be refused; once the upstream's
//! head has come, nothing can be refused any more, only ended.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use hyper::body::Incoming;

use crate::{
    base::{limits::IGNORED_BODY_BYTES_MAX, text::Text},
    decide::{
        hop,
        mcp::{
            headers, peek,
            target::{self, Target},
        },
        policy::evaluate::{Permit, deciding_rule, evaluate},
        refusal::Refusal,
        token::presented::Presented,
    },
    inbound::{
        body,
        connection::Busy,
        forward::{self, Outgoing},
        reply::{self, Known, ReplyBody},
        service::Arrival,
        snapshot::Server,
    },
    observe::record::Record,
};

/// What a server's path takes.
pub(super) const METHODS: &str = "POST, GET, DELETE, OPTIONS";

/// Passes one request to `server`, or refuses it. (Step 1, the browser's origin, was `service`'s.)
pub(super) async fn pass(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    head: Parts,
    body: Incoming,
    mut record: Record,
    busy: Busy,
) -> Response<ReplyBody> {
    let mut known = Known::default();
    match judge(arrival, server, &head, body, &mut known, &mut record).await {
        Ok((outgoing, permit)) => match forward::send(arrival, server, head, outgoing, permit, record, busy).await {
            Ok(response) => response,
            Err((refusal, record)) => refuse(&refusal, &known, server, record),
        },
        Err(refusal) => refuse(&refusal, &known, server, record),
    }
}

/// Steps 2 to 6: who asks, for what, and may they.
async fn judge(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    head: &Parts,
    body: Incoming,
    known: &mut Known,
    record: &mut Record,
) -> Result<(Outgoing, Permit), Refusal> {
    let gateway = &arrival.connection.gateway;

    // 2. What was presented?
    let presented = Presented::find(&head.headers, head.uri.query())?;

    // 3. Is it genuine, for this resource, and still good?
    let caller = gateway.verifier.verify(presented, &server.issuers, arrival.now).await?;
    caller.is_for(&server.resource, &server.audiences)?;
    known.caller = Some(Arc::clone(&caller));
    record.caller(&caller);

    // 4. What is wanted?
    hop::check_connection(&head.headers, &server.identity_names)?;
    headers::check_shape(&head.headers)?;
    let (target, body) = match head.method {
        Method::POST => read_message(server, head, body, known).await?,
        // Whatever body they carry stays here: it means nothing, and what it hides must not arrive (attack 108).
        Method::GET => bodiless(Target::Stream, head, body, known).await?,
        Method::DELETE => bodiless(Target::EndSession, head, body, known).await?,
        _ => return Err(Refusal::Method(METHODS)),
    };
    let method = known.method.get_or_insert_with(|| Text::from(head.method.as_str()));
    record.asked(method, &target);
    let target = &*known.target.insert(target);

    // 5. May they?
    let permit = evaluate(&server.policy, &caller, target)?;
    record.permitted(permit.rule(), permit.reported());
    let (name, streams_max) = (&server.series.name, server.limits.streams_per_caller);
    let lives_on = matches!(target, Target::Stream) || *method == *target::SUBSCRIBE;
    let (leashed, counted) = if lives_on {
        (Some(target.clone()), Some(gateway.streams.reserve(name, &caller, streams_max)?))
    } else {
        gateway.streams.check(name, &caller, streams_max)?;
        (None, None)
    };
    Ok((Outgoing { caller, body, era: known.era, leashed, counted }, permit))
}

/// Step 4 for a POST: media type before the body, the body before its meaning, its meaning before the headers that repeat it.
async fn read_message(
    server: &Server,
    head: &Parts,
    body: Incoming,
    known: &mut Known,
) -> Result<(Target, Bytes), Refusal> {
    headers::check_media(&head.headers)?;
    let body = body::read(body, server.limits.request_body).await?;
    let message = match peek::read(&body, server.limits.json_depth) {
        Ok(message) => message,
        Err(fault) => {
            known.id = fault.id;
            return Err(fault.refusal);
        }
    };
    known.id.clone_from(&message.id);
    known.method = Some(message.method.clone());
    known.era = headers::agree(&head.headers, &message)?;
    let target = target::of(&message)?;
    Ok((target, body))
}

/// The body is read, though only to be forgotten: the library notices that a client has gone once nothing of a request is left.
async fn bodiless(target: Target, head: &Parts, body: Incoming, known: &mut Known) -> Result<(Target, Bytes), Refusal> {
    body::read(body, IGNORED_BODY_BYTES_MAX).await?;
    known.era = headers::era_without_body(&head.headers)?;
    Ok((target, Bytes::new()))
}

fn refuse(refusal: &Refusal, known: &Known, server: &Server, mut record: Record) -> Response<ReplyBody> {
    record.refused(refusal);
    if let (Refusal::Scope { .. }, Some(target)) = (refusal, &known.target) {
        record.decided_by(deciding_rule(&server.policy, target));
    }
    let response = reply::refuse(refusal, known, Some(server));
    record.answered(response.status());
    response
}
