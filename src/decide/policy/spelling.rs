//! One spelling of a pattern, with stars that stop at a slash and stars that do not.

use crate::decide::policy::glob::Glob;

/// One spelling, compiled both with stars that stop at a slash and with stars that do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) within: Glob,
    crossing: Glob,
}

impl Spelling {
    pub(super) fn new(pattern: &str) -> Self {
        Self { within: Glob::within(pattern), crossing: Glob::new(pattern) }
    }

    pub(super) fn matches(&self, text: &str, deny: bool) -> bool {
        if deny { self.crossing.matches(text) } else { self.within.matches(text) }
    }
}
