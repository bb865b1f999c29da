//! Checks one's own configuration and what it depends on: upstreams, issuers, stores, files.

use std::path::Path;

use crate::{cli::doctor::finding::Finding, config::file::Loaded, outbound::ask::Asker};

/// A configuration to examine.
pub(crate) struct OwnFile<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// What it says.
    pub loaded: &'a Loaded,
    /// Asks upstreams and issuers.
    pub asker: &'a Asker,
}

/// What is wrong with it.
pub(crate) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let _ = (of.path, of.loaded, of.asker);
    Vec::new()
}
