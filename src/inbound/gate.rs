//! Open this first: the ordered steps that one MCP request passes, from a stranger's bytes to the upstream.
//!
//! The caller is known before a byte of the body is looked at. Everything may still be refused until an answer's head goes to the
//! client; then nothing can be refused any more, only ended.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use hyper::body::Incoming;

use crate::{
    base::{limits::IGNORED_BODY_BYTES_MAX, text::Text},
    decide::{
        hop,
        mcp::{
            batch, headers,
            list::Lists,
            peek::{self, Kind, Message, PeekFault},
            target::{self, Target},
            version::Era,
        },
        policy::evaluate::{Permit, deciding_rule, evaluate},
        refusal::Refusal,
        token::{claims::Caller, presented::Presented},
    },
    inbound::{
        accept::connection::Busy,
        answer::{
            filter::Care,
            forward::{self, Outgoing, Promise},
            reply::{self, Known, ReplyBody},
        },
        legacy_sse::{self, Door},
        request::{
            body,
            service::Arrival,
            session::{self, Session},
        },
        state::{server::Server, usage::Place},
    },
    observe::record::Record,
};

/// How a client of 2026-07-28 says in `clientCapabilities` that it knows tasks.
const TASKS_EXTENSION: &[u8] = b"io.modelcontextprotocol/tasks";

/// Passes one request to `server`, or refuses it. (Step 1, the browser's origin, was `service`'s.)
pub(super) async fn pass(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    door: Door,
    head: Parts,
    mut body: Incoming,
    mut record: Record,
    mut busy: Busy,
) -> Response<ReplyBody> {
    let mut known = Known::default();
    let incoming = (&mut body, &mut busy);
    match judge(arrival, server, door, &head, incoming, &mut known, &mut record).await {
        Ok((outgoing, permit)) => {
            record.decided();
            match forward::send(arrival, server, head, outgoing, permit, record, busy).await {
                Ok(response) => response,
                Err((refusal, record)) => refuse(&refusal, &known, server, record),
            }
        }
        Err(refusal) => {
            let mut response = refuse(&refusal, &known, server, record);
            if known.caller.is_some() {
                let upload = &arrival.connection.upload;
                upload.let_go(body, &head, server.limits.request_body, busy, &mut response).await;
            } else {
                body::settle(&mut body, &head, &mut response).await;
            }
            response
        }
    }
}

