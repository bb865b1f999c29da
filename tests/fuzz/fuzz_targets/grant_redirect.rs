//! Looks for a redirect URI that leads elsewhere.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::grant_redirect(input);
});
