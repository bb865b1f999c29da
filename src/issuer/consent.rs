//! Asks the user what a client may do, shows only what is new, and remembers the answer (SPEC D-01…D-03, E-16, E-34).

use serde::{Deserialize, Serialize};

use crate::{
    base::{limits::CONSENT_AGE, names::Scope},
    decide::{
        authorization_server::{
            client::Client,
            error::{Code, OAuthError},
            form::{self, Form},
            people::{self, Grantee, Person},
            request::AuthorizationRequest,
        },
        routing::IssuerEndpoint,
    },
    issuer::{
        Answer, Asked, Embedded, Login, bridge, event,
        flow::{self, Flow},
        login,
        page::{self, Question},
        posted::{Posted, csrf},
        reply,
        seal::name_of,
        store::{Kind, StoreFault},
    },
};

#[cfg(test)]
mod tests;

/// How often what is remembered is written again where somebody else has just written it.
const WRITES_MAX: usize = 4;

/// What is on offer to a client, and how much of it somebody has already allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// What may be granted of what was asked for, and whether it was allowed before, at every server in question.
    pub(super) scopes: Vec<(Scope, bool)>,
    /// Whether each of these servers was allowed before.
    pub(super) knows_servers: bool,
    /// Whether nothing may be granted: no scope that was asked for, or, where none was, nothing at all.
    pub(super) is_nothing: bool,
}

/// What somebody has let a client do: scopes by server. The store keeps it under a digest of both (SPEC D-03).
#[derive(Default, Serialize, Deserialize)]
struct Remembered(Vec<(Box<str>, Vec<Scope>)>);

impl Offer {
    /// What `person` may let `client` do.
    pub(super) async fn to(
        embedded: &Embedded,
        client: &Client,
        request: &AuthorizationRequest,
        person: &Person,
    ) -> Result<Self, StoreFault> {
        let (grants, grantee) = (&embedded.settings.grants, Grantee::Person(person));
        let allowed = people::allowed(grants, grantee, &request.scopes);
        let kept = embedded.state.store.get(Kind::Consent, &key(person, client)).await?;
        let remembered = read(kept.as_deref());
        let is_nothing = allowed.is_empty() && !(request.scopes.is_empty() && people::is_named(grants, grantee));
        let scopes = allowed.into_iter().map(|scope| {
            let is_known = request.resources.iter().all(|one| remembered.has(one, &scope));
            (scope, is_known)
        });
        let knows_servers = request.resources.iter().all(|one| remembered.of(one).is_some());
        Ok(Self { scopes: scopes.collect(), knows_servers, is_nothing })
    }

    /// All that is asked for, of somebody who has not logged in yet: what they may not have is taken out when they have.
    fn to_anybody(request: &AuthorizationRequest) -> Self {
        let scopes = request.scopes.iter().map(|scope| (scope.clone(), false)).collect();
        Self { scopes, knows_servers: false, is_nothing: false }
    }

    /// Whether nothing is left to ask. Any program of this machine can say that it is a native client, so that its user is always
    /// asked (RFC 8252 §8.6), even where the client could have chosen another way back.
    pub(super) fn is_settled(&self, client: &Client, request: &AuthorizationRequest) -> bool {
        let is_native = client.is_native() || request.back.uri.is_native();
        let is_known = self.knows_servers && self.scopes.iter().all(|(_, is_known)| *is_known);
        is_known && !self.is_nothing && !is_native && !request.always_ask
    }

    /// What is granted.
    pub(super) fn into_scopes(self) -> Vec<Scope> {
        self.scopes.into_iter().map(|(scope, _)| scope).collect()
    }
}

/// The address of a page for a flow.
pub(super) fn address(embedded: &Embedded, page: IssuerEndpoint, id: &str) -> String {
    format!("{}?{}", embedded.url(page), form::encode(&[("flow", id)]))
}

/// `GET consent`.
pub(super) async fn show(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    match shown(embedded, asked).await {
        Ok(answer) => answer,
        Err(error) => page::error(embedded, &error),
    }
}

async fn shown(embedded: &Embedded, asked: &Asked<'_>) -> Result<Answer, OAuthError> {
    let form = Form::read(asked.head.uri.query().unwrap_or_default().as_bytes())?;
    let id = form.get("flow").unwrap_or_default();
    let (flow, _) = flow::resume(embedded, id, asked).await?;
    let Some(offer) = offer(embedded, &flow).await? else {
        return Ok(reply::redirect(&address(embedded, IssuerEndpoint::Login, id), &[]));
    };
    let csrf = csrf(embedded, asked, id, &purpose(&flow, &offer).each_ref().map(String::as_str));
    let csrf = csrf.ok_or_else(|| Code::AccessDenied.because("the browser's cookie is missing"))?;
    Ok(page::consent(embedded, &Question { flow: &flow, id, csrf: &csrf, offer: &offer }))
}

/// `POST consent`.
pub(super) async fn decide(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    match decided(embedded, asked).await {
        Ok(location) => reply::redirect(&location, &[]),
        Err(error) => page::error(embedded, &error),
    }
}

