//! The gateway's own client credential at another server (RFC 6749 §2.3.1).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;

use crate::base::percent::escape;

/// `Authorization: Basic`: both parts are form-encoded first. `None` if they cannot be sent.
#[must_use]
pub fn basic(id: &str, secret: &str) -> Option<HeaderValue> {
    let pair = format!("{}:{}", escape(id), escape(secret));
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()
}

/// Whether a client authenticates with Basic, by the methods that the server's metadata lists.
/// Without a list it does (RFC 8414 §2); otherwise it writes both into the form.
#[must_use]
pub fn takes_basic(methods: Option<&[String]>) -> bool {
    let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|one| one == method));
    methods.is_none() || takes("client_secret_basic") || !takes("client_secret_post")
}
