//! Checks one's own configuration and what it depends on: upstreams, issuers, stores, files.
//!
//! `check --online` can call [`check`] as well: it asks what the gateway asks, changes nothing, and
//! returns nothing if all is well. A [`Finding`] of severity `Fault` is a problem, and one of
//! severity `Warning` a warning; `at` begins with `file:line:column key`.

use crate::cli::doctor::finding::Finding;

mod files;
mod idp;
mod issuers;
mod listeners;
mod metadata;
mod own_file;
mod process;
mod redis;
mod refresh;
mod upstreams;
mod words;

pub(crate) use own_file::OwnFile;

/// What is wrong with it.
pub(crate) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = listeners::check(of);
    findings.extend(files::check(of));
    findings.extend(Box::pin(process::check(of)).await);
    findings.extend(Box::pin(redis::check(of)).await);
    findings.extend(Box::pin(issuers::check(of)).await);
    findings.extend(Box::pin(idp::check(of)).await);
    findings.extend(Box::pin(upstreams::check(of)).await);
    findings
}
