//! `consent`: asks the user what a client may do, and shows what is new (SPEC D-01…D-03).
//!
//! Consent is remembered (SPEC E-34), and covers only what the page showed (SPEC E-16).

use crate::{
    authorization_server::{
        browser::{
            departure,
            flow::{self, Flow, page_url},
            form_post::{FormPost, csrf},
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
        authorization_server::{
            error::{Code, OAuthError},
            people::Person,
        },
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
    let id = form.get("flow").unwrap_or_default();
    let (flow, _) = flow::resume(embedded, id, asked).await?;
    let Some(offer) = offer_of(embedded, &flow, asked).await? else {
        return Ok(reply::redirect(&page_url(embedded, IssuerEndpoint::Login, id), &[]));
    };
    let csrf = csrf(embedded, asked, id, &purpose(&flow, &offer).each_ref().map(String::as_str));
    let csrf = csrf.ok_or_else(|| Code::AccessDenied.because("the browser's cookie is missing"))?;
    Ok(pages::consent(embedded, &ConsentView { flow: &flow, id, csrf: &csrf, offer: &offer }))
}

/// `POST consent`.
pub(crate) async fn decide(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match Box::pin(decided(embedded, asked)).await {
        Ok(location) => reply::redirect(&location, &[]),
        Err(error) => pages::error(&error),
    }
}

async fn decided(embedded: &Embedded, asked: &Asked<'_>) -> Result<String, OAuthError> {
    let posted = FormPost::read(embedded, asked).await?;
    let no_login = || Code::AccessDenied.because("no user has logged in for this request");
    let offer = offer_of(embedded, &posted.flow, asked).await?.ok_or_else(no_login)?;
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
    let FormPost { id, mut flow, before, .. } = posted;
    let (client, subject) = (flow.client.id.clone(), flow.person.as_ref().map(|person| person.subject.clone()));
    event::note(embedded, "consent", Some(&client), subject.as_deref(), if is_allowed { "allowed" } else { "denied" });
    if !is_allowed {
        flow::end(embedded, &id, &flow).await?;
        let error = Code::AccessDenied.because("the user denied access");
        return Ok(flow.request.back.with_error(&error, &embedded.settings.issuer));
    }
    let scopes = offer.into_scopes();
    match flow.person.clone() {
        Some(person) => allow(embedded, &id, flow, person, scopes).await,
        None => {
            flow.consented = Some(scopes);
            departure::depart(embedded, &id, &before, flow).await
        }
    }
}

async fn allow(
    embedded: &Embedded,
    id: &str,
    flow: Flow,
    person: Person,
    scopes: Vec<Scope>,
) -> Result<String, OAuthError> {
    let (client, request) = (flow.client.clone(), flow.request.clone());
    let location = flow::finish(embedded, id, flow, person.clone(), scopes.clone(), None).await?;
    if let Err(fault) = offer::remember(embedded, &person, &client, &request, &scopes).await {
        // The authorization code is valid anyway; only the next request asks the user again.
        tracing::warn!(target: "portcullis::authorization_server", %fault, "a consent could not be stored; the user will be asked again");
    }
    Ok(location)
}

/// What the user may grant in a flow; `None` if they must log in first.
///
/// The browser must have the session of the user who logged in. Over plain HTTP another server on
/// the same host can plant the flow's cookie: its owner would answer for the user who logs in.
async fn offer_of(embedded: &Embedded, flow: &Flow, asked: &Asked<'_>) -> Result<Option<Offer>, OAuthError> {
    match (&embedded.settings.login, &flow.person) {
        (Login::Oidc(_), _) => Ok(Some(Offer::before_login(&flow.request))),
        (Login::Accounts(_), Some(person)) => {
            // The account may have been removed since the login, up to ten minutes ago.
            let gone = || Code::AccessDenied.because("the account that logged in was removed");
            let person = current::person_now(embedded, person).ok_or_else(gone)?;
            let session = session::signed_in(embedded, asked).await?;
            if session.is_none_or(|session| session.subject != person.subject) {
                return Ok(None);
            }
            Ok(Some(Offer::to(embedded, &flow.client, &flow.request, &person).await?))
        }
        (Login::Accounts(_), None) => Ok(None),
    }
}

/// What the CSRF value of the page is bound to: the user and the scopes.
fn purpose(flow: &Flow, offer: &Offer) -> [String; 3] {
    let subject = flow.person.as_ref().map_or("", |person| &person.subject);
    let scopes: Vec<Scope> = offer.scopes.iter().map(|(scope, _)| scope.clone()).collect();
    ["consent".into(), subject.into(), Scope::join(&scopes)]
}
