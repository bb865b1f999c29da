//! Looks for a body that the strict reader and `serde_json` read differently.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::peek(input);
});
