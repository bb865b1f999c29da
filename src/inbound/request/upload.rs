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
use tokio::time::{Instant, timeout_at};

use crate::{
    base::limits::{
        connections::{REFUSED_UPLOAD_TIMEOUT, REFUSED_UPLOAD_TIMES},
        messages::IGNORED_BODY_BYTES_MAX,
    },
    inbound::request::{arrival::Busy, body, drain::UploadDrain},
};

/// Lets a caller with a valid token read why it was refused, even if its client sends the whole
/// body first. The answer leaves at once; the rest of the body is read and discarded in the
/// background, up to twice `body_bytes` and for five seconds. Closing the socket earlier would
/// reset it, and many clients would report a broken pipe instead of the answer.
///
/// HTTP/2 ends one stream without the others, and does not need this.
pub(in crate::inbound) async fn discard(
    drain: &UploadDrain,
    mut incoming: Incoming,
    head: &Parts,
    body_bytes: u64,
    mut busy: Busy,
    answer: &mut HeaderMap,
) {
    if head.version > Version::HTTP_11 {
        return;
    }
    // A connection that only drains may be closed to make room.
    busy.expose();
    // The client does not send a body that waits for `100 Continue`.
    if head.headers.contains_key(EXPECT) {
        body::settle(&mut incoming, head, answer).await;
        return;
    }
    // A small body has probably arrived already.
    let is_small = incoming.size_hint().lower() <= IGNORED_BODY_BYTES_MAX;
    if is_small && body::settle(&mut incoming, head, answer).await {
        return;
    }
    let most = body_bytes.saturating_mul(REFUSED_UPLOAD_TIMES);
    if incoming.size_hint().upper().is_none_or(|announced| announced > most) {
        answer.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "`drain` ends it with the connection, and its deadline ends it at last"
    )]
    let task = tokio::spawn(async move {
        read_and_discard(incoming, most, REFUSED_UPLOAD_TIMEOUT).await;
        // Until here the connection is busy.
        drop(busy);
    });
    drain.replace(task.abort_handle());
}

/// Reads to the end of the body, or up to the bounds. The connection is closed when the rest is
/// dropped.
async fn read_and_discard(mut incoming: Incoming, bytes_max: u64, limit: Duration) {
    let deadline = Instant::now() + limit;
    let mut left = bytes_max;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, incoming.frame()).await {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
