//! SPEC F-03, F-09 and attacks 45, 97, 99, 110 to 118: each table fed whole and byte by byte.

use proptest::prelude::*;

use super::*;

const GOOD: &[&str] = &[
    "GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /mcp HTTP/1.0\r\n\r\n",
    "GET /mcp?x=1&y=%20 HTTP/1.1\r\nhost:example.com:8443\r\nAccept:text/event-stream\r\nX:\r\nY: \t a\tb \u{e9} \r\n\r\n",
    "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /mcp HTTP/1.1\r\nHost: a\r\ncontent-length:0\r\n\r\n",
    "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000000005\r\n\r\n\r\n\0 \n",
    "POST /mcp HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
    "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /mcp HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING:Chunked\r\n\r\n5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n",
    "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b;c=\"d e\"\r\nx\r\n0;z\r\nAuthorization: x\r\nContent-Length: 5\r\nHost: b\r\n\r\n",
    "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://Example.com/mcp HTTP/1.1\r\nHost: example.COM\r\n\r\n",
    "GET https://[::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n",
    "GET http://a?x HTTP/1.0\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "OPTIONS /mcp HTTP/1.1\r\nHost: a-b.c_d.\r\n\r\n",
    "post /mcp HTTP/1.1\r\nHost: a\r\n\r\n",
    "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
    "GET /a\"b\\c HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
];