/// Steps 2 to 6: who asks, for what, and may they.
async fn judge(
    arrival: &Arrival<'_>,
    server: &Arc<Server>,
    door: Door,
    head: &Parts,
    (body, busy): (&mut Incoming, &mut Busy),
    known: &mut Known,
    record: &mut Record,
) -> Result<(Outgoing, Permit), Refusal> {
    let gateway = &arrival.connection.gateway;

    // 2. What was presented?
    let presented = Presented::find(&head.headers, head.uri.query())?;

    // 3. Is it genuine, for this resource, and still good?
    let caller =
        gateway.verifier.verify(presented, &server.issuers, Some(arrival.connection.peer), arrival.now).await?;
    caller.is_for(&server.resource, &server.audiences)?;
    known.caller = Some(Arc::clone(&caller));
    record.caller(&caller);
    let (name, limits) = (&server.series.name, server.limits);
    let mut place = gateway.usage.enter(name, limits, &caller, arrival.snapshot.limits)?;
    busy.secure()?;

    // 4. What is wanted?
    hop::check_connection(&head.headers, &server.identity_names)?;
    headers::check_shape(&head.headers)?;
    let asked = match (door, &head.method) {
        (Door::Streamable | Door::Messages, &Method::POST) => {
            read_message(server, door, head, body, &place, known).await?
        }
        // Whatever body they carry stays here: it means nothing, and what it hides must not arrive (attack 108).
        (Door::Streamable | Door::Events, &Method::GET) => bodiless(Target::Stream, head, body, known).await?,
        (Door::Streamable, &Method::DELETE) => bodiless(Target::EndSession, head, body, known).await?,
        _ => return Err(Refusal::Method(door.methods())),
    };
    let method = known.method.get_or_insert_with(|| Text::from(head.method.as_str()));
    match asked.parts.as_slice() {
        [] => record.asked(method, &asked.target),
        [(method, one)] => record.asked(method, one),
        _ => record.asked_together(asked.parts),
    }
    known.target = Some(asked.target.clone());

    // 5. May they? A task is as good as the call that made it.
    let target = match gateway.tasks.resolve(server, &caller, asked.target, arrival.now) {
        Ok(target) => target,
        // Whoever may not even connect is told that.
        Err(unknown) => return Err(evaluate(&server.policy, &caller, &Target::Open).err().unwrap_or(unknown)),
    };
    record.judge_each(|one| (deciding_rule(&server.policy, one), evaluate(&server.policy, &caller, one)));
    let permit = evaluate(&server.policy, &caller, &target)?;
    record.permitted(permit.rule(), permit.reported());

    // 6. Is it their session, and is there room for what they begin?
    let ((session, taken_up), endpoint) = match door {
        Door::Streamable => (own_session(arrival, server, head, &caller, known.era)?, None),
        // To this transport `Mcp-Session-Id` means nothing.
        Door::Events => ((None, None), None),
        Door::Messages => ((None, None), Some(legacy_sse::target(gateway, server, &caller, head.uri.query())?)),
    };
    if asked.answers && session.is_none() && endpoint.is_none() {
        // Ids of a server's requests are small numbers: without a session anybody could answer anybody's (attack 132).
        return Err(Refusal::UnknownSession);
    }
    // What else is asked with such a field is judged, and its events noted, as what it is.
    let taken_up = taken_up.filter(|_| matches!(target, Target::Stream));
    let lives_on = matches!(target, Target::Stream) || *method == *target::SUBSCRIBE;
    // Places are taken for what may be needed, and given back when the answer shows that it is not.
    // What ends or answers something begins nothing, and sets places free: refused, a caller whose
    // every stream waits for their answer could never give it.
    if asked.may_stream || lives_on {
        place.asks()?;
        // What is sent to an open stream needs no place of its own.
        if door != Door::Messages {
            place.may_stream(limits.streams_per_caller.min(arrival.snapshot.limits.streams_of_caller))?;
        }
    }
    if asked.asks_for_task {
        gateway.tasks.check(name, &caller, arrival.now)?;
    }
    // No batch holds one, and a session of the old transport is a stream.
    let begins = method == "initialize" && door == Door::Streamable;
    if begins {
        gateway.begun.begin(name, &caller, limits.sessions_per_caller, arrival.now)?;
    }
    let outgoing = Outgoing {
        caller,
        body: asked.body,
        era: known.era,
        door,
        session,
        endpoint,
        lists: Care::of(server, asked.lists, known.era),
        task: if taken_up.is_some() { Promise::Perhaps } else { asked.task },
        begins,
        lives_on,
        target: taken_up.unwrap_or(target),
        place,
    };
    Ok((outgoing, permit))
}

/// What a request asks, as far as the steps behind the rules need it.
struct Asked {
    target: Target,
    /// Of a batch, what each of its messages asks.
    parts: Vec<(Text, Target)>,
    body: Bytes,
    /// The list that it asks for, perhaps among other things.
    lists: Option<Lists>,
    /// It answers a request of the server.
    answers: bool,
    /// It asks something, so that a stream may be its answer.
    may_stream: bool,
    /// A call that is to become a task (2025-11-25).
    asks_for_task: bool,
    /// Whether its answer may be one.
    task: Promise,
}

impl Asked {
    fn plain(target: Target, body: Bytes) -> Self {
        Self {
            target,
            parts: Vec::new(),
            body,
            lists: None,
            answers: false,
            may_stream: false,
            asks_for_task: false,
            task: Promise::None,
        }
    }
}

/// Step 6: the session of a legacy request, and what the stream answers that it takes up again, where that is known (SPEC C-41,
/// C-52). To the modern era a session means nothing: what such a request says of one goes no further (SPEC C-47).
fn own_session(
    arrival: &Arrival<'_>,
    server: &Server,
    head: &Parts,
    caller: &Caller,
    era: Era,
) -> Result<(Option<Session>, Option<Target>), Refusal> {
    if era != Era::Legacy {
        return Ok((None, None));
    }
    let gateway = &arrival.connection.gateway;
    let session = session::of_request(gateway, server, caller, &head.headers)?;
    let Some(event) = head.headers.get(headers::LAST_EVENT_ID) else { return Ok((session, None)) };
    // An event id alone proves nothing: it could be anybody's (attack 134).
    let session = session.ok_or(Refusal::UnknownSession)?;
    let taken_up = gateway.origins.check(server, caller, &session, event.as_bytes())?;
    Ok((Some(session), taken_up))
}

