//! Where the bytes of a relayed answer come from: the upstream itself, or a filter over it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    inbound::answer::{
        broken::Broken,
        filter::{edited::Edited, guarded::Guarded, readable::Readable},
        watch::AnswerWatch,
    },
    outbound::upstream::Answer,
};

/// The bytes of a relayed answer.
pub(in crate::inbound) enum AnswerSource {
    /// The upstream's bytes, unchanged (P1).
    Plain(Answer),
    /// Decoded, because the client does not accept the coding.
    Decoded(Readable),
    /// A filtered list; `None` once it was taken.
    Whole(Option<Bytes>),
    /// An event stream that is filtered event by event.
    Edited(Box<Edited>),
    /// The upstream's bytes, unchanged, but read: broken off where a list starts, and watched.
    Guarded(Box<Guarded>),
}

impl AnswerSource {
    /// The next frame. The `watch` sees its bytes first.
    pub(in crate::inbound) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        watch: Option<&mut AnswerWatch>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = match self {
            Self::Guarded(guarded) => return guarded.poll_frame(cx, watch),
            Self::Plain(answer) => Pin::new(answer).poll_frame(cx).map_err(Broken::Upstream),
            Self::Decoded(answer) => Pin::new(answer).poll_frame(cx),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Edited(edited) => edited.poll_frame(cx),
        };
        if let (Some(watch), Poll::Ready(Some(Ok(frame)))) = (watch, &frame)
            && let Some(piece) = frame.data_ref()
        {
            watch.see(piece);
        }
        frame
    }

    /// Whether all bytes were taken, as far as that is known without another poll.
    pub(in crate::inbound) fn is_whole(&self) -> bool {
        match self {
            Self::Plain(answer) => answer.is_end_stream() || answer.size_hint().exact() == Some(0),
            Self::Guarded(guarded) => guarded.is_end_stream() || guarded.size_hint().exact() == Some(0),
            Self::Whole(bytes) => bytes.is_none(),
            Self::Decoded(answer) => answer.is_whole(),
            Self::Edited(_) => false,
        }
    }

    /// Whether hyper may stop polling for frames. If the answer `is_watched`, the watch must see
    /// the end first.
    pub(in crate::inbound) fn is_end_stream(&self, is_watched: bool) -> bool {
        match self {
            Self::Plain(answer) => !is_watched && answer.is_end_stream(),
            Self::Whole(bytes) => bytes.is_none(),
            Self::Decoded(answer) => !is_watched && answer.is_whole(),
            Self::Guarded(guarded) => !is_watched && guarded.is_end_stream(),
            Self::Edited(_) => false,
        }
    }

    /// The number of bytes left.
    pub(in crate::inbound) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(answer) => answer.size_hint(),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Guarded(guarded) => guarded.size_hint(),
            Self::Edited(_) | Self::Decoded(_) => SizeHint::default(),
        }
    }
}
