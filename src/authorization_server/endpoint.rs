//! One file for each endpoint of the embedded authorization server.

pub(crate) mod authorize;
pub(crate) mod consent;
pub(crate) mod login;
pub(crate) mod metadata;
pub(crate) mod register;
pub(crate) mod revoke;
pub(crate) mod token;