/// What comes behind the head's `Host`, up to the empty line.
const BAD_FIELDS: &[(&str, &str)] = &[
    ("attack 110: both lengths", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("attack 110: both lengths, other order", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ("attack 110: both, of no bytes", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
    ("attack 111: two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("attack 111: two equal lengths", "Content-Length: 5\r\ncontent-length: 5\r\n"),
    ("attack 112: plus", "Content-Length: +5\r\n"),
    ("attack 112: minus", "Content-Length: -5\r\n"),
    ("attack 112: list", "Content-Length: 5, 5\r\n"),
    ("attack 112: hex", "Content-Length: 0x5\r\n"),
    ("attack 112: white space", "Content-Length:  5 \r\n"),
    ("attack 112: white space behind", "Content-Length: 5 \r\n"),
    ("attack 112: tab", "Content-Length:\t5\r\n"),
    ("attack 112: huge", "Content-Length: 18446744073709551617\r\n"),
    ("attack 112: twenty digits", "Content-Length: 00000000000000000005\r\n"),
    ("attack 112: nothing", "Content-Length:\r\n"),
    ("attack 112: fraction", "Content-Length: 5.0\r\n"),
    ("attack 113: xchunked", "Transfer-Encoding: xchunked\r\n"),
    ("attack 113: chunked, identity", "Transfer-Encoding: chunked, identity\r\n"),
    ("attack 113: tab", "Transfer-Encoding:\tchunked\r\n"),
    ("attack 113: vertical tab", "Transfer-Encoding: chunked\x0b\r\n"),
    ("attack 113: two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("attack 113: chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
    ("attack 113: identity", "Transfer-Encoding: identity\r\n"),
    ("attack 113: nothing", "Transfer-Encoding:\r\n"),
    ("attack 113: quoted", "Transfer-Encoding: \"chunked\"\r\n"),
    ("attack 045: gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n"),
    ("attack 114: space before the colon", "Transfer-Encoding : chunked\r\n"),
    ("attack 114: tab before the colon", "X\t: a\r\n"),
    ("attack 115: folded line", "X: a\r\n b\r\n"),
    ("attack 115: folded with a tab", "X: a\r\n\tb\r\n"),
    ("attack 115: bare line feed", "X: a\nY: b\r\n"),
    ("attack 115: bare carriage return", "X: a\rY: b\r\n"),
    ("attack 115: two carriage returns", "X: a\r\r\n"),
    ("attack 115: NUL", "X: a\0b\r\n"),
    ("attack 115: control", "X: a\x1bb\r\n"),
    ("attack 115: DEL", "X: a\x7fb\r\n"),
    ("attack 115: NUL in a name", "X\0: a\r\n"),
    ("no colon", "X\r\n"),
    ("no name", ": a\r\n"),
    ("a name of another alphabet", "\u{e9}: a\r\n"),
    ("a list of names", "X,Y: a\r\n"),
    ("attack 099: two hosts", "Host: a\r\n"),
    ("attack 099: two hosts that differ", "host: b\r\n"),
    ("attack 065: a name with a space", "mcp-name : safe\r\n"),
];

/// Whole connections.
const BAD: &[(&str, &str)] = &[
    ("f03: no host", "GET / HTTP/1.1\r\n\r\n"),
    ("f03: an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("f03: a host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("f03: two hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ("f03: two hosts on HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("attack 099: a user in the host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("a path in the host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("an escape in the host", "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n"),
    ("an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    ("a port that is none", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    ("two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
    ("no host, only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    ("half a literal", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ("something behind a literal", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
    ("attack 097: another host in the target", "GET http://evil/mcp HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 097: and no host", "GET http://evil/mcp HTTP/1.0\r\n\r\n"),
    ("attack 097: a user in the target", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 097: another port", "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 097: no host in the target", "GET http:///mcp HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 097: another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 097: a fragment", "GET /mcp#f HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 126: CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"),
    ("authority-form without CONNECT", "GET a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ("asterisk without OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a relative target", "GET mcp HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a control in the target", "GET /a\x0bb HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no ASCII in the target", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("HTTP/0.9", "GET /\r\n"),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS on a plain port", "\x16\x03\x01\x02"),
    ("a space before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("attack 115: bare line feed in the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ("attack 115: bare carriage return in it", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    ("attack 115: bare line feed at the end of the head", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    ("white space behind the request line", "GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
    ("three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a line feed before the request", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("Transfer-Encoding on HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "attack 118: a second head in the bytes behind a body",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxx / HTTP/1.1\r\n\r\n",
    ),
];

/// What comes as a chunked body.
const BAD_CHUNKS: &[(&str, &str)] = &[
    ("attack 116: negative", "-1\r\nx"),
    ("attack 116: overflow", "10000000000000000\r\nx"),
    ("attack 116: leading zeros without end", "0000000000000000\r\n"),
    ("attack 116: hex sign", "0x1\r\nx"),
    ("attack 116: no size", "\r\nx"),
    ("attack 116: only an extension", ";a\r\nx"),
    ("attack 116: white space behind the size", "1 \r\nx"),
    ("attack 116: white space before it", " 1\r\nx"),
    ("attack 116: bare line feed behind the size", "1\nx\r\n0\r\n\r\n"),
    ("attack 116: bare line feed in an extension", "1;a\nx\r\n0\r\n\r\n"),
    ("attack 116: bare carriage return in an extension", "1;a\rx\r\n0\r\n\r\n"),
    ("attack 116: NUL in an extension", "1;\0\r\nx\r\n0\r\n\r\n"),
    ("attack 116: longer than it says", "1\r\nxy\r\n0\r\n\r\n"),
    ("attack 116: bare line feed behind the data", "1\r\nx\n0\r\n\r\n"),
    ("attack 116: bare line feed behind the last chunk", "0\n\r\n"),
    ("attack 116: bare line feed at the end", "0\r\n\n"),
    ("attack 117: a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
    ("attack 117: a trailer with a space before its colon", "0\r\nA : b\r\n\r\n"),
    ("attack 116: data behind the last chunk", "0\r\n\r\n\0"),
];

/// Where on the connection a violation is, and what; fed in pieces of `len`.
fn fed(bytes: &[u8], len: usize) -> Result<(), (usize, &'static str)> {
    let mut framing = Framing::new();
    for (at, piece) in bytes.chunks(len).enumerate() {
        if let Err(violation) = framing.watch(piece) {
            assert!(violation.at < piece.len());
            assert_eq!(framing.watch(b"GET").map_err(|again| (again.at, again.what)), Err((0, violation.what)));
            return Err((at * len + violation.at, violation.what));
        }
    }
    Ok(())
}

#[track_caller]
fn verdict(bytes: &[u8]) -> Result<(), (usize, &'static str)> {
    let whole = fed(bytes, bytes.len().max(1));
    for len in [1, 2, 7, 17] {
        assert_eq!(fed(bytes, len), whole, "{}", bytes.escape_ascii());
    }
    whole
}

fn every_bad() -> Vec<(&'static str, String)> {
    let fields = BAD_FIELDS
        .iter()
        .map(|(case, lines)| (*case, format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}X-Last: 1\r\n\r\n")));
    let chunks = BAD_CHUNKS
        .iter()
        .map(|(case, body)| (*case, format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")));
    fields.chain(chunks).chain(BAD.iter().map(|(case, all)| (*case, (*all).to_owned()))).collect()
}

#[test]
fn f09_legal_requests_pass_alone_and_one_behind_the_other() {
    for request in GOOD {
        assert_eq!(verdict(request.as_bytes()), Ok(()), "{request:?}");
    }
    assert_eq!(verdict(GOOD.concat().as_bytes()), Ok(()));
}

#[test]
fn f03_f09_attacks_045_097_099_110_to_117_are_stopped() {
    for (case, bytes) in every_bad() {
        let (at, what) = verdict(bytes.as_bytes()).expect_err(case);
        assert!(at < bytes.len() && !what.is_empty(), "{case}");
    }
}

#[test]
fn what_is_passed_on_never_has_the_whole_of_a_bad_head() {
    for (case, bytes) in every_bad().into_iter().filter(|(_, bytes)| bytes.contains("X-Last")) {
        let (at, _) = verdict(bytes.as_bytes()).expect_err(case);
        assert!(at < bytes.find("\r\n\r\n").expect(case) + 4, "{case}");
    }
}

#[test]
fn attack_118_a_bad_second_request_is_stopped_where_it_starts_to_be_bad() {
    let first = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let second = "GET / HTTP/1.1\nHost: a\r\n\r\n";
    let expected = Err((first.len() + "GET / HTTP/1.1".len(), "a bare line feed"));
    assert_eq!(verdict(format!("{first}{second}").as_bytes()), expected);
}

#[test]
fn f12_attack_121_limits_have_their_own_answers() {
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let line = |bytes: usize| format!("X: {}\r\n", "a".repeat(bytes));
    let chunked = |body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let large = Some(Refusal::HeadersTooLarge);
    let cases = [
        (get(&format!("/{}", "a".repeat(65_535)), ""), None),
        (get(&format!("/{}", "a".repeat(65_536)), ""), Some(Refusal::UriTooLong)),
        (get("/", &line(16_383)), None),
        (get("/", &line(16_384)), large.clone()),
        (get("/", &line(10_900).repeat(3)), None),
        (get("/", &line(11_000).repeat(3)), large.clone()),
        (get("/", &"X: a\r\n".repeat(99)), None),
        (get("/", &"X: a\r\n".repeat(100)), large.clone()),
        (chunked(&format!("0\r\n{}\r\n", "X: a\r\n".repeat(100))), None),
        (chunked(&format!("0\r\n{}\r\n", "X: a\r\n".repeat(101))), large),
        (chunked(&format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(256))), None),
        (
            chunked(&format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(257))),
            Some(Refusal::BadRequest("a chunk extension over the limit")),
        ),
        (chunked(&format!("{}0\r\n\r\n", format!("1;{}\r\nx\r\n", "a".repeat(200)).repeat(50))), None),
        (get("/", "").replace("GET", &"G".repeat(33)), Some(Refusal::BadRequest("a method that is too long"))),
        (
            get("/", "").replace("Host: a", &format!("Host: {}", "a".repeat(261))),
            Some(Refusal::BadRequest("a Host of no legal form")),
        ),
    ];
    for (bytes, refusal) in cases {
        let shown = bytes.get(..60).unwrap_or(&bytes);
        assert_eq!(
            Framing::new().watch(bytes.as_bytes()).map_err(|violation| violation.refusal).err(),
            refusal,
            "{shown}"
        );
        let _ = verdict(bytes.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_split_gives_the_same_verdict(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(1_usize..40, 1..200),
    ) {
        let all: Vec<String> = GOOD.iter().map(|good| (*good).to_owned()).chain(every_bad().into_iter().map(|(_, bad)| bad)).collect();
        let mut bytes = picks.iter().map(|pick| pick.get(&all).as_str()).collect::<String>().into_bytes();
        if let Some((at, byte)) = damage {
            *at.get_mut(&mut bytes) = byte;
        }
        let whole = fed(&bytes, bytes.len());
        let (mut framing, mut from, mut pieces) = (Framing::new(), 0, Ok(()));
        for cut in cuts.iter().cycle() {
            let to = (from + cut).min(bytes.len());
            if let Err(violation) = framing.watch(&bytes[from..to]) {
                pieces = Err((from + violation.at, violation.what));
                break;
            }
            from = to;
            if from == bytes.len() {
                break;
            }
        }
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn legal_requests_never_trip(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..8), len in 1_usize..50) {
        let bytes = picks.iter().map(|pick| *pick.get(GOOD)).collect::<String>();
        prop_assert_eq!(fed(bytes.as_bytes(), len), Ok(()));
    }
}
