//! Looks for rules that decide otherwise than they explain, or forget a scope that is needed.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::policy(input);
});
