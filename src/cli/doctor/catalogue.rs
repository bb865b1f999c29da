//! The catalogue of faults: what clients show for each, its cause, and what to write or to do.
//!
//! `doctor` looks up here what a finding means, and `docs/troubleshooting.md` is written from it.

mod browser;
mod client;
mod endpoint;
mod issuer;
mod issuers_own;
mod known_fault;
pub(super) mod page;
mod reach;
mod reasons;
mod resource;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod upstream;

pub(super) use known_fault::KnownFault;

use known_fault::FaultGroup;

/// All faults, in the order in which a client meets them.
const GROUPS: [FaultGroup; 9] = [
    reach::GROUP,
    endpoint::GROUP,
    resource::GROUP,
    issuer::GROUP,
    browser::GROUP,
    token::GROUP,
    upstream::GROUP,
    issuers_own::GROUP,
    store::GROUP,
];

/// All faults.
pub(super) fn known() -> impl Iterator<Item = &'static KnownFault> {
    GROUPS.iter().flat_map(|group| group.faults)
}
