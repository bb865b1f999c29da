//! Header blocks with paths and pseudo-header fields in every form.

use proptest::prelude::*;

use super::*;

/// `/mcp#f` and `:path` in Huffman code.
const CODED_PATH: &[u8] = b"\x62\x92\x57\xff\x52\xff";
const CODED_NAME: &[u8] = b"\xb9\x58\xd3\x3f";

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

fn raw(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

fn coded(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap() | 0x80], text].concat()
}

/// A literal field. Its first byte says whether it is indexed, and where its name is.
fn literal(first: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[first], name, value].concat()
}

fn begun() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[0; 6])].concat()
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Passes,
    Spoilt,
    Ends,
}

/// The outcome of a connection whose bytes come in pieces of `len`.
fn outcome_in(bytes: &[u8], len: usize) -> Outcome {
    let mut blocks = Blocks::new(HeadBounds::default());
    let mut passed = bytes.to_vec();
    for piece in passed.chunks_mut(len) {
        if blocks.watch(piece).is_err() {
            return Outcome::Ends;
        }
    }
    assert!(!blocks.is_over, "the watch gave up");
    if passed == bytes { Outcome::Passes } else { Outcome::Spoilt }
}

fn outcome(frames: &[Vec<u8>]) -> Outcome {
    let bytes = [begun(), frames.concat()].concat();
    let whole = outcome_in(&bytes, bytes.len());
    for len in 1..bytes.len() {
        let cut = outcome_in(&bytes, len);
        assert_eq!(cut == Outcome::Passes, whole == Outcome::Passes, "in pieces of {len}");
    }
    whole
}

#[test]
fn attack_191_a_fragment_in_a_path_is_spoilt_however_it_is_written() {
    let fragment = raw(b"/mcp#f");
    let path = raw(b":path");
    let plain = [0x83, 0x87, 0x84];
    for (what, block) in [
        ("a literal under the static name", literal(0x04, b"", &fragment)),
        ("the other static name", literal(0x15, b"", &fragment)),
        ("kept", literal(0x44, b"", &fragment)),
        ("under a name of its own", literal(0x00, &path, &fragment)),
        ("never kept", literal(0x10, &path, &fragment)),
        ("in Huffman code", literal(0x04, b"", &coded(CODED_PATH))),
        ("all in Huffman code", literal(0x40, &coded(CODED_NAME), &coded(CODED_PATH))),
        ("in the query", literal(0x04, b"", &raw(b"/mcp?x=1#"))),
        ("after a change of the table", [&[0x20, 0x3f, 0x45][..], &literal(0x44, b"", &fragment)].concat()),
        (
            "under a name of the table",
            [literal(0x40, &path, &raw(b"/")), literal(0x40, &raw(b"x"), &raw(b"y")), literal(0x0f, &[48], &fragment)]
                .concat(),
        ),
    ] {
        let block = [&plain[..2], &block].concat();
        let whole = frame(HEADERS, END_HEADERS, 1, &block);
        assert_eq!(outcome(std::slice::from_ref(&whole)), Outcome::Spoilt, "{what}");
        let padded = [&[3, 0, 0, 0, 0, 7][..], &block, &[0; 3]].concat();
        assert_eq!(outcome(&[frame(HEADERS, END_HEADERS | PADDED | PRIORITY, 1, &padded)]), Outcome::Spoilt, "{what}");
        let (first, second) = block.split_at(block.len() / 2);
        let parts = [frame(HEADERS, 0, 1, first), frame(CONTINUATION, END_HEADERS, 1, second)];
        assert_eq!(outcome(&parts), Outcome::Ends, "{what}, in two frames");
        // A later request is watched as well.
        let before = frame(HEADERS, END_HEADERS, 1, &plain);
        let data = frame(0, 1, 1, b"#####");
        assert_eq!(outcome(&[before, data, frame(HEADERS, END_HEADERS, 3, &block)]), Outcome::Spoilt, "{what}, later");
    }
}

#[test]
fn attack_191_trailers_with_a_pseudo_header_field_end_the_connection() {
    let head = frame(HEADERS, END_HEADERS, 1, &[0x83, 0x87, 0x84]);
    let kept = frame(HEADERS, END_HEADERS, 1, &[&[0x83, 0x87][..], &literal(0x44, b"", &raw(b"/mcp"))].concat());
    for (what, head, block) in [
        ("an index", &head, vec![0x84]),
        ("a status", &head, vec![0x88]),
        ("a literal", &head, literal(0x04, b"", &raw(b"/mcp"))),
        ("a name of its own", &head, literal(0x00, &raw(b":evil"), &raw(b"1"))),
        ("a name in Huffman code", &head, literal(0x00, &coded(b"\xb8\x84\x8d\x36\xa3"), &raw(b"1"))),
        ("a field of the table", &kept, vec![0xbe]),
        ("after another", &head, [literal(0x00, &raw(b"x-a"), &raw(b"1")), vec![0x84]].concat()),
    ] {
        let trailers = frame(HEADERS, END_HEADERS | 1, 1, &block);
        assert_eq!(outcome(&[head.clone(), frame(0, 0, 1, b"{}"), trailers]), Outcome::Ends, "{what}");
    }
}

