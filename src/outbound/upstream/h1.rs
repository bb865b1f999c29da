//! An HTTP/1.1 connection, which carries one request at a time.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderValue, Method, Request, Response, header::HOST};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use hyper_util::rt::TokioIo;
use tokio::{task::unconstrained, time::Instant};

use super::{
    counts::{Counts, Opened},
    moved::{NEVER, is_moved},
    request::{SentBody, Unsent, UpstreamRequest},
};
use crate::outbound::dial::{DialFault, DialFaultKind, Stream};

/// An HTTP/1.1 connection. It has no background task: the request that holds it drives it, so
/// dropping the request closes it at once (SPEC C-56).
pub(super) struct Own {
    sender: http1::SendRequest<SentBody>,
    connection: Pin<Box<http1::Connection<TokioIo<Stream>, SentBody>>>,
    old_at: Instant,
    /// The epoch of the target for which the server has answered over it without a redirect.
    proven: u32,
    _opened: Opened,
}

impl Own {
    /// Opens a connection over a stream that did not agree on HTTP/2.
    pub(super) async fn over(stream: Stream, counts: &Arc<Counts>, old_at: Instant) -> Result<Self, DialFault> {
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| DialFault { kind: DialFaultKind::Reset, cause: std::io::Error::other(cause) })?;
        Ok(Self { sender, connection: Box::pin(connection), old_at, proven: 0, _opened: Opened::own(counts) })
    }

    /// Whether it is too old for another request.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now >= self.old_at
    }

    /// Whether the server has neither closed it nor sent a byte since the last answer.
    ///
    /// Polled outside the runtime's budget: a postponed poll would make a dead connection look
    /// alive.
    pub(super) async fn is_alive(&mut self) -> bool {
        let ended = poll_fn(|cx| Poll::Ready(pin!(unconstrained(self.connection.as_mut())).poll(cx).is_ready())).await;
        !ended && self.sender.is_ready()
    }

    /// Lets the connection read and write.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.as_mut().poll(cx).map(drop)
    }

    /// Whether polling the connection shows that it can carry another request.
    pub(super) fn settles(&mut self, cx: &mut Context<'_>) -> bool {
        self.connection.as_mut().poll(cx).is_pending() && self.sender.is_ready()
    }

    /// Sends one request. The connection comes back with the head, unless it ended.
    ///
    /// In `redirects`, `again` gets a copy of the head if the answer may be a redirect. A server
    /// begins to redirect when it is started, with new connections, so of the POST requests only
    /// the first of a connection to a target, which `epoch` tells, is copied; the body is shared.
    /// Other methods are rare, and may be redirected where a POST is not.
    pub(super) async fn send(
        mut self,
        outgoing: UpstreamRequest,
        host: HeaderValue,
        redirects: Option<(u32, &mut Option<UpstreamRequest>)>,
    ) -> Result<(Response<Incoming>, Option<Self>), Unsent> {
        let is_post = outgoing.method == Method::POST;
        let epoch = redirects.map(|(epoch, again)| {
            if epoch == NEVER || self.proven != epoch || !is_post {
                *again = outgoing.copy();
            }
            epoch
        });
        let mut response = pin!(self.sender.try_send_request(outgoing.into_h1(host)));
        let outcome = poll_fn(|cx| {
            // The connection is polled first: it writes the request and reads the answer for the
            // second poll.
            let ended = self.connection.as_mut().poll(cx);
            match response.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(Ok((outcome, ended.is_ready()))),
                Poll::Pending => match ended {
                    Poll::Ready(end) => Poll::Ready(Err(end)),
                    Poll::Pending => Poll::Pending,
                },
            }
        })
        .await;
        match outcome {
            Ok((Ok(response), ended)) => {
                if let Some(epoch) = epoch.filter(|_| is_post && !is_moved(response.status())) {
                    self.proven = epoch;
                }
                Ok((response, (!ended).then_some(self)))
            }
            Ok((Err(failed), _)) => Err(unsent(failed)),
            Err(end) => {
                // If the connection has not taken the request, dropping it returns the request.
                drop(self.connection);
                match response.await {
                    Err(mut failed) if failed.message().is_some() => {
                        Err(Unsent { again: failed.take_message().map(UpstreamRequest::from_h1), ..broken(end.err()) })
                    }
                    _ => Err(broken(end.err())),
                }
            }
        }
    }
}

impl UpstreamRequest {
    /// Converts a request to HTTP/1.1: the target in origin form, the authority in `Host`.
    fn into_h1(self, host: HeaderValue) -> Request<SentBody> {
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.into();
        *request.headers_mut() = self.headers;
        request.headers_mut().insert(HOST, host);
        request
    }

    /// Reverts [`Self::into_h1`], if no byte of the request was written.
    fn from_h1(request: Request<SentBody>) -> Box<Self> {
        let (mut head, body) = request.into_parts();
        head.headers.remove(HOST);
        let target = head.uri.into_parts().path_and_query.unwrap_or_else(|| http::uri::PathAndQuery::from_static("/"));
        Box::new(Self { method: head.method, target, headers: head.headers, body })
    }
}

fn unsent(mut failed: TrySendError<Request<SentBody>>) -> Unsent {
    let again = failed.take_message().map(UpstreamRequest::from_h1);
    Unsent { again, ..broken(Some(failed.into_error())) }
}

fn broken(cause: Option<hyper::Error>) -> Unsent {
    match cause {
        None => Unsent::broken("the connection was closed before an answer"),
        // hyper's errors hide their cause in `source`.
        Some(error) => match std::error::Error::source(&error) {
            Some(source) => Unsent::broken(format_args!("{error}: {source}")),
            None => Unsent::broken(error),
        },
    }
}
