//! Nothing about a token's shape stops the reader, and what it takes is within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::{base::limits::TOKEN_BYTES_MAX, decide::token::jwt::Unproved};

fuzz_target!(|bytes: &[u8]| {
    let Ok(token) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(unproved) = Unproved::read(token) {
        assert!(token.len() <= TOKEN_BYTES_MAX);
        assert_eq!(token.split('.').count(), 3);
        let _ = (unproved.issuer(), unproved.key_id());
    }
});
