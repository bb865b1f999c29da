//! `consent`: asks the user what a client may do, and shows what is new (SPEC D-01…D-03).
//!
//! The user has signed in, so the page shows what this user can grant, and what not. Consent is
//! remembered (SPEC E-34), and covers only what the page showed (SPEC E-16).

use crate::{
    authorization_server::{
        browser::{
            departure,
            flow::{self, Flow, FlowAt, page_url},
            form_post::{FormPost, csrf},
            named_flow,
            offer::{self, Offer},
            pages::{self, ConsentView},
            session,
        },
        embedded::{Asked, Embedded},
        event,
        person::current,
        reply::{self, EndpointAnswer},
        settings::Login,
    },
    base::names::Scope,
    decide::{
        authorization_server::error::{Code, OAuthError},
        routing::IssuerEndpoint,
    },
};

#[cfg(test)]
mod tests;

/// `GET consent`.
pub(crate) async fn show(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match shown(embedded, asked).await {
        Ok(answer) => answer,
        Err(error) => pages::error(&error),
    }
}

async fn shown(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, OAuthError> {
    let form = asked.query()?;
    let named = form.get("flow").unwrap_or_default();
    let (flow, at) = named_flow::resume(embedded, named, asked).await?;
    let Some(offer) = offer_of(embedded, &flow, asked).await? else {
        return Ok(reply::redirect(&sign_in_url(embedded, named, &at, &flow).await?, &[]));
    };
    let csrf = csrf(embedded, asked, named, &purpose(&flow, &offer).each_ref().map(String::as_str));
    let csrf = csrf.ok_or_else(|| Code::AccessDenied.because("the browser's cookie is missing"))?;
    Ok(pages::consent(embedded, &ConsentView { flow: &flow, id: named, csrf: &csrf, offer: &offer }))
}

/// Where a user goes who has not signed in for this flow.
async fn sign_in_url(embedded: &Embedded, named: &str, at: &FlowAt, flow: &Flow) -> Result<String, OAuthError> {
    match embedded.settings.login {
        Login::Accounts(_) => Ok(page_url(embedded, IssuerEndpoint::Login, named)),
        // An earlier release asked for consent before the sign-in.
        Login::Oidc(_) | Login::GitHub(_) => departure::depart(embedded, &at.id, flow, None).await,
    }
}

/// `POST consent`.
pub(crate) async fn decide(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match Box::pin(decided(embedded, asked)).await {
        Ok(answer) => answer,
        Err(error) => pages::error(&error),
    }
}

async fn decided(embedded: &Embedded, asked: &Asked<'_>) -> Result<EndpointAnswer, OAuthError> {
    let posted = FormPost::read(embedded, asked).await?;
    let Some(offer) = offer_of(embedded, &posted.flow, asked).await? else {
        if posted.at.is_stored() && !embedded.settings.login.is_local() {
            // The page of an earlier release: the user signs in, and is then asked again.
            return Ok(reply::redirect(&sign_in_url(embedded, &posted.named, &posted.at, &posted.flow).await?, &[]));
        }
        return Err(Code::AccessDenied.because("no user has logged in for this request"));
    };
    // Only what the page showed is granted: a page with other scopes or another account has another
    // CSRF value.
    posted.check(embedded, asked, &purpose(&posted.flow, &offer).each_ref().map(String::as_str))?;
    let is_allowed = match posted.form.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Err(Code::InvalidRequest.because("decision must be allow or deny")),
    };
    if is_allowed && offer.is_nothing {
        return Err(Code::AccessDenied.because("this account may not grant any of the requested scopes"));
    }
    let FormPost { at, flow, .. } = posted;
    let (client, subject) = (flow.client.id.clone(), flow.person.as_ref().map(|person| person.subject.clone()));
    let outcome = offer.outcome(if is_allowed { "allowed" } else { "denied" });
    event::note(embedded, "consent", Some(&client), subject.as_deref(), &outcome);
    let person = flow.person.as_ref().filter(|_| is_allowed);
    let ungranted = person.and_then(|person| offer.ungranted(embedded, &flow.client, person));
    let location = if is_allowed {
        allow(embedded, &at, flow, &offer).await?
    } else {
        flow::end(embedded, &at).await?;
        let error = Code::AccessDenied.because("the user denied access");
        flow.request.back.with_error(&error, &embedded.settings.issuer)
    };
    Ok(reply::redirect(&location, &[flow::let_go(embedded, &at.id)]).without(ungranted))
}

async fn allow(embedded: &Embedded, at: &FlowAt, flow: Flow, offer: &Offer) -> Result<String, OAuthError> {
    let (client, uri, person) = (flow.client.clone(), flow.request.back.uri.clone(), flow.person.clone());
    let location = flow::finish(embedded, at, flow, offer.granted()).await?;
    let Some(person) = person else { return Ok(location) };
    if let Err(fault) = offer::remember(embedded, &person, &client, &uri, offer).await {
        // The authorization code is valid anyway; only the next request asks the user again.
        tracing::warn!(target: "portcullis::authorization_server", %fault, "a consent could not be stored; the user will be asked again");
    }
    Ok(location)
}

/// What the user may grant in a flow; `None` if they must log in first.
///
/// With local accounts, the browser must have the session of the user who logged in. Over plain
/// HTTP another server on the same host can plant the flow's cookie: its owner would answer for the
/// user who logs in. With a company IdP, [`flow::hold`] prevents that.
async fn offer_of(embedded: &Embedded, flow: &Flow, asked: &Asked<'_>) -> Result<Option<Offer>, OAuthError> {
    let Some(person) = &flow.person else { return Ok(None) };
    // The account may have been removed since the login, up to ten minutes ago.
    let gone = || Code::AccessDenied.because("the account that logged in was removed");
    let person = current::person_now(embedded, person).ok_or_else(gone)?;
    if let Login::Accounts(_) = &embedded.settings.login {
        let session = session::signed_in(embedded, asked).await?;
        if session.is_none_or(|session| session.person.subject != person.subject) {
            return Ok(None);
        }
    }
    Ok(Some(Offer::to(embedded, &flow.client, &flow.request, &person).await?))
}

/// What the CSRF value of the page is bound to: the user and the scopes.
fn purpose(flow: &Flow, offer: &Offer) -> [String; 4] {
    let subject = flow.person.as_ref().map_or("", |person| &person.subject);
    ["consent".into(), subject.into(), Scope::join(&offer.granted()), offer.resources.join(" ")]
}
