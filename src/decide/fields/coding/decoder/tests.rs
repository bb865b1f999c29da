//! Answers in every coding, whole and in pieces, flushed, cut short, damaged and exploding.

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use super::*;
use crate::base::limits::messages::{DECODED_BYTES_FREE, DECODED_TIMES_MAX};

const TEXT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe"},{"name":"danger"}]}}"#;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bare(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
    zstd_safe::compress(&mut out, text, 3).unwrap();
    out
}

/// Stored blocks of Brotli (RFC 7932 §9.2), of at most 64 KiB each.
fn brotli(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, block) in text.chunks(1 << 16).enumerate() {
        let length = block.len() as u32 - 1;
        // A window of 64 KiB is the bit 0; then: not the last, four nibbles, stored.
        let shift = u32::from(number == 0);
        let bits = (length << 3 | 1 << 19) << shift;
        out.extend_from_slice(&bits.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
    // The last block, which is empty.
    out.push(if text.is_empty() { 0b110 } else { 0b11 });
    out
}

fn every(text: &[u8]) -> Vec<(&'static str, Coding, Vec<u8>)> {
    vec![
        ("gzip", Coding::Gzip, gzip(text)),
        ("zlib", Coding::Deflate, zlib(text)),
        ("bare deflate", Coding::Deflate, bare(text)),
        ("br", Coding::Brotli, brotli(text)),
        ("zstd", Coding::Zstd, zstd(text)),
    ]
}

/// Everything that one piece makes.
fn fed(decoder: &mut Decoder, piece: &[u8]) -> Result<Vec<u8>, DecodeFault> {
    let (mut input, mut made) = (Bytes::copy_from_slice(piece), Vec::new());
    while let Some(part) = decoder.step(&mut input)? {
        assert!(!part.is_empty() && part.len() <= 4 * STEP_BYTES, "{}", part.len());
        made.extend_from_slice(&part);
    }
    assert!(input.is_empty());
    Ok(made)
}

fn decoded(coding: Coding, bytes: &[u8], len: usize) -> Result<Vec<u8>, DecodeFault> {
    let (mut decoder, mut made) = (Decoder::new(coding, Shape::Whole), Vec::new());
    for piece in bytes.chunks(len) {
        made.extend(fed(&mut decoder, piece)?);
    }
    decoder.end()?;
    Ok(made)
}

#[test]
fn people_c3_every_coding_is_read_in_pieces_of_any_size() {
    let long: String = (0..40_000).map(|number| format!("{{\"name\":\"tool-{}\"}},", number * 7919 % 10_007)).collect();
    for text in ["", "x", TEXT, long.as_str()] {
        for (name, coding, bytes) in every(text.as_bytes()) {
            for len in [1, 7, 4_096, usize::MAX] {
                let made = decoded(coding, &bytes, len.min(bytes.len().max(1)));
                assert!(made.as_deref() == Ok(text.as_bytes()), "{name} of {} in pieces of {len}", text.len());
            }
        }
    }
}

#[test]
fn people_c3_several_members_and_frames_are_one_answer() {
    let (one, two) = (&TEXT.as_bytes()[..30], &TEXT.as_bytes()[30..]);
    for (coding, encode) in [(Coding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Coding::Zstd, zstd)] {
        let both = [encode(one), encode(b""), encode(two)].concat();
        for len in [1, 5, both.len()] {
            assert_eq!(decoded(coding, &both, len).as_deref(), Ok(TEXT.as_bytes()), "{coding:?} {len}");
        }
    }
}

#[test]
fn people_c3_what_was_flushed_is_read_at_once() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut readers =
        [Coding::Gzip, Coding::Deflate, Coding::Deflate].map(|coding| Decoder::new(coding, Shape::Events));
    for number in 0..100 {
        let event = format!("id: {number}\ndata: {}\n\n", "x".repeat(number * 13));
        gzip.write_all(event.as_bytes()).unwrap();
        gzip.flush().unwrap();
        bare.write_all(event.as_bytes()).unwrap();
        bare.flush().unwrap();
        zlib.write_all(event.as_bytes()).unwrap();
        zlib.flush().unwrap();
        let pieces = [mem::take(gzip.get_mut()), mem::take(bare.get_mut()), mem::take(zlib.get_mut())];
        for (reader, piece) in readers.iter_mut().zip(pieces) {
            assert_eq!(fed(reader, &piece).unwrap(), event.as_bytes(), "{number}");
            // Asked again and again without input, as a stream that waits does.
            for _ in 0..40 {
                assert_eq!(reader.step(&mut Bytes::new()), Ok(None));
            }
        }
    }

    let (mut context, mut reader) = (zstd_safe::CCtx::create(), Decoder::new(Coding::Zstd, Shape::Events));
    for number in 0..100 {
        let event = format!("id: {number}\ndata: {}\n\n", "x".repeat(number * 13));
        let mut piece = Vec::with_capacity(8_192);
        let mut out = OutBuffer::around(&mut piece);
        let mut from = InBuffer::around(event.as_bytes());
        context.compress_stream2(&mut out, &mut from, zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush).unwrap();
        assert_eq!(fed(&mut reader, &piece).unwrap(), event.as_bytes(), "{number}");
        for _ in 0..40 {
            assert_eq!(reader.step(&mut Bytes::new()), Ok(None));
        }
    }

    // A stored block of Brotli ends at a byte, as a flush does.
    let mut reader = Decoder::new(Coding::Brotli, Shape::Events);
    let bytes = brotli(&[b"a".repeat(1 << 16), b"b".repeat(10)].concat());
    assert_eq!(fed(&mut reader, &bytes[..3 + (1 << 16)]).unwrap().len(), 1 << 16);
}

