//! Looks for a list whose cut differs from what `serde_json` would leave of it.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::list(input);
});
