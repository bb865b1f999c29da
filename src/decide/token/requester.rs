//! Who sent a request: a verified caller, or an address without a token.

use std::{net::IpAddr, sync::Arc};

use crate::decide::token::caller::Caller;

/// Who sent a request. What belongs to a caller (identity headers, tasks, events, the owner of a
/// session) asks for a [`Caller`], which an anonymous request never has.
#[derive(Clone, Debug)]
pub enum Requester {
    /// No token came. Only what a rule calls `public` is permitted.
    Anonymous(IpAddr),
    /// The token was verified.
    Verified(Arc<Caller>),
}

impl Requester {
    /// The verified caller.
    #[must_use]
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        match self {
            Self::Anonymous(_) => None,
            Self::Verified(caller) => Some(caller),
        }
    }
}
