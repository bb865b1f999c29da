//! Decodes a compressed answer piece by piece, as far as each piece allows, and stops at a bomb.

use std::{fmt, io::Write, mem};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use crate::{
    base::limits::messages::{DECODED_BYTES_FREE, DECODED_TIMES_MAX, ZSTD_WINDOW_LOG_MAX},
    decide::fields::coding::Coding,
};

#[cfg(test)]
mod tests;

/// Why an answer cannot be decoded.
pub type DecodeFault = &'static str;

const DAMAGED: DecodeFault = "its compressed bytes cannot be read";
const BOMB: DecodeFault = "its compressed bytes decompress to too many";
const CUT_SHORT: DecodeFault = "its compressed bytes end too early";
const TOO_LONG: DecodeFault = "bytes follow the end of its compressed bytes";

/// How much is decoded at a time.
const STEP_BYTES: usize = 32 * 1024;

/// Brotli's state. Its window has at most 16 MiB: larger windows are not of this coding.
type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// A decoder of one answer.
pub struct Decoder {
    codec: Codec,
    came: u64,
    made: u64,
    /// Whether the codec may have more without further input.
    has_more: bool,
}

enum Codec {
    /// Several members are one answer (RFC 1952 §2.2).
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// `deflate` before its first byte, which tells zlib from bare deflate.
    Deflate,
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
    Bare(Box<DeflateDecoder<Vec<u8>>>),
    Brotli {
        state: Box<Brotli>,
        has_ended: bool,
    },
    /// Several frames are one answer.
    Zstd {
        context: DCtx<'static>,
        is_inside: bool,
    },
    /// There is no memory for a decoder.
    Missing,
}

impl Decoder {
    /// A decoder at the start of an answer.
    #[must_use]
    pub fn new(coding: Coding) -> Self {
        let codec = match coding {
            Coding::Gzip => Codec::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Coding::Deflate => Codec::Deflate,
            Coding::Brotli => {
                let [one, two, three] = [(); 3].map(|()| StandardAlloc::default());
                Codec::Brotli { state: Box::new(BrotliState::new_strict(one, two, three)), has_ended: false }
            }
            Coding::Zstd => bounded_zstd().map_or(Codec::Missing, |context| Codec::Zstd { context, is_inside: false }),
        };
        Self { codec, came: 0, made: 0, has_more: false }
    }

    /// Decodes some of `input` and takes it away. `None` once the input is used up and all that can
    /// be made of it was returned: the decoder holds nothing back.
    ///
    /// # Errors
    /// [`DecodeFault`]: the rest of the answer cannot be read.
    pub fn step(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, DecodeFault> {
        loop {
            let before = input.len();
            if before == 0 && !self.has_more {
                return Ok(None);
            }
            let made = self.codec.step(input)?;
            self.came += (before - input.len()) as u64;
            self.made += made.len() as u64;
            if self.made > DECODED_BYTES_FREE.saturating_add(self.came.saturating_mul(DECODED_TIMES_MAX)) {
                return Err(BOMB);
            }
            self.has_more = !made.is_empty();
            if self.has_more {
                return Ok(Some(Bytes::from(made)));
            }
            if input.len() == before && before > 0 {
                return Err(TOO_LONG);
            }
        }
    }

    /// Checks that the answer is complete. An empty body is.
    ///
    /// # Errors
    /// [`DecodeFault`].
    pub fn end(&mut self) -> Result<(), DecodeFault> {
        let is_whole = match &mut self.codec {
            _ if self.came == 0 => true,
            Codec::Gzip(decoder) => decoder.try_finish().is_ok(),
            // Neither tells. What is cut short is not JSON.
            Codec::Deflate | Codec::Zlib(_) | Codec::Bare(_) => true,
            Codec::Brotli { has_ended, .. } => *has_ended,
            Codec::Zstd { is_inside, .. } => !*is_inside,
            Codec::Missing => false,
        };
        if is_whole { Ok(()) } else { Err(CUT_SHORT) }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Decoder({} of {})", self.made, self.came)
    }
}

fn bounded_zstd() -> Option<DCtx<'static>> {
    let mut context = DCtx::try_create()?;
    context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).ok()?;
    Some(context)
}

impl Codec {
    /// Decodes some of `input`. Without input, returns what is left.
    fn step(&mut self, input: &mut Bytes) -> Result<Vec<u8>, DecodeFault> {
        if let (Self::Deflate, Some(first)) = (&*self, input.first()) {
            // RFC 1950 §2.2: the method is 8, and a window has at most 32 KiB.
            *self = if first & 0x0F == 8 && first >> 4 <= 7 {
                Self::Zlib(Box::new(ZlibDecoder::new(Vec::new())))
            } else {
                Self::Bare(Box::new(DeflateDecoder::new(Vec::new())))
            };
        }
        match self {
            Self::Gzip(decoder) => {
                inflate(&mut **decoder, input)?;
                Ok(mem::take(decoder.get_mut()))
            }
            Self::Deflate => Ok(Vec::new()),
            Self::Zlib(decoder) => {
                inflate(&mut **decoder, input)?;
                Ok(mem::take(decoder.get_mut()))
            }
            Self::Bare(decoder) => {
                inflate(&mut **decoder, input)?;
                Ok(mem::take(decoder.get_mut()))
            }
            Self::Brotli { has_ended: true, .. } => Ok(Vec::new()),
            Self::Brotli { state, has_ended } => unbrotli(state, has_ended, input),
            Self::Zstd { context, is_inside } => unzstd(context, is_inside, input),
            Self::Missing => Err(DAMAGED),
        }
    }
}

/// Writes some of `input` to a decoder of flate2, which decodes into its buffer first.
fn inflate(decoder: &mut dyn Write, input: &mut Bytes) -> Result<(), DecodeFault> {
    if !input.is_empty() {
        let used = decoder.write(input).map_err(|_| DAMAGED)?;
        input.advance(used);
    }
    decoder.flush().map_err(|_| DAMAGED)
}

fn unbrotli(state: &mut Brotli, has_ended: &mut bool, input: &mut Bytes) -> Result<Vec<u8>, DecodeFault> {
    let mut made = vec![0; STEP_BYTES];
    let (mut left, mut used, mut room, mut len, mut total) = (input.len(), 0, made.len(), 0, 0);
    let result = BrotliDecompressStream(&mut left, &mut used, input, &mut room, &mut len, &mut made, &mut total, state);
    input.advance(used.min(input.len()));
    made.truncate(len);
    match result {
        BrotliResult::ResultFailure => Err(DAMAGED),
        BrotliResult::ResultSuccess => {
            *has_ended = true;
            Ok(made)
        }
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(made),
    }
}

fn unzstd(context: &mut DCtx<'static>, is_inside: &mut bool, input: &mut Bytes) -> Result<Vec<u8>, DecodeFault> {
    let mut made = Vec::with_capacity(STEP_BYTES);
    let mut from = InBuffer::around(input);
    // Zero is the end of a frame. Without input between frames, it would begin one.
    if from.src.is_empty() && !*is_inside {
        return Ok(made);
    }
    let left = context.decompress_stream(&mut OutBuffer::around(&mut made), &mut from).map_err(|_| DAMAGED)?;
    let used = from.pos();
    input.advance(used);
    *is_inside = left != 0;
    Ok(made)
}
