//! Which fields cross the gateway.

use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::{
    append_via, can_be_passed, check_connection, check_expectation, clean_request, clean_response, loops, via,
};
use crate::decide::refusal::Refusal;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |&(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    headers
}

fn identity() -> [HeaderName; 2] {
    ["x-auth-subject", "x_team"].map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap())
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn f02_attack_107_connection_may_not_name_what_decides() {
    for (line, fine) in [
        ("keep-alive", true),
        ("close", true),
        ("Upgrade, HTTP2-Settings", true),
        ("TE, Trailer", true),
        ("x-private-hop", true),
        ("", true),
        (" , ,", true),
        ("authorization", false),
        ("Authorization", false),
        ("keep-alive, Authorization", false),
        ("authorization, mcp-session-id, x-mcp-user", false),
        ("Mcp-Session-Id", false),
        ("mcp_session_id", false),
        ("mcp-param-tenant", false),
        ("host", false),
        ("content-type", false),
        ("Content-Length", false),
        ("transfer-encoding", false),
        ("origin", false),
        ("cookie", false),
        ("x-forwarded-for", false),
        ("X-Forwarded-Client-Cert", false),
        ("forwarded", false),
        ("dpop", false),
        ("via", false),
        ("last-event-id", false),
        ("x-auth-subject", false),
        ("X_Auth_Subject", false),
        ("x-team", false),
        ("x-team, é", false),
        ("a b", false),
        ("\"authorization\"", false),
        ("a;b", false),
    ] {
        let mut request = HeaderMap::new();
        request.append("connection", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        let verdict = check_connection(&request, &identity());
        assert_eq!(verdict.is_ok(), fine, "{line}: {verdict:?}");
        assert!(matches!(verdict, Ok(()) | Err(Refusal::BadRequest(_))), "{line}: {verdict:?}");
    }
    let second_line = headers(&[("connection", "keep-alive"), ("connection", "authorization")]);
    assert!(check_connection(&second_line, &[]).is_err());
}

#[test]
fn f08_only_one_expectation_is_known() {
    for (lines, verdict) in [
        (&[][..], Ok(())),
        (&["100-continue"], Ok(())),
        (&["100-Continue"], Ok(())),
        (&["100-continue", "100-continue"], Err(Refusal::Expectation)),
        (&["100-continue, x"], Err(Refusal::Expectation)),
        (&["x"], Err(Refusal::Expectation)),
        (&[""], Err(Refusal::Expectation)),
    ] {
        let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("expect", *line)).collect();
        assert_eq!(check_expectation(&headers(&lines)), verdict, "{lines:?}");
    }
}

#[test]
fn f01_f05_b70_what_stays_here() {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "authorization",
        "dpop",
        "cookie",
        "forwarded",
        "x-forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-access-token",
        "x-forwarded-client-cert",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "client-cert",
        "client-cert-chain",
        "x-auth-request-user",
        "origin",
        "host",
        "expect",
        "content-length",
        "x-auth-subject",
        "x_team",
        // Attack 65: names that a WSGI server reads as one of the gateway's names.
        "x_auth_subject",
        "x-auth_subject",
        "x-team",
        "mcp_name",
        "mcp-session_id",
        "content_length",
        "content_type",
        "x_forwarded_for",
        "last_event_id",
        "transfer_encoding",
        "proxy_authorization",
        "x_real-ip",
        "a_name_that_is_longer_than_any_that_we_know_0123456789_0123456789_01234",
    ] {
        let mut request = headers(&[(name, "x"), ("accept", "*/*")]);
        clean_request(&mut request, &identity(), &[]);
        assert_eq!(names(&request), ["accept"], "{name}");
    }
}

#[test]
fn attack_190_what_only_a_proxy_could_say_stays_here_however_it_is_spelled() {
    let listed = super::proxy_only::listed();
    let names = listed.iter().map(|name| name.replace('*', if name.ends_with("-*") { "any" } else { "" }));
    for name in names {
        // All characters of a field name besides letters and digits (RFC 9110 §5.6.2).
        for sign in "-_.!#$%&'*+^`|~".split_terminator("").skip(1) {
            let spelled = name.replace('-', sign);
            let mut request = headers(&[(&spelled, "x"), (&spelled, "y"), ("accept", "*/*")]);
            clean_request(&mut request, &[], &[]);
            assert_eq!(self::names(&request), ["accept"], "{spelled}");
        }
    }
    for name in [
        "x-auth.subject",
        "X.Auth.Subject",
        "x.forwarded_for",
        "mcp.session.id",
        "content.type",
        "x_team.",
        "x+team~",
        "Mcp!Name",
        "x'auth|subject",
    ] {
        let mut request = headers(&[(name, "x"), ("accept", "*/*")]);
        clean_request(&mut request, &[HeaderName::from_static("x-team-")], &[]);
        assert_eq!(self::names(&request), ["accept"], "{name}");
    }
}

#[test]
fn attack_190_what_is_told_first_is_told_as_the_whole_list_would() {
    let usual = [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-type",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "mcp-session-id",
        "priority",
        "sec-fetch-mode",
        "traceparent",
        "user-agent",
    ];
    for name in usual.map(str::as_bytes) {
        assert!(super::crosses_usually(name));
        assert!(!super::is_ours(name) && !super::is_hop_by_hop(name) && !super::proxy_only::is_outside(name));
    }
}

