//! Warns of settings without which users get no refresh token, and sign in every hour.

use std::time::Duration;

use crate::{
    base::names::{Issuer, Scope},
    config::{
        place::{Place, Written},
        problem::quoted,
        reader::{Field, Fields},
        reading::WrittenFinding,
    },
    decide::authorization_server::{
        client::Grants,
        idp_profile::{self, GENERIC, IdpProfile, OfflineAccess},
        resources::OFFLINE_ACCESS,
    },
};

/// Who must sign in again this soon is disturbed while working.
const SIGN_IN_USUAL: Duration = Duration::from_secs(3600);

/// What follows without refresh tokens.
const EFFECT: &str = "users must sign in again whenever their access token ends (`access_token_ttl`)";

/// Looks at `grant_types` of a configured client.
pub(super) fn of_client(grant_types: Option<&Field<'_>>, grants: &Grants) {
    if let Some(field) = grant_types.filter(|_| grants.code && !grants.refresh) {
        let expected = format!("refresh_token among them: without it, {EFFECT}");
        field.reading.warning(&field.place, "authorization_code without refresh_token", &expected);
    }
}

/// Looks at how long tokens can be refreshed.
pub(super) fn of_lifetimes(refresh: Option<&Field<'_>>, access: Option<&Field<'_>>, lifetimes: (Duration, Duration)) {
    let (refresh_ttl, access_ttl) = lifetimes;
    let Some(field) = refresh.filter(|_| refresh_ttl <= access_ttl.max(SIGN_IN_USUAL)) else { return };
    let found = quoted(field.scalar_text().unwrap_or_default());
    let expected = "a longer time, such as 30d: this long after a login, users must sign in again";
    let finding = WrittenFinding::new(&field.place, &found, expected);
    field.reading.warn(match access.filter(|_| refresh_ttl <= access_ttl) {
        Some(access) => finding.see(&access.place),
        None => finding,
    });
}

/// What is asked of the identity provider, as written.
pub(super) struct AskedOfIdp<'w> {
    pub(super) profile: &'static IdpProfile,
    pub(super) issuer: &'w Written<Issuer>,
    /// The place of `scopes`, if it is written.
    pub(super) scopes_at: Option<&'w Place>,
    pub(super) scopes: &'w [Scope],
    /// The place of `authorize_parameters`, if it is written.
    pub(super) parameters_at: Option<&'w Place>,
    pub(super) parameters: &'w [(Box<str>, Box<str>)],
}

/// Looks at `login.oidc`: the gateway gives a refresh token only if it got one of the provider.
/// Nothing is said about a provider whose ways are not known.
pub(super) fn of_idp(fields: &Fields<'_>, asked: &AskedOfIdp<'_>) {
    let AskedOfIdp { profile, issuer, scopes_at, scopes, parameters_at, parameters } = asked;
    let is_guessed = **profile == GENERIC;
    let suggested = idp_profile::suggested_by(&issuer.value).filter(|_| is_guessed);
    let likely = suggested.unwrap_or(profile);
    let asks_offline = scopes.iter().any(|scope| scope.as_str() == OFFLINE_ACCESS);
    let lacks_scope = likely.offline == OfflineAccess::Needed && !asks_offline;
    let consent = likely.needs_consent(asks_offline).then_some(("prompt", "consent"));
    let lacking = likely.parameters.iter().copied().chain(consent).find(|(name, value)| {
        let sent = parameters.iter().find(|(sent, _)| **sent == **name);
        !sent.is_some_and(|(_, words)| words.split(' ').any(|word| word == *value))
    });
    let name = likely.name;
    let effect = format!("without it {name} gives no refresh token, and {EFFECT}");
    let (place, found, expected) = match (lacks_scope, lacking) {
        (false, None) => return,
        // A `profile` mends what is not written.
        (true, _) if is_guessed && scopes_at.is_none() => (
            &issuer.place,
            format!("{}, without `profile`", quoted(&issuer.value)),
            format!("`profile: {name}` beside it, which asks for offline_access: {effect}"),
        ),
        (true, _) => {
            let place = scopes_at.unwrap_or(&issuer.place);
            (place, "scopes without offline_access".to_owned(), format!("offline_access among them: {effect}"))
        }
        (false, Some((parameter, value))) if is_guessed && parameters_at.is_none() => (
            &issuer.place,
            format!("{}, without `profile`", quoted(&issuer.value)),
            format!("`profile: {name}` beside it, which sends {parameter}={value}: {effect}"),
        ),
        (false, Some((parameter, value))) => {
            let place = parameters_at.unwrap_or(&issuer.place);
            let found = format!("parameters without {parameter}={value}");
            (place, found, format!("`{parameter}: {value}` among them: {effect}"))
        }
    };
    fields.of.reading.warning(place, &found, &expected);
}
