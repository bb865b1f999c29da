//! Logs people in with local accounts, in constant time, and not too often (SPEC E-28).

use crate::issuer::{Answer, Asked, Embedded};

/// `GET login`.
pub(super) async fn show(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}

/// `POST login`.
pub(super) async fn attempt(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}
