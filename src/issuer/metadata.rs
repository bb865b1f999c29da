//! What the authorization server says about itself: RFC 8414 and OpenID Connect discovery, and its key set (SPEC E-01…E-06).

use crate::issuer::{Answer, Embedded};

/// The metadata.
pub(super) fn document(_embedded: &Embedded) -> Answer {
    todo!()
}

/// The key set.
pub(super) fn keys(_embedded: &Embedded) -> Answer {
    todo!()
}
