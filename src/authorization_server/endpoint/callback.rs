//! `GET callback`: the browser returns from the company IdP (SPEC D-05, D-06, E-43).

use crate::{
    authorization_server::{
        browser::{
            departure::{self, bridge_of, callback_url},
            flow::{self, Flow, FlowAt, page_url},
            known,
            offer::Offer,
            pages::{self, SignInOutcome},
            way_back,
        },
        embedded::{Asked, Embedded},
        event,
        person::{
            bridge::{
                session::IdpSession,
                sign_in::{IdpAnswer, IdpSignIn, LoginFault},
            },
            kept,
        },
        refusals::RefusalKind,
        reply::{self, Denied, EndpointAnswer},
    },
    base::digest::sha256,
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            idp_failures::SeenBy,
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
        Err(denied) => {
            let is_throttled = denied.error.code == Code::SlowDown;
            let kind = if is_throttled { RefusalKind::LoginThrottled } else { RefusalKind::LoginAtIdp };
            event::refused(embedded, asked, kind, (None, None), &denied.error.description);
            pages::denied(&denied)
        }
    }
}

/// The next address for the browser. An error is shown on a page: without a flow of this browser
/// there is no client to return to.
async fn arrive(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, Denied> {
    let bridge = bridge_of(embedded)?;
    let form = asked.query()?;
    let state = form.get("state").unwrap_or_default();
    // Each answer causes a request to the IdP. One that signs a user in does not count.
    let counted_as = known::attempt(embedded, asked).map_err(Denied::slow_down)?;
    let (flow, at, expected) = departure::returned(embedded, state, asked).await?;
    let answer = IdpAnswer {
        form: &form,
        expected: &expected,
        callback: &callback_url(embedded),
        never_ask: flow.request.never_ask,
        earliest: flow.earliest_sign_in(),
        now: asked.now,
        seen_by: SeenBy::Browser(sha256(state.as_bytes()), asked.peer),
    };
    match bridge.arrived(&answer).await {
        Ok(IdpSignIn { person, session }) => {
            embedded.state.throttle.refund(counted_as);
            let remembered = known::remember(embedded, asked, &person.subject);
            let remembered = remembered.map_err(|cause| Code::ServerError.because(cause))?;
            embedded.state.claims_seen.note(&embedded.settings.grants, &person);
            let named = embedded.settings.named_claims();
            let person = kept::shortened(person, &named, bridge, Code::ServerError)?;
            let session = session.map(|session| IdpSession { person: person.clone(), ..session });
            let session = session.map(|session| session.seal(&embedded.state.sealer)).transpose()?;
            let mut answer = admit(embedded, flow, &at, person, session).await?;
            reply::set(answer.response.headers_mut(), &[remembered]);
            Ok(answer)
        }
        // An answer that is not from the IdP, or not valid, ends on a page; the client is not told
        // (SPEC E-43, attack 164).
        Err(LoginFault::OnPage(error)) => Err(error.into()),
        Err(LoginFault::ForAdministrator(error)) => {
            let outcome = format!("refused: {}", error.description);
            event::refused(embedded, asked, RefusalKind::LoginAtIdp, (Some(&flow.request.client), None), &outcome);
            // A client that asked for no page waits for an answer.
            match flow.request.never_ask {
                true => Ok(way_back::tell_after_idp(embedded, &flow.client, &flow.request, &error, false)),
                false => Ok(pages::for_administrator(&error)),
            }
        }
        Err(LoginFault::ToClient(error)) if error.code == Code::InvalidRequest => Err(error.into()),
        Err(LoginFault::ToClient(error)) => {
            let outcome = format!("refused: the company IdP did not log the user in: {}", error.description);
            event::refused(embedded, asked, RefusalKind::LoginAtIdp, (Some(&flow.request.client), None), &outcome);
            Ok(way_back::tell_after_idp(embedded, &flow.client, &flow.request, &error, false))
        }
    }
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
        return Ok(way_back::tell_after_idp(embedded, &client, &flow.request, &error, offer.knows_client));
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
    let request = flow.request.clone();
    let location = flow::finish(embedded, &at, flow, offer.granted()).await?;
    Ok(way_back::lead_after_idp(SignInOutcome::SignedIn, &request, &location).without(ungranted))
}
