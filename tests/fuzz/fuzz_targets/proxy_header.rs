//! Looks for a PROXY header that is read in two ways.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::proxy_header(input);
});
