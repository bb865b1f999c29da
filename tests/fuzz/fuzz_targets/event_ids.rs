//! Looks for a stream whose ids depend on how it was cut.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::event_ids(input);
});
