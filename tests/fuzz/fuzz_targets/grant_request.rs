//! Looks for an authorization request whose answer goes astray.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::grant_request(input);
});
