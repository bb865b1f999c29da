//! The pages: login, consent, onward, error. HTML without scripts; usable by phone and keyboard.

use askama::Template;
use http::StatusCode;

use crate::{
    authorization_server::{
        browser::{
            flow::{Flow, page_url},
            offer::Offer,
        },
        embedded::Embedded,
        reply::{self, Denied, EndpointAnswer, FormTargets},
        settings::Login,
    },
    base::{limits::authorization_server::SHOWN_CHARS_MAX, names::Scope},
    decide::{
        authorization_server::{
            client::{Client, ClientOrigin},
            error::{Code, OAuthError},
            redirect_uri::RedirectUri,
            request::ReturnTo,
            visible_text::visible,
        },
        routing::IssuerEndpoint,
    },
};

use template::{ConsentPage, ErrorLink, ErrorPage, Layout, LoginPage, OnwardPage, ScopeRow, ServerRow, Vouched};

mod template;
#[cfg(test)]
mod tests;

/// What the login page shows.
pub(crate) struct LoginView<'a> {
    /// The flow.
    pub(crate) flow: &'a Flow,
    /// Its id.
    pub(crate) id: &'a str,
    /// The CSRF value of its form.
    pub(crate) csrf: &'a str,
    /// The content of the account field.
    pub(crate) account: &'a str,
    /// Why the last attempt failed.
    pub(crate) problem: Option<&'a str>,
}

/// What the consent page shows.
pub(crate) struct ConsentView<'a> {
    /// The flow.
    pub(crate) flow: &'a Flow,
    /// Its id.
    pub(crate) id: &'a str,
    /// The CSRF value of its form.
    pub(crate) csrf: &'a str,
    /// What the user may grant.
    pub(crate) offer: &'a Offer,
}

/// How a sign-in ended, for the page that leads on to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInOutcome {
    /// The client gets a code.
    SignedIn,
    /// The client gets an error.
    NotSignedIn,
}

/// The login page.
pub(crate) fn login(embedded: &Embedded, status: StatusCode, view: &LoginView<'_>) -> EndpointAnswer {
    let LoginView { flow, id, csrf, account, problem } = *view;
    let page = LoginPage {
        action: &embedded.url(IssuerEndpoint::Login),
        id,
        csrf,
        account,
        problem,
        client: flow.client.name.as_deref().map(shown),
        client_id: shown(&flow.client.id),
        origin: origin(&embedded.settings.issuer),
    };
    let title = if problem.is_some() { "Not signed in" } else { "Sign in" };
    answer(status, title, &page, FormTargets::Own)
}

/// The consent page.
pub(crate) fn consent(embedded: &Embedded, view: &ConsentView<'_>) -> EndpointAnswer {
    let ConsentView { flow, id, csrf, offer } = *view;
    let back = &flow.request.back.uri;
    let (known, new): (Vec<_>, Vec<_>) = offer.scopes.iter().partition(|(_, is_known)| *is_known);
    let idp = match &embedded.settings.login {
        Login::Oidc(oidc) => Some(origin(&oidc.issuer)),
        Login::GitHub(github) => Some(&*github.place.web),
        Login::Accounts(_) => None,
    };
    let page = ConsentPage {
        action: &embedded.url(IssuerEndpoint::Consent),
        other: &page_url(embedded, IssuerEndpoint::Login, id),
        id,
        csrf,
        client: flow.client.name.as_deref().map(shown),
        client_id: shown(&flow.client.id),
        is_claimed: flow.client.origin != ClientOrigin::Configured,
        vouched: vouched(&flow.client),
        servers: servers(embedded, flow, offer),
        back: shown(back.as_str()),
        back_host: shown(&back.host()),
        is_local: back.is_native(),
        is_native: flow.client.is_native() || back.is_native(),
        claimable: back.private_scheme().filter(|_| back.is_claimable()).map(shown),
        is_nothing: offer.is_nothing,
        new: new.iter().map(|(scope, _)| item(embedded, flow, scope)).collect(),
        known: known.iter().map(|(scope, _)| item(embedded, flow, scope)).collect(),
        missing: offer.missing.iter().map(|scope| item(embedded, flow, scope)).collect(),
        person: flow.person.as_ref().map(|person| shown(&person.name)),
        idp: idp.map(without_scheme),
    };
    // The page has no secret, and this server does not know where the client redirects to.
    let title = if offer.is_nothing { "No access" } else { "Allow access?" };
    answer(StatusCode::OK, title, &page, FormTargets::AndOnward)
}

/// The page after a sign-in that needs no consent, or after one that failed at the company IdP. It
/// leads to the client at once; a redirect would be bound by the policy of the page where the user
/// signed in, here or at the IdP, wherever the client redirects to.
pub(crate) fn onward(outcome: SignInOutcome, uri: &RedirectUri, location: &str, cookies: &[String]) -> EndpointAnswer {
    let heading = match outcome {
        SignInOutcome::SignedIn => "Signed in",
        SignInOutcome::NotSignedIn => "Not signed in",
    };
    let page = OnwardPage { heading, url: location, host: shown(&uri.host()) };
    let mut answer = answer(StatusCode::OK, heading, &page, FormTargets::Own);
    reply::refresh(&mut answer, location);
    reply::set(answer.response.headers_mut(), cookies);
    answer
}

/// The error page.
pub(crate) fn error(error: &OAuthError) -> EndpointAnswer {
    denied(&Denied::from(error.clone()))
}

