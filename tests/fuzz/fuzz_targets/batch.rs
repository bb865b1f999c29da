//! Looks for a batch whose elements `serde_json` reads differently.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::batch(input);
});