#[test]
fn attack_190_a_header_is_given_back_in_one_spelling() {
    let passed = ["x-auth-token", "authorization", "x-forwarded-for"].map(HeaderName::from_static);
    let mut request = headers(&[
        ("x-auth-token", "1"),
        ("x_auth_token", "2"),
        ("x.auth.token", "3"),
        ("x-auth-user", "4"),
        ("authorization", "5"),
    ]);
    clean_request(&mut request, &[], &passed);
    assert_eq!(request, headers(&[("x-auth-token", "1")]));
    // Fields that the gateway writes itself cannot be passed.
    let mut request = headers(&[("x-auth-token", "1")]);
    clean_request(&mut request, &passed, &passed);
    assert!(request.is_empty());

    for (name, fine) in [
        ("x-auth-token", true),
        ("remote-user", true),
        ("forwarded", true),
        ("x-forwarded-user", true),
        ("x-forwarded-for", false),
        ("x-forwarded-host", false),
        ("x-forwarded-proto", false),
        ("authorization", false),
        ("cookie", false),
        ("host", false),
        ("connection", false),
        ("proxy-authorization", false),
        ("content-length", false),
        ("x_auth_token", false),
        ("x-api-key", false),
    ] {
        assert_eq!(can_be_passed(&HeaderName::from_bytes(name.as_bytes()).unwrap()), fine, "{name}");
    }
}

#[test]
fn f01_what_crosses() {
    let lines = [
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/json"),
        ("last-event-id", "7"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "add"),
        ("mcp-protocol-version", "2025-11-25"),
        ("traceparent", "00-1-2-01"),
        ("user-agent", "x"),
        ("via", "1.1 edge"),
        ("x-api_key", "k"),
        ("x_unknown", "u"),
    ];
    let mut request = headers(&lines);
    clean_request(&mut request, &identity(), &[]);
    assert_eq!(request, headers(&lines));
}

#[test]
fn f01_what_connection_names_goes_however_much_it_is() {
    let extra: Vec<String> = (0..40).map(|n| format!("x-hop-{n}")).collect();
    let mut request = headers(&[("connection", "close"), ("accept", "*/*"), ("host", "gw.example")]);
    request.append("connection", HeaderValue::from_str(&extra.join(", ").to_uppercase()).unwrap());
    for name in &extra {
        request.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("1"));
        request.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("2"));
    }
    let mut answer = request.clone();
    clean_request(&mut request, &[], &[]);
    assert_eq!(names(&request), ["accept"]);
    clean_response(&mut answer);
    assert_eq!(names(&answer), ["accept", "host"]);
}

#[test]
fn a38_a66_f27_attack_148_what_an_answer_may_not_say() {
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-allow-credentials",
        "alt-svc",
        "strict-transport-security",
        "clear-site-data",
        "report-to",
        "nel",
        "service-worker-allowed",
        "x-accel-redirect",
    ] {
        let mut answer = headers(&[(name, "x"), (name, "y"), ("content-type", "text/event-stream")]);
        clean_response(&mut answer);
        assert_eq!(names(&answer), ["content-type"], "{name}");
    }
    let lines = [
        ("cache-control", "no-cache"),
        ("content-encoding", "gzip"),
        ("content-length", "7"),
        ("mcp-session-id", "s"),
        ("retry-after", "1"),
        ("server", "uvicorn"),
        ("vary", "Accept"),
        ("via", "1.1 inner"),
        ("x-accel-buffering", "no"),
    ];
    let mut answer = headers(&lines);
    clean_response(&mut answer);
    assert_eq!(answer, headers(&lines));
}

#[test]
fn f10_a_length_beside_a_transfer_coding_is_not_believed() {
    let mut answer = headers(&[("content-length", "7"), ("transfer-encoding", "chunked")]);
    clean_response(&mut answer);
    assert!(answer.is_empty());
}

#[test]
fn f07_a_request_that_was_here_before_loops() {
    for (lines, looped) in [
        (&[][..], false),
        (&["1.1 edge, 2.0 portcullis-a1"], true),
        (&["1.1 edge", "HTTP/1.1 Portcullis-A1 (comment)"], true),
        (&["1.1 portcullis-a1"], true),
        (&["1.1 portcullis-a2"], false),
        (&["1.1 edge (portcullis-a1)"], false),
        (&["portcullis-a1"], false),
        (&["1.1 portcullis-a1.example"], false),
    ] {
        let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("via", *line)).collect();
        assert_eq!(loops(&headers(&lines), "portcullis-a1"), looped, "{lines:?}");
    }
    let mut request = headers(&[("via", "1.0 edge")]);
    append_via(&mut request, &via(Version::HTTP_2, "portcullis-a1").unwrap());
    assert_eq!(request, headers(&[("via", "1.0 edge"), ("via", "2.0 portcullis-a1")]));
    assert!(loops(&request, "portcullis-a1"));
    assert_eq!(via(Version::HTTP_11, "portcullis"), Some(HeaderValue::from_static("1.1 portcullis")));
    for pseudonym in ["", "a b", "a,b", "a\r\nb", "é"] {
        assert_eq!(via(Version::HTTP_11, pseudonym), None, "{pseudonym:?}");
    }
    assert_eq!(Refusal::Loop.row().status, 508);
}
