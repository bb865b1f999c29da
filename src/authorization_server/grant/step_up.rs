//! Remembers calls that were refused for lack of scope, for the refresh that follows (login B8).

use serde_json::json;
use tokio::time::timeout;

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded, State},
        event,
        grant::{
            code::AuthorizationCode,
            family::{self, written},
            revocations::stem,
        },
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::{
        clock::Now,
        digest::sha256_base64url,
        limits::authorization_server::{STEP_UP_AGE, STEP_UP_BY_ITSELF_AGE, STEP_UP_NOTE_TIMEOUT, STEP_UP_TOLD_AGE},
        names::Scope,
    },
    decide::{
        authorization_server::{
            client::Client,
            people::Person,
            refresh_family::Family,
            step_up::{StepUps, can_help},
        },
        token::caller::Caller,
    },
};

/// How often to retry if the entry changes meanwhile.
const ATTEMPTS: usize = 4;

/// Notes that a call of `caller` was refused, because the token lacks scopes of `needed`. Returns
/// when the other replicas can know, but soon in any case: the caller waits for its answer.
pub async fn note(embedded: &Embedded, caller: &Caller, needed: &[Scope], now: Now) {
    let missing: Vec<Scope> = needed.iter().filter(|scope| !caller.scopes().contains(scope)).cloned().collect();
    let jti = caller.claims().get("jti").and_then(serde_json::Value::as_str).unwrap_or_default();
    // A client that acts for itself has no refresh token.
    let (Some(client), Some((stem, _))) = (caller.client(), jti.split_once('.')) else { return };
    if missing.is_empty() || client == caller.subject() || !embedded.settings.step_up {
        return;
    }
    if !embedded.state.noted_calls.is_due(json!([stem, missing]).to_string(), now) {
        return;
    }
    let change = |step_ups: StepUps| step_ups.with_refused(stem, &missing, now.wall).map(|after| (after, ()));
    let noted = timeout(STEP_UP_NOTE_TIMEOUT, changed(&embedded.state, client, caller.subject(), now, change)).await;
    if let Ok(Err(fault)) = noted {
        tracing::debug!(%fault, "a refused call could not be noted; its client may not ask for more scope");
    }
}

/// Whether this refresh is refused, once, so that its client asks for more scope. If so the family
/// is marked; `None` if the family changed meanwhile.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn is_refused(
    embedded: &Embedded,
    (id, family, before): (&str, &Family, &[u8]),
    person: &Person,
    client: &Client,
    now: Now,
) -> Result<Option<bool>, StoreFault> {
    if !embedded.settings.step_up {
        return Ok(Some(false));
    }
    let (state, stem) = (&embedded.state, stem(id));
    let name = name(&client.id, &person.subject);
    let Some(kept) = state.store.get(EntryKind::StepUp, &name).await? else { return Ok(Some(false)) };
    let step_ups = read(&kept);
    let helps = |missing: &&[Scope]| can_help(missing, family, person, client, &embedded.settings.grants);
    let Some(missing) = step_ups.wanted(&stem, now.wall).find(helps) else {
        refreshed(state, &stem, person, client, &step_ups, now).await;
        return Ok(Some(false));
    };
    // Of several refreshes at once, one changes the family, and is refused.
    if !state.store.replace(EntryKind::Family, id, before, written(&family.told_of(missing))?, None).await? {
        return Ok(None);
    }
    let change = |step_ups: StepUps| Some((step_ups.told((id, &stem), family, missing, now.wall), ()));
    if let Err(fault) = changed(state, &client.id, &person.subject, now, change).await {
        tracing::warn!(%fault, "a login that its client will replace stays until it expires");
    }
    Ok(Some(true))
}

/// Notes that a refresh of the family with this stem goes through. Faults cost no login.
async fn refreshed(state: &State, stem: &str, person: &Person, client: &Client, known: &StepUps, now: Now) {
    if known.refreshed(stem, now.wall).is_none() {
        return;
    }
    let change = |step_ups: StepUps| step_ups.refreshed(stem, now.wall).map(|after| (after, ()));
    if let Err(fault) = changed(state, &client.id, &person.subject, now, change).await {
        tracing::debug!(%fault, "a refresh after a refused call could not be noted");
    }
}

/// Notes that a client redeemed this `code`, and ends the families that the code replaces. Faults
/// cost no login.
pub(crate) async fn authorized(embedded: &Embedded, code: &AuthorizationCode, asked: &Asked<'_>) {
    let (client, subject) = (&*code.client, &*code.person.subject);
    let requested: Vec<Scope> = code.scopes.iter().chain(&code.named).cloned().collect();
    let change = |step_ups: StepUps| step_ups.authorized(&requested, &code.resources, asked.now.wall);
    let replaced = match changed(&embedded.state, client, subject, asked.now, change).await {
        Ok(None) => return,
        Ok(Some(replaced)) => replaced,
        Err(fault) => {
            tracing::warn!(%fault, "a login that was replaced stays until it expires");
            return;
        }
    };
    // A call that is refused again at once shows which family is still in use.
    embedded.state.noted_calls.forget();
    for id in replaced {
        event::note(embedded, "step_up", Some(client), Some(subject), "login replaced");
        if let Err(fault) = family::end(embedded, &id, asked).await {
            tracing::warn!(%fault, "a login that was replaced could not be ended");
        }
    }
}

/// Changes the entry of `client` and `subject` in the store. `None` if there is nothing to change.
async fn changed<T>(
    state: &State,
    client: &str,
    subject: &str,
    now: Now,
    change: impl Fn(StepUps) -> Option<(StepUps, T)>,
) -> Result<Option<T>, StoreFault> {
    let name = name(client, subject);
    for _ in 0..ATTEMPTS {
        let before = state.store.get(EntryKind::StepUp, &name).await?;
        let Some((after, told)) = change(before.as_deref().map(read).unwrap_or_default()) else { return Ok(None) };
        let age = match (after.is_by_itself(), after.told.is_empty()) {
            (true, _) => STEP_UP_BY_ITSELF_AGE,
            (false, false) => STEP_UP_TOLD_AGE,
            (false, true) => STEP_UP_AGE,
        };
        let until = now.wall.saturating_add(age);
        let value = serde_json::to_vec(&after).map_err(|cause| StoreFault(cause.to_string()))?;
        let is_done = match &before {
            None => state.store.create(EntryKind::StepUp, &name, value, until).await?,
            Some(before) => state.store.replace(EntryKind::StepUp, &name, before, value, Some(until)).await?,
        };
        if is_done {
            return Ok(Some(told));
        }
    }
    Ok(None)
}

/// An entry's name: one user of a client cannot change what another user of it gets.
fn name(client: &str, subject: &str) -> String {
    sha256_base64url(&json!([client, subject]).to_string())
}

fn read(kept: &[u8]) -> StepUps {
    serde_json::from_slice(kept).unwrap_or_default()
}
