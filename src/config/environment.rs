//! Reads environment variables.

use std::ffi::OsString;

/// Looks up one variable.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A variable of this process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
