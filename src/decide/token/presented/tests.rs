//! Where a token may be, and where it may not (SPEC B-01…B-07, B-62).

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::base::limits::tokens::TOKEN_BYTES;

const LIMIT: u64 = TOKEN_BYTES as u64;
const TWO: Refusal = Refusal::Presentation(PresentationFault::TwoCredentials);
const QUERY: Refusal = Refusal::Presentation(PresentationFault::InQuery);
const MALFORMED: Refusal = Refusal::Presentation(PresentationFault::Malformed);
const NONE: Refusal = Refusal::NoCredential;

type Line<'a> = (&'a str, &'a [u8]);

fn headers(lines: &[Line<'_>]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    map
}

#[test]
fn b01_one_bearer_token_and_nothing_else() {
    let cases: [(&[u8], Result<&str, Refusal>); 31] = [
        (b"Bearer x", Ok("x")),
        (b"bearer x", Ok("x")),
        (b"BEARER x", Ok("x")),
        (b"bEaReR   x", Ok("x")),
        (b"Bearer aZ09-._~+/==", Ok("aZ09-._~+/==")),
        (b"Bearer", Err(MALFORMED)),
        (b"Bearer ", Err(MALFORMED)),
        (b"Bearer    ", Err(MALFORMED)),
        (b"Bearer =", Err(MALFORMED)),
        (b"Bearer x y", Err(MALFORMED)),
        (b"Bearer x ", Err(MALFORMED)),
        (b"Bearer x\ty", Err(MALFORMED)),
        (b"Bearer\tx", Err(MALFORMED)),
        (b"Bearer \tx", Err(MALFORMED)),
        (b"Bearer=x", Err(MALFORMED)),
        (b"Bearer/x", Err(MALFORMED)),
        (b"Bearer x=y", Err(MALFORMED)),
        (b"Bearer \"x\"", Err(MALFORMED)),
        (b"Bearer x;y", Err(MALFORMED)),
        (b"Bearer caf\xC3\xA9", Err(MALFORMED)),
        (b"Bearer \xFF", Err(MALFORMED)),
        (b"\xFFBearer x", Err(MALFORMED)),
        (b" Bearer x", Err(MALFORMED)),
        (b"", Err(MALFORMED)),
        (b"Bearer Bearer x", Err(MALFORMED)),
        (b"Bearerx", Err(NONE)),
        (b"Token x", Err(NONE)),
        (b"x", Err(NONE)),
        (b"Basic dXNlcjpwYXNz", Err(NONE)),
        (b"Digest username=\"bearer\", realm=\"r\"", Err(NONE)),
        (b"DPoP eyJhbGciOiJub25lIn0", Err(NONE)),
    ];
    for (value, verdict) in cases {
        let map = headers(&[("authorization", value)]);
        assert_eq!(
            Presented::find(&map, None, LIMIT).map(|presented| presented.token()),
            verdict,
            "{}",
            value.escape_ascii()
        );
    }
}

#[test]
fn attack_086_two_credentials_are_refused_in_either_order() {
    let cases: [&[Line<'_>]; 10] = [
        &[("authorization", b"Bearer good"), ("authorization", b"Bearer bad")],
        &[("authorization", b"Bearer bad"), ("Authorization", b"Bearer good")],
        &[("authorization", b"Bearer same"), ("authorization", b"Bearer same")],
        &[("authorization", b"Basic a"), ("authorization", b"Bearer b")],
        &[("authorization", b"Bearer b"), ("authorization", b"")],
        &[("authorization", b"Bearer a, Bearer b")],
        &[("authorization", b"Bearer a,Bearer b")],
        &[("authorization", b"Bearer a, ")],
        &[("authorization", b"Basic a, Bearer b")],
        &[("authorization", b"DPoP a ,\t bearer b")],
    ];
    for lines in cases {
        assert_eq!(Presented::find(&headers(lines), None, LIMIT), Err(TWO), "{lines:?}");
    }
}

#[test]
fn attack_087_a_token_in_the_query_is_refused_however_it_is_spelled() {
    let one = headers(&[("authorization", b"Bearer x")]);
    let none = HeaderMap::new();
    for query in [
        "access_token=x",
        "access_token=",
        "access_token",
        "a=1&access_token=x",
        "a=1;access_token=x",
        "access%5ftoken=x",
        "access%5Ftoken=x",
        "Access_Token=x",
        "%61%63%63%65%73%73%5f%74%6f%6b%65%6e=x",
        "%41ccess_token=x",
        "b&&access_token=x&c",
    ] {
        assert_eq!(Presented::find(&one, Some(query), LIMIT), Err(QUERY), "{query}");
        assert_eq!(Presented::find(&none, Some(query), LIMIT), Err(QUERY), "{query}");
    }
    for query in
        ["", "a=access_token", "access_tokens=x", "xaccess_token=x", "access%5token=x", "token=x", "%", "%f", "é"]
    {
        assert_eq!(Presented::find(&one, Some(query), LIMIT), Ok(Presented { token: "x" }), "{query}");
        assert_eq!(Presented::find(&none, Some(query), LIMIT), Err(NONE), "{query}");
    }
}

#[test]
fn b06_nothing_else_is_a_credential() {
    let map = headers(&[
        ("cookie", b"access_token=x; Authorization=Bearer x"),
        ("x-api-key", b"x"),
        ("x-forwarded-access-token", b"x"),
        ("x-access-token", b"x"),
        ("x-auth-request-access-token", b"x"),
        ("proxy-authorization", b"Bearer x"),
        ("dpop", b"x"),
    ]);
    assert_eq!(Presented::find(&map, None, LIMIT), Err(NONE));
}

#[test]
fn b07_size_comes_before_everything_that_costs() {
    let limit = "a".repeat(TOKEN_BYTES);
    let map = headers(&[("authorization", format!("Bearer {limit}").as_bytes())]);
    assert_eq!(Presented::find(&map, None, LIMIT).map(|presented| presented.token().len()), Ok(TOKEN_BYTES));

    for token in
        ["a".repeat(TOKEN_BYTES + 1), "a".repeat(64 * 1024), format!("{limit}, Bearer b"), format!("{limit} b")]
    {
        let map = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
        assert_eq!(Presented::find(&map, None, LIMIT), Err(Refusal::Token(TokenFault::Oversize)));
    }
}

#[test]
fn b62_a_proof_beside_a_bearer_token_is_a_downgrade() {
    let cases: [(&[Line<'_>], Refusal); 3] = [
        (&[("authorization", b"Bearer x"), ("dpop", b"proof")], TWO),
        (&[("authorization", b"DPoP x"), ("dpop", b"proof")], NONE),
        (&[("dpop", b"proof")], NONE),
    ];
    for (lines, refusal) in cases {
        assert_eq!(Presented::find(&headers(lines), None, LIMIT), Err(refusal), "{lines:?}");
    }
}

#[test]
fn p10_a_presented_token_does_not_print() {
    let map = headers(&[("authorization", b"Bearer hunter2")]);
    assert!(!format!("{:?}", Presented::find(&map, None, LIMIT)).contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b01_what_is_found_is_a_b64token(value in "(?i-u:bearer)?[ -~]{0,40}", query in proptest::option::of(".{0,40}")) {
        let map = headers(&[("authorization", value.as_bytes())]);
        if let Ok(presented) = Presented::find(&map, query.as_deref(), LIMIT) {
            prop_assert!(value.ends_with(presented.token()));
            prop_assert!(!presented.token().contains([' ', ',', '"', ';', '\t']));
        }
    }
}

#[test]
fn b01_the_bytes_of_a_token_are_those_of_the_grammar() {
    for byte in 0..=u8::MAX {
        let named = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        assert_eq!(is_b64token(byte), named, "{byte:#x}");
    }
}
