//! `authorize`: checks client, redirect URI and scopes; then login or consent (SPEC E-10…E-17).

use crate::{
    authorization_server::{
        browser::{
            cookie::Cookie,
            flow::{self, Flow, page_url},
            known,
            offer::Offer,
            pages, session,
        },
        client::find::{find, is_vouched_for},
        embedded::{Asked, Embedded},
        event,
        grant::code,
        keys::random::unguessable,
        reply::{self, Denied, EndpointAnswer},
        settings::Login,
        throttle::Action,
    },
    base::{digest::sha256, limits::authorization_server::FLOW_AGE},
    decide::{
        authorization_server::{
            client::Client,
            error::{Code, OAuthError},
            form::Form,
            last_good::Purpose,
            people::Person,
            request::{AuthorizationRequest, ReturnTo},
        },
        routing::IssuerEndpoint,
    },
};

#[cfg(test)]
mod tests;

/// `GET authorize`.
pub(crate) async fn begin(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    // Until client and redirect URI are checked, errors are shown on a page: the browser is never
    // redirected to an address that the client did not register (SPEC E-10).
    let (client, form, back) = match identify(embedded, asked).await {
        Ok(known) => known,
        Err(denied) => {
            event::note(embedded, "authorize", None, None, &denied.error.description);
            return pages::denied(&denied);
        }
    };
    let is_vouched = is_vouched_for(embedded, &client);
    match proceed(embedded, asked, client, &form, back.clone()).await {
        Ok(next) => reply::redirect(&next.location, &next.cookies),
        Err(Stopped { error, knows_client }) => {
            event::note(embedded, "authorize", form.get("client_id"), None, &error.description);
            // RFC 9700 §4.11.2: with a client that anyone could register, a link to this server
            // would lead to any site. The user decides whether to go there.
            // Nor is the answer handed to a program that need not be the client.
            if !back.uri.is_claimable() && (is_vouched || knows_client || back.uri.is_native()) {
                return reply::redirect(&back.with_error(&error, &embedded.settings.issuer), &[]);
            }
            pages::error_for(&error, &back, &embedded.settings.issuer)
        }
    }
}

/// `HEAD authorize`: whether client and redirect URI are good. It begins no login and issues no
/// code.
pub(crate) async fn look(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    match identify(embedded, asked).await {
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
}

async fn identify(embedded: &Embedded, asked: &Asked<'_>) -> Result<(Client, Form, ReturnTo), Denied> {
    let throttle = &embedded.state.throttle;
    let known = known::any(embedded, asked).map(|known| Action::AuthorizeOfKnown(known.account));
    if known.is_none_or(|known| throttle.attempt(known, asked.now).is_err()) {
        throttle.attempt(Action::Authorize(asked.peer), asked.now).map_err(Denied::slow_down)?;
    }
    let form = asked.query()?;
    let id = form.get("client_id").ok_or_else(|| Code::InvalidRequest.because("client_id is missing"))?;
    let client = find(embedded, id, Purpose::Authorize(form.get("redirect_uri")), asked).await?;
    let back = ReturnTo::find(&client, &form)?;
    Ok((client, form, back))
}

async fn proceed(
    embedded: &Embedded,
    asked: &Asked<'_>,
    client: Client,
    form: &Form,
    back: ReturnTo,
) -> Result<Next, Stopped> {
    let request = AuthorizationRequest::read(&client, back, form, &embedded.settings.resources)?;
    let person = match embedded.settings.login {
        Login::Accounts(_) => session::signed_in(embedded, asked).await?,
        Login::Oidc(_) => None,
    };
    let is_signed_in = person.is_some();
    let person = person.filter(|_| !request.signs_in_again);
    let mut knows_client = false;
    if let Some(person) = &person {
        let offer = Offer::to(embedded, &client, &request, person).await?;
        knows_client = offer.knows_client;
        if offer.is_settled(&client, &request) {
            event::note(embedded, "consent", Some(&client.id), Some(&person.subject), "remembered");
            let location = code::issue(embedded, request, person.clone(), offer.into_scopes(), None).await?;
            return Ok(Next { location, cookies: Vec::new() });
        }
    }
    if request.never_ask {
        return Err(Stopped { error: must_be_shown(person.as_ref()), knows_client });
    }
    let cookie = match Cookie::Browser.get(embedded, &asked.head.headers) {
        Some(cookie) => cookie.to_owned(),
        None => unguessable().map_err(|cause| Code::ServerError.because(cause))?,
    };
    let page = match (&embedded.settings.login, &person) {
        // Consent comes before the request to the company IdP (SPEC D-01).
        (Login::Oidc(_), _) | (_, Some(_)) => IssuerEndpoint::Consent,
        (Login::Accounts(_), None) => IssuerEndpoint::Login,
    };
    let browser = sha256(cookie.as_bytes());
    let flow = Flow::new(request, client, browser, person);
    let id = flow::begin(embedded, &flow).await?;
    let mut cookies = vec![Cookie::Browser.set(embedded, &cookie, FLOW_AGE.as_secs())];
    if !is_signed_in && Cookie::Login.get(embedded, &asked.head.headers).is_some() {
        cookies.push(Cookie::Login.clear(embedded));
    }
    Ok(Next { location: page_url(embedded, page, &id), cookies })
}

/// The error for `prompt=none` (OpenID Connect Core §3.1.2.6).
fn must_be_shown(person: Option<&Person>) -> OAuthError {
    match person {
        None => Code::LoginRequired.because("prompt=none, but the user has not logged in"),
        Some(_) => Code::ConsentRequired.because("prompt=none, but the user must be asked for consent"),
    }
}
