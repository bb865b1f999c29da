//! `GET callback`: the browser returns from the company IdP (SPEC D-05, D-06, E-43).

use crate::{
    authorization_server::{
        browser::{
            departure::{self, ExpectedAnswer, bridge_of, callback_url},
            flow::{self, Flow, FlowAt, page_url},
            offer::Offer,
            pages, way_back,
        },
        embedded::{Asked, Embedded},
        event,
        person::bridge::{Bridge, exchange::NotGranted, id_token::NotBelieved, session::IdpSession},
        reply::{self, Denied, EndpointAnswer},
        throttle::Action,
    },
    base::{clock::Now, limits::fetch::FETCH_TIMEOUT},
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form::Form,
            people::Person,
        },
        routing::IssuerEndpoint,
    },
};

#[cfg(test)]
mod tests;

/// `GET callback`.
pub(crate) async fn callback(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    // Boxed: each connection has room for the largest endpoint.
    match Box::pin(arrive(embedded, asked)).await {
        Ok(answer) => answer,
        Err(denied) => pages::denied(&denied),
    }
}

/// The next address for the browser. An error is shown on a page: without a flow of this browser
/// there is no client to return to.
async fn arrive(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, Denied> {
    let bridge = bridge_of(embedded)?;
    let form = asked.query()?;
    let state = form.get("state").unwrap_or_default();
    // Each answer causes a request to the IdP. One that signs a user in does not count.
    let (throttle, action) = (&embedded.state.throttle, Action::Authorize(asked.peer));
    throttle.attempt(action, asked.now).map_err(Denied::slow_down)?;
    let (flow, at, expected) = departure::returned(embedded, state, asked).await?;
    match log_in(embedded, bridge, &form, (&flow, &expected), asked.now).await {
        Ok((person, session)) => {
            throttle.refund(action);
            embedded.state.claims_seen.note(&embedded.settings.grants, &person);
            Ok(admit(embedded, flow, &at, person, session).await?)
        }
        // An answer that is not from the IdP, or not valid, ends on a page; the client is not told
        // (SPEC E-43, attack 164).
        Err(LoginFault::OnPage(error)) => Err(error.into()),
        Err(LoginFault::ToClient(error)) if error.code == Code::InvalidRequest => Err(error.into()),
        Err(LoginFault::ToClient(error)) => {
            tracing::info!(
                target: "portcullis::authorization_server", event = "login", outcome = "refused", client = %flow.request.client,
                why = %error.description, "the company IdP did not log the user in"
            );
            Ok(way_back::tell(embedded, &flow.client, &flow.request.back, &error, false))
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
    (flow, expected): (&Flow, &ExpectedAnswer),
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
        return Err(not_signed_in(&error, flow).into());
    }
    let code = form.get("code").ok_or_else(|| Code::AccessDenied.because("the identity provider sent no code"))?;
    let callback = callback_url(embedded);
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &*callback),
        ("code_verifier", &*expected.verifier),
    ];
    let granted = bridge.exchange(&parameters, None, FETCH_TIMEOUT).await.map_err(|failed| match failed {
        NotGranted::Over => {
            LoginFault::ToClient(Code::AccessDenied.because("the identity provider refused its own code"))
        }
        NotGranted::Gateway(error) => LoginFault::OnPage(error),
        NotGranted::Unavailable(error) => LoginFault::ToClient(error),
    })?;
    let person = bridge.signs_in(&granted, &expected.nonce, now).await.map_err(|fault| match fault {
        NotBelieved::Gateway(error) => LoginFault::OnPage(error),
        fault => LoginFault::ToClient(fault.into_error()),
    })?;
    // Without an IdP refresh token the embedded server could not ask whether the session is alive,
    // so the client gets no refresh token (SPEC E-41).
    let Some(refresh_token) = granted.refresh_token else {
        let advice = bridge.link().settings.refresh_token_advice();
        tracing::warn!(
            "the company IdP sent no refresh token, so users must log in again when their access token expires; {advice}"
        );
        return Ok((person, None));
    };
    let session = IdpSession { person: person.clone(), refresh_token, claims_at: Some(now.wall.as_secs()) };
    let sealed = bridge.seal(&embedded.state.sealer, &session)?;
    Ok((person, Some(sealed)))
}

/// What the client is told of an error of the IdP. With `prompt=none` it must learn that a page is
/// needed (OpenID Connect Core §3.1.2.6).
fn not_signed_in(error: &str, flow: &Flow) -> OAuthError {
    let code = match error {
        "login_required" if flow.request.never_ask => Code::LoginRequired,
        "interaction_required" | "consent_required" | "account_selection_required" if flow.request.never_ask => {
            Code::InteractionRequired
        }
        _ => Code::AccessDenied,
    };
    code.because("the identity provider did not log the user in")
}

/// Continues the flow for the user who has signed in at the IdP: with the consent page, or, if
/// nothing is left to ask, with a code.
async fn admit(
    embedded: &Embedded,
    mut flow: Flow,
    at: &FlowAt,
    person: Person,
    session: Option<Vec<u8>>,
) -> Result<EndpointAnswer, OAuthError> {
    let client = flow.client.clone();
    let offer = Offer::to(embedded, &client, &flow.request, &person).await?;
    let of_client = Some(&*client.id);
    event::note(embedded, "login", of_client, Some(&person.subject), &offer.outcome("logged in"));
    let is_settled = offer.is_settled(&client, &flow.request);
    if flow.request.never_ask && !is_settled {
        let error = Code::ConsentRequired.because("prompt=none, but the user must be asked for consent");
        return Ok(way_back::tell(embedded, &client, &flow.request.back, &error, offer.knows_client));
    }
    let (subject, ungranted) = (person.subject.clone(), offer.ungranted(embedded, &client, &person));
    flow.person = Some(person);
    flow.session = session;
    let cookie = flow::hold(embedded, &at.id, &mut flow)?;
    let at = flow::sign_in(embedded, at, &flow).await?;
    if !is_settled {
        return Ok(reply::redirect(&page_url(embedded, IssuerEndpoint::Consent, &at.id), &[cookie]));
    }
    event::note(embedded, "consent", of_client, Some(&subject), &offer.outcome(offer.settled_by()));
    let location = flow::finish(embedded, &at, flow, offer.into_scopes()).await?;
    Ok(reply::redirect(&location, &[]).without(ungranted))
}
