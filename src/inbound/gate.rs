//! Open this first: the eight steps of a request to an MCP server, and the point of no return.
//!
//! ```text
//! 1 is the origin allowed              request/service, before the gate: decide/fields/origin
//! 2 which credential came              decide/token/presented
//! 3 is it genuine                      outbound/verify                              ⇒ Caller
//! 4 what is the target                 request/message: the body and its message    ⇒ Target
//! 5 may the caller use it              state/tasks, decide/policy/evaluate          ⇒ Permit
//! 6 is there room, whose session is it state: session, event, stream, task          ⇒ Outgoing
//! 7 ask the upstream                   answer/forward, which consumes the Permit    ⇒ Answered
//! ------------------------- the point of no return: nothing can be refused, only ended
//! 8 relay the answer                   answer/relay, which cannot fail
//! ```
//! The caller is verified before a byte of the body is read. On a server with a public rule, a
//! request without a token takes steps 4 to 6 of its own: gate/anonymous.

use std::{mem, sync::Arc};

use http::{Method, Response, request::Parts, uri::PathAndQuery};
use hyper::body::Incoming;

use crate::{
    authorization_server::grant::step_up,
    base::{names::Scope, text::Text},
    decide::{
        fields::{crossing, header_names::LAST_EVENT_ID},
        mcp::{
            method,
            request::{headers, target::Target},
            version::Era,
        },
        policy::evaluate::{Permit, deciding_rule, evaluate, public::evaluate_public},
        refusal::{
            Refusal,
            row::{By, ChallengeKind, PolicyRefusal},
        },
        routing::Ending,
        token::{caller::Caller, presented::Presented, requester::Requester},
    },
    inbound::{
        answer::{
            filter::plan::ListPlan,
            forward,
            outgoing::{Outgoing, TaskAnswer},
            relay::relay,
            reply,
            reply_body::ReplyBody,
        },
        legacy_sse::{self, Endpoint},
        request::{
            arrival::{Arrival, Busy},
            context::RequestContext,
            message::{self, McpRequest},
            session::{self, McpSession},
            upload::{self, Uploader},
        },
        state::{
            server::{Server, TotalLimits},
            usage::RequestPlace,
        },
    },
    observe::record::Record,
};

/// Passes one request to `server`, or refuses it.
pub(super) async fn pass(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    (endpoint, ending): (Endpoint, Ending),
    head: Parts,
    mut body: Incoming,
    mut record: Record,
    mut busy: Busy,
) -> Response<ReplyBody> {
    let mut context = RequestContext::at(ending);
    let judge = Judge { arrival, server, endpoint, head: &head };
    let (outgoing, permit) = match judge.all((&mut body, &mut busy), &mut context, &mut record).await {
        Ok(permitted) => permitted,
        Err(refusal) => {
            return refuse_upload(arrival, server, (&refusal, &context), (&head, body), (record, busy)).await;
        }
    };
    record.decided();
    let answered = match forward::ask(&mut record, arrival, server, head, outgoing, permit).await {
        Ok(answered) => answered,
        Err(refusal) => return refuse(&refusal, &context, (server, arrival.snapshot.limits), record),
    };
    // The point of no return: from here on nothing can be refused, only ended.
    relay(&arrival.connection.gateway, server, answered, record, busy)
}

/// Steps 2 to 6 for one request.
struct Judge<'a> {
    arrival: &'a Arrival<'a>,
    server: &'a Arc<Server>,
    endpoint: Endpoint,
    head: &'a Parts,
}

