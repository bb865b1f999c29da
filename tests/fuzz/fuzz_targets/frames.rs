//! Looks for HTTP/2 frames whose error codes are missed, or depend on how the frames are cut.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::frames(input);
});
