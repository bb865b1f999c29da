//! Bodies of all answers: from the gateway, an embedded authorization server, or an upstream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};

use crate::{
    authorization_server::delivery::OnDelivered,
    inbound::answer::{broken::Broken, relay::body::RelayBody, stall},
};

/// The body of an answer.
pub(in crate::inbound) enum ReplyBody {
    /// Made by the gateway; `None` once it was taken.
    Whole(Option<Bytes>),
    /// Made by an embedded authorization server, which may ask to be notified of the delivery.
    Issued(DeliveryBody),
    /// Relayed from an upstream.
    Relay(Box<RelayBody>),
}

/// An answer to HEAD: its length without its bytes, which hyper would send over HTTP/2 (RFC 9110
/// §9.3.2). An upstream's answer to HEAD has none.
pub(in crate::inbound) fn without_content(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    if !matches!(response.body(), ReplyBody::Relay(_)) {
        if let Some(length @ 1..) = response.body().size_hint().exact() {
            response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
        }
        *response.body_mut() = ReplyBody::Whole(None);
    }
    response
}

/// An answer, and what to call once the connection has taken all its bytes.
pub(in crate::inbound) struct DeliveryBody {
    bytes: Option<Bytes>,
    sent: Option<OnDelivered>,
}

impl DeliveryBody {
    /// An answer from which no byte was taken yet.
    pub(in crate::inbound) fn new(bytes: Bytes, sent: Option<OnDelivered>) -> Self {
        Self { bytes: (!bytes.is_empty()).then_some(bytes), sent }
    }
}

/// hyper drops a body once all announced bytes have come, without a poll for its end. So an answer
/// counts as delivered if it is dropped after its last byte was taken.
impl Drop for DeliveryBody {
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
            Self::Issued(delivery) => match stall::take_piece(&mut delivery.bytes) {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => {
                    if let Some(sent) = delivery.sent.take() {
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
            Self::Whole(bytes) | Self::Issued(DeliveryBody { bytes, .. }) => bytes.is_none(),
            Self::Relay(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) | Self::Issued(DeliveryBody { bytes, .. }) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Relay(relay) => relay.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use http_body_util::BodyExt;

    use super::*;

    fn issued(bytes: &'static str) -> (ReplyBody, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        let sent: OnDelivered = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (ReplyBody::Issued(DeliveryBody::new(Bytes::from_static(bytes.as_bytes()), Some(sent))), count)
    }

    #[tokio::test]
    async fn e15_an_answer_counts_as_sent_once_its_last_byte_was_taken_and_not_before() {
        // Read to its end, as a body without a length is.
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

        // Dropped before it was taken: the client has left.
        let (body, count) = issued("{}");
        drop(body);
        assert_eq!(count.load(Ordering::Relaxed), 0);

        // An empty body.
        let (body, count) = issued("");
        assert!(body.is_end_stream());
        drop(body);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
