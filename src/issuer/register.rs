//! Dynamic client registration (RFC 7591, SPEC E-35…E-37).

use crate::issuer::{Answer, Asked, Embedded};

/// `POST register`.
pub(super) async fn register(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}
