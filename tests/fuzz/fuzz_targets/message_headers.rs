//! Looks for a request whose headers and body disagree, and pass.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::message_headers(input);
});
