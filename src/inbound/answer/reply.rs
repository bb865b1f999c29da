//! The only place where a refusal becomes HTTP, and the body types of all our answers.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body::{Body, Frame, SizeHint};

use crate::{
    authorization_server::delivery::OnDelivered,
    base::{limits::UPSTREAM_BUSY_RETRY_SECS, text::Text},
    decide::{
        mcp::{
            error::{self, About},
            target::Target,
            version::Era,
        },
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::{
        answer::{
            relay::{Broken, Relay},
            stall,
        },
        state::server::Server,
    },
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The body of an answer.
pub(in crate::inbound) enum ReplyBody {
    /// Made here; `None` once it was taken.
    Whole(Option<Bytes>),
    /// Made by the authorization server inside, which may want to know that it was handed over.
    Issued(Handed),
    /// Relayed from an upstream.
    Relay(Box<Relay>),
}

/// An answer on its way to the connection, and what to do once it is there.
pub(in crate::inbound) struct Handed {
    bytes: Option<Bytes>,
    sent: Option<OnDelivered>,
}

impl Handed {
    /// Nothing of `bytes` is handed over yet.
    pub(in crate::inbound) fn new(bytes: Bytes, sent: Option<OnDelivered>) -> Self {
        Self { bytes: (!bytes.is_empty()).then_some(bytes), sent }
    }
}

/// The library asks no body for its end when all the bytes that it announced are there: it drops it. So whatever was taken to the
/// last byte counts as handed over, and what is dropped before that does not.
impl Drop for Handed {
    fn drop(&mut self) {
        if let (None, Some(sent)) = (&self.bytes, self.sent.take()) {
            sent();
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = match &mut *self {
            Self::Whole(bytes) => Poll::Ready(stall::take_piece(bytes).map(|piece| Ok(Frame::data(piece)))),
            Self::Issued(handed) => match stall::take_piece(&mut handed.bytes) {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => {
                    if let Some(sent) = handed.sent.take() {
                        sent();
                    }
                    Poll::Ready(None)
                }
            },
            Self::Relay(relay) => Pin::new(&mut **relay).poll_frame(cx),
        };
        stall::note(&frame);
        frame
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) | Self::Issued(Handed { bytes, .. }) => bytes.is_none(),
            Self::Relay(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) | Self::Issued(Handed { bytes, .. }) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Relay(relay) => relay.size_hint(),
        }
    }
}

/// What is known of a request when it is refused.
pub(in crate::inbound) struct Known {
    /// Raw JSON of its id.
    pub(in crate::inbound) id: Option<Text>,
    /// Its method.
    pub(in crate::inbound) method: Option<Text>,
    /// What it touches.
    pub(in crate::inbound) target: Option<Target>,
    /// Which of the two ways to speak MCP it follows.
    pub(in crate::inbound) era: Era,
    /// Who asks.
    pub(in crate::inbound) caller: Option<Arc<Caller>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { id: None, method: None, target: None, era: Era::Legacy, caller: None }
    }
}

/// An answer made here, in JSON.
pub(in crate::inbound) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<ReplyBody> {
    let body = body.into();
    let mut response = Response::new(ReplyBody::Whole((!body.is_empty()).then_some(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// An answer without a body.
pub(in crate::inbound) fn empty(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(None));
    *response.status_mut() = status;
    response
}

/// Turns `refusal` into the answer that its row says; `server` is known once the path is.
pub(in crate::inbound) fn refuse(refusal: &Refusal, known: &Known, server: Option<&Server>) -> Response<ReplyBody> {
    let caller = known.caller.as_deref();
    let required = match (refusal, server) {
        (Refusal::Scope { needed }, Some(server)) => server.challenges.asked(needed, caller),
        _ => Vec::new(),
    };
    let about = About {
        refusal,
        id: known.id.as_ref(),
        method: known.method.as_deref(),
        target: known.target.as_ref(),
        caller,
        required_scopes: &required,
    };
    if server.is_some_and(|server| server.deny_as_tool_error) && is_denied_tool_call(refusal, known) {
        return json(StatusCode::OK, error::tool_result(&about, known.era));
    }
    let row = refusal.row();
    let mut response = json(row.status, error::body(&about));
    let headers = response.headers_mut();
    if let Some(challenge) = server.and_then(|server| server.challenges.header(refusal, caller)) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    match refusal {
        Refusal::Method(allowed) => {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        Refusal::KeysUnavailable { retry_after_secs } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_secs));
        }
        Refusal::UpstreamBusy => {
            headers.insert(RETRY_AFTER, HeaderValue::from(UPSTREAM_BUSY_RETRY_SECS));
        }
        Refusal::TooManyStreams | Refusal::TooManyRequests | Refusal::TooManyBodyBytes => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // Of all callers more wait than one.
        Refusal::OverloadedRequests | Refusal::OverloadedBodyBytes | Refusal::OverloadedDescriptors => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Refusal::TooManySessions | Refusal::TooManyTasks => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        }
        Refusal::ContentCoding => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        _ => {}
    }
    response
}

/// For `deny_as: tool_error`: a request (with an id to answer to) that policy refused.
fn is_denied_tool_call(refusal: &Refusal, known: &Known) -> bool {
    matches!(refusal, Refusal::Scope { .. } | Refusal::Forbidden { .. } | Refusal::NoRule)
        && matches!(known.target, Some(Target::Tool(_)))
        && known.id.is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    fn issued(bytes: &'static str) -> (ReplyBody, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        let sent: OnDelivered = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (ReplyBody::Issued(Handed::new(Bytes::from_static(bytes.as_bytes()), Some(sent))), count)
    }

    #[tokio::test]
    async fn e15_an_answer_counts_as_sent_once_its_last_byte_was_taken_and_not_before() {
        // To its very end, as a length that is not announced is read.
        let (body, count) = issued("{}");
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        assert_eq!(count.load(Ordering::Relaxed), 1);

        // Dropped after its last byte.
        let (mut body, count) = issued("{}");
        assert!(!body.is_end_stream());
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert!(body.is_end_stream());
        assert_eq!(count.load(Ordering::Relaxed), 0);
        drop(body);
        assert_eq!(count.load(Ordering::Relaxed), 1);

        // Dropped untaken: the client is gone.
        let (body, count) = issued("{}");
        drop(body);
        assert_eq!(count.load(Ordering::Relaxed), 0);

        // Without a body there is nothing to take.
        let (body, count) = issued("");
        assert!(body.is_end_stream());
        drop(body);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