#[test]
fn people_c3_what_is_cut_short_or_damaged_is_told() {
    for (name, coding, bytes) in every(TEXT.as_bytes()) {
        if coding != Coding::Deflate {
            for cut in [1, bytes.len() / 2, bytes.len() - 1] {
                assert!(decoded(coding, &bytes[..cut], cut).is_err(), "{name} cut at {cut}");
            }
        }
        let more = [bytes.as_slice(), b"more"].concat();
        for len in [1, more.len()] {
            assert!(decoded(coding, &more, len).is_err(), "{name} with bytes after its end");
        }
        assert!(decoded(coding, TEXT.as_bytes(), 10).is_err(), "{name} is plain text");
    }
}

#[test]
fn people_c3_attack_284_a_bomb_is_stopped_early() {
    let zeros = vec![b' '; 64 << 20];
    for (name, coding, bytes) in every(&zeros) {
        if coding == Coding::Brotli {
            continue;
        }
        let (mut decoder, mut made) = (Decoder::new(coding, Shape::Whole), 0);
        let (bytes_of_bomb, mut input) = (bytes.len(), Bytes::from(bytes));
        let fault = loop {
            match decoder.step(&mut input) {
                Ok(Some(part)) => made += part.len() as u64,
                Ok(None) => panic!("{name} was read"),
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault, BOMB, "{name}");
        let most = DECODED_BYTES_FREE + DECODED_TIMES_MAX * (bytes_of_bomb - input.len()) as u64;
        assert!(made <= most && decoder.expansion.made() as u64 <= most + 4 * STEP_BYTES as u64, "{name}: {made}");
    }
    // 64 MiB of spaces by Google's encoder; also a seed of the fuzz target `decode`.
    let bomb = STANDARD.decode(concat!(
        "y///P/glQOKxQCD3/o///3/wSwDEYRGA7v0f////4JcAiMMCAN37P/7//8EvARCHBQC693/8",
        "//+DXwIgDgsAdO//+P//B78EQBwWAOje//H//w9+CYA4LADQvf/L//8//BIAcVgAoHv/Bw=="
    ));
    let bomb = bomb.unwrap();
    assert_eq!(decoded(Coding::Brotli, &bomb, bomb.len()), Err(BOMB));
}

#[test]
fn people_c3_attack_284_windows_are_bounded() {
    let mut context = zstd_safe::CCtx::create();
    context.set_parameter(zstd_safe::CParameter::WindowLog(27)).unwrap();
    let mut out = Vec::with_capacity(1 << 16);
    let text = TEXT.repeat(200);
    context
        .compress_stream2(
            &mut OutBuffer::around(&mut out),
            &mut InBuffer::around(text.as_bytes()),
            zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush,
        )
        .unwrap();
    assert_eq!(decoded(Coding::Zstd, &out, out.len()), Err(DAMAGED), "a window of 128 MiB");
    // Brotli's large windows: the bits of a window of 2^30.
    assert_eq!(decoded(Coding::Brotli, b"\x11\x1e\x00\x00\x00", 5), Err(DAMAGED));
}

#[test]
fn people_c3_attack_346_memory_is_counted_as_it_grows_and_has_a_bound() {
    let text: Vec<u8> = (0..3_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (name, coding, bytes) in every(&text) {
        let mut decoder = Decoder::new(coding, Shape::Whole);
        let idle = decoder.held();
        assert!(idle <= 300 << 10, "{name}: {idle} bytes for an idle stream");
        let mut held = 0;
        for piece in bytes.chunks(10_000) {
            fed(&mut decoder, piece).unwrap();
            held = held.max(decoder.held());
        }
        assert!(held < 9 << 20, "{name}: {held}");
    }
    // A stored block of Brotli with a window of 16 MiB, which is used only by what is long.
    let block = |len: usize, first: bool| {
        // Window bits 24 are `1111` (RFC 7932 §9.1); then: not the last, six nibbles, stored.
        let (window, shift) = if first { (0b1111, 4) } else { (0, 0) };
        let bits = window | (0b100 | (len as u64 - 1) << 3 | 1 << 27) << shift;
        let mut out = bits.to_le_bytes()[..4].to_vec();
        out.resize(4 + len, b'x');
        out
    };
    let mut decoder = Decoder::new(Coding::Brotli, Shape::Events);
    assert_eq!(fed(&mut decoder, &block(4 << 20, true)).map(|made| made.len()), Ok(4 << 20));
    let small = decoder.held();
    assert!((4 << 20..9 << 20).contains(&small), "{small}");
    let fault = (0..4).find_map(|_| fed(&mut decoder, &block(4 << 20, false)).err());
    assert_eq!(fault, Some(WINDOW));
    assert!(decoder.held() < 9 << 20, "{}", decoder.held());
}

#[test]
fn people_c3_zeros_after_gzip_are_ignored_and_nothing_follows_them() {
    let padded = [gzip(b"one").as_slice(), &gzip(b" two"), &[0; 700]].concat();
    for len in [1, 5, padded.len()] {
        assert_eq!(decoded(Coding::Gzip, &padded, len).as_deref(), Ok(b"one two".as_slice()), "in pieces of {len}");
        let more = [padded.as_slice(), &gzip(b"three")].concat();
        assert_eq!(decoded(Coding::Gzip, &more, len), Err(TOO_LONG), "in pieces of {len}");
    }
}
