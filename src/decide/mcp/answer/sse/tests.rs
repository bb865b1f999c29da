//! Event streams, split at every place.

use proptest::{collection::vec, prelude::*};

use super::*;

const MAX: usize = 1024;

/// The events of a stream that comes in these pieces, and the remaining bytes.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Result<Event, TooLong>>, Bytes) {
    let mut events = Events::new(MAX);
    let mut all = Vec::new();
    for piece in pieces {
        events.push(Bytes::copy_from_slice(piece));
        all.extend(std::iter::from_fn(|| events.next()));
    }
    events.end();
    all.extend(std::iter::from_fn(|| events.next()));
    (all, events.rest())
}

fn raws(stream: &str) -> Vec<String> {
    let (events, _) = events([stream.as_bytes()]);
    events.into_iter().map(|event| String::from_utf8(event.unwrap().raw().to_vec()).unwrap()).collect()
}

fn one(stream: &str) -> Event {
    let (mut events, rest) = events([stream.as_bytes()]);
    assert_eq!((events.len(), &rest[..]), (1, &b""[..]), "{stream:?}");
    events.remove(0).unwrap()
}

#[test]
fn c50_events_end_at_blank_lines_of_every_kind() {
    let cases: &[(&str, &[&str])] = &[
        ("data: a\n\ndata: b\n\n", &["data: a\n\n", "data: b\n\n"]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &["data: a\r\n\r\n", "data: b\r\n\r\n"]),
        ("data: a\r\rdata: b\r\r", &["data: a\r\r", "data: b\r\r"]),
        ("data: a\r\n\rdata: b\n\n", &["data: a\r\n\r", "data: b\n\n"]),
        ("data: a\n\r\ndata: b\r\r", &["data: a\n\r\n", "data: b\r\r"]),
        ("data: a\r\r\ndata: b\n\n", &["data: a\r\r", "\ndata: b\n\n"]),
        ("data: a\r\n\r", &["data: a\r\n\r"]),
        ("\n\n\ndata:a\n\n", &["\n", "\n", "\n", "data:a\n\n"]),
        ("\u{FEFF}data: a\n\n", &["\u{FEFF}data: a\n\n"]),
        ("\u{FEFF}\n\n", &["\u{FEFF}\n", "\n"]),
        ("data: a\n", &[]),
        ("data: a", &[]),
        ("data: a\r", &[]),
        ("", &[]),
        ("data: a\n\nid: 1\ndata", &["data: a\n\n"]),
    ];
    for (stream, expected) in cases {
        assert_eq!(raws(stream), *expected, "{stream:?}");
    }
}

#[test]
fn c50_an_event_says_what_a_client_reads() {
    type Case = (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);
    let cases: &[Case] = &[
        ("data: a\n\n", Some("a"), None, None),
        ("data:a\n\n", Some("a"), None, None),
        ("data:  a\n\n", Some(" a"), None, None),
        ("data\n\n", Some(""), None, None),
        ("data:\n\n", Some(""), None, None),
        ("data: a\ndata:\ndata: b\n\n", Some("a\n\nb"), None, None),
        ("data: a\rdata: b\r\r", Some("a\nb"), None, None),
        ("data: a\r\nevent: x\r\ndata: b\r\nid: 7\r\n\r\n", Some("a\nb"), Some("x"), Some("7")),
        ("event: endpoint\nevent: message\ndata: a:b\n\n", Some("a:b"), Some("message"), None),
        ("event: x\nevent\ndata: a\n\n", Some("a"), None, None),
        ("id: 1\nid: 2\n\n", None, None, Some("2")),
        ("id: 1\nid: 2\0\ndata: a\n\n", Some("a"), None, Some("1")),
        ("id\n\n", None, None, Some("")),
        ("retry: 10\n\n", None, None, None),
        ("id\u{0}\n: data: a\n:data: b\n\n", None, None, None),
        ("Data: a\n data: b\ndata : c\ndatas: d\n\n", None, None, None),
        ("\u{FEFF}data: a\n\n", Some("a"), None, None),
        ("\u{FEFF}\u{FEFF}data: a\n\n", None, None, None),
        ("\n", None, None, None),
    ];
    for (stream, data, kind, id) in cases {
        let event = one(stream);
        let said_data = event.data();
        let said = (said_data.as_deref(), event.kind(), event.id());
        let expected = (data.map(str::as_bytes), kind.map(str::as_bytes), id.map(str::as_bytes));
        assert_eq!(said, expected, "{stream:?}");
    }
}

#[test]
fn c50_only_the_data_is_replaced() {
    let cases = [
        ("data: a\n\n", "b", "data: b\n\n"),
        ("data:a\n\n", "b", "data:b\n\n"),
        ("data:a\n\n", " b", "data:  b\n\n"),
        ("data: a\r\n\r\n", "b\nc", "data: b\r\ndata: c\r\n\r\n"),
        ("data: a\r\r", "b", "data: b\r\r"),
        ("data: a\n\n", "b\rc\r\nd\n", "data: b\ndata: c\ndata: d\ndata: \n\n"),
        ("id: 1\ndata: a\n: c\ndata: b\nretry: 5\n\n", "x", "id: 1\ndata: x\n: c\nretry: 5\n\n"),
        ("data\n\n", "x", "data: x\n\n"),
        ("data: a\nid: 1\rdata: b\n\n", "x", "data: x\nid: 1\r\n\n"),
        ("id: 1\r\n\r\n", "x", "id: 1\r\ndata: x\r\n\r\n"),
        ("\n", "x", "data: x\n\n"),
        ("\u{F000}\r\n\r\n", "x", "\u{F000}\r\ndata: x\r\n\r\n"),
        ("\u{FEFF}data: a\n\n", "", "\u{FEFF}data: \n\n"),
        ("event: endpoint\ndata: /m?s=1\n\n", "/n?s=2", "event: endpoint\ndata: /n?s=2\n\n"),
    ];
    for (stream, data, expected) in cases {
        assert_eq!(one(stream).with_data(data.as_bytes()), expected, "{stream:?} {data:?}");
    }
}