/// Step 4 for a POST: media type before the body, the body before its meaning, its meaning before the headers that repeat it.
async fn read_message(
    server: &Server,
    door: Door,
    head: &Parts,
    body: &mut Incoming,
    place: &Place,
    known: &mut Known,
) -> Result<Asked, Refusal> {
    headers::check_media(&head.headers)?;
    let body = body::read(body, head.version, server.limits.request_body, place).await?;
    let mut unreadable = |fault: PeekFault| {
        known.id = fault.id;
        fault.refusal
    };
    if server.batches && batch::is_batch(&body) {
        let messages = batch::read(&body, &head.headers, server.limits.json_depth).map_err(unreadable)?;
        let target = target::of_batch(&messages)?;
        let methods = messages.iter().map(|message| message.method.clone());
        let parts = match &target {
            Target::Several(targets) => methods.zip(targets.iter().cloned()).collect(),
            _ => Vec::new(),
        };
        known.method = Some(Text::from("batch"));
        let lists = messages.iter().any(|message| Lists::of(&message.method).is_some()).then_some(Lists::Any);
        let answers = messages.iter().any(|message| message.kind == Kind::Response);
        let may_stream = messages.iter().any(|message| message.kind == Kind::Request);
        return Ok(Asked { parts, lists, answers, may_stream, ..Asked::plain(target, body) });
    }
    let message = peek::read(&body, server.limits.json_depth).map_err(&mut unreadable)?;
    known.id.clone_from(&message.id);
    known.method = Some(message.method.clone());
    known.era = headers::agree(&head.headers, &message)?;
    let mut target = target::of(&message)?;
    if door == Door::Messages {
        target = told_on_a_stream(&message, known.era, target)?;
    }
    let is_call = matches!(target, Target::Tool(_));
    Ok(Asked {
        lists: Lists::of(&message.method),
        answers: message.kind == Kind::Response,
        may_stream: message.kind == Kind::Request,
        asks_for_task: is_call && message.params.task,
        task: if is_call { promise(&message, known.era, &body) } else { Promise::None },
        ..Asked::plain(target, body)
    })
}

/// What is otherwise where the answer comes on the stream of 2024-11-05: there nobody sees which task it makes, nor whose tasks
/// it lists.
fn told_on_a_stream(message: &Message, era: Era, target: Target) -> Result<Target, Refusal> {
    match target {
        _ if era != Era::Legacy => Err(Refusal::NotAMessage("its version has no such transport")),
        _ if message.params.task => Err(Refusal::BadParams("this transport has no tasks")),
        Target::TaskList => Ok(Target::Method(message.method.clone())),
        target => Ok(target),
    }
}

/// Whether the answer to a call may be a task: 2025-11-25 asks for one, a client of 2026-07-28 says that it knows them, and a
/// server of that version decides. What is not seen here is a task that nobody may touch.
fn promise(message: &Message, era: Era, body: &[u8]) -> Promise {
    if message.params.task {
        Promise::Expected
    } else if era == Era::Legacy {
        Promise::None
    } else if memchr::memmem::find(body, TASKS_EXTENSION).is_some() {
        Promise::Expected
    } else {
        Promise::Perhaps
    }
}

/// The body is read, though only to be forgotten: the library notices that a client has gone once nothing of a request is left.
async fn bodiless(target: Target, head: &Parts, body: &mut Incoming, known: &mut Known) -> Result<Asked, Refusal> {
    body::skip(body, head.version, IGNORED_BODY_BYTES_MAX).await?;
    known.era = headers::era_without_body(&head.headers)?;
    // A stream that is taken up again may hold the answer to a list, and that of 2024-11-05 holds all answers. So may any other:
    // upstreams put on a session's own stream what they owe to a call that was cancelled, or whose answer nobody waits for.
    let lists = matches!(target, Target::Stream).then_some(Lists::Any);
    Ok(Asked { lists, ..Asked::plain(target, Bytes::new()) })
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
