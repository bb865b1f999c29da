//! Reads a request body whole and within its bounds (SPEC C-22), or discards it.

use std::{error::Error, io, time::Duration};

use bytes::{Bytes, BytesMut};
use http::Version;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::{
    base::limits::connections::{BODY_IDLE_TIMEOUT, BODY_TOTAL_TIMEOUT},
    decide::refusal::{BodyLimit, Refusal},
    inbound::state::usage::Charge,
};

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(in crate::inbound) struct BodyBounds {
    /// Bytes.
    pub(in crate::inbound) limit: BodyLimit,
    /// From its first byte to its last.
    pub(in crate::inbound) time: Duration,
}

/// Reads `incoming`. A body that came in one piece is not copied. Bytes are charged to `charge`
/// before they are kept.
pub(in crate::inbound) async fn read(
    incoming: &mut Incoming,
    version: Version,
    bounds: BodyBounds,
    mut charge: Charge,
) -> Result<Bytes, Refusal> {
    let (limit, bytes_max) = (bounds.limit, bounds.limit.bytes());
    let announced = incoming.size_hint().lower();
    if announced > bytes_max {
        return Err(Refusal::BodyTooLarge(limit));
    }
    charge.announced(announced)?;
    let end = Instant::now() + bounds.time;
    let Some(first) = next_piece(incoming, version, end).await? else { return Ok(Bytes::new()) };
    check_size(first.len(), limit)?;
    charge.arrived(first.len())?;
    let Some(second) = next_piece(incoming, version, end).await? else { return Ok(charge.hold(first)) };

    // The announced length, but no more than the limit: the client may announce anything.
    let announced = incoming.size_hint().lower().min(bytes_max);
    let mut whole = BytesMut::with_capacity(first.len() + second.len() + usize::try_from(announced).unwrap_or(0));
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        check_size(whole.len() + bytes.len(), limit)?;
        charge.arrived(whole.len() + bytes.len())?;
        whole.extend_from_slice(&bytes);
        piece = next_piece(incoming, version, end).await?;
    }
    Ok(charge.hold(whole.freeze()))
}

/// Reads `incoming` to its end and discards it.
pub(in crate::inbound) async fn skip(incoming: &mut Incoming, version: Version, bytes_max: u64) -> Result<(), Refusal> {
    if incoming.size_hint().lower() > bytes_max {
        return Err(Refusal::BodyTooLarge(BodyLimit::Fixed(bytes_max)));
    }
    let (end, mut skipped) = (Instant::now() + BODY_TOTAL_TIMEOUT, 0_usize);
    while let Some(piece) = next_piece(incoming, version, end).await? {
        skipped += piece.len();
        check_size(skipped, BodyLimit::Fixed(bytes_max))?;
    }
    Ok(())
}

/// The next piece of data; trailers are dropped (SPEC F-14).
async fn next_piece(incoming: &mut Incoming, version: Version, end: Instant) -> Result<Option<Bytes>, Refusal> {
    loop {
        if incoming.is_end_stream() {
            return Ok(None);
        }
        let frame = match timeout_at(end.min(Instant::now() + BODY_IDLE_TIMEOUT), incoming.frame()).await {
            Err(_) => return Err(Refusal::BodyTimeout),
            Ok(None) if is_cut_off(incoming, version) => return Err(Refusal::BodyAborted),
            Ok(None) => return Ok(None),
            Ok(Some(Err(cause))) => return Err(why_broken(&cause)),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
}

/// Whether a body ended before its announced end: hyper reports `RST_STREAM(NO_ERROR)` as an end.
pub(super) fn is_cut_off(incoming: &Incoming, version: Version) -> bool {
    incoming.size_hint().lower() > 0 || version > Version::HTTP_11 && !incoming.is_end_stream()
}

/// Distinguishes a client that broke the framing from a client that left, which shows as a reset
/// stream or the end of the connection.
pub(super) fn why_broken(cause: &hyper::Error) -> Refusal {
    let is_invalid =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
    let is_framing = cause.source().is_some_and(|source| match source.downcast_ref::<h2::Error>() {
        Some(error) => error.is_library() || error.get_io().is_some_and(is_invalid),
        None => source.downcast_ref::<io::Error>().is_some_and(is_invalid),
    });
    if is_framing { Refusal::BodyBroken } else { Refusal::BodyAborted }
}

fn check_size(bytes: usize, limit: BodyLimit) -> Result<(), Refusal> {
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= limit.bytes()) {
        Ok(())
    } else {
        Err(Refusal::BodyTooLarge(limit))
    }
}
