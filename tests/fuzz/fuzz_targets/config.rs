//! Looks for a configuration that stops its reader, or is printed as another.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::config(input);
});
