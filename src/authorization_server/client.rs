//! OAuth clients: configured, from dynamic registration, or described by a document.

pub(crate) mod authenticate;
pub mod documents;
pub(crate) mod find;
pub(crate) mod last_good;
pub(crate) mod registered;
pub(crate) mod told;
