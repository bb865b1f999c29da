//! Looks for a reading of a resource URI that is not judged.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::uri(input);
});
