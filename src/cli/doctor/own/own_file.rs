//! A configuration to examine, and how findings name a place in it.

use std::{path::Path, time::Duration};

use crate::{
    app::clock::SystemClock,
    base::clock::Clock,
    config::{Settings, file::Loaded},
    outbound::{ask::Asker, reach::IssuerReach},
};

/// A configuration to examine.
#[derive(Clone, Copy)]
pub(crate) struct OwnFile<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// What it says.
    pub loaded: &'a Loaded,
    /// Asks upstreams and issuers.
    pub asker: &'a Asker,
}

impl OwnFile<'_> {
    /// `file:line:column key`.
    pub(crate) fn at(&self, key: &str) -> String {
        let (line, column) = self.loaded.places.find(key);
        format!("{}:{line}:{column} {key}", self.path.display()).trim_end().to_owned()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.loaded.settings
    }

    /// What asks an issuer as the gateway does.
    pub(super) fn asker_of(&self, reach: &IssuerReach) -> Asker {
        let trusting = reach.ca.as_ref().and_then(|ca| self.asker.trusting_only(&ca.certificates).ok());
        trusting.as_ref().unwrap_or(self.asker).reaching_issuer(reach)
    }
}

/// The time by this host's clock.
pub(super) fn wall() -> Duration {
    SystemClock::start().now().wall
}
