//! Looks for bytes that get past the watch over a connection, or whose verdict depends on how they are cut.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::framing(input);
});
