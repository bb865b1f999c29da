//! Looks for a key set that stops its reader, or is larger than may be.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::jwks_read(input);
});
