//! Asks the userinfo endpoint of the company IdP about a user (OpenID Connect Core §5.3).

use http::HeaderValue;
use serde_json::{Map, Value};

use super::OidcBridge;
use crate::{
    authorization_server::person::bridge::sign_in::unavailable,
    decide::authorization_server::{
        error::OAuthError,
        userinfo::{self, UserinfoFault},
    },
    outbound::{
        fault::{Fault, FaultKind},
        fetch::Wanted,
    },
};

/// The maximum length of an answer: group lists are long.
const BYTES_MAX: usize = 256 * 1024;

/// What userinfo says.
pub(super) enum Userinfo {
    /// The claims.
    Claims(Map<String, Value>),
    /// Nothing that can be used, and why: there is no endpoint, or it refuses, or it does not
    /// answer with JSON.
    Nothing(String),
    /// It answers about another user (attack 213).
    OtherSubject,
}

impl OidcBridge {
    /// Asks about the user with this `subject`, with the IdP's access token of the same answer.
    ///
    /// # Errors
    /// `temporarily_unavailable`: the endpoint does not answer now.
    pub(super) async fn userinfo(&self, access_token: Option<&str>, subject: &str) -> Result<Userinfo, OAuthError> {
        let metadata = self.metadata().await?;
        let Some(endpoint) = metadata.userinfo_endpoint.as_deref() else {
            return Ok(Userinfo::Nothing("the IdP has no userinfo endpoint".to_owned()));
        };
        let authorization = access_token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let Some(authorization) = authorization else {
            return Ok(Userinfo::Nothing("the IdP sent no access token for its userinfo endpoint".to_owned()));
        };
        let link = self.link();
        let place = link.keys.discovery().place("userinfo_endpoint", endpoint).map_err(|fault| unavailable(&fault))?;
        let wanted = Wanted { url: &place.url, rule: place.rule, plaintext: place.plaintext, bytes_max: BYTES_MAX };
        let fetched = match link.fetch.get_with(&wanted, Some(authorization)).await {
            Ok(fetched) => fetched,
            Err(fault) => {
                let fault = place.advised(fault, "login.oidc.reach_at");
                return if is_final(&fault) {
                    Ok(Userinfo::Nothing(format!("the IdP's userinfo endpoint cannot be used ({fault})")))
                } else {
                    Err(unavailable(&fault))
                };
            }
        };
        Ok(match userinfo::read(&fetched.body, subject) {
            Ok(claims) => Userinfo::Claims(claims),
            Err(UserinfoFault::Subject) => Userinfo::OtherSubject,
            Err(UserinfoFault::Unreadable) => {
                Userinfo::Nothing("the IdP's userinfo endpoint does not answer with one JSON object".to_owned())
            }
        })
    }
}

/// Whether asking again would not help: it refuses, or answers in a form that is not supported,
/// such as a signed JWT.
fn is_final(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Status | FaultKind::Gone | FaultKind::MediaType | FaultKind::TooLarge | FaultKind::Redirect
    )
}
