//! The fuzz program: calls the target that the variable FUZZ_TARGET names.
#![no_main]

use std::{env, sync::LazyLock};

#[path = "bodies.rs"]
mod bodies;

static BODY: LazyLock<fn(&[u8]) -> bool> = LazyLock::new(|| {
    let wanted = env::var("FUZZ_TARGET").expect("FUZZ_TARGET names the target");
    let found = bodies::TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("there is no target {wanted}")).1
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    BODY(input);
});