impl Judge<'_> {
    async fn all(
        &self,
        (body, busy): (&mut Incoming, &mut Busy),
        context: &mut RequestContext,
        record: &mut Record,
    ) -> Result<(Outgoing, Permit), Refusal> {
        let caller = match who(self.arrival, self.server, self.head, record).await {
            // Rare, so its state is on the heap.
            Err(Refusal::NoCredential) if self.may_be_anonymous() => {
                return Box::pin(self.without_token((body, busy), context, record)).await;
            }
            found => found?,
        };
        context.caller = Some(Arc::clone(&caller));
        record.caller(&caller);
        let place = self.enter(&caller, busy)?;
        let mut asked = self.what(body, &place, context, record).await?;
        let permit = self.may(&caller, &mut asked, record)?;
        let way = match self.way(&caller, context) {
            // Perhaps the session began without a token.
            Err(Refusal::UnknownSession) if self.is_public_here() => Box::pin(self.take_over(&caller, context)).await?,
            way => way?,
        };
        let outgoing = self.room(Requester::Verified(caller), asked, (way, place), context)?;
        Ok((outgoing, permit))
    }

    /// Takes a place for the request of a verified caller. From here on, the gateway no longer
    /// closes this connection to make room for another client.
    fn enter(&self, caller: &Caller, busy: &mut Busy) -> Result<RequestPlace, Refusal> {
        let Self { arrival, server, .. } = self;
        let usage = &arrival.connection.gateway.usage;
        let place = usage.enter(&server.series.name, server.limits, caller, arrival.snapshot.limits)?;
        busy.secure()?;
        Ok(place)
    }

    /// Step 4: reads the request's message and finds its target.
    async fn what(
        &self,
        body: &mut Incoming,
        place: &RequestPlace,
        context: &mut RequestContext,
        record: &mut Record,
    ) -> Result<McpRequest, Refusal> {
        let Self { server, endpoint, head, .. } = *self;
        crossing::check_connection(&head.headers, &server.identity_names)?;
        headers::check_shape(&head.headers)?;
        let mut asked = match (endpoint, &head.method) {
            (Endpoint::Streamable | Endpoint::Messages, &Method::POST) => {
                message::read(server, endpoint, head, body, place, context).await?
            }
            // A body has no meaning here and is not forwarded: it could hide a message (attack
            // 108).
            (Endpoint::Streamable | Endpoint::Events, &Method::GET) => {
                message::read_bodiless(Target::Stream, head, body, context).await?
            }
            (Endpoint::Streamable, &Method::DELETE) => {
                message::read_bodiless(Target::EndSession, head, body, context).await?
            }
            (_, method) => {
                context.method = Some(Text::from(method.as_str()));
                return Err(Refusal::Method(endpoint.methods()));
            }
        };
        self.note(&mut asked, context, record)?;
        Ok(asked)
    }

    /// Notes what the message asks for.
    fn note(&self, asked: &mut McpRequest, context: &mut RequestContext, record: &mut Record) -> Result<(), Refusal> {
        let method = context.method.get_or_insert_with(|| Text::from(self.head.method.as_str()));
        headers::check_session(&self.head.headers, method)?;
        match asked.parts.as_slice() {
            [] => record.asked(method, &asked.target),
            [(method, one)] => record.asked(method, one),
            _ => record.asked_together(mem::take(&mut asked.parts)),
        }
        context.target = Some(asked.target.clone());
        Ok(())
    }

    /// Step 5: whether the rules permit it. A request about a task needs the permission for the
    /// call that made the task, so its target is replaced by the target of that call.
    fn may(&self, caller: &Caller, asked: &mut McpRequest, record: &mut Record) -> Result<Permit, Refusal> {
        let Self { arrival, server, .. } = self;
        let (policy, tasks) = (&server.policy, &arrival.connection.gateway.tasks);
        let target = match tasks.resolve(server, caller, mem::replace(&mut asked.target, Target::Open), arrival.now) {
            Ok(target) => target,
            // If the caller may not even connect, that is the refusal, not the unknown task.
            Err(unknown) => return Err(evaluate(policy, caller, &Target::Open).err().unwrap_or(unknown)),
        };
        // A caller may do what everyone may do.
        let judge = |target: &Target| {
            evaluate(policy, caller, target).or_else(|refusal| match asked.without_token {
                Some(proof) => evaluate_public(policy, target, proof).map_err(|_| refusal),
                None => Err(refusal),
            })
        };
        record.judge_each(|one| (deciding_rule(policy, one), judge(one)));
        let permit = judge(&target)?;
        record.permitted(permit.rule(), permit.reported());
        asked.target = target;
        Ok(permit)
    }

    /// Step 6: whether the session and the event belong to the caller, and whether there is room
    /// for the session, stream or task that the request begins.
    fn room(
        &self,
        who: Requester,
        asked: McpRequest,
        (way, mut place): (SessionWay, RequestPlace),
        context: &RequestContext,
    ) -> Result<Outgoing, Refusal> {
        let Self { arrival, server, endpoint, head } = *self;
        let (gateway, limits, name) = (&arrival.connection.gateway, server.limits, &server.series.name);
        let target = asked.target;
        let query = match endpoint {
            Endpoint::Streamable | Endpoint::Events => server.upstream.query().passed(head.uri.query())?,
            // Its query names the stream, and nothing else.
            Endpoint::Messages => None,
        };
        let SessionWay { session, resumed, message_path } = way;
        if asked.answers && session.is_none() && message_path.is_none() {
            // The ids of a server's requests are small numbers. Without a session, any caller could
            // answer a request that the server sent to another caller (attack 132).
            return Err(Refusal::UnknownSession);
        }
        // `Last-Event-ID` on anything but a GET stream is ignored.
        let resumed = resumed.filter(|_| matches!(target, Target::Stream));
        let method = context.method.as_deref().unwrap_or_default();
        let lives_on = matches!(target, Target::Stream) || method == method::SUBSCRIBE;
        // Takes a place for each stream, task or session that the answer may begin. The place is
        // given back if the answer begins none. A message that ends or answers something takes no
        // place: the caller must be able to send it even if all its streams wait for it.
        if asked.may_stream || lives_on {
            place.asks()?;
            // On the transport of 2024-11-05 the answer comes on a stream that is already open.
            if endpoint != Endpoint::Messages {
                place.may_stream(limits.streams_per_caller.min(arrival.snapshot.limits.streams_of_caller))?;
            }
        }
        if let Some(caller) = who.caller().filter(|_| asked.asks_for_task) {
            gateway.tasks.check(name, caller, arrival.now)?;
        }
        // A batch cannot hold `initialize`. On the transport of 2024-11-05 the event stream is the
        // session, and it already counts as a stream.
        let begins = method == method::INITIALIZE && endpoint == Endpoint::Streamable;
        if begins {
            gateway.sessions.begin(name, &who, limits.sessions_per_caller, arrival.now)?;
        }
        Ok(Outgoing {
            who,
            body: asked.body,
            era: context.era,
            endpoint,
            session,
            message_path,
            query: query.map(|query| query.as_ref().into()),
            lists: ListPlan::of(server, asked.lists, context.era),
            task: if resumed.is_some() { TaskAnswer::Perhaps } else { asked.task },
            begins,
            lives_on,
            target: resumed.unwrap_or(target),
            place,
        })
    }

    /// The session of the request, and where its message goes.
    fn way(&self, caller: &Caller, context: &RequestContext) -> Result<SessionWay, Refusal> {
        let Self { arrival, server, endpoint, head } = *self;
        match endpoint {
            Endpoint::Streamable => self.session(caller, context),
            // The transport of 2024-11-05 has no `Mcp-Session-Id`.
            Endpoint::Events => Ok(SessionWay::default()),
            Endpoint::Messages => {
                let keys = &arrival.connection.gateway.session_keys;
                let path = legacy_sse::message_path(keys, server, caller, head.uri.query())?;
                Ok(SessionWay { message_path: Some(path), ..SessionWay::default() })
            }
        }
    }

    /// The session of a legacy request. If the request resumes a stream that the gateway knows,
    /// also the target of that stream (SPEC C-41, C-52). The modern protocol has no sessions, so
    /// the upstream gets no session id (SPEC C-47). `initialize` begins a session and has none:
    /// clients send a stale id with it after the upstream has restarted (SPEC C-40).
    fn session(&self, caller: &Caller, context: &RequestContext) -> Result<SessionWay, Refusal> {
        if context.era != Era::Legacy || context.method.as_deref() == Some(method::INITIALIZE) {
            return Ok(SessionWay::default());
        }
        let (gateway, headers) = (&self.arrival.connection.gateway, &self.head.headers);
        match session::open(&gateway.session_keys, self.server, caller, headers)? {
            Some(session) => self.resumed(caller, session),
            // An event id without a session proves nothing: any caller may guess it (attack 134).
            None if headers.contains_key(LAST_EVENT_ID) => Err(Refusal::UnknownSession),
            None => Ok(SessionWay::default()),
        }
    }

    /// The session of a caller who owns it, and the stream that the request resumes.
    fn resumed(&self, caller: &Caller, session: McpSession) -> Result<SessionWay, Refusal> {
        let events = &self.arrival.connection.gateway.events;
        let resumed = match self.head.headers.get(LAST_EVENT_ID) {
            Some(event) => events.check(self.server, caller, session.id.as_bytes(), event.as_bytes())?,
            None => None,
        };
        Ok(SessionWay { session: Some(session), resumed, message_path: None })
    }
}

