//! Asks the OpenID Connect provider's token endpoint (RFC 6749 §2.3.1, §4.1.3, §6).

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::OidcBridge;
use crate::{
    authorization_server::person::bridge::{
        health::SignInStep,
        sign_in::{refuses_the_gateway, too_large, unavailable},
    },
    base::limits::tokens::IDP_TOKENS_BYTES_MAX,
    decide::{
        authorization_server::{
            error::OAuthError,
            form,
            idp_failures::SeenBy,
            idp_refusal::{IdpRefusal, classify},
        },
        json::strict,
    },
    outbound::{
        basic::{basic, takes_basic},
        fault::{Fault, FaultKind},
        fetch::Wanted,
    },
};

/// The maximum nesting of its JSON.
const DEPTH_MAX: u32 = 16;
/// How much of an error code is read; a longer one is unknown anyway.
const ERROR_CHARS_MAX: usize = 80;

/// What the IdP granted.
pub(super) struct Granted {
    /// For the userinfo endpoint alone; it is never stored.
    pub(super) access_token: Option<Box<str>>,
    pub(super) id_token: Option<Box<str>>,
    pub(super) refresh_token: Option<Box<str>>,
}

/// Why the IdP granted nothing.
pub(super) enum NotGranted {
    /// The session is over, or the code is not valid.
    Over,
    /// It refuses the gateway: the operator must act.
    Gateway(OAuthError),
    /// It cannot be asked now.
    Unavailable(OAuthError),
}

/// Why there is no answer of the token endpoint.
enum NotAsked {
    /// There is no metadata; its trouble is known.
    NoMetadata(OAuthError),
    /// The answer is too large, and how large it may be.
    TooLarge(String),
    Fault(Fault),
}

/// For whom the token endpoint is asked.
pub(super) enum AskedFor<'a> {
    /// The user with this subject, whose refresh token is presented.
    User(&'a str),
    /// A browser that brought a code.
    Browser(SeenBy),
}

impl OidcBridge {
    /// What the token endpoint grants for `parameters`. A refusal is counted; whether a grant can
    /// be used is for the caller to see, and to count.
    pub(super) async fn exchange(
        &self,
        parameters: &[(&str, &str)],
        asked_for: &AskedFor<'_>,
        within: Duration,
    ) -> Result<Granted, NotGranted> {
        let unavailable = |fault: &Fault| self.unavailable_at(fault, asked_for);
        let (status, error) = match self.ask(parameters, within).await {
            Ok(Ok(granted)) => {
                self.health.answered();
                return Ok(granted);
            }
            Ok(Err(refusal)) => refusal,
            Err(NotAsked::NoMetadata(error)) => {
                self.health.unavailable();
                return Err(NotGranted::Unavailable(error));
            }
            Err(NotAsked::TooLarge(cause)) => {
                let why = format!(
                    "the answer of the company IdP's token endpoint is too large: {cause}; have the IdP put fewer values, such as groups, into the tokens of this client"
                );
                self.health.unusable_for_one("token response", why, self.clock.now().mono);
                return Err(NotGranted::Gateway(too_large()));
            }
            Err(NotAsked::Fault(fault)) => {
                self.health.unavailable();
                return Err(unavailable(&fault));
            }
        };
        let user = match asked_for {
            AskedFor::User(subject) => Some(*subject),
            AskedFor::Browser(_) => None,
        };
        let about = classify(status, &error);
        if let (AskedFor::Browser(seen_by), IdpRefusal::Session | IdpRefusal::Unclear) = (asked_for, about) {
            // A browser may have made the code up.
            let why = format!(
                "login.oidc: the company IdP refuses the codes that it has just issued ({error}): check the callback URL and PKCE (S256) of this client there, and its log"
            );
            self.health.failed(SignInStep::Code, *seen_by, why);
            if about == IdpRefusal::Unclear {
                self.health.count_refused();
                return Err(NotGranted::Gateway(refuses_the_gateway()));
            }
        }
        match self.health.refused(about, (status, &error), user, self.clock.now().mono) {
            IdpRefusal::Session => {
                tracing::info!(
                    error,
                    status = status.as_u16(),
                    "the company IdP says that a session or a code is no longer valid"
                );
                Err(NotGranted::Over)
            }
            IdpRefusal::Gateway => Err(NotGranted::Gateway(refuses_the_gateway())),
            IdpRefusal::Unclear | IdpRefusal::Moment => {
                let status = status.as_u16();
                let code = if error.is_empty() { "without an error code" } else { &*error };
                let cause = format_args!("the token endpoint refused the request: {status} {code}");
                Err(unavailable(&Fault::new(FaultKind::TokenEndpoint, cause)))
            }
        }
    }

