//! Looks for a stream whose events depend on how it was cut, or that loses a byte.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::sse(input);
});
