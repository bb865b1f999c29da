//! Which answers have one framing and one label.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::one_reading;

/// The fields after the check, in order.
fn read(lines: &[(&'static str, &[u8])]) -> Result<Vec<String>, &'static str> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    one_reading(StatusCode::OK, &mut headers)?;
    Ok(headers.iter().map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii())).collect())
}

#[test]
fn attack_188_a_length_is_one_number_or_none() {
    let cases: &[(&[&[u8]], Option<&str>)] = &[
        (&[b"42"], Some("42")),
        (&[b"0"], Some("0")),
        (&[b"9223372036854775807"], Some("9223372036854775807")),
        (&[b"42, 42"], Some("42")),
        (&[b"42,42 ,\t42"], Some("42")),
        (&[b"42", b"42"], Some("42")),
        (&[b"42", b"42, 42"], Some("42")),
        (&[b"042"], Some("42")),
        (&[b"00"], Some("0")),
        (&[b"042, 42"], Some("42")),
        (&[b"42, 43"], None),
        (&[b"42", b"43"], None),
        (&[b"43", b"42"], None),
        (&[b"42,"], None),
        (&[b",42"], None),
        (&[b"+42"], None),
        (&[b"-42"], None),
        (&[b"+42, +42"], None),
        (&[b"0x2a"], None),
        (&[b"4 2"], None),
        (&[b"42.0"], None),
        (&[b"4e1"], None),
        (&[b""], None),
        (&[b"\xd9\xa4"], None),
        (&[b"18446744073709551616"], None),
        (&[b"99999999999999999999999999"], None),
    ];
    for (values, length) in cases {
        let lines: Vec<(&str, &[u8])> = values.iter().map(|value| ("content-length", *value)).collect();
        let expected = length.map(|length| vec![format!("content-length: {length}")]);
        assert_eq!(read(&lines).ok(), expected, "{values:?}");
    }
}

#[test]
fn attack_188_an_answer_without_a_body_has_no_length() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let mut headers = HeaderMap::new();
        headers.insert("content-length", HeaderValue::from_static("5"));
        assert_eq!(one_reading(status, &mut headers), Ok(()));
        assert!(headers.is_empty(), "{status}");
    }
}

#[test]
fn attack_188_no_coding_stays_on_the_bytes() {
    for (values, fine) in [
        (&["chunked"][..], true),
        (&["Chunked"], true),
        (&["gzip, chunked"], false),
        (&["chunked, chunked"], false),
        (&["chunked", "chunked"], false),
        (&["gzip", "chunked"], false),
        (&["gzip"], false),
        (&["identity"], false),
        (&["chunked, identity"], false),
        (&[""], false),
    ] {
        let lines: Vec<(&str, &[u8])> = values.iter().map(|value| ("transfer-encoding", value.as_bytes())).collect();
        assert_eq!(read(&lines).is_ok(), fine, "{values:?}");
    }
}

#[test]
fn attack_188_a_type_is_one_type() {
    for (values, kept) in [
        (&["application/json"][..], Some("application/json")),
        (&["application/json; charset=utf-8"], Some("application/json; charset=utf-8")),
        (&["application/json", "application/json"], Some("application/json")),
        (&["application/json, Application/JSON"], Some("Application/JSON")),
        (&["text/x; a=\"b,c\""], Some("text/x; a=\\\"b,c\\\"")),
        (&["text/x; a=\"b\\\",c\"", "text/x; a=\"b\\\",c\""], Some("text/x; a=\\\"b\\\\\\\",c\\\"")),
        (&["application/json", "text/event-stream"], None),
        (&["text/event-stream", "application/json"], None),
        (&["application/json, text/event-stream"], None),
        (&["application/json; a=\"b\", text/event-stream"], None),
        (&["application/json", "application/json; charset=utf-8"], None),
        (&["application/json,"], None),
    ] {
        let lines: Vec<(&str, &[u8])> = values.iter().map(|value| ("content-type", value.as_bytes())).collect();
        let expected = kept.map(|kept| vec![format!("content-type: {kept}")]);
        assert_eq!(read(&lines).ok(), expected, "{values:?}");
    }
    assert_eq!(read(&[]), Ok(vec![]));
}
