//! An authorization code for tokens: once, by the client that asked for it, with the verifier that it was asked for with
//! (SPEC E-15, E-21, E-22).

use std::time::Duration;

use super::{Grant, end_family, issued, last_end, refresh};
use crate::{
    decide::authorization_server::{
        client::Client,
        error::{Code as Word, OAuthError},
        form::Form,
        request,
    },
    issuer::{
        Answer, Asked, Embedded, Login, event,
        flow::Code,
        login,
        reply::Denied,
        seal::name_of,
        store::{Kind, StoreFault},
    },
};

/// `grant_type=authorization_code`.
pub(super) async fn exchange(
    embedded: &Embedded,
    client: &Client,
    form: &Form,
    asked: &Asked<'_>,
) -> Result<Answer, Denied> {
    if !client.grants.code {
        return Err(Word::UnauthorizedClient.because("this client may not use codes").into());
    }
    let store = &embedded.state.store;
    let name = name_of(form.get("code").ok_or_else(|| Word::InvalidRequest.because("code is missing"))?);
    let before = store.get(Kind::Code, &name).await?.ok_or_else(invalid)?;
    let code: Code = serde_json::from_slice(&before).map_err(|_| invalid())?;
    if let Some(family) = &code.spent {
        replayed(embedded, &code, family, asked).await?;
        return Err(invalid().into());
    }
    if code.client != client.id {
        // It has got into other hands: nobody's is safe any more.
        store.delete(Kind::Code, &name).await?;
        return Err(invalid().into());
    }
    check_redirect(&code, client, form)?;
    code.challenge.verify(form.get("code_verifier"))?;
    let resources = request::narrow(&code.resources, form)?;
    if login::known_here(embedded, &code.person).is_none() {
        return Err(Word::InvalidGrant.because("who allowed this has no account here any more").into());
    }

    // First what the code becomes, then the code: killed in between, the client can come again with it, and what was made
    // for nothing opens to nobody.
    let id = refresh::new_id().map_err(|cause| Word::ServerError.because(cause))?;
    let ends = asked.now.wall.saturating_add(embedded.settings.refresh_token_ttl);
    let renewal = match may_refresh(embedded, client, &code) {
        true => Some(refresh::begin(embedded, &id, &code, ends, asked).await?),
        false => None,
    };
    let spent = Code { spent: Some(id.clone()), ..code };
    let value = serde_json::to_vec(&spent).map_err(|cause| StoreFault(cause.to_string()))?;
    let kept = last_end(embedded, asked).saturating_add(Duration::from_secs(60));
    if !store.replace(Kind::Code, &name, &before, value, Some(kept)).await? {
        // Somebody else was quicker with the very same code.
        store.delete(Kind::Family, &id).await?;
        if let Some(theirs) = store.get(Kind::Code, &name).await?
            && let Ok(Code { spent: Some(family), .. }) = serde_json::from_slice(&theirs)
        {
            replayed(embedded, &spent, &family, asked).await?;
        }
        return Err(invalid().into());
    }
    let grant = Grant {
        client,
        subject: &spent.person.subject,
        person: Some(&spent.person),
        scopes: &spent.scopes,
        resources: &resources,
        family: &id,
        ends: ends.as_secs(),
    };
    let issued = issued(embedded, asked, &grant, renewal)?;
    event::note(embedded, "code", Some(&client.id), Some(&spent.person.subject), "exchanged");
    Ok(issued)
}

fn invalid() -> OAuthError {
    Word::InvalidGrant.because("the code is unknown, over, used, or another client's")
}

async fn replayed(embedded: &Embedded, code: &Code, family: &str, asked: &Asked<'_>) -> Result<(), StoreFault> {
    event::note(embedded, "code", Some(&code.client), Some(&code.person.subject), "used twice: revoked");
    end_family(embedded, family, asked).await
}

/// OAuth 2.1 no longer asks for `redirect_uri` here, for the verifier binds the code; a client that sends it must send the one
/// of its request.
fn check_redirect(code: &Code, client: &Client, form: &Form) -> Result<(), OAuthError> {
    let is_same = match (&code.redirect_uri, form.get("redirect_uri")) {
        (_, None) => true,
        (Some(requested), Some(sent)) => **requested == *sent,
        // The request named none, because there was no choice.
        (None, Some(sent)) => client.redirect_uris.iter().any(|registered| registered.as_str() == sent),
    };
    is_same.then_some(()).ok_or_else(|| Word::InvalidGrant.because("redirect_uri is not the one of the request"))
}

/// Whether a refresh token makes sense: with the company's IdP only where that can be asked whether the session still lives
/// (SPEC E-41).
fn may_refresh(embedded: &Embedded, client: &Client, code: &Code) -> bool {
    client.grants.refresh
        && match &embedded.settings.login {
            Login::Accounts(_) => true,
            Login::Oidc(_) => code.bridge.is_some(),
        }
}