/// The session of a request, the target of the stream that it resumes, and the path that an
/// upstream of 2024-11-05 named for the message.
#[derive(Default)]
struct SessionWay {
    session: Option<McpSession>,
    resumed: Option<Target>,
    message_path: Option<PathAndQuery>,
}

/// Steps 2 and 3: the caller, by a token or an API key that is genuine, valid, and for this server.
pub(super) async fn who(
    arrival: &Arrival<'_>,
    server: &Server,
    head: &Parts,
    record: &mut Record,
) -> Result<Arc<Caller>, Refusal> {
    let presented = Presented::find(&head.headers, head.uri.query(), server.limits.token);
    let presented = presented.inspect_err(|refusal| record.told(server.told_oversize(&head.headers, refusal)))?;
    let (verifier, peer) = (&arrival.connection.gateway.verifier, arrival.client.address);
    let (token, is_key) = (presented.token(), presented.is_api_key());
    let verdict = server.verify(verifier, presented, Some(peer), arrival.now).await;
    verdict.inspect_err(|refusal| {
        if !is_key {
            record.told(arrival.snapshot.told_of_token(server, token, refusal, arrival.now));
        }
    })
}

/// Tells the embedded authorization server what the token of `caller` lacks: the client may only
/// refresh it, and would be refused again.
async fn lacked(arrival: &Arrival<'_>, caller: Option<&Caller>, needed: &[Scope]) {
    let Some(caller) = caller else { return };
    let mut embedded = arrival.snapshot.embedded.iter();
    if let Some(issuer) = embedded.find(|one| one.settings.name == *caller.authorization_server()) {
        step_up::note(issuer, caller, needed, arrival.now).await;
    }
}

