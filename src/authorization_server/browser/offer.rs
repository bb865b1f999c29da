//! Offers: what a user may grant a client, what they granted before, and how that is remembered.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        embedded::Embedded,
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::{
        digest::{Digest, sha256_base64url},
        limits::authorization_server::CONSENT_AGE,
        names::Scope,
    },
    decide::authorization_server::{
        client::Client,
        people::{self, Grantee, Person},
        redirect_uri::RedirectUri,
        request::AuthorizationRequest,
        resources,
    },
    observe::record::Ungranted,
};

/// How often to retry if the entry changes meanwhile.
const WRITES_MAX: usize = 4;

/// What a user may grant a client, and what they granted before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The requested scopes that may be granted, each with whether the user granted it before, at
    /// each of these servers.
    pub(crate) scopes: Vec<(Scope, bool)>,
    /// Whether the user granted access to each of these servers before.
    pub(crate) knows_servers: bool,
    /// Whether the user granted the client anything before, with this redirect origin.
    pub(crate) knows_client: bool,
    /// The requested scopes that no rule gives to this user.
    pub(crate) missing: Vec<Scope>,
    /// Whether the operator has consented for all users.
    pub(crate) is_trusted: bool,
    /// Whether nothing may be granted: none of the requested scopes, or, if none was requested, no
    /// access at all.
    pub(crate) is_nothing: bool,
    /// These servers: those of the request that the token will be for.
    pub(crate) resources: Vec<Box<str>>,
}

impl Offer {
    /// What `person` may grant `client`.
    pub(crate) async fn to(
        embedded: &Embedded,
        client: &Client,
        request: &AuthorizationRequest,
        person: &Person,
    ) -> Result<Self, StoreFault> {
        let (grants, grantee) = (&embedded.settings.grants, Grantee::Person(person));
        let allowed = people::allowed(grants, grantee, &request.scopes);
        // Any program may claim a scheme without a dot: no consent to one is a consent to another.
        let kept = match request.back.uri.is_claimable() {
            true => None,
            false => embedded.state.store.get(EntryKind::Consent, &key(person, client, &request.back.uri)).await?,
        };
        let remembered = read(kept.as_deref());
        let is_named = people::is_named(grants, grantee);
        let resources = resources::left(&request.resources, &embedded.settings.resources, &allowed, is_named);
        let is_nothing = resources.is_empty() || (allowed.is_empty() && !request.scopes.is_empty());
        let missing = request.scopes.iter().filter(|scope| !allowed.contains(scope)).cloned().collect();
        // As configured now: what a flow says of its client may be older.
        let mut configured = embedded.settings.clients.iter();
        let is_trusted = configured.any(|one| one.id == client.id && one.trusted);
        let scopes = allowed.into_iter().map(|scope| {
            let is_known = resources.iter().all(|one| remembered.has(one, &scope));
            (scope, is_known)
        });
        let knows_servers = resources.iter().all(|one| remembered.of(one).is_some());
        Ok(Self {
            scopes: scopes.collect(),
            knows_servers,
            knows_client: kept.is_some(),
            missing,
            is_trusted,
            is_nothing,
            resources,
        })
    }

    /// Whether consent can be skipped. For a native client the user is always asked (RFC 8252
    /// §8.6), even if it also has other redirect URIs: any program on the computer can claim to be
    /// that client. A user who cannot get all that is asked for is told so, unless no page may be
    /// shown: otherwise the client would begin again and again.
    pub(crate) fn is_settled(&self, client: &Client, request: &AuthorizationRequest) -> bool {
        let is_native = client.is_native() || request.back.uri.is_native();
        let is_known = self.knows_servers && self.scopes.iter().all(|(_, is_known)| *is_known);
        let is_whole = self.missing.is_empty() || request.never_ask;
        let is_remembered = is_known && is_whole && !is_native && !request.always_ask;
        !self.is_nothing && (self.is_trusted || is_remembered)
    }

    /// Why consent was skipped, for the log.
    pub(crate) fn settled_by(&self) -> &'static str {
        if self.is_trusted { "trusted client" } else { "remembered" }
    }

    /// `outcome` for the log, with the scopes that the user cannot get.
    pub(crate) fn outcome(&self, outcome: &'static str) -> Cow<'static, str> {
        match &*self.missing {
            [] => outcome.into(),
            missing => format!("{outcome}; grants do not give this user: {}", Scope::join(missing)).into(),
        }
    }

    /// What `person` does not get, for the audit line.
    pub(crate) fn ungranted(&self, embedded: &Embedded, client: &Client, person: &Person) -> Option<Box<Ungranted>> {
        let issuer = &embedded.settings.issuer;
        (!self.missing.is_empty()).then(|| {
            Box::new(Ungranted {
                issuer: issuer.as_str().into(),
                principal: Digest::of(&[issuer, &person.subject]),
                client: client.id.clone(),
                scopes: self.missing.clone(),
            })
        })
    }

    /// The scopes to grant.
    pub(crate) fn granted(&self) -> Vec<Scope> {
        self.scopes.iter().map(|(scope, _)| scope.clone()).collect()
    }
}

/// The scopes that a user has granted a client, by server (SPEC D-03).
#[derive(Default, Serialize, Deserialize)]
struct Remembered(Vec<(Box<str>, Vec<Scope>)>);

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

/// Records that `person` has granted `client` what the page with `offer` showed; nothing if any
/// program may claim the redirect URI.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn remember(
    embedded: &Embedded,
    person: &Person,
    client: &Client,
    uri: &RedirectUri,
    offer: &Offer,
) -> Result<(), StoreFault> {
    if uri.is_claimable() {
        return Ok(());
    }
    let (store, key, scopes) = (&embedded.state.store, key(person, client, uri), offer.granted());
    let until = embedded.state.clock.now().wall.saturating_add(CONSENT_AGE);
    for _ in 0..WRITES_MAX {
        let before = store.get(EntryKind::Consent, &key).await?;
        let mut remembered = read(before.as_deref());
        offer.resources.iter().for_each(|one| remembered.add(one, &scopes));
        let value = serde_json::to_vec(&remembered).map_err(|cause| StoreFault(cause.to_string()))?;
        let is_written = match &before {
            Some(before) => store.replace(EntryKind::Consent, &key, before, value, Some(until)).await?,
            None => store.create(EntryKind::Consent, &key, value, until).await?,
        };
        if is_written {
            return Ok(());
        }
    }
    Err(StoreFault("the same consent keeps changing".into()))
}

/// An unreadable entry counts as nothing granted.
fn read(kept: Option<&[u8]>) -> Remembered {
    kept.and_then(|kept| serde_json::from_slice(kept).ok()).unwrap_or_default()
}

/// The store's key, from user, client and redirect origin: a grant to one client says nothing about
/// another, and none about the same client that sends its codes elsewhere (SPEC D-03).
///
/// Earlier releases left out the origin. Their entries are not found: the user is asked once
/// more, because it is not known which origin they saw.
fn key(person: &Person, client: &Client, uri: &RedirectUri) -> String {
    let (subject, id, origin) = (&*person.subject, &*client.id, uri.consent_origin());
    // The lengths separate the parts unambiguously.
    sha256_base64url(&format!("{} {} {subject}{id}{origin}", subject.len(), id.len()))
}
