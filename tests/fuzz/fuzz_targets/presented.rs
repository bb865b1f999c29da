//! A credential is found only where there is one. Input: `Authorization` values line by line, an empty line, a query.
#![no_main]

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;
use portcullis::{base::limits::TOKEN_BYTES_MAX, decide::token::presented::Presented};

fuzz_target!(|bytes: &[u8]| {
    let (head, query) = match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&bytes[..at], std::str::from_utf8(&bytes[at + 2..]).ok()),
        None => (bytes, None),
    };
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(AUTHORIZATION, value);
        }
    }
    if let Ok(presented) = Presented::find(&headers, query) {
        let token = presented.token();
        assert_eq!(headers.len(), 1);
        assert!(!token.is_empty() && token.len() <= TOKEN_BYTES_MAX && !token.contains([' ', ',']));
    }
});
