//! Steps 4 to 6 for a request without a token, on a server with a public rule.
//!
//! Only here is a body read before its sender is known: it is small, and each address has few
//! places. What may not come without a token gets the challenge, whatever else is wrong with it.

use std::net::IpAddr;

use http::{Method, StatusCode, header::AUTHORIZATION};
use hyper::body::Incoming;

use super::{Judge, SessionWay};
use crate::{
    base::{
        limits::{connections::EMBEDDED_BODY_TIMEOUT, held::ANONYMOUS_BODY_BYTES_MAX},
        text::Text,
    },
    decide::{
        fields::{crossing, header_names::MCP_SESSION_ID},
        mcp::{method, request::headers, version::Era},
        policy::evaluate::{
            Permit, deciding_rule,
            public::{evaluate_public, sign_in},
        },
        refusal::{BodyLimit, Refusal, row::By},
        token::{caller::Caller, requester::Requester},
    },
    inbound::{
        answer::outgoing::{Outgoing, TaskAnswer},
        legacy_sse::Endpoint,
        request::{
            anonymous,
            arrival::Busy,
            body::{self, BodyBounds},
            context::RequestContext,
            message::{self, McpRequest},
        },
        state::usage::RequestPlace,
    },
    observe::record::Record,
};

/// What a session without a token takes: it has no stream of its own, and is never ended.
const METHODS: &str = "POST, OPTIONS";

