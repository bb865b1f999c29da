//! The tables of SPEC C-15…C-21, C-34, C-40, C-53, C-70…C-76 and attacks 37 to 66.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::*;
use crate::decide::mcp::request::parse;

type Lines<'a> = &'a [(&'a str, &'a [u8])];

fn map(lines: Lines<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn message(id: bool, method: &str, params: &str) -> Message {
    let id = if id { "\"id\":1," } else { "" };
    let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{{{params}}}}}"#);
    parse::read(&Bytes::from(body), 64).expect("a message")
}

fn modern(method: &str, params: &str) -> Message {
    message(true, method, &if params.is_empty() { MODERN.to_owned() } else { format!("{params},{MODERN}") })
}

/// The code of the answer, or the era.
fn verdict(lines: Lines<'_>, message: &Message) -> Result<Era, i32> {
    agree(&map(lines), message).map_err(|refusal| refusal.row().code)
}

const V28: (&str, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
const V25: (&str, &[u8]) = ("mcp-protocol-version", b"2025-11-25");
const CALL: (&str, &[u8]) = ("mcp-method", b"tools/call");
const DANGER: (&str, &[u8]) = ("mcp-name", b"danger");
const SAFE: (&str, &[u8]) = ("mcp-name", b"safe");
const MISMATCH: Result<Era, i32> = Err(-32020);

#[test]
fn c20_attacks_040_to_044_only_json_in_utf8_is_read() {
    let good: &[&[u8]] = &[
        b"application/json",
        b"application/JSON",
        b"application/json ;charset=UTF-8",
        b"application/json; charset=utf-8",
        b"application/json;Charset=\"utf-8\"",
        b"application/json;",
        b"application/json; charset=utf8",
        b"application/json; charset=\"UTF8\"",
        b"application/json; version=1",
        b"application/json; odata=verbose; q=0.9",
        b"application/json; charset=utf-8; profile=\"https://example.com/a b\"",
        b"application/json; profile=https://example.com/x;charset=utf-8",
        b"application/json; boundary=x",
    ];
    for value in good {
        assert_eq!(check_media(&map(&[("content-type", value)])), Ok(()), "{}", value.escape_ascii());
    }
    let wrong: &[&[u8]] = &[
        b"",
        b"text/plain",
        b"text/json",
        b"application/json-patch+json",
        b"application/vnd.api+json",
        b"multipart/form-data; boundary=x",
        b"application/x-www-form-urlencoded",
        b"application/jsonx",
        b"application/json-rpc",
        b"application/jsonrequest",
        b"application/json charset=utf-8",
        b"application/json; charset=utf-16",
        b"application/json; charset=utf-7",
        b"application/json; charset=iso-8859-1",
        b"application/json; charset=\"utf-8",
        b"application/json; charset='utf-8'",
        b"application/json; charset = utf-8",
        b"application/json; charset",
        b"application/json; charset=utf-8; charset=utf-8",
        b"application/json; charset=utf8; version=1; charset=utf-8",
        // Attack 282: another charset for a stack that splits or searches in another way.
        b"application/json; x=\"; charset=utf-16\"",
        b"application/json; x=\"\\\"; charset=utf-16; y=\\\"\"",
        b"application/json; x-charset=utf-16",
        b"application/json; charset*=utf-16''x",
        b"application/json; x=charset=utf-16",
        b"application/json; x=\"charset=utf-16\"; charset=utf-8",
        b"application/json; x=\"charset=utf-16",
        b"application/json; version",
        b"application/json; =1",
        b"application/json; version=",
        b"application/json; version=1 charset=utf-16",
        b"application/json; version=\xE9",
        b"application/json; charset=utf-8; charset=utf-16",
        b"application/json\xA0",
        b"*/*",
    ];
    for value in wrong {
        assert_eq!(check_media(&map(&[("content-type", value)])), Err(Refusal::MediaType), "{}", value.escape_ascii());
    }
    assert_eq!(check_media(&HeaderMap::new()), Err(Refusal::MediaType));
    let twice: [Lines<'_>; 3] = [
        &[("content-type", b"text/plain"), ("content-type", b"application/json")],
        &[("content-type", b"application/json"), ("content-type", b"application/json")],
        &[("content-type", b"application/json, text/plain")],
    ];
    for lines in twice {
        assert_eq!(check_media(&map(lines)), Err(Refusal::BadRequest("more than one Content-Type")));
    }
}

#[test]
fn c21_attacks_037_038_a_compressed_body_is_refused() {
    let json: (&str, &[u8]) = ("content-type", b"application/json");
    for coding in [b"identity".as_slice(), b"Identity"] {
        assert_eq!(check_media(&map(&[json, ("content-encoding", coding)])), Ok(()));
    }
    for coding in
        [b"gzip".as_slice(), b"GZIP", b"deflate", b"br", b"zstd", b"gzip, identity", b"identity, identity", b"", b"x"]
    {
        assert_eq!(check_media(&map(&[json, ("content-encoding", coding)])), Err(Refusal::ContentCoding));
    }
    let two = map(&[json, ("content-encoding", b"identity"), ("content-encoding", b"identity")]);
    assert_eq!(check_media(&two), Err(Refusal::ContentCoding));
}

#[test]
fn c16_c40_c53_shapes() {
    let long = [b'a'; 6145];
    let cases: &[(Lines<'_>, Result<(), i32>)] = &[
        (&[], Ok(())),
        (&[("mcp-session-id", b"0b1c-~!")], Ok(())),
        (&[("mcp-session-id", &long[..6144])], Ok(())),
        (&[("mcp-session-id", &long)], Err(40004)),
        (&[("mcp-session-id", b"")], Err(40004)),
        (&[("mcp-session-id", b"a b")], Err(40004)),
        (&[("mcp-session-id", b"a\xE9")], Err(40004)),
        (&[("mcp-session-id", b"a"), ("mcp-session-id", b"a")], Err(40004)),
        (&[("last-event-id", b"evt-17::x")], Ok(())),
        (&[("last-event-id", &long[..1024])], Ok(())),
        (&[("last-event-id", &long[..1025])], Err(40004)),
        (&[("last-event-id", b"a\tb")], Err(40004)),
        // Servers read Latin-1 or UTF-8, so one event id would have two spellings.
        (&[("last-event-id", b"a\xE9")], Err(40004)),
        (&[("last-event-id", "\u{e9}9".as_bytes())], Err(40004)),
        (&[("last-event-id", b"a"), ("last-event-id", b"b")], Err(40004)),
        (&[V28], Ok(())),
        (&[("mcp-protocol-version", b"1900-01-01")], Ok(())),
        (&[("mcp-protocol-version", b"")], Ok(())),
        (&[("mcp-protocol-version", b"2025-03-26T00:00:00+01:00")], Ok(())),
        (&[("mcp-protocol-version", b"2025-11-25, 2026-07-28")], Err(40001)),
        // A word that is not a date may be a version that the upstream answers; the body must have
        // the same.
        (&[("mcp-protocol-version", b"DRAFT-2026-v1")], Ok(())),
        (&[("mcp-protocol-version", b"v1 v2")], Err(40001)),
        (&[("mcp-protocol-version", b"v\"1")], Err(40001)),
        (&[("mcp-protocol-version", &long[..33])], Err(40001)),
        (&[V28, V28], Err(40001)),
        (&[V25, V28], Err(40001)),
    ];
    for (lines, expected) in cases {
        let headers = map(lines);
        let checked = |method| check_shape(&headers).and_then(|()| check_session(&headers, method));
        assert_eq!(checked("ping").map_err(|refusal| refusal.row().code), *expected, "{lines:?}");
        let ignored = lines.iter().any(|(name, _)| *name == "mcp-session-id");
        let expected = if ignored { Ok(()) } else { *expected };
        assert_eq!(checked("initialize").map_err(|refusal| refusal.row().code), expected, "{lines:?}");
    }
}

#[test]
fn c15_attacks_050_to_053_era_and_name_are_the_bodys() {
    let danger = modern("tools/call", r#""name":"danger""#);
    let legacy = message(true, "tools/call", r#""name":"danger""#);
    let cases: &[(&str, Lines<'_>, &Message, Result<Era, i32>)] = &[
        ("all agree", &[V28, CALL, DANGER], &danger, Ok(Era::Modern)),
        ("attack 050: another name", &[V28, CALL, SAFE], &danger, MISMATCH),
        ("attack 051: an old version in the header", &[V25, CALL, SAFE], &danger, MISMATCH),
        ("attack 051: and the right name", &[V25, CALL, DANGER], &danger, MISMATCH),
        ("attack 052: no version in the header", &[CALL, SAFE], &danger, MISMATCH),
        ("attack 052: and the right name", &[CALL, DANGER], &danger, MISMATCH),
        ("another modern version", &[("mcp-protocol-version", b"2026-07-29"), CALL, DANGER], &danger, MISMATCH),
        ("c15: header modern, body legacy", &[V28, CALL, DANGER], &legacy, Err(-32602)),
        ("c15: header of the future, body legacy", &[("mcp-protocol-version", b"2027-01-01")], &legacy, Err(-32602)),
        ("attack 053: legacy names are not believed", &[V25, CALL, SAFE], &legacy, Ok(Era::Legacy)),
        ("attack 053: without a version", &[SAFE], &legacy, Ok(Era::Legacy)),
        (
            "legacy with a wrong Mcp-Method, twice",
            &[("mcp-method", b"ping"), ("mcp-method", b"ping")],
            &legacy,
            Ok(Era::Legacy),
        ),
        ("c17: an unknown old version", &[("mcp-protocol-version", b"1900-01-01")], &legacy, Ok(Era::Legacy)),
        ("attack 055: two versions", &[V25, V28, CALL, DANGER], &danger, Err(40001)),
        ("attack 055: two versions on legacy", &[V25, V28], &legacy, Err(40001)),
    ];
    for (case, lines, message, expected) in cases {
        assert_eq!(verdict(lines, message), *expected, "{case}");
    }
}

#[test]
fn c70_c73_c74_modern_requests_need_each_header_once() {
    let danger = modern("tools/call", r#""name":"danger""#);
    let list = modern("tools/list", "");
    let bare = message(true, "tools/list", r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#);
    let of_list: (&str, &[u8]) = ("mcp-method", b"tools/list");
    let cases: &[(&str, Lines<'_>, &Message, Result<Era, i32>)] = &[
        ("no Mcp-Method", &[V28, DANGER], &danger, MISMATCH),
        ("no Mcp-Name", &[V28, CALL], &danger, MISMATCH),
        ("attack 054: two names", &[V28, CALL, DANGER, SAFE], &danger, MISMATCH),
        ("c73: two equal names", &[V28, CALL, DANGER, DANGER], &danger, MISMATCH),
        ("c73: two equal methods", &[V28, CALL, CALL, DANGER], &danger, MISMATCH),
        ("attack 058: two in one", &[V28, CALL, ("mcp-name", b"safe, danger")], &danger, MISMATCH),
        ("attack 059: another case", &[V28, ("mcp-method", b"TOOLS/CALL"), DANGER], &danger, MISMATCH),
        ("another case of the name", &[V28, CALL, ("mcp-name", b"Danger")], &danger, MISMATCH),
        ("no name where none is", &[V28, of_list], &list, Ok(Era::Modern)),
        ("a name that the body does not say", &[V28, of_list, SAFE], &list, MISMATCH),
        ("c74: no capabilities", &[V28, of_list], &bare, Err(-32602)),
        ("c74: a mismatch goes first", &[V28, CALL], &bare, MISMATCH),
        ("no name in the body", &[V28, CALL, DANGER], &modern("tools/call", ""), Err(-32602)),
        ("c75: Mcp-Param is not ours", &[V28, of_list, ("mcp-param-tenant", b"a")], &list, Ok(Era::Modern)),
    ];
    for (case, lines, message, expected) in cases {
        assert_eq!(verdict(lines, message), *expected, "{case}");
    }
}

#[test]
fn c70_attack_061_each_method_has_its_name_where_the_table_says() {
    let cases = [
        ("tools/call", r#""name":"x""#, true),
        ("prompts/get", r#""name":"x""#, true),
        ("resources/read", r#""uri":"x","name":"y""#, true),
        ("tasks/get", r#""taskId":"x","name":"y""#, true),
        ("tasks/update", r#""taskId":"x""#, true),
        ("tasks/cancel", r#""taskId":"x""#, true),
        ("completion/complete", r#""ref":{"type":"ref/prompt","name":"x"}"#, false),
        ("vendor/exec", r#""name":"x""#, false),
        ("subscriptions/listen", r#""notifications":{}"#, false),
    ];
    for (method, params, needed) in cases {
        let message = modern(method, params);
        let line: (&str, &[u8]) = ("mcp-method", method.as_bytes());
        let missing = verdict(&[V28, line], &message);
        assert_eq!(missing, if needed { MISMATCH } else { Ok(Era::Modern) }, "{method}");
        assert_eq!(verdict(&[V28, line, ("mcp-name", b"z")], &message), MISMATCH, "{method}");
        if method != "subscriptions/listen" {
            assert_eq!(verdict(&[V28, line, ("mcp-name", b"x")], &message), Ok(Era::Modern), "{method}");
        }
        if needed && params.contains("\"y\"") {
            assert_eq!(verdict(&[V28, line, ("mcp-name", b"y")], &message), MISMATCH, "{method}");
        }
    }
}

#[test]
fn c72_attacks_056_057_060_the_encoding_of_names() {
    let cases: &[(&str, &[u8], bool)] = &[
        ("danger", b"=?base64?ZGFuZ2Vy?=", true),
        ("danger", b"  danger\t", true),
        ("danger", b"=?base64?c2FmZQ==?=", false),
        ("danger", b"=?BASE64?ZGFuZ2Vy?=", false),
        ("danger", b"=?base64?ZGFuZ2Vy", false),
        ("danger", b"=?base64?!!?=", false),
        ("danger", b"=?base64??=", false),
        ("", b"=?base64??=", true),
        ("safe", b"=?base64?c2FmZQ==?=", true),
        ("safe", b"=?base64?c2FmZQ=?=", false),
        ("safe", b"=?base64?c2FmZQ?=", false),
        ("safe", b"=?base64?c2FmZR==?=", false),
        ("safe", b"=?base64? c2FmZQ==?=", false),
        ("\u{FFFD}", b"=?base64?/w==?=", false),
        ("\u{e9}", b"=?base64?w6k=?=", true),
        ("\u{e9}", b"\xC3\xA9", false),
        ("\u{e9}", b"\xE9", false),
        (" x", b"=?base64?IHg=?=", true),
        (" x", b" x", false),
        ("=?BASE64?x?=", b"=?BASE64?x?=", true),
        ("=?base64?c2FmZQ==?=", b"=?base64?c2FmZQ==?=", false),
    ];
    for (name, header, fine) in cases {
        let message = modern("tools/call", &format!(r#""name":"{name}""#));
        let expected = if *fine { Ok(Era::Modern) } else { MISMATCH };
        assert_eq!(verdict(&[V28, CALL, ("mcp-name", header)], &message), expected, "{name} {}", header.escape_ascii());
    }
}

#[test]
fn c76_a_notification_needs_no_header_and_may_have_no_wrong_one() {
    let note = |params: &str| message(false, "notifications/cancelled", params);
    let of_note: (&str, &[u8]) = ("mcp-method", b"notifications/cancelled");
    let odd = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"soon"}"#;
    let cases: &[(&str, Lines<'_>, Message, Result<Era, i32>)] = &[
        ("legacy", &[], note(""), Ok(Era::Legacy)),
        ("modern by its header", &[V28], note(""), Ok(Era::Modern)),
        ("modern by its body", &[], note(MODERN), Ok(Era::Modern)),
        ("by both", &[V28, of_note], note(MODERN), Ok(Era::Modern)),
        ("another version", &[V25], note(MODERN), MISMATCH),
        ("an invalid version", &[], note(odd), Err(-32602)),
        ("another method", &[V28, CALL], note(""), MISMATCH),
        ("c14: a call, without name", &[V28], message(false, "tools/call", r#""name":"danger""#), Ok(Era::Modern)),
        ("c14: a call, with another name", &[V28, SAFE], message(false, "tools/call", r#""name":"danger""#), MISMATCH),
    ];
    for (case, lines, message, expected) in cases {
        assert_eq!(verdict(lines, message), *expected, "{case}");
    }
}

#[test]
fn c34_attack_063_a_modern_response_is_refused() {
    let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let response = parse::read(&body, 64).unwrap();
    assert_eq!(verdict(&[V28], &response), Err(-32600));
    assert_eq!(verdict(&[V25], &response), Ok(Era::Legacy));
    assert_eq!(verdict(&[], &response), Ok(Era::Legacy));
}

#[test]
fn get_and_delete_have_the_era_of_their_header() {
    assert_eq!(era_without_body(&map(&[])), Ok(Era::Legacy));
    assert_eq!(era_without_body(&map(&[V25])), Ok(Era::Legacy));
    assert_eq!(era_without_body(&map(&[V28])), Ok(Era::Modern));
    assert_eq!(era_without_body(&map(&[V28, V28])), Err(Refusal::BadRequest("more than one MCP-Protocol-Version")));
}

#[test]
fn c16_c18_people_c5_attack_283_a_version_that_is_no_date_is_legacy_or_the_same_in_the_body() {
    const ODD: (&str, &[u8]) = ("mcp-protocol-version", b"v999.0.0");
    let discover = ("mcp-method", b"server/discover".as_slice());
    let odd = MODERN.replace("2026-07-28", "v999.0.0");
    let asked = message(true, "server/discover", &odd);
    let plain = message(true, "server/discover", "");
    let dated = modern("server/discover", "");
    let old =
        message(true, "tools/call", &format!("\"name\":\"danger\",{}", MODERN.replace("2026-07-28", "2025-11-25")));
    let call = message(true, "tools/call", &format!("\"name\":\"danger\",{odd}"));
    let response = parse::read(&Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#), 64).unwrap();
    for (what, lines, message, expected) in [
        ("both say it", &[ODD, discover][..], &asked, Ok(Era::Unknown)),
        ("the header alone", &[ODD, discover], &plain, Ok(Era::Legacy)),
        ("the header alone, and another method: the body is judged", &[ODD, CALL, SAFE], &plain, Ok(Era::Legacy)),
        ("the body says another", &[ODD, discover], &dated, MISMATCH),
        ("the body says a date of the legacy era", &[ODD, CALL, DANGER], &old, MISMATCH),
        ("the body alone", &[discover], &asked, MISMATCH),
        ("another method in the header", &[ODD, CALL], &asked, MISMATCH),
        ("attack 050 in an unknown version", &[ODD, CALL, SAFE], &call, MISMATCH),
        ("a call in an unknown version", &[ODD, CALL, DANGER], &call, Ok(Era::Unknown)),
        ("a response", &[ODD], &response, Ok(Era::Legacy)),
        ("two", &[ODD, ODD], &plain, Err(40001)),
        ("a list", &[("mcp-protocol-version", b"v1,2026-07-28")], &plain, Err(40001)),
    ] {
        assert_eq!(verdict(lines, message), expected, "{what}");
    }
    assert_eq!((era_without_body(&map(&[ODD])), permit_batch(&map(&[ODD]))), (Ok(Era::Legacy), Ok(false)));
}

#[test]
fn attack_187_a_legacy_version_in_the_body_makes_nothing_modern() {
    let said = |version: &str, request: bool| {
        let meta = MODERN.replace("2026-07-28", version);
        message(request, "tools/call", &format!(r#""name":"danger",{meta}"#))
    };
    let header = |version: &'static str| -> (&str, &[u8]) { ("mcp-protocol-version", version.as_bytes()) };
    let legacy = ["1900-01-01", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-27"];
    for version in legacy {
        for (what, request) in [("a request", true), ("a notification", false)] {
            assert_eq!(verdict(&[header(version)], &said(version, request)), Ok(Era::Legacy), "{what} {version}");
            // As in attack 51: servers differ in which of the two counts.
            for other in ["2026-07-28", "2025-11-24", "v1"] {
                let got = verdict(&[header(version), CALL, DANGER], &said(other, request));
                assert_eq!(got, MISMATCH, "{what} {version} {other}");
            }
            assert_eq!(verdict(&[V28, CALL, DANGER], &said(version, request)), MISMATCH, "{what} 2026-07-28 {version}");
        }
        assert_eq!(verdict(&[CALL, DANGER], &said(version, true)), MISMATCH, "no header, {version}");
        assert_eq!(verdict(&[], &said(version, false)), Ok(Era::Legacy), "a notification without a header, {version}");
    }
    for version in ["2026-07-28", "2026-07-29", "9999-12-31"] {
        assert_eq!(verdict(&[header(version), CALL, DANGER], &said(version, true)), Ok(Era::Modern), "{version}");
        assert_eq!(verdict(&[header(version), CALL, SAFE], &said(version, true)), MISMATCH, "{version}");
    }
}

#[test]
fn c13_people_c5_attack_281_bare_params_are_of_the_legacy_era() {
    for params in ["null", "[]"] {
        for id in ["\"id\":1,", ""] {
            let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":"tools/list","params":{params}}}"#);
            let message = parse::read(&Bytes::from(body), 64).unwrap();
            assert_eq!(verdict(&[], &message), Ok(Era::Legacy));
            assert_eq!(verdict(&[V25], &message), Ok(Era::Legacy));
            assert_eq!(verdict(&[("mcp-protocol-version", b"v1")], &message), Ok(Era::Legacy));
            assert_eq!(verdict(&[V28, ("mcp-method", b"tools/list")], &message), Err(-32602));
        }
    }
}
