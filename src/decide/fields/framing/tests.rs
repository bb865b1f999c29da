//! What the framing watch lets pass and what it stops, whole and in pieces.

use proptest::prelude::*;

use super::*;

const HOST: &str = "Host: gw.example\r\n";

fn verdict(bytes: &[u8]) -> Result<(), &'static str> {
    Framing::new(HeadBounds::default()).watch(bytes).map(drop).map_err(|halt| halt.what)
}

fn bytewise(bytes: &[u8]) -> Result<(), &'static str> {
    let mut framing = Framing::new(HeadBounds::default());
    bytes.iter().try_for_each(|byte| framing.watch(&[*byte]).map(drop).map_err(|halt| halt.what))
}

fn head(fields: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{HOST}{fields}\r\n")
}

#[test]
fn f09_what_everybody_frames_alike_passes() {
    let good = [
        head(""),
        format!("\r\n\r\n{}", head("")),
        format!("{}hello{}", head("Content-Length: 5\r\n"), head("")),
        format!("{}{}", head("Content-Length: 0\r\n"), head("Content-Length:0\r\n")),
        head("X:\t a \t\r\nY:\r\nZ: caf\u{e9}\r\n"),
        format!("{}5\r\nhello\r\n0\r\n\r\n{}", head("Transfer-Encoding: chunked\r\n"), head("")),
        format!("{}5;a=b\r\nhello\r\n00\r\nX-Trailer: 1\r\n\r\n", head("transfer-encoding:  Chunked \r\n")),
        "GET http://GW.example/mcp HTTP/1.1\r\nHost: gw.example\r\n\r\n".into(),
        "OPTIONS * HTTP/1.1\r\nHost: gw.example\r\n\r\n".into(),
        "GET / HTTP/1.0\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n".into(),
    ];
    for bytes in good {
        assert_eq!(verdict(bytes.as_bytes()), Ok(()), "{bytes:?}");
        assert_eq!(bytewise(bytes.as_bytes()), Ok(()), "{bytes:?} byte by byte");
    }
}

