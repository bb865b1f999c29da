//! The places of one request: among the requests under way, and among the event streams.

use std::{mem, sync::Arc};

use super::{
    charge::Charge,
    counts::{HeldBounds, Holding, share},
};
use crate::decide::refusal::Refusal;

/// A place for a request, and for the event stream that may answer it. Given back on drop.
pub(in crate::inbound) struct RequestPlace {
    holding: Arc<Holding>,
    bounds: HeldBounds,
    /// Whether the caller has more requests under way than allowed. Then only a message that
    /// answers or ends something passes.
    is_over: bool,
    is_request: bool,
    is_stream: bool,
}

impl RequestPlace {
    /// Takes a place. Above `most` requests there are `room` more places, for messages that answer
    /// or end something.
    pub(super) fn take(holding: Arc<Holding>, most: u64, room: u64, bounds: HeldBounds) -> Result<Self, Refusal> {
        let own = if bounds.is_verified { Refusal::TooManyRequests } else { Refusal::OverloadedRequests };
        let Holding { here, everywhere, all, .. } = &*holding;
        let in_all = u64::from(bounds.all.requests);
        let before = here.requests.take(1, |held| held < most.saturating_add(room)).ok_or(own.clone())?;
        let share = if bounds.is_verified { share(in_all) } else { bounds.all.unverified.into() };
        if everywhere.requests.take(1, |held| held < share).is_none() {
            here.requests.give(1);
            return Err(own);
        }
        if all.requests.take(1, |held| held < in_all).is_none() {
            here.requests.give(1);
            everywhere.requests.give(1);
            return Err(Refusal::OverloadedRequests);
        }
        Ok(Self { is_over: before >= most, is_request: true, is_stream: false, bounds, holding })
    }

    /// Checks that the caller may send another request. Called once the message is known to be a
    /// request.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub(in crate::inbound) fn asks(&self) -> Result<(), Refusal> {
        if self.is_over { Err(Refusal::TooManyRequests) } else { Ok(()) }
    }

    /// Takes a place among the caller's event streams, because the answer may be an event stream.
    ///
    /// # Errors
    /// [`Refusal::TooManyStreams`].
    pub(in crate::inbound) fn may_stream(&mut self, streams_max: u32) -> Result<(), Refusal> {
        let taken = self.holding.streams.take(1, |held| held < u64::from(streams_max));
        self.is_stream = taken.is_some();
        taken.map(drop).ok_or(Refusal::TooManyStreams)
    }

    /// Called when the answer begins. An event stream of a caller gives back its place among the
    /// requests; any other answer gives back its place among the streams. Without a token a stream
    /// keeps its place: addresses cost nothing, so all such streams together have a bound.
    pub(in crate::inbound) fn answered(&mut self, is_stream: bool) {
        if is_stream && !self.bounds.is_verified {
            return;
        }
        if is_stream { self.give_request() } else { self.give_stream() }
    }

    /// Begins to charge for a body that announces this many bytes, or 0.
    ///
    /// # Errors
    /// As [`Charge::announced`].
    pub(in crate::inbound) fn charge(&self, announced: u64) -> Result<Charge, Refusal> {
        let mut charge = self.charge_later();
        charge.announced(announced)?;
        Ok(charge)
    }

    /// Begins to charge for a body of unknown length.
    pub(in crate::inbound) fn charge_later(&self) -> Charge {
        Charge { holding: Arc::clone(&self.holding), bounds: self.bounds, own: 0, all: 0, is_apart: false }
    }

    /// Begins to charge for the decoder of an event stream. It may live for hours, so it leaves
    /// `body_bytes_per_caller` to bodies. Addresses without a token keep the bound of each.
    pub(in crate::inbound) fn charge_stream(&self) -> Charge {
        let mut charge = self.charge_later();
        charge.is_apart = self.bounds.is_verified;
        charge
    }

    fn give_request(&mut self) {
        if mem::take(&mut self.is_request) {
            self.holding.here.requests.give(1);
            self.holding.everywhere.requests.give(1);
            self.holding.all.requests.give(1);
        }
    }

    fn give_stream(&mut self) {
        if mem::take(&mut self.is_stream) {
            self.holding.streams.give(1);
        }
    }
}

impl Drop for RequestPlace {
    fn drop(&mut self) {
        self.give_request();
        self.give_stream();
    }
}
