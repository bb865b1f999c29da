//! What `grants` still give of what a user allowed: they may have changed since the consent.

use crate::{
    authorization_server::settings::EmbeddedSettings,
    base::names::Scope,
    decide::authorization_server::{
        client::Client,
        people::{self, Grantee, Person},
        resources,
    },
};

/// What is left for a code or a refresh token.
pub(crate) struct StillGranted<'a> {
    settings: &'a EmbeddedSettings,
    resources: &'a [Box<str>],
    is_named: bool,
    /// The scopes.
    pub(crate) scopes: Vec<Scope>,
}

impl<'a> StillGranted<'a> {
    /// What is left of these `scopes` and `resources`; `None` if nothing.
    pub(crate) fn of(
        settings: &'a EmbeddedSettings,
        client: &Client,
        person: &Person,
        (scopes, resources): (&[Scope], &'a [Box<str>]),
    ) -> Option<Self> {
        let grantee = Grantee::Person(person);
        let mut left = people::allowed(&settings.grants, grantee, scopes);
        left.retain(|scope| client.scopes.as_ref().is_none_or(|bound| bound.contains(scope)));
        let has_lost_all = left.is_empty() && !scopes.is_empty();
        let is_named = people::is_named(&settings.grants, grantee);
        let still = Self { settings, resources, is_named, scopes: left };
        (!has_lost_all && !still.servers(&still.scopes).is_empty()).then_some(still)
    }

    /// The servers of a token with `scopes`: a server at which the user has lost every scope is
    /// lost, too.
    pub(crate) fn servers(&self, scopes: &[Scope]) -> Vec<Box<str>> {
        resources::left(self.resources, &self.settings.resources, scopes, self.is_named)
    }
}