async fn decided(embedded: &Embedded, asked: &Asked<'_>) -> Result<String, OAuthError> {
    let posted = Posted::read(embedded, asked).await?;
    let nobody = || Code::AccessDenied.because("nobody has logged in for this request");
    let offer = offer(embedded, &posted.flow).await?.ok_or_else(nobody)?;
    // What was on the page is what is allowed: a form that showed other scopes, or another account, has another value.
    posted.check(embedded, asked, &purpose(&posted.flow, &offer).each_ref().map(String::as_str))?;
    let is_allowed = match posted.form.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Err(Code::InvalidRequest.because("the form says neither allow nor deny")),
    };
    if is_allowed && offer.is_nothing {
        return Err(Code::AccessDenied.because("this account may get nothing of what was asked for"));
    }
    let Posted { id, mut flow, before, .. } = posted;
    let (client, subject) = (flow.client.id.clone(), flow.person.as_ref().map(|person| person.subject.clone()));
    event::note(embedded, "consent", Some(&client), subject.as_deref(), if is_allowed { "allowed" } else { "denied" });
    if !is_allowed {
        flow::end(embedded, &id, &flow).await?;
        let error = Code::AccessDenied.because("the user did not allow it");
        return Ok(flow.request.back.with_error(&error, &embedded.settings.issuer));
    }
    let scopes = offer.into_scopes();
    match flow.person.clone() {
        Some(person) => allow(embedded, &id, flow, person, scopes).await,
        None => {
            flow.consented = Some(scopes);
            bridge::depart(embedded, &id, &before, flow).await
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
    let (key, resources) = (key(&person, &flow.client), flow.request.resources.clone());
    let location = flow::finish(embedded, id, flow, person, scopes.clone(), None).await?;
    if let Err(fault) = remember(embedded, &key, &resources, &scopes).await {
        // The code is made: next time the user is asked once more.
        tracing::warn!(target: "portcullis::issuer", %fault, "a consent is not remembered");
    }
    Ok(location)
}

/// What is on offer in a flow; nothing while nobody has logged in who must have.
async fn offer(embedded: &Embedded, flow: &Flow) -> Result<Option<Offer>, OAuthError> {
    match (&embedded.settings.login, &flow.person) {
        (Login::Oidc(_), _) => Ok(Some(Offer::to_anybody(&flow.request))),
        (Login::Accounts(_), Some(person)) => {
            // The login may be ten minutes old: who was taken out of the accounts since then allows nothing any more.
            let gone = || Code::AccessDenied.because("the account that logged in is not there any more");
            let person = login::known_here(embedded, person).ok_or_else(gone)?;
            Ok(Some(Offer::to(embedded, &flow.client, &flow.request, &person).await?))
        }
        (Login::Accounts(_), None) => Ok(None),
    }
}

/// What the page's form is bound to: whom it asks, and about what.
fn purpose(flow: &Flow, offer: &Offer) -> [String; 3] {
    let subject = flow.person.as_ref().map_or("", |person| &person.subject);
    let scopes: Vec<Scope> = offer.scopes.iter().map(|(scope, _)| scope.clone()).collect();
    ["consent".into(), subject.into(), Scope::join(&scopes)]
}

impl Remembered {
    fn of(&self, resource: &str) -> Option<&Vec<Scope>> {
        self.0.iter().find(|(known, _)| **known == *resource).map(|(_, scopes)| scopes)
    }

    fn has(&self, resource: &str, scope: &Scope) -> bool {
        self.of(resource).is_some_and(|scopes| scopes.contains(scope))
    }

    fn add(&mut self, resource: &str, added: &[Scope]) {
        let at = self.0.iter().position(|(known, _)| **known == *resource).unwrap_or_else(|| {
            self.0.push((resource.into(), Vec::new()));
            self.0.len() - 1
        });
        if let Some((_, scopes)) = self.0.get_mut(at) {
            scopes.extend(added.iter().filter(|scope| !scopes.contains(scope)).cloned().collect::<Vec<_>>());
        }
    }
}

/// What cannot be read was never allowed.
fn read(kept: Option<&[u8]>) -> Remembered {
    kept.and_then(|kept| serde_json::from_slice(kept).ok()).unwrap_or_default()
}

/// Of the person and the client both: what one client may is nothing to another (SPEC D-03).
fn key(person: &Person, client: &Client) -> String {
    // The length parts them where neither could hold the other.
    name_of(&format!("{}:{}{}", person.subject.len(), person.subject, client.id))
}

async fn remember(embedded: &Embedded, key: &str, resources: &[Box<str>], scopes: &[Scope]) -> Result<(), StoreFault> {
    let store = &embedded.state.store;
    let until = embedded.state.clock.now().wall.saturating_add(CONSENT_AGE);
    for _ in 0..WRITES_MAX {
        let before = store.get(Kind::Consent, key).await?;
        let mut remembered = read(before.as_deref());
        resources.iter().for_each(|one| remembered.add(one, scopes));
        let value = serde_json::to_vec(&remembered).map_err(|cause| StoreFault(cause.to_string()))?;
        let is_written = match &before {
            Some(before) => store.replace(Kind::Consent, key, before, value, Some(until)).await?,
            None => store.create(Kind::Consent, key, value, until).await?,
        };
        if is_written {
            return Ok(());
        }
    }
    Err(StoreFault("somebody else keeps writing the same consent".into()))
}
