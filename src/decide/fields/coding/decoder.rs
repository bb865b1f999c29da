//! Decodes a compressed answer piece by piece, as far as each piece allows, and stops at a bomb.

use std::{fmt, io::Write, mem};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState};
use bytes::{Buf, Bytes};
use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{allocator::CountedAlloc, expansion::Expansion};
use crate::{base::limits::messages::DECODER_WINDOW_LOG_MAX, decide::fields::coding::Coding};

pub use super::expansion::Shape;

#[cfg(test)]
mod tests;

/// Why an answer cannot be decoded.
pub type DecodeFault = &'static str;

const DAMAGED: DecodeFault = "its compressed bytes cannot be read";
const BOMB: DecodeFault = "its compressed bytes decompress to too many";
const WINDOW: DecodeFault = "its compressed bytes need a window over 8 MiB";
const CUT_SHORT: DecodeFault = "its compressed bytes end too early";
const TOO_LONG: DecodeFault = "bytes follow the end of its compressed bytes";

/// How much is decoded at a time.
const STEP_BYTES: usize = 32 * 1024;

/// What inflating holds: a window of 32 KiB, tables, and a buffer of output.
const INFLATE_BYTES: usize = 96 * 1024;

/// What Zstandard holds before its window is used.
const ZSTD_BYTES: usize = 256 * 1024;

/// Brotli's state. Its window grows with what is decoded.
type Brotli = BrotliState<CountedAlloc, CountedAlloc, CountedAlloc>;

/// A decoder of one answer.
pub struct Decoder {
    codec: Codec,
    expansion: Expansion,
    /// Whether the codec may have more without further input.
    has_more: bool,
}

enum Codec {
    /// Several members are one answer (RFC 1952 §2.2).
    Gzip {
        member: Box<GzDecoder<Vec<u8>>>,
        /// Whether zeros follow the last member. All clients ignore them.
        is_padded: bool,
    },
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
    pub fn new(coding: Coding, shape: Shape) -> Self {
        let codec = match coding {
            Coding::Gzip => Codec::Gzip { member: Box::new(GzDecoder::new(Vec::new())), is_padded: false },
            Coding::Deflate => Codec::Deflate,
            Coding::Brotli => {
                let [one, two, three] = [(); 3].map(|()| CountedAlloc::default());
                Codec::Brotli { state: Box::new(BrotliState::new_strict(one, two, three)), has_ended: false }
            }
            Coding::Zstd => bounded_zstd().map_or(Codec::Missing, |context| Codec::Zstd { context, is_inside: false }),
        };
        Self { codec, expansion: Expansion::new(shape), has_more: false }
    }

    /// How many bytes of memory it uses now.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.codec {
            Codec::Gzip { .. } | Codec::Deflate | Codec::Zlib(_) | Codec::Bare(_) => INFLATE_BYTES,
            Codec::Brotli { state, .. } => {
                let tables = state.alloc_u32.held().saturating_add(state.alloc_hc.held());
                size_of::<Brotli>() + STEP_BYTES + tables.saturating_add(state.alloc_u8.held())
            }
            // The window is reserved at once, and memory is used as it is filled.
            Codec::Zstd { context, .. } => context.sizeof().min(ZSTD_BYTES.saturating_add(self.expansion.made())),
            Codec::Missing => 0,
        }
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
            if !self.expansion.is_fit(before - input.len(), &made) {
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
            _ if !self.expansion.has_begun() => true,
            Codec::Gzip { member, is_padded } => *is_padded || member.try_finish().is_ok(),
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
        write!(out, "Decoder({:?})", self.expansion)
    }
}

fn bounded_zstd() -> Option<DCtx<'static>> {
    let mut context = DCtx::try_create()?;
    context.set_parameter(DParameter::WindowLogMax(DECODER_WINDOW_LOG_MAX)).ok()?;
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
            Self::Gzip { is_padded: true, .. } => skip_zeros(input),
            Self::Gzip { member, is_padded } => {
                let before = input.len();
                inflate(&mut **member, input)?;
                if before > 0 && input.len() == before {
                    // The member has ended before these bytes.
                    let made = mem::replace(&mut **member, GzDecoder::new(Vec::new())).finish().map_err(|_| DAMAGED)?;
                    *is_padded = input.first() == Some(&0);
                    *member.get_mut() = made;
                    if !*is_padded {
                        inflate(&mut **member, input)?;
                    } else if member.get_ref().is_empty() {
                        return skip_zeros(input);
                    }
                }
                Ok(mem::take(member.get_mut()))
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

/// Takes the zeros after the last member away. Another member must not follow them.
fn skip_zeros(input: &mut Bytes) -> Result<Vec<u8>, DecodeFault> {
    let zeros = input.iter().take_while(|byte| **byte == 0).count();
    input.advance(zeros);
    if input.is_empty() { Ok(Vec::new()) } else { Err(TOO_LONG) }
}

fn unbrotli(state: &mut Brotli, has_ended: &mut bool, input: &mut Bytes) -> Result<Vec<u8>, DecodeFault> {
    let mut made = vec![0; STEP_BYTES];
    let (mut left, mut used, mut room, mut len, mut total) = (input.len(), 0, made.len(), 0, 0);
    let result = BrotliDecompressStream(&mut left, &mut used, input, &mut room, &mut len, &mut made, &mut total, state);
    input.advance(used.min(input.len()));
    made.truncate(len);
    match result {
        BrotliResult::ResultFailure if state.alloc_u8.has_refused() => Err(WINDOW),
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