/// The error page with a link to the client, which gets the error if the user follows it.
pub(crate) fn error_for(error: &OAuthError, back: &ReturnTo, issuer: &str) -> EndpointAnswer {
    let is_program = back.uri.is_native();
    let link = ErrorLink { url: back.with_error(error, issuer), host: shown(&back.uri.host()), is_program };
    let words = in_words(error.code);
    error_page(&Denied::from(error.clone()), words, Some(link))
}

/// The error page for what only an administrator can change.
pub(crate) fn for_administrator(error: &OAuthError) -> EndpointAnswer {
    let words = ("Not available right now", "Tell the administrator of this server; its log has the cause.");
    error_page(&Denied::from(error.clone()), words, None)
}

/// The error page, with the `Retry-After` of `denied`.
pub(crate) fn denied(denied: &Denied) -> EndpointAnswer {
    error_page(denied, in_words(denied.error.code), None)
}

fn error_page(denied: &Denied, words: (&str, &str), link: Option<ErrorLink>) -> EndpointAnswer {
    let (code, status) = denied.error.code.row();
    let (heading, advice) = words;
    // 401 requires a challenge, and browsers have no fitting one (RFC 9110 §15.5.2).
    let status = if status == StatusCode::UNAUTHORIZED { StatusCode::BAD_REQUEST } else { status };
    let page = ErrorPage { heading, what: sentence(&shown(&denied.error.description)), advice, code, link };
    let mut answer = answer(status, heading, &page, FormTargets::Own);
    if let Some(wait) = denied.wait {
        reply::retry_after(&mut answer, wait);
    }
    answer
}

/// The heading, and what the user can do.
fn in_words(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::InvalidClient | Code::UnauthorizedClient => (
            "Unknown application",
            "Remove the connection in the application and add it again, so that the application registers again.",
        ),
        Code::InvalidClientMetadata => (
            "This application cannot be used here",
            "Tell the maker of the application: the document that describes it must be corrected. Its address is the application's client_id.",
        ),
        Code::AccessDenied => {
            ("This sign-in cannot continue", "Go back to the application and begin again, in one browser window.")
        }
        Code::SlowDown => ("Too many attempts", "Wait a moment, then try again."),
        Code::TemporarilyUnavailable => ("Not available right now", "Try again in a few seconds."),
        Code::ServerError => ("Something went wrong", "Tell the operator of this server; its log has the cause."),
        _ => (
            "This request cannot be answered",
            "Go back to the application and begin again. If this happens again, the application has a bug.",
        ),
    }
}

/// Turns an error description, which starts in lower case and has no full stop, into a sentence. A
/// parameter name at its start keeps its spelling.
fn sentence(text: &str) -> String {
    let is_name = text.split(' ').next().is_some_and(|word| word.contains('_'));
    let mut letters = text.chars();
    let first = letters.next().filter(|_| !is_name).map(char::to_uppercase).into_iter().flatten();
    let rest = if is_name { text } else { letters.as_str() };
    first.chain(rest.chars()).chain(['.']).collect()
}

fn answer(status: StatusCode, title: &str, body: &impl Template, forms: FormTargets) -> EndpointAnswer {
    let html = body.render().and_then(|body| Layout::around(title, &body).render());
    match html {
        Ok(html) => reply::page(status, html, &[], forms),
        Err(cause) => {
            tracing::error!(%cause, "a page cannot be rendered");
            reply::refuse(&Code::ServerError.because("a page cannot be rendered"), false)
        }
    }
}

fn vouched(client: &Client) -> Vouched {
    match (client.origin, client.host()) {
        (ClientOrigin::Document, Some(host)) => Vouched::Host(shown(&host)),
        (ClientOrigin::Configured, _) => Vouched::Operator,
        (ClientOrigin::Dynamic | ClientOrigin::Document, _) => Vouched::Unchecked,
    }
}

/// The servers that the application gets access to; if it gets none, those that it asks for.
fn servers(embedded: &Embedded, flow: &Flow, offer: &Offer) -> Vec<ServerRow> {
    let (known, request) = (&embedded.settings.resources, &flow.request);
    let left = if offer.is_nothing { &request.resources } else { &offer.resources };
    let of_flow = known.iter().filter(|one| left.contains(&one.resource));
    of_flow.map(|one| ServerRow { name: shown(&one.name), resource: shown(&one.resource) }).collect()
}

fn item<'a>(embedded: &'a Embedded, flow: &Flow, scope: &'a Scope) -> ScopeRow<'a> {
    let settings = &embedded.settings;
    let words = settings.scope_descriptions.iter().find(|(known, _)| known == scope).map(|(_, words)| &**words);
    let of_flow = settings.resources.iter().filter(|one| flow.request.resources.contains(&one.resource));
    let servers = match flow.request.resources.len() {
        0 | 1 => Vec::new(),
        _ => of_flow.filter(|one| one.scopes.contains(scope)).map(|one| &*one.name).collect(),
    };
    ScopeRow { scope: scope.as_str(), words, servers }
}

/// Text from outside: shortened, and without characters that cannot be seen or that change the
/// order of others, which could affect text beyond their element.
fn shown(text: &str) -> String {
    let text = visible(text);
    let mut letters = text.chars();
    let mut shown: String = letters.by_ref().take(SHOWN_CHARS_MAX).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(scheme..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| scheme + at);
    url.get(..end).unwrap_or(url)
}

fn without_scheme(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, rest)| rest)
}
