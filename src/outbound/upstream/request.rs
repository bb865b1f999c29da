//! A request on its way to an upstream, and what is left of it when it gets no answer.

use std::fmt::Display;

use bytes::Bytes;
use http::{HeaderMap, Method, uri::PathAndQuery};

use crate::outbound::fault::{Fault, FaultKind};

/// A request on its way.
pub(super) struct UpstreamRequest {
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request that got no answer.
pub(super) struct Unsent {
    pub(super) fault: Fault,
    /// The request, if not one byte of it was written.
    pub(super) again: Option<Box<UpstreamRequest>>,
}

impl Unsent {
    pub(super) fn broken(cause: impl Display) -> Self {
        Self { fault: Fault::new(FaultKind::Broken, cause), again: None }
    }
}
