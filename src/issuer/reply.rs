//! What leaves the authorization server: JSON, pages and redirects with the headers that each must have, and what happens once it was written.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use crate::{decide::grant::error::OAuthError, issuer::Asked};

/// Runs once the whole answer was handed to the connection; dropped without having run where it was not.
pub type Sent = Box<dyn FnOnce() + Send>;

/// An answer.
pub struct Answer {
    /// The answer, whole.
    pub response: Response<Bytes>,
    /// What to do once it was written out.
    pub sent: Option<Sent>,
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        Self { response, sent: None }
    }
}

/// JSON that nobody may store, readable by pages of every origin, without credentials (SPEC E-20, E-28).
pub(super) fn json(_status: StatusCode, _body: &Value) -> Answer {
    todo!()
}

/// A refusal as JSON: 401 carries `WWW-Authenticate: Basic` where `basic` says that the client tried that (RFC 6749 §5.2).
pub(super) fn refuse(_error: &OAuthError, _basic: bool) -> Answer {
    todo!()
}

/// 303 to `location`, never to be stored, no referrer (SPEC D-55, E-18).
pub(super) fn redirect(_location: &str, _cookies: &[String]) -> Answer {
    todo!()
}

/// A page, with a policy that permits no script, no frame and no form but to ourselves and `form_targets` (SPEC D-02, E-18).
pub(super) fn page(_status: StatusCode, _html: String, _cookies: &[String], _form_targets: &[&str]) -> Answer {
    todo!()
}

/// `OPTIONS`: CORS for metadata, keys, token, registration, revocation and introspection; none for pages (SPEC E-07).
pub(super) fn preflight(_asked: &Asked<'_>) -> Answer {
    todo!()
}

/// 405 with `Allow`.
pub(super) fn method_not_allowed(_asked: &Asked<'_>) -> Answer {
    todo!()
}