#[test]
fn attack_191_what_is_no_fragment_of_a_path_passes() {
    let head = [0x83, 0x87, 0x84];
    for (what, frames) in [
        ("indexed fields", vec![frame(HEADERS, END_HEADERS | 1, 1, &head)]),
        ("an escaped one", vec![frame(HEADERS, END_HEADERS, 1, &literal(0x04, b"", &raw(b"/mcp?x=%23")))]),
        ("another field", vec![frame(HEADERS, END_HEADERS, 1, &literal(0x40, &raw(b"x-note"), &raw(b"a#b")))]),
        (
            "another field, by a name of the table",
            vec![
                frame(HEADERS, END_HEADERS, 1, &[literal(0x40, &raw(b"x-note"), &raw(b"a")), vec![0xbe]].concat()),
                frame(HEADERS, END_HEADERS, 3, &literal(0x7e, b"", &raw(b"/a#b"))),
            ],
        ),
        ("a name that only begins so", vec![frame(HEADERS, END_HEADERS, 1, &literal(0x00, &raw(b"path"), &raw(b"#")))]),
        ("a body", vec![frame(HEADERS, END_HEADERS, 1, &head), frame(0, 1, 1, b"/mcp#f")]),
        (
            "trailers",
            vec![
                frame(HEADERS, END_HEADERS, 1, &head),
                frame(0, 0, 1, b"{}"),
                frame(HEADERS, END_HEADERS | 1, 1, &literal(0x40, &raw(b"x-t"), &raw(b"#"))),
                frame(HEADERS, END_HEADERS | 1, 3, &head),
            ],
        ),
        (
            "frames of nothing",
            vec![frame(0, 0, 1, b""), frame(HEADERS, 0, 1, b""), frame(CONTINUATION, END_HEADERS, 1, &head)],
        ),
    ] {
        assert_eq!(outcome(&frames), Outcome::Passes, "{what}");
    }
}

#[test]
fn attack_191_a_fragment_before_what_is_no_hpack_does_not_pass_in_pieces_either() {
    let path = literal(0x04, b"", &raw(b"/mcp#f"));
    // No entry 70 is there.
    let block = [&[0x83, 0x87], &path[..], &[0xc6]].concat();
    let bytes = [begun(), frame(HEADERS, END_HEADERS, 1, &block)].concat();
    for len in 1..=bytes.len() {
        let (mut blocks, mut passed) = (Blocks::new(HeadBounds::default()), bytes.clone());
        let is_watched = passed.chunks_mut(len).all(|piece| blocks.watch(piece).is_ok());
        assert!(!is_watched || passed != bytes, "in pieces of {len}");
    }
}

#[test]
fn attack_191_entries_leave_the_table_as_the_rfc_says() {
    // 40 entries of 100 bytes, and one more: the index of `:path` belongs to another name now.
    let mut block = vec![0x83, 0x87];
    block.extend(literal(0x44, b"", &raw(&[b'/'; 63])));
    for _ in 0..40 {
        block.extend(literal(0x40, &raw(b"x-abc"), &raw(&[b'y'; 63])));
    }
    let head = frame(HEADERS, END_HEADERS, 1, &block);
    // Index 102 is the oldest remaining entry.
    let oldest = frame(HEADERS, END_HEADERS, 3, &literal(0x7f, &[38], &raw(b"#")));
    assert_eq!(outcome(&[head.clone(), oldest]), Outcome::Passes);
    let mut blocks = Blocks::new(HeadBounds::default());
    let mut bytes = [begun(), head, frame(HEADERS, END_HEADERS, 3, &literal(0x7f, &[39], &raw(b"#")))].concat();
    assert_eq!(blocks.watch(&mut bytes), Ok(()));
    assert!(blocks.is_over, "there is no such entry");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attack_191_any_bytes_are_watched_without_harm(
        frames in prop::collection::vec((0_u8..11, any::<u8>(), 0_u8..4, prop::collection::vec(any::<u8>(), 0..60)), 0..8),
        len in 1_usize..80,
    ) {
        let mut bytes = begun();
        for (kind, flags, stream, payload) in frames {
            bytes.extend(frame(kind, flags, stream, &payload));
        }
        let mut blocks = Blocks::new(HeadBounds::default());
        for piece in bytes.chunks_mut(len) {
            if blocks.watch(piece).is_err() {
                break;
            }
        }
        prop_assert!(blocks.block.len() + blocks.payload.len() <= HeadBounds::default().h2_packed_bytes());
    }
}
