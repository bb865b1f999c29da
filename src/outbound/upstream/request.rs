//! A request to an upstream, and the request that got no answer.

use std::fmt::Display;

use bytes::Bytes;
use http::{HeaderMap, Method, uri::PathAndQuery};

use crate::outbound::fault::{Fault, FaultKind};

/// A request to an upstream.
#[derive(Clone)]
pub(super) struct UpstreamRequest {
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request that got no answer.
pub(super) struct Unsent {
    pub(super) fault: Fault,
    /// The request, if no byte of it was written.
    pub(super) again: Option<Box<UpstreamRequest>>,
}

impl Unsent {
    pub(super) fn broken(cause: impl Display) -> Self {
        Self { fault: Fault::new(FaultKind::Broken, cause), again: None }
    }
}