    /// The token endpoint does not answer as it should. With an invented code a browser can bring
    /// about any answer of the endpoint, or of what is in front of it, but no broken connection.
    fn unavailable_at(&self, fault: &Fault, asked_for: &AskedFor<'_>) -> NotGranted {
        let has_no_answer = matches!(fault.kind, FaultKind::Dial(_) | FaultKind::Timeout | FaultKind::Url);
        let seen_by = match asked_for {
            AskedFor::Browser(seen_by) if !has_no_answer => *seen_by,
            AskedFor::Browser(_) | AskedFor::User(_) => SeenBy::Gateway,
        };
        let why = format!("login.oidc: the company IdP's token endpoint does not answer as it should: {fault}");
        self.health.failed(SignInStep::Token, seen_by, why);
        NotGranted::Unavailable(unavailable(fault))
    }

    /// Asks the token endpoint: what it grants, or status and error code of its refusal.
    async fn ask(
        &self,
        parameters: &[(&str, &str)],
        within: Duration,
    ) -> Result<Result<Granted, (StatusCode, String)>, NotAsked> {
        let metadata = self.metadata().await.map_err(NotAsked::NoMetadata)?;
        let endpoint = metadata.token_endpoint.as_deref().unwrap_or_default();
        let link = self.link();
        let place = link.keys.discovery().place("token_endpoint", endpoint).map_err(NotAsked::Fault)?;
        let settings = &link.settings;
        let secret = std::str::from_utf8(settings.client_secret.expose()).unwrap_or_default();
        let id = &*settings.client_id;
        let mut parameters = parameters.to_vec();
        let authorization = if takes_basic(metadata.token_endpoint_auth_methods_supported.as_deref()) {
            Some(basic(id, secret).ok_or_else(|| {
                let cause = "the IdP client credential cannot be sent in a header";
                NotAsked::Fault(Fault::new(FaultKind::TokenEndpoint, cause))
            })?)
        } else {
            parameters.extend([("client_id", id), ("client_secret", secret)]);
            None
        };
        let wanted =
            Wanted { url: &place.url, rule: place.rule, plaintext: place.plaintext, bytes_max: IDP_TOKENS_BYTES_MAX };
        let posted = link.fetch.post_form(&wanted, form::encode(&parameters), authorization, within).await;
        let posted = posted.map_err(|fault| match fault.kind {
            FaultKind::TooLarge => NotAsked::TooLarge(fault.cause),
            _ => NotAsked::Fault(place.advised(fault, "login.oidc.reach_at")),
        })?;
        let status = posted.status;
        let unreadable = || {
            let cause = format_args!("the token endpoint's answer ({status}) is not an unambiguous JSON object");
            NotAsked::Fault(Fault::new(FaultKind::TokenEndpoint, cause))
        };
        let answer = strict::object(&posted.body, DEPTH_MAX).map_err(|strict::NotStrict| unreadable())?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Box::from);
        // Only characters of RFC 6749 §5.2 come into the log: the text is from outside.
        let is_plain = |c: &char| (' '..='~').contains(c) && !matches!(c, '"' | '\\');
        let error: Box<str> = text("error").unwrap_or_default();
        let error: String = error.trim().chars().filter(is_plain).take(ERROR_CHARS_MAX).collect();
        if !status.is_success() {
            return Ok(Err((status, error)));
        }
        // RFC 6749 §5.1 requires it: without, this is no grant, and says nothing about the session.
        if text("access_token").is_none() {
            return match error.is_empty() {
                false => Ok(Err((StatusCode::BAD_REQUEST, error))),
                true => Err(NotAsked::Fault(Fault::new(
                    FaultKind::TokenEndpoint,
                    format_args!("the token endpoint answers {} without access_token", status.as_u16()),
                ))),
            };
        }
        Ok(Ok(Granted {
            access_token: text("access_token"),
            id_token: text("id_token"),
            refresh_token: text("refresh_token"),
        }))
    }
}
