//! Looks for a header field that crosses to the next hop and may not.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::hop(input);
});
