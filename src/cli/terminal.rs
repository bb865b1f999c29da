//! What a command prints, and the code it exits with.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::config::file;

/// The system, or a service that the gateway depends on, failed.
pub(super) const FAULT: u8 = 1;
/// The configuration or the command line is wrong.
pub(super) const BAD_CONFIG: u8 = 2;
/// `explain`: the request would be refused.
pub(super) const REFUSED: u8 = 3;

/// Reads a configuration. Its problems go to standard error.
pub(super) fn load(path: &Path) -> Result<file::Loaded, u8> {
    file::load(path).map_err(|problems| {
        complain(&problems.to_string());
        BAD_CONFIG
    })
}

/// Writes a line, or several, to standard output. A reader that closed it gets no more, without an error.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a line, or several, to standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
