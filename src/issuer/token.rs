//! The token endpoint: a code, a refresh token or a client's own proof for an access token (SPEC E-20…E-27).

use crate::issuer::{Answer, Asked, Embedded};

/// `POST token`.
pub(super) async fn issue(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}
