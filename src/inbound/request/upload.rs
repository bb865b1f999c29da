//! Drains the upload of a refused request, so that its client reads the answer (attack 191).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Response, Version,
    header::{CONNECTION, EXPECT},
    request::Parts,
};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use crate::{
    base::limits::{IGNORED_BODY_BYTES_MAX, REFUSED_UPLOAD_TIMEOUT, REFUSED_UPLOAD_TIMES},
    inbound::{accept::connection::Busy, answer::reply::ReplyBody, request::body},
};

/// The refused upload that a connection is draining; draining ends with the connection.
#[derive(Default)]
pub(in crate::inbound) struct Upload {
    task: Mutex<Option<AbortHandle>>,
}

impl Upload {
    /// Makes sure that a refused caller with a valid token can read the answer even if its client
    /// sends the whole body first: `response` goes out at once, and the rest of the body is read
    /// and dropped, up to twice `body_bytes` and for five seconds. Closing the socket earlier would
    /// reset it, and many clients would report a broken pipe instead of the answer.
    ///
    /// HTTP/2 ends one stream without the others, and does not need this.
    pub(in crate::inbound) async fn let_go(
        &self,
        mut incoming: Incoming,
        head: &Parts,
        body_bytes: u64,
        mut busy: Busy,
        response: &mut Response<ReplyBody>,
    ) {
        if head.version > Version::HTTP_11 {
            return;
        }
        // A connection that only drains may be closed to make room.
        busy.expose();
        // A body that waits for permission does not come.
        if head.headers.contains_key(EXPECT) {
            body::settle(&mut incoming, head, response).await;
            return;
        }
        // A small one is there already.
        let is_small = incoming.size_hint().lower() <= IGNORED_BODY_BYTES_MAX;
        if is_small && body::settle(&mut incoming, head, response).await {
            return;
        }
        let most = body_bytes.saturating_mul(REFUSED_UPLOAD_TIMES);
        if incoming.size_hint().upper().is_none_or(|announced| announced > most) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let forgotten = tokio::spawn(async move {
            forget(incoming, most, REFUSED_UPLOAD_TIMEOUT).await;
            // Until here the connection is at work.
            drop(busy);
        });
        let before = self.task.lock().unwrap_or_else(PoisonError::into_inner).replace(forgotten.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Reads to the end, or as far as the bounds let it. The connection is closed when the rest is
/// dropped.
async fn forget(mut incoming: Incoming, bytes_max: u64, limit: Duration) {
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
