//! Forms that have one meaning, and forms that do not.

use super::{Form, encode};
use crate::{
    base::limits::authorization_server::{FORM_BYTES_MAX, FORM_PARAMETERS_MAX},
    decide::authorization_server::error::Code,
};

#[test]
fn e14_a_form_with_one_meaning_is_read() {
    for (text, name, value) in [
        ("a=1", "a", Some("1")),
        ("a=1&b=2", "b", Some("2")),
        ("&a=1&&", "a", Some("1")),
        ("a=b=c", "a", Some("b=c")),
        ("a=x+y%20z%2B", "a", Some("x y z+")),
        ("a=%C3%A9%f0%9f%98%80", "a", Some("é😀")),
        ("a=1%3B2%262", "a", Some("1;2&2")),
        ("%61=1", "a", Some("1")),
        ("a", "a", None),
        ("a=", "a", None),
        ("A=1", "a", None),
        ("a%20=1", "a", None),
        ("", "a", None),
        ("a=%09", "a", Some("\t")),
        ("a=%2541", "a", Some("%41")),
    ] {
        assert_eq!(Form::read(text.as_bytes()).unwrap().get(name), value, "{text}");
    }
}

#[test]
fn e14_a_form_with_two_meanings_is_refused() {
    for text in [
        "client_id=a&client_id=b",
        "client_id=a&client_id=a",
        "client_id=&client_id=b",
        "client_id&client_id=b",
        "client_id=a&client%5Fid=b",
        "unknown=1&unknown=2",
        "a=1;b=2",
        "a=1&;",
        "=1",
        "%=1",
        "a=%",
        "a=%4",
        "a=%4g",
        "a=%+1",
        "a=%%341",
        "a=%u0041",
        "a=%00",
        "a=x%0d%0aLocation:",
        "a%00=1",
        "a=%7f",
        "a=%C2%80",
        "a=%C0%AF",
        "a=%ED%A0%80",
        "a=%FF",
        "a=é",
        "a=1 2",
        "a=1\n",
        "a=1\0",
    ] {
        assert_eq!(Form::read(text.as_bytes()).unwrap_err().code, Code::InvalidRequest, "{text:?}");
    }
    assert!(Form::read(b"a=\xFF").is_err());
}

#[test]
fn e12_resource_alone_may_come_several_times() {
    let form = Form::read(b"resource=a&x=1&resource=b&resource=&resource=a").unwrap();
    assert_eq!(form.all("resource").collect::<Vec<_>>(), ["a", "b", "a"]);
    assert!(Form::read(b"Resource=a&Resource=b").is_err());
}

#[test]
fn attack_157_forms_are_bounded() {
    let many = |count: usize| (0..count).map(|n| format!("p{n}=")).collect::<Vec<_>>().join("&");
    assert!(Form::read(many(FORM_PARAMETERS_MAX).as_bytes()).is_ok());
    assert!(Form::read(many(FORM_PARAMETERS_MAX + 1).as_bytes()).is_err());
    assert!(Form::read("resource=a&".repeat(FORM_PARAMETERS_MAX + 1).as_bytes()).is_err());
    let long = |bytes: usize| format!("a={}", "x".repeat(bytes - 2));
    assert!(Form::read(long(FORM_BYTES_MAX).as_bytes()).is_ok());
    assert!(Form::read(long(FORM_BYTES_MAX + 1).as_bytes()).is_err());
}

#[test]
fn p10_a_form_does_not_print_its_values() {
    let printed = format!("{:?}", Form::read(b"password=hunter2&code=abc").unwrap());
    assert!(printed.contains("password") && !printed.contains("hunter2") && !printed.contains("abc"), "{printed}");
}

#[test]
fn e13_what_is_written_reads_back_unchanged() {
    for value in ["", "plain-._~", "a b+c", "100%", "é😀", "x&state=y", "a=b", "\"<>'\\", "#;/?:@[]{}|^`"] {
        let query = encode(&[("state", value), ("iss", "https://as.example")]);
        assert!(query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%=&".contains(&byte)), "{query}");
        let form = Form::read(query.as_bytes()).unwrap();
        assert_eq!(form.get("state"), Some(value).filter(|value| !value.is_empty()), "{query}");
        assert_eq!(form.get("iss"), Some("https://as.example"));
    }
    assert_eq!(encode(&[]), "");
    assert_eq!(encode(&[("a", "1 2"), ("b", "ÿ")]), "a=1%202&b=%C3%BF");
    // RFC 6749 §2.3.1: the parts before and after the colon of Basic.
}
