//! Decodes the bytes of one answer. The memory of its decoder is charged to the request.

use bytes::Bytes;

use crate::{
    decide::{
        fields::coding::{
            Coding,
            decoder::{Decoder, Shape},
        },
        refusal::Refusal,
    },
    inbound::{
        answer::broken::Broken,
        state::usage::{Charge, RequestPlace},
    },
};

/// A decoder with its charge.
pub(in crate::inbound) struct Decompressor {
    decoder: Decoder,
    charge: Charge,
    charged: usize,
}

impl Decompressor {
    /// A decoder of an answer, which may be an event stream.
    ///
    /// # Errors
    /// As [`Charge::arrived`], if there is no room even for its start.
    pub(in crate::inbound) fn new(coding: Coding, is_stream: bool, place: &RequestPlace) -> Result<Self, Refusal> {
        let decoder = Decoder::new(coding, Shape::of(is_stream));
        let charge = if is_stream { place.charge_stream() } else { place.charge_later() };
        let mut new = Self { decoder, charge, charged: 0 };
        new.pay()?;
        Ok(new)
    }

    /// As [`Decoder::step`].
    ///
    /// # Errors
    /// [`Broken::Unfit`] if the answer cannot be read; [`Broken::NoRoom`] if there is no room for
    /// what the decoder needs by now.
    pub(in crate::inbound) fn step(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, Broken> {
        let made = self.decoder.step(input).map_err(Broken::Unfit)?;
        self.pay().map_err(|refusal| Broken::NoRoom(Box::new(self.charge.shortage(refusal, true))))?;
        Ok(made)
    }

    /// As [`Decoder::end`].
    ///
    /// # Errors
    /// [`Broken::Unfit`].
    pub(in crate::inbound) fn end(&mut self) -> Result<(), Broken> {
        self.decoder.end().map_err(Broken::Unfit)
    }

    /// Charges for the memory that the decoder holds now.
    fn pay(&mut self) -> Result<(), Refusal> {
        let held = self.decoder.held();
        if held > self.charged {
            self.charge.arrived(held)?;
            self.charged = held;
        }
        Ok(())
    }
}
