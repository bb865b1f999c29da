//! `GET callback`: the browser returns from the company IdP (SPEC D-05, D-06, E-43).

use crate::{
    authorization_server::{
        browser::{
            departure::{bridge_of, callback_url},
            flow::{self, BridgeFlow, Flow},
            pages,
        },
        embedded::{Asked, Embedded},
        person::bridge::{Bridge, exchange::NotGranted, session::IdpSession},
        reply::{self, EndpointAnswer},
    },
    base::{clock::Now, digest::sha256, limits::fetch::FETCH_TIMEOUT, names::Scope},
    decide::authorization_server::{
        error::{Code, OAuthError},
        form::Form,
        people::{self, Grantee, Person},
    },
};

#[cfg(test)]
mod tests;

/// `GET callback`.
pub(crate) async fn callback(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match arrive(embedded, asked).await {
        Ok(location) => reply::redirect(&location, &[]),
        Err(error) => pages::error(&error),
    }
}

/// The next address for the browser. An error is shown on a page: without a flow of this browser
/// there is no client to return to.
async fn arrive(embedded: &Embedded, asked: &Asked<'_>) -> Result<String, OAuthError> {
    const UNKNOWN: &str = "this answer of the identity provider belongs to no login of this server";
    let bridge = bridge_of(embedded)?;
    let form = asked.query()?;
    let state = form.get("state").ok_or_else(|| Code::InvalidRequest.because(UNKNOWN))?;
    let (id, _) = state.split_once('.').ok_or_else(|| Code::InvalidRequest.because(UNKNOWN))?;
    // Only the browser that consented has the cookie, so an attacker cannot make another user
    // finish the flow (attack 163).
    let (mut flow, before) = flow::resume(embedded, id, asked).await?;
    let sent = flow.bridge.take().ok_or_else(|| Code::InvalidRequest.because(UNKNOWN))?;
    let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(&sent.state, &sha256(state.as_bytes())).is_ok();
    if !is_same || flow.consented.is_none() {
        return Err(Code::InvalidRequest.because(UNKNOWN));
    }
    // From here on the state cannot be used again, whatever the outcome.
    flow::advance(embedded, id, &before, &flow).await?;
    match log_in(embedded, bridge, &form, &sent, asked.now).await {
        Ok((person, session)) => admit(embedded, id, flow, person, session).await,
        // An answer that is not from the IdP, or not valid, ends on a page; the client is not told
        // (SPEC E-43, attack 164).
        Err(LoginFault::OnPage(error)) => Err(error),
        Err(LoginFault::ToClient(error)) if error.code == Code::InvalidRequest => Err(error),
        Err(LoginFault::ToClient(error)) => {
            tracing::info!(
                target: "portcullis::authorization_server", event = "login", outcome = "refused", client = %flow.request.client,
                why = %error.description, "the company IdP did not log the user in"
            );
            Ok(flow.request.back.with_error(&error, &embedded.settings.issuer))
        }
    }
}

/// Why no user was logged in, and who is told.
enum LoginFault {
    /// The client.
    ToClient(OAuthError),
    /// The user: only the operator can help, and a client would begin again and again.
    OnPage(OAuthError),
}

impl From<OAuthError> for LoginFault {
    fn from(error: OAuthError) -> Self {
        Self::ToClient(error)
    }
}

/// The user, and the sealed IdP session, from the IdP's answer.
async fn log_in(
    embedded: &Embedded,
    bridge: &Bridge,
    form: &Form,
    sent: &BridgeFlow,
    now: Now,
) -> Result<(Person, Option<Vec<u8>>), LoginFault> {
    let metadata = bridge.metadata().await?;
    // Mix-up attack: `iss` names another IdP, or is missing although this IdP always sends it
    // (RFC 9207 §2.4).
    match form.get("iss") {
        Some(issuer) if issuer == bridge.link().settings.issuer.as_str() => {}
        None if !metadata.authorization_response_iss_parameter_supported => {}
        _ => return Err(Code::InvalidRequest.because("the answer does not come from the identity provider").into()),
    }
    // Only the error code is logged: the description is text from outside (attack 165).
    if let Some(error) = form.get("error") {
        let error: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        tracing::info!(error, "the company IdP answered with an error");
        return Err(Code::AccessDenied.because("the identity provider did not log the user in").into());
    }
    let code = form.get("code").ok_or_else(|| Code::AccessDenied.because("the identity provider sent no code"))?;
    let callback = callback_url(embedded);
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &*callback),
        ("code_verifier", &*sent.verifier),
    ];
    let granted = bridge.exchange(&parameters, None, FETCH_TIMEOUT).await.map_err(|failed| match failed {
        NotGranted::Over => {
            LoginFault::ToClient(Code::AccessDenied.because("the identity provider refused its own code"))
        }
        NotGranted::Gateway(error) => LoginFault::OnPage(error),
        NotGranted::Unavailable(error) => LoginFault::ToClient(error),
    })?;
    let token =
        granted.id_token.ok_or_else(|| Code::InvalidRequest.because("the identity provider sent no ID token"))?;
    let person = bridge.person(&token, Some(&sent.nonce), now).await?;
    // Without an IdP refresh token the embedded server could not ask whether the session is alive,
    // so the client gets no refresh token (SPEC E-41).
    let Some(refresh_token) = granted.refresh_token else {
        let advice = bridge.link().settings.refresh_token_advice();
        tracing::warn!(
            "the company IdP sent no refresh token, so users must log in again when their access token expires; {advice}"
        );
        return Ok((person, None));
    };
    let session = IdpSession { person: person.clone(), refresh_token };
    let sealed = bridge.seal(&embedded.state.sealer, &session)?;
    Ok((person, Some(sealed)))
}

/// Grants what the user consented to, as far as the rules allow it.
async fn admit(
    embedded: &Embedded,
    id: &str,
    flow: Flow,
    person: Person,
    session: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    let consented: Vec<Scope> = flow.consented.clone().unwrap_or_default();
    let (grants, grantee) = (&embedded.settings.grants, Grantee::Person(&person));
    let scopes = people::allowed(grants, grantee, &consented);
    if scopes.is_empty() && !(consented.is_empty() && people::is_named(grants, grantee)) {
        let error = Code::AccessDenied.because("this account may not grant any of the requested scopes");
        return Ok(flow.request.back.with_error(&error, &embedded.settings.issuer));
    }
    flow::finish(embedded, id, flow, person, scopes, session).await
}
