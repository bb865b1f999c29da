//! Reads an answer to its end and filters its lists, or says why it cannot be read.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::{list_filter::ListFilter, readable::Readable};
use crate::{
    base::limits::{connections::BODY_TOTAL_TIMEOUT, messages::LIST_BYTES_MAX},
    decide::refusal::Refusal,
    inbound::{
        answer::broken::Broken,
        state::usage::{Charge, RequestPlace},
    },
    observe::upstream::UpstreamOutcome,
};

/// Why an answer cannot be filtered.
pub(in crate::inbound) struct Unread {
    /// The refusal for the client.
    pub(in crate::inbound) refusal: Refusal,
    /// How the upstream failed, and a text for the log; `None` if it did not fail.
    pub(in crate::inbound) fault: Option<(UpstreamOutcome, &'static str)>,
}

impl Unread {
    /// There is no room for it, which is not the fault of the upstream.
    pub(in crate::inbound) fn no_room(refusal: Refusal) -> Self {
        Self { refusal, fault: None }
    }

    /// It is encoded, and cannot be read to find its lists.
    pub(in crate::inbound) fn encoded() -> Self {
        Self::unfit("its Content-Encoding is not one that the gateway reads, despite Accept-Encoding: identity")
    }

    /// It may not be relayed.
    fn unfit(why: &'static str) -> Self {
        Self { refusal: Refusal::UpstreamAnswer(why), fault: Some((UpstreamOutcome::Unfit, why)) }
    }

    /// It did not end in time.
    fn late() -> Self {
        Self {
            refusal: Refusal::UpstreamTimeout("did not finish a list in time"),
            fault: Some((UpstreamOutcome::Timeout, "its answer did not end in time")),
        }
    }
}

/// Reads an answer that is not an event stream, and filters its lists. Bytes are charged to `place`
/// before they are kept. The `Content-Type` is ignored, because clients differ in what they read as
/// JSON (SPEC C-55, attack 146).
///
/// # Errors
/// [`Unread`]: with the refusal of [`RequestPlace::charge`] if there is no room, otherwise with
/// [`Refusal::UpstreamAnswer`] or [`Refusal::UpstreamTimeout`].
pub(in crate::inbound) async fn read(
    answer: Readable,
    filter: &ListFilter,
    place: &RequestPlace,
) -> Result<Bytes, Unread> {
    let mut charge = place.charge(answer.size_hint().lower().min(LIST_BYTES_MAX as u64)).map_err(Unread::no_room)?;
    let message = collect(answer, &mut charge).await?;
    if message.is_empty() {
        return Ok(message);
    }
    let kept = filter.body(&message).map_err(|why| Unread {
        fault: Some((UpstreamOutcome::Unfit, why)),
        ..Unread::unfit("it holds a list that parsers may read in different ways")
    })?;
    Ok(charge.hold(kept))
}

/// All bytes of an answer. An answer that came in one piece is not copied.
async fn collect(mut answer: Readable, charge: &mut Charge) -> Result<Bytes, Unread> {
    const TOO_LONG: &str = "it holds a list that is too long to be read";
    if answer.size_hint().lower() > LIST_BYTES_MAX as u64 {
        return Err(Unread::unfit(TOO_LONG));
    }
    let deadline = Instant::now() + BODY_TOTAL_TIMEOUT;
    let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = timeout_at(deadline, answer.frame()).await.map_err(|_| Unread::late())? {
        let frame = frame.map_err(|broken| match broken {
            Broken::Unfit(why) => Unread::unfit(why),
            Broken::NoRoom(shortage) => Unread::no_room(shortage.refusal),
            Broken::Upstream(_) => Unread {
                refusal: Refusal::UpstreamAnswer("it broke off"),
                fault: Some((UpstreamOutcome::BrokeOff, "it broke off")),
            },
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        let bytes = first.len() + whole.len() + piece.len();
        if bytes > LIST_BYTES_MAX {
            return Err(Unread::unfit(TOO_LONG));
        }
        charge.arrived(bytes).map_err(Unread::no_room)?;
        if first.is_empty() && whole.is_empty() {
            first = piece;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}
