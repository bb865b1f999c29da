//! Revocation (RFC 7009) and introspection (RFC 7662), and the revocations that every replica learns of.

use crate::issuer::{Answer, Asked, Embedded};

/// `POST revoke`.
pub(super) async fn revoke(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}

/// `POST introspect`.
pub(super) async fn introspect(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}
