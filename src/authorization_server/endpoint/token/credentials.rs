//! `grant_type=client_credentials`: no user, no refresh token (OAuth 2.1 §4.2, SPEC E-27).

use super::response;
use crate::{
    authorization_server::{
        client::registered,
        embedded::{Asked, Embedded},
        event,
        grant::access_token::AccessGrant,
        keys::random,
        reply::{Denied, EndpointAnswer},
        settings::{Dynamic, Login},
        store::kind::EntryKind,
        throttle::Action,
    },
    base::names::Scope,
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin},
        error::{Code, OAuthError},
        form::Form,
        people::{self, Grantee},
        resources,
    },
};

/// Issues an access token to a client.
pub(crate) async fn issue(
    embedded: &Embedded,
    client: &Client,
    form: &Form,
    asked: &Asked<'_>,
) -> Result<EndpointAnswer, Denied> {
    let registration = &embedded.settings.registration;
    let may_act_alone = match client.origin {
        ClientOrigin::Configured => true,
        // As configured now: what a client registered may be older.
        ClientOrigin::Dynamic => registration.may_act_alone && registration.dynamic != Dynamic::Off,
        ClientOrigin::Document => false,
    };
    if !client.grants.credentials || !may_act_alone || client.auth == ClientAuth::None {
        return Err(Code::UnauthorizedClient.because("this client is not allowed to use client credentials").into());
    }
    if names_a_person(embedded, &client.id) {
        return Err(Code::UnauthorizedClient.because("a user has the same name as this client").into());
    }
    let grantee = match client.origin {
        ClientOrigin::Configured => Grantee::Client(&client.id),
        ClientOrigin::Dynamic | ClientOrigin::Document => {
            // Its secret costs nothing, so an address has its limit, whatever clients it registers.
            let action = Action::Credentials(asked.peer);
            embedded.state.throttle.attempt(action, asked.now).map_err(Denied::slow_down)?;
            Grantee::Registered { with_token: client.with_token }
        }
    };
    let resources = resources(embedded, form)?;
    let scopes = scopes(embedded, client, grantee, form, &resources)?;
    // The token is not stored, but without the store it could not be revoked.
    embedded.state.store.get(EntryKind::Revoked, &client.id).await?;
    let family = random::unguessable().map_err(|cause| Code::ServerError.because(cause))?;
    let grant = AccessGrant {
        client_id: &client.id,
        subject: &client.id,
        person: None,
        scopes: &scopes,
        resources: &resources,
        family: &family,
        ends: u64::MAX,
    };
    if client.with_token {
        // In use: it is not deleted after a day. One that anyone could register is, and can
        // register again: requests that cost an attacker nothing must not fill the store.
        registered::mark_used(embedded, &client.id).await?;
    }
    let issued = response::issue(embedded, asked, &grant, None)?;
    event::note(embedded, "client_credentials", Some(&client.id), Some(&client.id), "issued");
    Ok(issued)
}

/// RFC 9068 §5: `sub` is the client's id, and must not be mistaken for a user's.
fn names_a_person(embedded: &Embedded, id: &str) -> bool {
    match &embedded.settings.login {
        Login::Accounts(accounts) => {
            accounts.accounts.iter().any(|account| *account.subject.as_deref().unwrap_or(&account.name) == *id)
        }
        Login::Oidc(_) | Login::GitHub(_) => false,
    }
}

fn resources(embedded: &Embedded, form: &Form) -> Result<Vec<Box<str>>, OAuthError> {
    let known = &embedded.settings.resources;
    if form.all("resource").next().is_none() {
        return resources::of_one_server(known);
    }
    let all: Vec<Box<str>> = known.iter().map(|one| one.resource.clone()).collect();
    resources::narrow(&all, known, form)
}

fn scopes(
    embedded: &Embedded,
    client: &Client,
    grantee: Grantee<'_>,
    form: &Form,
    resources: &[Box<str>],
) -> Result<Vec<Scope>, OAuthError> {
    let settings = &embedded.settings;
    let asked = match form.get("scope") {
        Some(text) => people::read_scope(text).map_err(|cause| Code::InvalidScope.because(cause))?,
        None => {
            let named = settings.resources.iter().filter(|one| resources.contains(&one.resource));
            named.flat_map(|one| one.default_scopes.iter().cloned()).collect()
        }
    };
    let mut scopes = people::allowed(&settings.grants, grantee, &asked);
    scopes.retain(|scope| client.scopes.as_ref().is_none_or(|bound| bound.contains(scope)));
    // For servers without scopes it is enough that a rule names this client.
    let is_named = people::is_named(&settings.grants, grantee);
    if scopes.is_empty() && !(asked.is_empty() && is_named) {
        return Err(Code::InvalidScope.because("none of the requested scopes is granted to this client"));
    }
    Ok(scopes)
}
