//! A client's own access: no user, no refresh token (OAuth 2.1 §4.2, SPEC E-27).

use super::{Grant, issued};
use crate::{
    base::names::Scope,
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin},
        error::{Code, OAuthError},
        form::Form,
        people::{self, Grantee},
        request,
    },
    issuer::{Answer, Asked, Embedded, Login, event, reply::Denied, seal, store::Kind},
};

/// `grant_type=client_credentials`.
pub(super) async fn issue(
    embedded: &Embedded,
    client: &Client,
    form: &Form,
    asked: &Asked<'_>,
) -> Result<Answer, Denied> {
    let is_trusted = client.origin == ClientOrigin::Configured && client.auth != ClientAuth::None;
    if !client.grants.credentials || !is_trusted {
        return Err(Code::UnauthorizedClient.because("this client may not act for itself").into());
    }
    if names_a_person(embedded, &client.id) {
        return Err(Code::UnauthorizedClient.because("a user has this client's name").into());
    }
    let resources = resources(embedded, form)?;
    let scopes = scopes(embedded, client, form, &resources)?;
    // Nothing of it is stored; but with the store away nobody could revoke it.
    embedded.state.store.get(Kind::Revoked, &client.id).await?;
    let random = seal::unguessable().map_err(|cause| Code::ServerError.because(cause))?;
    let grant = Grant {
        client,
        subject: &client.id,
        person: None,
        scopes: &scopes,
        resources: &resources,
        family: &random,
        ends: u64::MAX,
    };
    let issued = issued(embedded, asked, &grant, None)?;
    event::note(embedded, "client_credentials", Some(&client.id), Some(&client.id), "issued");
    Ok(issued)
}

/// RFC 9068 §5: `sub` is the client's id here, and must not be taken for a user's.
fn names_a_person(embedded: &Embedded, id: &str) -> bool {
    match &embedded.settings.login {
        Login::Accounts(accounts) => {
            accounts.accounts.iter().any(|account| *account.subject.as_deref().unwrap_or(&account.name) == *id)
        }
        Login::Oidc(_) => false,
    }
}

/// What the token is for: a token for every server at once is never given by default.
fn resources(embedded: &Embedded, form: &Form) -> Result<Vec<Box<str>>, OAuthError> {
    let ours: Vec<Box<str>> = embedded.settings.resources.iter().map(|one| one.resource.clone()).collect();
    if form.all("resource").next().is_none() && ours.len() != 1 {
        return Err(Code::InvalidTarget.because("resource is missing, and there is more than one"));
    }
    request::narrow(&ours, form)
}

fn scopes(embedded: &Embedded, client: &Client, form: &Form, resources: &[Box<str>]) -> Result<Vec<Scope>, OAuthError> {
    let settings = &embedded.settings;
    let asked = match form.get("scope") {
        Some(text) => people::read_scope(text).map_err(|cause| Code::InvalidScope.because(cause))?,
        None => {
            let named = settings.resources.iter().filter(|one| resources.contains(&one.resource));
            named.flat_map(|one| one.default_scopes.iter().cloned()).collect()
        }
    };
    let mut scopes = people::allowed(&settings.grants, Grantee::Client(&client.id), &asked);
    scopes.retain(|scope| client.scopes.as_ref().is_none_or(|bound| bound.contains(scope)));
    // Servers may know no scopes at all; then it is enough that a rule is about this client.
    let is_named = settings.grants.iter().any(|rule| rule.clients.contains(&client.id));
    if scopes.is_empty() && !(asked.is_empty() && is_named) {
        return Err(Code::InvalidScope.because("nothing of this is granted to this client"));
    }
    Ok(scopes)
}
