//! Looks for metadata that is believed of another issuer.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::server_metadata(input);
});
