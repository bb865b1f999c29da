//! Reads `login.oidc`: the company's OpenID Connect provider.

use crate::{
    authorization_server::settings::OidcSettings,
    base::names::Scope,
    config::{
        embedded::refresh::{self, AskedOfIdp},
        keys::oidc::CLAIMS_MAX_AGE,
        problem::quoted,
        reach,
        reader::{Field, Fields},
        secret, value,
    },
    decide::authorization_server::{
        idp_profile::{self, GENERIC, IdpProfile, OfflineAccess},
        idp_request,
        resources::OFFLINE_ACCESS,
    },
};

/// `login.oidc`, and the reference of its secret.
pub(super) fn oidc(fields: &mut Fields<'_>) -> (Option<OidcSettings>, Option<Box<str>>) {
    let (issuer, reach) = reach::issuer(fields, "the IdP's issuer, exactly as its tokens spell it");
    let allow_http = reach.as_ref().is_some_and(|reach| reach.allow_http);
    let jwks = reach::jwks(fields, "authorization_servers.*.embedded.login.oidc.jwks", allow_http);
    let algorithms = reach::algorithms(fields);
    let client_id = fields.need("client_id", "the gateway's client id at the IdP");
    let client_id = client_id.and_then(|field| field.text("the gateway's client id at the IdP").map(Box::from));
    let secret = fields.need("client_secret", "a reference to the gateway's secret at the IdP: env:NAME or file:PATH");
    let (secret, reference) = secret
        .and_then(|field| secret::secret(&field))
        .map_or((None, None), |referred| (Some(referred.secret), Some(referred.reference)));
    let profile = fields.get("profile").and_then(|field| profile(&field));
    let row = profile.unwrap_or(&GENERIC);
    let scopes = scopes(fields, row, issuer.as_ref().map_or("", |issuer| &issuer.value));
    let asks_offline = scopes.iter().any(|scope| scope.as_str() == OFFLINE_ACCESS);
    let authorize_parameters = authorize_parameters(fields, row, asks_offline);
    if let Some(issuer) = &issuer {
        let (scopes_at, parameters_at) = (fields.get("scopes"), fields.get("authorize_parameters"));
        let asked = AskedOfIdp {
            profile: row,
            issuer,
            scopes_at: scopes_at.as_ref().map(|field| &field.place),
            scopes: &scopes,
            parameters_at: parameters_at.as_ref().map(|field| &field.place),
            parameters: &authorize_parameters,
        };
        refresh::of_idp(fields, &asked);
    }
    let userinfo = fields.flag("userinfo");
    let claims_max_age = value::duration(fields, &CLAIMS_MAX_AGE);
    let trusting = fields.get("trust_email");
    let trust_email = trusting.as_ref().and_then(Field::bool);
    if let Some(field) = trusting.filter(|_| trust_email == Some(true)) {
        field.warn("false, unless the provider verifies every address: a user who can type another's address there gets the grants of that address");
    }
    let settings = || {
        Some(OidcSettings {
            issuer: issuer?.value,
            client_id: client_id?,
            client_secret: secret?,
            reach: reach?,
            jwks: jwks?,
            algorithms,
            profile: row,
            scopes,
            authorize_parameters,
            userinfo,
            claims_max_age,
            trust_email: trust_email.unwrap_or(false),
        })
    };
    (settings(), reference)
}

fn profile(field: &Field<'_>) -> Option<&'static IdpProfile> {
    let names: Vec<&str> = idp_profile::names().collect();
    let expected = format!("a provider: {}", names.join(", "));
    let row = idp_profile::row(field.text(&expected)?);
    row.or_else(|| field.wrong_word(&expected, names))
}

/// `scopes`. Some providers end every sign-in that asks for `offline_access`.
fn scopes(fields: &mut Fields<'_>, profile: &IdpProfile, issuer: &str) -> Vec<Scope> {
    let Some(field) = fields.get("scopes") else {
        return profile.scopes.iter().map(|scope| Scope::from(*scope)).collect();
    };
    let written = value::scopes(&field);
    let likely = if *profile == GENERIC { idp_profile::suggested_by(issuer).unwrap_or(profile) } else { profile };
    let offline = written.iter().find(|scope| scope.value.as_str() == OFFLINE_ACCESS);
    if let Some(scope) = offline.filter(|_| likely.offline == OfflineAccess::Refused) {
        let name = likely.name;
        let expected = format!(
            "no {OFFLINE_ACCESS}: this provider refuses it; `profile: {name}` asks for refresh tokens in its way"
        );
        match likely == profile {
            true => field.reading.problem(&scope.place, OFFLINE_ACCESS, &expected),
            false => field.reading.warning(&scope.place, OFFLINE_ACCESS, &expected),
        }
    }
    let mut scopes: Vec<Scope> = written.into_iter().map(|scope| scope.value).collect();
    // Without `openid` the IdP issues no ID token, so that no login succeeds.
    if !scopes.iter().any(|scope| scope.as_str() == "openid") {
        scopes.insert(0, Scope::from("openid"));
    }
    scopes
}

/// `authorize_parameters`, and what the profile sends besides.
fn authorize_parameters(
    fields: &mut Fields<'_>,
    profile: &IdpProfile,
    asks_offline: bool,
) -> Vec<(Box<str>, Box<str>)> {
    let entries = fields.get("authorize_parameters").and_then(|field| field.entries("texts by parameter"));
    let mut parameters: Vec<(Box<str>, Box<str>)> = Vec::new();
    for entry in entries.unwrap_or_default() {
        let Some(value) = entry.value.text("the value of a parameter") else { continue };
        match idp_request::check(entry.name, value) {
            Ok(()) => parameters.push((entry.name.into(), value.into())),
            Err(expected) => {
                let found = format!("{} with the value {}", quoted(entry.name), quoted(value));
                entry.value.reading.problem(&entry.at, &found, expected);
            }
        }
    }
    let consent = profile.needs_consent(asks_offline).then_some(("prompt", "consent"));
    for (name, value) in profile.parameters.iter().copied().chain(consent) {
        if !parameters.iter().any(|(written, _)| **written == *name) {
            parameters.push((name.into(), value.into()));
        }
    }
    parameters
}
