//! Checks one's own configuration and what it depends on: upstreams, issuers, stores, files.
//!
//! It asks what the gateway asks, changes nothing, and finds nothing if all is well. `check
//! --online` leaves out what is of this machine, because it runs where a deployment is built. A
//! [`Finding`] of severity `Fault` is a problem, and one of severity `Warning` a warning; `at`
//! begins with `file:line:column key`.

use crate::cli::doctor::finding::Finding;

mod files;
mod idp;
mod issuers;
mod listeners;
mod metadata;
mod network;
mod notes;
mod own_file;
mod process;
mod redis;
mod refresh;
mod upstreams;
pub(super) mod words;

pub(crate) use own_file::OwnFile;

/// What is wrong with it, on the machine where the gateway runs.
pub(crate) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = listeners::check(of);
    findings.extend(files::check(of));
    findings.extend(Box::pin(process::check(of)).await);
    findings.extend(Box::pin(depends(of)).await);
    findings
}

/// What is wrong with the files that it names, and with what it contacts: also where no gateway
/// runs. `check` has told about listeners before.
pub(crate) async fn check_elsewhere(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = files::check(of);
    findings.extend(Box::pin(depends(of)).await);
    findings
}

/// What is wrong with what it contacts.
async fn depends(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = Box::pin(redis::check(of)).await;
    findings.extend(Box::pin(issuers::check(of)).await);
    findings.extend(Box::pin(idp::check(of)).await);
    findings.extend(Box::pin(upstreams::check(of)).await);
    network::joined(of, findings)
}