impl Judge<'_> {
    /// Whether a rule of the server is public.
    pub(super) fn is_public_here(&self) -> bool {
        self.server.policy.public().next().is_some()
    }

    /// Whether a request without a bearer token is anonymous. Any other credential in its place is
    /// refused: its sender must learn that it does not count. The transport of 2024-11-05 always
    /// needs a token, because its answers come on a stream with an owner.
    pub(super) fn may_be_anonymous(&self) -> bool {
        let headers = &self.head.headers;
        self.endpoint == Endpoint::Streamable
            && !headers.contains_key(AUTHORIZATION)
            && !headers.contains_key("dpop")
            && self.is_public_here()
    }

    /// Steps 4 to 6.
    pub(super) async fn without_token(
        &self,
        (body, busy): (&mut Incoming, &mut Busy),
        context: &mut RequestContext,
        record: &mut Record,
    ) -> Result<(Outgoing, Permit), Refusal> {
        let Self { arrival, server, head, .. } = *self;
        let address = arrival.client.address;
        if head.method != Method::POST {
            context.method = Some(Text::from(head.method.as_str()));
            return Err(self.bodiless().await);
        }
        let read = self.read(address, body, context, record).await;
        let (mut asked, place) = read.map_err(|refusal| challenged(self.full(refusal)))?;
        // The request holds one of a bounded number of places.
        busy.secure()?;
        let permit = judge(self, &asked, record).map_err(|refusal| match refusal {
            // There is nowhere to sign in.
            Refusal::SignIn { .. } if server.issuers.is_empty() => Refusal::NoCredential,
            refusal => refusal,
        })?;
        record.permitted(permit.rule(), permit.reported());
        let mut way = SessionWay::default();
        if context.era == Era::Legacy && context.method.as_deref() != Some(method::INITIALIZE) {
            let (gateway, snapshot) = (&arrival.connection.gateway, arrival.snapshot);
            way.session = anonymous::open(gateway, snapshot, server, &head.headers, arrival.now).await?;
        }
        // A task that the answer may hold gets no owner.
        asked.task = TaskAnswer::None;
        let outgoing = self.room(Requester::Anonymous(address), asked, (way, place), context);
        Ok((outgoing.map_err(|refusal| self.full(refusal))?, permit))
    }

    /// Where a limit leaves no room without a token, the client gets the challenge, as on a server
    /// without public rules: with a token it has places of its own (attack 315).
    fn full(&self, refusal: Refusal) -> Refusal {
        let limit = match refusal {
            Refusal::OverloadedRequests | Refusal::TooManyRequests => "requests",
            Refusal::OverloadedBodyBytes | Refusal::TooManyBodyBytes => "body_bytes",
            Refusal::TooManySessions => "sessions_per_caller",
            Refusal::TooManyStreams => "streams_per_caller",
            other => return other,
        };
        let (observe, peer) = (&self.arrival.connection.gateway.observe, self.arrival.client.address);
        observe.no_room_without_token(&self.server.series.name, peer, limit);
        Refusal::NoRoomWithoutToken
    }

    /// A GET in a session without an owner is told that there is no stream, so that its client goes
    /// on without one. Everything else needs a token.
    async fn bodiless(&self) -> Refusal {
        let Self { arrival, server, head, .. } = *self;
        if head.method != Method::GET || !head.headers.contains_key(MCP_SESSION_ID) {
            return Refusal::NoCredential;
        }
        let (gateway, snapshot) = (&arrival.connection.gateway, arrival.snapshot);
        match anonymous::open(gateway, snapshot, server, &head.headers, arrival.now).await {
            Ok(_) => Refusal::Method(METHODS),
            Err(refusal) => refusal,
        }
    }

    /// Reads the message. As long as its body is unfinished, it may have to give way to another
    /// request.
    async fn read(
        &self,
        address: IpAddr,
        incoming: &mut Incoming,
        context: &mut RequestContext,
        record: &mut Record,
    ) -> Result<(McpRequest, RequestPlace), Refusal> {
        let Self { arrival, server, endpoint, head } = *self;
        let usage = &arrival.connection.gateway.usage;
        let place = usage.enter_anonymous(address, arrival.snapshot.limits)?;
        crossing::check_connection(&head.headers, &server.identity_names)?;
        headers::check_shape(&head.headers)?;
        headers::check_media(&head.headers)?;
        let limit = match server.limits.request_body {
            // A token would not help.
            bytes if bytes <= ANONYMOUS_BODY_BYTES_MAX => BodyLimit::OfServer(bytes),
            _ => BodyLimit::Fixed(ANONYMOUS_BODY_BYTES_MAX),
        };
        let bounds = BodyBounds { limit, time: EMBEDDED_BODY_TIMEOUT };
        let charge = place.charge_later();
        let upload = usage.upload_anonymous(address, place);
        let body = tokio::select! {
            biased;
            body = body::read(incoming, head.version, bounds, charge) => body?,
            () = upload.displaced() => return Err(Refusal::OverloadedRequests),
        };
        let place = upload.finished().ok_or(Refusal::OverloadedRequests)?;
        let mut asked = message::understand(server, endpoint, head, body, context)?;
        self.note(&mut asked, context, record)?;
        Ok((asked, place))
    }

    /// The session of a verified caller that began without a token: it is theirs from now on.
    pub(super) async fn take_over(&self, caller: &Caller, context: &RequestContext) -> Result<SessionWay, Refusal> {
        let Self { arrival, server, endpoint, head } = *self;
        let is_named = endpoint == Endpoint::Streamable
            && context.era == Era::Legacy
            && context.method.as_deref() != Some(method::INITIALIZE);
        if !is_named {
            return Err(Refusal::UnknownSession);
        }
        let (gateway, snapshot) = (&arrival.connection.gateway, arrival.snapshot);
        let session = anonymous::take_over(gateway, snapshot, server, caller, &head.headers, arrival.now).await?;
        self.resumed(caller, session)
    }
}

/// Step 5: every message may come without a token, and everything that they touch is public.
fn judge(of: &Judge<'_>, asked: &McpRequest, record: &mut Record) -> Result<Permit, Refusal> {
    let policy = &of.server.policy;
    let Some(proof) = asked.without_token else { return Err(sign_in(policy, &asked.target)) };
    record.judge_each(|one| (deciding_rule(policy, one), evaluate_public(policy, one, proof)));
    evaluate_public(policy, &asked.target, proof)
}

/// A message that cannot be judged may not come without a token, so its client gets the challenge
/// as on any other server. A refusal about the connection stays as it is.
fn challenged(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::BodyTooLarge(BodyLimit::Fixed(bytes)) => return Refusal::LargeWithoutToken(bytes),
        Refusal::BodyTooLarge(BodyLimit::OfServer(_)) => return refusal,
        _ => {}
    }
    let row = refusal.row();
    let is_about_message = row.status.is_client_error()
        && row.status != StatusCode::REQUEST_TIMEOUT
        && !matches!(refusal, Refusal::BodyBroken | Refusal::UnknownSession | Refusal::NoRoomWithoutToken)
        && !matches!(row.by, By::Departure);
    if is_about_message { Refusal::NoCredential } else { refusal }
}
