//! `grant_type=authorization_code`: exchanges a code once, for its client (SPEC E-15, E-21, E-22).

use std::time::Duration;

use super::{refresh, response};
use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        event,
        grant::{access_token::AccessGrant, code::AuthorizationCode, family, step_up, still_granted::StillGranted},
        person::current,
        refusals::RefusalKind,
        reply::{Denied, EndpointAnswer},
        settings::Login,
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::digest::sha256_base64url,
    decide::authorization_server::{
        client::Client,
        error::{Code, OAuthError},
        form::Form,
        resources,
    },
};

/// Exchanges a code.
pub(crate) async fn exchange(
    embedded: &Embedded,
    client: &Client,
    form: &Form,
    asked: &Asked<'_>,
) -> Result<EndpointAnswer, Denied> {
    if !client.grants.code {
        return Err(Code::UnauthorizedClient.because("this client is not allowed to use authorization codes").into());
    }
    let store = &embedded.state.store;
    let name = sha256_base64url(form.get("code").ok_or_else(|| Code::InvalidRequest.because("code is missing"))?);
    let before = store.get(EntryKind::Code, &name).await?.ok_or_else(invalid)?;
    let code: AuthorizationCode = serde_json::from_slice(&before).map_err(|_| invalid())?;
    if let Some(family) = &code.spent {
        replayed(embedded, &code, family, asked).await?;
        return Err(invalid().into());
    }
    if code.client != client.id {
        // The code has leaked to another client, so it is deleted.
        store.delete(EntryKind::Code, &name).await?;
        return Err(invalid().into());
    }
    check_redirect(&code, client, form)?;
    code.challenge.verify(form.get("code_verifier"))?;
    let Some(person) = current::person_now(embedded, &code.person) else {
        current::check_settled(embedded, &code.person)?;
        return Err(Code::InvalidGrant.because("the account of the user was removed").into());
    };
    let Some(code) = still_granted(embedded, client, AuthorizationCode { person: person.clone(), ..code }) else {
        current::check_settled(embedded, &person)?;
        return Err(Code::InvalidGrant.because("grants no longer give any of the scopes that the user allowed").into());
    };
    let resources = resources::narrow(&code.resources, &embedded.settings.resources, form)?;

    // The family is stored before the code is marked: after a crash in between the client can use
    // the code again, and no one has a token of the first family.
    let id = family::new_id().map_err(|cause| Code::ServerError.because(cause))?;
    let ends = asked.now.wall.saturating_add(embedded.settings.refresh_token_ttl);
    let refresh_token = match may_refresh(embedded, client, &code) {
        true => Some(refresh::begin(embedded, &id, &code, ends, asked).await?),
        false => None,
    };
    let spent = AuthorizationCode { spent: Some(id.clone()), ..code };
    let value = serde_json::to_vec(&spent).map_err(|cause| StoreFault(cause.to_string()))?;
    let kept = family::last_expiry(embedded, asked).saturating_add(Duration::from_secs(60));
    if !store.replace(EntryKind::Code, &name, &before, value, Some(kept)).await? {
        // Another request with the same code was faster.
        store.delete(EntryKind::Family, &id).await?;
        if let Some(theirs) = store.get(EntryKind::Code, &name).await?
            && let Ok(AuthorizationCode { spent: Some(family), .. }) = serde_json::from_slice(&theirs)
        {
            replayed(embedded, &spent, &family, asked).await?;
        }
        return Err(invalid().into());
    }
    let grant = AccessGrant {
        client_id: &client.id,
        subject: &spent.person.subject,
        person: Some(&spent.person),
        scopes: &spent.scopes,
        resources: &resources,
        family: &id,
        ends: ends.as_secs(),
    };
    let issued = response::issue(embedded, asked, &grant, refresh_token)?;
    step_up::authorized(embedded, &spent, asked).await;
    event::note(embedded, "code", Some(&client.id), Some(&spent.person.subject), "exchanged");
    Ok(issued)
}

/// The code, narrowed to what `grants` give now: they may have changed since the consent, as for a
/// refresh. `None` if nothing is left.
fn still_granted(embedded: &Embedded, client: &Client, code: AuthorizationCode) -> Option<AuthorizationCode> {
    let still = (&*code.scopes, &*code.resources);
    let still = StillGranted::of(&embedded.settings, client, &code.person, still)?;
    let (resources, scopes) = (still.servers(&still.scopes), still.scopes);
    // The client may name them at a refresh all the same.
    let lost = code.scopes.iter().filter(|scope| !scopes.contains(scope));
    let named = code.named.iter().chain(lost).cloned().collect();
    Some(AuthorizationCode { scopes, named, resources, ..code })
}

fn invalid() -> OAuthError {
    Code::InvalidGrant
        .because("the authorization code is invalid, expired, already used, or was issued to another client")
}

async fn replayed(
    embedded: &Embedded,
    code: &AuthorizationCode,
    family: &str,
    asked: &Asked<'_>,
) -> Result<(), StoreFault> {
    let of = (Some(&*code.client), Some(&*code.person.subject));
    event::refused(embedded, asked, RefusalKind::TokenReused, of, "code used twice: revoked");
    family::end(embedded, family, asked).await
}

/// OAuth 2.1 does not require `redirect_uri` here, because PKCE binds the code. A client that sends
/// it must send that of its request.
fn check_redirect(code: &AuthorizationCode, client: &Client, form: &Form) -> Result<(), OAuthError> {
    let is_same = match (&code.redirect_uri, form.get("redirect_uri")) {
        (_, None) => true,
        (Some(requested), Some(sent)) => **requested == *sent,
        // The request had no redirect URI, because the client has only one.
        (None, Some(sent)) => client.redirect_uris.iter().any(|registered| registered.as_str() == sent),
    };
    is_same
        .then_some(())
        .ok_or_else(|| Code::InvalidGrant.because("redirect_uri differs from that of the authorization request"))
}

/// Whether to issue a refresh token: with the company IdP only if the IdP can be asked whether the
/// session is alive (SPEC E-41).
fn may_refresh(embedded: &Embedded, client: &Client, code: &AuthorizationCode) -> bool {
    client.grants.refresh
        && match &embedded.settings.login {
            Login::Accounts(_) => true,
            Login::Oidc(_) | Login::GitHub(_) => code.bridge.is_some(),
        }
}
