//! `authorize`: checks client, redirect URI and scopes; then login or consent (SPEC E-10…E-17).

use crate::{
    authorization_server::{
        browser::{
            cookie::Cookie,
            departure,
            flow::{self, Flow, page_url},
            known, named_flow,
            offer::Offer,
            pages, session, way_back,
        },
        client::{
            find::find,
            told::{client_shown, unknown_client},
        },
        embedded::{Asked, Embedded},
        event::{self, RefusedFacts},
        grant::code,
        keys::random::unguessable,
        refusals::RefusalKind,
        reply::{self, Denied, EndpointAnswer},
    },
    base::{
        digest::sha256,
        limits::authorization_server::FLOW_AGE,
        shown::{path_shown_but, shown},
        shown_uri::uri_shown,
    },
    decide::{
        authorization_server::{
            client::{Client, ClientOrigin},
            error::{Code, OAuthError},
            form::Form,
            last_good::Purpose,
            people::Person,
            registration::AT_THE_GATEWAY,
            request::{AuthorizationRequest, ReturnTo},
        },
        refusal::told::{FACT_CHARS_MAX, listed},
        routing::IssuerEndpoint,
    },
    observe::record::Ungranted,
};

#[cfg(test)]
mod tests;

/// `GET authorize`.
pub(crate) async fn begin(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    // Until client and redirect URI are checked, errors are shown on a page: the browser is never
    // redirected to an address that the client did not register (SPEC E-10).
    let mut facts = RefusedFacts::default();
    let (client, form, back) = match identify(embedded, asked, &mut facts).await {
        Ok(known) => known,
        Err(denied) => {
            let kind = RefusalKind::of_authorize(denied.error.code);
            event::refused_with(embedded, asked, kind, &facts, &denied.error.description);
            return pages::denied(&denied);
        }
    };
    match proceed(embedded, asked, client.clone(), &form, back.clone()).await {
        Ok(next) => reply::redirect(&next.location, &next.cookies).without(next.ungranted),
        Err(Stopped { error, knows_client }) => {
            let kind = RefusalKind::of_authorize(error.code);
            event::refused(embedded, asked, kind, (form.get("client_id"), None), &error.description);
            way_back::tell(embedded, &client, &back, &error, knows_client)
        }
    }
}

/// `HEAD authorize`: whether client and redirect URI are good. It begins no login and issues no
/// code.
pub(crate) async fn look(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match identify(embedded, asked, &mut RefusedFacts::default()).await {
        Ok(_) => reply::nothing(),
        Err(denied) => pages::denied(&denied),
    }
}

/// Why there is no next page.
struct Stopped {
    error: OAuthError,
    /// Whether the user has logged in and has allowed this client something before, with this
    /// redirect origin. Only then may a request with `prompt=none` of any client end there.
    knows_client: bool,
}

impl<E: Into<OAuthError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { error: error.into(), knows_client: false }
    }
}

/// The next address for the browser, and cookies to set.
struct Next {
    location: String,
    cookies: Vec<String>,
    ungranted: Option<Box<Ungranted>>,
}

/// Client and redirect URI of the request; or why there are none, with the `facts` for the log.
async fn identify(
    embedded: &Embedded,
    asked: &Asked<'_>,
    facts: &mut RefusedFacts,
) -> Result<(Client, Form, ReturnTo), Denied> {
    known::attempt(embedded, asked).map_err(Denied::slow_down)?;
    let form = asked.query()?;
    let id = form.get("client_id").ok_or_else(|| Code::InvalidRequest.because("client_id is missing"))?;
    let found = find(embedded, id, Purpose::Authorize(form.get("redirect_uri")), asked).await;
    let client = found.inspect_err(|error| *facts = unknown_client(embedded, id, error))?;
    // Besides those that the client had: on this machine the port need not be the registered one.
    let asks_for_own = form.get("redirect_uri").is_some_and(|uri| embedded.settings.own.have_url(uri));
    if client.origin != ClientOrigin::Configured && asks_for_own {
        event::at_the_gateway(embedded, asked, Some(id));
        *facts = other_redirect(&client, &form);
        return Err(Code::InvalidRequest.because(AT_THE_GATEWAY).into());
    }
    let back = ReturnTo::find(&client, &form).inspect_err(|_| *facts = other_redirect(&client, &form))?;
    Ok((client, form, back))
}

