//! Asks the company IdP's token endpoint (RFC 6749 §2.3.1, §4.1.3, §6).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::{Bridge, unavailable};
use crate::{
    base::percent::escape,
    decide::{
        authorization_server::{error::OAuthError, form},
        json::strict,
    },
    outbound::{
        fault::{Fault, FaultKind},
        fetch::Wanted,
    },
};

/// The maximum length of a token response.
const BYTES_MAX: usize = 64 * 1024;
/// The maximum nesting of its JSON.
const DEPTH_MAX: u32 = 16;

/// What the IdP granted.
pub(crate) struct Granted {
    pub(crate) id_token: Option<Box<str>>,
    pub(crate) refresh_token: Option<Box<str>>,
}

impl Bridge {
    /// What the token endpoint grants for `parameters`; `None` if it answers `invalid_grant`.
    pub(crate) async fn exchange(&self, parameters: &[(&str, &str)]) -> Result<Option<Granted>, OAuthError> {
        let metadata = self.metadata().await?;
        let endpoint = metadata.token_endpoint.as_deref().unwrap_or_default();
        let place = self.keys.discovery().place("token_endpoint", endpoint).map_err(|fault| unavailable(&fault))?;
        let settings = self.settings();
        let secret = std::str::from_utf8(settings.client_secret.expose()).unwrap_or_default();
        let id = &*settings.client_id;
        let mut parameters = parameters.to_vec();
        // RFC 8414 §2: the default is Basic.
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|one| one == method));
        let authorization = if methods.is_none() || takes("client_secret_basic") || !takes("client_secret_post") {
            Some(basic(id, secret)?)
        } else {
            parameters.extend([("client_id", id), ("client_secret", secret)]);
            None
        };
        let wanted = Wanted { url: &place.url, rule: place.rule, plaintext: place.plaintext, bytes_max: BYTES_MAX };
        let posted = self.fetch.post_form(&wanted, form::encode(&parameters), authorization).await;
        let posted = posted.map_err(|fault| unavailable(&fault))?;
        let unreadable = || {
            unavailable(&Fault::new(
                FaultKind::TokenEndpoint,
                "the token endpoint's answer is not an unambiguous JSON object",
            ))
        };
        let answer = strict::object(&posted.body, DEPTH_MAX).map_err(|strict::NotStrict| unreadable())?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Box::from);
        if !posted.status.is_success() {
            let error: Box<str> = text("error").unwrap_or_default();
            if is_refusal(posted.status, &error) {
                return Ok(None);
            }
            let error: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
            return Err(unavailable(&Fault::new(
                FaultKind::TokenEndpoint,
                format_args!("the token endpoint refused the request: {error}"),
            )));
        }
        Ok(Some(Granted { id_token: text("id_token"), refresh_token: text("refresh_token") }))
    }
}

/// RFC 6749 §2.3.1: form-encode both parts, then Basic.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, OAuthError> {
    let pair = format!("{}:{}", escape(id), escape(secret));
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).map_err(|_| {
        unavailable(&Fault::new(FaultKind::TokenEndpoint, "the IdP client credential cannot be sent in a header"))
    })
}

/// Whether the IdP refused the code or token. Any other failure means that the IdP could not be
/// asked.
fn is_refusal(status: StatusCode, error: &str) -> bool {
    status == StatusCode::BAD_REQUEST && error == "invalid_grant"
}
