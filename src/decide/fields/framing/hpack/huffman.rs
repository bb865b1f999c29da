//! Splits HPACK's Huffman code (RFC 7541, appendix B) into symbols, without decoding them.

/// The shortest code.
const BITS_MIN: usize = 5;
/// For each length, from the shortest: the first code, and the number of codes. The code is
/// canonical, so this describes it fully. EOS is left out, because no text may contain it.
const CODES: [(u32, u32); 26] = [
    (0x0, 10),
    (0x14, 26),
    (0x5c, 32),
    (0xf8, 6),
    (0, 0),
    (0x3f8, 5),
    (0x7fa, 3),
    (0xffa, 2),
    (0x1ff8, 6),
    (0x3ffc, 2),
    (0x7ffc, 3),
    (0, 0),
    (0, 0),
    (0, 0),
    (0x7_fff0, 3),
    (0xf_ffe6, 8),
    (0x1f_ffdc, 13),
    (0x3f_ffd2, 26),
    (0x7f_ffd8, 29),
    (0xff_ffea, 12),
    (0x1ff_ffec, 4),
    (0x3ff_ffe0, 15),
    (0x7ff_ffde, 19),
    (0xfff_ffe2, 29),
    (0, 0),
    (0x3fff_fffc, 3),
];
/// Padding is shorter than a byte (RFC 7541 §5.2).
const PADDING_BITS_MAX: usize = 7;

/// One symbol in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Its code.
    pub(super) code: u32,
    /// The code's length.
    pub(super) bits: usize,
    /// The index of its last bit in the text.
    pub(super) last_bit: usize,
}

/// Calls `each` for every symbol of `written`; `None` if the code is invalid.
pub(super) fn symbols(written: &[u8], mut each: impl FnMut(Symbol)) -> Option<()> {
    let (mut code, mut bits) = (0_u32, 0_usize);
    for (at, byte) in written.iter().enumerate() {
        for bit in 0..8 {
            code = code << 1 | u32::from(byte >> (7 - bit) & 1);
            bits += 1;
            if bits < BITS_MIN {
                continue;
            }
            let (first, count) = CODES.get(bits - BITS_MIN)?;
            if code.checked_sub(*first).is_some_and(|place| place < *count) {
                each(Symbol { code, bits, last_bit: at * 8 + bit });
                (code, bits) = (0, 0);
            }
        }
    }
    // Padding is a prefix of the longest code, which is all ones.
    (bits <= PADDING_BITS_MAX && code == (1 << bits) - 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_whole_and_no_code_begins_another() {
        // Kraft's sum is 1 without EOS: no other code is missing, and no codes overlap.
        let sum: u64 =
            CODES.iter().enumerate().map(|(row, (_, count))| u64::from(*count) << (30 - BITS_MIN - row)).sum();
        assert_eq!(sum, (1 << 30) - 1);
        assert_eq!(CODES.iter().map(|(_, count)| count).sum::<u32>(), 256);
        // Canonical: each length continues where the previous length ended.
        let mut next = 0;
        for (first, count) in CODES {
            next <<= 1;
            if count > 0 {
                assert_eq!(first, next);
                next += count;
            }
        }
    }

    #[test]
    fn symbols_are_counted_as_the_rfc_writes_them() {
        // RFC 7541, appendix C.4 and C.6.
        for (written, count) in [
            (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], Some("www.example.com".len())),
            (b"\xa8\xeb\x10\x64\x9c\xbf", Some("no-cache".len())),
            (
                b"\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3",
                Some("https://www.example.com".len()),
            ),
            (b"", Some(0)),
            (b"\xff", None),
            (b"\x00\x00", None),
            (b"\xff\xff\xff\xff", None),
        ] {
            let mut seen = 0;
            assert_eq!(symbols(written, |_| seen += 1).map(|()| seen), count, "{written:x?}");
        }
    }
}
