//! The demo by its earlier command, `cargo run --release --example demo`.
//!
//! `cargo run --release -- demo` is the same, and compiles nothing that the program itself does not need.
#![allow(missing_docs, reason = "an example has no callers")]

use std::{env::args_os, process::ExitCode};

fn main() -> ExitCode {
    let mut words: Vec<_> = args_os().collect();
    // The demo starts this program again, as the gateway.
    if words.get(1).is_none_or(|word| word != "run" && word != "demo") {
        words.insert(1, "demo".into());
    }
    portcullis::cli::main(words)
}