#[test]
fn c50_an_event_leaves_with_its_last_byte() {
    for stream in ["data: a\n\n", "data: a\r\n\r\n", "data: a\r\r"] {
        let mut events = Events::new(MAX);
        for (at, byte) in stream.bytes().enumerate() {
            events.push(Bytes::copy_from_slice(&[byte]));
            let event = events.next();
            assert_eq!(event.is_some(), at + 1 == stream.len(), "{stream:?} {at}");
        }
    }
}

#[test]
fn c54_a_comment_before_the_fields_of_an_event_leaves_with_its_line() {
    let cases: &[(&str, &[&str])] = &[
        (": ping\n", &[": ping\n"]),
        (":\n:\n\n", &[":\n", ":\n", "\n"]),
        (": ping\r\n: ping\r\n", &[": ping\r\n", ": ping\r\n"]),
        (": ping\r: ping\r\r", &[": ping\r", ": ping\r", "\r"]),
        (": ping\ndata: a\n\n: ping\n", &[": ping\n", "data: a\n\n", ": ping\n"]),
        ("\u{FEFF}: ping\n\n", &["\u{FEFF}: ping\n", "\n"]),
        ("data: a\r\r\n: ping\n", &["data: a\r\r", "\n: ping\n"]),
        // Within an event a comment is part of it. A line without its end is not complete yet.
        ("data: a\n: ping\n", &[]),
        ("id: 1\n:\n\n", &["id: 1\n:\n\n"]),
        (" : ping\n", &[]),
        ("\u{FEFF}\u{FEFF}: ping\n", &[]),
        (": ping", &[]),
    ];
    for (stream, expected) in cases {
        assert_eq!(raws(stream), *expected, "{stream:?}");
        let (read, rest) = events(stream.as_bytes().chunks(1));
        let whole: Vec<u8> = read.into_iter().flat_map(|event| event.unwrap().raw().to_vec()).chain(rest).collect();
        assert_eq!(whole, stream.as_bytes());
    }
    for stream in [": ping\n", "data: a\n\n: ping\n"] {
        let mut events = Events::new(MAX);
        events.push(Bytes::from_static(stream.as_bytes()));
        assert!(std::iter::from_fn(|| events.next()).any(|event| event.unwrap().raw() == ": ping\n"), "at once");
    }
    let comment = one(": data: a\n");
    assert_eq!((comment.data(), comment.with_data(b"x")), (None, comment.raw().clone()));
}

#[test]
fn an_event_in_one_piece_is_not_copied() {
    let piece = Bytes::from_static(b"data: a\n\ndata: b\n\nda");
    let mut events = Events::new(MAX);
    events.push(piece.clone());
    for start in [0, 9] {
        assert_eq!(events.next().unwrap().unwrap().raw().as_ptr(), piece[start..].as_ptr());
    }
    assert_eq!(events.next(), None);
    assert_eq!(events.rest(), "da");
}

#[test]
fn attack_147_an_event_over_the_bound_is_told_once_and_held_nowhere() {
    let mut events = Events::new(16);
    for _ in 0..1000 {
        events.push(Bytes::from_static(b"data: 0123456789"));
        let told = events.next();
        assert!(told.is_none() || told == Some(Err(TooLong)));
        assert!(events.held.capacity() <= 16 && events.piece.is_empty());
    }
    events.push(Bytes::from_static(b"\n\ndata: a\n\ndata: 0123456789\n\ndata: b\n\n"));
    let data = |event: Option<Result<Event, TooLong>>| event.map(|event| event.map(|event| event.raw().clone()));
    assert_eq!(data(events.next()), Some(Ok(Bytes::from_static(b"data: a\n\n"))));
    assert_eq!(data(events.next()), Some(Err(TooLong)));
    assert_eq!(data(events.next()), Some(Ok(Bytes::from_static(b"data: b\n\n"))));
    assert_eq!(data(events.next()), None);
}

proptest! {
    #[test]
    fn c50_it_does_not_matter_how_a_stream_is_cut(
        lines in vec(prop_oneof![Just("data: a"), Just(""), Just(""), Just("id:1"), Just(": c"), Just("\u{FEFF}"), Just("\u{FFFD}")], 0..12),
        ends in vec(prop_oneof![Just("\n"), Just("\r"), Just("\r\n")], 12),
        cuts in vec(0_usize..80, 0..6),
    ) {
        let stream: String = lines.iter().zip(&ends).flat_map(|(line, end)| [*line, *end]).collect();
        let mut cuts = cuts;
        cuts.push(stream.len());
        cuts.sort_unstable();
        let mut start = 0;
        let pieces = cuts.into_iter().map(|cut| {
            let cut = cut.min(stream.len());
            let piece = &stream.as_bytes()[start..cut];
            start = cut;
            piece
        });
        let (cut, rest) = events(pieces);
        let whole = events([stream.as_bytes()]);
        prop_assert_eq!((&cut, &rest), (&whole.0, &whole.1));
        let mut joined: Vec<u8> = cut.iter().flat_map(|event| event.as_ref().unwrap().raw().to_vec()).collect();
        joined.extend_from_slice(&rest);
        prop_assert_eq!(joined, stream.as_bytes());
        let bytewise = events(stream.as_bytes().chunks(1));
        prop_assert_eq!((bytewise.0, bytewise.1), whole);
    }
}
