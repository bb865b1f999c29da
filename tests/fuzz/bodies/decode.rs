//! Compressed answers: what is made of them does not depend on how they are cut, and is bounded.

use bytes::Bytes;
use portcullis::{
    base::limits::messages::{DECODED_BYTES_FREE, DECODED_TIMES_MAX},
    decide::fields::coding::{
        Coding,
        decoder::{DecodeFault, Decoder, Shape},
    },
};

/// More than this is not decoded.
const MADE_MAX: usize = 64 << 20;

/// More than this is decoded once, and not also in pieces: that would take all the time there is.
const COMPARED_MAX: u64 = 256 << 10;

/// Input: a byte that chooses the coding and the shape, then the compressed bytes.
pub(crate) fn decode(input: &[u8]) -> bool {
    let Some((first, body)) = input.split_first() else { return false };
    let coding = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd][usize::from(*first) % 4];
    let shape = Shape::of(*first & 0x80 != 0);
    let whole = decoded((coding, shape), body, body.len().max(1));
    let made = whole.as_ref().map_or(0, Vec::len) as u64;
    assert!(shape == Shape::Events || made <= DECODED_BYTES_FREE + DECODED_TIMES_MAX * body.len() as u64);
    if made <= COMPARED_MAX {
        for len in [1, 2, 3, 7, 100] {
            assert!(decoded((coding, shape), body, len).ok() == whole.as_ref().ok().cloned(), "in pieces of {len}");
        }
    }
    whole.is_ok()
}

fn decoded((coding, shape): (Coding, Shape), body: &[u8], len: usize) -> Result<Vec<u8>, DecodeFault> {
    let (mut decoder, mut made) = (Decoder::new(coding, shape), Vec::new());
    for piece in body.chunks(len) {
        let mut rest = Bytes::copy_from_slice(piece);
        while let Some(part) = decoder.step(&mut rest)? {
            assert!(!part.is_empty() && decoder.held() < 10 << 20);
            if made.len() > MADE_MAX {
                return Err("too long to be decoded");
            }
            made.extend_from_slice(&part);
        }
        assert!(rest.is_empty() && decoder.step(&mut Bytes::new()) == Ok(None));
    }
    decoder.end()?;
    Ok(made)
}
