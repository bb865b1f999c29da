//! Decides whether the gateway, or an MCP server through `paths`, may answer at a path (E-39).

use std::iter;

use crate::decide::{
    pass_through::{PathTable, spelling::readings},
    routing::Routes,
};

/// The paths of the gateway's names that other programs at the same names cannot have.
///
/// An ingress may send the other paths of a name to applications, which are clients of the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnsweredPaths {
    /// What passes to MCP servers.
    pub passed: PathTable,
    /// What the gateway answers itself. `None` if that cannot be built, which stops the start.
    pub routes: Option<Routes>,
    /// The paths of embedded authorization servers: all below them are theirs.
    pub issuers: Vec<Box<str>>,
    /// Single paths: documents, probes.
    pub single: Vec<Box<str>>,
}

impl AnsweredPaths {
    /// Whether a request to `raw`, which is not decoded, may be answered here in any reading that
    /// servers give it, with or without a slash at its end. A path that servers read in several
    /// ways may be any path.
    #[must_use]
    pub fn may_have(&self, raw: &str) -> bool {
        let raw = if raw.is_empty() { "/" } else { raw };
        let Ok(readings) = readings(raw) else { return true };
        iter::once(raw).chain(readings.iter().map(String::as_str)).any(|reading| {
            let without = reading.trim_end_matches('/');
            self.have(without) || self.have(&format!("{without}/"))
        })
    }

    fn have(&self, path: &str) -> bool {
        let mut issuers = self.issuers.iter();
        self.passed.find(path).is_some()
            || self.routes.as_ref().is_some_and(|routes| routes.has(path))
            || self.single.iter().any(|single| **single == *path)
            || issuers.any(|root| path.strip_prefix(&**root).is_some_and(|rest| rest.starts_with('/')))
    }
}
