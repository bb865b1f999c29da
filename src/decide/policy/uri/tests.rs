//! How servers read a URI.

use super::{How, hazard, is_plain, readings, whatwg};

fn read(uri: &str, how: How) -> Vec<String> {
    readings(uri).into_iter().filter(|reading| reading.how == how).map(|reading| reading.text.into_owned()).collect()
}

#[test]
fn c04_a_plain_uri_has_one_reading() {
    for uri in [
        "file:///pub/a.txt",
        "file:///pub/name/a..b",
        "memo://insights/1",
        "demo://resource/static/document/features.md",
        "https://example.com/a=b,c",
        "note://a/b:c~d@e",
    ] {
        assert!(is_plain(uri), "{uri:?}");
        assert_eq!(whatwg(uri).as_deref(), Some(uri));
    }
    for uri in [
        "",
        "a",
        "a:b",
        "file://h/x",
        "file:///a/../b",
        "file:///c:/x",
        "file:///a//b",
        "file:///a/",
        "file:///a.",
        "file:///a./b",
        "http://127.1/x",
        "http://h:80/x",
        "http://h",
        "http://H/x",
        "http://u@h/x",
        "memo://1/x",
        "http://xn--a/x",
        "http://h./x",
        "file:///a%20b",
        "file:///a b",
        "file:///a\\b",
        "file:///é",
        "file:///a?b",
        "file:///a#b",
        "file:///.a",
        "1a://b/c",
    ] {
        assert!(!is_plain(uri), "{uri:?}");
    }
}

#[test]
fn each_kind_of_server_has_its_reading() {
    for (uri, how, text) in [
        ("HTTP://Example.com:080/a/../b", How::Whatwg, "http://example.com/b"),
        ("memo://internal:/x", How::Whatwg, "memo://internal/x"),
        ("file:secret.txt", How::Whatwg, "file:///secret.txt"),
        ("memo://A/%2e%2e/b", How::Rfc3986, "memo://a/b"),
        ("memo://u@a/b?#c", How::Rfc3986, "memo://a/b"),
        ("memo://a/../b", How::Rfc3986, "memo://b"),
        ("note://a/%61%20b", How::Decoded, "note://a/a b"),
        ("file:///a%2520b", How::Decoded, "file:///a b"),
        ("file://host/a", How::Posix, "file:///a"),
        ("file://host/a", How::Posix, "file:///host/a"),
        ("file:///a//../b?c", How::Posix, "file:///b"),
        ("file:///x\\..\\C|\\a", How::Windows, "file:///C:/a"),
        ("file:////nas/share/x", How::Windows, "file://nas/share/x"),
        ("file:///a. /b::$DATA", How::Windows, "file:///a/b"),
        ("postgres://10.1:05432/x", How::Possible, "postgres://10.0.0.1:5432/x"),
        ("file:///a/", How::Possible, "file:///a"),
    ] {
        let all = read(uri, how);
        assert!(all.iter().any(|reading| reading == text), "{uri} {how:?}: {all:?} in {:#?}", readings(uri));
    }
}

#[test]
fn escapes_are_undone_once_and_once_more_for_files() {
    assert!(read("note://a/%2561", How::Decoded).iter().all(|text| text != "note://a/a"));
    assert!(read("file:///%2561", How::Decoded).contains(&"file:///a".to_owned()));
    assert!(read("file:///%252561", How::Decoded).iter().all(|text| text != "file:///a"));
}

#[test]
fn what_does_not_parse_is_left_out() {
    assert_eq!(readings("no uri").len(), 1);
    assert_eq!(read("http://h:99999/x", How::Whatwg), Vec::<String>::new());
}

#[test]
fn c04_what_no_pattern_can_judge_is_named() {
    for (uri, why) in [
        ("file:///pub/../etc/passwd", "a dot segment"),
        ("file:///pub/./x", "a dot segment"),
        ("file:///pub/..", "a dot segment"),
        ("file:///pub/..?x", "a dot segment"),
        ("file:///pub/..;v=1/etc", "a dot segment"),
        ("file:///pub/..%3bv=1/etc", "a dot segment"),
        ("file:///pub/x?/../../etc", "a dot segment"),
        ("notes:../x", "a dot segment"),
        ("file:///pub/%2e%2e/etc/passwd", "an encoded dot"),
        ("file:///pub/.%2E/etc/passwd", "an encoded dot"),
        ("file:///pub%2fetc", "an encoded slash or backslash"),
        ("file:///pub%5c..%5cetc", "an encoded slash or backslash"),
        ("file:///pub\\..\\etc", "a backslash"),
        ("file:///pub/%252e%252e/etc", "a double percent escape"),
        ("file:///pub/%25%32%65/etc", "a double percent escape"),
        ("file:///pub/%", "an invalid percent escape"),
        ("file:///pub/%4", "an invalid percent escape"),
        ("file:///pub/%zz", "an invalid percent escape"),
        ("file:///pub/%+1", "an invalid percent escape"),
        ("file:///pub/x ", "a space or a character outside ASCII"),
        ("file:///pub／etc", "a space or a character outside ASCII"),
        ("1a:x", "no scheme"),
        (":x", "no scheme"),
        ("pub/x", "no scheme"),
        ("", "no scheme"),
    ] {
        assert_eq!(hazard::of(uri), Some(hazard::Hazard::Pattern(why)), "{uri:?}");
    }
    for uri in ["file:///C:/SECRET~1.TXT", "file://nas/SECRET~1/x", "FILE:c|\\SECRET%7e1\\x", "file:////nas/a/B~12.c"] {
        assert_eq!(hazard::of(uri), Some(hazard::Hazard::Always("a short file name of Windows")), "{uri:?}");
    }
    for uri in ["file:///pub/%00", "file:///pub/a%0d%0ab", "file:///pub/\u{0}", "file:///pub/a\tb", "a:\u{7f}"] {
        assert_eq!(hazard::of(uri), Some(hazard::Hazard::Always("a control character")), "{uri:?}");
    }
    for uri in [
        "file:///pub/a.txt",
        "file:///pub/.hidden/..name/a..b",
        "file:///pub/caf%C3%A9%20menu",
        "file:///pub/100%25",
        "file://server/share/x",
        "urn:isbn:0451450523",
        "file:///pub/{+path}",
        "a+b-c.1:x",
        "https://user@example.com/x",
        "HTTPS://EXAMPLE.com/x",
        "file:/x",
        "file:////x",
        "file:///srv/~1/x",
        "file:///%7Ex",
    ] {
        assert_eq!(hazard::of(uri), None, "{uri:?}");
    }
}

#[test]
fn attack_193_delimiters_are_taken_off_after_a_parser_too() {
    for uri in ["URL:http://h/x", "u\trl:http://h/x", "<URL: http://h/x>", "\u{1}url:http://h/x"] {
        assert!(readings(uri).iter().any(|reading| reading.text == "http://h/x"), "{uri:?}");
    }
}
