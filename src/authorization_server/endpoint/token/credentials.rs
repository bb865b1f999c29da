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
        client::{Client, ClientAuth, ClientOrigin, registered_by},
        error::{Code, OAuthError},
        form::Form,
        people::{self, Grantee, RegisteredBy},
        request,
        resources::{self, Protected},
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
    // The gateway reads from the id how a client registered; that of an earlier registration does
    // not say it, and its tokens would not count.
    let must_say = client.origin == ClientOrigin::Dynamic && matches!(registration.dynamic, Dynamic::Token(_));
    if must_say && registered_by(&client.id) != Some(RegisteredBy::Token) {
        return Err(Code::InvalidClient
            .because("this registration is of an earlier release or without the token: register again")
            .into());
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
    let (resources, scopes) = granted(embedded, client, grantee, form)?;
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

/// The servers that the token is for, and its scopes: as for users, those that the named servers
/// name, and of these servers those that [`resources::left`] leaves (attack 219).
fn granted(
    embedded: &Embedded,
    client: &Client,
    grantee: Grantee<'_>,
    form: &Form,
) -> Result<(Vec<Box<str>>, Vec<Scope>), OAuthError> {
    let (known, grants) = (&embedded.settings.resources, &embedded.settings.grants);
    let named = match form.all("resource").next() {
        None => resources::of_one_server(known)?,
        Some(_) => {
            let all: Vec<Box<str>> = known.iter().map(|one| one.resource.clone()).collect();
            resources::narrow(&all, known, form)?
        }
    };
    let of_named: Vec<&Protected> = known.iter().filter(|one| named.contains(&one.resource)).collect();
    let asked = request::scopes(client, form, &of_named)?;
    let scopes = people::allowed(grants, grantee, &asked);
    let left = resources::left(&named, known, &scopes, people::is_named(grants, grantee));
    match left.is_empty() || (scopes.is_empty() && !asked.is_empty()) {
        false => Ok((left, scopes)),
        true => Err(Code::InvalidScope
            .because("this client is granted none of the requested scopes that the requested servers name")),
    }
}