/// What is logged of a redirect URI that is not the client's, without values of queries.
fn other_redirect(client: &Client, form: &Form) -> RefusedFacts {
    // The client has sent the registered ones in the open: they are shown with all of their path.
    let registered: Vec<String> = client
        .redirect_uris
        .iter()
        .map(|uri| shown(&uri_shown(uri.as_str()).to_string(), FACT_CHARS_MAX).to_string())
        .collect();
    let found = form.get("redirect_uri").map_or("no redirect_uri".to_owned(), |uri| place(uri, &registered));
    let mut expected = listed(registered.iter().map(|uri| &**uri), " or ");
    if registered.contains(&found) {
        expected.push_str("; they differ in what is not shown: a value of the query, or a part of the path");
    }
    let advice = match client.origin {
        ClientOrigin::Configured => {
            "have the client send one of its redirect_uris, or add this one to its entry in `clients`"
        }
        ClientOrigin::Dynamic => {
            "the client registered other places: have its user remove this server from it and add it anew"
        }
        ClientOrigin::Document => "the maker of the client must write this place into redirect_uris of its document",
    };
    RefusedFacts { client: Some(client_shown(&client.id)), found, expected, advice }
}

/// A redirect URI for the log: the names of its query, and the parts of its path that could be no
/// key or that are in one of the `registered`.
fn place(uri: &str, registered: &[String]) -> String {
    let text = uri_shown(uri).to_string();
    let (path, query) = text.split_at_checked(text.find(['?', '#']).unwrap_or(text.len())).unwrap_or((&text, ""));
    let is_public = |part: &str| registered.iter().any(|uri| uri.split(['/', '?']).any(|known| known == part));
    shown(&format!("{}{query}", path_shown_but(path, is_public, FACT_CHARS_MAX)), FACT_CHARS_MAX).to_string()
}

async fn proceed(
    embedded: &Embedded,
    asked: &Asked<'_>,
    client: Client,
    form: &Form,
    back: ReturnTo,
) -> Result<Next, Stopped> {
    let request = AuthorizationRequest::read(&client, back, form, &embedded.settings.resources)?;
    if !embedded.settings.login.is_local() {
        return Ok(to_idp(embedded, asked, client, request).await?);
    }
    let session = session::signed_in(embedded, asked).await?;
    let is_signed_in = session.is_some();
    let person = session.and_then(|session| session.within(request.max_age));
    let person = person.filter(|_| !request.signs_in_again);
    let mut knows_client = false;
    if let Some(person) = &person {
        let offer = Offer::to(embedded, &client, &request, person).await?;
        knows_client = offer.knows_client;
        if offer.is_settled(&client, &request) {
            let outcome = offer.outcome(offer.settled_by());
            event::note(embedded, "consent", Some(&client.id), Some(&person.subject), &outcome);
            let ungranted = offer.ungranted(embedded, &client, person);
            let location = code::issue(embedded, request, person.clone(), offer.granted(), None).await?;
            return Ok(Next { location, cookies: Vec::new(), ungranted });
        }
    }
    if request.never_ask {
        return Err(Stopped { error: must_be_shown(person.as_ref()), knows_client });
    }
    let (cookie, set_cookie) = browser_cookie(embedded, asked)?;
    let page = if person.is_some() { IssuerEndpoint::Consent } else { IssuerEndpoint::Login };
    let flow = Flow::new(request, client, sha256(cookie.as_bytes()), person, asked.now);
    let named = named_flow::begin(embedded, &flow).await?;
    let mut cookies = vec![set_cookie];
    if !is_signed_in && Cookie::Login.get(embedded, &asked.head.headers).is_some() {
        cookies.push(Cookie::Login.clear(embedded));
    }
    Ok(Next { location: page_url(embedded, page, &named), cookies, ungranted: None })
}

/// Users of a company IdP sign in first: only then is it known what they can grant (SPEC D-01).
async fn to_idp(
    embedded: &Embedded,
    asked: &Asked<'_>,
    client: Client,
    request: AuthorizationRequest,
) -> Result<Next, OAuthError> {
    let (cookie, set_cookie) = browser_cookie(embedded, asked)?;
    let flow = Flow::new(request, client, sha256(cookie.as_bytes()), None, asked.now);
    let location = departure::depart(embedded, &flow::new_id()?, &flow, None).await?;
    Ok(Next { location, cookies: vec![set_cookie], ungranted: None })
}

/// The cookie of the browser, which keeps it while flows are under way, and `Set-Cookie`.
fn browser_cookie(embedded: &Embedded, asked: &Asked<'_>) -> Result<(String, String), OAuthError> {
    let cookie = match Cookie::Browser.get(embedded, &asked.head.headers) {
        Some(cookie) => cookie.to_owned(),
        None => unguessable().map_err(|cause| Code::ServerError.because(cause))?,
    };
    let set_cookie = Cookie::Browser.set(embedded, &cookie, FLOW_AGE.as_secs());
    Ok((cookie, set_cookie))
}

/// The error for `prompt=none` (OpenID Connect Core §3.1.2.6).
fn must_be_shown(person: Option<&Person>) -> OAuthError {
    match person {
        None => Code::LoginRequired.because("prompt=none, but the user has not logged in"),
        Some(_) => Code::ConsentRequired.because("prompt=none, but the user must be asked for consent"),
    }
}
