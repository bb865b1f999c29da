//! Looks for client metadata that say more than they may.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::grant_registration(input);
});