#[test]
fn f03_f09_attacks_097_110_to_116_are_refused_whole_and_byte_by_byte() {
    let bad = [
        ("110 two framings", format!("{}0\r\n\r\n", head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"))),
        ("110 two framings", head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
        ("111 two lengths", head("Content-Length: 5\r\nContent-Length: 6\r\n")),
        ("111 two lengths", head("Content-Length: 5\r\nContent-Length: 5\r\n")),
        ("112 not a length", head("Content-Length: +5\r\n")),
        ("112 not a length", head("Content-Length: -5\r\n")),
        ("112 not a length", head("Content-Length: 5, 5\r\n")),
        ("112 not a length", head("Content-Length: 0x5\r\n")),
        ("112 not a length", head("Content-Length: 5 5\r\n")),
        ("112 not a length", head("Content-Length:\r\n")),
        ("112 not a length", head("Content-Length: 99999999999999999999\r\n")),
        ("113 a coding", head("Transfer-Encoding: xchunked\r\n")),
        ("113 a coding", head("Transfer-Encoding: gzip, chunked\r\n")),
        ("113 a coding", head("Transfer-Encoding: chunked, identity\r\n")),
        ("113 a coding", head("Transfer-Encoding: chunked\x0b\r\n")),
        ("113 a coding", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        ("113 a coding", head("Transfer-Encoding: identity\r\n")),
        ("113 a coding", head("Transfer-Encoding:\r\n")),
        ("113 a coding", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
        ("114 a space before the colon", head("Transfer-Encoding : chunked\r\n")),
        ("115 a line", head("X: a\r\n folded\r\n")),
        ("115 a line", head(" X: a\r\n")),
        ("115 a line", head("X: a\n")),
        ("115 a line", head("X: a\rb\r\n")),
        ("115 a line", head("X: a\0b\r\n")),
        ("115 a line", head("X\r\n")),
        ("115 a line", head(": a\r\n")),
        ("115 a line", head("X Y: a\r\n")),
        ("115 a line", format!("GET / HTTP/1.1\n{HOST}\r\n")),
        ("115 a line", format!("GET / HTTP/1.1\r\n{HOST}\n")),
        ("099 a host", "GET / HTTP/1.1\r\n\r\n".into()),
        ("099 a host", format!("GET / HTTP/1.1\r\n{HOST}{HOST}\r\n")),
        ("099 a host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into()),
        ("099 a host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".into()),
        ("099 a host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into()),
        ("099 a host", "GET / HTTP/1.1\r\nHost: u@gw.example\r\n\r\n".into()),
        ("097 another site or a fragment", format!("GET http://evil/mcp HTTP/1.1\r\n{HOST}\r\n")),
        ("097 another site or a fragment", format!("GET http://gw.example@evil/ HTTP/1.1\r\n{HOST}\r\n")),
        ("097 another site or a fragment", format!("GET http:///mcp HTTP/1.1\r\n{HOST}\r\n")),
        ("097 another site or a fragment", format!("GET /mcp#f HTTP/1.1\r\n{HOST}\r\n")),
        ("097 another site or a fragment", format!("GET mcp HTTP/1.1\r\n{HOST}\r\n")),
        ("097 another site or a fragment", format!("CONNECT gw.example:443 HTTP/1.1\r\n{HOST}\r\n")),
        ("None", format!("GET  / HTTP/1.1\r\n{HOST}\r\n")),
        ("None", format!("GET / HTTP/1.1 \r\n{HOST}\r\n")),
        ("None", format!("GET /\tHTTP/1.1\r\n{HOST}\r\n")),
        ("None", format!("GET /\u{e9} HTTP/1.1\r\n{HOST}\r\n")),
        ("None", format!("GET / HTTP/1.2\r\n{HOST}\r\n")),
        ("None", format!("GET / http/1.1\r\n{HOST}\r\n")),
        ("None", "GET /\r\n".into()),
        ("None", format!("G(T / HTTP/1.1\r\n{HOST}\r\n")),
        ("None", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("None", "\r\n\r\n\r\nGET / HTTP/1.1\r\n".into()),
        ("116 a chunk", format!("{}-5\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}5 \r\nhello\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}0x5\r\nhello\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}ffffffffffffffff\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}5\nhello\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}5\r\nhelloX\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}5\r\nhello\n0\r\n\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}5;{}\r\nhello\r\n", head("Transfer-Encoding: chunked\r\n"), "x".repeat(257))),
        ("116 a chunk", format!("{}5;a\0\r\nhello\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("116 a chunk", format!("{}0\r\n\0: x\r\n\r\n", head("Transfer-Encoding: chunked\r\n"))),
        ("118 what follows", format!("{}hell {}", head("Content-Length: 4\r\n"), head(""))),
        ("118 what follows", format!("{}0\r\n\r\nX", head("Transfer-Encoding: chunked\r\n")) + " \r\n"),
        ("118 what follows", "GET ".to_owned() + &"a".repeat(200 * 1024)),
    ];
    for (case, bytes) in bad {
        let whole = verdict(bytes.as_bytes());
        assert!(whole.is_err(), "{case}: {:?}", bytes.get(..bytes.len().min(120)));
        assert_eq!(bytewise(bytes.as_bytes()), whole, "{case}: byte by byte");
    }
}

#[test]
fn f09_attack_183_a_head_passes_whole_or_not_at_all() {
    let (good, bad) = (head("Content-Length: 2\r\n"), "POST /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    let piece = format!("{good}{{}}{bad}");
    let halt = Framing::new(HeadBounds::default()).watch(piece.as_bytes()).unwrap_err();
    assert_eq!((piece.get(halt.at..), halt.in_body, halt.violation), (Some(bad), false, Violation::Host));

    let mut framing = Framing::new(HeadBounds::default());
    let (first, second) = good.split_at(20);
    assert_eq!(framing.watch(first.as_bytes()), Ok(0), "it is not whole");
    assert_eq!(framing.watch(second.as_bytes()), Ok(second.len()));
    assert_eq!(framing.watch(b"{}POST"), Ok(2), "the body passes, and no beginning of what follows it");
    assert_eq!(framing.watch(b" /mcp HTTP/1.1\r\n"), Ok(0));
    let halt = framing.watch(b"Host: a\n").unwrap_err();
    assert_eq!((halt.at, halt.in_body, halt.violation), (0, false, Violation::BareLineFeed));

    let chunked = format!("{}3\r\nabc\r\nx", head("Transfer-Encoding: chunked\r\n"));
    let halt = Framing::new(HeadBounds::default()).watch(chunked.as_bytes()).unwrap_err();
    assert_eq!((chunked.get(halt.at..), halt.in_body, halt.violation), (Some("x"), true, Violation::Chunk));
}

#[test]
fn attack_183_each_violation_has_its_word_and_its_answer() {
    use Violation as V;
    let many = "X: y\r\n".repeat(101);
    let long = "a".repeat(HeadBounds::default().held_bytes());
    let cases = [
        (head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), V::LengthAndCoding, "length_and_coding", 400),
        (head("Content-Length: 5\r\nContent-Length: 5\r\n"), V::ContentLength, "content_length", 400),
        (head("Transfer-Encoding: gzip\r\n"), V::TransferEncoding, "transfer_encoding", 400),
        (format!("{}g\r\n", head("Transfer-Encoding: chunked\r\n")), V::Chunk, "chunk", 400),
        (head("X: a\n"), V::BareLineFeed, "bare_line_feed", 400),
        ("GET  / HTTP/1.1\r\n".into(), V::RequestLine, "request_line", 400),
        ("\u{16}\u{3}\u{1}".into(), V::RequestLine, "request_line", 400),
        ("PRI * HTTP/2.0\r\n".into(), V::Version, "version", 400),
        ("GET /a#b HTTP/1.1\r\n".into(), V::Target, "target", 400),
        ("GET /a<b HTTP/1.1\r\n".into(), V::Target, "target", 400),
        ("GET http://a:b:c/ HTTP/1.1\r\n".into(), V::Target, "target", 400),
        ("GET / HTTP/1.1\r\n\r\n".into(), V::Host, "host", 400),
        (head("X: a\r\n b\r\n"), V::Field, "field", 400),
        ("\r\n\r\n\r\n".into(), V::EmptyLines, "empty_lines", 400),
        (head(&many), V::HeadTooLarge, "head_too_large", 431),
        (head(&format!("X: {long}\r\n")), V::HeadTooLarge, "head_too_large", 431),
        (format!("GET /{long} HTTP/1.1\r\n"), V::TargetTooLong, "target_too_long", 414),
    ];
    for (bytes, violation, word, status) in cases {
        let halt = Framing::new(HeadBounds::default()).watch(bytes.as_bytes()).unwrap_err();
        assert_eq!(halt.violation, violation, "{:?}", bytes.get(..bytes.len().min(120)));
        assert_eq!((violation.as_str(), violation.status().as_u16()), (word, status));
    }
    assert_eq!(V::HeadTimeout.status().as_u16(), 408);
    assert_eq!([0, 2, 8].map(V::of_h2), [None; 3], "these say nothing of the client");
    assert_eq!(
        [1, 7, 11, 99].map(V::of_h2),
        [V::H2Protocol, V::H2RefusedStream, V::H2EnhanceYourCalm, V::H2Connection].map(Some)
    );
}

#[test]
fn f13_a_head_is_known_to_have_begun_and_to_have_ended() {
    let mut framing = Framing::new(HeadBounds::default());
    assert!(!framing.is_in_head());
    framing.watch(b"\r\n").unwrap();
    assert!(framing.is_in_head(), "an empty line before a request is a beginning, too");
    framing.watch(b"P").unwrap();
    assert!(framing.is_in_head());
    framing.watch(b"OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r").unwrap();
    assert!(framing.is_in_head());
    framing.watch(b"\n").unwrap();
    assert!(!framing.is_in_head(), "the body has a time of its own");
    framing.watch(b"x").unwrap();
    assert!(!framing.is_in_head());
}

#[test]
fn f03_a_field_holds_no_control_character_but_the_tab() {
    for byte in (0..=u8::MAX).filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        let head = [b"GET / HTTP/1.1\r\nHost: a\r\nA: x".as_slice(), &[byte], b"y\r\n\r\n"].concat();
        let passes = byte == b'\t' || !byte.is_ascii_control();
        assert_eq!(verdict(&head).is_ok(), passes, "{byte:#x}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c22_a33_no_split_changes_the_verdict(
        parts in prop::collection::vec(prop_oneof![
            Just("POST /mcp HTTP/1.1\r\n".to_owned()), Just("Host: a\r\n".to_owned()), Just("\r\n".to_owned()),
            Just("Content-Length: 3\r\n".to_owned()), Just("Transfer-Encoding: chunked\r\n".to_owned()),
            Just("3\r\nabc\r\n".to_owned()), Just("0\r\n\r\n".to_owned()), Just("abc".to_owned()), Just("\n".to_owned()), Just("\r".to_owned()),
            "[ -~]{0,12}",
        ], 0..12),
        cuts in prop::collection::vec(0_usize..64, 0..16),
    ) {
        let whole = parts.concat();
        let mut framing = Framing::new(HeadBounds::default());
        let mut rest = whole.as_bytes();
        let mut split = Ok(());
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            split = split.and_then(|()| framing.watch(piece).map(drop).map_err(|halt| halt.what));
        }
        prop_assert_eq!(split, verdict(whole.as_bytes()));
    }
}
