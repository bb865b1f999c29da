//! The pages: login, consent, error. HTML without script, escaped by the template engine, readable on a phone and by keyboard.

use crate::{
    decide::grant::error::OAuthError,
    issuer::{Answer, Embedded},
};

/// The error page.
pub(super) fn error(_embedded: &Embedded, _error: &OAuthError) -> Answer {
    todo!()
}
