//! Charges for body bytes, from before they are kept until the last byte is dropped.

use std::{mem, sync::Arc};

use bytes::Bytes;

use super::counts::{Count, HeldBounds, Holding, share};
use crate::{
    base::limits::held::{BODY_BYTES_UNCHARGED, BODY_CHARGE_BYTES},
    decide::refusal::Refusal,
};

/// The charge for one request body, or for an answer that is read. Given back on drop.
pub(in crate::inbound) struct Charge {
    pub(super) holding: Arc<Holding>,
    pub(super) bounds: HeldBounds,
    /// Bytes charged to the caller.
    pub(super) own: u64,
    /// Bytes charged to the total.
    pub(super) all: u64,
    /// Whether these bytes are those of the decoder of an event stream. They count only at all
    /// servers together, in three quarters of the caller's share, and not in
    /// `body_bytes_per_caller`.
    pub(super) is_apart: bool,
}

/// Why there is no room: the bound that is reached.
#[derive(Debug)]
pub(in crate::inbound) struct Shortage {
    /// The refusal for the client.
    pub(in crate::inbound) refusal: Refusal,
    /// Whether the bytes are those of a decoder.
    pub(in crate::inbound) is_of_decoder: bool,
    /// The bytes that count in the bound by now.
    pub(in crate::inbound) held: u64,
    /// The key to raise, and how it limits.
    pub(in crate::inbound) key: &'static str,
}

impl Charge {
    /// Charges for a body that announces this many bytes, or 0. The caller is charged for them at
    /// once, so that a body that begins can also end. The total is charged only for bytes that have
    /// arrived, so that an announcement cannot keep other callers out.
    ///
    /// # Errors
    /// [`Refusal::TooManyBodyBytes`], [`Refusal::OverloadedBodyBytes`].
    pub(in crate::inbound) fn announced(&mut self, bytes: u64) -> Result<(), Refusal> {
        if bytes > BODY_BYTES_UNCHARGED {
            self.take_own(bytes)?;
            if self.holding.all.body_bytes.held().saturating_add(bytes) > self.bounds.all.body_bytes {
                return Err(Refusal::OverloadedBodyBytes);
            }
        }
        Ok(())
    }

    /// Charges for a body of which `bytes` have arrived, before the newest bytes are kept.
    ///
    /// # Errors
    /// As [`Self::announced`].
    pub(in crate::inbound) fn arrived(&mut self, bytes: usize) -> Result<(), Refusal> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes <= BODY_BYTES_UNCHARGED {
            return Ok(());
        }
        if bytes > self.own {
            self.take_own((bytes - self.own).next_multiple_of(BODY_CHARGE_BYTES))?;
        }
        let (more, most) = (bytes.saturating_sub(self.all), self.bounds.all.body_bytes);
        let fits = |held: u64| held.saturating_add(more) <= most;
        self.holding.all.body_bytes.take(more, fits).ok_or(Refusal::OverloadedBodyBytes)?;
        self.all += more;
        Ok(())
    }

    /// The bound that led to `refusal`, for the log.
    pub(in crate::inbound) fn shortage(&self, refusal: Refusal, is_of_decoder: bool) -> Shortage {
        let Holding { here, everywhere, all, .. } = &*self.holding;
        let (here, own) = (here.body_bytes.held(), everywhere.body_bytes.held());
        let room_here = self.bounds.body_bytes.saturating_sub(here);
        let is_own = refusal == Refusal::TooManyBodyBytes;
        let (held, key) = if is_own && self.is_apart {
            (
                everywhere.decoders.held(),
                "limits.body_bytes, of which the event streams of one caller get three sixteenths",
            )
        } else if is_own && room_here <= self.share().saturating_sub(own) {
            (here, "limits.body_bytes_per_caller of this server")
        } else if is_own {
            (own, "limits.body_bytes, of which one caller gets a quarter")
        } else {
            (all.body_bytes.held(), "limits.body_bytes")
        };
        Shortage { refusal, is_of_decoder, held, key }
    }

    /// The body as bytes that stay charged until the last reference to them is dropped.
    pub(in crate::inbound) fn hold(self, body: Bytes) -> Bytes {
        if self.all == 0 { body } else { Bytes::from_owner(Charged { body, _charge: self }) }
    }

    /// As [`Self::hold`], for a part of the bytes. The part takes the whole charge; later bytes are
    /// charged by themselves.
    pub(in crate::inbound) fn hold_part(&mut self, part: Bytes) -> Bytes {
        if self.own == 0 {
            return part;
        }
        let (holding, bounds, is_apart) = (Arc::clone(&self.holding), self.bounds, self.is_apart);
        let rest = Self { holding, bounds, own: 0, all: 0, is_apart };
        mem::replace(self, rest).hold(part)
    }

    /// Charges only the caller, not the total. The caller's first body always fits: otherwise a
    /// body larger than the bound could never be sent. A decoder must fit.
    fn take_own(&mut self, more: u64) -> Result<(), Refusal> {
        let own = if self.bounds.is_verified { Refusal::TooManyBodyBytes } else { Refusal::OverloadedBodyBytes };
        let mine = (!self.is_apart).then_some(self.own);
        let fits = |most: u64| move |held: u64| Some(held) == mine || held.saturating_add(more) <= most;
        let (part, most) = self.part();
        part.take(more, fits(most)).ok_or_else(|| own.clone())?;
        if self.holding.everywhere.body_bytes.take(more, fits(self.share())).is_none() {
            part.give(more);
            return Err(own);
        }
        self.own += more;
        Ok(())
    }

    /// The narrower count of these bytes beside that of the caller, and its bound. Decoders leave
    /// a quarter of the caller's share to bodies, because they live as long as their streams.
    fn part(&self) -> (&Count, u64) {
        match self.is_apart {
            true => (&self.holding.everywhere.decoders, self.share() / 4 * 3),
            false => (&self.holding.here.body_bytes, self.bounds.body_bytes),
        }
    }

    /// What one caller may use of the total.
    fn share(&self) -> u64 {
        share(self.bounds.all.body_bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.part().0.give(self.own);
        self.holding.everywhere.body_bytes.give(self.own);
        self.holding.all.body_bytes.give(self.all);
    }
}

struct Charged {
    body: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
