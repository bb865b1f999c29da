//! Reads an answer to its end and filters its lists, or says why it cannot be read.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_ENCODING};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::list_filter::ListFilter;
use crate::{
    base::limits::{connections::BODY_TOTAL_TIMEOUT, messages::LIST_BYTES_MAX},
    decide::refusal::Refusal,
    inbound::state::usage::{Charge, RequestPlace},
    observe::upstream::UpstreamOutcome,
    outbound::upstream::Answer,
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
    fn no_room(refusal: Refusal) -> Self {
        Self { refusal, fault: None }
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

/// Checks that the answer has no `Content-Encoding`, which would hide its lists.
///
/// # Errors
/// [`Unread`], with [`Refusal::UpstreamAnswer`].
pub(in crate::inbound) fn check_coding(headers: &HeaderMap) -> Result<(), Unread> {
    let plain = headers.get_all(CONTENT_ENCODING).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut codings = plain.map(<[u8]>::trim_ascii);
    if codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(Unread::unfit("it encodes a list that must be filtered, despite Accept-Encoding: identity"))
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
    answer: Answer,
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
async fn collect(mut answer: Answer, charge: &mut Charge) -> Result<Bytes, Unread> {
    const TOO_LONG: &str = "it holds a list that is too long to be read";
    if answer.size_hint().lower() > LIST_BYTES_MAX as u64 {
        return Err(Unread::unfit(TOO_LONG));
    }
    let deadline = Instant::now() + BODY_TOTAL_TIMEOUT;
    let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = timeout_at(deadline, answer.frame()).await.map_err(|_| Unread::late())? {
        let frame = frame.map_err(|_| Unread {
            refusal: Refusal::UpstreamAnswer("it broke off"),
            fault: Some((UpstreamOutcome::BrokeOff, "it broke off")),
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn c55_attack_146_whatever_hides_the_list_is_refused() {
        let cases: &[(&[&[u8]], bool)] = &[
            (&[], true),
            (&[b"identity"], true),
            (&[b"Identity , identity"], true),
            (&[b""], true),
            (&[b"gzip"], false),
            (&[b"br"], false),
            (&[b"identity, br"], false),
            (&[b"identity", b"zstd"], false),
            (&[b"x-unknown"], false),
            (&[b"identity\xff"], false),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_bytes(line).unwrap());
            }
            assert_eq!(check_coding(&headers).is_ok(), *expected, "{lines:?}");
        }
    }
}
