//! What a user or a client was granted: authorization codes, refresh families, access tokens.

pub(crate) mod access_token;
pub(crate) mod code;
pub(crate) mod family;
pub(crate) mod renewal;
pub(crate) mod revocations;
pub mod step_up;
pub(crate) mod still_granted;
