//! Metadata is believed only for the issuer that was asked for. Input: an issuer, a line feed, a document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::decide::oauth::server_metadata;

fuzz_target!(|bytes: &[u8]| {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let Ok(issuer) = std::str::from_utf8(&bytes[..at]) else {
        return;
    };
    if let Ok(places) = server_metadata::places(issuer) {
        assert!(!places.is_empty() && places.iter().all(|place| place.contains("/.well-known/")));
    }
    if let Ok(metadata) = server_metadata::read(&bytes[at + 1..], issuer) {
        assert_eq!(&*metadata.issuer, issuer);
    }
});
