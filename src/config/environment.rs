//! Reads variables of the environment.

use std::ffi::OsString;

/// Looks up one variable.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The environment of this process.
#[must_use]
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
