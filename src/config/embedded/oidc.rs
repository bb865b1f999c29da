//! Reads `login.oidc`: the company's OpenID Connect provider.

use crate::{
    authorization_server::settings::OidcSettings,
    base::names::Scope,
    config::{
        keys::oidc::SCOPES,
        reach,
        reader::{Field, Fields},
        secret, value,
    },
};

/// `login.oidc`, and the reference of its secret.
pub(super) fn oidc(fields: &mut Fields<'_>) -> (Option<OidcSettings>, Option<Box<str>>) {
    let (issuer, reach) = reach::issuer(fields, "the IdP's issuer, exactly as its tokens spell it");
    let allow_http = reach.as_ref().is_some_and(|reach| reach.allow_http);
    let jwks = reach::jwks(fields, "authorization_servers.*.embedded.login.oidc.jwks", allow_http);
    let client_id = fields.need("client_id", "the gateway's client id at the IdP");
    let client_id = client_id.and_then(|field| field.text("the gateway's client id at the IdP").map(Box::from));
    let secret = fields.need("client_secret", "a reference to the gateway's secret at the IdP: env:NAME or file:PATH");
    let (secret, reference) = secret
        .and_then(|field| secret::secret(&field))
        .map_or((None, None), |referred| (Some(referred.secret), Some(referred.reference)));
    let scopes = match fields.get("scopes") {
        Some(field) => {
            let mut scopes: Vec<Scope> = value::scopes(&field).into_iter().map(|scope| scope.value).collect();
            // Without `openid` the IdP issues no ID token, so that no login succeeds.
            if !scopes.iter().any(|scope| scope.as_str() == "openid") {
                scopes.insert(0, Scope::from("openid"));
            }
            scopes
        }
        None => SCOPES.iter().map(|scope| Scope::from(*scope)).collect(),
    };
    let trusting = fields.get("trust_email");
    let trust_email = trusting.as_ref().and_then(Field::bool).unwrap_or(false);
    if let Some(field) = trusting.filter(|_| trust_email) {
        field.warn("false, unless the provider verifies every address: a user who can type another's address there gets the grants of that address");
    }
    let settings = || {
        Some(OidcSettings {
            issuer: issuer?.value,
            client_id: client_id?,
            client_secret: secret?,
            scopes,
            reach: reach?,
            jwks: jwks?,
            trust_email,
        })
    };
    (settings(), reference)
}
