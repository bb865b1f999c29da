//! Looks for a list that passes where none belongs, and for an answer without one that does not.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::guard(input);
});
