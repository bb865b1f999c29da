//! Asks the IdP's token endpoint, as the client that we are there (RFC 6749 §2.3.1, §4.1.3, §6).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use serde_json::Value;

use super::{Bridge, Granted, away, is_refusal};
use crate::{
    decide::{
        authorization_server::{error::OAuthError, form},
        json::strict,
    },
    outbound::{Fault, fetch::Wanted},
};

/// How long a token response may be.
const BYTES_MAX: usize = 64 * 1024;
/// How deep.
const DEPTH_MAX: u32 = 16;

impl Bridge {
    /// What the token endpoint grants for `parameters`; `None` where it says `invalid_grant`.
    pub(super) async fn exchange(&self, parameters: &[(&str, &str)]) -> Result<Option<Granted>, OAuthError> {
        let metadata = self.metadata().await?;
        let endpoint = metadata.token_endpoint.as_deref().unwrap_or_default();
        let place = self.keys.discovery().place("token_endpoint", endpoint).map_err(|fault| away(&fault))?;
        let secret = std::str::from_utf8(self.settings.client_secret.expose()).unwrap_or_default();
        let id = &*self.settings.client_id;
        let mut parameters = parameters.to_vec();
        // RFC 8414 §2: where the document says nothing it is Basic.
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
        let posted = posted.map_err(|fault| away(&fault))?;
        let unreadable =
            || away(&Fault::idp("token", "the token endpoint's answer is no JSON object with one meaning"));
        let answer = strict::object(&posted.body, DEPTH_MAX).map_err(|strict::NotStrict| unreadable())?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Box::from);
        if !posted.status.is_success() {
            let error: Box<str> = text("error").unwrap_or_default();
            if is_refusal(posted.status, &error) {
                return Ok(None);
            }
            let error: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
            return Err(away(&Fault::idp("token", format_args!("the token endpoint refuses us: {error}"))));
        }
        Ok(Some(Granted { id_token: text("id_token"), refresh_token: text("refresh_token") }))
    }
}

/// RFC 6749 §2.3.1: both parts in form encoding, then Basic.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, OAuthError> {
    let pair = format!("{}:{}", form::encode_word(id), form::encode_word(secret));
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| away(&Fault::us("token", "our credential at the IdP cannot be sent as a header")))
}
