//! Headers of answers (SPEC D-02, E-18, E-20).

use super::*;

fn header<'a>(answer: &'a EndpointAnswer, name: &str) -> &'a str {
    answer.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn e18_d02_a_page_runs_nothing_and_is_framed_nowhere() {
    let html = "<html><style>p{}</style><form action=x></form></html>".to_owned();
    let answer = page(StatusCode::OK, html, &["a=1".to_owned(), "b=2".to_owned()], FormTargets::Own);
    let digest = STANDARD.encode(sha256(b"p{}"));
    assert_eq!(
        header(&answer, "content-security-policy"),
        format!(
            "default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; \
             form-action 'self'"
        )
    );
    assert_eq!(header(&answer, "x-frame-options"), "DENY");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(header(&answer, "referrer-policy"), "same-origin", "or no form would tell where it comes from");
    assert_eq!(header(&answer, "access-control-allow-origin"), "");
    assert_eq!(answer.response.headers().get_all("set-cookie").iter().count(), 2);

    let answer = page(StatusCode::BAD_REQUEST, "<p>no</p>".to_owned(), &[], FormTargets::AndOnward);
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    let open = "default-src 'none'; style-src 'none'; frame-ancestors 'none'; base-uri 'none'";
    assert_eq!(header(&answer, "content-security-policy"), open);
}

#[test]
fn e18_login_b4_a_page_that_leads_on_says_so_in_a_header() {
    let mut answer = page(StatusCode::OK, "<p>".to_owned(), &[], FormTargets::Own);
    refresh(&mut answer, "com.example.app:/back?code=a&state=b;c");
    assert_eq!(header(&answer, "refresh"), "0; url=com.example.app:/back?code=a&state=b;c");
    let mut answer = page(StatusCode::OK, "<p>".to_owned(), &[], FormTargets::Own);
    refresh(&mut answer, "https://app.example/\r\nx: y");
    assert_eq!(header(&answer, "refresh"), "");
}

#[test]
fn d55_a_redirect_is_a_get_and_leaves_no_trace() {
    let answer = redirect("https://app.example/back?code=x", &["a=1".to_owned()]);
    assert_eq!(answer.response.status(), 303);
    assert_eq!(header(&answer, "location"), "https://app.example/back?code=x");
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(redirect("https://x/\r\nset-cookie: a", &[]).response.status(), 500);
}

#[test]
fn e26_who_is_told_to_wait_is_told_how_long() {
    let away = refuse(&Code::TemporarilyUnavailable.because("x"), false);
    assert_eq!((away.response.status().as_u16(), header(&away, "retry-after")), (503, "5"));
    let slow = deny(&Denied::slow_down(Duration::from_millis(1_500)), false);
    assert_eq!((slow.response.status().as_u16(), header(&slow, "retry-after")), (429, "2"));
    let soon = deny(&Denied::slow_down(Duration::ZERO), false);
    assert_eq!(header(&soon, "retry-after"), "1");
    let other = refuse(&Code::InvalidGrant.because("x"), true);
    assert_eq!((header(&other, "retry-after"), header(&other, "www-authenticate")), ("", ""));
    let fault = Denied::from(StoreFault("redis://user:password@host".to_owned()));
    assert!(!String::from_utf8_lossy(deny(&fault, false).response.body()).contains("password"));
}
