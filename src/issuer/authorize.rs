//! Where a client sends its user: which client, back to where, what for; then login or consent (SPEC E-10…E-17).

use crate::issuer::{Answer, Asked, Embedded};

/// `GET authorize`.
pub(super) async fn begin(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}
