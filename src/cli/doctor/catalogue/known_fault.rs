//! A fault that `doctor` knows: what clients show, its cause, and what to do.

/// A fault that `doctor` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownFault {
    /// Its id, the anchor in `docs/troubleshooting.md`.
    pub id: &'static str,
    /// It in one line.
    pub title: &'static str,
    /// What clients show, in their own words: the client, and a part of its message.
    pub seen: &'static [(&'static str, &'static str)],
    /// How it comes about.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// What to write into `gateway.yaml`, if that is the fix.
    pub yaml: Option<YamlPart>,
}

/// An example of lines of a configuration, by the map that they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum YamlPart {
    /// At the top.
    Top(&'static str),
    /// One of `servers`.
    Server(&'static str),
    /// `upstream` of one of `servers`.
    Upstream(&'static str),
    /// One of `authorization_servers`.
    Issuer(&'static str),
    /// `embedded` of one of `authorization_servers`.
    Embedded(&'static str),
}

/// Faults that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FaultGroup {
    /// A heading.
    pub title: &'static str,
    /// One sentence about all of them.
    pub about: &'static str,
    /// The faults.
    pub faults: &'static [KnownFault],
}
