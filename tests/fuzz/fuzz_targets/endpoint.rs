//! Looks for an `endpoint` event that leads to another origin than its stream's.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::endpoint(input);
});
