//! Why a store failed. Clients get a 503 that does not say why.

use std::fmt;

use crate::{
    authorization_server::store::kind::EntryKind,
    decide::authorization_server::error::{Code, OAuthError},
};

/// The store cannot be reached, is full, or contains an unreadable entry.
#[derive(Clone, Debug)]
pub struct StoreFault(pub String);

impl fmt::Display for StoreFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the store failed: {}", self.0)
    }
}

impl std::error::Error for StoreFault {}

impl StoreFault {
    /// No room: a new entry is refused rather than a live one deleted.
    pub(crate) fn full(kind: EntryKind) -> Self {
        Self(format!("there is no room for another entry of kind {}", kind.name()))
    }
}

impl From<StoreFault> for OAuthError {
    /// The client does not learn the cause; the log has it (SPEC D-34).
    fn from(fault: StoreFault) -> Self {
        tracing::warn!(target: "portcullis::authorization_server", %fault, "request refused with 503");
        Code::TemporarilyUnavailable.because("the authorization server is temporarily unavailable; try again later")
    }
}
