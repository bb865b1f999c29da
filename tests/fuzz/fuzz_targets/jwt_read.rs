//! Looks for a token that stops the reader of its shape.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::jwt_read(input);
});