/// Refuses a request whose body is perhaps still on its way, so that its client can read why.
pub(super) async fn refuse_upload(
    arrival: &Arrival<'_>,
    server: &Server,
    (refusal, context): (&Refusal, &RequestContext),
    (head, body): (&Parts, Incoming),
    (record, busy): (Record, Busy),
) -> Response<ReplyBody> {
    let mut response = refuse(refusal, context, (server, arrival.snapshot.limits), record);
    // Whatever the form of the answer: a result names the scopes, too.
    if let ChallengeKind::Scope(needed) = refusal.row().challenge {
        // Rare, so its state is on the heap.
        Box::pin(lacked(arrival, context.caller.as_deref(), needed)).await;
    }
    let by = match context.caller {
        Some(_) => Uploader::Caller { body_bytes: server.limits.request_body, busy },
        None => Uploader::Unverified,
    };
    upload::discard(&arrival.connection.drain, body, head, by, response.headers_mut()).await;
    response
}

pub(super) fn refuse(
    refusal: &Refusal,
    context: &RequestContext,
    (server, all): (&Server, TotalLimits),
    mut record: Record,
) -> Response<ReplyBody> {
    let by = context.target.as_ref().filter(|_| refusal.row().needed().is_some());
    let rule = match refusal.row().by {
        By::Policy(PolicyRefusal::Rule(rule)) => Some(rule),
        _ => by.and_then(|target| deciding_rule(&server.policy, target)),
    };
    record.told(server.told_refused(refusal, context, (rule, all)));
    record.refused(refusal);
    record.decided_by(rule);
    if let By::Policy(_) = refusal.row().by {
        record.denied_as(reply::form(refusal, context, server));
    }
    let response = reply::refuse(refusal, context, Some(server));
    record.answered(response.status());
    response
}

mod anonymous;
#[cfg(test)]
mod tests;
