//! Looks for HTTP/2 header blocks whose verdict depends on how they are cut.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::blocks(input);
});
