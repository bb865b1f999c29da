//! Asks the user what a client may do, shows only what is new, and remembers the answer (SPEC D-01…D-03, E-16, E-34).

use crate::issuer::{Answer, Asked, Embedded};

/// `GET consent`.
pub(super) async fn show(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}

/// `POST consent`.
pub(super) async fn decide(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}
