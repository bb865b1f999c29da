//! What was granted: revocations.

pub(crate) mod revocations;
