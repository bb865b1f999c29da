//! Looks for a claim of a client that is read as the word of a trusted proxy.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::forwarded(input);
});
