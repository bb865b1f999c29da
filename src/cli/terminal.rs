//! The output and the exit codes of commands, and words that are safe in a shell.

use std::io::{self, Write};

use crate::config::{file, source::ConfigSource};

/// The system, or a service that the gateway depends on, failed.
pub(super) const FAULT: u8 = 1;
/// The configuration or the command line is wrong.
pub(super) const BAD_CONFIG: u8 = 2;
/// `explain`: the request would be refused.
pub(super) const REFUSED: u8 = 3;

/// Reads a configuration. Prints its problems to standard error.
pub(super) fn load(config: &ConfigSource) -> Result<file::Loaded, u8> {
    config.load().map_err(|problems| {
        complain(&problems.to_string());
        BAD_CONFIG
    })
}

/// Writes lines to standard output. An error is ignored: the reader may have closed its end.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes lines to standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A word of a shell's command line.
pub(super) fn word(text: &str) -> String {
    let is_plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'=' | b',' | b'%' | b'+');
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
