//! Drains the upload of a refused request, so that its client can read the answer (attack 191).

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Version,
    header::{CONNECTION, EXPECT},
    request::Parts,
};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    base::limits::{
        connections::{
            REFUSED_BODY_TIMEOUT, REFUSED_UNVERIFIED_BYTES_MAX, REFUSED_UPLOAD_TIMEOUT, REFUSED_UPLOAD_TIMES,
        },
        messages::IGNORED_BODY_BYTES_MAX,
    },
    inbound::request::{
        arrival::Busy,
        body,
        drain::{UploadDrain, WeakDrain},
    },
};

/// Who sends a body that is not needed.
pub(in crate::inbound) enum Uploader {
    /// A verified caller, or a client whose request was permitted.
    Caller {
        /// `limits.request_body` of the server.
        body_bytes: u64,
        /// Marks the connection as busy until the body is drained.
        busy: Busy,
    },
    /// A client without a valid token.
    Unverified,
}

/// How much is drained, and for how long.
#[derive(Clone, Copy)]
struct DrainBounds {
    bytes_max: u64,
    /// The time between two pieces.
    idle: Duration,
}

impl DrainBounds {
    /// The bounds of an upload that was permitted, to a server with this `limits.request_body`.
    fn permitted(body_bytes: u64) -> Self {
        Self { bytes_max: body_bytes.saturating_mul(REFUSED_UPLOAD_TIMES), idle: REFUSED_UPLOAD_TIMEOUT }
    }
}

/// Lets a client read why its request was refused, even if it sends the whole body first. The
/// answer leaves at once; the rest of the body is read and discarded in the background, within
/// bounds.
///
/// Otherwise the answer is lost: on HTTP/1.1 the socket would be reset, and many clients would
/// report a broken pipe. On HTTP/2 the stream would be reset with `NO_ERROR` (RFC 9113 §8.1), which
/// curl before 8 and haproxy take for a failure of the answer that came before it.
pub(in crate::inbound) async fn discard(
    drain: &UploadDrain,
    mut incoming: Incoming,
    head: &Parts,
    by: Uploader,
    answer: &mut HeaderMap,
) {
    if incoming.is_end_stream() {
        return;
    }
    let (bounds, busy) = match by {
        Uploader::Caller { body_bytes, mut busy } => {
            // A connection that only drains may be closed to make room.
            busy.expose();
            (DrainBounds::permitted(body_bytes), Some(busy))
        }
        Uploader::Unverified => {
            (DrainBounds { bytes_max: REFUSED_UNVERIFIED_BYTES_MAX, idle: REFUSED_BODY_TIMEOUT }, None)
        }
    };
    if head.version <= Version::HTTP_11 {
        // The client does not send a body that waits for `100 Continue`. A small body has probably
        // arrived already.
        let waits = head.headers.contains_key(EXPECT);
        let is_small = !waits && incoming.size_hint().lower() <= IGNORED_BODY_BYTES_MAX;
        if is_small && settles(&mut incoming, head).await {
            return;
        }
        // Otherwise a client that sends the body later would lose its next request.
        if waits || is_small || incoming.size_hint().upper().is_none_or(|announced| announced > bounds.bytes_max) {
            answer.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if waits {
            return;
        }
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "`drain` ends it with the connection, and its deadline ends it at last"
    )]
    let task = tokio::spawn(async move {
        read_and_discard(incoming, bounds).await;
        // Until here the connection is busy.
        drop(busy);
    });
    drain.keep(task.abort_handle());
}

/// Drains the rest of an upload whose request was answered before its end, in the same way: `busy`
/// marks the connection.
pub(in crate::inbound) fn drain_rest(drain: &WeakDrain, incoming: Incoming, body_bytes: u64, busy: Busy) {
    // When the process ends, the rest may be dropped.
    if let Ok(runtime) = Handle::try_current() {
        #[expect(
            clippy::disallowed_methods,
            reason = "`drain` ends it with the connection, and its deadline ends it at last"
        )]
        let task = runtime.spawn(async move {
            read_and_discard(incoming, DrainBounds::permitted(body_bytes)).await;
            drop(busy);
        });
        drain.keep(task.abort_handle());
    }
}

/// Reads a small body to its end. Returns false if it is larger, or does not come soon.
async fn settles(incoming: &mut Incoming, head: &Parts) -> bool {
    let skipped = timeout(REFUSED_BODY_TIMEOUT, body::skip(incoming, head.version, IGNORED_BODY_BYTES_MAX)).await;
    matches!(skipped, Ok(Ok(())))
}

/// Reads to the end of the body, or up to the bounds. When the rest is dropped, the connection is
/// closed, or the stream reset.
async fn read_and_discard(mut incoming: Incoming, bounds: DrainBounds) {
    let deadline = Instant::now() + REFUSED_UPLOAD_TIMEOUT;
    let mut left = bounds.bytes_max;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline.min(Instant::now() + bounds.idle), incoming.frame()).await {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
